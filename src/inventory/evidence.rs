//! What this process has learned about clocks and people, and what single reads showed.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::{
    clocks::{Age, Clocks, Moment},
    judge::Maker,
    matching::{common_query, is_over},
    send_times::{Departure, SendTimes},
};
use crate::{
    api::{Api, Listed},
    session::{Generation, ReadError, Session},
};
use request::{PersonId, ReportId, Request};

/// So many reads of a witness at most, where nothing is in doubt that would need it.
const UNASKED: u32 = 3;

/// What a single read did not show is asked for again only after this long.
const STALE: Duration = Duration::from_millis(300);

/// A report that this process surely made.
#[derive(Debug, Clone)]
struct Witness {
    id: ReportId,
    request: Request,
    made: Instant,
    /// When it was read last, whether or not that told anything.
    asked: Option<Instant>,
}

/// Everything that decides whose a report is, beside the report itself. One for each run.
#[derive(Debug)]
pub struct Evidence {
    clocks: RefCell<Clocks>,
    /// Who we are, by the token: who made the reports that this process made with it, in each form that the server shows.
    /// Another token may belong to another person.
    us: RefCell<BTreeMap<Generation, BTreeSet<PersonId>>>,
    /// The token that the latest create went with.
    token: Cell<Generation>,
    /// Who made the reports that earlier processes left in the ledger.
    earlier: RefCell<BTreeSet<PersonId>>,
    /// Whether a report that is still in progress was seen with a stamp: `created` says when it was asked for.
    stamped_when_asked: Cell<bool>,
    /// How the latest creates left that reports of this process were made by.
    sent: RefCell<SendTimes>,
    /// The latest that was made with each token.
    witnesses: RefCell<BTreeMap<Generation, Witness>>,
    asked: Cell<u32>,
    /// Whether the last single read was tried in vain.
    in_vain: Cell<bool>,
    /// Reports whose last single read was tried in vain.
    unread: RefCell<HashSet<ReportId>>,
    /// What single reads showed of reports, and when.
    details: RefCell<HashMap<ReportId, (Listed, Instant)>>,
    /// Reports that are a sub-partner's, though a list without sub-partner shows them.
    theirs: RefCell<HashSet<ReportId>>,
    /// What was seen last of reports that may be a row's own: for a person who decides.
    candidates: RefCell<HashMap<ReportId, Listed>>,
}

impl Default for Evidence {
    fn default() -> Self {
        Evidence {
            clocks: RefCell::new(Clocks::new(Instant::now())),
            us: RefCell::default(),
            token: Cell::default(),
            earlier: RefCell::default(),
            stamped_when_asked: Cell::default(),
            sent: RefCell::default(),
            witnesses: RefCell::default(),
            asked: Cell::default(),
            in_vain: Cell::default(),
            unread: RefCell::default(),
            details: RefCell::default(),
            theirs: RefCell::default(),
            candidates: RefCell::default(),
        }
    }
}

impl Evidence {
    /// This moment, when the wall clock shows `wall`.
    pub fn moment(&self, wall: DateTime<Utc>) -> Moment {
        self.clocks.borrow_mut().moment(Instant::now(), wall)
    }

    /// A create leaves now, when the wall clock shows `wall`, with this token.
    pub fn leaves(&self, wall: DateTime<Utc>, token: Generation) -> Departure {
        if self.token.replace(token) != token {
            self.asked.set(0);
        }
        Departure {
            at: self.moment(wall),
            token: Some(token),
        }
    }

    /// A create for `request` that left so was answered with this report's id.
    pub fn made(&self, id: ReportId, request: Request, sent: Departure) {
        self.sent.borrow_mut().insert(id.clone(), sent);
        let witness = Witness {
            id,
            request,
            made: Instant::now(),
            asked: None,
        };
        let mut witnesses = self.witnesses.borrow_mut();
        witnesses.extend(sent.token.map(|token| (token, witness)));
    }

