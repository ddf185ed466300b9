//! What a command works on: settings, server, ledger.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use tracing::info;

use super::{
    CalendarArgs, CliError, CliResult, Guard, ManifestArgs, StatusArgs, is_manifest,
    nearest_folder, refuse_gone, require_folder, sandbox_state_of, variable,
};
use crate::{
    files::{companion, read_regular, with_end},
    ledger::{LedgerError, read_file, real_ledger, refuse_mixing, refuse_unmerged},
    manifest::{BaseUrlError, Manifest, ManifestSource, PlanWarningSource, RunSettings, Settings},
    output::{console, first_line},
    plan::{Partition, UnknownRequest},
    text::named,
};
use sandbox::SandboxConfig;

#[derive(Debug)]
pub(super) struct Context {
    pub(super) settings: Settings,
    /// As given, for messages. [`real_ledger`] says where it really lies.
    pub(super) ledger: PathBuf,
    /// The manifest's ledger, next to which a rehearsal or a share has its own.
    pub(super) plain_ledger: PathBuf,
    /// Keeps default names of a rehearsal's and a share's files apart from the real ones.
    pub(super) apart: NameSuffix,
    /// The path as given, and the name.
    pub(super) manifest: (PathBuf, String),
    pub(super) origin: ManifestSource,
    pub(super) sandbox: Option<SandboxConfig>,
    pub(super) sandbox_config: Option<PathBuf>,
}

impl Context {
    /// For a command that needs the whole manifest.
    pub(super) fn with_manifest(
        args: &ManifestArgs,
        calendar: &CalendarArgs,
        share: Option<Partition>,
    ) -> CliResult<(Context, Manifest)> {
        let mut manifest =
            Manifest::load(&args.manifest, &calendar.load_options(calendar.as_of()))?;
        let read = RunSettings {
            origin: manifest.origin.clone(),
            name: manifest.name.clone(),
            settings: manifest.settings.clone(),
            ledger: manifest.ledger.clone(),
        };
        let context = Context::new(args, read, share)?;
        manifest.settings.limits = context.settings.limits.clone();
        context.guard()?; // what a command keeps for the next one overwrites nothing either
        let is_of_sandbox =
            |oddity: &&PlanWarningSource| matches!(oddity, PlanWarningSource::OfSandbox { .. });
        let of_sandbox: Vec<_> = manifest.oddities.iter().filter(is_of_sandbox).collect();
        if context.is_rehearsal() || of_sandbox.is_empty() {
            return Ok((context, manifest));
        }
        let (these, them) =
            if of_sandbox.len() == 1 { ("this id is", "it") } else { ("these ids are", "them") };
        Err(CliError::OfSandbox(format!(
            "{these} from the sandbox, and no real server knows {them}: {}; use the ids of your own sub-partners \
             (`monthend init FILE --discover` asks the API for them), or rehearse with --sandbox",
            named(of_sandbox.iter().take(3), of_sandbox.len())
        )))
    }

    /// For a command that takes its requests from the ledger.
    pub(super) fn with_settings(
        args: &ManifestArgs,
        share: Option<Partition>,
    ) -> CliResult<Context> {
        Context::new(args, RunSettings::load(&args.manifest)?, share)
    }

    /// For the command that writes the manifest: default settings.
    pub(super) fn without_manifest(args: &ManifestArgs) -> CliResult<Context> {
        let ledger = args.manifest.with_extension("ledger.csv");
        let read = RunSettings { ledger, ..RunSettings::default() };
        Ok(Context::new(args, read, None)?.forgetful())
    }

