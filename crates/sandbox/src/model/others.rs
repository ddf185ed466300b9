use std::time::Duration;

use super::{
    ask::Fields,
    contents,
    contradiction::Contradiction,
    download::{self, File},
    report::{Origin, OtherReport, Record, StoredReport},
    server::Server,
    token::Tokens,
};
use request::Request;

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
        let request = &self.store.get(id)?.request;
        let tries = self.file_tries.entry(id.to_owned()).or_default();
        *tries += 1;
        let mut rules = self.config.downloads.iter();
        let rule = rules.find(|rule| rule.fits(request, *tries));
        Some(File {
            csv: contents::csv(self.dice, &self.config.contents, request),
            fault: rule.map(|rule| rule.then.clone()),
        })
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
