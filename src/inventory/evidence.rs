use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{
    clocks::{Clocks, Moment},
    judge::Maker,
    matching::common_query,
};
use crate::{
    api::{Api, Listed},
    sending::{Generation, ReadError, Session},
};
use request::{PersonId, ReportId, ReportStatus, Request};

/// Reads of a witness at most, where nothing is in doubt that would need it.
const UNASKED: u32 = 3;

/// A single read that did not show everything is repeated only after this long.
const STALE: Duration = Duration::from_millis(300);

/// How a create of this process left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    pub at: Moment,
    /// `None` for several creates with more than one token.
    pub token: Option<Generation>,
}

impl Departure {
    /// Combines a create in doubt with a later one for the same request.
    pub fn and(self, later: Departure) -> Departure {
        Departure { token: self.token.filter(|_| self.token == later.token), ..self }
    }
}

/// A report that this process surely made.
#[derive(Debug, Clone)]
struct Witness {
    id: ReportId,
    request: Request,
    made: Instant,
    asked: Option<Instant>,
}

/// What decides whose a report is, besides the report itself. One for each run.
#[derive(Debug, Default)]
pub struct Evidence {
    pub(super) clocks: RefCell<Clocks>,
    /// In each form that the server shows; another token may belong to another person.
    us: RefCell<BTreeMap<Generation, BTreeSet<PersonId>>>,
    /// The token of the latest create.
    token: Cell<Generation>,
    /// Who made the reports that earlier processes left in the ledger.
    earlier: RefCell<BTreeSet<PersonId>>,
    /// A report in progress was seen with a stamp: `created` says when it was asked for, and not when it was ready.
    pub(super) stamped_when_asked: Cell<bool>,
    /// How the creates of reports left that this process surely made.
    sent: RefCell<HashMap<ReportId, Departure>>,
    /// The latest report that was made with each token.
    witnesses: RefCell<BTreeMap<Generation, Witness>>,
    asked: Cell<u32>,
    /// The last single read failed.
    in_vain: Cell<bool>,
    /// Reports whose last single read failed.
    unread: RefCell<HashSet<ReportId>>,
    details: RefCell<HashMap<ReportId, (Listed, Instant)>>,
    /// Reports that are a sub-partner's, though a list without sub-partner shows them.
    theirs: RefCell<HashSet<ReportId>>,
    /// What was last seen of reports that may be a row's own: for a person who decides.
    candidates: RefCell<HashMap<ReportId, Listed>>,
}

impl Evidence {
    pub fn moment(&self, wall: DateTime<Utc>) -> Moment {
        self.clocks.borrow_mut().moment(Instant::now(), wall)
    }

    pub fn leaves(&self, wall: DateTime<Utc>, token: Generation) -> Departure {
        if self.token.replace(token) != token {
            self.asked.set(0);
        }
        Departure { at: self.moment(wall), token: Some(token) }
    }

    pub fn made(&self, id: ReportId, request: Request, sent: Departure) {
        self.sent.borrow_mut().insert(id.clone(), sent);
        let witness = Witness { id, request, made: Instant::now(), asked: None };
        let mut witnesses = self.witnesses.borrow_mut();
        witnesses.extend(sent.token.map(|token| (token, witness)));
    }

    /// Reads may show all of a report only `settle` after it was made.
    pub fn may_yet_learn(&self, settle: Duration) -> bool {
        let untold = |w: &Witness| w.asked.is_none_or(|asked| asked < w.made + settle);
        self.telling_witnesses().iter().any(|(_, w)| untold(w))
    }

    /// Reports whose reads could teach something: whose each token is, and from the latest what the clocks show.
    fn telling_witnesses(&self) -> Vec<(Generation, Witness)> {
        let (us, witnesses) = (self.us.borrow(), self.witnesses.borrow());
        let latest = witnesses.keys().next_back();
        let may_tell =
            |token| !us.contains_key(token) || Some(token) == latest && !self.is_calibrated();
        let telling = witnesses.iter().filter(|(token, _)| may_tell(token));
        telling.map(|(token, witness)| (*token, witness.clone())).collect()
    }

    /// Whether to read a witness although nothing is in doubt yet: clocks are best compared while a report is fresh.
    pub fn wants_witness(&self) -> bool {
        self.asked.get() < UNASKED && !self.telling_witnesses().is_empty()
    }

    /// Whether nothing that this process makes later could teach more.
    pub fn is_complete(&self) -> bool {
        self.knows_us() && self.is_calibrated()
    }

    pub(super) fn is_calibrated(&self) -> bool {
        self.clocks.borrow().are_calibrated()
    }

