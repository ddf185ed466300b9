use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    ClocksConfig, ContentsConfig, DownloadRule, ExistingReport, FaultRule, LatencyConfig,
    RateLimitConfig, RefusalStatus, ReportsConfig, ServerConfig, SubPartnersConfig, TokenConfig,
};

/// Everything about a sandbox; each key may be left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// The API's port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The downloads' port on 127.0.0.1; 0 takes a free one.
    pub files_port: u16,
    /// What every choice made by chance, and every id, follows from.
    pub seed: u64,
    /// Where reports, tokens and tries are kept from one process to the next; left out: nowhere.
    pub state: Option<PathBuf>,
    /// The time at which the sandbox's clock starts; left out: the real time.
    pub now: Option<DateTime<Utc>>,
    /// How long an answer takes.
    pub latency: LatencyConfig,
    /// What the clocks show.
    pub clocks: ClocksConfig,
    /// What the bearer token does.
    pub token: TokenConfig,
    /// The rate limit.
    pub rate_limit: RateLimitConfig,
    /// How reports behave.
    pub reports: ReportsConfig,
    /// Reports that others made before; used only when the state is new.
    pub existing: Vec<ExistingReport>,
    /// Who is listed as a sub-partner.
    pub sub_partners: SubPartnersConfig,
    /// Sub-partners that always refuse, by a part of the organisation id or of what it decodes to, besides
    /// the built-in `refused-400`, `refused-403` and `refused-404`.
    pub refuse: BTreeMap<String, RefusalStatus>,
    /// Nobody refuses any more: neither `refuse` nor the built-in ones.
    #[serde(alias = "mended")] // its earlier name
    pub fixed: bool,
    /// What goes wrong; the first rule that matches counts.
    pub faults: Vec<FaultRule>,
    /// What stands in the reports' files.
    pub contents: ContentsConfig,
    /// What goes wrong with the files; the first rule that matches counts.
    pub downloads: Vec<DownloadRule>,
    /// Keep every exchange in memory, for tests to look at.
    pub record: bool,
}

impl SandboxConfig {
    pub(super) fn server(&self) -> ServerConfig {
        ServerConfig {
            seed: self.seed,
            latency: self.latency.clone(),
            clocks: self.clocks.clone(),
            token: self.token.clone(),
            rate_limit: self.rate_limit.clone(),
            reports: self.reports.clone(),
            sub_partners: self.sub_partners.clone(),
            refuse: self.refuse.clone(),
            fixed: self.fixed,
            faults: self.faults.clone(),
            contents: self.contents.clone(),
            downloads: self.downloads.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_may_be_left_out_and_unknown_ones_are_refused() {
        let empty: SandboxConfig = serde_yaml::from_str("{}").unwrap();
        assert_eq!(empty, SandboxConfig::default());
        let shown = serde_yaml::to_string(&empty).unwrap();
        assert_eq!(serde_yaml::from_str::<SandboxConfig>(&shown).unwrap(), empty);
        for bad in ["prot: 1", "refuse: {x: 500}", "latency: {fixed: 5}"] {
            assert!(serde_yaml::from_str::<SandboxConfig>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_reads_as_the_documentation_shows_it() {
        let text = "
            seed: 7
            latency: { fixed: 20ms, jitter: 30ms }
            rate_limit:
              limiter: { kind: token_bucket, rate: 300, per: 1m, burst: 10 }
              scope: per_endpoint
              retry_after: http_date
              penalty: 1s
            refuse: { Acme: 403 }
            faults:
              - when: { endpoint: create, type: USER, tries: 2, probability: 0.3 }
                then:
                  - { kind: status, status: 503, retry_after: '1', body: html }
                  - { kind: reset, processed: true }
              - when: { endpoint: create, first: 20, last: 20 }
                then: [{ kind: slow, delay: 5s }]
              - when: { from: 5s, until: 8s }
                then:
                  - { kind: trickle, status: 429, retry_after: '5', over: 4s }
                  - { kind: repeat, processed: true }
                  - { kind: rival, by: us, category: point_in_time, org: acme }
                  - { kind: delete }
                  - { kind: end_token }
                  - { kind: wait, retry_after: '2' }
                  - { kind: hang, processed: true, late: 30s }
            clocks: { date_ahead: 3s, date_jitter: 200ms, date_ahead_on_5xx: -20s, dateless: 0.1 }
            reports: { shows_org: uuid, paging: offset, created_is: ready, list_504_above: 10 }
        ";
        let config: SandboxConfig = serde_yaml::from_str(text).unwrap();
        assert_eq!(config.faults.len(), 3);
        assert_eq!(config.faults[0].then.len(), 2);
        assert_eq!(config.refuse["Acme"], RefusalStatus::Forbidden);
    }
}
