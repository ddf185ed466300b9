//! What the tests of `tests/` and the benchmarks drive from outside. No part of it is for anyone else.

pub use crate::{
    api::{
        Answer, Api, Cause, Doubt, DownloadUrl, ListQuery, Listed, Notice, OnHead, Outcome, Page,
        WireAnswer,
    },
    cli::command,
    collect::{CollectInput, DownloadError, Head, Host, Overwrite, Resume, collect},
    ledger::{
        Counts, Disk, FileDisk, Ledger, Reason, RepairKind, Row, RowIndex, State, journal, read,
        restore,
    },
    manifest::{DateCheck, LoadOptions, Manifest},
    output::{Estimate, Left, Pace},
    pacing::{Feedback, Gate, PacePolicy, Priority, RateController, Stats, StopCause, Window},
    plan::{Discovered, Plan},
    runner::{
        BesideOthers, Creates, Event, EventKind, Finished, Interrupt, NewReports, RunInput, Signal,
        Workbench, run, run_with,
    },
    session::{Session, SessionEvent, WallClock},
    settings::{BaseUrl, Discover, Limits, Rate, RateUnit, RetryPolicy},
    text::hexadecimal,
};