    /// Whether a report that this process has made may still tell what is not known: reads may find it, and show all
    /// of it, only `settle` after it was made.
    pub fn may_yet_learn(&self, settle: Duration) -> bool {
        let untold = |w: &Witness| w.asked.is_none_or(|asked| asked < w.made + settle);
        self.telling_witnesses().iter().any(|(_, w)| untold(w))
    }

    /// The reports whose reads could teach something: whose their tokens are, and of the latest what the clocks show.
    fn telling_witnesses(&self) -> Vec<(Generation, Witness)> {
        let (us, witnesses) = (self.us.borrow(), self.witnesses.borrow());
        let latest = witnesses.keys().next_back();
        let may_tell =
            |token| !us.contains_key(token) || Some(token) == latest && !self.is_calibrated();
        let telling = witnesses.iter().filter(|(token, _)| may_tell(token));
        telling
            .map(|(token, witness)| (*token, witness.clone()))
            .collect()
    }

    /// Whether a read of a report that is surely ours would teach something now, in a run that has nothing in doubt
    /// yet: clocks are best compared while a report is fresh.
    pub fn wants_witness(&self) -> bool {
        self.asked.get() < UNASKED && !self.telling_witnesses().is_empty()
    }

    /// Whether nothing that this process makes later could teach more.
    pub fn is_complete(&self) -> bool {
        self.knows_us() && self.is_calibrated()
    }

    /// Whether the clock that stamps reports was compared with ours.
    pub(super) fn is_calibrated(&self) -> bool {
        self.clocks.borrow().are_calibrated()
    }

    /// Reads a report that is surely ours, to learn who we are and what the clocks show, where that is not known.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn ask_witness<A: Api>(&self, session: &Session<'_, A>) -> Result<(), ReadError> {
        // The one that was asked longest ago: one that never tells anything holds up no other.
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