    /// A sandbox that writes no state file.
    pub(super) fn forgetful(mut self) -> Context {
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.state = None;
        }
        self
    }

    /// Guards what the command reads and what it keeps next to its ledger. A rehearsal and a share only read the
    /// manifest's ledger.
    pub(super) fn guard(&self) -> CliResult<Guard> {
        let mut guard = Guard::new();
        guard.manifest(self);
        if let Some(config) = &self.sandbox_config {
            guard.input("the sandbox's configuration", config);
        }
        guard.keep_ledger(&self.ledger)?;
        let state = self.sandbox.as_ref().and_then(|it| it.state.as_deref());
        if let Some(state) = state.filter(|state| *state != sandbox_state_of(&self.ledger)) {
            guard.keep("the sandbox's state", state)?;
        }
        if self.plain_ledger != self.ledger {
            guard.ledger(&self.plain_ledger);
        }
        Ok(guard)
    }

    /// Whether the reports will be a sandbox's.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.sandbox.is_some() || self.settings.api.base_url.is_sandbox()
    }

    /// The first line on stderr, under `--quiet` too: a variable that was left set must not look like a real run.
    pub(super) fn tell_server(&self) {
        console::begin_log();
        let line = first_line(&self.settings.api.base_url, self.is_rehearsal());
        if self.is_rehearsal() { console::always(&line) } else { info!("{line}") }
    }

    /// The first line of a command that asks no server.
    pub(super) fn tell_sandbox(&self) {
        if self.apart.sandbox {
            self.tell_rehearsal();
        }
    }

    /// The first line of a command that creates nothing.
    pub(super) fn tell_rehearsal(&self) {
        if self.is_rehearsal() {
            console::always(&first_line(&self.settings.api.base_url, true));
        }
    }

    /// Where there is no ledger, not even a lock is made.
    pub(super) fn require_ledger(&self) -> Result<(), LedgerError> {
        if real_ledger(&self.ledger)?.exists() {
            return Ok(());
        }
        Err(LedgerError::Missing(self.ledger.clone()))
    }

    /// The folder of collected files: `option`, else MONTHEND_OUTPUT or the manifest's `collect.output` with the suffix
    /// of a rehearsal or share, else the ledger's path with `.reports`.
    pub(super) fn output(&self, option: Option<&Path>, ledger: &Path) -> PathBuf {
        if let Some(path) = option {
            return path.to_owned();
        }
        match self.named_output() {
            Some(path) => self.apart.folder(&path),
            None => reports_of(ledger),
        }
    }

    /// Whether the ledger has the name that the manifest gives it by its own.
    pub(super) fn is_default_ledger(&self) -> bool {
        let manifest = &self.manifest.0;
        self.ledger == self.apart.ledger(&manifest.with_extension("ledger.csv"))
    }

    /// In a rehearsal with a ledger of its own, the ledger of a real run.
    pub(super) fn ledger_for_real(&self) -> Option<PathBuf> {
        let is_apart = self.apart.sandbox && self.ledger == self.apart.ledger(&self.plain_ledger);
        is_apart.then(|| self.apart.for_real().ledger(&self.plain_ledger))
    }

    /// Where a rehearsal has what a real run has at `ledger`.
    pub(super) fn as_rehearsed(&self, ledger: &Path) -> PathBuf {
        if self.apart.sandbox { sandbox_ledger(ledger) } else { ledger.to_owned() }
    }

    fn named_output(&self) -> Option<PathBuf> {
        variable("MONTHEND_OUTPUT").or_else(|| self.settings.collect.output.clone())
    }

    pub(super) fn torn_line(&self, request: &UnknownRequest) -> CliError {
        CliError::BadLedger(format!("{}: {request}", self.ledger.display()))
    }

    fn new(args: &ManifestArgs, read: RunSettings, share: Option<Partition>) -> CliResult<Context> {
        let RunSettings { origin, name, mut settings, ledger: default } = read;
        let rehearsal = &args.sandbox;
        match &args.base_url {
            Some(_) if rehearsal.sandbox => {
                return Err(CliError::Usage(
                    "--sandbox (or MONTHEND_SANDBOX) asks for a rehearsal, and --base-url names a server: which is meant?"
                        .to_owned(),
                ));
            }
            Some(url) => settings.api.base_url = url.clone(),
            // A wrong variable is an error in a rehearsal too, though that does not use it.
            None => {
                let url = env::var("MONTHEND_BASE_URL").ok().filter(|url| !url.is_empty());
                let url = url.map(|url| url.parse()).transpose();
                let wrong =
                    |why: BaseUrlError| CliError::Usage(format!("MONTHEND_BASE_URL: {why}"));
                settings.api.base_url = url.map_err(wrong)?.unwrap_or(settings.api.base_url);
            }
        }
        if let Some(share) = share {
            settings.limits = settings.limits.share(share.count());
        }
        let apart = NameSuffix { sandbox: rehearsal.sandbox, share };
        let plain_ledger = variable("MONTHEND_LEDGER").unwrap_or(default);
        let ledger = args.ledger.clone().unwrap_or_else(|| apart.ledger(&plain_ledger));
        let read_config = || sandbox_config(rehearsal.sandbox_config.as_deref());
        let mut sandbox = rehearsal.sandbox.then(read_config).transpose()?;
        if let Some(config) = &mut sandbox {
            config.fixed |= rehearsal.sandbox_fixed;
            config.port = 0;
            // The next rehearsal on the same ledger finds the reports of this one.
            config.state.get_or_insert_with(|| sandbox_state_of(&ledger));
        }
        Ok(Context {
            settings,
            plain_ledger,
            apart,
            ledger,
            manifest: (args.manifest.clone(), name),
            origin,
            sandbox,
            sandbox_config: rehearsal.sandbox_config.clone(),
        })
    }
}

