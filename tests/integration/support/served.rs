//! Sandboxes to work against: in this process, where every exchange can be looked at, or in one of their own.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

use sandbox::model::Origin;
use sandbox::{
    Download, Endpoint, Exchange, RateLimitConfig, RunningSandbox, Sandbox, SandboxConfig,
    StoredReport,
};
use tokio::runtime::Runtime;

use super::{LedgerFile, breaches};

/// The token that a new sandbox takes.
pub(crate) const TOKEN: &str = sandbox::ACCESS_TOKEN;

/// All sandboxes of this process run here.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
});

/// A sandbox in this process. It records every exchange.
#[derive(Debug)]
pub(crate) struct Served {
    sandbox: Option<RunningSandbox>,
    url: String,
}

impl Served {
    /// One that is configured by this YAML; without a rate limit, where that does not set one. It never minds how
    /// old a period is, and the reports of one request are alike, where that does not say when they change.
    pub(crate) fn new(config: &str) -> Self {
        let sets_limit = config.contains("rate_limit:");
        let restates = config.contains("restated_after:");
        let config = if config.is_empty() { "{}" } else { config };
        let mut config: SandboxConfig = serde_yaml::from_str(config).unwrap();
        if !sets_limit {
            config.rate_limit = RateLimitConfig::unlimited();
        }
        if !restates {
            config.contents.restated_after = "8760h".parse().unwrap();
        }
        config.reports.check_calendar = false;
        config.record = true;
        let sandbox = RUNTIME.block_on(Sandbox::start(config)).unwrap();
        Served { url: sandbox.base_url(), sandbox: Some(sandbox) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn sandbox(&self) -> &RunningSandbox {
        self.sandbox.as_ref().expect("it was not stopped")
    }

    /// Stops serving: whoever comes finds nobody.
    pub(crate) fn stop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            RUNTIME.block_on(sandbox.stop());
        }
    }

    /// Everything that came in, in order.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.sandbox().exchanges()
    }

    /// The requests for files, in order.
    pub(crate) fn downloads(&self) -> Vec<Download> {
        self.sandbox().downloads()
    }

    /// What came in at one endpoint, in order.
    pub(crate) fn at(&self, endpoint: Endpoint) -> Vec<Exchange> {
        let mut exchanges = self.exchanges();
        exchanges.retain(|exchange| exchange.endpoint == Some(endpoint));
        exchanges
    }

    /// The creates that came in, in order.
    pub(crate) fn creates(&self) -> Vec<Exchange> {
        self.at(Endpoint::Create)
    }

    /// The bodies of the creates, in the order in which they came.
    pub(crate) fn bodies(&self) -> Vec<serde_json::Value> {
        let creates = self.creates();
        let bodies = creates.iter().map(|create| serde_json::from_str(&create.body));
        bodies.map(Result::unwrap).collect()
    }

    /// The reports that exist.
    pub(crate) fn reports(&self) -> Vec<StoredReport> {
        self.sandbox().reports()
    }

    /// The ids of the reports that exist, sorted.
    pub(crate) fn report_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.reports().into_iter().map(|report| report.id).collect();
        ids.sort();
        ids
    }

    /// The ledger keeps the law that holds in every world: see [`breaches`].
    #[track_caller]
    pub(crate) fn lawful(&self, ledger: &LedgerFile) {
        let breaches = breaches(&self.reports(), ledger);
        assert!(breaches.is_empty(), "{breaches:#?}");
    }

    /// The law, and every row is done by a report that a create of ours made.
    #[track_caller]
    pub(crate) fn all_ours(&self, ledger: &LedgerFile) {
        self.lawful(ledger);
        let ours = self.reports().into_iter().filter(|r| r.origin == Origin::Create);
        let mut ours: Vec<String> = ours.map(|report| report.id).collect();
        ours.sort();
        assert_eq!(ledger.count("created"), ledger.lines.len(), "{ledger:#?}");
        assert_eq!(ledger.report_ids(), ours);
    }

    /// Checks that no request was made twice.
    #[track_caller]
    pub(crate) fn nothing_twice(&self) {
        let mut made: BTreeMap<String, u32> = BTreeMap::new();
        for report in self.reports() {
            *made.entry(report.request.to_string()).or_default() += 1;
        }
        made.retain(|_, times| *times > 1);
        assert!(made.is_empty(), "made more than once: {made:#?}");
    }
}

/// A sandbox in a process of its own: `monthend sandbox`. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Apart {
    child: Child,
    pub(crate) url: String,
}

impl Apart {
    pub(crate) fn start(config: &Path, state: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_monthend"))
            .args(["sandbox", "--quiet", "--config"])
            .arg(config)
            .arg("--state")
            .arg(state)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Apart { child, url }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
