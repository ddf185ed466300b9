//! `discover`: asking the API for its sub-partners.

use sandbox::Endpoint;

use crate::support::{Desk, Served, partner};

/// A server with three active and two suspended sub-partners, two on a page.
fn server(envelope: &str, more: &str) -> Served {
    let entry = |name: &str, state: &str| {
        format!("    - {{ org_id: {}, state: {state} }}\n", partner(name))
    };
    let list: String =
        [("a", "active"), ("b", "suspended"), ("c", "active"), ("d", "active"), ("e", "suspended")]
            .map(|(name, state)| entry(name, state))
            .concat();
    Served::new(&format!(
        "sub_partners:\n  envelope: {envelope}\n  page_size: 2\n  list:\n{list}{more}"
    ))
}

fn job(which: &str) -> String {
    format!(
        "  - {{ name: found, sub_partners: [{{ discover: {which} }}], types: [USER], periods: [2026-09] }}\n"
    )
}

#[test]
fn everyone_of_the_kind_is_found_whatever_the_shape_of_the_answer() {
    for envelope in ["items", "sub_partners"] {
        for (which, names) in [
            ("active", &["a", "c", "d"][..]),
            ("suspended", &["b", "e"]),
            ("all", &["a", "b", "c", "d", "e"]),
        ] {
            let server = server(envelope, "");
            let desk = Desk::with(server.url(), &job(which));
            let expected: Vec<String> = names.iter().map(|name| partner(name)).collect();

            let plan = desk.plan().arg("--format=json").expect(0).json();
            let rows = plan["rows"].as_array().unwrap();
            let planned: Vec<_> =
                rows.iter().map(|row| row["sub_partner_org_id"].as_str().unwrap()).collect();
            assert_eq!(planned, expected, "{which} under {envelope}");
            assert!(server.creates().is_empty());
            assert_eq!(
                server.at(Endpoint::SubPartners).len(),
                names.len().div_ceil(2),
                "page by page"
            );

            desk.converge().expect(0);
            let ledger = desk.ledger().at_rest(names.len());
            assert_eq!(ledger.column("sub_partner_org_id"), expected);
        }
    }
}

#[test]
fn who_is_named_too_is_asked_for_once_and_can_be_excluded() {
    let server = server("items", "");
    let jobs = format!(
        "  - name: found\n    sub_partners: [{{ id: {}, label: Cee }}, {{ discover: active }}, {{ discover: all }}]\n    types: [USER]\n    periods: [2026-09]\n    exclude: [{{ sub_partner: {} }}]\n",
        partner("c"),
        partner("d"),
    );
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    let ledger = desk.ledger().at_rest(4);
    let expected = ["c", "a", "b", "e"].map(partner);
    assert_eq!(ledger.column("sub_partner_org_id"), expected);
    assert_eq!(ledger.column("sub_partner"), ["Cee", "", "", ""]);
}

#[test]
fn nobody_is_a_mistake_of_the_manifest() {
    let server = Served::new("sub_partners: { list: [] }");
    let desk = Desk::with(server.url(), &job("suspended"));
    for command in [desk.plan(), desk.converge()] {
        command.expect(2).says(["suspended"]);
    }
    assert!(server.creates().is_empty() && !desk.has("m.ledger.csv"));
}

#[test]
fn discovery_that_fails_stops_before_anything_is_sent() {
    for (fault, said) in [
        ("{ kind: status, status: 403 }", "403"),
        ("{ kind: status, status: 500 }", "500"),
        ("{ kind: reset }", "cannot ask the API for its sub-partners"),
        ("{ kind: html }", "cannot ask the API for its sub-partners"),
    ] {
        let server = server(
            "items",
            &format!("faults: [{{ when: {{ endpoint: sub_partners }}, then: [{fault}] }}]\n"),
        );
        let desk = Desk::with(server.url(), &job("active"));
        for command in [desk.plan(), desk.converge()] {
            command.expect(3).says([said]);
        }
        assert!(server.creates().is_empty(), "{fault}");
        assert_eq!(desk.files(), ["m.yaml"], "{fault}");
    }
}

