//! What the README shows is what the commands print.

use std::{env, fs, path::Path, process::Command};

use crate::{read, root};

/// How long things took differs from run to run.
fn without_figures(line: &str) -> String {
    match line.starts_with("elapsed") {
        true => line
            .split_whitespace()
            .filter(|word| !word.contains(|c: char| c.is_ascii_digit()))
            .collect(),
        false => line.trim_end().to_owned(),
    }
}

/// Whether `shown` is all of `lines`, where a line `…` stands for any number of them.
fn fits(shown: &[String], lines: &[String]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..]))
        }
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, lines)| first == line && fits(rest, lines)),
    }
}

#[test]
fn the_tour_goes_as_the_readme_shows_it() {
    let desk = tempfile::tempdir().unwrap();
    fs::create_dir(desk.path().join("examples")).unwrap();
    for name in ["month-end.yaml", "partners.csv"] {
        let name = Path::new("examples").join(name);
        fs::copy(root().join(&name), desk.path().join(&name)).unwrap();
    }
    let readme = read("README.md");
    let blocks = readme.split("\n```console\n$ monthend ").skip(1);
    let mut shown_commands = 0;
    for block in blocks.filter_map(|rest| rest.split("\n```").next()) {
        let (command, shown) = block.split_once('\n').unwrap();
        let mut monthend = Command::new(env!("CARGO_BIN_EXE_monthend"));
        monthend.args(command.split(' ')).current_dir(desk.path());
        for (name, _) in env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("MONTHEND_"))
            {
                monthend.env_remove(name);
            }
        }
        let ended = monthend.output().unwrap();
        let stdout = String::from_utf8(ended.stdout).unwrap();
        let normal = |text: &str| text.lines().map(without_figures).collect::<Vec<_>>();
        assert!(
            fits(&normal(shown), &normal(&stdout)),
            "README.md shows of `monthend {command}`:\n{shown}\n\nIt prints:\n{stdout}"
        );
        shown_commands += 1;
    }
    assert!(shown_commands > 3);
}
