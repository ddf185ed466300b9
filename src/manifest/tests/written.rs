//! A manifest as a person might write it, to be written by `serde` and read by us.

use serde::Serialize;

use crate::manifest::Discover;
use request::ReportType;

/// Which wholesale billing reports are created at the Webex API, and how.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ManifestText {
    pub(super) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) defaults: Option<DefaultsText>,
    pub(super) jobs: Vec<JobText>,
}

/// Used by every job that does not say otherwise.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DefaultsText {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) types: Option<Vec<ReportType>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) periods: Option<Vec<PeriodText>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) internal: Option<bool>,
}

/// A product of sub-partners, periods and types.
#[derive(Debug, Clone, Serialize)]
pub(super) struct JobText {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_partners: Option<Vec<SubPartnerText>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) types: Option<Vec<ReportType>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) internal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) periods: Option<Vec<PeriodText>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exclude: Option<Vec<ExclusionText>>,
}

/// One or more sub-partners.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum SubPartnerText {
    Id(IdText),
    Named(NamedText),
    File(FileText),
    Discover(DiscoverText),
}

/// An organisation id.
#[derive(Debug, Clone, Serialize)]
pub(super) struct IdText(pub(super) String);

/// An organisation id and what people call it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NamedText {
    pub(super) id: IdText,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
}

/// A partners file.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FileText {
    pub(super) file: String,
}

/// Whoever the API lists when the plan is made.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DiscoverText {
    pub(super) discover: Discover,
}

/// A billing period, or several.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum PeriodText {
    Month(MonthText),
    Days(DaysText),
    Months(MonthsText),
}

/// A calendar month such as `2026-10`, or `previous-month`, which counts from `--as-of`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct MonthText(pub(super) String);

/// Days, both included.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DaysText {
    pub(super) start: String,
    pub(super) end: String,
}

/// Each month of a range.
#[derive(Debug, Clone, Serialize)]
pub(super) struct MonthsText {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) every: EveryText,
}

/// The step of a range of months.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EveryText {
    Month,
}

/// Requests that are left out: those that match every key that is given.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ExclusionText {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_partner: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) report_type: Option<ReportType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) period: Option<ExcludedPeriodText>,
}

/// One period.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum ExcludedPeriodText {
    Month(MonthText),
    Days(DaysText),
}
