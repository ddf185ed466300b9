use chrono::{DateTime, DurationRound as _, SecondsFormat, SubsecRound as _, TimeDelta, Utc};
use request::ReportStatus;
use serde_json::{Map, Value, json};

use super::{
    config::{CreatedIs, ReportsConfig},
    contents::is_about,
    contradiction::Contradiction,
    dice::{self, Dice},
    org,
    report::{Person, StoredReport},
};

/// One read, answered by one replica.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) config: &'a ReportsConfig,
    pub(super) dice: Dice,
    /// By the clock that stamps `created`.
    pub(super) now: DateTime<Utc>,
    /// The replica's data are from this time.
    as_of: DateTime<Utc>,
}

impl<'a> View<'a> {
    pub(super) fn new(
        config: &'a ReportsConfig,
        dice: Dice,
        now: DateTime<Utc>,
        number: u64,
    ) -> Self {
        let behind = !config.replica_lag.0.is_zero() && dice.share("replica", "", number) < 0.5;
        View { config, dice, now, as_of: if behind { now - config.replica_lag.0 } else { now } }
    }

    pub(super) fn lists(&self, report: &StoredReport) -> bool {
        report.listed_from <= self.as_of
    }

    pub(super) fn finds(&self, report: &StoredReport) -> bool {
        report.made + self.config.get_lag.0 <= self.as_of
    }

    pub(super) fn status(&self, report: &StoredReport) -> ReportStatus {
        if self.now < report.made + self.config.completes_after.0
            || is_about(&report.request, &self.config.never_done_for)
        {
            ReportStatus::InProgress
        } else if is_about(&report.request, &self.config.fail_for) {
            ReportStatus::Failed
        } else {
            ReportStatus::Completed
        }
    }

    pub(super) fn new_report(&self, report: &StoredReport) -> Map<String, Value> {
        let mut body = self.basics(report);
        if report.request.internal {
            body.insert("internal".to_owned(), json!(true));
        }
        // The API adds fields from time to time; clients must ignore them.
        if self.dice.share("unknown field", "", report.number) < 0.25 {
            body.insert("sandbox".to_owned(), json!({ "number": report.number }));
        }
        body
    }

    pub(super) fn item(&self, report: &StoredReport) -> Value {
        let mut item = self.shown(report, self.config.list_shows_created);
        if let Some(contradiction) = self.contradiction(report) {
            contradiction.show(&mut item, report);
        }
        Value::Object(item)
    }

    pub(super) fn contradiction(&self, report: &StoredReport) -> Option<Contradiction> {
        let dice = |purpose| self.dice.share(purpose, "", report.number);
        if dice("contradicts") >= self.config.contradicting {
            return None;
        }
        let ways = Contradiction::of(report);
        let way = dice("contradiction") * ways.len() as f64;
        ways.get(way as usize).copied()
    }

    pub(super) fn single(&self, report: &StoredReport) -> Map<String, Value> {
        let mut body = self.shown(report, self.config.get_shows_created);
        if self.status(report) == ReportStatus::Failed {
            let error =
                json!({ "code": 2001, "description": "The report could not be generated." });
            body.insert("errors".to_owned(), json!([error]));
        }
        body
    }

    fn shown(&self, report: &StoredReport, with_created: bool) -> Map<String, Value> {
        let mut body = self.basics(report);
        let status = match self.status(report) {
            ReportStatus::InProgress if is_about(&report.request, &self.config.never_done_for) => {
                &self.config.never_done_word
            }
            status => status_word(status),
        };
        body.insert("status".to_owned(), json!(status));
        if with_created {
            self.show_created(&mut body, report);
        }
        if self.config.shows_internal {
            body.insert("internal".to_owned(), json!(report.request.internal));
        }
        if let (Some(spelling), Some(org)) = (self.config.shows_org, &report.request.sub_partner) {
            let org = org::spelled(org.as_str(), spelling);
            body.insert("subPartnerOrgId".to_owned(), json!(org));
        }
        body
    }

    fn basics(&self, report: &StoredReport) -> Map<String, Value> {
        let period = report.request.period;
        let mut fields = vec![
            ("id", report.id.clone()),
            ("billingStartDate", period.start().to_string()),
            ("billingEndDate", period.end().to_string()),
            ("type", report.request.report_type.to_string()),
        ];
        if self.config.shows_category {
            fields.push(("category", report.category.as_str().to_owned()));
        }
        fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
    }

    fn show_created(&self, body: &mut Map<String, Value>, report: &StoredReport) {
        let exact = match self.config.created_is {
            CreatedIs::Asked => report.made,
            CreatedIs::Ready => report.made + self.config.completes_after.0,
        };
        if exact > self.now {
            return;
        }
        let jitter = self.config.created_jitter.0;
        let late = dice::up_to(jitter * 2, self.dice, "created", report.number);
        let stamped = exact - jitter + late;
        let stored =
            if self.config.created_in_whole_seconds { stamped.trunc_subsecs(0) } else { stamped };
        let grain = TimeDelta::from_std(self.config.created_rounded_to.0).unwrap_or_default();
        let shown = stored.duration_trunc(grain).unwrap_or(stored); // none: as it is
        let text = shown.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        body.insert("created".to_owned(), json!(text));
        if self.config.shows_created_by && report.made + self.config.created_by_after.0 <= self.now
        {
            let number = match report.by {
                Person::Us => 1,
                Person::Colleague => 2,
                Person::Successor => 3,
            };
            let person = self.dice.uuid("person", "", number);
            body.insert("createdBy".to_owned(), json!(person));
        }
    }
}

pub(super) fn status_word(status: ReportStatus) -> &'static str {
    match status {
        ReportStatus::Completed => ReportStatus::COMPLETED,
        ReportStatus::Failed => ReportStatus::FAILED,
        _ => ReportStatus::IN_PROGRESS,
    }
}
