//! `resolve`: a person decides about a row in doubt.

use crate::support::{Desk, Ended, LedgerFile, Served, partner, partners, partners_with};

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
        assert_eq!(desk.files(), ["m.ledger.csv", "m.yaml"], "the lock is released");
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
    let [made] = &server.report_ids()[..] else { panic!("one was made") };
    resolve(&desk, &ledger, &["--adopt", made], 0);
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 1);
}

#[test]
fn what_is_not_in_doubt_is_not_for_a_person_to_decide() {
    for (cells, word) in [
        (&[("job", "partners")][..], "created"),
        (&[("status", "pending"), ("report_id", "")], "pending"),
        (&[("status", "failed"), ("report_id", ""), ("error_code", "http_404")], "failed"),
    ] {
        let (desk, before) = desk_with(cells);
        let text = desk.read("m.ledger.csv");
        resolve(&desk, &before, &["--resend"], 2).says([word, "only a row in doubt"]);
        assert_eq!(desk.read("m.ledger.csv"), text);
    }
    let (desk, before) = desk_with(&SENDING);
    let text = desk.read("m.ledger.csv");
    resolve(&desk, &before, &["--adopt", &before.lines[1]["report_id"]], 2).says(["belongs to"]);
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

/// Two rows of sub-partners in doubt, of which the server shows by whom and when each candidate was created; the run kept
/// that. One more row is done.
fn listed() -> (Served, Desk) {
    let existing = format!(
        "existing: [{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 48h }},
        {{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 48h }}]\n",
        partner("Fernhill"),
        partner("Fernhill")
    );
    let server = Served::new(&format!("{existing}reports: {{ duplicates: conflict }}"));
    let jobs = partners(["Cedarline", "Fernhill"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(1);
    (server, desk)
}

#[test]
fn rows_in_doubt_are_listed_with_what_is_known_of_their_candidates() {
    let (mut server, desk) = listed();
    let row = desk.ledger().of("Fernhill")[0].clone();
    let before = (desk.read("m.ledger.csv"), desk.files());
    let reports = server.reports();
    let of_fernhill = |name: &str| name.contains("Fernhill");
    let candidates: Vec<_> = (reports.iter())
        .filter(|report| {
            report
                .request
                .sub_partner
                .as_ref()
                .is_some_and(|org| *org.as_str() == partner("Fernhill"))
        })
        .collect();
    assert_eq!(candidates.len(), 2);
    let shows_all = |ended: Ended| {
        let ended = ended.shows(["1 row to decide in m.ledger.csv", &row["request_id"]]);
        assert!(ended.stdout.lines().any(of_fernhill), "by its label: {ended}");
        for report in &candidates {
            let lines: Vec<&str> = ended.stdout.lines().collect();
            let place = lines.iter().position(|line| line.ends_with(&report.id)).unwrap();
            assert!(lines[place + 1].contains("created 2"), "{ended}");
            assert!(lines[place + 1].contains(" by "), "{ended}");
        }
        ended
    };
    let list = |path: &str| desk.monthend(["resolve", path]);
    // Of a manifest, and of a ledger whose history says which server; and without a token what the run kept.
    for path in ["m.yaml", "m.ledger.csv"] {
        let asked = server.exchanges().len();
        let ended = shows_all(list(path).expect(0));
        assert!(!ended.stdout.contains("as of"), "{ended}");
        assert!(server.exchanges().len() > asked, "{path}: it is asked");
        let asked = server.exchanges().len();
        if path == "m.yaml" {
            let ended = list(path).without("WEBEX_ACCESS_TOKEN").expect(0);
            shows_all(ended.says(["the server is not asked"])).shows(["as of 2"]);
            assert_eq!(server.exchanges().len(), asked);
        }
    }
    // Where nobody answers, the same.
    server.stop();
    let ended = list("m.yaml").expect(0);
    shows_all(ended.says(["the server cannot be asked"])).shows(["as of 2"]);
    // And without a history nothing is known but which they are.
    std::fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    let ended = list("m.ledger.csv").expect(0);
    ended.shows(["nothing is known of it", &candidates[0].id]);
    assert_eq!((desk.read("m.ledger.csv"), desk.files()), before);
}

#[test]
fn a_listing_takes_no_lock_and_changes_nothing() {
    let (_server, desk) = listed();
    desk.write("m.ledger.csv.lock", "");
    let lock = std::fs::File::open(desk.path("m.ledger.csv.lock")).unwrap();
    lock.lock().unwrap();
    desk.monthend(["resolve", "m.yaml"]).expect(0).shows(["1 row to decide"]);
    let row = desk.ledger().of("Fernhill")[0]["request_id"].to_owned();
    let decide = desk.monthend(["resolve", "m.yaml", "--resend", "--request", &row]);
    decide.expect(4).says(["in use by", "wait until it has ended"]);
}

#[test]
fn there_may_be_nothing_to_decide_and_no_ledger() {
    let (desk, _) = desk_with(&[("job", "partners")]);
    for path in ["m.yaml", "m.ledger.csv"] {
        let ended = desk.monthend(["resolve", path]).without("WEBEX_ACCESS_TOKEN");
        let ended = ended.expect(0);
        ended.shows(["nothing to decide: no row of m.ledger.csv is in doubt"]);
    }
    desk.monthend(["resolve", "none.csv"]).expect(4).says(["is the path right?"]);
    std::fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    std::fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    let ended = desk.monthend(["resolve", "m.yaml"]).expect(4);
    assert_eq!(ended.hint().arguments(), ["run", "m.yaml"]);
    for (arguments, said) in [
        (&["--adopt=Y2lz"][..], "--request"),
        (&["--reason=x"], "--request"),
        (&["--request=r0123456789abcdef"], "--adopt"),
        (&["--request=r0123456789abcdef", "--resend", "--reason= "], "write why"),
    ] {
        let resolve = desk.monthend(["resolve", "m.yaml"]).args(arguments.iter().copied());
        resolve.expect(2).says([said]);
    }
}

/// A row that a run keeps in doubt: the listing says what it is, and shows what the server lists for it.
#[test]
fn a_row_that_is_still_looked_up_is_listed_too() {
    let (desk, ledger) = desk_with(&SENDING);
    let ended = desk.monthend(["resolve", "m.ledger.csv"]).without("WEBEX_ACCESS_TOKEN");
    let ended = ended.expect(0);
    let ended =
        ended.shows(["a USER 2026-09", "no look-up has decided this row", "sent 2026-10-01"]);
    let hints = ended.hints();
    assert_eq!(hints[0].arguments(), ["retry", "m.yaml"]);
    let resend = ["--request", &ledger.lines[0]["request_id"], "--resend"];
    assert!(hints[1].arguments().ends_with(&resend.map(str::to_owned)));
}

#[test]
fn the_rehearsals_rows_are_decided_without_a_token() {
    let desk =
        Desk::with("https://webexapis.com/v1", &partners(["first", "doubtful"], "USER", "2026-09"));
    desk.write(
        "s.yaml",
        "reports: { check_calendar: false, get_shows_created: false, list_shows_created: false }\n\
         faults: [{ when: { endpoint: create, org: doubtful, tries: 1 }, then: [{ kind: rival, processed: true }] }]\n",
    );
    let rehearse = |arguments: &[&str]| {
        let command = desk.monthend(arguments.iter().copied());
        command.without("WEBEX_ACCESS_TOKEN")
    };
    let run = ["run", "m.yaml", "--sandbox", "--sandbox-config=s.yaml"];
    let ended = rehearse(&run).expect(1);
    let list = ended.hint();
    assert_eq!(list.arguments(), ["resolve", "m.yaml", "--sandbox"]);
    let listed = list.typed(&desk).without("WEBEX_ACCESS_TOKEN").expect(0);
    let listed = listed.says(["SANDBOX"]).shows(["to decide in m.ledger.sandbox.csv", "as of 2"]);
    let adopt = &listed.hints()[0];
    let decided = adopt.typed(&desk).without("WEBEX_ACCESS_TOKEN");
    let decided = decided.arg("--reason=seen in Control Hub\nby Jo").expect(0);
    let decided = decided.shows(["doubtful USER 2026-09 is created, with report "]);
    assert!(!decided.stdout.contains(&partner("doubtful")), "{decided}");
    assert_eq!(decided.hint().arguments(), ["collect", "m.yaml", "--sandbox"]);
    let ledger = desk.ledger_at("m.ledger.sandbox.csv");
    let request = &ledger.of("doubtful")[0]["request_id"];
    let history = desk.read("m.ledger.sandbox.history.jsonl");
    assert!(history.contains("\"reason\":\"seen in Control Hub by Jo\""), "{history}");
    let life = desk.monthend(["status", "m.ledger.sandbox.csv", "--history", request]).expect(0);
    life.shows([
        " UTC  candidates     reports=[{\"report_id\":",
        " UTC  resolve        report_id=",
        " reason=\"seen in Control Hub by Jo\"",
    ]);
    assert!(!desk.has("m.ledger.csv"));
}

/// A candidate that another row has by now is nobody's to take.
#[test]
fn a_candidate_that_is_taken_is_named_and_not_offered() {
    let (_server, desk) = listed();
    let mut ledger = desk.ledger();
    let fernhill = ledger.lines.iter().position(|line| &line["sub_partner"] == "Fernhill").unwrap();
    let error = ledger.lines[fernhill]["error"].to_owned();
    let id = error.rsplit(' ').next().unwrap().to_owned();
    ledger.set(1 - fernhill, &[("report_id", &id)]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let ended = desk.monthend(["resolve", "m.yaml"]).expect(0);
    let ended = ended.shows(["it belongs to Cedarline USER 2026-09"]);
    let offered = ended.hints().iter().filter(|it| it.arguments().contains(&id)).count();
    assert_eq!(offered, 0, "{ended}");
    let row = ledger.lines[fernhill]["request_id"].to_owned();
    let adopt = desk.monthend(["resolve", "m.yaml", "--request", &row, "--adopt", &id]);
    adopt.expect(2).says(["belongs to Cedarline USER 2026-09 already"]);
}

/// What `--existing adopt` cannot tell apart, the listing shows as well.
#[test]
fn candidates_of_a_lost_ledger_are_listed() {
    let (_server, desk) = listed();
    let twins = partners(["Fernhill"], "USER", "2026-09")
        + &partners_with(["Fernhill"], "USER", "2026-09", "internal: true")
            .replace("name: partners", "name: internal");
    let text = desk.read("m.yaml");
    let head = text.split("jobs:\n").next().unwrap().to_owned();
    desk.write("m.yaml", format!("{head}jobs:\n{twins}"));
    let run = desk.converge().args(["--existing=adopt", "--ledger=new.csv"]);
    run.expect(1);
    let list = desk.monthend(["resolve", "new.csv"]).without("WEBEX_ACCESS_TOKEN");
    let ended = list.expect(0).shows(["2 rows to decide", "created "]);
    assert!(!ended.stdout.contains("nothing is known"), "{ended}");
}

/// The server says whether there is such a report, and whose.
#[test]
fn only_a_report_of_the_request_can_be_adopted() {
    let server = Served::new("");
    let jobs = partners(["a", "b"], "USER", "2026-08, 2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    let ids: Vec<String> = ledger.lines.iter().map(|line| line["report_id"].to_owned()).collect();
    let unknown = another_id(&ledger);
    ledger.set(0, &IN_DOUBT);
    ledger.set(1, &IN_DOUBT);
    desk.write("m.ledger.csv", ledger.to_csv());
    let row = ledger.lines[0]["request_id"].to_owned();
    let adopt = |id: &str| desk.monthend(["resolve", "m.yaml", "--request", &row, "--adopt", id]);
    adopt(&unknown).expect(2).says(["the server has no such report"]);
    adopt(&ids[1]).expect(2).says(["another type, period or sub-partner"]);
    assert_eq!(desk.read("m.ledger.csv"), ledger.to_csv());
    adopt(&ids[0]).expect(0);
}

#[test]
fn what_is_next_tells_sending_from_looking_up() {
    let (desk, mut ledger) = desk_with(&SENDING);
    ledger.set(1, &SENDING);
    desk.write("m.ledger.csv", ledger.to_csv());
    resolve(&desk, &ledger, &["--resend"], 0).shows(["to send 1 row, and look up 1:"]);
}
