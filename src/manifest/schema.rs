//! The JSON Schema of a manifest, for editors and `monthend schema manifest`.
//!
//! The types here mirror the text as it is written; readers take the same keys (a test compares). They are
//! written, never read: a reader that knows places finds more than serde could.

#![cfg_attr(
    not(test),
    expect(dead_code, reason = "only tests write a manifest from these types")
)]

use std::time::Duration;

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform};
use serde::Serialize;

use crate::{
    request::{OrgId, ReportType},
    settings::{ApiSettings, Discover, Limits, RetryPolicy, written_duration},
};

/// The JSON Schema (2020-12) of a manifest.
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12()
        .with_transform(transform::RecursiveTransform(without_null))
        .into_generator()
        .into_root_schema_for::<ManifestText>()
}

/// A key that may be left out may not be given without a value.
fn without_null(schema: &mut Schema) {
    if let Some(serde_json::Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(serde_json::Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| form.get("type").is_none_or(|kind| kind != "null"));
        if let [only] = forms.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            if let serde_json::Value::Object(only) = only {
                for (key, value) in only {
                    schema.insert(key, value);
                }
            }
        }
    }
    if schema
        .get("default")
        .is_some_and(serde_json::Value::is_null)
    {
        schema.remove("default");
    }
}

/// Which wholesale billing reports are created at the Webex API, and how.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "monthend manifest")]
pub(super) struct ManifestText {
    /// The version of the manifest's form: 1.
    #[schemars(range(min = 1, max = 1))]
    pub(super) version: u64,
    /// The name that outputs show; the file's stem where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) name: Option<String>,
    /// How the API is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api: Option<ApiText>,
    /// The ceilings on what is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limits: Option<LimitsText>,
    /// How long and how often a request is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<RetryText>,
    /// The CSV file that report ids and failures are written to, relative to the manifest;
    /// `<manifest stem>.ledger.csv` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"[^/\s]$"))]
    pub(super) ledger: Option<String>,
    /// Used by every job that does not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) defaults: Option<DefaultsText>,
    /// What to bill: each job is a product of sub-partners, periods and types.
    #[schemars(length(min = 1))]
    pub(super) jobs: Vec<JobText>,
}

/// A time with its unit: `200ms`, `1.5s`, `15m`, `1h30m`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct DurationText(
    #[schemars(
        regex(
            pattern = r"^(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$|^(\d+h)?(\d+m)?(\d+s)?\d+(\.\d+)?(h|m|s|ms)$"
        ),
        length(min = 2)
    )]
    pub(super) String,
);

impl From<Duration> for DurationText {
    fn from(duration: Duration) -> Self {
        DurationText(written_duration(duration))
    }
}

/// How the API is reached.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApiText {
    /// The address of the API. `http://` is accepted for loopback hosts only.
    #[schemars(regex(pattern = r"^https?://"))]
    pub(super) base_url: String,
    /// Until a connection stands.
    pub(super) connect_timeout: DurationText,
    /// Until an answer is read to its end.
    pub(super) request_timeout: DurationText,
    /// A PEM file of root certificates that are trusted besides the system's, relative to the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) ca_file: Option<String>,
}

impl Default for ApiText {
    fn default() -> Self {
        let default = ApiSettings::default();
        ApiText {
            base_url: default.base_url.to_string(),
            connect_timeout: default.connect_timeout.into(),
            request_timeout: default.request_timeout.into(),
            ca_file: None,
        }
    }
}

/// The ceilings on what is sent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsText {
    /// Requests per time: `5/s`, `300/min`, `1000/h`; or `unlimited`.
    #[schemars(regex(pattern = r"^(unlimited|0*[1-9]\d*/(s|min|h))$"))]
    pub(super) rate: String,
    /// In any stretch of time t at most burst + rate * t requests leave.
    #[schemars(range(min = 1))]
    pub(super) burst: u32,
    /// How many requests may be in flight together.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) concurrency: usize,
    /// A plan with more requests is refused.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub(super) max_requests: usize,
}

impl Default for LimitsText {
    fn default() -> Self {
        let default = Limits::default();
        LimitsText {
            rate: default.rate.to_string(),
            burst: default.burst.get(),
            concurrency: default.concurrency.get(),
            max_requests: default.max_requests,
        }
    }
}

