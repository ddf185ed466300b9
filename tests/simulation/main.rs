//! The whole runner, session and ledger in simulated time, against a server and a disk that do their worst.
//!
//! Each seed is one history: a small plan is run, crashes at some point or is interrupted, is started again on what
//! the disk kept, and so on until a run ends by itself. Then nothing may be lost, made twice, or mixed up; see
//! [`checks`]. Everything is decided by the seed, so a history can be repeated:
//!
//! ```text
//! MONTHEND_SIM_SEED=4711 cargo test --test simulation -- --nocapture     one history, told step by step
//! MONTHEND_SIM_SEEDS=1000000 cargo test --test simulation -- --nocapture  many more than usual
//! MONTHEND_SIM_FROM=50000 cargo test --test simulation -- --nocapture  from this seed on
//! MONTHEND_SIM_WORLDS=clocks,rival cargo test --test simulation -- --nocapture  only in these worlds, see [`traits`]
//! ```
#![expect(clippy::shadow_unrelated, reason = "a test tells one step after the other")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checks;
mod disk;
mod doubts;
mod history;
mod misfortune;
mod server;
mod traits;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use world::Tally;

/// Histories in a usual run.
const SEEDS: u64 = 5_000;
/// A history that takes longer is told.
const SLOW: Duration = Duration::from_secs(1);
/// So many failures are enough to look at; `MONTHEND_SIM_ENOUGH` says otherwise.
const ENOUGH: u64 = 5;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays a history and says what was wrong with it.
fn failure_of(seed: u64, tracing: bool, tally: &mut Tally) -> Option<String> {
    let played = catch_unwind(AssertUnwindSafe(|| history::play(seed, tracing)));
    match played {
        Ok(outcome) => {
            for (name, count) in outcome.tally {
                *tally.entry(name).or_default() += count;
            }
            outcome.failure
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Some(format!("panicked: {}", text.unwrap_or_default()))
        }
    }
}

#[test]
fn no_history_loses_doubles_or_mixes_up_a_report() {
    if let Some(seed) = variable("MONTHEND_SIM_SEED") {
        let failure = failure_of(seed, true, &mut Tally::new());
        assert!(failure.is_none(), "seed {seed}: {failure:?}");
        return;
    }
    let seeds = variable("MONTHEND_SIM_SEEDS").unwrap_or(SEEDS);
    let enough = variable("MONTHEND_SIM_ENOUGH").unwrap_or(ENOUGH);
    let began = Instant::now();
    let from = variable("MONTHEND_SIM_FROM").unwrap_or(0);
    let next = AtomicU64::new(from);
    let totals = Mutex::new((Tally::new(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut tally = Tally::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let failed = totals.lock().unwrap().1.len();
                    if seed >= from + seeds || failed as u64 >= enough {
                        break;
                    }
                    let began = Instant::now();
                    let failure = failure_of(seed, false, &mut tally);
                    if began.elapsed() > SLOW {
                        println!("seed {seed} took {:.1} s", began.elapsed().as_secs_f64());
                    }
                    if let Some(failure) = failure {
                        totals.lock().unwrap().1.push((seed, failure));
                    }
                }
                let mut totals = totals.lock().unwrap();
                for (name, count) in tally {
                    *totals.0.entry(name).or_default() += count;
                }
            });
        }
    });
    let (tally, failures) = totals.into_inner().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let played = next.into_inner().min(from + seeds) - from;
    println!("{played} histories in {seconds:.1} s, {:.0} a second", played as f64 / seconds);
    for (name, count) in tally {
        println!("{count:>9} {name}");
    }
    let told: String = failures
        .iter()
        .map(|(seed, failure)| {
            format!(
                "seed {seed}: {failure}\n  MONTHEND_SIM_SEED={seed} cargo test --test simulation -- --nocapture\n"
            )
        })
        .collect();
    assert!(failures.is_empty(), "\n{told}");
}

/// The figure of `docs/guarantees.md`: with clocks 0, 0.7 and 3 s apart and a third of all answers lost, how many of
/// 1,000 rows does a person have to decide?
///
/// ```text
/// cargo test --test simulation thousand -- --ignored --nocapture
/// ```
#[test]
#[ignore = "takes a minute"]
fn of_a_thousand_rows_a_person_decides_fewer_than_five() {
    for apart in ["0ms", "700ms", "3s", "-3s"] {
        let [in_doubt, twice] = history::decided_by_a_person(1, apart.parse().unwrap());
        println!("clocks {apart} apart: {in_doubt} of 1,000 rows in doubt, {twice} made twice");
        assert!(in_doubt < 5, "{apart} apart: {in_doubt} in doubt");
        assert_eq!(twice, 0, "{apart} apart");
    }
}

#[test]
fn a_seed_tells_the_same_history_every_time() {
    for seed in 0..20 {
        let [mut first, mut second] = [Tally::new(), Tally::new()];
        assert_eq!(failure_of(seed, false, &mut first), failure_of(seed, false, &mut second));
        assert_eq!(first, second, "seed {seed}");
    }
}
