//! What the tests of `tests/` and the benchmarks drive from outside. No part of it is for anyone else.

pub use crate::{
    api::{
        Answer, Api, Cause, DownloadUrl, ListPage, ListQuery, Listed, Notice, OnHead, Outcome,
        Page, testing::WireAnswer,
    },
    cli::command,
    collect::{CollectInput, DownloadError, Head, Host, Overwrite, Resume, collect},
    ledger::{
        Counts, Disk, FileDisk, Ledger, Reason, RepairKind, Row, RowIndex, State, journal, read,
        restore,
    },
    manifest::{
        BaseUrl, DateCheck, Discover, Discovered, Limits, LoadOptions, Manifest, Rate, RateUnit,
        RetryPolicy,
    },
    plan::Plan,
    run::{
        Creates, Event, EventKind, Finished, Interrupt, NewReports, OtherRuns, Run, RunInput,
        Shared, Signal,
    },
    sending::{
        Feedback, Gate, PacePolicy, Priority, RateController, Session, SessionEvent, Stats,
        StopCause, WallClock,
    },
    text::hexadecimal,
};
pub use request::Doubt;
