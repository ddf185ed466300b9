use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    io,
    time::Duration,
};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::{matrix::PlanMatrix, words};
use crate::{
    ledger::{Ledger, Row, State, neutralise},
    manifest::Limits,
    plan::{Plan, Planned, Warning, time_to_send},
    text::one_line,
};
use request::{RequestId, spell_day};

/// What a run would do with a planned request, given the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Create the report.
    Send,
    /// Look on the server first whether it was made: it is in doubt.
    LookUp,
    /// Nothing: it is created.
    Skip,
    /// Nothing: it ended `in_doubt`, and a person has to decide.
    Decide,
    /// Wait for the report, and download it.
    Collect,
    /// Nothing: its file was changed on the disk, and `--force` is not given.
    Leave,
}

#[derive(Debug, Clone)]
pub struct Would {
    command: &'static str,
    /// What is collected, where nothing is sent.
    collects: Option<HashMap<RequestId, Action>>,
}

impl Would {
    pub fn send(command: &'static str) -> Self {
        let collects = None;
        Would { command, collects }
    }

    pub fn collect(actions: HashMap<RequestId, Action>) -> Self {
        Would { command: "collect", collects: Some(actions) }
    }

    /// Created rows are collected as `actions` say.
    pub fn send_and_collect(actions: HashMap<RequestId, Action>) -> Self {
        Would { collects: Some(actions), ..Would::send("run") }
    }

    fn action(&self, request: RequestId, row: Option<&Row>) -> Action {
        match (Action::for_row(row), &self.collects) {
            (Action::Skip, Some(actions)) => actions.get(&request).copied().unwrap_or(Action::Skip),
            (action, _) => action,
        }
    }
}

impl Action {
    pub fn for_row(row: Option<&Row>) -> Self {
        match row.map(|row| &row.state) {
            None | Some(State::Pending { .. } | State::Failed { .. }) => Action::Send,
            Some(State::InDoubt { .. }) => Action::Decide,
            Some(State::Created(_)) => Action::Skip,
            Some(State::Sending { .. }) => Action::LookUp,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Action::Send => "send",
            Action::LookUp => "look_up",
            Action::Skip => "skip",
            Action::Decide => "decide",
            Action::Collect => "collect",
            Action::Leave => "leave",
        }
    }
}

pub struct PlanView<'a> {
    pub name: &'a str,
    pub limits: &'a Limits,
    pub would: Would,
    pub warnings: &'a [Warning],
    pub plan: &'a Plan,
    pub selected: Vec<&'a Planned>,
    pub ledger: &'a Ledger,
    pub ledger_path: String,
    pub ledger_exists: bool,
}

/// Requests shown in the table.
const SHOWN: usize = 10;

/// A selected request.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Request", deny_unknown_fields)]
struct PlanRow<'a> {
    /// Its name in the ledger.
    request_id: String,
    /// The job that names it first.
    job: &'a str,
    /// The sub-partner's label; null where it has none.
    sub_partner: Option<&'a str>,
    /// The sub-partner's id; null for the partner itself.
    sub_partner_org_id: Option<&'a str>,
    /// PARTNER, CUSTOMER or USER.
    r#type: &'static str,
    /// The first day.
    billing_start_date: String,
    /// The last day.
    billing_end_date: String,
    /// Whether internal organisations are included.
    internal: bool,
    /// What would be done.
    action: Action,
    /// Why its row failed, or waits, before.
    error_code: Option<&'a str>,
}

/// What a manifest means, or a ledger leaves to do, and what a run would do about it.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PlanJson<'a> {
    /// The name of the manifest.
    manifest: &'a str,
    /// The ledger's path.
    ledger: &'a str,
    /// The selected requests.
    requests: usize,
    /// How many times a request is named again, and is not made again for it.
    folded: usize,
    /// How many requests by what would be done about them; what is not there is 0.
    actions: BTreeMap<Action, usize>,
    /// How long sending takes at least; null where no rate is set.
    seconds_at_the_configured_rate: Option<f64>,
    /// What is allowed and probably not meant.
    warnings: &'a [Warning],
    /// The selected requests in order.
    rows: Vec<PlanRow<'a>>,
}

pub fn plan_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<PlanJson<'_>>();
    schema.insert("title".to_owned(), "monthend plan".into());
    schema.to_value()
}

