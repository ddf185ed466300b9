//! What the README and the pages show is what the commands print.

use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::{page::quoted, read, root};

/// How long things took differs from run to run.
fn without_figures(line: &str) -> String {
    if line.starts_with("elapsed") {
        line.split_whitespace()
            .filter(|word| !word.contains(|c: char| c.is_ascii_digit()))
            .filter(|word| !["s", "s,", "ms", "ms,"].contains(word))
            .collect()
    } else {
        line.trim_end().to_owned()
    }
}

/// Whether `shown` is all of `lines`, where a line `…` stands for any number of them.
fn fits(shown: &[String], lines: &[String]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..]))
        }
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| first == line && fits(rest, lines))
        }
    }
}

/// Runs a command in `folder`.
pub(crate) fn monthend(command: &str, folder: &Path) -> Output {
    let mut monthend = without_options(Command::new(env!("CARGO_BIN_EXE_monthend")), folder);
    monthend.args(command.split(' ')).output().unwrap()
}

/// A command in `folder` that gets no option of monthend from the environment.
fn without_options(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("MONTHEND_")) {
            command.env_remove(name);
        }
    }
    command
}

fn path_with_monthend() -> OsString {
    let folder = Path::new(env!("CARGO_BIN_EXE_monthend")).parent().unwrap().to_owned();
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths([folder].into_iter().chain(env::split_paths(&others))).unwrap()
}

/// A folder like the repository, with these of the examples.
fn desk(examples: &[&str]) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    fs::create_dir(desk.path().join("examples")).unwrap();
    for name in examples {
        let name = Path::new("examples").join(name);
        fs::copy(root().join(&name), desk.path().join(&name)).unwrap();
    }
    desk
}

/// A folder with a copy of all files of `examples/NAME`.
pub(crate) fn copy_example(name: &str) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    for file in fs::read_dir(root().join("examples").join(name)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), desk.path().join(file.file_name())).unwrap();
    }
    desk
}

#[test]
fn the_tour_goes_as_its_page_shows_it() {
    let desk = desk(&["month-end.yaml", "partners.csv"]);
    let tour = read("docs/tour.md");
    let blocks = tour.split("\n```console\n$ monthend ").skip(1);
    let mut shown_commands = 0;
    for block in blocks.filter_map(|rest| rest.split("\n```").next()) {
        let (command, shown) = block.split_once('\n').unwrap();
        let ended = monthend(command, desk.path());
        let stdout = String::from_utf8(ended.stdout).unwrap();
        let stdout = stdout.replace(env!("CARGO_BIN_EXE_monthend"), "monthend");
        let normal = |text: &str| text.lines().map(without_figures).collect::<Vec<_>>();
        assert!(
            fits(&normal(shown), &normal(&stdout)),
            "docs/tour.md shows of `monthend {command}`:\n{shown}\n\nIt prints:\n{stdout}"
        );
        shown_commands += 1;
    }
    assert!(shown_commands > 3);
}

/// Does what a reader of the page does: copies the example, adds to its manifest what it lacks, types the commands. What
/// the page shows of the example's files is what they hold.
#[test]
fn comparing_goes_as_the_page_on_it_shows() {
    let desk = tempfile::tempdir().unwrap();
    let lists = ["invoice-2026-10.csv", "subscribers.csv", "products.csv", "units-2026-10.csv"];
    for file in ["october.yaml"].into_iter().chain(lists) {
        let name = root().join("examples/reconcile").join(file);
        fs::copy(name, desk.path().join(file)).unwrap();
    }
    let page = read("docs/reconciling.md");
    let mut manifest = fs::read_to_string(desk.path().join("october.yaml")).unwrap();
    let (mut before, mut shown_commands, mut added) = ("", 0, 0);
    for (place, part) in page.split("\n```").enumerate() {
        if place % 2 == 0 {
            before = part;
            continue;
        }
        let (kind, block) = part.split_once('\n').unwrap();
        let lines = block.lines();
        match kind {
            "yaml" if !manifest.contains(block) => {
                manifest += &format!("{block}\n");
                added += 1;
                fs::write(desk.path().join("october.yaml"), &manifest).unwrap();
            }
            "text" => {
                let paragraph = before.trim_end().rsplit("\n\n").next().unwrap();
                let names = quoted(paragraph).filter(|name| name.ends_with(".csv"));
                if let Some(name) = names.last() {
                    let held = fs::read_to_string(desk.path().join(name)).unwrap();
                    let texts =
                        |lines: std::str::Lines<'_>| lines.map(str::to_owned).collect::<Vec<_>>();
                    assert!(fits(&texts(lines), &texts(held.lines())), "{name} holds:\n{held}");
                }
            }
            // In a shell that finds the command by its name.
            "sh" if block.contains("--sandbox") => {
                let ended = without_options(Command::new("sh"), desk.path())
                    .args(["-ec", block])
                    .env("PATH", path_with_monthend())
                    .output()
                    .unwrap();
                assert!(ended.status.success(), "{block}: {ended:?}");
            }
            "console" => {
                let command = block.lines().next().unwrap().strip_prefix("$ monthend ").unwrap();
                let stdout = String::from_utf8(monthend(command, desk.path()).stdout).unwrap();
                let stdout = stdout.replace(env!("CARGO_BIN_EXE_monthend"), "monthend");
                let shown: Vec<String> = lines.skip(1).map(|it| it.trim_end().to_owned()).collect();
                let printed: Vec<String> =
                    stdout.lines().map(|it| it.trim_end().to_owned()).collect();
                assert!(fits(&shown, &printed), "`monthend {command}` prints:\n{stdout}");
                shown_commands += 1;
            }
            _ => {}
        }
    }
    assert_eq!((shown_commands, added), (8, 1));
}

#[test]
fn the_quick_start_creates_as_many_reports_as_the_readme_says() {
    let desk = desk(&["quickstart.yaml"]);
    let plan = "plan examples/quickstart.yaml --sandbox --format csv --as-of 2026-11-05";
    let planned = String::from_utf8(monthend(plan, desk.path()).stdout).unwrap();
    let requests = planned.lines().count() - 1;
    assert!(read("README.md").contains(&format!("the {requests} reports of")), "{requests}");
}

#[test]
fn a_mistake_in_the_manifest_is_told_as_the_tour_shows_it() {
    // The manifest stands in a list, three characters in.
    let readme = read("README.md").replace("\n   ", "\n");
    let block = |page: &str, begin: &str| {
        let block = page.split(begin).nth(1).unwrap();
        block.split("```").next().unwrap().to_owned()
    };
    let desk = desk(&[]);
    let manifest = block(&readme, "```yaml\n");
    let with_mistake = manifest.replace("CUSTOMER,", "CUSTOMERS,");
    assert_ne!(with_mistake, manifest);
    fs::write(desk.path().join("october.yaml"), with_mistake).unwrap();
    let ended = monthend("plan october.yaml", desk.path());
    assert_eq!(ended.status.code(), Some(2));
    let told = String::from_utf8(ended.stderr).unwrap();
    let shown = format!("error{}", block(&read("docs/tour.md"), "```text\nerror"));
    assert_eq!(told.trim_end(), shown.trim_end());
}
