use std::{fs, path::Path, slice};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

fn line(seconds: i64, run: &str, request_id: &str) -> HistoryLine {
    let at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::milliseconds(seconds * 1000 + 7);
    let request_id = request_id.to_owned();
    HistoryLine::new(at, run, HistoryEvent::NotMade { request_id })
}

fn account() -> Account {
    Account { login: Some("jo".to_owned()), host: Some("desk".to_owned()) }
}

fn bytes(lines: &[HistoryLine]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        line.write(&mut out).unwrap();
    }
    out
}

#[test]
fn it_lies_next_to_its_ledger() {
    for (ledger, history) in
        [("a/m.ledger.csv", "a/m.ledger.history.jsonl"), ("a/ledger", "a/ledger.history.jsonl")]
    {
        assert_eq!(path_of(Path::new(ledger)), Path::new(history));
    }
}

#[test]
fn what_a_crash_tore_spoils_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.jsonl");
    assert_eq!(read(&path).unwrap(), Read::default());
    let whole = [line(1, "a", "r1"), line(2, "a", "r2")];
    append(&path, &bytes(&whole)).unwrap();
    append(&path, b"{\"at\":\"2026-11-0").unwrap();
    append(&path, &bytes(&whole[..1])).unwrap();
    let history = read(&path).unwrap();
    let expected = [whole[0].clone(), whole[1].clone(), whole[0].clone()];
    assert_eq!((&*history.lines, history.unreadable), (&expected[..], 1));
    // Lines of later versions are kept.
    append(&path, b"{\"at\":\"2026-11-01T00:00:00Z\",\"run\":\"x\",\"kind\":\"new\"}\n\xff\n")
        .unwrap();
    assert_eq!(read(&path).unwrap().unreadable, 3);
    let united = merge(slice::from_ref(&path)).unwrap().unwrap();
    let united = String::from_utf8(united).unwrap();
    assert_eq!(united.lines().count(), 3, "{united}");
    assert!(united.ends_with("\"kind\":\"new\"}\n"), "{united}");
}

#[test]
fn what_is_no_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(append(folder.path(), b"x\n").is_err());
    assert!(read(folder.path()).is_err());
    let path = folder.path().to_owned();
    assert!(merge(&[path]).is_err());
}