#[test]
fn a_list_of_sub_partners_is_read_to_its_end_or_not_at_all() {
    for (fault, said) in [
        ("{ kind: link, form: empty_element }", None),
        ("{ kind: link, form: bytes }", None),
        ("{ kind: link, form: uri }", None),
        ("{ kind: link, form: unclosed }", Some("`Link`")),
        ("{ kind: link, form: garbage }", Some("`Link`")),
        ("{ kind: link, form: no_relation }", Some("`Link`")),
        ("{ kind: part }", Some("206")),
    ] {
        let faults =
            format!("faults: [{{ when: {{ endpoint: sub_partners }}, then: [{fault}] }}]\n");
        let server = server("items", &faults);
        let desk = Desk::with(server.url(), &job("all"));
        match said {
            None => {
                let plan = desk.plan().arg("--format=json").expect(0).json();
                assert_eq!(plan["rows"].as_array().unwrap().len(), 5, "{fault}");
            }
            Some(said) => drop(desk.plan().expect(3).says([said])),
        }
    }
}

/// It will not be another one when it is asked for again.
#[test]
fn an_id_that_cannot_be_used_is_named_at_once() {
    for id in ["two words", "a\u{a0}b", ""] {
        let server = Served::new(&format!(
            "sub_partners: {{ list: [{{ org_id: {} }}, {{ org_id: '{id}' }}] }}",
            partner("a")
        ));
        let desk = Desk::with(server.url(), &job("all"));
        let ended = desk.converge().expect(3);
        ended.says(["organisation id", "instead of `discover`"]);
        assert_eq!(server.at(Endpoint::SubPartners).len(), 1, "{id:?}");
    }
}

#[test]
fn discovery_survives_a_server_that_stumbles() {
    let faults = "faults: [{ when: { endpoint: sub_partners, tries: 1 }, then: [{ kind: reset }, { kind: status, status: 502 }, { kind: truncated }, { kind: status, status: 429, retry_after: '0' }] }]\n";
    let server = server("items", faults);
    let desk = Desk::with(server.url(), &job("all"));
    desk.converge().expect(0);
    desk.ledger().at_rest(5);
}

#[test]
fn who_is_new_among_the_discovered_is_added_by_the_next_run() {
    let (few, many) = (
        Served::new(&format!("sub_partners: {{ list: [{{ org_id: {} }}] }}", partner("c"))),
        server("items", ""),
    );
    let desk = Desk::with(few.url(), &job("active"));
    desk.converge().expect(0);
    desk.converge().arg("--base-url").arg(many.url()).expect(0);
    assert_eq!(many.creates().len(), 2);
    let ledger = desk.ledger().at_rest(3);
    assert_eq!(ledger.column("sub_partner_org_id"), ["a", "c", "d"].map(partner));
}

/// Without a server, `discover` means whom the ledger has in rows of the job.
#[test]
fn an_audit_without_a_server_takes_whom_the_ledger_has() {
    let mut server = server("items", "reports: { completes_after: 0s }\n");
    let own = crate::support::own("USER", "2026-09");
    let desk = Desk::with(server.url(), &(own.clone() + &job("active")));
    let audit = |args: &[&str]| {
        let audit = desk.monthend(["audit", "m.yaml", "--offline"]).without("WEBEX_ACCESS_TOKEN");
        audit.args(args.iter().copied())
    };
    // No row of the job: who it is about is not known.
    let unknown = "the job found discovers its sub-partners, and the ledger has no row of it";
    audit(&[]).expect(2).says([unknown]);
    desk.converge().args(["--job=own", "--collect"]).expect(0);
    audit(&[]).expect(2).says([unknown]);
    audit(&["--job=found"]).expect(2).says([unknown]);
    audit(&["--job=own"]).expect(0);
    desk.converge().arg("--collect").expect(0);
    server.stop();
    let ended = audit(&[]).expect(0);
    ended.shows([
        "checked 4 requests, 4 reports, 4 files\n",
        "`discover` means the sub-partners that the ledger has in rows of the job: found\n",
    ]);
    let json = audit(&["--format=json"]).expect(0).json();
    assert!(json["notes"][1].as_str().unwrap().contains("found"), "{json}");
    // Another month for the same ones: they are known, and nothing is created for them.
    let next = job("active").replace("2026-09", "2026-09, 2026-10");
    desk.manifest(server.url(), &(own + &next));
    audit(&[]).expect(1).shows(["3 differences: 3 not_created\n"]);
    audit(&["--period=2026-09"]).expect(0);
}