    /// A report that is surely `request`'s, by itself, and where that does not tell who made it, as a list shows it.
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
        if found
            .as_ref()
            .is_none_or(|report| report.created_by.is_none())
            && let Some(query) = common_query(&[request])
        {
            let listed = session.list(&query).await?;
            self.saw_all(&listed, session.now());
            let listed = listed.into_iter().find(|report| report.id == *id);
            found = listed.or(found);
        }
        Ok(found)
    }

    /// A single read, which only adds to what lists show: that it fails is no answer. Once one was tried in vain, the
    /// others are tried once each.
    ///
    /// # Errors
    /// Nothing leaves any more.
    pub(super) async fn single<A: Api>(
        &self,
        session: &Session<'_, A>,
        id: &ReportId,
    ) -> Result<Option<Listed>, ReadError> {
        let read = match self.in_vain.get() {
            true => session.get_once(id).await,
            false => session.get(id).await,
        };
        let in_vain = matches!(read, Err(ReadError::Failed(_)));
        self.in_vain.set(in_vain);
        let mut unread = self.unread.borrow_mut();
        match in_vain {
            true => unread.insert(id.clone()),
            false => unread.remove(id),
        };
        match read {
            Err(ReadError::Failed(_)) => Ok(None),
            read => read,
        }
    }

    /// Whether the last single read of this report was tried in vain: the next one may tell more.
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

    /// Reads a report that a create of an earlier process was answered with, to learn who that was.
    ///
    /// # Errors
    /// The server cannot be asked.
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

    /// Whether `token` has taken the place of another, and nothing was made with it yet that would tell whose it is.
    pub fn is_unproven(&self, token: Generation) -> bool {
        token > Generation::FIRST && !self.witnesses.borrow().contains_key(&token)
    }

    /// A list shows these now, when the wall clock shows `wall`. Gives this moment.
    pub fn saw_all(&self, listed: &[Listed], wall: DateTime<Utc>) -> Moment {
        let now = self.moment(wall);
        for report in listed {
            self.saw(report, now);
        }
        now
    }

    /// A report was seen at `at`, in a list or by itself. One that is surely ours tells more than others.
    pub(super) fn saw(&self, report: &Listed, at: Moment) {
        let sent = self.sent.borrow().get(&report.id);
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
        if report.status.is_some() && !is_over(report) {
            self.stamped_when_asked.set(true);
        }
    }

    /// Whether `created` is known to say when a report was asked for, and not when it was ready.
    pub(super) fn is_stamped_when_asked(&self) -> bool {
        self.stamped_when_asked.get()
    }

    /// When a report with this stamp was made, against a create that left at `sent`.
    pub(super) fn age(&self, stamp: DateTime<Utc>, sent: Moment) -> Age {
        self.clocks.borrow().age(stamp, sent)
    }

    /// The same against a create of an earlier process, by what the server's `Date` showed when it left and shows now.
    pub(super) fn age_by_date(
        &self,
        stamp: DateTime<Utc>,
        intent: (DateTime<Utc>, TimeDelta),
        date: (DateTime<Utc>, Moment),
    ) -> Age {
        self.clocks.borrow().age_by_date(stamp, intent, date)
    }

    /// Who made a report: for a create of this process that went with `token`. Until a report that was made with it was
    /// seen, it may be anyone's: that of a person who had another token of this or an earlier process, or a stranger's.
    pub(super) fn maker(&self, report: &Listed, token: Option<Generation>) -> Maker {
        let (us, earlier) = (self.us.borrow(), self.earlier.borrow());
        let Some(by) = &report.created_by else {
            return Maker::Unknown;
        };
        match token.and_then(|token| us.get(&token)) {
            Some(us) => who(by, us),
            // Any person that is known may have had this token.
            None => match who(by, us.values().flatten().chain(&*earlier)) {
                Maker::Other => Maker::Stranger,
                _ => Maker::Unknown,
            },
        }
    }

    /// Who made a report: for a create of an earlier process, which may have been another person's.
    pub(super) fn maker_before(&self, report: &Listed) -> Maker {
        let (us, earlier) = (self.us.borrow(), self.earlier.borrow());
        let by = report.created_by.as_ref();
        by.map_or(Maker::Unknown, |by| {
            who(by, us.values().flatten().chain(&*earlier))
        })
    }

    /// What a single read showed earlier, where asking again would hardly show more.
    pub(super) fn details(&self, id: &ReportId) -> Option<Listed> {
        let details = self.details.borrow();
        let (report, read) = details.get(id)?;
        let is_complete = report.created.is_some() && report.created_by.is_some();
        (is_complete || read.elapsed() < STALE).then(|| report.clone())
    }

    /// Keeps what a single read showed.
    pub(super) fn keep(&self, report: &Listed) {
        let mut details = self.details.borrow_mut();
        details.insert(report.id.clone(), (report.clone(), Instant::now()));
    }

    /// Whether a report of a list without sub-partner is known to be a sub-partner's.
    pub(super) fn is_theirs(&self, id: &ReportId) -> bool {
        self.theirs.borrow().contains(id)
    }

    /// A report may be a row's own: what is seen of it is kept for a person who decides.
    pub(super) fn saw_candidate(&self, report: &Listed) {
        let mut candidates = self.candidates.borrow_mut();
        candidates.insert(report.id.clone(), report.clone());
    }

    /// What was seen of these reports, as far as anything was.
    pub fn candidates(&self, ids: &[ReportId]) -> Vec<Listed> {
        let candidates = self.candidates.borrow();
        let seen = ids.iter().filter_map(|id| candidates.get(id));
        seen.cloned().collect()
    }

    pub(super) fn found_theirs(&self, ids: impl IntoIterator<Item = ReportId>) {
        self.theirs.borrow_mut().extend(ids);
    }
}

/// Whether `by` is one of these people. Somebody else is known only by an id of the same form: a server that shows an
/// e-mail address in one place and an id in another shows one person twice.
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
            (
                "bob",
                [Unknown, Stranger, Stranger, Unknown],
                [Other, Us, Other, Unknown],
            ),
            (
                "alice",
                [Unknown, Unknown, Stranger, Unknown],
                [Us, Other, Other, Unknown],
            ),
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
