//! `examples/ci/`, and the jobs that the pages show: each one's commands, run as its engine would run them, against the
//! sandbox.

mod engines;
mod pages;

use std::{fs, path::Path};

use engines::{
    Machine, Variables, copy_all, examples, github_job, gitlab_job, list, read, text, unhurried,
    yaml,
};
use serde_yaml::Value;

use crate::support::{Desk, LedgerFile, Monthend, Served, TOKEN};

/// How many requests `monthly.yaml` comes to.
const ALL: usize = 1 + 3 * 2;

/// Reports are complete at once.
fn served() -> Served {
    Served::new("reports: { completes_after: 0s }")
}

/// The documents of a file with several.
fn documents(name: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    let text = read(name);
    let documents = serde_yaml::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

/// Every request is created once, by this server, and its file is there.
#[track_caller]
fn is_complete(server: &Served, ledger: &Path, rows: usize) {
    for file in is_created(server, ledger, rows).column("report_file") {
        assert!(ledger.with_file_name(file).is_file(), "{file}");
    }
}

/// Every request is created once, by this server.
#[track_caller]
fn is_created(server: &Served, ledger: &Path, rows: usize) -> LedgerFile {
    let rows_there = LedgerFile::read(ledger).at_rest(rows);
    assert_eq!(rows_there.count("created"), rows);
    assert_eq!(rows_there.report_ids(), server.report_ids());
    rows_there
}

#[test]
fn github_runs_a_matrix_and_merges_it() {
    let (desk, server) = (Desk::new(), served());
    let workflow = yaml("github-actions.yml");
    let shares = list(&workflow["jobs"]["share"]["strategy"]["matrix"]["share"]);
    let shares: Vec<usize> = shares.iter().map(|share| text(share).parse().unwrap()).collect();
    assert_eq!(shares, [1, 2, 3]);
    // One share is lost: its job never uploads. The merge goes on, and says so.
    for share in [1, 3] {
        assert_eq!(github_job(&desk, &server, &workflow, "share", share), 0);
    }
    assert_eq!(github_job(&desk, &server, &workflow, "merge", 0), 1);
    let others = server.creates().len();
    assert!(others < ALL);
    // It runs again alone.
    assert_eq!(github_job(&desk, &server, &workflow, "share", 2), 0);
    assert_eq!(github_job(&desk, &server, &workflow, "merge", 0), 0);
    assert_eq!(server.creates().len(), ALL);
    is_complete(&server, &desk.path("artifacts/month-end/monthly.csv"), ALL);
}

#[test]
fn a_month_end_that_never_ran_fails_loudly_on_github() {
    let (desk, server) = (Desk::new(), served());
    assert_eq!(github_job(&desk, &server, &yaml("github-watch.yml"), "watch", 0), 1);
}

#[test]
fn gitlab_runs_shares_in_parallel_and_merges_them() {
    let (desk, server) = (Desk::new(), served());
    let pipeline = yaml("gitlab-ci.yml");
    let total = pipeline["month-end"]["parallel"].as_u64().unwrap();
    let run = |job: &str, index: u64, folder: &str| {
        let machine = Machine::new(&desk, &server, folder);
        if job == "merge" {
            // The artifacts of the stages before.
            for index in 1..=total {
                copy_all(
                    &desk.path(&format!("share-{index}/ledger")),
                    &machine.folder.join("ledger"),
                );
            }
        }
        let node = (index > 0).then_some((index, total));
        gitlab_job(&machine, &pipeline, job, node)
    };
    for index in 1..=total {
        assert_eq!(run("month-end", index, &format!("share-{index}")), 0);
    }
    assert_eq!(run("merge", 0, "merge"), 0);
    is_complete(&server, &desk.path("merge/ledger/monthly.csv"), ALL);
}

/// A container of Kubernetes: the binary with its arguments, and no shell. Folders of volumes are folders of the desk.
fn container(desk: &Desk, server: &Served, container: &Value, index: Option<usize>) -> Monthend {
    let moved = |text: String| {
        let volumes = ["/manifest/", "/token/", "/ledgers/"];
        volumes.iter().fold(text, |text, volume| {
            text.replace(volume, &format!("{}{volume}", desk.folder().display()))
        })
    };
    let args = list(&container["args"]).into_iter().map(|arg| moved(text(&arg)));
    let mut command =
        desk.monthend(args).without("WEBEX_ACCESS_TOKEN").env("MONTHEND_BASE_URL", server.url());
    for variable in list(&container["env"]) {
        let value = match &variable["valueFrom"]["fieldRef"]["fieldPath"] {
            Value::Null => moved(text(&variable["value"])),
            field => {
                assert!(text(field).contains("batch.kubernetes.io/job-completion-index"));
                index.unwrap().to_string()
            }
        };
        command = command.env(&text(&variable["name"]), value);
    }
    command
}

#[test]
fn kubernetes_runs_an_indexed_job_then_merges_and_audits() {
    let (desk, server) = (Desk::new(), served());
    for folder in ["manifest", "token", "ledgers"] {
        fs::create_dir(desk.path(folder)).unwrap();
    }
    let documents = documents("kubernetes.yaml");
    let named = |kind: &str, name: &str| {
        let is_it = |d: &&Value| {
            d["kind"].as_str() == Some(kind) && d["metadata"]["name"].as_str() == Some(name)
        };
        documents.iter().find(is_it).unwrap()
    };
    let manifest = text(&named("ConfigMap", "monthend")["data"]["monthly.yaml"]);
    desk.write("manifest/monthly.yaml", unhurried(manifest));
    desk.write("token/token", TOKEN);
    let job = &named("CronJob", "month-end")["spec"]["jobTemplate"]["spec"];
    let pods = job["completions"].as_u64().unwrap();
    let count = text(&list(&job["template"]["spec"]["containers"][0]["env"])[1]["value"]);
    assert_eq!(count, pods.to_string(), "as many shares as pods");
    let after =
        &named("CronJob", "month-end-ledger")["spec"]["jobTemplate"]["spec"]["template"]["spec"];

    // Nothing ever ran: the one of the fourth fails, first for want of ledgers, then of reports.
    container(&desk, &server, &after["initContainers"][0], None).expect(4);
    container(&desk, &server, &after["containers"][0], None).expect(1);

    for index in 0..pods {
        let share = &job["template"]["spec"]["containers"][0];
        let index = usize::try_from(index).unwrap();
        container(&desk, &server, share, Some(index)).expect(0);
    }
    container(&desk, &server, &after["initContainers"][0], None).expect(0);
    container(&desk, &server, &after["containers"][0], None).expect(0);
    is_complete(&server, &desk.path("ledgers/monthly.csv"), 6 * 2);
}

/// The files of one machine that systemd and cron name, at the desk.
fn moved(desk: &Desk, text: &str) -> String {
    let folder = desk.folder().display();
    text.replace("/usr/local/bin/monthend", &format!("{folder}/bin/monthend"))
        .replace("/usr/local/bin", &format!("{folder}/bin"))
        .replace("/etc/monthend", &folder.to_string())
        .replace("/var/lib/monthend", &format!("{folder}/state"))
        .replace("%d", &folder.to_string())
}

fn one_machine<'a>(desk: &'a Desk, server: &'a Served) -> Machine<'a> {
    fs::create_dir(desk.path("state")).unwrap();
    desk.write("token", TOKEN);
    desk.write("monthly.yaml", unhurried(read("monthly.yaml")));
    Machine::new(desk, server, "work")
}

#[test]
fn systemd_runs_on_the_second_and_watches_on_the_fourth() {
    let (desk, server) = (Desk::new(), served());
    let machine = one_machine(&desk, &server);
    let run = |unit: &str| {
        let text = read(unit);
        let set = |key: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(key));
            lines.map(|value| moved(&desk, value)).collect()
        };
        let variables = set("Environment=");
        let variables = variables.iter().map(|v| v.split_once('=').unwrap());
        let variables = variables.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let [command] = &set("ExecStart=")[..] else {
            panic!("{unit} starts one command");
        };
        machine.shell(command, &variables)
    };
    assert_eq!(run("month-end-watch.service"), 1, "a month-end that never ran");
    assert_eq!(run("month-end.service"), 0);
    assert_eq!(run("month-end-watch.service"), 0);
    is_complete(&server, &desk.path("state/monthly.csv"), ALL);
}

