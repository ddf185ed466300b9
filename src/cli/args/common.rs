//! Options that several commands share, by what they are about.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{NaiveDate, Utc};
use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    audit::{MaxDrop, MaxDropError},
    cli::{CliError, CliResult},
    manifest::{BaseUrl, DateCheck, LoadOptions, duration_of},
    plan::{Partition, Selection, SubPartnerSelector},
    run::MaxFailures,
};
use request::{Period, ReportType};

#[derive(Debug, Args)]
pub(crate) struct ManifestArgs {
    /// The YAML manifest
    #[arg(env = "MONTHEND_MANIFEST")]
    pub(crate) manifest: PathBuf,

    /// The ledger [env: MONTHEND_LEDGER=] [default: the manifest's `ledger:`, else NAME.ledger.csv next to it]
    // The environment is read by hand: in a rehearsal and in a share it counts as the manifest's, and the option does
    // not.
    #[arg(long, value_name = "PATH")]
    pub(crate) ledger: Option<PathBuf>,

    /// The address of the API, instead of the manifest's `api.base_url` [env: MONTHEND_BASE_URL=]
    // The environment is read by hand: a rehearsal leaves it alone as it does the manifest's, and the option is a
    // contradiction there.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<BaseUrl>,

    #[command(flatten)]
    pub(crate) sandbox: RehearsalArgs,
}

impl ManifestArgs {
    /// As if nothing but the manifest was typed.
    pub(crate) fn of(manifest: &Path, sandbox: bool) -> Self {
        ManifestArgs {
            manifest: manifest.to_owned(),
            ledger: None,
            base_url: None,
            sandbox: RehearsalArgs { sandbox, ..RehearsalArgs::default() },
        }
    }
}

/// How the manifest's periods are read.
#[derive(Debug, Args)]
pub(crate) struct CalendarArgs {
    /// The day that relative periods count from [default: today, UTC]
    #[arg(long, env = "MONTHEND_AS_OF", value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) as_of: Option<NaiveDate>,

    /// Accept periods that are not over, or that began more than five years ago: the server decides
    #[arg(long, env = "MONTHEND_NO_DATE_CHECK")]
    pub(crate) no_date_check: bool,
}

impl CalendarArgs {
    pub(crate) fn as_of(&self) -> NaiveDate {
        self.as_of.unwrap_or_else(|| Utc::now().date_naive())
    }

    /// As if `as_of` was typed.
    pub(crate) fn load_options(&self, as_of: NaiveDate) -> LoadOptions {
        let date_check = if self.no_date_check { DateCheck::Off } else { DateCheck::On };
        LoadOptions { as_of, today: Utc::now().date_naive(), date_check }
    }
}

// The headings stand at each option: one that is set for a struct reaches whatever comes after it too.

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RehearsalArgs {
    /// Rehearse against a built-in simulator of the API; needs no token and keeps a ledger of its own
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(crate) sandbox: bool,

    /// How the simulator behaves: a YAML file
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX_CONFIG", value_name = "FILE")]
    pub(crate) sandbox_config: Option<PathBuf>,

    /// Rehearse as if the sub-partners that the simulator refuses were accepted
    #[arg(long, alias = "sandbox-mended")]
    #[arg(help_heading = "Rehearsal", env = "MONTHEND_SANDBOX_FIXED")]
    pub(crate) sandbox_fixed: bool,
}

/// By its name.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
}

pub(super) fn day(text: &str) -> Result<NaiveDate, String> {
    request::day(text).map_err(|_| "write a day as YYYY-MM-DD: 2026-11-24".to_owned())
}

/// Which requests; an option may be repeated. Values of one option: any; several options: all must match.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// Requests that this job names. This option and the next ones may be repeated, or take several values separated
    /// by commas
    #[arg(long, help_heading = "Selection", env = "MONTHEND_JOB", value_name = "NAME")]
    job: Vec<String>,

    /// Requests of this sub-partner: its id, its label, or `own` for the partner itself
    #[arg(long, help_heading = "Selection", env = "MONTHEND_SUB_PARTNER", value_name = "WHO")]
    sub_partner: Vec<SubPartnerSelector>,

    /// Requests of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = report_type(), ignore_case = true)]
    #[arg(help_heading = "Selection", env = "MONTHEND_TYPE", value_delimiter = ',')]
    report_type: Vec<ReportType>,

    /// Requests whose period lies within: 2026-09, or 2026-09-01..2026-09-15
    #[arg(long, help_heading = "Selection", env = "MONTHEND_PERIOD")]
    #[arg(value_name = "PERIOD", value_delimiter = ',')]
    period: Vec<Period>,

    #[command(flatten)]
    share: PartitionArgs,
}

impl SelectionArgs {
    pub(crate) fn selection(&self, causes: &[String]) -> CliResult<Selection> {
        Ok(Selection {
            jobs: self.job.clone(),
            sub_partners: self.sub_partner.clone(),
            types: self.report_type.clone(),
            periods: self.period.clone(),
            causes: causes.to_vec(),
            partition: self.share.partition()?,
        })
    }
}

