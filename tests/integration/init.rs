//! `monthend init`, and what comes from the command line's own definition.

use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Asked, Canned, Desk, Reply, Served, csv_cells, partner};

#[test]
fn a_starter_runs_as_it_is_in_the_sandbox() {
    let desk = Desk::new();
    let init = desk.monthend(["init"]).without("WEBEX_ACCESS_TOKEN").expect(0);
    init.shows(["wrote month-end.yaml", "monthend run month-end.yaml --sandbox"]);
    assert_eq!(desk.files(), ["month-end.yaml"]);
    let rehearse = |command: &str| {
        let command = desk.monthend([command, "month-end.yaml", "--sandbox"]);
        command.without("WEBEX_ACCESS_TOKEN").without("MONTHEND_NO_DATE_CHECK")
    };
    rehearse("plan").expect(0);
    rehearse("check").expect(0);
    rehearse("run").expect(0);
    desk.ledger_at("month-end.ledger.sandbox.csv").at_rest(5);
    desk.monthend(["init", "of my own.yaml"])
        .expect(0)
        .shows(["monthend run 'of my own.yaml' --sandbox"]);
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let desk = Desk::new();
    desk.write("month-end.yaml", "mine");
    symlink("nowhere", desk.path("link.yaml")).unwrap();
    std::fs::create_dir(desk.path("folder")).unwrap();
    for file in ["month-end.yaml", "link.yaml", "folder"] {
        desk.monthend(["init", file]).expect(2).says([file, "the file exists"]);
    }
    // Not even asked for its sub-partners.
    let server = Served::new("");
    let discover = desk.monthend(["init", "--discover", "--base-url", server.url()]);
    discover.expect(2);
    assert!(server.exchanges().is_empty());
    desk.monthend(["init", "no/folder/m.yaml"]).expect(2).says(["its folder does not exist"]);
    assert_eq!(desk.read("month-end.yaml"), "mine");
    assert_eq!(desk.files(), ["folder", "link.yaml", "month-end.yaml"]);
}

#[test]
fn many_at_once_make_one_file() {
    let desk = Desk::new();
    let starts: Vec<_> = (0..6).map(|_| desk.monthend(["init"]).start()).collect();
    let codes: Vec<_> = starts.into_iter().map(|start| start.wait().code).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Some(2)).count(), 5, "{codes:?}");
    assert_eq!(desk.files(), ["month-end.yaml"]);
}

#[test]
fn the_api_tells_who_the_sub_partners_are() {
    let (a, b) = (partner("a"), partner("b"));
    let server = Served::new(&format!(
        "sub_partners: {{ list: [{{ org_id: {a}, state: active }}, {{ org_id: {b}, state: suspended }}] }}"
    ));
    let desk = Desk::new();
    let discover = || desk.monthend(["init", "m.yaml", "--discover", "--base-url", server.url()]);
    discover().without("WEBEX_ACCESS_TOKEN").expect(2).says(["no credentials"]);
    discover().env("WEBEX_ACCESS_TOKEN", "expired").expect(3);
    assert!(desk.files().is_empty());
    discover().expect(0).shows(["1 of them active"]);
    assert_eq!(desk.files(), ["m.yaml"]);
    let plan = desk.monthend(["plan", "m.yaml", "--format=csv"]).expect(0);
    assert!(plan.stdout.contains(&a) && !plan.stdout.contains(&b), "{plan}");
    assert!(desk.read("m.yaml").contains(&format!("# - {{ id: {b} }}   # suspended")));
    assert!(server.creates().is_empty());

    let nobody = Served::new("sub_partners: { list: [] }");
    desk.monthend(["init", "n.yaml", "--discover", "--base-url", nobody.url()]).expect(2);
    let rehearsal = desk.monthend(["init", "r.yaml", "--discover", "--sandbox"]);
    rehearsal.without("WEBEX_ACCESS_TOKEN").expect(0).shows(["6 of them active"]);
    assert_eq!(desk.files(), ["m.yaml", "r.yaml"]);
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = desk.monthend(["completions", shell]).expect(0).stdout;
        for word in ["resolve", "completions", "partition", "base-url"] {
            assert!(text.contains(word), "{shell} does not complete {word}");
        }
    }
    desk.monthend(["completions", "tcsh"]).expect(2);
    desk.monthend(["man", "share/man/man1"]).expect(0);
    for page in ["monthend.1", "monthend-run.1", "monthend-check.1"] {
        let text = desk.read(&format!("share/man/man1/{page}"));
        assert!(text.starts_with(".ie") && text.contains(".TH monthend"), "{page}: {text}");
    }
}

