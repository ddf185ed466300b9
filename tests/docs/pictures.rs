//! The picture at the top of the README: a real session, drawn. With MONTHEND_BLESS it is drawn again.

use std::{env, fs};

use anstyle_svg::Term;

use crate::{
    outputs::{copy_example, monthend},
    root,
};

/// What is typed.
const SESSION: [&str; 3] = [
    "run october.yaml --sandbox --collect",
    "reconcile october.yaml --sandbox --name invoice",
    "status october.yaml --sandbox",
];
const PICTURE: &str = "docs/pictures/month-end.svg";

#[test]
fn the_picture_of_a_session_shows_what_the_commands_print() {
    let desk = copy_example("reconcile");
    let mut screen = String::new();
    for command in SESSION {
        let ended = monthend(&format!("{command} --quiet --color always"), desk.path());
        let stdout = String::from_utf8(ended.stdout).unwrap();
        let stdout = stdout.replace(env!("CARGO_BIN_EXE_monthend"), "monthend");
        screen += &format!("\x1b[1m$ monthend {command}\x1b[0m\n");
        // How long it took differs from run to run.
        for line in stdout.lines().filter(|line| !line.contains("elapsed")) {
            screen += &format!("{line}\n");
        }
        screen += "\n";
    }
    let drawn = Term::new().render_svg(screen.trim_end());
    let picture = root().join(PICTURE);
    if env::var_os("MONTHEND_BLESS").is_some() {
        fs::write(&picture, &drawn).unwrap();
    }
    let is_current = fs::read_to_string(&picture).is_ok_and(|present| present == drawn);
    assert!(is_current, "{PICTURE} is old: MONTHEND_BLESS=1 cargo test --test docs\n{screen}");
}