#[test]
fn every_kind_of_line_keeps_its_schema() {
    let text = "a\u{1b}]]>\"\n::error::\u{ffff}".to_owned();
    let (request_id, report_id) = ("r0123456789abcdef".to_owned(), Some("Y2lz".to_owned()));
    let error = text.clone();
    let all = [
        HistoryEvent::Run(RunStart {
            command: "run".to_owned(),
            version: "0.1.0".to_owned(),
            manifest: text.clone(),
            manifest_sha256: "00".repeat(32),
            base_url: "https://webexapis.com/v1".to_owned(),
            rehearsal: false,
            as_of: DateTime::UNIX_EPOCH.date_naive().into(),
            selection: Selected::default(),
            account: account(),
        }),
        HistoryEvent::End(RunEnd {
            exit_code: 143,
            reason: report_id.clone(),
            created: 1,
            failed: 2,
            pending: 3,
            sending: 4,
            collected: 5,
        }),
        HistoryEvent::Attempt(Attempt {
            left_at: DateTime::default(),
            request_id: request_id.clone(),
            attempt: 1,
            latency_ms: 70,
            outcome: "refused".to_owned(),
            report_id: None,
            http_status: Some(400),
            error_code: Some(text.clone()),
            error: Some(text.clone()),
            tracking_id: Some(text),
        }),
        HistoryEvent::Pause {
            reason: error.clone(),
            http_status: Some(429),
            wait_ms: 5000,
            until: DateTime::UNIX_EPOCH,
        },
        HistoryEvent::Failing { failures: 3, error: error.clone() },
        HistoryEvent::Adopted { request_id: request_id.clone(), report_id: "Y2lz".to_owned() },
        HistoryEvent::NotLookedUp { request_id: request_id.clone(), error: error.clone() },
        HistoryEvent::Failed {
            request_id: request_id.clone(),
            error_code: "in_doubt".to_owned(),
            error: error.clone(),
        },
        HistoryEvent::Existing { request_id: request_id.clone(), report_id: None },
        HistoryEvent::Recreate { request_id: request_id.clone(), replaced: report_id.clone() },
        HistoryEvent::AcceptedDifference {
            id: "d0123456789abcdef".to_owned(),
            reason: "leaves us".to_owned(),
            by: "Jo Doe".to_owned(),
            until: None,
            account: account(),
        },
        HistoryEvent::Closed {
            by: "Jo Doe".to_owned(),
            sha256: Some("ab".repeat(32)),
            reason: None,
            account: account(),
        },
        HistoryEvent::Reopened {
            by: "Jo Doe".to_owned(),
            reason: "a late credit note".to_owned(),
            account: Account::default(),
        },
        HistoryEvent::Resolve {
            request_id: request_id.clone(),
            report_id: report_id.clone(),
            replaced: None,
            reason: report_id.clone(),
            account: account(),
        },
        HistoryEvent::Candidates {
            request_id: request_id.clone(),
            reports: vec![SeenReport {
                report_id: "Y2lz".to_owned(),
                created: Some(DateTime::UNIX_EPOCH),
                created_by: None,
                status: report_id.clone(),
            }],
        },
        HistoryEvent::Collected {
            request_id: request_id.clone(),
            file: "m.reports/2026-10/USER/own.csv".to_owned(),
            sha256: "00".repeat(32),
            rows: Some(0),
        },
        HistoryEvent::NotCollected {
            request_id: request_id.clone(),
            report_status: "FAILED".to_owned(),
            error,
        },
        HistoryEvent::NotMade { request_id },
    ];
    let validator = crate::tests::Validator::new(&crate::output::schema_of::<HistoryLine>(
        "monthend history, one line",
    ));
    for what in all {
        let line = HistoryLine::new(DateTime::UNIX_EPOCH, "4f1d", what);
        let bytes = bytes(slice::from_ref(&line));
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        let json = serde_json::from_slice(&bytes).unwrap();
        let result = validator.validate(&json);
        assert_eq!(result, Ok(()), "{json}");
        assert_eq!(serde_json::from_slice::<HistoryLine>(&bytes).unwrap(), line);
        let mut bad = json.clone();
        bad["kind"] = "other".into();
        assert!(validator.validate(&bad).is_err());
    }
}

proptest! {
    #[test]
    fn uniting_loses_nothing_and_can_be_repeated(
        first in prop::collection::vec((0..5_i64, 0..3_u8), 0..8),
        second in prop::collection::vec((0..5_i64, 0..3_u8), 0..8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
        let lines = |of: &[(i64, u8)]| -> Vec<HistoryLine> {
            of.iter().map(|(at, n)| line(*at, "x", &n.to_string())).collect()
        };
        let (first, second) = (lines(&first), lines(&second));
        fs::write(&paths[0], bytes(&first)).unwrap();
        fs::write(&paths[1], bytes(&second)).unwrap();
        let united = merge(&paths[..2]).unwrap().unwrap_or_default();
        fs::write(&paths[2], &united).unwrap();
        let known = read(&paths[2]).unwrap();
        prop_assert!(known.lines.is_sorted_by_key(|line| line.at));
        prop_assert!(first.iter().chain(&second).all(|line| known.lines.contains(line)));
        for line in &known.lines {
            prop_assert_eq!(known.lines.iter().filter(|other| *other == line).count(), 1);
        }
        for path in &paths {
            let again = merge(&[path.clone(), paths[2].clone()]).unwrap().unwrap_or_default();
            prop_assert_eq!(&again, &united);
        }
    }
}