pub(super) fn ledger_of(args: &StatusArgs, share: Option<Partition>) -> CliResult<PathBuf> {
    let (manifest, ledger) = match (args.ledger.clone(), args.named.clone()) {
        (Some(path), None) if !is_manifest(&path) => return Ok(path),
        (Some(path), Some(named)) if !is_manifest(&path) => {
            return Err(CliError::two_ledgers(&path, &named));
        }
        (None, Some(named)) => return Ok(named),
        (manifest, named) => (manifest.or_else(|| variable("MONTHEND_MANIFEST")), named),
    };
    let Some(manifest) = manifest else {
        let apart = NameSuffix { sandbox: args.sandbox, share };
        let plain_ledger = variable("MONTHEND_LEDGER").ok_or_else(|| {
            CliError::Usage("name the ledger or the manifest: monthend status m.yaml".to_owned())
        })?;
        return Ok(apart.ledger(&plain_ledger));
    };
    ledger_of_manifest(&manifest, ledger, args.sandbox, share)
}

/// The ledger of `manifest`, or that of its rehearsals; `ledger`: the one that an option names.
fn ledger_of_manifest(
    manifest: &Path,
    ledger: Option<PathBuf>,
    sandbox: bool,
    share: Option<Partition>,
) -> CliResult<PathBuf> {
    let its_ledger = |is_rehearsal| {
        let ledger = ledger.clone();
        let args = ManifestArgs { ledger, ..ManifestArgs::of(manifest, is_rehearsal) };
        Context::with_settings(&args, share).map(|context| context.ledger)
    };
    let path = its_ledger(sandbox)?;
    if !sandbox && ledger.is_none() {
        let rehearsal = its_ledger(true)?;
        if is_newer(&rehearsal, &path) {
            let rehearsal = rehearsal.display();
            info!("the last rehearsal has a ledger of its own, {rehearsal}; --sandbox shows it");
        }
    }
    Ok(path)
}

/// `named` is a ledger, or its manifest.
pub(super) fn ledger_or_of_manifest(named: &Path, sandbox: bool) -> CliResult<PathBuf> {
    if is_manifest(named) {
        return ledger_of_manifest(named, None, sandbox, None);
    }
    Ok(named.to_owned())
}

/// A missing `other` is older.
fn is_newer(one: &Path, other: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
    changed(one).is_some_and(|one| changed(other).is_none_or(|other| one > other))
}

/// In bytes.
const LONGEST_CONFIG: u64 = 16 * 1024 * 1024;

pub(super) fn sandbox_config(path: Option<&Path>) -> CliResult<SandboxConfig> {
    let Some(path) = path else {
        return Ok(SandboxConfig::default());
    };
    let text = read_regular(path, LONGEST_CONFIG).map_err(|e| e.to_string());
    let config = text.and_then(|text| serde_yaml::from_slice(&text).map_err(|e| e.to_string()));
    config.map_err(|why| {
        let path = path.display();
        CliError::Usage(format!("cannot read the sandbox configuration {path}: {why}"))
    })
}

/// The ledger that rehearsals have for `ledger`.
pub(super) fn sandbox_ledger(ledger: &Path) -> PathBuf {
    NameSuffix { sandbox: true, share: None }.ledger(ledger)
}

