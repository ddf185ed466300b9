use super::{
    audited_request::AuditedRequest,
    difference::{Difference, DifferenceKind},
    remedy::Remedy,
};
use crate::{
    inventory::{Maker, Other, ServerReports},
    ledger::{Collected, Row, State},
    text::one_line,
};
use reconcile::DifferenceId;
use request::{ReportId, ReportStatus};

/// The first kind of difference that applies. `twins`: how many of the others may belong to the twin with the other
/// `internal`, which has no report; these are no duplicates.
///
/// | row | server | |
/// | --- | --- | --- |
/// | has no report | lists one that no row has | `unknown` |
/// | has no report | lists none | `not_created` |
/// | has a report | neither lists it nor finds it | `gone` |
/// | has a report | says that it failed | `server_failed` |
/// | has a report | lists another one, that has not failed and is no sub-partner's | `duplicate` |
pub(super) fn judge(
    subject: &AuditedRequest<'_>,
    held: &ServerReports,
    twins: usize,
) -> Option<Difference> {
    let Some(id) = subject.report() else {
        let Some(newest) = held.others.first() else {
            return Some(not_created(subject));
        };
        let missing = not_created(subject);
        let what =
            format!("{}, and the server lists {}", missing.what, list(subject, held.others.iter()));
        let remedy = match missing.remedy {
            Remedy::Run | Remedy::Retry => Remedy::Adopt,
            remedy => remedy,
        };
        let ids = sorted_ids(held.others.iter());
        return Some(Difference {
            report_id: Some(newest.report.id.clone()),
            ..subject.differs(DifferenceKind::Unknown, &ids, (what, remedy))
        });
    };
    let Some(own) = &held.own else {
        let what = format!("the server neither lists nor finds its report {id}");
        let about = [id.as_str()];
        return Some(subject.differs(DifferenceKind::Gone, &about, (what, Remedy::Replace)));
    };
    if own.status() == ReportStatus::Failed {
        let collected = subject.row.map(|row| &*row.collected);
        let known = collected.map(|it| it.error.as_str());
        let known = known.filter(|error| !error.is_empty());
        let why = own.errors.as_deref().or(known);
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        let what = format!("the server could not generate its report {id}{why}");
        let remedy = if collected.is_some_and(|it| it.status() == ReportStatus::Failed) {
            Remedy::Recreate
        } else {
            Remedy::CollectThenRecreate
        };
        let about = [id.as_str()];
        return Some(subject.differs(DifferenceKind::ServerFailed, &about, (what, remedy)));
    }
    let others = held.others.iter();
    let others: Vec<&Other> = others
        .filter(|other| other.report.status() != ReportStatus::Failed && !other.may_be_theirs)
        .collect();
    (others.len() > twins).then(|| {
        let mut ids = sorted_ids(others.iter().copied());
        ids.insert(0, id.as_str());
        let listed = list(subject, others.into_iter());
        let what = format!("its report is {id}, and the server also lists {listed}");
        let look = "look at both: nothing is deleted for you";
        subject.differs(DifferenceKind::Duplicate, &ids, (what, Remedy::Look(look)))
    })
}

pub(super) fn not_created(subject: &AuditedRequest<'_>) -> Difference {
    let remedy = Remedy::of_missing(subject.row);
    let state = subject.row.map(|row| &row.state);
    let about = state.map_or(Vec::new(), |state| vec![state.word(), state.error_code()]);
    let why = (why_not_created(subject.row), remedy);
    subject.differs(DifferenceKind::NotCreated, &about, why)
}

/// That a row is not created, or not collected, as far as that is known without the server.
pub(super) fn unfinished(subject: &AuditedRequest<'_>) -> Option<Difference> {
    if subject.report().is_none() {
        Some(not_created(subject))
    } else {
        subject.has_report_without_file().then(|| not_collected(subject, None))
    }
}

