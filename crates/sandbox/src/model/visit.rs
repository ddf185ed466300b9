use std::time::Duration;

use super::{
    ask::Ask,
    fault::Fault,
    reply::{Ending, Reply},
};

/// Who chooses the fault of a request.
#[derive(Debug, Clone)]
pub enum Chance {
    /// The rules of the configuration.
    Rules,
    /// The caller has drawn it.
    Drawn(Option<Fault>),
}

/// What comes next in an exchange.
#[derive(Debug, Clone)]
pub enum Step {
    /// A wait of this length.
    Wait(Duration),
    /// Its end.
    End(Ending),
}

/// An exchange between its arrival and its end.
#[derive(Debug)]
pub struct Visit {
    pub(super) number: u64,
    pub(super) ask: Ask,
    pub(super) fault: Option<Fault>,
    pub(super) stage: Stage,
    pub(super) admitted: bool,
}

#[derive(Debug)]
pub(super) enum Stage {
    Working { until: Duration },
    Leaving { until: Duration, ending: Decided },
}

#[derive(Debug)]
pub(super) enum Decided {
    Reply { reply: Reply, trickles: Duration },
    Cut,
    Silence,
}

impl Visit {
    /// Whether token and limit admitted it.
    pub fn is_admitted(&self) -> bool {
        self.admitted
    }

    /// Its number in the order of arrival, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What goes wrong with it.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
}

impl From<Reply> for Decided {
    fn from(reply: Reply) -> Self {
        Decided::Reply { reply, trickles: Duration::ZERO }
    }
}
