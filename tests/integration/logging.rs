//! `-v`, `-vv` and `MONTHEND_LOG`: what is said about single exchanges, and what never is.

use sandbox::{CLIENT_ID, CLIENT_SECRET, Endpoint, REFRESH_TOKEN};
use serde_json::Value;

use crate::support::{Desk, Monthend, Served, TOKEN, partners};

/// All that could be opened, if anything could.
const ALL: &str = "trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,h2=trace";

/// Four reports to download, one refusal, and a token that ends on the way.
fn world() -> (Served, Desk) {
    let server = Served::new(
        "token: { expires_after: 6, rotate_refresh: true }\nreports: { completes_after: 0s }\n",
    );
    let who = ["a", "b", "c", "d", "refused-404"];
    let desk = Desk::with(server.url(), &partners(who, "USER", "2026-08"));
    (server, desk)
}

fn collecting(desk: &Desk) -> Monthend {
    desk.converge()
        .arg("--collect")
        .env("WEBEX_CLIENT_ID", CLIENT_ID)
        .env("WEBEX_CLIENT_SECRET", CLIENT_SECRET)
        .env("WEBEX_REFRESH_TOKEN", REFRESH_TOKEN)
}

#[test]
fn no_secret_and_no_signed_address_at_any_level() {
    for (log, options) in
        [("trace", &["-vv"][..]), (ALL, &[]), (ALL, &["-vv", "--log-format=json"])]
    {
        let (server, desk) = world();
        let command = collecting(&desk).env("MONTHEND_LOG", log);
        let command = options.iter().fold(command, |all, one| all.arg(*one));
        let ended = command.expect(1);
        assert!(!server.at(Endpoint::Token).is_empty(), "it was renewed");
        let ledger = desk.ledger();
        let files = ledger.lines.iter().map(|line| &line["report_file"]);
        assert_eq!(files.filter(|file| !file.is_empty()).count(), 4);
        for hidden in [TOKEN, CLIENT_SECRET, REFRESH_TOKEN, "Bearer"] {
            assert!(!ended.stderr.contains(hidden), "{hidden}: {ended}");
        }
        // The names of what signs an address: of its values nothing is left without them.
        for hidden in ["Signature", "Expires", "Key-Pair-Id", ".csv?"] {
            assert!(!ended.stderr.contains(hidden), "{hidden}: {ended}");
        }
        ended.says(["answered 200 after", "download host answered 200"]);
    }
}

#[test]
fn each_create_is_a_span_with_its_request_its_attempt_and_its_tracking_id() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 1, last: 1 }, then: [{ kind: status, status: 429, retry_after: '0' }] }]",
    );
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-08"));
    let ended = desk.converge().args(["-vv", "--log-format=json"]).expect(0);
    let lines = ended.stderr.lines();
    let lines: Vec<Value> = lines.map(|l| serde_json::from_str(l).unwrap()).collect();
    let creates: Vec<&Value> =
        lines.iter().filter(|line| line["span"]["name"] == "request").collect();
    let id = desk.ledger().lines[0]["request_id"].to_owned();
    assert_eq!(creates.len(), 2, "{ended}");
    for (create, (attempt, status)) in creates.iter().zip([(1, 429), (2, 200)]) {
        assert_eq!(create["span"]["request_id"], id, "{ended}");
        assert_eq!(create["span"]["attempt"], attempt, "{ended}");
        assert_eq!(create["http_status"], status, "{ended}");
        let tracked = create["span"]["tracking_id"].as_str().unwrap();
        assert!(!tracked.is_empty());
    }
    let text = desk.converge().args(["-vv", "--ledger=2.csv"]).expect(0);
    assert!(text.stderr.contains(&format!("[request request_id={id} ")), "{text}");
}

#[test]
fn the_environment_opens_modules_and_an_option_counts_before_its_level() {
    let server = Served::new("");
    let jobs = partners(["a", "refused-404"], "USER", "2026-08");
    let desk = Desk::with(server.url(), &jobs);
    let exchanges = |log: &str, options: &[&str]| {
        let command = desk.converge().env("MONTHEND_LOG", log);
        let ended = options.iter().fold(command, |all, one| all.arg(*one)).expect(1);
        ended.stderr.contains("answered ")
    };
    assert!(exchanges("monthend::session=trace", &[]));
    assert!(exchanges("monthend=trace", &["-q"]));
    assert!(!exchanges("trace", &["-q"]));
    assert!(!exchanges("", &["-v"]));
    assert!(!exchanges("hyper=trace", &[]));
    let one = desk.converge().env("MONTHEND_LOG", "monthend::session=trace");
    one.expect(1).says(["[request request_id="]);
}

#[test]
fn a_filter_that_is_none_is_a_usage_error_before_anything_is_sent() {
    let (server, desk) = world();
    for log in ["monthend=loud", "a=b=c"] {
        let ended = desk.converge().env("MONTHEND_LOG", log).expect(2);
        ended.says(["error: MONTHEND_LOG: ", log, "write a level"]);
    }
    assert!(server.exchanges().is_empty());
}
