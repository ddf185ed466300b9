//! `resolve`: a person decides about a row in doubt.

use crate::support::{Desk, Ended, LedgerFile, Served, partners};

/// A ledger of three rows, the first of which has these cells. No server listens where the manifest says.
fn desk_with(cells: &[(&str, &str)]) -> (Desk, LedgerFile) {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b", "c"], "USER", "2026-09"));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    ledger.set(0, cells);
    desk.write("m.ledger.csv", ledger.to_csv());
    (desk, ledger)
}

/// An id that the sandbox could have given, and that no row holds.
fn another_id(ledger: &LedgerFile) -> String {
    let mut id = ledger.lines[1]["report_id"].to_owned();
    let last = if id.pop() == Some('A') { 'Q' } else { 'A' };
    id.push(last);
    let is_new = ledger.lines.iter().all(|line| line["report_id"] != id);
    assert!(is_new, "{id}");
    id
}

const SENDING: [(&str, &str); 4] = [
    ("status", "sending"),
    ("report_id", ""),
    ("http_status", ""),
    ("intent_at", "2026-10-01T00:00:00Z"),
];

const IN_DOUBT: [(&str, &str); 5] = [
    ("status", "failed"),
    ("report_id", ""),
    ("error_code", "in_doubt"),
    ("error", "decide between"),
    ("intent_at", "2026-10-01T00:00:00Z"),
];

fn resolve(desk: &Desk, ledger: &LedgerFile, decision: &[&str], code: i32) -> Ended {
    let id = ledger.lines[0]["request_id"].to_owned();
    desk.monthend(["resolve", "m.ledger.csv", "--request"])
        .arg(id)
        .without("WEBEX_ACCESS_TOKEN")
        .arg(decision[0])
        .arg(decision.get(1).copied().unwrap_or("--quiet"))
        .expect(code)
}

#[test]
fn a_row_in_doubt_is_decided_either_way() {
    for cells in [&SENDING[..], &IN_DOUBT] {
        let (desk, before) = desk_with(cells);
        let is_sending = &before.lines[0]["status"] == "sending";
        let said = "no look-up has decided this row";
        let ended = resolve(&desk, &before, &["--resend"], 0)
            .shows(["is pending", "the next run sends it"]);
        assert_eq!(ended.stderr.contains(said), is_sending, "{ended}");
        let ledger = desk.ledger().at_rest(3);
        let row = &ledger.lines[0];
        assert_eq!(
            ["status", "report_id", "error_code", "error", "intent_at"].map(|c| &row[c]),
            ["pending", "", "", "", ""]
        );
        assert_eq!(ledger.lines[1..], before.lines[1..]);

        let (desk, before) = desk_with(cells);
        let id = another_id(&before);
        let ended =
            resolve(&desk, &before, &["--adopt", &id], 0).shows([id.as_str(), "is created"]);
        assert_eq!(ended.stderr.contains(said), is_sending, "{ended}");
        let ledger = desk.ledger().at_rest(3);
        let row = &ledger.lines[0];
        assert_eq!(
            ["status", "report_id", "error_code", "error", "intent_at"].map(|c| &row[c]),
            ["created", &id, "", "", ""]
        );
        assert_eq!(
            desk.files(),
            ["m.ledger.csv", "m.yaml"],
            "the lock is released"
        );
    }
}

/// A list that can never be read: without `resolve` the row could neither end nor be decided.
#[test]
fn a_doubt_whose_lists_are_refused_comes_to_an_end() {
    let server = Served::new(
        "faults:
  - { when: { endpoint: create, tries: 1 }, then: [{ kind: reset, processed: true }] }
  - { when: { endpoint: list, first: 2 }, then: [{ kind: status, status: 403 }] }",
    );
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().expect(3);
    let ledger = desk.ledger().at_rest(1);
    assert_eq!(ledger.count("sending"), 1);
    let [made] = &server.report_ids()[..] else {
        panic!("one was made")
    };
    resolve(&desk, &ledger, &["--adopt", made], 0);
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 1);
}

#[test]
fn what_is_not_in_doubt_is_not_for_a_person_to_decide() {
    for (cells, word) in [
        (&[("job", "partners")][..], "created"),
        (&[("status", "pending"), ("report_id", "")], "pending"),
        (
            &[
                ("status", "failed"),
                ("report_id", ""),
                ("error_code", "http_404"),
            ],
            "failed",
        ),
    ] {
        let (desk, before) = desk_with(cells);
        let text = desk.read("m.ledger.csv");
        resolve(&desk, &before, &["--resend"], 2).says([word, "only a row in doubt"]);
        assert_eq!(desk.read("m.ledger.csv"), text);
    }
    let (desk, before) = desk_with(&SENDING);
    let text = desk.read("m.ledger.csv");
    resolve(
        &desk,
        &before,
        &["--adopt", &before.lines[1]["report_id"]],
        2,
    )
    .says(["belongs to"]);
    resolve(&desk, &before, &["--adopt", "Y2lzY29"], 2)
        .says([r#""Y2lzY29" is not a report id of the sandbox"#]);
    assert_eq!(desk.read("m.ledger.csv"), text);
}

/// A torn last line that only a plan can name is the one trace of a create: writing the ledger would drop it.
#[test]
fn a_trace_that_cannot_be_read_yet_is_not_dropped() {
    for cells in [&SENDING[..], &IN_DOUBT] {
        let (desk, before) = desk_with(cells);
        let torn = before.to_csv() + "r0123456789abcdef,partners,d";
        desk.write("m.ledger.csv", &torn);
        for decision in [&["--resend"][..], &["--adopt", "Y2lzY29"]] {
            let ended = resolve(&desk, &before, decision, 4);
            ended.says(["r0123456789abcdef", "`monthend run` with the manifest"]);
            assert_eq!(desk.read("m.ledger.csv"), torn);
        }
        let (desk, before) = desk_with(cells);
        let known = before.lines[2]["request_id"].to_owned();
        // Where an earlier line names the request, nothing is lost.
        desk.write("m.ledger.csv", before.to_csv() + &known + ",partners");
        resolve(&desk, &before, &["--resend"], 0);
        assert_eq!(desk.ledger().at_rest(3).lines[1..], before.lines[1..]);
    }
}

#[test]
fn without_a_ledger_nothing_is_made() {
    let (desk, ledger) = desk_with(&SENDING);
    std::fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    resolve(&desk, &ledger, &["--resend"], 4).says(["there is no ledger"]);
    assert_eq!(desk.files(), ["m.yaml"]);
}
