//! `examples/ci/`, and the jobs that README.md and docs/ci.md show: the shell lines of each, run with the variables that
//! its engine sets, against the sandbox. What only brings the binary or the repository to a machine, or keeps files for
//! the next job, is the test's: all jobs of a pipeline run in one folder.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use chrono::{Datelike as _, NaiveDate, Utc};
use sandbox::{CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
use serde::Deserialize as _;
use serde_yaml::Value;

use crate::support::{Desk, LedgerFile, Served, TOKEN};

/// How many requests `monthly.yaml` comes to.
const ALL: usize = 1 + 3 * 2;

/// GitHub's own program, as far as the examples use it. An artifact is the folder that keeps its files.
const GH: &str = r#"#!/bin/sh
case "$1 $2 $4 $6" in
"run download example/billing month-end") exec cp -R ledger "$8" ;;
"release download "*) exec cat ledger.tar ;;
esac
exit 1
"#;

type Variables = Vec<(String, String)>;

/// The last day of the month before.
fn end_of_the_month_before(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap().pred_opt().unwrap()
}

fn repository() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("examples/ci").join(name)).unwrap()
}

/// A manifest as it is, but for the rate: that would only take time here.
fn unhurried(manifest: String) -> String {
    assert!(!manifest.contains("limits:"));
    manifest + "limits: { rate: unlimited }\n"
}

/// The documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => String::new(),
        other => panic!("no text: {other:?}"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().map_or(&[], Vec::as_slice)
}

fn pairs(value: &Value) -> Variables {
    let pairs = value.as_mapping().into_iter().flatten();
    pairs.map(|(name, value)| (text(name), text(value))).collect()
}

/// A folder with the repository's files and the sandbox that every command in it finds. Reports are complete at once.
struct Workspace {
    desk: Desk,
    server: Served,
    /// What a person sets to redo a month; nothing where the schedule starts the job.
    as_of: String,
    /// `MONTHEND_SANDBOX` of the whole pipeline.
    sandbox: &'static str,
}

impl Workspace {
    /// One that the schedule starts, and one in which somebody redoes a month.
    fn both() -> [Self; 2] {
        let redone = end_of_the_month_before(Utc::now().date_naive());
        [Workspace::new(), Workspace { as_of: redone.to_string(), ..Workspace::new() }]
    }

    /// The month whose ledger the examples keep.
    fn month(&self) -> String {
        let day = self.as_of.parse().unwrap_or_else(|_| Utc::now().date_naive());
        end_of_the_month_before(day).format("%Y-%m").to_string()
    }

    fn new() -> Self {
        let (desk, server) = (Desk::new(), Served::new("reports: { completes_after: 0s }"));
        for folder in ["bin", "ci", "ledgers", "manifest", "month", "state"] {
            fs::create_dir(desk.path(folder)).unwrap();
        }
        desk.write("monthly.yaml", unhurried(read("monthly.yaml")));
        desk.write("token", TOKEN);
        // Nobody can download what was never made. What a person has returned is `ledger.tar`.
        symlink(env!("CARGO_BIN_EXE_monthend"), desk.path("bin/monthend")).unwrap();
        let workspace = Workspace { desk, server, as_of: String::new(), sandbox: "" };
        workspace.install("ci/install-monthend", "#!/bin/sh\n");
        workspace.install("bin/gh", GH);
        workspace.desk.write("bin/busybox", "");
        workspace.install("bin/month-end", &workspace.moved(&read("month-end")));
        workspace
    }

