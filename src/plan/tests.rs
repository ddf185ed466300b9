//! Laws of expansion and selection, checked against a model that multiplies out in another way.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use proptest::prelude::*;

use super::{warning::WarningKind, *};
use crate::{
    ledger::{Ledger, LedgerRead, Reason, Row, State},
    manifest::{
        Discover, Discovered, Exclusion, Job, Labels, Manifest, PlanWarningSource, Settings,
        Source, SubPartner, SubPartnerSource, SubPartners,
    },
};
use request::{OrgId, Period, ReportType, Request, RequestIds};

fn org(n: usize) -> OrgId {
    format!("org{n}").parse().unwrap()
}

fn month(n: u32) -> Period {
    Period::month(2026, n).unwrap()
}

fn manifest(jobs: Vec<Job>) -> Manifest {
    let mut labels = Labels::new();
    labels.insert("Org Two".into(), org(2));
    Manifest {
        path: PathBuf::from("m.yaml"),
        origin: Default::default(),
        name: "m".to_owned(),
        settings: Settings::default(),
        ledger: PathBuf::from("m.ledger.csv"),
        jobs,
        labels,
        oddities: Vec::new(),
        is_relative: false,
        units: None,
        reconcile: Vec::new(),
    }
}

fn discovered() -> Discovered {
    Discovered::from([(Discover::Active, vec![org(3), org(4)])])
}

prop_compose! {
    fn arb_exclusion()(who in prop::option::of(0..6usize), what in prop::option::of(0..3usize), when in prop::option::of(1..4u32)) -> Exclusion {
        Exclusion {
            sub_partner: who.map(org),
            report_type: what.map(|t| ReportType::ALL[t]),
            period: when.map(month),
        }
    }
}

fn arb_sub_partners() -> impl Strategy<Value = SubPartners> {
    let source = prop_oneof![
        4 => (0..6usize).prop_map(|n| SubPartnerSource::Named(SubPartner { id: org(n), label: (n % 2 == 1).then(|| format!("Org {n}").into()) })),
        1 => Just(SubPartnerSource::Discovered(Discover::Active)),
    ];
    prop_oneof![
        1 => Just(SubPartners::Own),
        4 => prop::collection::vec(source, 1..5).prop_map(SubPartners::Listed),
    ]
}

fn arb_jobs() -> impl Strategy<Value = Vec<Job>> {
    let types = prop::sample::subsequence(ReportType::ALL.to_vec(), 1..=3).prop_shuffle();
    let periods = prop::collection::vec((1..4u32).prop_map(month), 1..4);
    let exclude = prop::collection::vec(arb_exclusion(), 0..3);
    let job = (arb_sub_partners(), types, periods, exclude, any::<bool>());
    prop::collection::vec(job, 1..4).prop_map(|jobs| {
        let jobs = jobs.into_iter().enumerate();
        jobs.map(|(i, (sub_partners, types, periods, exclude, internal))| Job {
            name: format!("job{i}").into(),
            sub_partners,
            types,
            internal,
            periods,
            exclude,
        })
        .collect()
    })
}

/// The same by nested loops over everything, in order, with duplicates.
fn model(jobs: &[Job]) -> Vec<(Arc<str>, Request)> {
    let mut all = Vec::new();
    for job in jobs {
        let whom: Vec<Option<OrgId>> = match &job.sub_partners {
            SubPartners::Own => vec![None],
            SubPartners::Listed(sources) => sources
                .iter()
                .flat_map(|source| match source {
                    SubPartnerSource::Named(partner) => vec![Some(partner.id.clone())],
                    SubPartnerSource::Discovered(which) => {
                        discovered()[which].iter().cloned().map(Some).collect()
                    }
                })
                .collect(),
        };
        for sub_partner in &whom {
            for period in &job.periods {
                for report_type in &job.types {
                    let excluded = job.exclude.iter().any(|e| {
                        (e.sub_partner.is_none() || e.sub_partner == *sub_partner)
                            && e.report_type.is_none_or(|t| t == *report_type)
                            && e.period.is_none_or(|p| p == *period)
                    });
                    if !excluded {
                        let request = Request {
                            sub_partner: sub_partner.clone(),
                            report_type: *report_type,
                            period: *period,
                            internal: job.internal,
                        };
                        all.push((Arc::clone(&job.name), request));
                    }
                }
            }
        }
    }
    all
}