impl PlanView<'_> {
    fn lines(&self) -> impl Iterator<Item = PlanRow<'_>> {
        self.selected.iter().map(|planned| {
            let request = &planned.request;
            let row = self.ledger.get(planned.id);
            PlanRow {
                request_id: planned.id.to_string(),
                job: &planned.job,
                sub_partner: planned.label.as_deref(),
                sub_partner_org_id: request.sub_partner.as_ref().map(|org| org.as_str()),
                r#type: request.report_type.as_str(),
                billing_start_date: request.period.start().to_string(),
                billing_end_date: request.period.end().to_string(),
                internal: request.internal,
                action: self.would.action(planned.id, row),
                error_code: (row.map(|row| row.state.error_code())).filter(|code| !code.is_empty()),
            }
        })
    }

    fn action(&self, planned: &Planned) -> Action {
        self.would.action(planned.id, self.ledger.get(planned.id))
    }

    fn actions(&self) -> BTreeMap<Action, usize> {
        let mut actions = BTreeMap::new();
        for planned in &self.selected {
            *actions.entry(self.action(planned)).or_default() += 1;
        }
        actions
    }

    pub fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        self.write_csv(out).map_err(|e| match e.into_kind() {
            csv::ErrorKind::Io(e) => e,
            other => io::Error::other(format!("{other:?}")),
        })
    }

    fn write_csv(&self, out: &mut dyn io::Write) -> csv::Result<()> {
        let mut out = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out);
        out.write_record([
            "request_id",
            "job",
            "sub_partner",
            "sub_partner_org_id",
            "type",
            "billing_start_date",
            "billing_end_date",
            "internal",
            "action",
            "error_code",
        ])?;
        for planned in &self.selected {
            let request = &planned.request;
            let org = request.sub_partner.as_ref().map(|org| org.as_str());
            out.write_field(planned.id.to_string())?;
            out.write_field(&*neutralise(&planned.job))?;
            out.write_field(&*neutralise(planned.label.as_deref().unwrap_or_default()))?;
            out.write_field(&*neutralise(org.unwrap_or_default()))?;
            out.write_field(request.report_type.as_str())?;
            out.write_field(spell_day(request.period.start()))?;
            out.write_field(spell_day(request.period.end()))?;
            out.write_field(if request.internal { "true" } else { "false" })?;
            let row = self.ledger.get(planned.id);
            out.write_field(self.action(planned).word())?;
            let code = row.map_or("", |row| row.state.error_code());
            out.write_field(&*neutralise(code))?;
            out.write_record(None::<&[u8]>)?;
        }
        Ok(out.flush()?)
    }

    pub fn json(&self) -> serde_json::Result<String> {
        let actions = self.actions();
        let plan = PlanJson {
            manifest: self.name,
            ledger: &self.ledger_path,
            requests: self.selected.len(),
            folded: self.plan.folded(),
            seconds_at_the_configured_rate: self.time(&actions).map(|t| t.as_secs_f64()),
            actions,
            warnings: self.warnings,
            rows: self.lines().collect(),
        };
        Ok(serde_json::to_string_pretty(&plan)? + "\n")
    }

    fn time(&self, actions: &BTreeMap<Action, usize>) -> Option<Duration> {
        let creates = actions.get(&Action::Send).copied().unwrap_or_default();
        time_to_send(self.limits, creates)
    }

    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut selected: BTreeMap<&str, usize> = BTreeMap::new();
        for planned in &self.selected {
            *selected.entry(&planned.job).or_default() += 1;
        }
        let all = self.selected.len() == self.plan.requests().len();
        let jobs = self.plan.jobs().iter();
        let jobs = jobs.filter(|job| all || selected.contains_key(&*job.name)).map(|job| {
            vec![
                job.name.to_string(),
                words::grouped(selected.get(&*job.name).copied().unwrap_or_default()),
                words::grouped(job.folded),
                words::grouped(job.excluded),
            ]
        });
        out.push_str(&words::columns(
            &["JOB", "REQUESTS", "NAMED TWICE", "EXCLUDED"],
            jobs.collect(),
            &[1, 2, 3],
        ));
        out.push('\n');
        out.push_str(&self.requests());
        out.push('\n');
        out.push_str(&self.totals());
        out
    }

    fn requests(&self) -> String {
        let failed = |planned: &Planned| failed_before(self.ledger.get(planned.id));
        if let Some(matrix) = PlanMatrix::new(&self.selected, SHOWN, |p| failed(p).is_some()) {
            let (mut table, more) = matrix.table(SHOWN);
            if more > 0 {
                let more = words::count(more, "more sub-partner");
                let _ = writeln!(table, "… and {more} (--format csv shows all)");
            }
            return table;
        }
        let first = self.lines().zip(&self.selected).take(SHOWN);
        let first = first.map(|(line, planned)| {
            let who = line.sub_partner.or(line.sub_partner_org_id).unwrap_or("own");
            let internal = if line.internal { " internal" } else { "" };
            let mut would = line.action.word().replace('_', " ");
            if let Some(code) = failed(planned) {
                let _ = write!(would, " (failed before: {code})");
            }
            vec![
                words::shortened(who),
                format!("{}{internal}", line.r#type),
                format!("{} to {}", line.billing_start_date, line.billing_end_date),
                would,
            ]
        });
        let mut table = words::columns(
            &[
                "SUB-PARTNER",
                "TYPE",
                "DAYS",
                &format!("A {} WOULD", self.would.command.to_uppercase()),
            ],
            first.collect(),
            &[],
        );
        let more = self.selected.len().saturating_sub(SHOWN);
        if more > 0 {
            let more = words::count(more, "more request");
            let _ = writeln!(table, "… and {more} (--format csv shows all)");
        }
        table
    }

    fn totals(&self) -> String {
        let actions = self.actions();
        let n = |action| actions.get(&action).copied().unwrap_or_default();
        let mut out = words::count(self.selected.len(), "request");
        let all = self.plan.requests().len();
        if self.selected.len() != all {
            let _ = write!(out, " selected of {}", words::grouped(all));
        }
        if self.plan.folded() > 0 {
            let _ = write!(out, "; {} named twice, sent once", words::grouped(self.plan.folded()));
        }
        let skipped = match self.would.collects {
            None => "skip {} created before",
            Some(_) => "skip {} collected before",
        };
        let (does, first) = match self.would.command {
            "collect" => ("wait for and download", Action::Collect),
            _ => ("send", Action::Send),
        };
        let (command, count) = (self.would.command, words::grouped(n(first)));
        let _ = write!(out, "\na {command} would {does} {count}");
        let rest = [
            (Action::Collect, "wait for and download {} created before"),
            (Action::Skip, skipped),
            (Action::LookUp, "look up {} in doubt"),
            (Action::Decide, "leave {} to be decided by hand"),
            (Action::Leave, "leave {} whose file was changed on the disk (--force replaces it)"),
        ];
        for (action, what) in rest {
            if action != first && n(action) > 0 {
                let _ = write!(out, ", {}", what.replace("{}", &words::grouped(n(action))));
            }
        }
        let limits = self.limits;
        let _ = match self.time(&actions) {
            _ if n(Action::Send) + n(Action::LookUp) == 0 => Ok(()),
            Some(time) => write!(out, "; {} at {}", words::about(time), limits.rate),
            None => write!(out, "; as fast as the server lets it (rate: unlimited)"),
        };
        let mut before: BTreeMap<&str, usize> = BTreeMap::new();
        for code in self.lines().filter_map(|line| line.error_code) {
            *before.entry(code).or_default() += 1;
        }
        let failed: usize = before.values().sum();
        if failed > 0 {
            let causes =
                before.iter().map(|(code, n)| format!("{} {}", one_line(code), words::grouped(*n)));
            let causes: Vec<String> = causes.collect();
            let _ =
                write!(out, "\n{} failed before: {}", words::grouped(failed), causes.join(", "));
        }
        let exists = if self.ledger_exists { "" } else { " (not there yet)" };
        let _ = writeln!(out, "\nledger {}{exists}", self.ledger_path);
        out
    }
}

fn failed_before(row: Option<&Row>) -> Option<&str> {
    match &row?.state {
        State::Failed { reason, .. } => Some(&reason.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_schema_is_up_to_date() {
        crate::tests::is_checked_in("plan", &plan_schema());
    }
}
