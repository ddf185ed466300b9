//! Reports that others make, of another category, for another organisation or under another spelling.

use sandbox::{CLIENT_ID, CLIENT_SECRET, Endpoint, REFRESH_TOKEN};

use super::many;
use crate::support::{Desk, Served, own, partner, partners};

/// The token ends in the middle of a run, and the next one belongs to another administrator. His report is not another
/// person's.
#[test]
fn a_token_of_another_person_makes_reports_of_ours() {
    let token = "token: { changes_person: true }";
    let ends = "{ when: { endpoint: create, first: 3, last: 3 }, then: [{ kind: end_token }] }";
    std::thread::scope(|scope| {
        // The lost create is followed by others of the same token, or is the last.
        for (rows, code) in [(8, 0), (3, 1)] {
            for processed in [true, false] {
                scope.spawn(move || {
                    let lost = format!(
                        "{{ when: {{ endpoint: create, first: 4, last: 4 }}, then: [{{ kind: reset, processed: {processed} }}] }}"
                    );
                    let server = Served::new(&format!("{token}\nfaults: [{ends}, {lost}]"));
                    let desk = Desk::new();
                    let settings = "retry.settle: 700ms\nlimits.concurrency: 1";
                    desk.manifest_with(server.url(), settings, &many(rows));
                    let command = desk.converge();
                    let command = command.env("WEBEX_CLIENT_ID", CLIENT_ID);
                    let command = command.env("WEBEX_CLIENT_SECRET", CLIENT_SECRET);
                    let ended = command.env("WEBEX_REFRESH_TOKEN", REFRESH_TOKEN).run();
                    let ledger = desk.ledger().at_rest(rows);
                    server.lawful(&ledger);
                    if code == 0 || !processed {
                        server.all_ours(&ledger);
                    } else {
                        // Nobody else can tell who that is: a person decides.
                        assert_eq!(&ledger.lines[2]["error_code"], "in_doubt");
                    }
                    ended.expect(if processed { code } else { 0 });
                });
            }
        }
    });
}

/// At the moment when a create is lost, somebody makes the same report, or one that only looks so.
fn rivals(rival: &str) -> Served {
    Served::new(&format!(
        "latency: {{ fixed: 3ms }}
faults: [{{ when: {{ endpoint: create, tries: 1, first: 5, last: 12 }}, then: [{{ kind: rival, {rival} }}] }}]"
    ))
}

/// A colleague's, and a report of another category whoever made it, is nobody's candidate and no hindrance.
#[test]
fn what_others_make_at_that_moment_is_not_adopted() {
    std::thread::scope(|scope| {
        for rival in [
            "by: colleague",
            "by: colleague, category: point_in_time",
            "by: us, category: point_in_time",
        ] {
            for processed in [true, false] {
                scope.spawn(move || {
                    let server = rivals(&format!("{rival}, processed: {processed}"));
                    let desk = Desk::new();
                    desk.manifest_with(server.url(), "retry.settle: 1s", &many(16));
                    desk.converge().expect(0);
                    server.all_ours(&desk.ledger().at_rest(16));
                });
            }
        }
    });
}

#[test]
fn a_report_of_another_category_is_not_adopted_for_a_lost_ledger() {
    let existing = ["p0", "p1", "p2"].map(|name| {
        format!(
            "{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h, category: point_in_time }}",
            partner(name)
        )
    });
    let server = Served::new(&format!("existing: [{}]", existing.join(", ")));
    let desk = Desk::with(server.url(), &many(4));
    desk.converge().arg("--existing=adopt").expect(0);
    server.all_ours(&desk.ledger().at_rest(4));
}

/// A sub-partner of the server's list, and one that has left it.
fn sub_partners() -> String {
    format!("sub_partners: {{ list: [{{ org_id: {} }}] }}", partner("here"))
}