    /// Reads a report that is surely ours, where that could teach who we are or what the clocks show.
    pub async fn ask_witness<A: Api>(&self, session: &Session<'_, A>) -> Result<(), ReadError> {
        // The one that was read longest ago, so that one that never tells anything does not block the others.
        let telling = self.telling_witnesses().into_iter();
        let Some((token, witness)) = telling.min_by_key(|(_, witness)| witness.asked) else {
            return Ok(());
        };
        if witness.asked.is_some_and(|asked| asked.elapsed() < STALE) {
            return Ok(());
        }
        self.asked.set(self.asked.get() + 1);
        let asked = Instant::now();
        self.read(session, &witness.id, &witness.request).await?;
        let mut witnesses = self.witnesses.borrow_mut();
        let latest = witnesses.get_mut(&token);
        if let Some(latest) = latest.filter(|latest| latest.id == witness.id) {
            latest.asked = Some(asked);
        }
        Ok(())
    }

    /// By a single read, and where that does not tell who made it, in a list.
    async fn read<A: Api>(
        &self,
        session: &Session<'_, A>,
        id: &ReportId,
        request: &Request,
    ) -> Result<Option<Listed>, ReadError> {
        let mut found = self.single(session, id).await?;
        if let Some(report) = &found {
            self.saw(report, self.moment(session.now()));
        }
        if found.as_ref().is_none_or(|report| report.created_by.is_none())
            && let Some(query) = common_query(&[request])
        {
            let listed = session.list(&query).await?;
            self.saw_all(&listed, session.now());
            let listed = listed.into_iter().find(|report| report.id == *id);
            found = listed.or(found);
        }
        Ok(found)
    }

    /// A single read only adds to what lists show, so its failure is no error.
    pub(super) async fn single<A: Api>(
        &self,
        session: &Session<'_, A>,
        id: &ReportId,
    ) -> Result<Option<Listed>, ReadError> {
        let read =
            if self.in_vain.get() { session.get_once(id).await } else { session.get(id).await };
        let in_vain = matches!(read, Err(ReadError::Failed(_)));
        self.in_vain.set(in_vain);
        let mut unread = self.unread.borrow_mut();
        if in_vain {
            unread.insert(id.clone())
        } else {
            unread.remove(id)
        };
        match read {
            Err(ReadError::Failed(_)) => Ok(None),
            read => read,
        }
    }

    pub fn is_unread(&self, id: &ReportId) -> bool {
        self.unread.borrow().contains(id)
    }

    /// Whether it is known who made the reports that earlier processes left in the ledger.
    pub fn knows_earlier(&self) -> bool {
        !self.earlier.borrow().is_empty()
    }

    /// Whether it is known who we are with the token in use.
    pub fn knows_us(&self) -> bool {
        self.us.borrow().contains_key(&self.token.get())
    }

    /// Reads a report of an earlier process, to learn who made it.
    pub async fn ask_earlier<A: Api>(
        &self,
        session: &Session<'_, A>,
        id: &ReportId,
        request: &Request,
    ) -> Result<(), ReadError> {
        if let Some(report) = self.read(session, id, request).await? {
            self.earlier.borrow_mut().extend(report.created_by);
        }
        Ok(())
    }

    /// Whether `token` has replaced another, and no report made with it tells whose it is.
    pub fn is_unproven(&self, token: Generation) -> bool {
        token > Generation::FIRST && !self.witnesses.borrow().contains_key(&token)
    }

    /// A list shows these now; `wall` is the wall clock.
    pub fn saw_all(&self, listed: &[Listed], wall: DateTime<Utc>) -> Moment {
        let now = self.moment(wall);
        for report in listed {
            self.saw(report, now);
        }
        now
    }

    /// A report that is surely ours tells more than others.
    pub(super) fn saw(&self, report: &Listed, at: Moment) {
        let sent = self.sent.borrow().get(&report.id).copied();
        if let Some(token) = sent.and_then(|sent| sent.token)
            && let Some(by) = &report.created_by
        {
            let mut us = self.us.borrow_mut();
            us.entry(token).or_default().insert(by.clone());
        }
        let Some(stamp) = report.created else { return };
        let mut clocks = self.clocks.borrow_mut();
        clocks.seen(stamp, at);
        if let Some(sent) = sent {
            clocks.made_after(stamp, sent.at);
        }
        if matches!(report.status(), ReportStatus::InProgress | ReportStatus::Unknown) {
            self.stamped_when_asked.set(true);
        }
    }

    /// For a create of this process that went with `token`: until a report made with it was seen, it may be anyone's.
    pub(super) fn maker(&self, report: &Listed, token: Option<Generation>) -> Maker {
        let (us, earlier) = (self.us.borrow(), self.earlier.borrow());
        let Some(by) = &report.created_by else {
            return Maker::Unknown;
        };
        match token.and_then(|token| us.get(&token)) {
            Some(us) => who(by, us),
            // Any known person may have had this token.
            None => match who(by, us.values().flatten().chain(&*earlier)) {
                Maker::Other => Maker::Stranger,
                _ => Maker::Unknown,
            },
        }
    }