proptest! {
    /// The plan is the model without repetitions, in the model's order; what is folded is counted.
    #[test]
    fn a_plan_is_the_product_minus_exclusions_each_once(jobs in arb_jobs()) {
        let plan = Plan::expand(&manifest(jobs.clone()), &discovered()).unwrap();
        let all = model(&jobs);
        let mut seen = HashSet::new();
        let once: Vec<_> = all.iter().filter(|(_, request)| seen.insert(request.clone())).cloned().collect();
        let planned: Vec<_> = plan.requests().iter().map(|p| (Arc::clone(&p.job), p.request.clone())).collect();
        prop_assert_eq!(&planned, &once);
        prop_assert_eq!(plan.folded(), all.len() - once.len());
        prop_assert!(plan.requests().iter().all(|p| p.id == p.request.id()));
    }

    /// Which requests are planned does not depend on the order of jobs, nor does an id on job or label.
    #[test]
    fn the_order_of_jobs_changes_only_the_order(jobs in arb_jobs()) {
        let ids = |jobs| -> HashSet<_> {
            let plan = Plan::expand(&manifest(jobs), &discovered()).unwrap();
            plan.requests().iter().map(|p| p.id).collect()
        };
        let reversed = jobs.iter().cloned().rev().collect();
        prop_assert_eq!(ids(jobs), ids(reversed));
    }

    /// Selecting a job selects every request it names, also those that an earlier job named first.
    #[test]
    fn a_job_selects_all_that_it_names(jobs in arb_jobs(), which in any::<prop::sample::Index>()) {
        let name = jobs[which.index(jobs.len())].name.to_string();
        let manifest = manifest(jobs.clone());
        let plan = Plan::expand(&manifest, &discovered()).unwrap();
        let named: RequestIds = model(&jobs).into_iter().filter(|(job, _)| **job == *name).map(|(_, r)| r.id()).collect();
        let selection = Selection { jobs: vec![name], ..Selection::default() };
        let selected = selection.of_plan(&plan, &manifest, &discovered(), &Ledger::default());
        match selected {
            Ok(selected) => prop_assert_eq!(selected, named),
            Err(_) => prop_assert!(named.is_empty()),
        }
    }

    /// Planned rows come first and in plan order; nobody's row is lost; done rows are no work.
    #[test]
    fn an_agenda_keeps_every_row(jobs in arb_jobs(), done in prop::collection::vec(0..4u8, 0..40), strangers in 0..3usize) {
        let plan = Plan::expand(&manifest(jobs), &discovered()).unwrap();
        let mut ledger = Ledger::default();
        let strange = (0..strangers).map(|n| Request { sub_partner: Some(org(90 + n)), report_type: ReportType::User, period: month(9), internal: false });
        let some = plan.requests().iter().rev().zip(&done).map(|(p, status)| (p.request.clone(), *status));
        for (request, status) in strange.map(|r| (r, 1)).chain(some) {
            let row = Row::planned(request, "old".into(), None);
            let id = row.id().to_string().parse().unwrap();
            ledger.fold(match status {
                0 => row.created(id),
                1 => row.failed(Reason::default()),
                2 => row.doubted(None),
                _ => row,
            });
        }
        let before: HashSet<_> = ledger.rows().map(Row::id).collect();
        let planned: Vec<_> = plan.requests().iter().map(|p| p.id).collect();
        let selected = planned.iter().copied().collect();
        let reading = LedgerRead { ledger: ledger.clone(), ..LedgerRead::default() };
        let work_list = WorkList::to_run(reading, &plan, &selected).unwrap();
        let after: Vec<_> = work_list.ledger.rows().map(Row::id).collect();
        prop_assert_eq!(&after[..planned.len()], &planned[..]);
        prop_assert!(before.iter().all(|id| after.contains(id)));
        prop_assert_eq!(after.len(), planned.len() + strangers);
        for (place, row) in work_list.ledger.places() {
            let to_do = selected.contains(&row.id()) && !matches!(row.state, State::Created(_));
            prop_assert_eq!(work_list.work.contains(&place), to_do);
        }
        prop_assert_eq!(work_list.work.len() + work_list.untouched.skipped, planned.len());
    }
}

