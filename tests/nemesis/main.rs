//! The real binary against the sandbox, with everything at once: faults of all kinds, late and stale lists, small
//! pages that shift, clocks apart and clocks that are set, kills, signals, selections, `retry`, `--existing adopt`, a lost
//! ledger, people who resolve, who edit between runs and in the middle of one, who merge copies, servers that restart
//! as other servers.
//!
//! Each seed is one history. Whatever happens in it: no report is made twice by us, no report belongs to two rows, no
//! row holds another request's, the process neither panics nor hangs, and once the server is well again every row is
//! done. The seed decides everything but when exactly a real process does what; so a failure is likely to come again,
//! not certain.
//!
//! ```text
//! MONTHEND_NEMESIS_SEED=4711 cargo test --test nemesis -- --nocapture    one history, told step by step
//! MONTHEND_NEMESIS_SEEDS=1000 cargo test --test nemesis -- --nocapture   many more than usual
//! MONTHEND_NEMESIS_FROM=5000                                             with another first seed
//! ```
#![expect(clippy::shadow_unrelated, reason = "a test tells one step after the other")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed, and says where"
)]

mod clock;
mod copies;
mod hands;
mod history;
mod meddling;
#[expect(dead_code, reason = "shared with the integration tests, which need more of it")]
#[expect(unused_imports, reason = "the same")]
#[path = "../integration/support/mod.rs"]
mod support;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Histories in a usual run.
const SEEDS: u64 = 4;
/// Histories played side by side, for each processor: they mostly wait.
const PER_PROCESSOR: usize = 3;
/// So many failures are enough to look at.
const ENOUGH: usize = 10;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What is counted of a history, by words that tell of it: a mix that never comes proves nothing.
const COUNTED: [&str; 8] = [
    "killed after",
    "somebody touches",
    "somebody replaces",
    "somebody overwrites",
    "somebody deletes",
    "is set aside",
    "monthend merge",
    "the clock is set",
];

/// How often each of [`COUNTED`] came.
#[derive(Debug, Default)]
struct Tally([AtomicU64; COUNTED.len()]);

impl Tally {
    fn count(&self, told: &[String]) {
        for (words, count) in COUNTED.iter().zip(&self.0) {
            let times = told.iter().filter(|text| text.contains(words)).count();
            count.fetch_add(times as u64, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (words, count) in COUNTED.iter().zip(&self.0) {
            writeln!(f, "  {words}: {}", count.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}

/// Plays a history. Where the law was broken: how, with all that happened.
fn failure_of(seed: u64, tally: &Tally) -> Option<String> {
    let mut told = Vec::new();
    let played = catch_unwind(AssertUnwindSafe(|| history::play(seed, &mut told)));
    tally.count(&told);
    let text = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
    };
    let broken = match played {
        Ok(Ok(())) => return None,
        Ok(Err(broken)) => broken,
        Err(panic) => format!("panicked: {}", text(panic).unwrap_or_default()),
    };
    Some(format!(
        "seed {seed}: {broken}\n{}\nMONTHEND_NEMESIS_SEED={seed} cargo test --test nemesis -- --nocapture\n",
        told.join("\n")
    ))
}

#[test]
fn no_mix_of_misfortunes_doubles_loses_or_mixes_up_a_report() {
    if let Some(seed) = variable("MONTHEND_NEMESIS_SEED") {
        let failure = failure_of(seed, &Tally::default());
        assert!(failure.is_none(), "{}", failure.unwrap_or_default());
        return;
    }
    let seeds = variable("MONTHEND_NEMESIS_SEEDS").unwrap_or(SEEDS);
    let from = variable("MONTHEND_NEMESIS_FROM").unwrap_or(0);
    let began = Instant::now();
    let (next, tally) = (AtomicU64::new(0), Tally::default());
    let failures = Mutex::new(Vec::new());
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors * PER_PROCESSOR {
            scope.spawn(|| {
                while failures.lock().unwrap().len() < ENOUGH {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds {
                        break;
                    }
                    if let Some(failure) = failure_of(from + number, &tally) {
                        println!("{failure}");
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let played = next.into_inner().min(seeds);
    println!("{played} histories from seed {from} in {:?}\n{tally}", began.elapsed());
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
