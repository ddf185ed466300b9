use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    contents::ContentsConfig,
    download::DownloadRule,
    fault::FaultRule,
    org::Spelling,
    report::{Category, Person},
    span::{Shift, Span},
    throttle::RateLimitConfig,
};
use request::ReportType;

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

/// `latency:`, half of it on the way in and half on the way out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyConfig {
    /// Every answer takes at least this long.
    pub fixed: Span,
    /// And up to this much longer, chosen by the seed.
    pub jitter: Span,
    /// A create is worked on for up to this much longer.
    pub work: Span,
}

/// `clocks:` The time of the configuration is that which stamps `created`; answers carry others.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClocksConfig {
    /// How far `Date` is ahead of the clock that stamps `created`.
    pub date_ahead: Shift,
    /// And up to this much before or after that, each answer as the seed says.
    pub date_jitter: Span,
    /// How much further `Date` is ahead on answers of 5xx, which a gateway gives.
    pub date_ahead_on_5xx: Shift,
    /// The share of answers that have no `Date`, from 0 to 1.
    pub dateless: f64,
}

/// `token:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// Each token is refused after so many requests; left out: never.
    pub expires_after: Option<u64>,
    /// Each renewal gives a new refresh token too and ends the old one.
    pub rotate_refresh: bool,
    /// Every second token belongs to another administrator of the same partner, the successor.
    pub changes_person: bool,
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
    /// Until when `createdBy` is left out, from the making on.
    pub created_by_after: Span,
    /// Whether `createdBy` is ever shown.
    pub shows_created_by: bool,
    /// What `created` means.
    pub created_is: CreatedIs,
    /// `created` has whole seconds.
    pub created_in_whole_seconds: bool,
    /// `created` is rounded down to a multiple of this: `1m` or `1d`, say.
    pub created_rounded_to: Span,
    /// `created` is up to this much too early or too late, each report as the seed says: several machines stamp, each
    /// with a clock of its own.
    pub created_jitter: Span,
    /// Whether `category` is shown.
    pub shows_category: bool,
    /// Whether `internal` is shown.
    pub shows_internal: bool,
    /// Whether and how `subPartnerOrgId` is shown; left out: it is not.
    pub shows_org: Option<Spelling>,
    /// A report is listed only after so long.
    pub list_lag: Span,
    /// And up to so much later, each report as the seed says.
    pub list_lag_jitter: Span,
    /// A report by its id is 404 for so long after its making.
    pub get_lag: Span,
    /// Half of the reads, each page as the seed says, come from a copy that is so much behind.
    pub replica_lag: Span,
    /// A cache answers a list with what the same list was up to so long ago, unless asked with `no-cache`.
    pub stale_for: Span,
    /// A list with a larger `max` is answered with 504; left out: none is.
    pub list_504_above: Option<usize>,
    /// How pages follow each other.
    pub paging: Paging,
    /// Items on a page at most; never more than 100.
    pub page_size: usize,
    /// The share of reports, from 0 to 1, whose item in a list contradicts the query that the list answers: other days,
    /// another spelling of the organisation, the opposite of `internal`, or another spelling of the category.
    pub contradicting: f64,
    /// How long a report stays `IN_PROGRESS`.
    pub completes_after: Span,
    /// Reports of organisations that contain one of these end as `FAILED`; `own` is the partner itself.
    pub fail_for: Vec<String>,
    /// Reports of organisations that contain one of these are in progress for ever; `own` is the partner itself.
    pub never_done_for: Vec<String>,
    /// The word for the status of these.
    pub never_done_word: String,
    /// How long a download URL is good for.
    pub download_expires_after: Span,
    /// Where download URLs lead instead of to the sandbox's own host, as `https://HOST`: one that must not be asked,
    /// say.
    pub download_origin: Option<String>,
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
            created_by_after: Span::default(),
            shows_created_by: true,
            created_is: CreatedIs::Asked,
            created_in_whole_seconds: false,
            created_rounded_to: Span::default(),
            created_jitter: Span::default(),
            shows_category: true,
            shows_internal: false,
            shows_org: None,
            list_lag: Span::default(),
            list_lag_jitter: Span::default(),
            get_lag: Span::default(),
            replica_lag: Span::default(),
            stale_for: Span::default(),
            list_504_above: None,
            paging: Paging::Cursor,
            page_size: 100,
            contradicting: 0.0,
            completes_after: Span(std::time::Duration::from_secs(2)),
            fail_for: Vec::new(),
            never_done_for: Vec::new(),
            never_done_word: "IN_PROGRESS".to_owned(),
            download_expires_after: Span(std::time::Duration::from_secs(60)),
            download_origin: None,
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

/// What `created` means; the API's documentation says "was generated" and leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreatedIs {
    /// When the report was asked for.
    Asked,
    /// When it was ready; before that, neither `created` nor `createdBy` is shown.
    Ready,
}

/// How pages follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// Each begins behind the last item of the one before.
    Cursor,
    /// Each begins behind so many items: what is deleted meanwhile shifts the rest.
    Offset,
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
    /// Whose token made it.
    #[serde(default)]
    pub by: Person,
    /// What kind of report it is.
    #[serde(default)]
    pub category: Category,
}

/// `sub_partners:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubPartnersConfig {
    /// The key of the array in the answer.
    pub envelope: Envelope,
    /// Sub-partners on a page at most; never more than 100.
    pub page_size: usize,
    /// How their ids are spelled.
    pub spelling: Spelling,
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
            spelling: Spelling::AsGiven,
            list,
        }
    }
}

/// How a sub-partner refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(extend("enum" = [400, 401, 403, 404]), with = "u16")]
pub enum RefusalStatus {
    /// 400
    BadRequest = 400,
    /// 401, whatever the token.
    Unauthorized = 401,
    /// 403
    Forbidden = 403,
    /// 404
    NotFound = 404,
}

impl RefusalStatus {
    /// All of them.
    pub const ALL: [RefusalStatus; 4] = [
        RefusalStatus::BadRequest,
        RefusalStatus::Unauthorized,
        RefusalStatus::Forbidden,
        RefusalStatus::NotFound,
    ];
}

impl From<RefusalStatus> for u16 {
    fn from(status: RefusalStatus) -> u16 {
        status as u16
    }
}

impl TryFrom<u16> for RefusalStatus {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        RefusalStatus::ALL
            .into_iter()
            .find(|status| u16::from(*status) == code)
            .ok_or_else(|| format!("{code} is not a valid refusal; write 400, 401, 403 or 404"))
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
