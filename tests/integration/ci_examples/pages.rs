//! The jobs that README.md and docs/ci.md show work as they stand.

use std::{fs, path::Path};

use serde_yaml::Value;

use super::{
    ALL,
    engines::{Machine, github_job, gitlab_job},
    is_created, served,
};
use crate::support::Desk;

/// The YAML that a page shows, from a heading on.
fn shown(page: &str, from: &str) -> Vec<Value> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let text = &text[text.find(from).unwrap()..];
    let blocks = text.split("```yaml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.map(|block| serde_yaml::from_str(block).unwrap()).collect()
}

#[test]
fn the_jobs_of_the_pages_work_as_they_stand() {
    for (page, from) in [("README.md", "## In CI"), ("docs/ci.md", "## GitHub Actions")] {
        let blocks = shown(page, from);
        let workflow = blocks.iter().find(|block| !block["jobs"].is_null());
        let (desk, server) = (Desk::new(), served());
        let code = github_job(&desk, &server, workflow.unwrap(), "reports", 0);
        assert_eq!(code, 0, "{page}");
        let artifacts = fs::read_dir(desk.path("artifacts")).unwrap();
        let [artifact] = &artifacts.map(|a| a.unwrap().path()).collect::<Vec<_>>()[..] else {
            panic!("{page}: one artifact")
        };
        is_created(&server, &artifact.join("ledger/monthly.csv"), ALL);
        outputs_are_there(artifact);

        let pipeline = blocks.iter().find(|block| !block["reports"]["script"].is_null());
        let (desk, server) = (Desk::new(), served());
        let machine = Machine::new(&desk, &server, "reports");
        let pipeline = pipeline.unwrap();
        assert_eq!(gitlab_job(&machine, pipeline, "reports", None), 0, "{page}");
        is_created(&server, &machine.folder.join("ledger/monthly.csv"), ALL);
        outputs_are_there(&machine.folder);
        // What GitLab is told to read is what was written.
        let reports = &pipeline["reports"]["artifacts"]["reports"];
        assert_eq!(reports["junit"], "reports.xml");
        assert_eq!(reports["metrics"], "monthend.prom");
    }
}

#[track_caller]
fn outputs_are_there(folder: &Path) {
    for file in ["reports.xml", "summary.json", "monthend.prom"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
}
