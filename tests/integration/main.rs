//! The real binary from outside: arguments, environment, files and signals in; exit codes, output, the ledger and
//! what the server saw out.
//!
//! One module per promise to users. The only server is the sandbox on loopback, in this process or in
//! a child of it. Every test has a folder, ports and a ledger of its own, so all of them run side by side; none
//! waits for time to pass where it can wait for something to happen.

#![expect(clippy::shadow_unrelated, reason = "a test tells one step after the other")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed, and says where"
)]

mod support;

mod audit;
mod bad_input;
mod causes;
mod check;
mod ci_examples;
mod closing;
mod collect;
mod combine;
mod credentials;
mod damage;
mod data;
mod discovery;
mod disk_space;
mod downloads;
mod dry_run;
mod environment;
mod examples;
mod gone;
#[cfg(unix)]
mod guard;
mod harmless;
mod help;
mod hints;
mod history;
mod in_doubt;
mod init;
mod kills;
mod links;
mod logging;
#[cfg(unix)]
mod machine;
mod main_job;
mod merge;
mod no_manifest;
#[cfg(unix)]
mod odd_files;
mod outputs;
mod pacing;
mod page;
mod partition;
mod plan;
mod plan_warnings;
mod previous;
mod readme;
mod recipes;
mod reconcile;
mod rehearsal;
mod report;
mod rescued;
mod resolve;
mod secrets;
mod selection;
mod signals;
mod spreadsheet;
mod status;
mod streams;
mod surface;
#[cfg(unix)]
mod terminal;
mod told;
mod units;
mod way_on;
mod worlds;
