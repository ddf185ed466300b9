//! `monthend init`, and what comes from the command line's own definition.

use std::os::unix::fs::symlink;

use crate::support::{Desk, Served, partner};

#[test]
fn a_starter_runs_as_it_is_in_the_sandbox() {
    let desk = Desk::new();
    let init = desk
        .monthend(["init"])
        .without("WEBEX_ACCESS_TOKEN")
        .expect(0);
    init.shows([
        "wrote month-end.yaml",
        "monthend run month-end.yaml --sandbox",
    ]);
    assert_eq!(desk.files(), ["month-end.yaml"]);
    let rehearse = |command: &str| {
        let command = desk.monthend([command, "month-end.yaml", "--sandbox"]);
        command
            .without("WEBEX_ACCESS_TOKEN")
            .without("MONTHEND_NO_DATE_CHECK")
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
        desk.monthend(["init", file])
            .expect(2)
            .says([file, "the file exists; choose another name"]);
    }
    // Not even asked for its sub-partners.
    let server = Served::new("");
    let discover = desk.monthend(["init", "--discover", "--base-url", server.url()]);
    discover.expect(2);
    assert!(server.exchanges().is_empty());
    desk.monthend(["init", "no/folder/m.yaml"])
        .expect(2)
        .says(["its folder does not exist"]);
    assert_eq!(desk.read("month-end.yaml"), "mine");
    assert_eq!(desk.files(), ["folder", "link.yaml", "month-end.yaml"]);
}

#[test]
fn many_at_once_make_one_file() {
    let desk = Desk::new();
    let starts: Vec<_> = (0..6).map(|_| desk.monthend(["init"]).start()).collect();
    let codes: Vec<_> = starts.into_iter().map(|start| start.wait().code).collect();
    assert_eq!(
        codes.iter().filter(|code| **code == Some(0)).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == Some(2)).count(),
        5,
        "{codes:?}"
    );
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
    discover()
        .without("WEBEX_ACCESS_TOKEN")
        .expect(2)
        .says(["no credentials"]);
    discover().env("WEBEX_ACCESS_TOKEN", "expired").expect(3);
    assert!(desk.files().is_empty());
    discover().expect(0).shows(["1 of them active"]);
    assert_eq!(desk.files(), ["m.yaml"]);
    let plan = desk.monthend(["plan", "m.yaml", "--format=csv"]).expect(0);
    assert!(
        plan.stdout.contains(&a) && !plan.stdout.contains(&b),
        "{plan}"
    );
    assert!(
        desk.read("m.yaml")
            .contains(&format!("# - {{ id: {b} }}   # suspended"))
    );
    assert!(server.creates().is_empty());

    let nobody = Served::new("sub_partners: { list: [] }");
    desk.monthend(["init", "n.yaml", "--discover", "--base-url", nobody.url()])
        .expect(2);
    let rehearsal = desk.monthend(["init", "r.yaml", "--discover", "--sandbox"]);
    rehearsal
        .without("WEBEX_ACCESS_TOKEN")
        .expect(0)
        .shows(["6 of them active"]);
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
        assert!(
            text.starts_with(".ie") && text.contains(".TH monthend"),
            "{page}: {text}"
        );
    }
}
