//! Finding out what became of a create whose answer was lost.
//!
//! A request in doubt is looked for on the server: all pages of a list, then a get for each report that could be
//! it and does not show when it was made. Lists lag, and a request whose answer was lost may still be at work,
//! so the look is repeated until `retry.settle` has passed. [`judge`] says what a look means:
//!
//! | what fits and no other row owns | before `settle` | after it |
//! | --- | --- | --- |
//! | one report made since the intent, nothing else | adopted | adopted |
//! | two or more made since the intent | look again | `in_doubt`, both named: one of them may be someone else's, and if both are ours a person has to know |
//! | reports that do not show when they were made | look again | `in_doubt`, named, unless a look before the create tells old from new |
//! | only reports made before the intent | look again | not made: sent again |
//! | nothing | look again | not made: sent again; after a 2xx: `in_doubt`, it exists and cannot be found |
//!
//! A request is compared with reports by type, days and sub-partner, and by `internal` where the server shows
//! it. Its twins cannot be told apart, so none of them is in flight meanwhile; where one is in doubt all the same
//! (from an earlier run, or another's share) a report that fits both is adopted by neither.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, SubsecRound as _, Utc};

use super::after_create::{Question, QuestionKind};
use crate::{
    api::{Api, Doubt, ListQuery, Listed},
    request::{ReportId, Request},
    session::{ReadError, Session},
};

/// When the looks begin, as shares of `retry.settle` after the answer was lost. The last one is at `settle`.
const LOOKS: [f64; 4] = [0.0, 0.15, 0.45, 1.0];
/// The same for a 409: the report that the server means is listed already, or will be soon.
const CONFLICT_LOOKS: [f64; 2] = [0.0, 1.0];

/// When look number `looks` begins after the answer was lost, and whether it is the last.
pub(super) fn schedule(kind: QuestionKind, looks: u32, settle: Duration) -> (Duration, bool) {
    let shares: &[f64] = match kind {
        QuestionKind::WasItMade(_) => &LOOKS,
        QuestionKind::WhichExists => &CONFLICT_LOOKS,
    };
    let place = usize::try_from(looks)
        .unwrap_or(usize::MAX)
        .min(shares.len() - 1);
    (settle.mul_f64(shares[place]), place == shares.len() - 1)
}

/// A report that could be a request's, as a look saw it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) id: ReportId,
    pub(super) created: Option<DateTime<Utc>>,
}

/// When reports were made, remembered for the run: it does not change.
pub(super) type CreatedCache = std::cell::RefCell<HashMap<ReportId, DateTime<Utc>>>;

/// Looks for several requests of one sub-partner with one list. Gives what could be each one's, in their order.
///
/// # Errors
/// The server cannot be asked.
pub(super) async fn look<A: Api>(
    session: &Session<'_, A>,
    requests: &[&Request],
    is_owned: impl Fn(&ReportId) -> bool,
    cache: &CreatedCache,
) -> Result<Vec<Vec<Seen>>, ReadError> {
    let Some(query) = common_query(requests) else {
        return Ok(Vec::new());
    };
    let listed = session.list(&query).await?;
    let mut found = Vec::with_capacity(requests.len());
    for request in requests {
        let mut seen = Vec::new();
        let mut ids = HashSet::new();
        for report in listed.iter().filter(|report| fits(report, request)) {
            if is_owned(&report.id) || !ids.insert(report.id.clone()) {
                continue;
            }
            let known = report
                .created
                .or_else(|| cache.borrow().get(&report.id).copied());
            let created = match known {
                Some(created) => Some(created),
                None => match session.get(&report.id).await? {
                    None => continue, // deleted meanwhile
                    Some(details) if !fits(&details, request) => continue,
                    Some(details) => details.created,
                },
            };
            if let Some(created) = created {
                cache.borrow_mut().insert(report.id.clone(), created);
            }
            seen.push(Seen {
                id: report.id.clone(),
                created,
            });
        }
        found.push(seen);
    }
    Ok(found)
}

