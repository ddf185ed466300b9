//! What a look-up means: whether one of the reports it saw is the request's.
//!
//! Each report that could be the request's, that no other row has and nobody gave up, is judged by itself:
//!
//! | listed before the create left | made, against the create | by | of a create of this process | of an earlier process |
//! | --- | --- | --- | --- | --- |
//! | yes | any | any | not ours | not ours |
//! | no | before | us, unknown | nobody can say | nobody can say |
//! | any | before | any | not ours | not ours |
//! | any | any | another person | not ours | theirs, perhaps |
//! | any | any | a stranger | nobody can say | theirs, perhaps |
//! | no | any | us | ours | ours |
//! | unknown | about, after | us | ours | ours |
//! | no | any | unknown | ours at the end | ours at the end |
//! | unknown | after | unknown | ours at the end, where stamps say when a report was asked for | the same |
//! | unknown | about | unknown | nobody can say | ours at the end, where stamps say so and this one is not before the intent |
//! | unknown | unknown | us | nobody can say | ours at the end, where the stamp is at most a minute before the intent |
//! | unknown | unknown | unknown | nobody can say | ours at the end, where stamps say so and this one is not before the intent |
//!
//! "At the end" is when `retry.settle` has passed, and nothing that this run still makes can teach more about clocks and
//! people. Of the partner's own requests no report is ours that may be a sub-partner's. Of a report that the
//! sub-partner's list shows and another sub-partner's row has nobody can say; nor of an item that contradicts its query,
//! or shows the opposite of `internal`: whoever shows the wrong days may show them of our report. Together:
//!
//! | reports | before `settle` | after it |
//! | --- | --- | --- |
//! | one is ours, of no other can it not be said | adopted | adopted |
//! | we made one that is ours, others contradict their query | adopted | adopted |
//! | several are ours | look again | `in_doubt`, all named: whatever is learned, they stay ours |
//! | of one nobody can say | look again | `in_doubt`, all named; first wait for what can still be learned |
//! | only theirs, perhaps | look again | the same: who we are can still be learned |
//! | none | look again | not made: sent again; after a 2xx: `in_doubt`, it exists and cannot be found |
//!
//! After a 409 the one report that there is, is adopted, unless its item contradicts its query; but never for the
//! partner's own request: an old report of a sub-partner that has left may be all that a list shows. Where the plan has
//! the same request with the other `internal`, and that has no report yet, the one may be its report while ours is not
//! listed yet: it is adopted after `settle`.
//!
//! Where a twin is in doubt too, a report that is ours may be the twin's: nothing is adopted, and at the end a person
//! has to decide.

use std::collections::HashSet;