/// The ids that [`unfinished`] may have: with the server, the reason that a file is missing is known.
pub(super) fn unfinished_ids(subject: &AuditedRequest<'_>) -> Vec<DifferenceId> {
    let Some(report) = subject.report() else { return vec![not_created(subject).id] };
    let kinds = [DifferenceKind::NotCollected, DifferenceKind::Gone, DifferenceKind::ServerFailed];
    let about = [report.as_str()];
    let of_kind = |kind| subject.differs(kind, &about, (String::new(), Remedy::Collect)).id;
    kinds.map(of_kind).to_vec()
}

fn sorted_ids<'a>(others: impl Iterator<Item = &'a Other>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = others.map(|other| other.report.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

/// `held`: the server's answer about the report, if it was asked.
pub(super) fn not_collected(
    subject: &AuditedRequest<'_>,
    held: Option<&ServerReports>,
) -> Difference {
    let known = subject.row.map(|row| &*row.collected);
    let own = held.and_then(|held| held.own.as_ref());
    let word = match held {
        Some(_) => own.and_then(|own| own.status.as_deref()),
        None => known.map(|known| known.status.as_str()),
    };
    let word = word.unwrap_or_default();
    let report = match held {
        Some(_) => "its report is",
        None => "its report was, when the server was last asked,",
    };
    let why = match known.map_or("", Collected::why_not) {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    let (what, remedy) = match ReportStatus::of(word) {
        ReportStatus::Unread => {
            let what = "it is not known whether its report is complete, and it is not collected";
            (what.to_owned(), Remedy::Collect)
        }
        ReportStatus::Completed => {
            (format!("{report} complete, and it is not collected{why}"), Remedy::Collect)
        }
        // Only without a server: else it is another kind.
        ReportStatus::Failed => {
            let lost = "the server could not generate its report, and so it is not collected";
            (format!("{lost}{why}"), Remedy::Recreate)
        }
        ReportStatus::InProgress | ReportStatus::Unknown => {
            let shown = one_line(word);
            let what = format!("{report} not complete ({shown}), and so it is not collected");
            (what, Remedy::Collect)
        }
    };
    let id = subject.report().map_or("", ReportId::as_str);
    subject.differs(DifferenceKind::NotCollected, &[id], (what, remedy))
}

fn why_not_created(row: Option<&Row>) -> String {
    let Some(row) = row else {
        return "it has no row in the ledger".to_owned();
    };
    let (word, text) = match &row.state {
        State::InDoubt { text, candidates, .. } => {
            let ids: Vec<&str> = candidates.iter().map(ReportId::as_str).collect();
            let ids = if ids.is_empty() {
                String::new()
            } else {
                format!("; candidates: {}", ids.join(", "))
            };
            ("in doubt", format!("{text}{ids}"))
        }
        state => (state.word(), state.text()),
    };
    if text.is_empty() {
        format!("its row is {word}")
    } else {
        format!("its row is {word} ({text})")
    }
}

fn list<'a>(subject: &AuditedRequest<'_>, others: impl Iterator<Item = &'a Other>) -> String {
    // A list does not show `internal`.
    let twin = if subject.planned.request.internal {
        "may be one without `internal`"
    } else {
        "may be one with `internal`"
    };
    let others = others.map(|other| {
        let is_failed = other.report.status() == ReportStatus::Failed;
        let failed = is_failed.then_some(ReportStatus::FAILED);
        let foreign = (other.maker == Maker::Other).then_some("made by someone else");
        let twin = other.report.internal.is_none().then_some(twin);
        let theirs = other.may_be_theirs.then_some("may be a sub-partner's");
        let notes: Vec<&str> = [failed, foreign, theirs, twin].into_iter().flatten().collect();
        let id = one_line(other.report.id.as_str());
        if notes.is_empty() { id } else { format!("{id} ({})", notes.join(", ")) }
    });
    others.collect::<Vec<_>>().join(", ")
}