/// One list that shows the reports of all `requests`: filtered by what they have in common. They share their
/// sub-partner.
pub(super) fn common_query(requests: &[&Request]) -> Option<ListQuery> {
    let (first, rest) = requests.split_first()?;
    let same_type = rest.iter().all(|r| r.report_type == first.report_type);
    let same_period = rest.iter().all(|r| r.period == first.period);
    Some(ListQuery {
        sub_partner: first.sub_partner.clone(),
        report_type: same_type.then_some(first.report_type),
        period: same_period.then_some(first.period),
    })
}

/// Whether a report can be this request's. What the server does not show cannot speak against it.
pub(super) fn fits(report: &Listed, request: &Request) -> bool {
    fn agrees<T: PartialEq>(shown: Option<&T>, asked: &T) -> bool {
        shown.is_none_or(|shown| shown == asked)
    }
    let org = report.sub_partner.as_ref();
    agrees(report.report_type.as_ref(), &request.report_type)
        && agrees(report.start.as_ref(), &request.period.start())
        && agrees(report.end.as_ref(), &request.period.end())
        && agrees(report.internal.as_ref(), &request.internal)
        && (org.is_none() || org == request.sub_partner.as_ref())
}

/// What a look means for a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finding {
    /// This report is its own.
    Adopt(ReportId),
    /// Nothing can be said yet.
    LookAgain,
    /// The server did not make it: it may be sent again.
    NotMade,
    /// The server refused it for a report that is not listed.
    NoneExists,
    /// A person has to decide; these could be it.
    Undecidable(Vec<ReportId>),
}

/// What is known of a request beside what a look saw.
pub(super) struct Known<'a> {
    /// When its earliest create whose outcome is unknown left, by the server's clock.
    pub(super) intent_at: Option<DateTime<Utc>>,
    /// What a list showed before its last create left.
    pub(super) listed_before: Option<&'a HashSet<ReportId>>,
    /// Whether one of its twins is in doubt too.
    pub(super) has_rival: bool,
    /// Whether `retry.settle` has passed.
    pub(super) settled: bool,
}

/// Judges one look; see the table above.
pub(super) fn judge(question: &Question, seen: &[Seen], known: &Known<'_>) -> Finding {
    let undecidable =
        |seen: &[&Seen]| Finding::Undecidable(seen.iter().map(|s| s.id.clone()).collect());
    let doubt = match question.kind {
        QuestionKind::WasItMade(doubt) => doubt,
        QuestionKind::WhichExists => {
            return match seen {
                [only] if !known.has_rival => Finding::Adopt(only.id.clone()),
                [] if known.settled => Finding::NoneExists,
                [] => Finding::LookAgain,
                several => undecidable(&several.iter().collect::<Vec<_>>()),
            };
        }
    };
    let mut since_intent = Vec::new();
    let mut of_unknown_age = Vec::new();
    for report in seen {
        match age(report, known) {
            Age::SinceIntent => since_intent.push(report),
            Age::Unknown => of_unknown_age.push(report),
            Age::Before => {}
        }
    }
    if let ([only], [], false) = (&since_intent[..], &of_unknown_age[..], known.has_rival) {
        return Finding::Adopt(only.id.clone());
    }
    if !known.settled {
        return Finding::LookAgain;
    }
    since_intent.append(&mut of_unknown_age);
    match (doubt, since_intent.is_empty()) {
        (_, false) => undecidable(&since_intent),
        (Doubt::Open, true) => Finding::NotMade,
        (Doubt::SaidYes, true) => Finding::Undecidable(Vec::new()),
    }
}

enum Age {
    Before,
    SinceIntent,
    Unknown,
}