/// How long and how often a request is tried.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RetryText {
    /// Attempts per request and run, the first included. Answers that announce a wait do not count.
    #[schemars(range(min = 1))]
    pub(super) max_attempts: u32,
    /// The first backoff; doubled for each further attempt.
    pub(super) base_delay: DurationText,
    /// No backoff is longer.
    pub(super) max_delay: DurationText,
    /// A server that asks for more stops the run.
    pub(super) max_retry_after: DurationText,
    /// So many refused connections, time-outs and 5xx in a row stop the run.
    #[schemars(range(min = 1))]
    pub(super) max_consecutive_failures: u32,
    /// Nothing accepted for so long, waits included, stops the run.
    pub(super) max_stall: DurationText,
    /// A report that was made is listed within this time.
    pub(super) settle: DurationText,
}

impl Default for RetryText {
    fn default() -> Self {
        let default = RetryPolicy::default();
        RetryText {
            max_attempts: default.max_attempts.get(),
            base_delay: default.base_delay.into(),
            max_delay: default.max_delay.into(),
            max_retry_after: default.max_retry_after.into(),
            max_consecutive_failures: default.max_consecutive_failures.get(),
            max_stall: default.max_stall.into(),
            settle: default.settle.into(),
        }
    }
}

/// Used by every job that does not say otherwise.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultsText {
    /// Report types.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) types: Option<Vec<ReportType>>,
    /// Date ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) periods: Option<Vec<PeriodText>>,
    /// Include internal organisations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) internal: Option<bool>,
}

/// A product of sub-partners, periods and types.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobText {
    /// Unique in the manifest.
    #[schemars(length(min = 1))]
    pub(super) name: String,
    /// Whom to bill; the partner itself where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) sub_partners: Option<Vec<SubPartnerText>>,
    /// Report types; those of `defaults` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) types: Option<Vec<ReportType>>,
    /// Include internal organisations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) internal: Option<bool>,
    /// Date ranges; those of `defaults` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) periods: Option<Vec<PeriodText>>,
    /// What to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) exclude: Option<Vec<ExclusionText>>,
}

/// One or more sub-partners.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum SubPartnerText {
    /// An organisation id.
    Id(IdText),
    /// An organisation id and what people call it.
    Named(NamedText),
    /// A partners file.
    File(FileText),
    /// Whoever the API lists.
    Discover(DiscoverText),
}

/// An organisation id.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct IdText(
    #[schemars(regex(pattern = r"^[!-~]+$"), length(max = OrgId::MAX_LEN))] pub(super) String,
);

/// An organisation id and what people call it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedText {
    /// The sub-partner's organisation id.
    pub(super) id: IdText,
    /// What people call it. One label never means two sub-partners.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) label: Option<String>,
}

/// A partners file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FileText {
    /// A CSV file with the header `org_id` or `org_id,label`, relative to the manifest.
    #[schemars(length(min = 1))]
    pub(super) file: String,
}

/// Whoever the API lists when the plan is made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscoverText {
    /// Which of them.
    pub(super) discover: Discover,
}

/// A billing period, or several.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum PeriodText {
    /// A calendar month, or `previous-month`.
    Month(MonthText),
    /// Days, both included.
    Days(DaysText),
    /// Each month of a range.
    Months(MonthsText),
}

/// A calendar month such as `2026-10`, or `previous-month`, which counts from `--as-of`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct MonthText(
    #[schemars(regex(pattern = r"^(\d{4}-(0[1-9]|1[0-2])|previous-month)$"))] pub(super) String,
);

/// Days, both included.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DaysText {
    /// First day.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub(super) start: String,
    /// Last day, included.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub(super) end: String,
}

/// Each month of a range.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MonthsText {
    /// First month.
    #[schemars(regex(pattern = r"^\d{4}-(0[1-9]|1[0-2])$"))]
    pub(super) from: String,
    /// Last month, included.
    #[schemars(regex(pattern = r"^\d{4}-(0[1-9]|1[0-2])$"))]
    pub(super) to: String,
    /// One period for each.
    pub(super) every: EveryText,
}

/// The step of a range of months.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum EveryText {
    /// One period per calendar month.
    Month,
}

/// Requests that are left out: those that match every key that is given.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct ExclusionText {
    /// The id or the label of a sub-partner of this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(super) sub_partner: Option<String>,
    /// A report type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) report_type: Option<ReportType>,
    /// Exactly this period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) period: Option<ExcludedPeriodText>,
}

/// One period.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ExcludedPeriodText {
    /// A calendar month, or `previous-month`.
    Month(MonthText),
    /// Days, both included.
    Days(DaysText),
}
