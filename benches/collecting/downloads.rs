//! The real program, timed.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::server::serve;

/// What is compared is run so often, in turns.
const TURNS: usize = 5;
const SMALL: usize = 1_000;
const LATENCY: Duration = Duration::from_millis(50);

struct Desk {
    folder: PathBuf,
}

impl Desk {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Desk { folder }
    }

    /// A table of so many bytes, about.
    fn table(&self, bytes: usize) -> PathBuf {
        let path = self.folder.join("served.csv");
        let mut out = BufWriter::new(File::create(&path).unwrap());
        out.write_all(b"ORG,CUSTOMER,SUBSCRIPTION,SKU,DAY,CONSUMPTION\n").unwrap();
        let (mut written, mut n) = (0, 0_u64);
        while written < bytes {
            let row = format!(
                "org-{},Customer {n:08},Sub{:010},A-FLEX-{},2026-09-{:02},{}.25\n",
                n % 97,
                n.wrapping_mul(2_654_435_761) % 10_000_000_000,
                n % 7,
                1 + n % 30,
                n % 1_000
            );
            out.write_all(row.as_bytes()).unwrap();
            (written, n) = (written + row.len(), n + 1);
        }
        out.flush().unwrap();
        path
    }

    /// A manifest of so many requests, all of which are created already.
    fn created(&self, url: &str, reports: usize) {
        let partners: String = (0..reports.div_ceil(10))
            .map(|n| format!("      - {{ id: partner{n:04}, label: P{n:04} }}\n"))
            .collect();
        let periods: String =
            (1..=10.min(reports)).map(|month| format!("      - 2025-{month:02}\n")).collect();
        let manifest = format!(
            "version: 1\nname: bench\napi: {{ base_url: '{url}/v1' }}\nlimits: {{ rate: unlimited }}\njobs:\n  \
             - name: all\n    types: [USER]\n    sub_partners:\n{partners}    periods:\n{periods}"
        );
        fs::write(self.folder.join("m.yaml"), manifest).unwrap();
        self.monthend(&["run"]);
    }

    /// Forgets what was collected.
    fn uncollect(&self, ledger: &[u8]) {
        let _ = fs::remove_dir_all(self.folder.join("m.ledger.reports"));
        fs::write(self.folder.join("m.ledger.csv"), ledger).unwrap();
    }

    fn ledger(&self) -> Vec<u8> {
        fs::read(self.folder.join("m.ledger.csv")).unwrap()
    }

    /// How long it took, and the most memory that it had, in MiB; that only where the system shows it.
    fn monthend(&self, args: &[&str]) -> (Duration, Option<u64>) {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_monthend"))
            .args(args)
            .args(["m.yaml", "--quiet", "--no-history"])
            .current_dir(&self.folder)
            .env("WEBEX_ACCESS_TOKEN", "bench")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut most = None;
        let status = loop {
            most = peak(child.id()).or(most);
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            thread::sleep(Duration::from_millis(5));
        };
        assert!(status.success(), "monthend {args:?} ended with {status}");
        (began.elapsed(), most)
    }

    fn shell(&self, script: &str) -> Duration {
        let began = Instant::now();
        let status = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{script}");
        began.elapsed()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Linux: the most memory that a process had so far, in MiB.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One large file, compared with what a shell would do.
pub(crate) fn large() {
    let megabytes = std::env::var("MONTHEND_BENCH_MB").ok();
    let megabytes: usize = megabytes.map_or(1_000, |text| text.parse().unwrap());
    let desk = Desk::new("large");
    let url = serve(desk.table(megabytes * 1_000_000), Duration::ZERO);
    desk.created(&url, 1);
    let ledger = desk.ledger();
    let shell = format!(
        "curl --silent --fail {url}/f.csv | tee copy.csv | sha256sum; sync copy.csv; rm copy.csv"
    );
    let (mut ours, mut theirs, mut ratios, mut most) = (Vec::new(), Vec::new(), Vec::new(), None);
    for _ in 0..TURNS {
        let shell = desk.shell(&shell).as_secs_f64();
        desk.uncollect(&ledger);
        let (took, peak) = desk.monthend(&["collect"]);
        ours.push(took.as_secs_f64());
        theirs.push(shell);
        ratios.push(shell / took.as_secs_f64());
        most = most.max(peak);
    }
    println!(
        "| one file of | collect | curl, tee, sha256sum, sync | ratio | worst | most memory |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "| {megabytes} MB | {:.2} s | {:.2} s | {:.2} | {worst:.2} | {} |",
        median(ours),
        median(theirs),
        median(ratios),
        most.map_or("-".to_owned(), |most| format!("{most} MiB")),
    );
}

/// Many small files, compared with one after another over one connection.
pub(crate) fn small() {
    let desk = Desk::new("small");
    let url = serve(desk.table(2_000), LATENCY);
    desk.created(&url, SMALL);
    let urls: String =
        (0..SMALL).map(|n| format!("url = {url}/{n}.csv\noutput = one-{n}.csv\n")).collect();
    fs::write(desk.folder.join("urls"), urls).unwrap();
    let theirs = desk.shell("curl --silent --fail --config urls").as_secs_f64();
    let (ours, most) = desk.monthend(&["collect"]);
    let ours = ours.as_secs_f64();
    println!("\n| files | latency | collect | one after another | ratio | most memory |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {SMALL} | {} ms | {ours:.2} s | {theirs:.2} s | {:.1} | {} |",
        LATENCY.as_millis(),
        theirs / ours,
        most.map_or("-".to_owned(), |most| format!("{most} MiB")),
    );
}
