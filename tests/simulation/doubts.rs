//! Which rows may be left to a person: those of which nobody could know.

use std::time::Duration;

use monthend::testing::{Row, State};
use request::ReportId;
use sandbox::model::{CreatedIs, Person, RefusalStatus};

use tokio::time::Instant;

use super::{
    history::{History, Process},
    server::{Reading, Report},
};

/// A report that is surely ours tells what the clocks show, where it is read so soon after its create left.
const CLOSE: Duration = Duration::from_secs(29);

/// A clock that shows whole seconds, and one that is read a little later.
const COARSE: Duration = Duration::from_secs(3);

/// What a single read did not show is not asked for again within this.
const STALE: Duration = Duration::from_secs(2);

/// A look that takes longer has other reasons than the server's usual pace.
const LONG: Duration = Duration::from_secs(10);

/// Why nobody could decide `row`, which has just been left to a person; else what would have told.
pub(crate) fn why(history: &History<'_>, row: &Row) -> Result<&'static str, String> {
    let State::InDoubt { text, candidates, .. } = &row.state else {
        return Err("it is not".to_owned());
    };
    if history.torn.borrow().contains(&row.id()) {
        return Ok("in doubt: a torn line");
    }
    let reports = history.server.reports();
    let report = |id: &ReportId| reports.iter().find(|report| report.id == *id);
    let named: Vec<&Report> = candidates.iter().filter_map(report).collect();
    if named.len() != candidates.len() {
        return Err("it names what does not exist".to_owned());
    }
    let said_yes = text.starts_with("the server accepted");
    let conflict = text.starts_with("the server says that the report exists");
    let is_own = row.request().sub_partner.is_none();
    if named.is_empty() {
        return if said_yes {
            Ok("in doubt: a 2xx without an id, and nothing listed")
        } else {
            Err("it names nothing".to_owned())
        };
    }
    if named.iter().any(|report| history.server.contradicts(report)) {
        return Ok("in doubt: an item of a list contradicts its query");
    }
    if conflict {
        return match (named.len(), is_own) {
            (1, false) if named[0].request == *row.request() => Err("one report exists".to_owned()),
            (1, false) => Ok("in doubt: 409, and only a twin's is listed"),
            (1, true) => Ok("in doubt: 409, perhaps a sub-partner's"),
            _ => Ok("in doubt: 409, several"),
        };
    }
    // The last look may have read it before it was all there, or in vain.
    let settled = history.process.borrow().settled.get(&row.id()).copied();
    let long_ago = |report: &&Report| match history.server.reads(&report.id).last() {
        Some(Reading { at, told: false, .. }) => {
            at.elapsed() > LONG || settled.is_some_and(|settled| *at + STALE >= settled)
        }
        _ => false,
    };
    if named.iter().any(|report| !history.server.tells(report) || long_ago(report)) {
        return Ok("in doubt: not shown who made it, or when");
    }
    let refusals = &history.server.traits.config.refuse;
    if is_own && refusals.values().any(|refusal| *refusal == RefusalStatus::Unauthorized) {
        return Ok("in doubt: perhaps a sub-partner's, whose list is refused");
    }
    let shows_org = history.server.traits.config.reports.shows_org.is_some();
    if is_own && shows_org && named.iter().any(|r| r.request.sub_partner.is_some()) {
        return Ok("in doubt: with an organisation that may be the partner's");
    }
    if !history.server.traits.config.reports.created_rounded_to.0.is_zero() {
        return Ok("in doubt: stamps to the minute, the hour or the day");
    }
    if history.server.traits.strays {
        return Ok("in doubt: single reads that are another report's");
    }
    let process = history.process.borrow();
    let earlier = process.doubts.contains_key(&row.id());
    if readable(history, &reports, row).is_empty() {
        return Ok("in doubt: nothing of ours to compare with");
    }
    // Of the ledger's reports one is read: where several people had a turn, it tells of one of them.
    let one_person = !history.server.traits.config.token.changes_person;
    let is_known = |by: Person| {
        let ours = readable(history, &reports, row).into_iter();
        let mut ours = ours.filter(|ours| one_person || process.answered.contains_key(&ours.id));
        ours.any(|ours| ours.stored.by == by && was_told(history, ours))
    };
    if earlier && named.iter().all(|report| !is_known(report.stored.by)) {
        return Ok("in doubt: another person's, after an earlier process");
    }
    let apart = history.server.traits.config.reports.created_jitter.0 * 2;
    // A stamp that is up to so much older proves nothing: it may be another clock's.
    let mut margin = apart + Duration::from_secs(5 * 60 + 5);
    let first = (history.server).first_left_since(row.request(), history.world.start());
    if let (true, Some(first)) = (earlier, first) {
        // The next process cannot tell whether the local clock was set, or another server dated the create.
        let set_by = history.world.was_set_by(first);
        margin += set_by.to_std().unwrap_or_default();
    }
    let left = history.server.first_left(row.request());
    let is_little_older = |report: &&Report| {
        let made = report.stored.made;
        left.is_some_and(|left| made < left && made + margin > left)
    };
    if named.iter().any(is_little_older) {
        return Ok("in doubt: one of our own that is a little older");
    }
    let by_us = |report: &&Report| report.stored.by == Person::Us;
    if !apart.is_zero() && named.iter().any(by_us) {
        return Ok("in doubt: one of our own, and stamps of several clocks");
    }
    let intent = row.state.intent();
    let is_old = |report: &&&Report| {
        report.stored.by == Person::Us && intent.is_some_and(|intent| report.stored.made < intent)
    };
    let when_ready = history.server.traits.config.reports.created_is == CreatedIs::Ready;
    if earlier && when_ready && named.iter().any(by_us) {
        return Ok("in doubt: one of our own, and stamps of when it was ready");
    }
    if earlier && process.answered.is_empty() && named.iter().any(|report| is_old(&report)) {
        return Ok("in doubt: one of our own, and no clock to say how old");
    }
    let was_read = |id| !history.server.reads(id).is_empty();
    if process.answered.keys().any(was_read) && !was_calibrated(history, &process, |_| true) {
        return Ok("in doubt: nothing of ours was read in time");
    }
    // What is known of clocks is forgotten when they are disturbed, and no age is known across that; nor does a look tell
    // one in whose middle they were.
    let (began, now) = (process.began.unwrap_or_else(Instant::now), Instant::now());
    let left = history.server.first_left_since(row.request(), began);
    let of_this_era = |witness: Instant| {
        let looked = now.checked_sub(LONG).unwrap_or(began);
        let from = left.map_or(witness, |left| left.min(witness)).min(looked);
        !history.world.was_disturbed(from, now)
    };
    if history.world.was_disturbed(began, now) && !was_calibrated(history, &process, of_this_era) {
        return Ok("in doubt: the computer slept, or its clock was set");
    }
    Err("the server showed what was needed".to_owned())
}

/// Whether a report that a create of this process was answered with has shown in time what the server's clocks show.
/// `counts` says whether one does whose create left then.
fn was_calibrated(
    history: &History<'_>,
    process: &Process,
    counts: impl Fn(Instant) -> bool,
) -> bool {
    process.answered.iter().any(|(id, left)| {
        let mut reads = history.server.reads(id);
        // A list of several pages counts once two readings of it agree, which nobody sees from here.
        reads.retain(|read| read.told && read.whole && read.at - *left < CLOSE && counts(*left));
        !reads.is_empty()
    })
}

/// Reports that are surely ours, as far as this process can know, and that the server shows in full.
/// Who we are is known only for the token in use: a report of another token tells nothing of this row's creates.
fn readable<'r>(history: &History<'_>, reports: &'r [Report], row: &Row) -> Vec<&'r Report> {
    let process = history.process.borrow();
    let earlier = process.doubts.contains_key(&row.id());
    let began = process.began.unwrap_or_else(Instant::now);
    let same_token = |id| (history.server).is_by_the_same_token(row.request(), began, id);
    let is_ours = |id| {
        process.answered.contains_key(id) && same_token(id) || earlier && process.found.contains(id)
    };
    let ours = reports.iter().filter(|report| is_ours(&report.id));
    ours.filter(|report| history.server.tells(report)).collect()
}

/// Whether `row` may have taken `report`, which another person made, because nobody could know.
pub(crate) fn may_be_anothers(history: &History<'_>, row: &Row, report: &Report) -> bool {
    let process = history.process.borrow();
    let intent = process.doubts.get(&row.id());
    let first_left = history.server.first_left(row.request());
    // It may have left for all that the next process knows.
    let intent = intent.copied().flatten().map(|intent| intent - COARSE);
    let config = &history.server.traits.config.reports;
    // Its stamp may be off, and lists that were read before the create left need not have had it yet.
    let seems_made = report.stored.made + config.created_jitter.0 * 2 + config.replica_lag.0;
    let is_new = (first_left.into_iter().chain(intent)).any(|left| left <= seems_made);
    let reports = history.server.reports();
    let ours = readable(history, &reports, row);
    let told = history.server.tells(report) && ours.iter().any(|ours| was_told(history, ours));
    is_new && !told
}

/// Whether a read in this process has told who made a report, and when.
fn was_told(history: &History<'_>, report: &Report) -> bool {
    let began = history.process.borrow().began;
    let reads = history.server.reads(&report.id);
    (reads.iter()).any(|read| read.told && began.is_none_or(|began| read.at >= began))
}

/// Whether a twin of `row` is in doubt, and rightly.
pub(crate) fn twin_is_in_doubt(history: &History<'_>, row: &Row) -> bool {
    let undecided = history.undecided.borrow();
    let mut twins = history.plan.iter().filter(|other| other.request().is_twin_of(row.request()));
    twins.any(|twin| matches!(undecided.get(&twin.id()), Some(Ok(_))))
}
