//! What a run tells those who watch: complete enough that nobody has to ask back.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::StopReason;
use crate::{
    ledger::{Counts, Row},
    pacing::Stats,
};

/// Something happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, by the local clock.
    pub at: DateTime<Utc>,
    /// Since the run began.
    pub elapsed: Duration,
    /// How far the run is, this event included.
    pub counts: Counts,
    /// What the gate has counted.
    pub pace: Stats,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// The run begins.
    Started,
    /// A row is done with for this run; its line is durable.
    Settled(Row),
    /// A create came to nothing and will be tried again.
    Retrying {
        /// The row, with the cause.
        row: Row,
        /// After how long at the earliest.
        after: Duration,
    },
    /// A create's answer was lost; the row is looked up before anything else happens to it.
    InDoubt(Row),
    /// The report of a row in doubt, or of one that the server says exists, was found; its line is durable.
    Adopted(Row),
    /// The server did not make the report of a row in doubt: it is sent again.
    NotMade(Row),
    /// A doubt could not be looked up; its row stays `sending`.
    NotLookedUp(Row),
    /// Nothing more is sent; requests in flight are waited for.
    Stopping(StopReason),
    /// The run is over.
    Finished,
}