    /// For a create of an earlier process, which may have been another person's.
    pub(super) fn maker_before(&self, report: &Listed) -> Maker {
        let (us, earlier) = (self.us.borrow(), self.earlier.borrow());
        let by = report.created_by.as_ref();
        by.map_or(Maker::Unknown, |by| who(by, us.values().flatten().chain(&*earlier)))
    }

    /// What a recent or complete single read showed.
    pub(super) fn details(&self, id: &ReportId) -> Option<Listed> {
        let details = self.details.borrow();
        let (report, read) = details.get(id)?;
        let is_complete = report.created.is_some() && report.created_by.is_some();
        (is_complete || read.elapsed() < STALE).then(|| report.clone())
    }

    pub(super) fn keep(&self, report: &Listed) {
        let mut details = self.details.borrow_mut();
        details.insert(report.id.clone(), (report.clone(), Instant::now()));
    }

    pub(super) fn is_theirs(&self, id: &ReportId) -> bool {
        self.theirs.borrow().contains(id)
    }

    /// Keeps what is seen of a candidate, for a person who decides.
    pub(super) fn saw_candidate(&self, report: &Listed) {
        let mut candidates = self.candidates.borrow_mut();
        candidates.insert(report.id.clone(), report.clone());
    }

    pub fn candidates(&self, ids: &[ReportId]) -> Vec<Listed> {
        let candidates = self.candidates.borrow();
        let seen = ids.iter().filter_map(|id| candidates.get(id));
        seen.cloned().collect()
    }

    pub(super) fn found_theirs(&self, ids: impl IntoIterator<Item = ReportId>) {
        self.theirs.borrow_mut().extend(ids);
    }
}

/// Only an id of the same form proves somebody else: a server may show an e-mail address in one place and an id in
/// another.
fn who<'p>(by: &PersonId, known: impl IntoIterator<Item = &'p PersonId>) -> Maker {
    let mut found = Maker::Unknown;
    for person in known {
        if person == by {
            return Maker::Us;
        }
        if person.form() == by.form() {
            found = Maker::Other;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use request::{Period, ReportType};

    fn by(id: &str, person: Option<&str>) -> Listed {
        Listed {
            created_by: person.map(|person| person.parse().unwrap()),
            ..Listed::bare(id.parse().unwrap())
        }
    }

    #[test]
    fn a_report_that_is_not_ready_proves_when_stamps_are_made() {
        for (word, proves) in [
            (None, false),
            (Some(" "), false),
            (Some("Completed "), false),
            (Some("failed"), false),
            (Some("in_progress"), true),
        ] {
            let evidence = Evidence::default();
            let sent = evidence.leaves(DateTime::<Utc>::UNIX_EPOCH, Generation::FIRST);
            let mut report = by("x", None);
            report.created = Some(DateTime::<Utc>::UNIX_EPOCH);
            report.status = word.map(str::to_owned);
            evidence.saw(&report, sent.at);
            assert_eq!(evidence.stamped_when_asked.get(), proves, "{word:?}");
        }
    }

    /// Each token may be another person's: alice's, bob's, and alice's again.
    #[tokio::test(start_paused = true)]
    async fn who_we_are_is_known_for_each_token_by_itself() {
        use Maker::{Other, Stranger, Unknown, Us};
        let evidence = Evidence::default();
        let request = Request {
            sub_partner: None,
            report_type: ReportType::User,
            period: Period::month(2026, 9).unwrap(),
            internal: false,
        };
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let makers = |token| {
            let people = [Some("alice"), Some("bob"), Some("carol"), None];
            people.map(|person| evidence.maker(&by("x", person), token))
        };
        let mut first = Generation::FIRST;
        assert_eq!(makers(Some(first)), [Unknown; 4]);
        for (number, (person, before, after)) in [
            ("alice", [Unknown; 4], [Us, Other, Other, Unknown]),
            ("bob", [Unknown, Stranger, Stranger, Unknown], [Other, Us, Other, Unknown]),
            ("alice", [Unknown, Unknown, Stranger, Unknown], [Us, Other, Other, Unknown]),
        ]
        .into_iter()
        .enumerate()
        {
            let sent = evidence.leaves(now, first);
            assert_eq!(makers(sent.token), before, "token {number}");
            assert!(!evidence.knows_us());
            assert_eq!(evidence.is_unproven(first), number > 0);
            let id = format!("made-{number}");
            evidence.made(id.parse().unwrap(), request.clone(), sent);
            assert!(evidence.wants_witness() && !evidence.is_unproven(first));
            evidence.saw(&by(&id, Some(person)), sent.at);
            assert_eq!(makers(sent.token), after, "token {number}");
            assert!(evidence.knows_us());
            first = first.next();
        }
        let [one, two] =
            [Generation::FIRST, Generation::FIRST.next()].map(|token| evidence.leaves(now, token));
        assert_eq!(makers(one.token), [Us, Other, Other, Unknown]);
        assert_eq!(one.and(one).token, one.token);
        let both = [Unknown, Unknown, Stranger, Unknown];
        assert_eq!(makers(one.and(two).token), both, "either may have made it");
    }
}