#[test]
fn too_large_a_plan_is_refused_after_folding() {
    let job = |name: &str| Job {
        name: name.into(),
        sub_partners: SubPartners::Listed(
            (0..4)
                .map(|n| SubPartnerSource::Named(SubPartner { id: org(n), label: None }))
                .collect(),
        ),
        types: ReportType::ALL.to_vec(),
        internal: false,
        periods: vec![month(1)],
        exclude: vec![],
    };
    let mut manifest = manifest(vec![job("a"), job("b")]);
    manifest.settings.limits.max_requests = 12;
    assert_eq!(Plan::expand(&manifest, &discovered()).unwrap().requests().len(), 12);
    manifest.settings.limits.max_requests = 11;
    assert_eq!(Plan::expand(&manifest, &discovered()), Err(PlanError::TooLarge { max: 11 }));
}

fn three_partners() -> (Manifest, Plan) {
    let job = Job {
        name: "resellers".into(),
        sub_partners: SubPartners::Listed(
            (1..4)
                .map(|n| SubPartnerSource::Named(SubPartner { id: org(n), label: None }))
                .collect(),
        ),
        types: vec![ReportType::User, ReportType::Customer],
        internal: false,
        periods: vec![month(1), "2026-02-01..2026-02-10".parse().unwrap()],
        exclude: vec![],
    };
    let own = Job { name: "own".into(), sub_partners: SubPartners::Own, ..job.clone() };
    let manifest = manifest(vec![own, job]);
    let plan = Plan::expand(&manifest, &discovered()).unwrap();
    (manifest, plan)
}

#[test]
fn selectors_narrow_and_together_all_must_match() {
    let (manifest, plan) = three_partners();
    let select = |selection: &Selection| {
        selection.of_plan(&plan, &manifest, &discovered(), &Ledger::default()).map(|ids| ids.len())
    };
    let who = |text: &str| SubPartnerSelector::from(text);
    let base = Selection::default();
    for (selection, expected) in [
        (base.clone(), 16),
        (Selection { sub_partners: vec![who("own")], ..base.clone() }, 4),
        (Selection { sub_partners: vec![who("org1"), who("Org Two")], ..base.clone() }, 8),
        (Selection { types: vec![ReportType::User], ..base.clone() }, 8),
        (Selection { periods: vec![month(2)], ..base.clone() }, 8),
        (
            Selection {
                periods: vec![month(2)],
                types: vec![ReportType::User],
                sub_partners: vec![who("org3")],
                ..base.clone()
            },
            1,
        ),
        (Selection { jobs: vec!["own".into(), "resellers".into()], ..base.clone() }, 16),
    ] {
        assert_eq!(select(&selection), Ok(expected), "{selection:?}");
    }
}

#[test]
fn a_selector_that_matches_nothing_is_a_mistake() {
    let (manifest, plan) = three_partners();
    let select = |selection: Selection| {
        let selected = selection.of_plan(&plan, &manifest, &discovered(), &Ledger::default());
        selected.unwrap_err().to_string()
    };
    let base = Selection::default();
    let job = Selection { jobs: vec!["reseller".into()], ..base.clone() };
    assert_eq!(
        select(job),
        "--job reseller matches nothing in the plan; did you mean \"resellers\"?"
    );
    let label = Selection {
        sub_partners: vec![SubPartnerSelector::Named("Org Tow".into())],
        ..base.clone()
    };
    assert_eq!(
        select(label),
        "--sub-partner Org Tow matches nothing in the plan; did you mean \"Org Two\"?"
    );
    let part =
        Selection { sub_partners: vec![SubPartnerSelector::Named("two".into())], ..base.clone() };
    assert_eq!(
        select(part),
        "--sub-partner two matches nothing in the plan; did you mean \"Org Two\"?"
    );
    let day = Selection { periods: vec![month(7)], ..base.clone() };
    assert_eq!(
        select(day),
        "--period 2026-07 matches nothing in the plan; the periods are 2026-01, 2026-02-01..2026-02-10"
    );
    let apart = Selection {
        jobs: vec!["own".into()],
        sub_partners: vec![SubPartnerSelector::Named("org1".into())],
        ..base
    };
    assert_eq!(select(apart), "no request matches all of the selectors together");
}

