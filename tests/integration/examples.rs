//! The manifests in `examples/`: each can be planned and run, as it is.

use std::{fs, path::Path};

use crate::support::{Desk, LedgerFile};

/// A copy of the folder, so that ledgers do not end up in the repository.
fn copied() -> Desk {
    let desk = Desk::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for file in fs::read_dir(folder).into_iter().flatten() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if !name.contains(".ledger.") && file.file_type().unwrap().is_file() {
            fs::copy(file.path(), desk.path(&name)).unwrap();
        }
    }
    desk
}

/// What a manifest is here: any YAML file but the sandbox's own configuration.
fn manifests(desk: &Desk) -> Vec<String> {
    let mut names = desk.files();
    names.retain(|name| name.ends_with(".yaml") && !name.starts_with("sandbox"));
    names
}

#[test]
fn every_example_plans_runs_and_is_mended() {
    let desk = copied();
    // They meet the sandbox's rate limit, which is what they show; here it only takes time.
    desk.write(
        "fast.yaml",
        "rate_limit: { limiter: { kind: unlimited } }\nreports: { check_calendar: false }\n",
    );
    let in_sandbox = |command: &str, manifest: &str| {
        desk.monthend([command, manifest, "--sandbox", "--sandbox-config=fast.yaml"])
            .without("WEBEX_ACCESS_TOKEN")
    };
    for manifest in manifests(&desk).iter().filter(|name| *name != "fast.yaml") {
        // As fast as it goes, but for the rest as written.
        let text = desk.read(manifest);
        let unhurried: String = text
            .lines()
            .map(|line| {
                if line.trim_start().starts_with("rate:") {
                    format!("{}rate: unlimited\n", &line[..line.len() - line.trim_start().len()])
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        desk.write(manifest, unhurried);
        let plan = desk
            .monthend([
                "plan",
                manifest,
                "--format=json",
                "--sandbox",
                "--sandbox-config=fast.yaml",
            ])
            .without("WEBEX_ACCESS_TOKEN")
            .expect(0)
            .json();
        let requests = usize::try_from(plan["requests"].as_u64().unwrap()).unwrap();
        assert!(requests > 0, "{manifest}");
        let ledger = plan["ledger"].as_str().unwrap().to_owned();
        assert!(ledger.contains(".sandbox.csv"), "{ledger}");

        let ended = in_sandbox("run", manifest).run();
        let rows = LedgerFile::read(&desk.path(&ledger)).at_rest(requests);
        let failed = rows.count("failed");
        assert_eq!(ended.code, Some(i32::from(failed > 0)), "{ended}");
        assert_eq!(rows.count("created") + failed, requests, "{ended}");
        in_sandbox("retry", manifest).arg("--sandbox-fixed").expect(0);
        let rows = LedgerFile::read(&desk.path(&ledger)).at_rest(requests);
        assert_eq!(rows.count("created"), requests);
        in_sandbox("run", manifest).expect(0).shows(["created before"]);
    }
}
