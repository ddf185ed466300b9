use std::{cell::RefCell, collections::HashSet, rc::Rc, time::Duration};

use foldhash::HashMap;
use tokio::{sync::mpsc, time::Instant};

use super::{Event, EventKind, Interrupt, RunInput, stop::Stopping};
use crate::{
    api::Api,
    inventory::{Evidence, Ownership},
    ledger::{JournalError, Record, Row, RowIndex},
    sending::Session,
};
use request::{OrgId, ReportId, Request};

/// Whether other runs may send requests of the same plan at the same time, on other ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherRuns {
    None,
    /// Other partitions: a report that looks like the partner's own may be one that another run has just created.
    Shares,
}

/// What everything that works on the rows of one run shares, on one thread.
pub struct Shared<'a, A: Api> {
    pub session: &'a Session<'a, A>,
    /// The rows, and their lines on the disk.
    pub record: Record,
    pub stopping: Stopping,
    pub interrupt: Interrupt,
    began: Instant,
    on_event: Rc<dyn Fn(&Event) + 'a>,
    /// Tells whoever collects of new reports; `None` when the last create is over.
    new_reports: RefCell<Option<mpsc::UnboundedSender<RowIndex>>>,
    pub(super) other_runs: OtherRuns,
    pub(super) evidence: Evidence,
    /// Reports that are in no row but not free: discarded, or about to be recorded; with their organisation.
    pub(super) claimed: RefCell<HashMap<ReportId, Option<OrgId>>>,
    /// Reports that rows in doubt could have: a person decides.
    pub(super) candidates: RefCell<HashSet<ReportId>>,
}

/// Selected rows that a run creates, one by one; it ends with the creates.
pub type NewReports = mpsc::UnboundedReceiver<RowIndex>;

impl<'a, A: Api> Shared<'a, A> {
    pub(super) fn new<D>(input: &RunInput<'a, A, D>, record: Record) -> (Self, NewReports) {
        let (given_up, candidates) = {
            let ledger = record.ledger();
            let given_up = ledger.rows().flat_map(|row| &row.replaces);
            let undecided = ledger.rows().flat_map(|row| row.state.candidates());
            (given_up.map(|id| (id.clone(), None)).collect(), undecided.cloned().collect())
        };
        let (sender, new_reports) = mpsc::unbounded_channel();
        let shared = Shared {
            session: input.session,
            record,
            stopping: Stopping::default(),
            interrupt: input.interrupt.clone(),
            began: Instant::now(),
            on_event: Rc::clone(&input.on_event),
            new_reports: RefCell::new(Some(sender)),
            other_runs: input.other_runs,
            evidence: Evidence::default(),
            claimed: RefCell::new(given_up),
            candidates: RefCell::new(candidates),
        };
        (shared, new_reports)
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn emit(&self, kind: EventKind) {
        (self.on_event)(&Event {
            at: self.session.now(),
            counts: self.record.counts(),
            pace: self.session.gate().stats(),
            kind,
        });
    }

    pub(super) fn announce_report(&self, place: RowIndex) {
        if let Some(sender) = &*self.new_reports.borrow() {
            let _ = sender.send(place); // nobody may want to know
        }
    }

    pub(super) fn end_of_creates(&self) {
        self.new_reports.take();
    }

    pub(super) fn taken(&self, id: &ReportId) -> Ownership {
        let ledger = self.record.ledger();
        let claimed = self.claimed.borrow();
        let by = match ledger.holder(id) {
            Some(place) => Some(&ledger.row(place).request().sub_partner),
            None => claimed.get(id),
        };
        by.map_or(Ownership::Free, |by| Ownership::By(by.clone()))
    }

    /// Claims a report for a row of `request`; false if a row has it already.
    pub(super) fn take(&self, id: &ReportId, request: &Request) -> bool {
        let is_free = self.record.ledger().holder(id).is_none();
        let mut claimed = self.claimed.borrow_mut();
        let is_free = is_free && !claimed.contains_key(id);
        if is_free {
            claimed.insert(id.clone(), request.sub_partner.clone());
        }
        is_free
    }

    /// A report in the ledger needs no claim any more.
    pub(super) async fn conclude(&self, row: &mut Row) -> Result<(), JournalError> {
        let recorded = self.record.conclude(row, self.session.now()).await;
        if let Some(id) = row.state.report_id() {
            self.claimed.borrow_mut().remove(id);
        }
        recorded
    }
}
