//! What a command works on: which settings, which server, which ledger.

use std::path::{Path, PathBuf};

use chrono::{NaiveDate, Utc};
use tracing::{info, warn};

use super::{
    args::{CalendarArgs, ManifestArgs},
    error::CliError,
};
use crate::{
    ledger::{LedgerError, Repair, real_path},
    manifest::{DateCheck, LoadOptions, Manifest, RunSettings},
    output::{console, first_line},
    plan::{Plan, UnknownRequest},
    sandbox::SandboxConfig,
    settings::Settings,
};

/// Settings and ledger, with what the arguments override.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) settings: Settings,
    /// As it was given, for messages. [`real_ledger`] says where it really lies.
    pub(super) ledger: PathBuf,
    /// Whether this is a rehearsal whose files lie beside the real ones.
    is_beside: bool,
    /// Set for a rehearsal against a sandbox in this process.
    pub(super) sandbox: Option<SandboxConfig>,
}

impl Target {
    /// For a command that needs the whole manifest.
    pub(super) fn with_manifest(
        args: &ManifestArgs,
        calendar: &CalendarArgs,
    ) -> Result<(Target, Manifest), CliError> {
        let today: NaiveDate = Utc::now().date_naive();
        let options = LoadOptions {
            as_of: calendar.as_of.unwrap_or(today),
            today,
            date_check: match calendar.no_date_check {
                true => DateCheck::Off,
                false => DateCheck::On,
            },
        };
        let manifest = Manifest::load(&args.manifest, &options)?;
        let target = Target::new(args, manifest.settings.clone(), &manifest.ledger)?;
        Ok((target, manifest))
    }

    /// For a command that takes its requests from the ledger.
    pub(super) fn with_settings(args: &ManifestArgs) -> Result<Target, CliError> {
        let settings = RunSettings::load(&args.manifest)?;
        Target::new(args, settings.settings, &settings.ledger)
    }

    /// Whether the reports will be a sandbox's.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.sandbox.is_some() || self.settings.api.base_url.is_sandbox()
    }

    /// Whether this is a rehearsal against a sandbox of its own.
    pub(super) fn is_beside(&self) -> bool {
        self.is_beside
    }

    /// The first line on stderr: the server, or that this is a rehearsal. That is said under `--quiet` too: a variable
    /// that was left set must not look like a month that was billed.
    pub(super) fn tell_server(&self) {
        console::begin_log();
        let line = first_line(&self.settings.api.base_url, self.is_rehearsal());
        match self.is_rehearsal() {
            true => console::always(&line),
            false => info!("{line}"),
        }
    }

    /// The folder of collected files: `option`, else MONTHEND_OUTPUT or the manifest's `collect.output`, which a
    /// rehearsal leaves alone (`X.sandbox`), else the path of the ledger with `.reports`.
    pub(super) fn output(&self, option: Option<&Path>, ledger: &Path) -> PathBuf {
        if let Some(path) = option {
            return path.to_owned();
        }
        let named = std::env::var_os("MONTHEND_OUTPUT").filter(|path| !path.is_empty());
        let named = named.map(PathBuf::from);
        match (
            named.or_else(|| self.settings.collect.output.clone()),
            self.is_beside,
        ) {
            (Some(path), true) => beside(&path, ".sandbox"),
            (Some(path), false) => path,
            (None, _) => match ledger.extension() {
                Some(extension) if extension == "csv" => ledger.with_extension("reports"),
                _ => beside(ledger, ".reports"),
            },
        }
    }

    /// A torn line of the ledger about a request that nobody can name.
    pub(super) fn torn_line(&self, source: UnknownRequest) -> CliError {
        CliError::TornLine {
            path: self.ledger.clone(),
            source,
        }
    }

    fn new(args: &ManifestArgs, mut settings: Settings, ledger: &Path) -> Result<Target, CliError> {
        if let Some(url) = &args.base_url {
            settings.api.base_url = url.clone();
        }
        let rehearsal = &args.sandbox;
        let ledger = match &args.ledger {
            Some(path) => path.clone(),
            None if rehearsal.sandbox => rehearsal_ledger(ledger),
            None => ledger.to_owned(),
        };
        let sandbox = if rehearsal.sandbox {
            let mut config = sandbox_config(rehearsal.sandbox_config.as_deref())?;
            config.mended |= rehearsal.sandbox_mended;
            config.port = 0;
            // Its reports outlive this command: the next one on the same ledger finds them.
            config
                .state
                .get_or_insert_with(|| beside(&ledger, ".state"));
            Some(config)
        } else {
            None
        };
        Ok(Target {
            settings,
            is_beside: rehearsal.sandbox,
            ledger,
            sandbox,
        })
    }
}

/// Where the ledger at `path` really lies, so that a link and its target are one ledger: the lock, the journal and
/// what is remembered for the next command lie beside this.
///
/// # Errors
/// It is a link that leads nowhere, as where a share is not mounted: a new ledger in its place would forget
/// everything that was made.
pub(super) fn real_ledger(path: &Path) -> Result<PathBuf, LedgerError> {
    match path.is_symlink() {
        true => real_path(path),
        false => Ok(path.to_owned()), // messages name it as it was given
    }
}

/// Says what a crash had left of the ledger, and `then`, what is done about it.
pub(super) fn tell_repairs(ledger: &Path, repairs: &[Repair], then: &str) {
    for repair in repairs {
        warn!("{}: {repair}{then}", ledger.display());
    }
}

/// Says on stderr which organisations are written in two ways.
pub(super) fn tell_spellings(plan: &Plan) {
    const NAMED: usize = 3;
    let spellings = plan.spellings();
    let named: Vec<String> = spellings
        .iter()
        .take(NAMED)
        .map(|s| format!("{} is also written {}", s.first, s.other))
        .collect();
    let more = match spellings.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    if !named.is_empty() {
        warn!(
            "one organisation in two spellings is planned once: {}{more}",
            named.join("; ")
        );
    }
}

/// What a sandbox is like, from a file or by default.
pub(super) fn sandbox_config(path: Option<&Path>) -> Result<SandboxConfig, CliError> {
    let Some(path) = path else {
        return Ok(SandboxConfig::default());
    };
    let failed = |why: String| CliError::SandboxConfig {
        path: path.to_owned(),
        why,
    };
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    serde_yaml::from_str(&text).map_err(|e| failed(e.to_string()))
}

/// `NAME.csv` becomes `NAME.sandbox.csv`: a rehearsal never touches the real ledger.
fn rehearsal_ledger(ledger: &Path) -> PathBuf {
    match ledger.extension() {
        Some(extension) if extension == "csv" => ledger.with_extension("sandbox.csv"),
        _ => beside(ledger, ".sandbox.csv"),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_has_a_ledger_of_its_own() {
        for (ledger, rehearsal) in [
            ("a/october.csv", "a/october.sandbox.csv"),
            ("a/m.ledger.csv", "a/m.ledger.sandbox.csv"),
            ("a/ledger", "a/ledger.sandbox.csv"),
        ] {
            assert_eq!(rehearsal_ledger(Path::new(ledger)), Path::new(rehearsal));
        }
    }
}