#[test]
fn cron_runs_on_the_second_and_watches_on_the_fourth() {
    let (desk, server) = (Desk::new(), served());
    let machine = one_machine(&desk, &server);
    let mut variables = Variables::new();
    let mut commands = Vec::new();
    for line in read("crontab").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.split_once('=').filter(|(name, _)| !name.contains(' ')) {
            Some((name, value)) => drop(variables.insert(name.to_owned(), moved(&desk, value))),
            None => {
                let fields: Vec<&str> = line.split_whitespace().collect();
                commands.push((fields[2].to_owned(), fields[5..].join(" ")));
            }
        }
    }
    let day = |day: &str| &commands.iter().find(|(of, _)| of == day).unwrap().1;
    assert_eq!(machine.shell(day("4"), &variables), 1, "a month-end that never ran");
    assert_eq!(machine.shell(day("2"), &variables), 0);
    let sent = server.creates().len();
    assert_eq!(machine.shell(day("2"), &variables), 0, "the same again does nothing");
    assert_eq!(server.creates().len(), sent);
    assert_eq!(machine.shell(day("4"), &variables), 0);
    is_complete(&server, &desk.path("state/monthly.csv"), ALL);
}

/// What the alerts look at is what a run writes.
#[test]
fn prometheus_is_asked_for_figures_that_are_there() {
    let server = served();
    let desk = Desk::new();
    let machine = Machine::new(&desk, &server, "work");
    let variables = [
        ("MONTHEND_MANIFEST", "monthly.yaml"),
        ("MONTHEND_METRICS", "month-end.prom"),
        ("WEBEX_ACCESS_TOKEN", TOKEN),
    ];
    let variables = variables.map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(machine.shell("monthend run", &variables.into()), 0);
    let written = fs::read_to_string(machine.folder.join("month-end.prom")).unwrap();
    let rules = yaml("prometheus-rules.yaml");
    let rules = list(&rules["groups"][0]["rules"]);
    assert_eq!(rules.len(), 5);
    for rule in rules {
        assert!(rule["labels"]["severity"].is_string());
        assert!(rule["annotations"]["summary"].is_string());
        let expr = text(&rule["expr"]);
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let names = expr.split(|c| !is_name(c));
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
    let (desk, server) = (Desk::new(), served());
    let machine = Machine::new(&desk, &server, "work");
    let none = Variables::new();
    let pack = "mkdir monthend-0 && printf '#!/bin/sh\\necho monthend 0\\n' >monthend-0/monthend && chmod +x monthend-0/monthend
        tar -czf m.tar.gz monthend-0 && sha256sum m.tar.gz | cut -d' ' -f1 >sum";
    assert_eq!(machine.shell(pack, &none), 0);
    let script = examples().join("install-monthend");
    let install = |sha256: &str| {
        let folder = machine.folder.display();
        machine.shell(
            &format!(
                "RUNNER_TEMP={folder} GITHUB_PATH={folder}/path MONTHEND_ARCHIVE=file://{folder}/m.tar.gz \
                 MONTHEND_ARCHIVE_SHA256={sha256} {}",
                script.display()
            ),
            &none,
        )
    };
    assert_ne!(install(&"0".repeat(64)), 0);
    assert!(!machine.folder.join("path").exists());
    assert!(!machine.folder.join("monthend/monthend").exists());
    let sum = fs::read_to_string(machine.folder.join("sum")).unwrap();
    assert_eq!(install(sum.trim()), 0);
    let path = fs::read_to_string(machine.folder.join("path")).unwrap();
    assert!(Path::new(path.trim()).join("monthend").is_file(), "{path}");
}

#[test]
fn no_file_is_left_out() {
    let mut files: Vec<String> = fs::read_dir(examples())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let known = [
        "README.md",
        "crontab",
        "github-actions.yml",
        "github-watch.yml",
        "gitlab-ci.yml",
        "install-monthend",
        "kubernetes.yaml",
        "month-end-failed@.service",
        "month-end-watch.service",
        "month-end-watch.timer",
        "month-end.service",
        "month-end.timer",
        "monthly.yaml",
        "prometheus-rules.yaml",
    ];
    assert_eq!(files, known, "run it by a test, then name it here");
}
