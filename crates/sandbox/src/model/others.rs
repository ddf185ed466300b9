//! What a server is asked outside of an exchange, and what it decides by the calendar and its configuration.

use std::time::Duration;

use chrono::{DateTime, Months, Utc};

use super::{
    ask::Fields,
    config::RefusalStatus,
    contents,
    contradiction::Contradiction,
    dice,
    download::{self, File},
    org,
    reply::Reply,
    report::{Origin, OtherReport, Record, StoredReport},
    server::Server,
    token::Tokens,
};
use request::{Period, Request};

impl Server {
    /// Adds a report that no create made.
    pub fn put(&mut self, other: OtherReport) {
        let mut report = self.next_report(other.request, other.made);
        if other.listed_at_once {
            report.listed_from = report.made;
        }
        self.add(StoredReport {
            category: other.category,
            by: other.by,
            origin: Origin::Elsewhere,
            ..report
        });
    }

    /// The client died: its pending creates take effect by `latest`, or never if `keep` returns false.
    pub fn client_died(&mut self, now: Duration, latest: Duration, mut keep: impl FnMut() -> bool) {
        self.advance(now);
        self.at_work.retain_mut(|work| {
            work.at = work.at.min(latest);
            work.awaited = false;
            keep()
        });
    }

    /// The reports that exist at `now`, in the order in which they were created.
    pub fn reports(&mut self, now: Duration) -> impl Iterator<Item = &StoredReport> {
        self.advance(now);
        self.store.iter()
    }

    /// How lists contradict the query for this report.
    pub fn contradiction(&self, report: &StoredReport) -> Option<Contradiction> {
        self.view(report.made, 0).contradiction(report)
    }

    /// Whether a create for this request was refused as a duplicate.
    pub fn had_conflict(&self, request: &Request) -> bool {
        self.conflicts.contains(request)
    }

    /// The file at this path, where the query is signed and good for now.
    pub fn file(&mut self, now: Duration, path: &str, query: &Fields) -> Option<File> {
        let id = download::signed_id(self.dice, self.clock(now), path, query)?;
        let report = self.store.get(id)?;
        let tries = self.file_tries.entry(id.to_owned()).or_default();
        *tries += 1;
        let mut rules = self.config.downloads.iter();
        let rule = rules.find(|rule| rule.fits(&report.request, *tries));
        Some(File {
            csv: contents::csv(self.dice, &self.config.contents, report),
            fault: rule.map(|rule| rule.then.clone()),
        })
    }

    /// Why there is no report for `request`, where the calendar or its sub-partner refuses it.
    pub(super) fn refusal(&self, request: &Request, now: DateTime<Utc>) -> Option<Reply> {
        if self.config.reports.check_calendar
            && let Some(words) = against_the_calendar(request.period, now)
        {
            return Some(Reply::error(400, words));
        }
        let org = request.sub_partner.as_ref().filter(|_| !self.config.fixed)?.as_str();
        let mut configured = self.config.refuse.iter();
        let configured = configured.find(|(text, _)| org::contains(org, text));
        let mut built_in = RefusalStatus::ALL.into_iter().map(u16::from);
        let status = match configured {
            Some((_, status)) => (*status).into(),
            None => built_in.find(|code| org::contains(org, &format!("refused-{code}")))?,
        };
        Some(Reply::error(status, "This sub-partner refuses billing reports."))
    }

    /// What `Date` says in an answer.
    pub(super) fn date(&self, now: Duration, number: u64, status: u16) -> Option<DateTime<Utc>> {
        let clocks = &self.config.clocks;
        if clocks.dateless > 0.0 && self.dice.share("dateless", "", number) < clocks.dateless {
            return None;
        }
        let jitter = clocks.date_jitter.0;
        let late = dice::up_to(jitter * 2, self.dice, "date", number);
        let ahead = clocks.date_ahead.of(self.clock(now)) - jitter + late;
        Some(if status >= 500 { clocks.date_ahead_on_5xx.of(ahead) } else { ahead })
    }

    /// How long a request and its answer are under way together.
    pub(super) fn latency(&self, number: u64) -> Duration {
        let latency = &self.config.latency;
        latency.fixed.0 + dice::up_to(latency.jitter.0, self.dice, "latency", number)
    }

    /// The records since the last call, in order.
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Replays the record of an earlier server with the same configuration; fails if it is impossible.
    pub fn replay(
        &mut self,
        record: Record,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match record {
            Record::Made(made) => {
                let listed_from = made.made + self.list_lag(made.number);
                let report = StoredReport { listed_from, ..made };
                if report.number < self.store.next_number() {
                    return Err("a report out of order".into());
                }
                self.store.insert(report);
            }
            Record::Deleted { id } => {
                self.store.remove(&id);
            }
            Record::Renewed { access_token, refresh_token, renewals } => {
                self.tokens = Tokens::restored(access_token, refresh_token, renewals)
            }
            Record::Tried { endpoint, key } => {
                self.faults.count_try(endpoint, key);
            }
        }
        Ok(())
    }
}

fn against_the_calendar(period: Period, now: DateTime<Utc>) -> Option<&'static str> {
    let today = now.date_naive();
    if period.end() >= today {
        return Some("billingEndDate must be in the past.");
    }
    let earliest = today.checked_sub_months(Months::new(60))?;
    (period.start() < earliest).then_some("billingStartDate must be within the last five years.")
}
