//! Text from the server, from labels and from jobs breaks no format.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use chrono::DateTime;
use proptest::prelude::*;

use super::{
    About, AuditView, Commands, Ending, LifeView, StatusView, Summary, SummaryJson, View as _,
    causes::GroupBy,
    color::Paint,
    document::{metrics, summary_json},
    junit::junit,
    schema_of,
    stdout::ForPeople,
};
use crate::{
    audit::{Acceptance, Audit, Checked, Difference, DifferenceKind, Remedy},
    ledger::{Counts, Ledger, Reason, Row},
    manifest::Limits,
    output::history::{HistoryEvent, HistoryLine, Selected},
    run::Finished,
    sending::Stats,
    text::is_invisible,
};
use reconcile::IdParts;
use request::{Period, ReportType, Request};

const ALL: [ReportType; 3] = ReportType::ALL;

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("]]>".to_owned()),
        Just("\"'<&>\\".to_owned()),
        Just("\n::error::x\r\n".to_owned()),
        Just("|`\u{ffff}\u{fffe}\u{0}\u{1b}[31m\u{85}\u{202e}".to_owned()),
        Just("=cmd|' /C calc'!A0,\t;".to_owned()),
        any::<String>(),
        Just("a".repeat(100_000)),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("!{}", pieces.concat()))
}

fn about(manifest: &str) -> About {
    About {
        command: "run",
        manifest: manifest.to_owned(),
        manifest_path: "m.yaml".into(),
        manifest_sha256: "00".repeat(32),
        ledger: "m.csv".into(),
        as_of: None,
        selection: Selected::default(),
        rehearsal: false,
        collects: true,
        job_lines: BTreeMap::new(),
        began_at: DateTime::UNIX_EPOCH,
    }
}

fn rows(text: &str) -> Vec<Row> {
    let row = |report_type| {
        let request = Request {
            sub_partner: None,
            report_type,
            period: Period::month(2026, 9).unwrap(),
            internal: false,
        };
        let mut row = Row::planned(request, text.into(), Some(text.into()));
        row.collected_mut().error = text.to_owned();
        row
    };
    let reason = Reason { code: text.to_owned(), text: text.to_owned() };
    vec![row(ALL[0]).failed(reason), row(ALL[1]).created("Y2lz".parse().unwrap()), row(ALL[2])]
}

fn ending<'a>(about: &'a About, rows: &'a [Row], reason: &str) -> Ending<'a> {
    Ending {
        about,
        base_url: "https://webexapis.com/v1",
        ended_at: DateTime::UNIX_EPOCH,
        exit_code: 3,
        reason: Some(reason.to_owned()),
        rows: rows.iter().collect(),
        pace: Stats::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_breaks_a_format(text in hostile()) {
        let (about, rows) = (about(&text), rows(&text));
        let ending = ending(&about, &rows, &text);

        let xml = junit(&ending).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        let count = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count();
        prop_assert_eq!((count("testcase"), count("failure"), count("skipped")), (3, 2, 1));

        let schema = crate::tests::Validator::new(&schema_of::<SummaryJson<'_>>("monthend summary"));
        let json = serde_json::from_str(&summary_json(&ending).unwrap()).unwrap();
        prop_assert_eq!(schema.validate(&json), Ok(()));
        prop_assert_eq!(json["failures"][0]["message"].as_str(), Some(&*text));
        prop_assert_eq!(json["failures"].as_array().unwrap().len(), ending.failures(GroupBy::Message).len());

        for line in metrics(&ending).unwrap().lines() {
            let is_sample = line.starts_with("monthend_") && line.contains("manifest=\"");
            prop_assert!(line.starts_with("# ") || is_sample, "{}", line);
            if is_sample {
                let value = line.rsplit(' ').next().unwrap();
                prop_assert!(value.parse::<f64>().is_ok(), "{}", line);
            }
        }
    }
}

/// `text` alone, and in every place of a row. The fixed lines are as many as with other texts.
fn shown_to_people(text: &str) -> Vec<String> {
    let rows = rows(text);
    let status = StatusView::new("m.csv".to_owned(), &rows).table();
    let audit = Audit {
        differences: vec![Difference {
            id: IdParts::new("").finish(),
            kind: DifferenceKind::NotCreated,
            request_id: Some(rows[0].id()),
            report_id: None,
            file: Some(text.to_owned()),
            subject: text.to_owned(),
            what: text.chars().take(1_000).collect(),
            remedy: Remedy::Run,
            acceptance: Some(Arc::new(Acceptance {
                reason: text.to_owned(),
                by: text.to_owned(),
                until: None,
                accepted_at: DateTime::UNIX_EPOCH,
                is_ended: false,
            })),
        }],
        checked: Checked::default(),
        totals: Vec::new(),
        lists: Vec::new(),
    };
    let failing = HistoryEvent::Failing { failures: 1, error: text.to_owned() };
    let attempted = HistoryEvent::Failed {
        request_id: rows[0].id().to_string(),
        error_code: text.to_owned(),
        error: text.to_owned(),
    };
    let lines = [failing, attempted].map(|what| HistoryLine {
        at: DateTime::UNIX_EPOCH,
        run: "r".to_owned(),
        what,
    });
    let notes = [text.to_owned()];
    let view = AuditView {
        audit: &audit,
        is_offline: true,
        notes: &notes,
        next: None,
        accept: None,
        exit_code: 1,
    };
    let tables = [status, view.table(), LifeView::new(&rows[0], &lines).text()];
    let mut shown = tables.map(|table| ForPeople::from(table).to_string()).to_vec();
    let summary = |paint| summary(&rows, text, paint);
    let (plain, colourful) = (summary(Paint::NONE), summary(Paint::ALL));
    assert_eq!(console::strip_ansi_codes(&colourful), plain);
    shown.push(plain);
    shown
}

fn summary(rows: &[Row], text: &str, paint: Paint) -> String {
    let mut ledger = Ledger::default();
    for row in rows {
        ledger.fold(row.clone());
    }
    let finished = Finished {
        stop: None,
        counts: Counts { created: 1, failed: 2, uncollected: 1, ..Counts::default() },
        not_looked_up: Vec::new(),
        pace: Stats::default(),
        elapsed: Duration::ZERO,
        ledger,
        unsaved: None,
    };
    let command = || "monthend".to_owned();
    let commands = Commands {
        unfinished: super::next::Hint::new("to continue", command()),
        again: command(),
        retry: command(),
        recreate: command(),
        collect: command(),
        status: command(),
        resolve: command(),
        retry_all: command(),
        fixed: None,
        for_real: None,
    };
    let summary = Summary {
        finished: &finished,
        selected: rows.iter().collect(),
        outside: rows.iter().collect(),
        ledger: Path::new(text),
        limits: &Limits::default(),
        is_rehearsal: true,
        elapsed: Duration::ZERO,
        commands: &commands,
        is_at_rest: true,
    };
    summary.painted(paint).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Lines and tabs stay, nothing else acts on a terminal; no text makes a line that could be taken for ours.
    #[test]
    fn no_text_acts_on_a_terminal(text in hostile()) {
        let acts = |c: char| c != '\n' && c != '\t' && (c.is_control() || is_invisible(c));
        let shown = shown_to_people(&text);
        for text in &shown {
            prop_assert!(!text.contains(acts), "{:.9999?}", text);
        }
        let short: String = text.chars().take(20).collect();
        let lines = |shown: Vec<String>| shown[..3].iter().map(|text| text.lines().count()).collect::<Vec<_>>();
        prop_assert_eq!(lines(shown_to_people(&short)), lines(shown_to_people("!")));
    }
}
