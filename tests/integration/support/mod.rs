//! What the tests are written with: a [`Desk`] to work at, the command that runs there, a [`Served`] sandbox, and a
//! reader of ledgers that shares nothing with the crate's own.

mod browser;
mod canned;
mod command;
mod desk;
mod jobs;
pub(crate) mod law;
mod ledger;
mod redact;
mod schema;
mod served;
mod small_disk;
#[cfg(unix)]
mod terminal;
#[path = "../../../src/tests/validator.rs"]
mod validator;
mod xsd;

pub(crate) use browser::Browser;
pub(crate) use canned::{Asked, Canned, Reply, report};
pub(crate) use command::{Ended, Hint, Monthend, Running};
pub(crate) use desk::Desk;
pub(crate) use jobs::{many, own, partner, partners, partners_with};
pub(crate) use law::breaches;
pub(crate) use ledger::{COLUMNS, LedgerFile, Line, csv_cells, to_csv};
pub(crate) use redact::{after, redact};
pub(crate) use schema::follows;
pub(crate) use served::{Apart, Served, TOKEN};
pub(crate) use small_disk::{MountedFile, SmallDisk};
pub(crate) use validator::Validator;
pub(crate) use xsd::is_junit;

use std::time::{Duration, Instant};

/// No step of any test takes this long unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds; looks every few milliseconds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "in vain waited until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The seed of a test that leaves something to chance: from `MONTHEND_TEST_SEED`, else from the clock. Printed, so
/// that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("MONTHEND_TEST_SEED").ok();
    let seed = given.and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("MONTHEND_TEST_SEED={seed} repeats this choice");
    seed
}
