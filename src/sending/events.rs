use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{api::Cause, sending::StopCause};

#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    Pacing(StopCause),
    /// Too many requests in a row failed (`retry.max_consecutive_failures`).
    Down {
        failures: u32,
        cause: Cause,
    },
    /// The credentials were refused and cannot be renewed.
    Credentials(Cause),
}

#[derive(Debug, Clone, PartialEq)]
pub enum ReadError {
    Halted(Halt),
    /// The server refused it, or all tries failed.
    Failed(Cause),
}

/// Something that concerns all requests together.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// A wait was announced: nothing leaves before `until` (local clock).
    Paused {
        /// The status that announced it.
        status: Option<u16>,
        wait: Duration,
        until: DateTime<Utc>,
    },
    Retrying {
        cause: Cause,
        after: Duration,
    },
    /// Requests fail one after the other: the breaker slows down.
    Failing {
        /// The number in a row.
        failures: u32,
        cause: Cause,
    },
    Renewed,
}

/// Receives each [`SessionEvent`]. It must store a pause for the next process before it returns.
pub type Listener<'a> = dyn Fn(&SessionEvent) + 'a;