fn report_type() -> impl TypedValueParser<Value = ReportType> {
    let names = PossibleValuesParser::new(ReportType::ALL.map(|it| it.as_str()));
    names.try_map(|name| name.to_uppercase().parse::<ReportType>())
}

/// For engines that count from 0.
const INDEX: &str = "MONTHEND_PARTITION_INDEX";
pub(crate) const PARTITION_COUNT: &str = "MONTHEND_PARTITION_COUNT";

/// Which share of the selection.
#[derive(Debug, Args)]
pub(crate) struct PartitionArgs {
    /// One share of several: 2/3 is the second of three, with a ledger of its own (NAME.2-of-3.csv). Where jobs are
    /// counted from 0: MONTHEND_PARTITION_INDEX and MONTHEND_PARTITION_COUNT
    #[arg(long, help_heading = "Selection", env = "MONTHEND_PARTITION", value_name = "K/N")]
    partition: Option<Partition>,
}

impl PartitionArgs {
    pub(crate) fn partition(&self) -> CliResult<Option<Partition>> {
        let counted = counted(|name| env::var_os(name)).map_err(CliError::Usage)?;
        match (self.partition, counted) {
            (Some(given), Some(counted)) if given != counted => Err(CliError::Usage(format!(
                "{INDEX} and {PARTITION_COUNT} say share {counted}, --partition (or MONTHEND_PARTITION) says {given}; which is it?"
            ))),
            (given, counted) => Ok(given.or(counted)),
        }
    }
}

/// Engines write an empty variable for what they do not know: it is not set.
fn counted(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Partition>, String> {
    let named = |name| {
        let value = variable(name)?.to_string_lossy().trim().to_owned();
        Some(value).filter(|value| !value.is_empty())
    };
    let (index, count) = match (named(INDEX), named(PARTITION_COUNT)) {
        (None, None) => return Ok(None),
        (Some(index), Some(count)) => (index, count),
        (index, _) => {
            let only = if index.is_some() { INDEX } else { PARTITION_COUNT };
            return Err(format!(
                "{INDEX} and {PARTITION_COUNT} belong together, and only {only} is set"
            ));
        }
    };
    let share = Partition::of_index(&index, &count);
    share.map(Some).ok_or_else(|| {
        format!("{INDEX} is {index:?} and {PARTITION_COUNT} is {count:?}: write whole numbers, of N shares the first is 0 and the last N-1")
    })
}

/// Which rows, by what became of them.
#[derive(Debug, Args)]
pub(crate) struct CauseArgs {
    /// Rows that failed, or wait, for this reason: their `error_code`, such as http_403
    #[arg(long, help_heading = "Selection", env = "MONTHEND_CAUSE", value_name = "CODE")]
    pub(crate) cause: Vec<String>,
}

/// The option of `audit` and `report` that names the earlier ledger.
pub(crate) const EARLIER: &str = "earlier";

/// `--max-drop`
#[derive(Debug, Args)]
pub(crate) struct MaxDropArgs {
    /// By how much a figure may fall: the sum of `audit.totals`, or without it the number of rows
    /// [env: MONTHEND_MAX_DROP=] [default: 50%]
    // The environment is read by hand: it is no mistake where nothing is compared.
    #[arg(long, help_heading = "Comparing", value_name = "P%", requires = EARLIER)]
    max_drop: Option<MaxDrop>,
}

impl MaxDropArgs {
    /// The option, else what MONTHEND_MAX_DROP says, else the default.
    pub(crate) fn value(&self) -> CliResult<MaxDrop> {
        let named = || env::var_os("MONTHEND_MAX_DROP").filter(|text| !text.is_empty());
        if let Some(max_drop) = &self.max_drop {
            return Ok(max_drop.clone());
        }
        named().map_or(Ok(MaxDrop::default()), |text| {
            let text = text.to_string_lossy();
            let wrong = |why: MaxDropError| format!("MONTHEND_MAX_DROP is {text:?}: {why}");
            text.parse::<MaxDrop>().map_err(|why| CliError::Usage(wrong(why)))
        })
    }
}

/// What `run` and `retry` have in common.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,

    /// After a signal, requests in flight have this long to finish
    #[arg(long, env = "MONTHEND_GRACE", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) grace: Duration,

    /// Discard the wait that the server announced to an earlier command on this ledger
    #[arg(long, env = "MONTHEND_FORGET_PAUSE")]
    pub(crate) forget_pause: bool,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
}

/// What makes `run` and `retry` collect too.
#[derive(Debug, Args)]
pub(crate) struct AndCollectArgs {
    /// Afterwards wait for the reports to complete, and download them
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_COLLECT")]
    pub(crate) collect: bool,

    #[command(flatten)]
    pub(crate) how: CollectArgs,
}

