//! What an engine is here: its variables, its folders, its artifacts, and the order of its jobs. What only brings the
//! binary or the repository to a machine is done by the test.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use sandbox::{CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
use serde_yaml::Value;

use crate::support::{Desk, Served};

pub(super) type Variables = BTreeMap<String, String>;

pub(super) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci")
}

pub(super) fn read(name: &str) -> String {
    fs::read_to_string(examples().join(name)).unwrap()
}

/// A manifest as it is, but for the rate: that would only take time here.
pub(super) fn unhurried(manifest: String) -> String {
    assert!(!manifest.contains("limits:"));
    manifest + "limits: { rate: unlimited }\n"
}

pub(super) fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&read(name)).unwrap()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        other => panic!("no text: {other:?}"),
    }
}

pub(super) fn list(value: &Value) -> Vec<Value> {
    value.as_sequence().cloned().unwrap_or_default()
}

/// The pairs of a mapping, as texts.
pub(super) fn pairs(value: &Value) -> Variables {
    let pairs = value.as_mapping().into_iter().flatten();
    pairs.map(|(name, value)| (text(name), text(value))).collect()
}

/// A machine of an engine: a folder with the repository's files, and what every command there finds.
pub(super) struct Machine<'a> {
    pub(super) folder: PathBuf,
    desk: &'a Desk,
    server: &'a Served,
}

impl<'a> Machine<'a> {
    pub(super) fn new(desk: &'a Desk, server: &'a Served, name: &str) -> Self {
        let folder = desk.path(name);
        fs::create_dir_all(folder.join("ci")).unwrap();
        fs::create_dir_all(desk.path("bin")).unwrap();
        fs::write(folder.join("monthly.yaml"), unhurried(read("monthly.yaml"))).unwrap();
        let program = |path: PathBuf, text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        program(folder.join("ci/install-monthend"), "#!/bin/sh\n");
        // Nobody can download what was never made.
        program(desk.path("bin/gh"), "#!/bin/sh\nexit 1\n");
        let _ = symlink(env!("CARGO_BIN_EXE_monthend"), desk.path("bin/monthend"));
        Machine { folder, desk, server }
    }

    /// Runs a script as CI engines do: it ends with the first command that fails. Gives the exit code.
    pub(super) fn shell(&self, script: &str, variables: &Variables) -> i32 {
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("bash")
            .args(["-eo", "pipefail", "-c", script])
            .current_dir(&self.folder)
            .env_clear()
            .envs(variables)
            .env("MONTHEND_BASE_URL", self.server.url())
            .env("PATH", format!("{}:{path}", self.desk.path("bin").display()))
            .output()
            .unwrap();
        println!(
            "$ {script}\n{}{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            output.status
        );
        output.status.code().unwrap()
    }
}

/// Copies what is in one folder into another, which is made.
pub(super) fn copy_all(from: &Path, to: &Path) {
    let copied = Command::new("sh")
        .args(["-c", "mkdir -p \"$2\" && cp -R \"$1/.\" \"$2\"", "sh"])
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}

/// What an upload keeps: the contents of one folder, or several files and folders by their paths.
fn upload(machine: &Machine<'_>, paths: &str, to: &Path) {
    let paths: Vec<&str> = paths.split_whitespace().collect();
    match paths[..] {
        [folder] => copy_all(&machine.folder.join(folder), to),
        _ => {
            fs::create_dir_all(to).unwrap();
            let copy = format!("cp -R --parents {} {}", paths.join(" "), to.display());
            assert_eq!(machine.shell(&copy, &Variables::new()), 0);
        }
    }
}

/// `${{ … }}` as GitHub fills it in.
fn filled(text: &str, share: usize) -> String {
    let share = share.to_string();
    let known = [
        ("matrix.share", share.as_str()),
        ("github.run_id", "7001"),
        ("github.run_attempt", "1"),
        ("github.token", "gh-token"),
        ("secrets.WEBEX_CLIENT_ID", CLIENT_ID),
        ("secrets.WEBEX_CLIENT_SECRET", CLIENT_SECRET),
        ("secrets.WEBEX_REFRESH_TOKEN", REFRESH_TOKEN),
    ];
    let mut text = text.to_owned();
    for (name, value) in known {
        text = text.replace(&format!("${{{{ {name} }}}}"), value);
    }
    assert!(!text.contains("${{"), "{text}");
    text
}

/// Runs a job's steps on a machine of their own; gives the first exit code that is not 0.
pub(super) fn github_job(
    desk: &Desk,
    server: &Served,
    workflow: &Value,
    job: &str,
    share: usize,
) -> i32 {
    let machine = Machine::new(desk, server, &format!("{job}-{share}"));
    let job = &workflow["jobs"][job];
    let mut variables = pairs(&workflow["env"]);
    variables.extend(pairs(&job["env"]));
    for value in variables.values_mut() {
        *value = filled(value, share);
    }
    let mut failed = 0;
    for step in list(&job["steps"]) {
        let is_always = step["if"].as_str() == Some("always()");
        if failed != 0 && !is_always {
            continue;
        }
        let with = |name: &str| filled(&text(&step["with"][name]), share);
        let path = |name: &str| machine.folder.join(with(name));
        match step["uses"].as_str().map(|uses| uses.split('@').next().unwrap()) {
            None => failed = machine.shell(&filled(&text(&step["run"]), share), &variables),
            Some("actions/upload-artifact") => {
                upload(&machine, &with("path"), &desk.path("artifacts").join(with("name")));
            }
            Some("actions/download-artifact") => {
                assert_eq!(with("pattern"), "share-*");
                assert_eq!(with("merge-multiple"), "true");
                for artifact in fs::read_dir(desk.path("artifacts")).unwrap() {
                    let artifact = artifact.unwrap();
                    if artifact.file_name().to_string_lossy().starts_with("share-") {
                        copy_all(&artifact.path(), &path("path"));
                    }
                }
            }
            Some("actions/checkout" | "actions/cache/restore" | "actions/cache/save") => {}
            Some(other) => panic!("what does {other} do?"),
        }
    }
    failed
}

/// Runs a job's scripts; `node`: which one of how many.
pub(super) fn gitlab_job(
    machine: &Machine<'_>,
    pipeline: &Value,
    job: &str,
    node: Option<(u64, u64)>,
) -> i32 {
    let mut variables = pairs(&pipeline["variables"]);
    variables.extend(pairs(&pipeline[job]["variables"]));
    let secrets = [
        ("WEBEX_CLIENT_ID", CLIENT_ID),
        ("WEBEX_CLIENT_SECRET", CLIENT_SECRET),
        ("WEBEX_REFRESH_TOKEN", REFRESH_TOKEN),
    ];
    variables.extend(secrets.map(|(n, v)| (n.to_owned(), v.to_owned())));
    if let Some((index, total)) = node {
        variables.insert("CI_NODE_INDEX".to_owned(), index.to_string());
        variables.insert("CI_NODE_TOTAL".to_owned(), total.to_string());
    }
    let scripts = ["before_script", "script"].map(|name| list(&pipeline[job][name]));
    let script: Vec<String> = scripts.iter().flatten().map(text).collect();
    machine.shell(&script.join("\n"), &variables)
}