    fn install(&self, name: &str, script: &str) {
        let program = self.desk.write(name, script);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script as CI engines do: it ends with the first command that fails. Gives the exit code.
    fn shell(&self, script: &str, variables: Variables) -> i32 {
        assert!(!script.contains("${{"), "{script}");
        assert!(!variables.iter().any(|(_, value)| value.contains("${{")), "{variables:?}");
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("bash")
            .args(["-eo", "pipefail", "-c", script])
            .current_dir(self.desk.folder())
            .env_clear()
            .envs(variables)
            .env("MONTHEND_BASE_URL", self.server.url())
            .env("PATH", format!("{}:{path}", self.desk.path("bin").display()))
            .output()
            .unwrap();
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        println!("$ {script}\n{stdout}{stderr}{}", output.status);
        output.status.code().unwrap()
    }

    /// Runs the job of a share, which has not what the merge keeps: the close files. Nor does it keep any.
    fn without_close_files(&self, run: impl FnOnce() -> i32) -> i32 {
        let moved = |from: &str, to: &str| {
            let script = format!(
                "mkdir -p {from} {to}; find {from} -maxdepth 1 -name '*.close.json' -exec mv -t {to} {{}} +"
            );
            assert_eq!(self.shell(&script, Variables::new()), 0);
        };
        moved("ledger", "merged");
        let code = run();
        assert_eq!(self.shell("! ls ledger/*.close.json", Variables::new()), 0, "no close file");
        moved("merged", "ledger");
        code
    }

    /// The job of a share on GitHub.
    fn github_share(&self, workflow: &str, share: usize) -> i32 {
        self.without_close_files(|| self.github(workflow, "share", share))
    }

    /// The steps of a job on GitHub, one shell for each. What it keeps as an artifact is there then.
    fn github(&self, workflow: &str, job: &str, share: usize) -> i32 {
        let share = share.to_string();
        let known = [
            ("matrix.share", share.as_str()),
            ("github.run_id", "7001"),
            ("github.run_attempt", "1"),
            ("github.token", "gh-token"),
            ("github.actor", "jo"),
            ("inputs.as_of", self.as_of.as_str()),
            ("vars.MONTH_END_REPOSITORY", "example/billing"),
            ("secrets.MONTH_END_TOKEN", "gh-token"),
            ("secrets.WEBEX_CLIENT_ID", CLIENT_ID),
            ("secrets.WEBEX_CLIENT_SECRET", CLIENT_SECRET),
            ("secrets.WEBEX_REFRESH_TOKEN", REFRESH_TOKEN),
        ];
        let filled = known.iter().fold(workflow.to_owned(), |workflow, (name, value)| {
            workflow.replace(&format!("${{{{ {name} }}}}"), value)
        });
        let workflow = &documents(&filled)[0];
        let job = &workflow["jobs"][job];
        let set = self.desk.write("github_env", "").display().to_string();
        let mut variables = [pairs(&workflow["env"]), pairs(&job["env"])].concat();
        variables.push(("GITHUB_ENV".to_owned(), set));
        variables.push(("MONTHEND_SANDBOX".to_owned(), self.sandbox.to_owned()));
        let steps = list(&job["steps"]);
        let mut failed = 0;
        for step in steps {
            let is_run = match step["if"].as_str() {
                Some("inputs.returned") => self.is_returned(),
                Some("always()") => true,
                _ => failed == 0,
            };
            let Some(command) = step["run"].as_str().filter(|_| is_run) else { continue };
            let folder = step["working-directory"].as_str().unwrap_or(".");
            let script = format!("cd {folder}\n{command}");
            let code = self.shell(&script, [variables.clone(), pairs(&step["env"])].concat());
            // What a step writes there is set in the next ones.
            let set = self.desk.read("github_env");
            let set = set.lines().filter_map(|line| line.split_once('='));
            variables.extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
            failed = if failed == 0 { code } else { failed };
        }
        let is_kept = |step: &&Value| step["uses"] == "actions/upload-artifact@v4";
        for kept in steps.iter().filter(is_kept).filter_map(|step| step["with"]["path"].as_str()) {
            assert_eq!(
                self.shell(&format!("ls -d {}", kept.replace('\n', " ")), Variables::new()),
                0
            );
        }
        failed
    }

    /// A person has decided, and returned the ledger.
    fn is_returned(&self) -> bool {
        self.desk.has("ledger.tar")
    }

    /// A job's scripts on GitLab; `node`: which one of how many.
    fn gitlab(&self, pipeline: &Value, job: &str, node: Option<(u64, u64)>) -> i32 {
        let secrets = [
            ("WEBEX_CLIENT_ID", CLIENT_ID.to_owned()),
            ("WEBEX_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("WEBEX_REFRESH_TOKEN", REFRESH_TOKEN.to_owned()),
        ];
        let node = node.map(|(index, total)| {
            [("CI_NODE_INDEX", index.to_string()), ("CI_NODE_TOTAL", total.to_string())]
        });
        let returned = if self.is_returned() { "2026-10" } else { "" };
        let by_hand = [
            ("MONTHEND_AS_OF", self.as_of.clone()),
            ("LEDGER_RETURNED", returned.to_owned()),
            ("CI_API_V4_URL", format!("file://{}/api", self.desk.folder().display())),
            ("CI_PROJECT_ID", "7".to_owned()),
            ("CI_JOB_TOKEN", "job-token".to_owned()),
            ("MONTHEND_SANDBOX", self.sandbox.to_owned()),
        ];
        let set = secrets.into_iter().chain(by_hand).chain(node.into_iter().flatten());
        let set: Variables = set.map(|(name, value)| (name.to_owned(), value)).collect();
        let job = &pipeline[job];
        let lines = [list(&pipeline["default"]["before_script"]), list(&job["script"])].concat();
        let scripts = [lines, list(&job["after_script"]).to_vec()];
        let of_rules = self.of_rules(pipeline);
        let variables = [pairs(&pipeline["variables"]), of_rules, pairs(&job["variables"]), set];
        let [code, after] = scripts.map(|lines| {
            let script: Vec<String> = lines.iter().map(text).collect();
            self.shell(&script.join("\n"), variables.concat())
        });
        assert_eq!(after, 0);
        code
    }

    /// What the rules of the whole pipeline on GitLab set.
    fn of_rules(&self, pipeline: &Value) -> Variables {
        let rules = list(&pipeline["workflow"]["rules"]);
        let rule = rules.iter().find(|rule| rule["variables"].is_mapping()).unwrap();
        let condition = text(&rule["if"]);
        let nothing = condition
            .strip_prefix("$MONTHEND_SANDBOX && $MONTHEND_SANDBOX !~ /")
            .and_then(|rest| rest.strip_suffix("/i"))
            .unwrap();
        let asked = format!(
            "shopt -s nocasematch; nothing='{nothing}'; [[ -n $MONTHEND_SANDBOX && ! $MONTHEND_SANDBOX =~ $nothing ]]"
        );
        let value = vec![("MONTHEND_SANDBOX".to_owned(), self.sandbox.to_owned())];
        if self.shell(&asked, value) == 0 { pairs(&rule["variables"]) } else { Variables::new() }
    }

    /// The job of a share on GitLab.
    fn gitlab_share(&self, pipeline: &Value, node: (u64, u64)) -> i32 {
        self.without_close_files(|| self.gitlab(pipeline, "month-end", Some(node)))
    }

    /// From now on each `run` notes the close files next to the ledger.
    fn watch_runs(&self) {
        let real = env!("CARGO_BIN_EXE_monthend");
        fs::remove_file(self.desk.path("bin/monthend")).unwrap();
        let noting = format!(
            "#!/bin/sh\nif [ \"$1\" = run ]; then ls ledger/*.close.json >>seen; fi\nexec {real} \"$@\"\n"
        );
        self.install("bin/monthend", &noting);
        self.desk.write("seen", "");
    }

    /// A share of a closed month has seen that it is closed.
    #[track_caller]
    fn has_seen_the_close_file(&self) {
        let month = self.month();
        assert_eq!(self.desk.read("seen"), format!("ledger/{month}.close.json\n"));
    }

    /// A pod of Kubernetes: its containers one after the other, until one fails.
    fn pod(&self, pod: &Value, index: u64) -> i32 {
        let containers = [list(&pod["initContainers"]), list(&pod["containers"])].concat();
        let codes = containers.iter().map(|container| self.container(container, index));
        codes.into_iter().find(|code| *code != 0).unwrap_or(0)
    }

    /// A container of Kubernetes: the binary with its arguments, or a script.
    fn container(&self, container: &Value, index: u64) -> i32 {
        let arguments: Vec<String> =
            list(&container["args"]).iter().map(|arg| self.moved(&text(arg))).collect();
        let variables = list(&container["env"]).iter().map(|variable| {
            let value = match &variable["valueFrom"]["fieldRef"]["fieldPath"] {
                Value::Null => self.moved(&text(&variable["value"])),
                field if text(field) == "metadata.annotations['as-of']" => self.as_of.clone(),
                field => {
                    assert!(text(field).contains("batch.kubernetes.io/job-completion-index"));
                    index.to_string()
                }
            };
            (text(&variable["name"]), value)
        });
        let script = match list(&container["command"]) {
            [] => format!("monthend {}", arguments.join(" ")),
            _ => arguments.concat(),
        };
        self.shell(&script, variables.collect())
    }

    /// The files of a machine or a volume, in this folder.
    fn moved(&self, text: &str) -> String {
        let folder = self.desk.folder().display();
        text.replace("/usr/local/bin/", "")
            .replace("/bin/busybox", &format!("{folder}/bin/busybox"))
            .replace("/month/sh", &format!("{folder}/month/sh"))
            .replace("/etc/monthend", &folder.to_string())
            .replace("/var/lib/monthend", &format!("{folder}/state"))
            .replace("/token/", &format!("{folder}/"))
            .replace("%d/", &format!("{folder}/"))
            .replace("/manifest/", &format!("{folder}/manifest/"))
            .replace("/month/ledgers", &format!("{folder}/month/current"))
            .replace("/ledgers/", &format!("{folder}/ledgers/"))
            .replace("/month/current", "/month/ledgers")
    }

    /// Files that a job has not collected yet.
    fn lose(&self, files: &str) {
        assert_eq!(self.shell(&format!("rm -r {files}"), Variables::new()), 0);
    }

    /// Every request is created once, by this server.
    #[track_caller]
    fn is_created(&self, ledger: &str, rows: usize) -> LedgerFile {
        let file = self.desk.ledger_at(ledger).at_rest(rows);
        assert_eq!(file.count("created"), rows);
        assert_eq!(file.report_ids(), self.server.report_ids());
        file
    }

    /// And its file is there.
    #[track_caller]
    fn is_collected(&self, ledger: &str, rows: usize) {
        for file in self.is_created(ledger, rows).column("report_file") {
            assert!(self.desk.path(ledger).with_file_name(file).is_file(), "{file}");
        }
    }

    /// And the month is closed. `ledger`: without `.csv`.
    #[track_caller]
    fn is_closed(&self, ledger: &str, rows: usize) {
        self.is_collected(&format!("{ledger}.csv"), rows);
        let close = format!("{ledger}.close.json");
        assert_eq!(self.shell(&format!("monthend verify {close}"), Variables::new()), 0);
    }
}

#[test]
fn github_runs_a_matrix_and_merges_it() {
    Workspace::both().iter().for_each(github);
}

fn github(workspace: &Workspace) {
    let workflow = read("github-actions.yml");
    let jobs = &documents(&workflow)[0]["jobs"];
    assert_eq!(list(&jobs["share"]["strategy"]["matrix"]["share"]), [1, 2, 3].map(Value::from));
    // What the merge is given is what the shares keep.
    let steps = |job: &str| list(&jobs[job]["steps"]).to_vec();
    let of = |job: &str, uses: &str| {
        steps(job).into_iter().find(|step| step["uses"].as_str() == Some(uses)).unwrap()["with"]
            .clone()
    };
    let (kept, given) =
        (of("share", "actions/upload-artifact@v4"), of("merge", "actions/download-artifact@v4"));
    assert_eq!(
        (&kept["name"], &given["pattern"]),
        (&Value::from("share-${{ matrix.share }}"), &Value::from("share-*"))
    );
    assert_eq!((&kept["path"], &given["merge-multiple"]), (&given["path"], &Value::from(true)));
    // One share is lost. The merge goes on, and says so.
    for share in [1, 3] {
        assert_eq!(workspace.github_share(&workflow, share), 0);
    }
    assert_eq!(workspace.github(&workflow, "merge", 0), 1);
    assert!(workspace.server.creates().len() < ALL);
    // It runs again alone.
    assert_eq!(workspace.github_share(&workflow, 2), 0);
    let lost = "mkdir lost && mv ledger/*.1-of-3.reports lost";
    assert_eq!(workspace.shell(lost, Variables::new()), 0);
    assert_eq!(workspace.github(&workflow, "merge", 0), 0);
    assert_eq!(workspace.server.creates().len(), ALL);
    workspace.is_closed(&format!("ledger/{}", workspace.month()), ALL);
    // Once more, on a closed month.
    workspace.watch_runs();
    assert_eq!(workspace.shell("mv lost/* ledger", Variables::new()), 0);
    assert_eq!(workspace.github_share(&workflow, 2), 0);
    workspace.has_seen_the_close_file();
    assert_eq!(workspace.github(&workflow, "merge", 0), 0);
    makes_nothing_new(workspace, |share| workspace.github_share(&workflow, share));
}

/// The manifest of a closed month has got a job. The share that has it says so.
fn makes_nothing_new(workspace: &Workspace, share: impl Fn(usize) -> i32) {
    let manifest = workspace.desk.read("monthly.yaml");
    let late = "jobs:\n  - { name: late, types: [USER], periods: [previous-month] }\n";
    workspace.desk.write("monthly.yaml", manifest.replacen("jobs:\n", late, 1));
    let mut codes = [1, 2, 3].map(share);
    codes.sort_unstable();
    assert_eq!(codes, [0, 0, 4]);
    assert_eq!(workspace.server.creates().len(), ALL);
}

/// A rehearsal leaves the real month alone, which then runs and is closed. `run` starts each job, one after the other.
fn rehearsed(workspace: &mut Workspace, run: impl Fn(&Workspace) -> i32) {
    let ledger = format!("ledger/{}", workspace.month());
    workspace.sandbox = "true";
    assert_eq!(run(workspace), 0);
    assert!(workspace.desk.has(&format!("{ledger}.sandbox.close.json")));
    for real in ["csv", "close.json", "reports"] {
        assert!(!workspace.desk.has(&format!("{ledger}.{real}")), "{real}");
    }
    for value in ["false", " No "] {
        workspace.sandbox = value;
        assert_eq!(run(workspace), 0, "{value:?}");
        workspace.is_closed(&ledger, ALL);
    }
    workspace.sandbox = "on";
    assert_eq!(run(workspace), 0, "the closed rehearsal");
    workspace.is_closed(&ledger, ALL);
}

fn first_failure(codes: impl IntoIterator<Item = i32>) -> i32 {
    codes.into_iter().find(|code| *code != 0).unwrap_or(0)
}

#[test]
fn a_rehearsal_on_github_has_names_of_its_own() {
    let workflow = read("github-actions.yml");
    rehearsed(&mut Workspace::new(), |workspace| {
        let shares = [1, 2, 3].map(|share| workspace.github_share(&workflow, share));
        first_failure(shares.into_iter().chain([workspace.github(&workflow, "merge", 0)]))
    });
    let (page, _) = jobs_of("docs/ci.md", "## GitHub Actions");
    rehearsed(&mut Workspace::new(), |workspace| {
        first_failure(["reports", "close"].map(|job| workspace.github(&page, job, 0)))
    });
    // So have the caches, and what is kept.
    for workflow in [workflow, page] {
        let jobs = &documents(&workflow)[0]["jobs"];
        let jobs = jobs.as_mapping().unwrap().values();
        for with in jobs.flat_map(|job| list(&job["steps"])).map(|step| &step["with"]) {
            for name in ["key", "restore-keys", "name"] {
                let name = text(&with[name]);
                if name.starts_with("month-end") && name != "month-end-none" {
                    assert!(name.starts_with("month-end${{ env.REHEARSAL }}"), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_rehearsal_on_gitlab_has_names_of_its_own() {
    let pipeline = &documents(&read("gitlab-ci.yml"))[0];
    rehearsed(&mut Workspace::new(), |workspace| {
        let shares = [1, 2, 3].map(|index| workspace.gitlab_share(pipeline, (index, 3)));
        first_failure(shares.into_iter().chain([workspace.gitlab(pipeline, "merge", None)]))
    });
    let (_, page) = jobs_of("docs/ci.md", "## GitHub Actions");
    let page = page.unwrap();
    rehearsed(&mut Workspace::new(), |workspace| {
        first_failure(["reports", "close"].map(|job| workspace.gitlab(&page, job, None)))
    });
    let caches = [&pipeline["month-end"], &pipeline["merge"]].map(|job| list(&job["cache"]));
    for cache in caches.into_iter().flatten().chain([&page["default"]["cache"]]) {
        assert!(text(&cache["key"]).starts_with("month-end$REHEARSAL"), "{cache:?}");
    }
}

/// The shares get what the merge has kept for them.
#[test]
fn the_shares_get_the_close_files() {
    let jobs = &documents(&read("github-actions.yml"))[0]["jobs"];
    let of_closed = |job: &str| {
        let steps = list(&jobs[job]["steps"]).iter();
        let mut closed = steps.filter(|step| step["with"]["path"] == "closed").cloned();
        let step = closed.next().unwrap();
        (text(&step["uses"]), step["with"].clone())
    };
    let ((restored, from), (saved, to)) = (of_closed("share"), of_closed("merge"));
    assert_eq!(
        (restored.as_str(), saved.as_str()),
        ("actions/cache/restore@v4", "actions/cache/save@v4")
    );
    assert!(text(&to["key"]).starts_with(&text(&from["restore-keys"])), "{from:?} {to:?}");
    let pipeline = &documents(&read("gitlab-ci.yml"))[0];
    let [from, to] = ["month-end", "merge"].map(|job| list(&pipeline[job]["cache"])[1].clone());
    assert_eq!((&from["key"], &from["paths"]), (&to["key"], &to["paths"]));
    assert_eq!(
        (&from["paths"][0], &from["policy"]),
        (&Value::from("closed/"), &Value::from("pull"))
    );
    assert_eq!((&to["when"], &to["policy"]), (&Value::from("always"), &Value::from("push")));
}

#[test]
fn the_watch_on_github_fails_until_all_is_done() {
    let workspace = Workspace::new();
    let (workflow, watch) = (read("github-actions.yml"), read("github-watch.yml"));
    fs::create_dir(workspace.desk.path("watched")).unwrap();
    workspace.desk.write("watched/monthly.yaml", unhurried(read("monthly.yaml")));
    let watched = || {
        assert_eq!(workspace.shell("rm -rf watched/ledger", Variables::new()), 0);
        workspace.github(&watch, "watch", 0)
    };
    assert_eq!(watched(), 1, "nothing ever ran");
    for share in [1, 2, 3] {
        assert_eq!(workspace.github_share(&workflow, share), 0);
    }
    assert_eq!(watched(), 1, "nothing is merged");
    let merge = format!("monthend merge ledger/*-of-3.csv -o ledger/{}.csv", workspace.month());
    assert_eq!(workspace.shell(&merge, Variables::new()), 0);
    assert_eq!(watched(), 2, "it is not closed");
    assert_eq!(workspace.github(&workflow, "merge", 0), 0);
    assert_eq!(watched(), 0);
    workspace.lose("ledger/*.reports");
    assert_eq!(watched(), 1, "the files are gone");
    assert_eq!(workspace.github(&workflow, "merge", 0), 1, "and the job that closed knows");
}

#[test]
fn gitlab_runs_shares_in_parallel_and_merges_them() {
    Workspace::both().iter().for_each(gitlab);
}

fn gitlab(workspace: &Workspace) {
    let pipeline = &documents(&read("gitlab-ci.yml"))[0];
    let total = pipeline["month-end"]["parallel"].as_u64().unwrap();
    for index in 1..=total {
        assert_eq!(workspace.gitlab_share(pipeline, (index, total)), 0);
    }
    assert_eq!(pipeline["month-end"]["artifacts"]["paths"][0], "ledger/");
    let lost = "mkdir lost && mv ledger/*.1-of-3.reports lost";
    assert_eq!(workspace.shell(lost, Variables::new()), 0);
    assert_eq!(workspace.gitlab(pipeline, "merge", None), 0);
    workspace.is_closed(&format!("ledger/{}", workspace.month()), ALL);
    workspace.watch_runs();
    assert_eq!(workspace.shell("mv lost/* ledger", Variables::new()), 0);
    assert_eq!(workspace.gitlab_share(pipeline, (1, total)), 0);
    workspace.has_seen_the_close_file();
    assert_eq!(workspace.gitlab(pipeline, "merge", None), 0, "once more, on a closed month");
    makes_nothing_new(workspace, |share| workspace.gitlab_share(pipeline, (share as u64, total)));
}

#[test]
fn kubernetes_runs_an_indexed_job_then_merges_and_audits() {
    Workspace::both().iter().for_each(kubernetes);
}

fn kubernetes(workspace: &Workspace) {
    let documents = documents(&read("kubernetes.yaml"));
    let named = |kind: &str, name: &str| {
        let is_it = |d: &&Value| d["kind"] == kind && d["metadata"]["name"] == name;
        documents.iter().find(is_it).unwrap()
    };
    let manifest = text(&named("ConfigMap", "monthend")["data"]["monthly.yaml"]);
    workspace.desk.write("manifest/monthly.yaml", unhurried(manifest));
    let job = &named("CronJob", "month-end")["spec"]["jobTemplate"]["spec"];
    let share = &job["template"]["spec"];
    let pods = job["completions"].as_u64().unwrap();
    let set = list(&share["containers"][0]["env"]);
    let shares = set.iter().find(|set| set["name"] == "MONTHEND_PARTITION_COUNT").unwrap();
    assert_eq!(text(&shares["value"]), pods.to_string(), "as many shares as pods");
    let after =
        &named("CronJob", "month-end-ledger")["spec"]["jobTemplate"]["spec"]["template"]["spec"];

    // Nothing ever ran: the one of the fourth fails for want of ledgers.
    assert_eq!(workspace.pod(after, 0), 4);

    // A rehearsal of a share is left out of the merge.
    let rehearsal = format!(
        "MONTHEND_LEDGER=ledgers/{}/monthly.csv monthend run manifest/monthly.yaml --sandbox --partition 1/3",
        workspace.month()
    );
    assert_eq!(workspace.shell(&rehearsal, Variables::new()), 0);
    for index in 0..pods {
        assert_eq!(workspace.pod(share, index), 0);
    }
    workspace.lose("ledgers/*/*.1-of-3.reports");
    assert_eq!(workspace.pod(after, 0), 0);
    workspace.is_closed(&format!("ledgers/{}/monthly", workspace.month()), 6 * 2);
    assert_eq!(workspace.pod(after, 0), 0, "once more, on a closed month");
}

#[test]
fn systemd_runs_on_the_second_and_watches_on_the_fourth() {
    Workspace::both().iter().for_each(systemd);
}

fn systemd(workspace: &Workspace) {
    let run = |unit: &str| {
        let unit = workspace.moved(&read(unit));
        let set = |key: &'static str| unit.lines().filter_map(move |line| line.strip_prefix(key));
        let variables = set("Environment=").filter_map(|pair| pair.split_once('='));
        let mut variables: Variables =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        // As the drop-in of the comment says.
        variables.push(("MONTHEND_AS_OF".to_owned(), workspace.as_of.clone()));
        let [command] = set("ExecStart=").collect::<Vec<_>>()[..] else {
            panic!("{unit} starts one command");
        };
        let command = command.replace("%%", "%").replace("$$", "$");
        workspace.shell(&command, variables)
    };
    assert_eq!(run("month-end-watch.service"), 4, "a month-end that never ran");
    assert_eq!(run("month-end.service"), 0);
    assert_eq!(run("month-end-watch.service"), 0);
    workspace.is_closed(&format!("state/{}", workspace.month()), ALL);
    assert_eq!(run("month-end.service"), 0, "nothing to do");
    assert_eq!(run("month-end-watch.service"), 0, "once more, on a closed month");
}

#[test]
fn cron_runs_on_the_second_and_watches_on_the_fourth() {
    Workspace::both().iter().for_each(cron);
}

fn cron(workspace: &Workspace) {
    let table = workspace.moved(&read("crontab"));
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (commands, variables): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let by_hand = format!("MONTHEND_AS_OF={}", workspace.as_of);
    let variables: Variables = variables
        .into_iter()
        .chain([by_hand.as_str()])
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let run = |hours: &str, day: &str| {
        let lines = commands.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let fields = lines.into_iter().find(|line| line[1..3] == [hours, day]).unwrap();
        workspace.shell(&fields[5..].join(" ").replace("\\%", "%"), variables.clone())
    };
    assert_eq!(run("6", "4"), 4, "a month-end that never ran");
    assert_eq!(run("6", "2"), 0);
    let sent = workspace.server.creates().len();
    for (hours, day) in [("8-22/2", "2"), ("6", "3")] {
        assert_eq!(run(hours, day), 0, "the same again does nothing");
    }
    assert_eq!(workspace.server.creates().len(), sent);
    assert_eq!(run("6", "4"), 0);
    workspace.is_closed(&format!("state/{}", workspace.month()), ALL);
    assert_eq!(run("6", "4"), 0, "once more, on a closed month");
}

/// What the alerts look at is what a run writes.
#[test]
fn prometheus_is_asked_for_figures_that_are_there() {
    let workspace = Workspace::new();
    let variables = [
        ("MONTHEND_MANIFEST", "monthly.yaml"),
        ("MONTHEND_METRICS", "month-end.prom"),
        ("WEBEX_ACCESS_TOKEN", TOKEN),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(workspace.shell("monthend run", variables.into()), 0);
    let written = workspace.desk.read("month-end.prom");
    let rules = &documents(&read("prometheus-rules.yaml"))[0];
    let rules = list(&rules["groups"][0]["rules"]);
    assert_eq!(rules.len(), 5);
    for rule in rules {
        assert!(rule["labels"]["severity"].is_string());
        assert!(rule["annotations"]["summary"].is_string());
        let expr = text(&rule["expr"]);
        let names = expr.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let names: Vec<&str> = names.filter(|name| name.starts_with("monthend_")).collect();
        assert!(!names.is_empty(), "{expr}");
        for name in names {
            assert!(written.contains(&format!("\n{name}{{")), "{name}: {written}");
        }
        if let Some((_, statuses)) = expr.split_once("status=~\"") {
            for status in statuses.split_once('"').unwrap().0.split('|') {
                assert!(written.contains(&format!("status=\"{status}\"")), "{status}");
            }
        }
    }
}

#[test]
fn a_runner_gets_the_binary_and_only_the_right_one() {
    let workspace = Workspace::new();
    let desk = &workspace.desk;
    let pack = "mkdir monthend-0 && printf '#!/bin/sh\\necho monthend 0\\n' >monthend-0/monthend && chmod +x monthend-0/monthend
        tar -czf m.tar.gz monthend-0 && sha256sum m.tar.gz | cut -d' ' -f1 >sum";
    assert_eq!(workspace.shell(pack, Variables::new()), 0);
    let script = repository().join("examples/ci/install-monthend");
    let install = |sha256: &str| {
        let folder = desk.folder().display();
        workspace.shell(
            &format!(
                "RUNNER_TEMP={folder} GITHUB_PATH={folder}/path MONTHEND_ARCHIVE=file://{folder}/m.tar.gz \
                 MONTHEND_ARCHIVE_SHA256={sha256} {}",
                script.display()
            ),
            Variables::new(),
        )
    };
    assert_ne!(install(&"0".repeat(64)), 0);
    assert!(!desk.has("path") && !desk.has("monthend/monthend"));
    assert_eq!(install(desk.read("sum").trim()), 0);
    let path = desk.read("path");
    assert!(Path::new(path.trim()).join("monthend").is_file(), "{path}");
}

/// The jobs that a page shows: of GitHub, and perhaps of GitLab.
fn jobs_of(page: &str, from: &str) -> (String, Option<Value>) {
    let page = fs::read_to_string(repository().join(page)).unwrap();
    let blocks = page[page.find(from).unwrap()..].split("```yaml\n").skip(1);
    let blocks: Vec<&str> = blocks.map(|block| block.split("```").next().unwrap()).collect();
    let workflow = blocks.iter().find(|block| block.contains("\njobs:")).unwrap();
    let pipeline = blocks.iter().find(|block| block.contains("\nreports:"));
    ((*workflow).to_owned(), pipeline.map(|block| documents(block)[0].clone()))
}

/// The job of README.md, by the schedule and to redo a month.
#[test]
fn the_shortest_job_works_as_it_stands() {
    let (workflow, _) = jobs_of("README.md", "## In CI");
    for workspace in Workspace::both() {
        assert_eq!(workspace.github(&workflow, "reports", 0), 0);
        workspace.is_collected(&format!("ledger/{}.csv", workspace.month()), ALL);
        for file in ["reports.xml", "summary.json", "monthend.prom"] {
            assert!(workspace.desk.has(file), "{file}");
        }
    }
}

/// The jobs of docs/ci.md, by the schedule and to redo a month. What GitLab is told to read is what was written.
#[test]
fn the_jobs_of_the_page_work_as_they_stand() {
    let (workflow, pipeline) = jobs_of("docs/ci.md", "## GitHub Actions");
    let pipeline = pipeline.unwrap();
    let reports = &pipeline["reports"]["artifacts"]["reports"];
    assert_eq!(reports["junit"], Value::from(vec!["reports.xml", "audit.xml"]));
    assert_eq!(reports["metrics"], Value::from("monthend.prom"));
    for workspace in Workspace::both() {
        all_of_the_month(&workspace, |job| workspace.github(&workflow, job, 0));
    }
    for workspace in Workspace::both() {
        all_of_the_month(&workspace, |job| workspace.gitlab(&pipeline, job, None));
    }
}

fn all_of_the_month(workspace: &Workspace, run: impl Fn(&str) -> i32) {
    let month = workspace.month();
    assert_eq!(run("reports"), 0);
    workspace.is_collected(&format!("ledger/{month}.csv"), ALL);
    assert!(!workspace.desk.has(&format!("ledger/{month}.close.json")));
    for file in ["reports.xml", "audit.xml", "summary.json", "monthend.prom"] {
        assert!(workspace.desk.has(file), "{file}");
    }
    assert_eq!(run("close"), 0);
    workspace.is_closed(&format!("ledger/{month}"), ALL);
    // Once more, on a closed month.
    assert_eq!((run("reports"), run("close")), (0, 0));
}

/// The cache is gone. What `adopt` cannot decide, a person does, and returns the ledger as the page says.
#[test]
fn a_ledger_that_was_lost_is_decided_by_a_person_and_returned() {
    let (workflow, pipeline) = jobs_of("docs/ci.md", "## GitHub Actions");
    let pipeline = pipeline.unwrap();
    let workspace = Workspace::new();
    decided(&workspace, |job| workspace.github(&workflow, job, 0));
    let workspace = Workspace::new();
    decided(&workspace, |job| workspace.gitlab(&pipeline, job, None));
}

fn decided(workspace: &Workspace, run: impl Fn(&str) -> i32) {
    let ledger = format!("ledger/{}.csv", workspace.month());
    assert_eq!(run("reports"), 0);
    let first = workspace.desk.ledger_at(&ledger);
    let own = first.column("type").iter().position(|kind| *kind == "PARTNER").unwrap();
    let [request, report] = ["request_id", "report_id"].map(|name| first.column(name)[own]);
    workspace.lose("ledger");
    assert_eq!(run("reports"), 1);
    assert_eq!(workspace.desk.ledger_at(&ledger).column("error_code")[own], "in_doubt");

    let returned = format!(
        "monthend resolve {ledger} --request {request} --adopt {report} --reason 'of the second'
        tar -cf ledger.tar ledger
        rm -r ledger
        mkdir -p api/projects/7/packages/generic/month-end/2026-10
        cp ledger.tar api/projects/7/packages/generic/month-end/2026-10"
    );
    let token = vec![("WEBEX_ACCESS_TOKEN".to_owned(), TOKEN.to_owned())];
    assert_eq!(workspace.shell(&returned, token), 0);
    assert_eq!((run("reports"), run("close")), (0, 0));
    assert_eq!(workspace.server.creates().len(), ALL);
    workspace.is_closed(ledger.trim_end_matches(".csv"), ALL);
}

/// To redo a closed month whose cache is gone, its artifact is put back first: nothing is made or closed a second time.
#[test]
fn a_month_whose_cache_is_gone_is_put_back_first() {
    let page = fs::read_to_string(repository().join("docs/ci.md")).unwrap();
    let words: Vec<&str> = page.split_whitespace().collect();
    assert!(words.join(" ").contains(
        "first put the `month-end` artifact of that month back (`gh run download RUN_ID --name month-end --dir ledger`)"
    ));
    let (workflow, pipeline) = jobs_of("docs/ci.md", "## GitHub Actions");
    let pipeline = pipeline.unwrap();
    let workspace = Workspace::new();
    put_back(&workspace, |job| workspace.github(&workflow, job, 0));
    let workspace = Workspace::new();
    put_back(&workspace, |job| workspace.gitlab(&pipeline, job, None));
}

fn put_back(workspace: &Workspace, run: impl Fn(&str) -> i32) {
    let close = format!("ledger/{}.close.json", workspace.month());
    assert_eq!((run("reports"), run("close")), (0, 0));
    let (closed, made) = (workspace.desk.read(&close), workspace.server.creates().len());
    let returned = "tar -cf ledger.tar ledger
        rm -r ledger
        mkdir -p api/projects/7/packages/generic/month-end/2026-10
        cp ledger.tar api/projects/7/packages/generic/month-end/2026-10";
    assert_eq!(workspace.shell(returned, Variables::new()), 0);
    assert_eq!((run("reports"), run("close")), (0, 0));
    assert_eq!((workspace.desk.read(&close), workspace.server.creates().len()), (closed, made));
}

/// In each line that asks for the day, `MONTHEND_AS_OF` counts, and its month before is found at every border.
#[test]
fn the_ledgers_name_follows_the_day_of_the_plan() {
    let asking = [
        "README.md",
        "docs/ci.md",
        "examples/ci/github-actions.yml",
        "examples/ci/github-watch.yml",
        "examples/ci/gitlab-ci.yml",
        "examples/ci/month-end",
    ];
    let workspace = Workspace::new();
    for name in asking {
        let page = fs::read_to_string(repository().join(name)).unwrap();
        let lines: Vec<&str> = page.lines().filter(|line| line.contains("$(date")).collect();
        assert!(!lines.is_empty(), "{name}");
        // From the name of the variable on; what GitHub is told with `echo` becomes an assignment.
        let script = lines.iter().map(|line| {
            let name = if line.starts_with("first=") { "first=" } else { "MONTHEND_LEDGER=" };
            let line = &line[line.find(name).unwrap()..];
            line.replace("\" >>\"$GITHUB_ENV\"", "")
        });
        let script = script.collect::<Vec<_>>().join("\n");
        for (day, month) in [
            ("2026-01-01", "2025-12"),
            ("2026-03-31", "2026-02"),
            ("2024-03-01", "2024-02"),
            ("2026-12-31", "2026-11"),
        ] {
            let as_of = vec![("MONTHEND_AS_OF".to_owned(), day.to_owned())];
            let script = format!("{script}\n[[ $MONTHEND_LEDGER == */{month}.csv ]]");
            assert_eq!(workspace.shell(&script, as_of), 0, "{name}: {day}");
        }
    }
}

#[test]
fn no_file_is_left_out() {
    let files = fs::read_dir(repository().join("examples/ci")).unwrap();
    let mut files: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let known = "README.md crontab github-actions.yml github-watch.yml gitlab-ci.yml install-monthend kubernetes.yaml \
                 month-end month-end-failed@.service month-end-watch.service month-end-watch.timer month-end.service \
                 month-end.timer monthly.yaml prometheus-rules.yaml";
    assert_eq!(files.join(" "), known, "run it by a test, then name it here");
}