/// How reports are collected.
#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    /// The folder of the files [env: MONTHEND_OUTPUT=] [default: the manifest's `collect.output`, else the ledger's
    /// path with .reports for .csv]
    // The environment is read by hand: in a rehearsal it counts as the manifest's, and the option does not.
    #[arg(long, help_heading = "Collecting", value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// How long to wait for reports; 0s takes what is ready [default: the manifest's `collect.wait`, else 30m]
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_WAIT", value_name = "DURATION", value_parser = wait)]
    pub(crate) wait: Option<Duration>,

    /// Overwrite files that were changed on the disk, and files in the way
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_FORCE")]
    pub(crate) force: bool,

    /// Keep what was downloaded even if it is not a CSV table
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_NO_CONTENT_CHECK")]
    pub(crate) no_content_check: bool,

    /// Write the rows of all collected files into one CSV file; into one for each type (FILE-user and so on) where
    /// there are several. FILE.xlsx is one workbook with a sheet for each type: best for a spreadsheet
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_COMBINE", value_name = "FILE")]
    pub(crate) combine: Option<PathBuf>,
}

/// What `run`, `retry` and `collect` write for machines, and what makes them stop early.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write the selected rows as JUnit XML
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_JUNIT", value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Write the summary as JSON
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_SUMMARY_JSON", value_name = "FILE")]
    pub(crate) summary_json: Option<PathBuf>,

    /// Write figures for Prometheus, in its text format
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_METRICS", value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// Send nothing new once so many rows of this run have failed, and end with 3: a number, or a share of the selected rows
    /// such as 5%
    // Negative values get the same error as other wrong ones.
    #[arg(long, env = "MONTHEND_MAX_FAILURES", value_name = "N|P%", allow_hyphen_values = true)]
    pub(crate) max_failures: Option<MaxFailures>,

    #[command(flatten)]
    pub(crate) history: HistoryArgs,
}

/// `--dry-run`, and how what it shows or the summary looks.
#[derive(Debug, Args)]
pub(crate) struct WorkFormatArgs {
    /// Only show what would be sent or downloaded, as `plan` does; nothing is sent or written
    #[arg(long, env = "MONTHEND_DRY_RUN")]
    pub(crate) dry_run: bool,

    /// How the summary on stdout looks: table or json; with --dry-run also csv [env: MONTHEND_FORMAT=]
    /// [default: table]
    // The environment is read by hand: it is no mistake where this command does not have that format.
    #[arg(long, help_heading = "Outputs", value_enum)]
    #[arg(hide_possible_values = true, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}

/// How a plan or a list of rows looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Csv,
    Json,
}

/// How looks what is no list of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    Table,
    Json,
}

/// The option, else what MONTHEND_FORMAT names, else `default`. A format there that only other commands have is no
/// mistake.
pub(crate) fn format_or<F: ValueEnum>(option: Option<F>, default: F) -> F {
    let named = || F::from_str(&std::env::var("MONTHEND_FORMAT").ok()?, false).ok();
    option.or_else(named).unwrap_or(default)
}

/// An error where csv was typed; the variable is no mistake.
pub(crate) fn without_csv(typed: Option<Format>, why: &str) -> CliResult<SummaryFormat> {
    match (typed, format_or(typed, Format::Table)) {
        (Some(Format::Csv), _) => Err(CliError::Usage(why.to_owned())),
        (_, Format::Json) => Ok(SummaryFormat::Json),
        (_, Format::Table | Format::Csv) => Ok(SummaryFormat::Table),
    }
}

/// Whether the history next to the ledger goes on.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Add nothing to the history next to the ledger (NAME.history.jsonl)
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_NO_HISTORY")]
    pub(crate) no_history: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    duration_of(text).ok_or_else(|| "write a number with its unit: 5s, 500ms, 2m".to_owned())
}

/// As [`duration`], and `0s`.
fn wait(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "0" | "0s" => Ok(Duration::ZERO),
        text => duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(index: Option<&str>, count: Option<&str>) -> Result<Option<String>, String> {
        let share = counted(|name| match name {
            INDEX => index.map(OsString::from),
            PARTITION_COUNT => count.map(OsString::from),
            _ => None,
        });
        share.map(|share| share.map(|share| share.to_string()))
    }

    #[test]
    fn engines_count_from_nought() {
        assert_eq!(read(None, None).unwrap(), None);
        assert_eq!(read(Some(""), Some(" ")).unwrap(), None);
        assert_eq!(read(Some("0"), Some("3")).unwrap().unwrap(), "1/3");
        assert_eq!(read(Some("2"), Some("3")).unwrap().unwrap(), "3/3");
        for (index, count) in [("3", "3"), ("-1", "3"), ("0", "0"), ("a", "3"), ("4294967295", "3")]
        {
            let refused = read(Some(index), Some(count)).unwrap_err();
            assert!(
                refused.contains(": write whole numbers, of N shares"),
                "{index} {count}: {refused}"
            );
        }
        for (index, count) in [(Some("0"), None), (None, Some("3")), (Some("0"), Some(""))] {
            let refused = read(index, count).unwrap_err();
            assert!(refused.ends_with(" is set") && refused.contains("only"), "{refused}");
        }
    }
}
