//! What people see.

use super::*;

fn rendered(folder: &Folder) -> String {
    let path = format!("{}/", folder.dir.path().display());
    folder.problems().render(false).replace(&path, "")
}

#[test]
fn problems_show_their_place_and_what_would_be_right() {
    let folder = Folder::new(
        "version: 1
api: { request_timeout: 30 }
jobs:
  - name: resellers
    subpartners: [{ file: partners.csv }]
    types: [Customer]
    periods: [{ start: 2026-10-31, end: 2026-10-01 }, 2026-11]
",
    );
    insta::assert_snapshot!(rendered(&folder), @r#"
    error: the duration "30" has no unit
     --> october.yaml:2:25
      |
    2 | api: { request_timeout: 30 }
      |                         ^^
      |
      = help: write 30s for seconds; the units are ms, s, m and h

    error: unknown key "subpartners" in a job
     --> october.yaml:5:5
      |
    5 |     subpartners: [{ file: partners.csv }]
      |     ^^^^^^^^^^^
      |
      = help: did you mean sub_partners?

    error: "Customer" is not a valid report type
     --> october.yaml:6:13
      |
    6 |     types: [Customer]
      |             ^^^^^^^^
      |
      = help: did you mean CUSTOMER?

    error: `end` 2026-10-01 is before `start` 2026-10-31
     --> october.yaml:7:41
      |
    7 |     periods: [{ start: 2026-10-31, end: 2026-10-01 }, 2026-11]
      |                                         ^^^^^^^^^^
      |
      = help: swap the two, or correct one

    error: this period ends on 2026-11-30 and is not over yet (today is 2026-11-05, UTC)
     --> october.yaml:7:55
      |
    7 |     periods: [{ start: 2026-10-31, end: 2026-10-01 }, 2026-11]
      |                                                       ^^^^^^^
      |
      = help: the server bills days that are over; choose an earlier end (`--no-date-check` leaves the judgement to the server)
    "#);
}

#[test]
fn two_places_are_shown_together() {
    let folder = Folder::new(
        "version: 1
jobs:
  - name: ünal
    sub_partners: [{ id: a, label: \"Ünal 日本\" }, { file: partners.csv }]
    types: [USER]
    periods: [2026-09]
",
    )
    .with("partners.csv", "label,org_id\nBolt,b\n Ünal 日本 ,c\n");
    insta::assert_snapshot!(rendered(&folder), @r#"
    error: the label "Ünal 日本" is used for two ids: c here and a before
     --> partners.csv:3:2
      |
    3 |  Ünal 日本 ,c
      |  ^^^^^^^^^
      |
     ::: october.yaml:4:36
      |
    4 |     sub_partners: [{ id: a, label: "Ünal 日本" }, { file: partners.csv }]
      |                                    ----------- first here
      |
      = help: give each sub-partner a label of its own, or correct the id
    "#);
}

#[test]
fn endless_lines_are_not_shown() {
    let folder = Folder::new(&format!("version: 1\njobs: [{} x]\n", "y, ".repeat(2000)));
    let text = rendered(&folder);
    assert!(text.len() < 20_000);
    assert!(text.contains("--> october.yaml:2:8\n"), "{text}");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let problems = Folder::new("version: 2\njobs: []\n").problems();
    assert!(problems.render(true).contains('\u{1b}'));
    assert!(!problems.render(false).contains('\u{1b}'));
}