/// Whether a report was made since the intent. Both sides may show whole seconds only, so a report of the same
/// second counts as made since.
fn age(report: &Seen, known: &Known<'_>) -> Age {
    if let Some(before) = known.listed_before {
        if before.contains(&report.id) {
            return Age::Before;
        }
        if report.created.is_none() {
            return Age::SinceIntent;
        }
    }
    match (report.created, known.intent_at) {
        (Some(created), Some(intent)) if created.trunc_subsecs(0) >= intent.trunc_subsecs(0) => {
            Age::SinceIntent
        }
        (Some(_), Some(_)) => Age::Before,
        _ => Age::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::api::Cause;

    fn seen(id: &str, created: Option<i64>) -> Seen {
        Seen {
            id: id.parse().unwrap(),
            created: created.map(|ms| DateTime::from_timestamp_millis(ms).unwrap()),
        }
    }

    /// The table of the module, enumerated.
    #[test]
    fn a_look_means_what_the_table_says() {
        let intent = DateTime::from_timestamp_millis(10_900).unwrap();
        let (old, edge, new, new2, undated) = (
            seen("old", Some(9_999)),
            seen("edge", Some(10_000)),
            seen("new", Some(12_000)),
            seen("new2", Some(13_000)),
            seen("undated", None),
        );
        let adopt = |s: &Seen| Finding::Adopt(s.id.clone());
        let named = |s: &[&Seen]| Finding::Undecidable(s.iter().map(|s| s.id.clone()).collect());
        let none: &[&str] = &[];
        type Case<'a> = (
            &'a [&'a Seen],
            Doubt,
            bool,
            Option<&'a [&'a str]>,
            bool,
            Finding,
        );
        let cases: &[Case<'_>] = &[
            (&[], Doubt::Open, false, None, false, Finding::LookAgain),
            (&[], Doubt::Open, true, None, false, Finding::NotMade),
            (&[], Doubt::SaidYes, true, None, false, named(&[])),
            (&[&old], Doubt::Open, false, None, false, Finding::LookAgain),
            (&[&old], Doubt::Open, true, None, false, Finding::NotMade),
            (&[&old], Doubt::SaidYes, true, None, false, named(&[])),
            (&[&old, &new], Doubt::Open, false, None, false, adopt(&new)),
            (&[&edge], Doubt::Open, false, None, false, adopt(&edge)),
            (&[&new], Doubt::SaidYes, false, None, false, adopt(&new)),
            (
                &[&new, &new2],
                Doubt::Open,
                false,
                None,
                false,
                Finding::LookAgain,
            ),
            (
                &[&new, &new2],
                Doubt::Open,
                true,
                None,
                false,
                named(&[&new, &new2]),
            ),
            (
                &[&undated],
                Doubt::Open,
                false,
                None,
                false,
                Finding::LookAgain,
            ),
            (
                &[&undated],
                Doubt::Open,
                true,
                None,
                false,
                named(&[&undated]),
            ),
            (
                &[&new, &undated],
                Doubt::Open,
                true,
                None,
                false,
                named(&[&new, &undated]),
            ),
            (
                &[&undated],
                Doubt::Open,
                false,
                Some(none),
                false,
                adopt(&undated),
            ),
            (
                &[&undated],
                Doubt::Open,
                true,
                Some(&["undated"]),
                false,
                Finding::NotMade,
            ),
            (&[&new], Doubt::Open, false, None, true, Finding::LookAgain),
            (&[&new], Doubt::Open, true, None, true, named(&[&new])),
        ];
        for (reports, doubt, settled, before, has_rival, expected) in cases {
            let reports: Vec<Seen> = reports.iter().map(|s| (*s).clone()).collect();
            let before = before.map(|ids| ids.iter().map(|id| id.parse().unwrap()).collect());
            let question = Question {
                kind: QuestionKind::WasItMade(*doubt),
                since: Instant::now(),
                looks: 0,
                cause: Cause::default(),
            };
            let known = Known {
                intent_at: Some(intent),
                listed_before: before.as_ref(),
                has_rival: *has_rival,
                settled: *settled,
            };
            assert_eq!(
                judge(&question, &reports, &known),
                *expected,
                "{reports:?} {doubt:?} {settled}"
            );
        }
    }

    #[test]
    fn the_last_look_is_at_settle() {
        let settle = Duration::from_secs(60);
        for kind in [
            QuestionKind::WasItMade(Doubt::Open),
            QuestionKind::WhichExists,
        ] {
            let looks: Vec<_> = (0..6).map(|n| schedule(kind, n, settle)).collect();
            assert!(looks.is_sorted_by_key(|(at, _)| *at));
            assert_eq!(looks[0].0, Duration::ZERO);
            assert!(looks.iter().all(|(at, last)| *last == (*at == settle)));
        }
    }
}