/// A list without sub-partner shows all reports, and does not say whose they are.
#[test]
fn the_partners_own_row_never_takes_a_sub_partners_report() {
    let jobs = partners(["a", "b"], "CUSTOMER", "2026-09") + &own("USER", "2026-09");
    for by in ["us", "colleague"] {
        // An answer is lost while somebody makes the sub-partner's.
        let server = Served::new(&format!(
            "{}\nfaults: [{{ when: {{ endpoint: create, type: USER, tries: 1 }}, then: [{{ kind: rival, by: {by}, org: {} }}] }}]",
            sub_partners(),
            partner("here")
        ));
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 600ms", &jobs);
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(3));
    }
}

/// The server says that it exists already, and only a sub-partner's is listed.
#[track_caller]
fn own_conflict(org: &str, by: &str, code: &str) {
    let jobs = partners(["a", "b"], "CUSTOMER", "2026-09") + &own("USER", "2026-09");
    let server = Served::new(&format!(
        "{}
existing: [{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h, by: {by} }}]
faults: [{{ when: {{ endpoint: create, type: USER }}, then: [{{ kind: status, status: 409 }}] }}]",
        sub_partners(),
        partner(org)
    ));
    let desk = Desk::with(server.url(), &jobs);
    let ended = desk.converge().run();
    let ledger = desk.ledger().at_rest(3);
    server.lawful(&ledger);
    assert_eq!(&ledger.of("")[0]["error_code"], code, "{org} by {by}");
    ended.expect(1);
}

#[test]
fn a_conflict_gives_the_partners_own_row_no_sub_partners_report() {
    for by in ["us", "colleague"] {
        own_conflict("here", by, "http_409");
    }
}

/// Who has left is in no list of sub-partners; the reports about them may still be in the list of all.
#[test]
fn a_conflict_gives_the_partners_own_row_no_report_of_one_who_has_left() {
    for by in ["us", "colleague"] {
        own_conflict("gone", by, "in_doubt");
    }
}

#[test]
fn a_lost_ledger_gives_the_partners_own_row_no_sub_partners_report() {
    for (org, code) in [("here", 0), ("gone", 1)] {
        let server = Served::new(&format!(
            "{}\nexisting: [{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h, by: us }}]",
            sub_partners(),
            partner(org)
        ));
        let desk = Desk::with(server.url(), &own("USER", "2026-09"));
        desk.converge().arg("--existing=adopt").expect(code);
        let ledger = desk.ledger().at_rest(1);
        server.lawful(&ledger);
        match code {
            0 => server.all_ours(&ledger),
            _ => assert_eq!(&ledger.lines[0]["error_code"], "in_doubt"),
        }
    }
}

const UUID: &str = "0000576d-60a8-407a-b22c-47c51591000";

/// One organisation in the spelling of the manifest, of `discover`, and of the list.
#[test]
fn an_organisation_in_several_spellings_is_one() {
    let unpadded = |n: u32| partner(&format!("{UUID}{n}"));
    for shown in ["unpadded", "padded", "uuid"] {
        let listed: Vec<String> =
            (0..5).map(|n| format!("{{ org_id: {} }}", unpadded(n))).collect();
        let server = Served::new(&format!(
            "reports: {{ shows_org: {shown} }}
sub_partners: {{ spelling: {shown}, list: [{}] }}
faults:
  - {{ when: {{ org: '{UUID}4' }}, then: [] }}
  - {{ when: {{ endpoint: create, tries: 1 }}, then: [{{ kind: reset, processed: true }}, {{ kind: reset }}] }}",
            listed.join(", ")
        ));
        let jobs = format!(
            "  - name: written
    sub_partners: [{UUID}0, {}, '{}==', {UUID}2, {{ discover: active }}]
    types: [USER]
    periods: [2026-09]\n",
            unpadded(1),
            unpadded(1).trim_end_matches('='),
        );
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 600ms", &jobs);
        desk.converge().expect(0);
        let orgs: std::collections::BTreeSet<String> =
            server.bodies().iter().map(|body| body["subPartnerOrgId"].to_string()).collect();
        assert_eq!(orgs.len(), 5, "{orgs:?}");
        assert_eq!(server.at(Endpoint::SubPartners).len(), 1);
        server.all_ours(&desk.ledger().at_rest(5));
    }
}