use super::{Age, Fit};
use request::{Doubt, ReportId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOrigin {
    ThisProcess,
    /// It may have been another person's.
    EarlierProcess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The person whose token the create went with; for an earlier process anyone whose token this one has sent, or
    /// whose reports the ledger holds.
    Us,
    Other,
    /// None of these people, while we do not know who we are with the token of the create.
    Stranger,
    /// The server does not show it, or we do not know who we are.
    Unknown,
}

/// A report that could be a request's, as a look-up saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub id: ReportId,
    /// Against the create that is in doubt.
    pub age: Age,
    pub maker: Maker,
    /// The request is the partner's own, and the report may be a sub-partner's.
    pub may_be_theirs: bool,
    /// Another sub-partner's row has it, though this one's list shows it.
    pub is_anothers: bool,
    /// By what its item shows; never [`Fit::Other`].
    pub fit: Fit,
    /// By its stamp alone, it is not before the intent; where we made it, at most a minute.
    pub since_by_its_stamp: bool,
    /// The server's stamps say when a report was asked for.
    pub stamped_when_asked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionKind {
    WasItMade(Doubt),
    /// Which report does the server mean by 409?
    WhichExists,
}

#[derive(Debug, Clone)]
pub struct LookUpQuestion<'a> {
    pub kind: QuestionKind,
    pub origin: AttemptOrigin,
    /// What a list showed before the last create left; `None` where there was none.
    pub listed_before: Option<&'a HashSet<ReportId>>,
    pub is_own: bool,
    /// One of its twins is in doubt too.
    pub has_rival: bool,
    /// The plan has the same request with the other `internal`, and no report of it is known.
    pub has_open_twin: bool,
    /// `retry.settle` has passed.
    pub settled: bool,
    /// This run may still learn about clocks and people.
    pub may_learn: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum LookUpResult {
    Adopt(ReportId),
    LookAgain,
    /// It may be sent again.
    NotMade,
    /// The server refused the create for a report that is not listed.
    NoneExists,
    /// A person has to decide between these.
    Undecidable(Vec<ReportId>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CandidateVerdict {
    Ours,
    NotOurs,
    TheirsPerhaps,
    NobodyCanSay,
}

pub fn judge(question: &LookUpQuestion<'_>, seen: &[Candidate]) -> LookUpResult {
    match question.kind {
        QuestionKind::WasItMade(doubt) => was_it_made(question, doubt, seen),
        QuestionKind::WhichExists => which_exists(question, seen),
    }
}

fn was_it_made(question: &LookUpQuestion<'_>, doubt: Doubt, seen: &[Candidate]) -> LookUpResult {
    let at_the_end = question.settled && !question.may_learn;
    let (mut ours, mut open, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for report in seen {
        match verdict(question, report, at_the_end) {
            CandidateVerdict::Ours => ours.push(report),
            CandidateVerdict::NobodyCanSay => open.push(report),
            CandidateVerdict::TheirsPerhaps => theirs.push(report),
            CandidateVerdict::NotOurs => {}
        }
    }
    if let ([only], false) = (&ours[..], question.has_rival)
        && (open.iter()).all(|other| other.fit != Fit::Fits && only.maker == Maker::Us)
    {
        return LookUpResult::Adopt(only.id.clone());
    }
    let is_open = !open.is_empty() || !theirs.is_empty();
    if !question.settled || (question.may_learn && is_open) {
        return LookUpResult::LookAgain;
    }
    let named = [ours, open, theirs].concat();
    match (doubt, named.is_empty()) {
        (_, false) => LookUpResult::Undecidable(ids(&named)),
        (Doubt::Open, true) => LookUpResult::NotMade,
        (Doubt::SaidYes, true) => LookUpResult::Undecidable(Vec::new()),
    }
}

fn which_exists(question: &LookUpQuestion<'_>, seen: &[Candidate]) -> LookUpResult {
    let mut possible = seen.iter().filter(|report| report.fit != Fit::OtherInternal);
    if let (Some(only), None) = (possible.next(), possible.next())
        && only.fit == Fit::Fits
        && !(question.has_rival || question.is_own || only.is_anothers)
        && (question.settled || !question.has_open_twin)
    {
        return LookUpResult::Adopt(only.id.clone());
    }
    match seen {
        _ if !question.settled => LookUpResult::LookAgain,
        [] => LookUpResult::NoneExists,
        several => LookUpResult::Undecidable(ids(&several.iter().collect::<Vec<_>>())),
    }
}

fn verdict(
    question: &LookUpQuestion<'_>,
    report: &Candidate,
    at_the_end: bool,
) -> CandidateVerdict {
    use CandidateVerdict::{NobodyCanSay, NotOurs, Ours, TheirsPerhaps};
    let is_new = match question.listed_before {
        Some(before) if before.contains(&report.id) => return NotOurs,
        Some(_) => true,
        None => false,
    };
    let may_be_us = matches!(report.maker, Maker::Us | Maker::Unknown);
    if report.age == Age::Before {
        // Its stamp says that it was there when a list did not show it: one of the two is wrong.
        return if is_new && may_be_us { NobodyCanSay } else { NotOurs };
    }
    let earlier = question.origin == AttemptOrigin::EarlierProcess;
    match report.maker {
        Maker::Other if !earlier => return NotOurs,
        Maker::Stranger if !earlier => return NobodyCanSay,
        Maker::Other | Maker::Stranger => return TheirsPerhaps,
        Maker::Us | Maker::Unknown => {}
    }
    if report.may_be_theirs || report.is_anothers || report.fit != Fit::Fits {
        return NobodyCanSay;
    }
    let is_us = report.maker == Maker::Us;
    if is_us && (is_new || matches!(report.age, Age::About | Age::After)) {
        return Ours;
    }
    let dated = report.age == Age::After && report.stamped_when_asked;
    let by_intent = earlier && report.since_by_its_stamp && (is_us || report.stamped_when_asked);
    if at_the_end && (is_new || dated || by_intent) {
        return Ours;
    }
    NobodyCanSay
}

fn ids(seen: &[&Candidate]) -> Vec<ReportId> {
    seen.iter().map(|seen| seen.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGES: [Age; 4] = [Age::Before, Age::About, Age::After, Age::Unknown];
    const MAKERS: [Maker; 4] = [Maker::Us, Maker::Other, Maker::Stranger, Maker::Unknown];

    fn seen(age: Age, maker: Maker) -> Candidate {
        Candidate {
            id: "one".parse().unwrap(),
            age,
            maker,
            may_be_theirs: false,
            is_anothers: false,
            fit: Fit::Fits,
            since_by_its_stamp: false,
            stamped_when_asked: false,
        }
    }

    fn question(origin: AttemptOrigin) -> LookUpQuestion<'static> {
        LookUpQuestion {
            kind: QuestionKind::WasItMade(Doubt::Open),
            origin,
            listed_before: None,
            is_own: false,
            has_rival: false,
            has_open_twin: false,
            settled: true,
            may_learn: false,
        }
    }

    /// The cells of the table in this file's doc comment, as (listed before, age, maker, this process, earlier).
    fn table() -> Vec<[String; 5]> {
        include_str!("judge.rs")
            .lines()
            .skip_while(|line| !line.starts_with("//! | listed before"))
            .skip(2)
            .map_while(|line| line.strip_prefix("//! | "))
            .map(|row| {
                let cells: Vec<String> =
                    row.trim_end_matches(" |").split(" | ").map(str::to_owned).collect();
                cells.try_into().unwrap()
            })
            .collect()
    }

    /// Every report is judged as the first row of the table that names it says.
    #[test]
    fn reports_are_judged_as_the_table_says() {
        let table = table();
        assert_eq!(table.len(), 12);
        let id: ReportId = "one".parse().unwrap();
        let (listed, not_listed) = (HashSet::from([id]), HashSet::new());
        for (before, name) in [(Some(&listed), "yes"), (Some(&not_listed), "no"), (None, "unknown")]
        {
            for (age, age_name) in AGES.iter().zip(["before", "about", "after", "unknown"]) {
                for (maker, maker_name) in
                    MAKERS.iter().zip(["us", "another person", "a stranger", "unknown"])
                {
                    let names = |cell: &str, name: &str| {
                        cell == "any" || cell.split(", ").any(|c| c == name)
                    };
                    let row = table
                        .iter()
                        .find(|row| {
                            names(&row[0], name)
                                && names(&row[1], age_name)
                                && names(&row[2], maker_name)
                        })
                        .unwrap_or_else(|| panic!("{name} {age_name} {maker_name}"));
                    for (origin, cell) in [
                        (AttemptOrigin::ThisProcess, &row[3]),
                        (AttemptOrigin::EarlierProcess, &row[4]),
                    ] {
                        for (by_stamp, asked) in
                            [(false, false), (true, false), (false, true), (true, true)]
                        {
                            for end in [false, true] {
                                let question =
                                    LookUpQuestion { listed_before: before, ..question(origin) };
                                let report = Candidate {
                                    since_by_its_stamp: by_stamp,
                                    stamped_when_asked: asked,
                                    ..seen(*age, *maker)
                                };
                                let expected = match &**cell {
                                    "not ours" => CandidateVerdict::NotOurs,
                                    "ours" => CandidateVerdict::Ours,
                                    "theirs, perhaps" => CandidateVerdict::TheirsPerhaps,
                                    "ours at the end" if end => CandidateVerdict::Ours,
                                    "ours at the end, where stamps say when a report was asked for"
                                        if end && asked =>
                                    {
                                        CandidateVerdict::Ours
                                    }
                                    "the same" if end && asked => CandidateVerdict::Ours,
                                    "ours at the end, where stamps say so and this one is not before the intent"
                                        if end && by_stamp && asked =>
                                    {
                                        CandidateVerdict::Ours
                                    }
                                    "ours at the end, where the stamp is at most a minute before the intent"
                                        if end && by_stamp =>
                                    {
                                        CandidateVerdict::Ours
                                    }
                                    "nobody can say" => CandidateVerdict::NobodyCanSay,
                                    other => {
                                        assert!(
                                            other.contains("at the end")
                                                || other.contains("the same"),
                                            "{other}"
                                        );
                                        CandidateVerdict::NobodyCanSay
                                    }
                                };
                                assert_eq!(
                                    verdict(&question, &report, end),
                                    expected,
                                    "{question:?} {report:?} {end}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    /// A proxy gave another row this one's answer: whatever speaks for it, nothing is adopted and nothing sent again.
    #[test]
    fn what_another_sub_partners_row_has_is_for_a_person() {
        for age in [Age::About, Age::After, Age::Unknown] {
            for maker in [Maker::Us, Maker::Unknown] {
                let report = Candidate { is_anothers: true, ..seen(age, maker) };
                let named = LookUpResult::Undecidable(vec![report.id.clone()]);
                assert_eq!(judge(&question(AttemptOrigin::ThisProcess), &[report]), named);
            }
        }
    }

    #[test]
    fn of_the_partner_itself_nothing_is_ours_that_may_be_a_sub_partners() {
        for age in AGES {
            for maker in MAKERS {
                for origin in [AttemptOrigin::ThisProcess, AttemptOrigin::EarlierProcess] {
                    let report = Candidate {
                        may_be_theirs: true,
                        since_by_its_stamp: true,
                        stamped_when_asked: true,
                        ..seen(age, maker)
                    };
                    assert_ne!(verdict(&question(origin), &report, true), CandidateVerdict::Ours);
                    let exists = LookUpQuestion {
                        kind: QuestionKind::WhichExists,
                        is_own: true,
                        ..question(origin)
                    };
                    let named = LookUpResult::Undecidable(vec![report.id.clone()]);
                    assert_eq!(judge(&exists, &[report]), named);
                }
            }
        }
    }

    /// What several reports come to, before and after `settle`.
    #[test]
    fn reports_together_mean_what_the_table_says() {
        let named = |id: &str, seen: Candidate| Candidate { id: id.parse().unwrap(), ..seen };
        let ours = named("ours", seen(Age::After, Maker::Us));
        let ours2 = named("ours2", seen(Age::About, Maker::Us));
        let old = named("old", seen(Age::Before, Maker::Us));
        let other = named("other", seen(Age::After, Maker::Other));
        let open = named("open", seen(Age::Unknown, Maker::Unknown));
        let all = |seen: &[&Candidate]| LookUpResult::Undecidable(ids(seen));
        let again = || LookUpResult::LookAgain;
        let adopt = || LookUpResult::Adopt(ours.id.clone());
        use AttemptOrigin::{EarlierProcess as E, ThisProcess as T};
        for (origin, reports, early, late) in [
            (T, vec![], again(), LookUpResult::NotMade),
            (T, vec![&old, &other], again(), LookUpResult::NotMade),
            (T, vec![&ours, &old, &other], adopt(), adopt()),
            (T, vec![&ours, &ours2], again(), all(&[&ours, &ours2])),
            (T, vec![&ours, &open], again(), all(&[&ours, &open])),
            (T, vec![&open], again(), all(&[&open])),
            (E, vec![&other], again(), all(&[&other])),
            (E, vec![&ours, &other], adopt(), adopt()),
            (E, vec![&old], again(), LookUpResult::NotMade),
        ] {
            let reports: Vec<Candidate> = reports.into_iter().cloned().collect();
            for (settled, expected) in [(false, &early), (true, &late)] {
                let mut question = LookUpQuestion { settled, ..question(origin) };
                assert_eq!(judge(&question, &reports), *expected, "{reports:?}");
                question.has_rival = true;
                let rival = judge(&question, &reports);
                assert!(!matches!(rival, LookUpResult::Adopt(_)), "{reports:?}");
                question.kind = QuestionKind::WasItMade(Doubt::SaidYes);
                let said_yes = judge(&question, &reports);
                assert_ne!(said_yes, LookUpResult::NotMade, "a 2xx is never sent again");
            }
        }
        let waits = LookUpQuestion { may_learn: true, ..question(T) };
        let stranger = named("stranger", seen(Age::After, Maker::Stranger));
        for report in [open, stranger] {
            assert_eq!(judge(&waits, &[report]), again(), "first what can be learned");
        }
        let theirs = LookUpQuestion { may_learn: true, ..question(E) };
        assert_eq!(judge(&theirs, &[other]), again(), "who we are can still be learned");
        assert_eq!(judge(&waits, &[]), LookUpResult::NotMade);
        let both = [ours.clone(), ours2.clone()];
        assert_eq!(judge(&waits, &both), all(&[&ours, &ours2]), "both stay ours");
        let rival = LookUpQuestion { has_rival: true, ..waits };
        assert_eq!(judge(&rival, &both[..1]), all(&[&ours]), "it may stay the twin's");
    }

    /// "Ours at the end" is adopted after `settle`, and only once nothing more can be learned.
    #[test]
    fn the_end_is_after_settle_and_when_nothing_can_be_learned() {
        let before = HashSet::new();
        let report = seen(Age::Unknown, Maker::Unknown);
        for (settled, may_learn) in [(false, false), (false, true), (true, true)] {
            let question = LookUpQuestion {
                listed_before: Some(&before),
                settled,
                may_learn,
                ..question(AttemptOrigin::ThisProcess)
            };
            let early = judge(&question, std::slice::from_ref(&report));
            assert_eq!(early, LookUpResult::LookAgain, "{settled} {may_learn}");
            let end = LookUpQuestion { settled: true, may_learn: false, ..question };
            let adopted = LookUpResult::Adopt(report.id.clone());
            assert_eq!(judge(&end, std::slice::from_ref(&report)), adopted);
        }
    }

    #[test]
    fn an_item_that_contradicts_its_query_may_be_ours() {
        let ours = seen(Age::After, Maker::Us);
        let odd = |age, maker| Candidate {
            id: "odd".parse().unwrap(),
            fit: Fit::Contradicts,
            ..seen(age, maker)
        };
        for origin in [AttemptOrigin::ThisProcess, AttemptOrigin::EarlierProcess] {
            let question = question(origin);
            for age in [Age::About, Age::After, Age::Unknown] {
                for maker in [Maker::Us, Maker::Unknown] {
                    let odd = odd(age, maker);
                    let named = LookUpResult::Undecidable(vec![odd.id.clone()]);
                    assert_eq!(judge(&question, std::slice::from_ref(&odd)), named);
                    let adopted = LookUpResult::Adopt(ours.id.clone());
                    assert_eq!(judge(&question, &[ours.clone(), odd]), adopted);
                }
            }
            let old = odd(Age::Before, Maker::Us);
            assert_eq!(judge(&question, &[old]), LookUpResult::NotMade);
        }
        // Where nobody knows who made the other one, either may be ours.
        let before = HashSet::new();
        let unknown =
            LookUpQuestion { listed_before: Some(&before), ..question(AttemptOrigin::ThisProcess) };
        let both = [seen(Age::Unknown, Maker::Unknown), odd(Age::Unknown, Maker::Unknown)];
        assert_eq!(judge(&unknown, &both[..1]), LookUpResult::Adopt(ours.id.clone()));
        assert!(matches!(
            judge(&unknown, &both),
            LookUpResult::Undecidable(named) if named.len() == 2
        ));
        let exists = LookUpQuestion { kind: QuestionKind::WhichExists, ..unknown };
        for seen in [&both[..], &both[1..]] {
            assert!(matches!(
                judge(&exists, seen),
                LookUpResult::Undecidable(named) if named.len() == seen.len()
            ));
        }
        let twins = Candidate { fit: Fit::OtherInternal, ..both[1].clone() };
        let [fitting, _] = both;
        assert_eq!(judge(&exists, &[fitting, twins.clone()]), LookUpResult::Adopt(ours.id));
        let named = LookUpResult::Undecidable(vec![twins.id.clone()]);
        assert_eq!(judge(&exists, &[twins]), named);
    }

    #[test]
    fn a_409_means_the_one_report_that_there_is() {
        let exists = |settled| LookUpQuestion {
            kind: QuestionKind::WhichExists,
            settled,
            ..question(AttemptOrigin::ThisProcess)
        };
        let one = seen(Age::Before, Maker::Other);
        let two = Candidate { id: "two".parse().unwrap(), ..one.clone() };
        let adopt = LookUpResult::Adopt(one.id.clone());
        assert_eq!(judge(&exists(false), std::slice::from_ref(&one)), adopt);
        assert_eq!(judge(&exists(false), &[]), LookUpResult::LookAgain);
        for (settled, finding) in [(false, &LookUpResult::LookAgain), (true, &adopt)] {
            let twin = LookUpQuestion { has_open_twin: true, ..exists(settled) };
            assert_eq!(judge(&twin, std::slice::from_ref(&one)), *finding);
        }
        let named = LookUpResult::Undecidable(vec![one.id.clone()]);
        let rival = LookUpQuestion { has_rival: true, ..exists(true) };
        assert_eq!(judge(&rival, std::slice::from_ref(&one)), named);
        let anothers = Candidate { is_anothers: true, ..one.clone() };
        assert_eq!(judge(&exists(true), &[anothers]), named);
        assert_eq!(judge(&exists(true), &[]), LookUpResult::NoneExists);
        let both = LookUpResult::Undecidable(ids(&[&one, &two]));
        assert_eq!(judge(&exists(true), &[one, two]), both);
    }
}
