//! What an audit names, compared with an earlier ledger, is what the page marks.

use std::{fs, path::Path};

use chrono::DateTime;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    audit::{
        Acceptances, Before, Difference, DifferenceKind, FileChecks, Files, MaxDrop, Previous,
        Review, Scope,
    },
    ledger::{Ledger, RecordedHashes, Row},
    manifest::{FileRules, Totals},
    plan::Plan,
    text::hexadecimal,
};
use request::{ReportType, Request, RequestIds};

/// Of a row: whom, of which type, in which month, whether `internal`; and the figures in its file, where it has one.
type Draft = ((u8, usize, u32, bool), Option<Vec<i8>>);

fn drafts(months: std::ops::Range<u32>) -> impl Strategy<Value = Vec<Draft>> {
    let of = (0..4_u8, 0..3_usize, months, prop::bool::weighted(0.2));
    let figures = prop::option::weighted(0.8, prop::collection::vec(any::<i8>(), 0..4));
    prop::collection::vec((of, figures), 0..12)
}

/// A ledger of created rows in `folder`, with their files.
fn ledger(folder: &Path, drafts: &[Draft]) -> Ledger {
    let mut ledger = Ledger::default();
    for (place, ((who, kind, month, internal), figures)) in drafts.iter().enumerate() {
        let request = Request {
            sub_partner: (*who > 0).then(|| format!("org-{who}").parse().unwrap()),
            report_type: ReportType::ALL[*kind],
            period: format!("2026-{month:02}").parse().unwrap(),
            internal: *internal,
        };
        let row = Row::planned(request, "j".into(), None);
        let mut row = row.created(format!("report-{place}").parse().unwrap());
        if let Some(figures) = figures {
            let lines = figures.iter().map(|q| format!("A,{q}\n"));
            let text = "SKU,Q\n".to_owned() + &lines.collect::<String>();
            let name = format!("{}.csv", row.id());
            fs::write(folder.join(&name), &text).unwrap();
            row.collected_mut().status = "COMPLETED".to_owned();
            row.collected_mut().file = name;
            row.collected_mut().sha256 = hexadecimal(&Sha256::digest(&text));
            row.collected_mut().rows = Some(figures.len() as u64);
        }
        ledger.fold(row);
    }
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_an_audit_names_is_what_the_page_marks(
        then in drafts(7..10),
        now in drafts(9..11),
        max_drop in 0..100_u8,
        sums in any::<bool>(),
    ) {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [before, folder] = [folders[0].path(), folders[1].path()];
        let (then, now) = (ledger(before, &then), ledger(folder, &now));
        let totals = sums.then(|| Totals { column: "Q".to_owned(), ..Totals::default() });
        let max_drop: MaxDrop = format!("{max_drop}%").parse().unwrap();
        let recorded = RecordedHashes::new();
        let files = Files {
            folder,
            recorded: &recorded,
            is_closed: false,
        };
        let previous = Previous {
            ledger: &then,
            selected: then.rows().map(Row::key).collect(),
            files: Some(Files {
                folder: before,
                recorded: &recorded, is_closed: false
            }),
            max_drop: &max_drop,
            totals: totals.as_ref(),
        };

        // As `audit --previous --offline` does it, where the ledger's rows are the plan.
        let plan = Plan::of_rows(now.rows());
        let selected: RequestIds = now.rows().map(Row::key).collect();
        let scope = Scope::new(&plan, &selected, &now);
        let rules = FileRules::new();
        let checks = FileChecks { totals: totals.as_ref(), rules: &rules };
        let audit = scope.compare(None, Some(files), checks, Some(&previous));
        let named = |kind| -> Vec<String> {
            let of = audit.differences.iter().filter(|d| d.kind == kind);
            of.map(Difference::message).collect()
        };

        // As `report --compare` does it.
        let review = Review {
            ledger: &now,
            files,
            checks,
            previous: Some(&previous),
            acceptances: &Acceptances::default(),
        };
        let reviewed = review.run();
        let html = page(&Sources {
            name: "now.csv".to_owned(),
            ledger: &now,
            sha256: String::new(),
            folder,
            page_folder: folder,
            is_sandbox: false,
            manifest: None,
            title: None,
            closed: None,
            unlike: Vec::new(),
            not_in_ledger: Vec::new(),
            totals: totals.as_ref(),
            units: None,
            reviewed: &reviewed,
            lists: &[],
            earlier: Some(Earlier {
                name: "then.csv".to_owned(),
                sha256: String::new(),
                max_drop: &max_drop,
            }),
            now: DateTime::UNIX_EPOCH,
        })
        .unwrap();

        let is_known = |before: &Before| matches!(before, Before::Figure(_));
        let before = || reviewed.before.values();
        let is_uncompared = before().any(|it| matches!(it, Before::NoFigure(_)))
            && !before().any(is_known);
        let is_good =
            audit.differences.is_empty() && now.rows().next().is_some() && !is_uncompared;
        prop_assert_eq!(html.contains(r#"<p class="verdict good">"#), is_good);
        for kind in [DifferenceKind::Dropped, DifferenceKind::Vanished] {
            let word = kind.word();
            let marked = html.matches(&format!(r#"<th scope="row">{word}</th>"#)).count();
            prop_assert_eq!(marked, named(kind).len(), "{}: {:?}", word, named(kind));
            for message in named(kind) {
                let cell = format!(r#"<th scope="row">{word}</th><td>{message}</td>"#);
                prop_assert!(html.contains(&cell), "no {} in {}", cell, html);
            }
        }
        prop_assert_eq!(html.matches(r#"class="fell""#).count(), named(DifferenceKind::Dropped).len());
    }

    /// A ledger compared with itself has no difference: nothing in it ended before what is in it began.
    #[test]
    fn a_month_beside_itself_has_no_difference(drafts in drafts(9..10)) {
        let folder = tempfile::tempdir().unwrap();
        let now = ledger(folder.path(), &drafts);
        let max_drop = "0%".parse().unwrap();
        let recorded = RecordedHashes::new();
        let files = Files {
            folder: folder.path(),
            recorded: &recorded, is_closed: false
        };
        let previous = Previous {
            ledger: &now,
            selected: now.rows().map(Row::key).collect(),
            files: Some(files),
            max_drop: &max_drop,
            totals: None,
        };
        let review = Review {
            ledger: &now,
            files,
            checks: FileChecks { totals: None, rules: &FileRules::new() },
            previous: Some(&previous),
            acceptances: &Acceptances::default(),
        };
        let reviewed = review.run();
        let unfinished = [DifferenceKind::NotCreated, DifferenceKind::NotCollected];
        let others = reviewed.differences.iter().filter(|it| !unfinished.contains(&it.kind));
        prop_assert_eq!(others.count(), 0);
    }
}
