//! Each file of `tests/manifests/bad`, and all that is said about it: message, place and help.

use super::*;

const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests/bad");

#[test]
fn what_is_said_about_each_bad_manifest() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("{BAD}/said"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let files = fs::read_dir(BAD).unwrap().map(|entry| entry.unwrap().path());
    let manifests: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|name| name == "yaml")).collect();
    assert_eq!(manifests.len(), fs::read_dir(format!("{BAD}/said")).unwrap().count());
    for path in manifests {
        let error = Manifest::load(&path, &options()).expect_err("a bad manifest");
        let said = error.to_string().replace(&format!("{BAD}/"), "");
        let name = path.file_stem().unwrap().to_string_lossy();
        settings.bind(|| insta::assert_snapshot!(&*name, said));
    }
}

#[test]
fn what_is_not_there_is_said_so() {
    let folder = Folder::new("");
    for (name, message) in [("gone.yaml", "there is no manifest at "), ("", "it is a directory")] {
        let error = Manifest::load(&folder.path(name), &options()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let before = level - 1;
        let items = format!("*a{before}, ").repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let mut merges = String::from("a0: &a0 { x: y }\n");
    for level in 1..100 {
        merges.push_str(&format!("a{level}: &a{level} {{ <<: *a{} }}\n", level - 1));
    }
    for (text, message) in [
        (bomb, "more than 2000000 values"),
        (merges, "nested more than 64"),
        (format!("a: {}", "[".repeat(100_000)), "nested more than 64"),
        ("- ".repeat(100_000), "nested more than 64"),
        (format!("a: {}", "{ b: ".repeat(1_000)), "nested more than 64"),
        (format!("a: [{}]", "x,".repeat(2_000_001)), "more than 2000000 values"),
    ] {
        let problems = Folder::new(&text).problems();
        assert!(problems.shown.first().unwrap().mistake.message.contains(message), "{message}");
    }
}

#[test]
fn a_line_of_a_partners_file_has_its_limit() {
    let job = "{ name: x, types: [USER], periods: [2026-09], sub_partners: [{ file: p.csv }] }";
    let long = format!("org_id\n{}\n", "a".repeat(20_000));
    let folder = Folder::new(&format!("version: 1\njobs: [{job}]\n")).with("p.csv", long);
    let said = folder.problems().render(false);
    assert!(said.starts_with("error: this line is longer than 16384 bytes\n"), "{said}");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let problems = Folder::new("version: 2\njobs: []\n").problems();
    assert!(problems.render(true).contains('\u{1b}'));
    assert!(!problems.render(false).contains('\u{1b}'));
}
