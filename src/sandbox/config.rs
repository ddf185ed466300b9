//! What a sandbox is like: read from YAML by users, built in code by tests.
//!
//! The default is a well-behaved server with a rate limit that a rehearsal meets.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FaultRule, RateLimitConfig, Span};
use crate::request::ReportType;

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
    /// Sub-partners that always refuse, by a part of the organisation id or of what it decodes to, beside
    /// the built-in `refused-400`, `refused-403` and `refused-404`.
    pub refuse: BTreeMap<String, RefusalStatus>,
    /// Nobody refuses any more: neither `refuse` nor the built-in ones.
    pub mended: bool,
    /// What goes wrong; the first rule that matches counts.
    pub faults: Vec<FaultRule>,
    /// Keep every exchange in memory, for tests to look at.
    pub record: bool,
}

/// `latency:`, half of it on the way in and half on the way out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyConfig {
    /// Every answer takes at least this long.
    pub fixed: Span,
    /// And up to this much longer, chosen by the seed.
    pub jitter: Span,
}

/// `token:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// Each token is refused after so many requests; left out: never.
    pub expires_after: Option<u64>,
    /// Each renewal gives a new refresh token too and ends the old one.
    pub rotate_refresh: bool,
}

/// `reports:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportsConfig {
    /// What a second identical request meets.
    pub duplicates: Duplicates,
    /// Whose reports a list without `subPartnerOrgId` has.
    pub list_without_org: ListWithoutOrg,
    /// Whether a list's items show `created` and `createdBy`.
    pub list_shows_created: bool,
    /// Whether a single report shows `created` and `createdBy`.
    pub get_shows_created: bool,
    /// A report is listed only after so long.
    pub list_lag: Span,
    /// Items on a page at most; never more than 100.
    pub page_size: usize,
    /// How long a report stays `IN_PROGRESS`.
    pub completes_after: Span,
    /// Reports of organisations that contain one of these end as `FAILED`; `own` is the partner itself.
    pub fail_for: Vec<String>,
    /// How long a download URL is good for.
    pub download_expires_after: Span,
    /// Refuse ends that are not in the past and starts more than five years back.
    pub check_calendar: bool,
    /// The statuses that an accepted create is answered with, chosen by the seed.
    pub accepted_with: Vec<u16>,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        ReportsConfig {
            duplicates: Duplicates::Allow,
            list_without_org: ListWithoutOrg::All,
            list_shows_created: false,
            get_shows_created: true,
            list_lag: Span::default(),
            page_size: 100,
            completes_after: Span(std::time::Duration::from_secs(2)),
            fail_for: Vec::new(),
            download_expires_after: Span(std::time::Duration::from_secs(60)),
            check_calendar: true,
            accepted_with: vec![200],
        }
    }
}

/// What a second identical request meets; the API's documentation leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// It makes a second report.
    Allow,
    /// It is refused with 409.
    Conflict,
}

/// Whose reports a list without `subPartnerOrgId` has; the API's documentation leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListWithoutOrg {
    /// The partner's own and its sub-partners'.
    All,
    /// The partner's own only.
    Own,
}

/// A report that is there from the beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExistingReport {
    /// Whose it is; left out: the partner's own.
    #[serde(default)]
    pub sub_partner: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub report_type: ReportType,
    /// First day.
    pub start: NaiveDate,
    /// Last day, included.
    pub end: NaiveDate,
    /// Whether internal organisations are included.
    #[serde(default)]
    pub internal: bool,
    /// How long ago it was made when the sandbox starts.
    #[serde(default)]
    pub age: Span,
}

/// `sub_partners:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubPartnersConfig {
    /// The key of the array in the answer.
    pub envelope: Envelope,
    /// Sub-partners on a page at most; never more than 100.
    pub page_size: usize,
    /// Who they are. The default is a set of eight: six active, two suspended.
    pub list: Vec<SubPartner>,
}

/// The key of the array of sub-partners: the API's schema and its example differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// `items`
    Items,
    /// `subPartners`
    SubPartners,
}

/// One sub-partner of the partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubPartner {
    /// Its organisation id.
    pub org_id: String,
    /// Active or suspended.
    #[serde(default)]
    pub state: ProvisioningState,
}

/// `provisioningState` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProvisioningState {
    /// In business.
    #[default]
    Active,
    /// Not any more, or not at the moment.
    Suspended,
}

impl ProvisioningState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            ProvisioningState::Active => "active",
            ProvisioningState::Suspended => "suspended",
        }
    }
}

impl Default for SubPartnersConfig {
    fn default() -> Self {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
        let list = (1..=8)
            .map(|number| SubPartner {
                org_id: BASE64_URL_SAFE_NO_PAD.encode(format!(
                    "ciscospark://sandbox/ORGANIZATION/00000000-0000-4000-8000-{number:012}"
                )),
                state: if number <= 6 {
                    ProvisioningState::Active
                } else {
                    ProvisioningState::Suspended
                },
            })
            .collect();
        SubPartnersConfig {
            envelope: Envelope::Items,
            page_size: 100,
            list,
        }
    }
}

/// How a sub-partner refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(extend("enum" = [400, 403, 404]), with = "u16")]
pub enum RefusalStatus {
    /// 400
    BadRequest,
    /// 403
    Forbidden,
    /// 404
    NotFound,
}

impl RefusalStatus {
    /// The ways there are.
    pub const ALL: [RefusalStatus; 3] = [
        RefusalStatus::BadRequest,
        RefusalStatus::Forbidden,
        RefusalStatus::NotFound,
    ];

    /// As it is configured and answered.
    pub fn code(self) -> u16 {
        match self {
            RefusalStatus::BadRequest => 400,
            RefusalStatus::Forbidden => 403,
            RefusalStatus::NotFound => 404,
        }
    }
}

impl From<RefusalStatus> for u16 {
    fn from(status: RefusalStatus) -> u16 {
        status.code()
    }
}

impl TryFrom<u16> for RefusalStatus {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        RefusalStatus::ALL
            .into_iter()
            .find(|status| status.code() == code)
            .ok_or_else(|| format!("{code} is no way to refuse; write 400, 403 or 404"))
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
        assert_eq!(
            serde_yaml::from_str::<SandboxConfig>(&shown).unwrap(),
            empty
        );
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
              announce: rate_limit
            refuse: { Acme: 403 }
            faults:
              - when: { endpoint: create, type: USER, tries: 2, probability: 0.3 }
                then:
                  - { kind: status, status: 503, retry_after: '1', body: html }
                  - { kind: reset, processed: true }
              - when: { endpoint: create, first: 20, last: 20 }
                then: [{ kind: slow, delay: 5s }]
        ";
        let config: SandboxConfig = serde_yaml::from_str(text).unwrap();
        assert_eq!(config.faults.len(), 2);
        assert_eq!(config.faults[0].then.len(), 2);
        assert_eq!(config.refuse["Acme"], RefusalStatus::Forbidden);
    }
}