/// A torn line's request keeps its doubt when the plan can name it, and stops the run when nobody can.
#[test]
fn a_request_that_only_a_torn_line_speaks_of_is_in_doubt() {
    let (_, plan) = three_partners();
    let torn = plan.requests()[3].id;
    let reading = || LedgerRead { unknown: [torn].into(), ..LedgerRead::default() };
    let selected = RequestIds::from_iter([plan.requests()[0].id]);
    let work_list = WorkList::to_run(reading(), &plan, &selected).unwrap();
    assert_eq!(work_list.ledger.get(torn).unwrap().state.word(), "sending");
    assert_eq!(work_list.work.len(), 1);
    assert_eq!(WorkList::to_retry(reading(), &selected), Err(UnknownRequest(torn)));
    assert_eq!(WorkList::to_run(reading(), &Plan::default(), &selected), Err(UnknownRequest(torn)));
}

/// The API's own form, the same padded, and the bare UUID.
const SPELLINGS: [&str; 3] = [
    "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8wMDAwNTc2ZC02MGE4LTQwN2EtYjIyYy00N2M1MTU5MTAwMDA",
    "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8wMDAwNTc2ZC02MGE4LTQwN2EtYjIyYy00N2M1MTU5MTAwMDA=",
    "0000576d-60a8-407a-b22c-47c515910000",
];

fn spelled(texts: &[&str]) -> Manifest {
    let named = |text: &&str| {
        SubPartnerSource::Named(SubPartner { id: text.parse().unwrap(), label: None })
    };
    manifest(vec![Job {
        name: "one".into(),
        sub_partners: SubPartners::Listed(texts.iter().map(named).collect()),
        types: vec![ReportType::User],
        internal: false,
        periods: vec![month(1)],
        exclude: Vec::new(),
    }])
}

#[test]
fn an_organisation_in_several_spellings_is_planned_once() {
    let plan = Plan::expand(&spelled(&SPELLINGS), &discovered()).unwrap();
    assert_eq!(plan.requests().len(), 1);
    for text in SPELLINGS {
        let selection = Selection {
            sub_partners: vec![SubPartnerSelector::Named(text.to_owned())],
            ..Selection::default()
        };
        let manifest = spelled(&SPELLINGS[2..]);
        let plan = Plan::expand(&manifest, &discovered()).unwrap();
        let selected = selection.of_plan(&plan, &manifest, &discovered(), &Ledger::default());
        assert_eq!(selected.unwrap().len(), 1, "{text}");
    }
}

/// A row of an older version was hashed as it was spelled: it keeps its id, and a planned request of the same meaning
/// takes it.
#[test]
fn a_row_of_another_spelling_is_the_requests_row() {
    let theirs: Request = Request {
        sub_partner: Some(SPELLINGS[2].parse().unwrap()),
        report_type: ReportType::User,
        period: month(1),
        internal: false,
    };
    let id = theirs.id_as_spelled();
    let row = Row::planned(theirs, "old".into(), None).created("Y2lz".parse().unwrap());
    let mut ledger = Ledger::default();
    ledger.fold(row);
    let ours = String::from_utf8(ledger.to_csv()).unwrap();
    let file = ours.replace(&ledger.rows().next().unwrap().id().to_string(), &id.to_string());
    let reading = crate::ledger::read(file.as_bytes(), "l.csv".as_ref()).unwrap();
    assert_eq!(reading.ledger.rows().next().unwrap().id(), id);

    let plan = Plan::expand(&spelled(&SPELLINGS[..1]), &discovered()).unwrap();
    let selected = plan.requests().iter().map(|planned| planned.id).collect();
    let work_list = WorkList::to_run(reading, &plan, &selected).unwrap();
    assert_eq!((work_list.ledger.len(), work_list.untouched.skipped), (1, 1));
    assert_eq!(work_list.work, []);
    assert_eq!(work_list.ledger.rows().next().unwrap().id(), id);
    assert_eq!(String::from_utf8(work_list.ledger.to_csv()).unwrap(), file);
}