/// Keeps the files of a rehearsal, and those of each share, apart from the real ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameSuffix {
    pub(super) sandbox: bool,
    /// Another run may be sending other shares of the plan meanwhile.
    pub(super) share: Option<Partition>,
}

impl NameSuffix {
    fn for_real(self) -> Self {
        NameSuffix { sandbox: false, ..self }
    }

    /// `NAME.csv` becomes `NAME.sandbox.csv`, `NAME.2-of-3.csv` or `NAME.sandbox.2-of-3.csv`.
    fn ledger(self, path: &Path) -> PathBuf {
        match self.suffix().strip_prefix('.') {
            None => path.to_owned(),
            Some(suffix) => companion(path, &format!("{suffix}.csv")),
        }
    }

    /// `NAME` becomes `NAME.sandbox` and so on: shares in one folder would fight over names.
    fn folder(self, path: &Path) -> PathBuf {
        with_end(path, &self.suffix())
    }

    fn suffix(self) -> String {
        let sandbox = if self.sandbox { ".sandbox" } else { "" };
        let share = self.share.map(|share| format!(".{}", share.in_names()));
        sandbox.to_owned() + &share.unwrap_or_default()
    }
}

/// The default folder of collected files.
pub(super) fn reports_of(ledger: &Path) -> PathBuf {
    companion(ledger, "reports")
}

impl Context {
    pub(super) fn refuse_as_for_real(&self) -> CliResult<()> {
        let ledger = self.ledger_for_real();
        ledger.map_or(Ok(()), |ledger| self.look_at(&ledger).map_err(as_for_real))
    }

    fn look_at(&self, ledger: &Path) -> CliResult<()> {
        let mut guard = Guard::new();
        guard.manifest(self);
        guard.keep_ledger(ledger)?;
        let path = real_ledger(ledger)?;
        require_folder(ledger, &path)?;
        let reading = read_file(&path)?;
        let rows = reading.as_ref().map(|reading| &reading.ledger);
        refuse_mixing(&path, rows, self.settings.api.base_url.is_sandbox())?;
        Ok(refuse_unmerged(&path, rows)?)
    }

    pub(super) fn refuse_gone_for_real(&self) -> CliResult<()> {
        let ledger = self.ledger_for_real();
        ledger.map_or(Ok(()), |ledger| refuse_gone(&ledger).map_err(as_for_real))
    }

    /// `option`: the folder of collected files that is named, which is the same in a real run.
    pub(super) fn refuse_output_as_for_real(&self, option: Option<&Path>) -> CliResult<()> {
        if option.is_some() || !self.apart.sandbox {
            return Ok(());
        }
        let path = match self.named_output() {
            Some(path) => Some(self.apart.for_real().folder(&path)),
            None => self.ledger_for_real().as_deref().map(reports_of),
        };
        let why = io::ErrorKind::NotADirectory.into();
        match path.filter(|path| !nearest_folder(path).is_dir()) {
            Some(path) => Err(as_for_real(CliError::unwritable(&path, &why))),
            None => Ok(()),
        }
    }
}

fn as_for_real(error: CliError) -> CliError {
    CliError::AsForReal(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_and_a_share_have_files_of_their_own() {
        let share = Partition::new(2, 3);
        let real = (false, None);
        for (ledger, (sandbox, share), expected) in [
            ("a/october.csv", real, "a/october.csv"),
            ("a/ledger", real, "a/ledger"),
            ("a/october.csv", (true, None), "a/october.sandbox.csv"),
            ("a/m.ledger.csv", (true, None), "a/m.ledger.sandbox.csv"),
            ("a/ledger", (true, None), "a/ledger.sandbox.csv"),
            ("a/m.ledger.csv", (false, share), "a/m.ledger.2-of-3.csv"),
            ("a/m.csv", (true, share), "a/m.sandbox.2-of-3.csv"),
            ("a/ledger", (false, share), "a/ledger.2-of-3.csv"),
        ] {
            let apart = NameSuffix { sandbox, share };
            assert_eq!(apart.ledger(Path::new(ledger)), Path::new(expected));
        }
        let apart = NameSuffix { sandbox: true, share };
        assert_eq!(apart.folder(Path::new("a/x")), Path::new("a/x.sandbox.2-of-3"));
    }
}
