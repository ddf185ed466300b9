//! What the server's answer means for a row's report.

use super::{
    difference::{Difference, Kind},
    subject::Subject,
};
use crate::{
    inventory::{Held, Maker, Other},
    ledger::{Row, State},
    text::one_line,
};

/// The first kind of difference that applies, where one does. `twins` is how many of the others may be the report
/// of a planned request that a list cannot tell from this one and that has none: so many are no second ones.
///
/// | row | server | |
/// | --- | --- | --- |
/// | has no report | lists one that no row has | `unknown` |
/// | has no report | lists none | `not_created` |
/// | has a report | neither lists it nor finds it | `gone` |
/// | has a report | says that it failed | `server_failed` |
/// | has a report | lists another one, that has not failed and is no sub-partner's | `duplicate` |
pub(super) fn judge(subject: &Subject<'_>, held: &Held, twins: usize) -> Option<Difference> {
    let Some(id) = subject.report() else {
        let why = why_not_created(subject.row);
        let Some(newest) = held.others.first() else {
            return Some(subject.differs(Kind::NotCreated, &why));
        };
        let ids = list(subject, held.others.iter());
        let what = format!("{why}, and the server lists {ids}");
        return Some(Difference {
            report_id: Some(newest.report.id.clone()),
            ..subject.differs(Kind::Unknown, &what)
        });
    };
    let Some(own) = &held.own else {
        let what = format!("the server neither lists nor finds its report {id}");
        return Some(subject.differs(Kind::Gone, &what));
    };
    if own.status.as_deref() == Some(FAILED) {
        let known = subject.row.map(|row| row.collected.error.as_str());
        let known = known.filter(|error| !error.is_empty());
        let why = own.errors.as_deref().or(known);
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        let what = format!("the server could not generate its report {id}{why}");
        return Some(subject.differs(Kind::ServerFailed, &what));
    }
    let others = held.others.iter();
    let others: Vec<&Other> = others
        .filter(|other| other.report.status.as_deref() != Some(FAILED) && !other.may_be_theirs)
        .collect();
    (others.len() > twins).then(|| {
        let ids = list(subject, others.into_iter());
        let what = format!("its report is {id}, and the server also lists {ids}");
        subject.differs(Kind::Duplicate, &what)
    })
}

/// Whether the server says that the row's report is there to be downloaded.
pub(super) fn is_complete(held: &Held) -> bool {
    let status = held.own.as_ref().and_then(|own| own.status.as_deref());
    status == Some(COMPLETED)
}

const FAILED: &str = "FAILED";
const COMPLETED: &str = "COMPLETED";

fn why_not_created(row: Option<&Row>) -> String {
    let Some(row) = row else {
        return "it has no row in the ledger".to_owned();
    };
    let word = match &row.state {
        State::InDoubt { .. } => "in doubt",
        state => state.word(),
    };
    match row.state.text().as_str() {
        "" => format!("its row is {word}"),
        text => format!("its row is {word} ({text})"),
    }
}

/// Ids, each with what is known of the report.
fn list<'a>(subject: &Subject<'_>, others: impl Iterator<Item = &'a Other>) -> String {
    // A list does not say whether internal organisations are included.
    let twin = match subject.planned.request.internal {
        false => "may be one with `internal`",
        true => "may be one without `internal`",
    };
    let others = others.map(|other| {
        let status = other.report.status.as_deref();
        let failed = (status == Some(FAILED)).then_some("FAILED");
        let foreign = (other.maker == Maker::Other).then_some("made by someone else");
        let twin = other.report.internal.is_none().then_some(twin);
        let theirs = other.may_be_theirs.then_some("may be a sub-partner's");
        let notes: Vec<&str> = [failed, foreign, theirs, twin]
            .into_iter()
            .flatten()
            .collect();
        let id = one_line(other.report.id.as_str());
        match notes.is_empty() {
            true => id,
            false => format!("{id} ({})", notes.join(", ")),
        }
    });
    others.collect::<Vec<_>>().join(", ")
}