fn today(utc: &str, local: &str) -> Today {
    Today { utc: utc.parse().unwrap(), local: local.parse().unwrap() }
}

/// Every kind of warning once, in its words.
#[test]
fn a_plan_is_warned_of_what_is_probably_not_meant() {
    let mut manifest = spelled(&SPELLINGS[..2]);
    let days = |text: &str| text.parse::<Period>().unwrap();
    manifest.jobs[0].periods = vec![
        days("2026-09"),
        days("2026-09-20..2026-10-12"),
        days("2026-10-13..2026-10-31"),
        days("2026-11-01..2026-12-31"),
    ];
    manifest.is_relative = true;
    let source = Source::from_bytes("m.yaml".as_ref(), b"a\nb\nc\nd\ne\n".to_vec());
    let source = source.unwrap();
    let odd = |n: usize| PlanWarningSource::NoOrganisation {
        id: org(n),
        why: "it is a number",
        place: source.place(2 * n..2 * n + 1),
    };
    manifest.oddities = (0..5).map(odd).collect();
    manifest.oddities.push(PlanWarningSource::TwoLabels {
        id: "org1".parse().unwrap(),
        first: "Acme".into(),
        other: "Acme Ltd".into(),
        place: source.place(2..3),
    });
    manifest.oddities.push(PlanWarningSource::FurtherColumns {
        file: "p.csv".into(),
        names: vec!["notes".to_owned(), "owner".to_owned()],
    });
    let plan = Plan::expand(&manifest, &discovered()).unwrap();
    let found = warnings(&manifest, &plan, today("2026-11-01", "2026-10-31"));
    let kinds: Vec<(WarningKind, usize)> = found.iter().map(|w| (w.kind, w.count)).collect();
    assert_eq!(
        kinds,
        [
            (WarningKind::NoOrganisation, 5),
            (WarningKind::TwoLabels, 1),
            (WarningKind::FurtherColumns, 1),
            (WarningKind::OverlappingPeriods, 1),
            (WarningKind::EndedYesterday, 1),
            (WarningKind::MonthInDoubt, 1),
        ]
    );
    let text: Vec<String> = found.iter().map(Warning::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));

    // Nothing to say of a plain month, on another day.
    let mut plain = spelled(&SPELLINGS[..1]);
    plain.jobs[0].periods = vec![days("2026-09")];
    let plan = Plan::expand(&plain, &discovered()).unwrap();
    assert_eq!(warnings(&plain, &plan, today("2026-11-01", "2026-10-31")), []);
}

/// Overlaps are found whatever stands between them, and counted for each kind.
#[test]
fn periods_of_other_kinds_do_not_overlap() {
    let mut manifest = spelled(&[SPELLINGS[0]]);
    let job = |name: &str, internal, periods: &[&str]| Job {
        name: name.into(),
        internal,
        types: vec![ReportType::User, ReportType::Customer],
        periods: periods.iter().map(|p| p.parse().unwrap()).collect(),
        ..spelled(&[SPELLINGS[0]]).jobs.remove(0)
    };
    manifest.jobs = vec![
        job("quarter", false, &["2026-07-01..2026-09-30", "2026-07", "2026-09"]),
        job("internal", true, &["2026-08"]),
    ];
    let plan = Plan::expand(&manifest, &discovered()).unwrap();
    let found = warnings(&manifest, &plan, today("2026-11-20", "2026-11-20"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].count, 2);
    assert!(found[0].message.ends_with(
        "2026-07 and 2026-07-01..2026-09-30 (2 times); 2026-07-01..2026-09-30 and 2026-09 (2 times)"
    ), "{}", found[0]);
}
