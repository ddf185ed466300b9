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
    insta::assert_snapshot!(rendered(&folder), @"");
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
    insta::assert_snapshot!(rendered(&folder), @"");
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