/// What the API lists is text from outside: whatever it looks like in YAML, it is an id and nothing more.
#[test]
fn ids_that_yaml_would_take_for_something_else_are_ids() {
    const ODD: [&str; 12] = [
        r#"x,"label":evil"#,
        "{a}",
        "#x",
        "~",
        "null",
        "1_000",
        "*a",
        "x}],types:[USER",
        "'",
        "a:",
        "%2Fx",
        "\\u0041",
    ];
    let server = Canned::new(|asked, _| {
        let is_active = asked.target.contains("active");
        let ids = ODD.iter().skip(usize::from(!is_active));
        let items: Vec<_> = ids.map(|id| json!({ "orgId": id })).collect();
        let list = json!({ "items": items });
        (asked.path().ends_with("/subPartners")).then(|| Reply::json(200, &list))
    });
    let desk = Desk::new();
    let init = desk.monthend(["init", "m.yaml", "--discover", "--base-url", &server.url]);
    init.expect(0).shows(["12 of them active"]);
    let plan = desk.monthend(["plan", "m.yaml", "--format=csv"]).expect(0);
    let planned = csv_cells(&plan.stdout);
    for id in ODD {
        // A cell that a spreadsheet would run has an apostrophe before it.
        let is_there = planned
            .iter()
            .any(|cells| cells[3].trim_start_matches('\'') == id.trim_start_matches('\''));
        assert!(is_there, "{id}: {plan}");
    }
    desk.monthend(["run", "m.yaml", "--base-url", &server.url]).expect(0);
    let creates: Vec<_> = server.asked().into_iter().filter(Asked::is_create).collect();
    let sent = |id: &str| {
        let body = format!("\"subPartnerOrgId\":{}", json!(id));
        creates.iter().any(|create| create.body.contains(&body))
    };
    assert!(ODD.iter().all(|id| sent(id)), "{creates:#?}");
}

/// What cannot be an id ends it; nobody gets a manifest that bills somebody else.
#[test]
fn ids_that_no_manifest_can_have_write_none() {
    for id in ["", "own", "1.23E+10", "a\nb", "a\u{1b}]0;x\u{7}"] {
        let server = Canned::new(move |asked, _| {
            let list = json!({ "items": [{ "orgId": "a" }, { "orgId": id }] });
            (asked.path().ends_with("/subPartners")).then(|| Reply::json(200, &list))
        });
        let desk = Desk::new();
        let init = desk.monthend(["init", "m.yaml", "--discover", "--base-url", &server.url]);
        let (code, says) = if id == "own" { (2, "`own` is no id") } else { (3, "cannot be used") };
        init.expect(code).says([says]);
        assert!(desk.files().is_empty(), "{id:?}");
    }
}

/// A name that looks like an option is a name, also in what to type next.
#[test]
fn a_manifest_that_is_called_like_an_option_can_be_typed() {
    let desk = Desk::new();
    let init = desk.monthend(["init", "--", "-v.yaml"]).expect(0);
    init.shows(["monthend run ./-v.yaml --sandbox"]);
    assert!(desk.read("-v.yaml").contains("monthend plan  ./-v.yaml "));
    let rehearse = desk.monthend(["run", "--sandbox", "--", "-v.yaml"]);
    let ended = rehearse.without("MONTHEND_NO_DATE_CHECK").expect(0);
    ended.shows([" collect ./-v.yaml --sandbox"]);
    for name in ["a\nb.yaml", "a\njobs: [x].yaml"] {
        desk.monthend(["init", name]).expect(2);
    }
    desk.monthend(["status", "--", "-w.yaml"]).expect(2).says(["`monthend init ./-w.yaml`"]);
}
