//! What a conversation tells its owner: what concerns all requests together, and why it is over.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{api::Cause, pacing::StopCause};

/// Why the whole conversation is over.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    /// The gate lets nothing leave any more.
    Pacing(StopCause),
    /// So many requests in a row failed (`retry.max_consecutive_failures`), and how the last of them did.
    Down {
        /// How many.
        failures: u32,
        /// What the last one met.
        cause: Cause,
    },
    /// The credentials were refused and cannot be renewed.
    Credentials(Cause),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadError {
    /// Nothing leaves any more.
    Halted(Halt),
    /// The server refused it, or did not answer in all the tries.
    Failed(Cause),
}

/// Something that concerns all requests together.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// A wait was announced: nothing leaves before `until` (local clock).
    Paused {
        /// The status that announced it.
        status: Option<u16>,
        /// How long.
        wait: Duration,
        /// When it ends.
        until: DateTime<Utc>,
    },
    /// An exchange came to nothing and will be tried again.
    Retrying {
        /// How it failed.
        cause: Cause,
        /// After how long at the earliest.
        after: Duration,
    },
    /// Requests fail one after the other: the breaker slows, or probes with one at a time.
    Failing {
        /// How many in a row.
        failures: u32,
        /// How the last one failed.
        cause: Cause,
    },
    /// The credentials were renewed.
    Renewed,
}

/// Hears [`SessionEvent`] as it comes. What it has to keep (a pause, for the next process) it keeps before it returns.
pub type Listener<'a> = dyn Fn(&SessionEvent) + 'a;
