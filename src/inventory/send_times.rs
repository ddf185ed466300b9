use std::collections::VecDeque;

use foldhash::HashMap;

use super::clocks::Moment;
use crate::sending::Generation;
use request::ReportId;

/// Bounds the memory of a long run. What is in doubt is recent, and so are the reports that tell something of its time.
const KEPT: usize = 10_000;

/// How a create of this process left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    pub at: Moment,
    /// `None` for several creates with more than one token.
    pub token: Option<Generation>,
}

impl Departure {
    /// Combines a create in doubt with a later one for the same request.
    pub fn and(self, later: Departure) -> Departure {
        Departure { token: self.token.filter(|_| self.token == later.token), ..self }
    }
}

#[derive(Debug, Default)]
pub(super) struct SendTimes {
    departures: HashMap<ReportId, Departure>,
    /// Oldest first.
    order: VecDeque<ReportId>,
}

impl SendTimes {
    pub(super) fn insert(&mut self, id: ReportId, departure: Departure) {
        if self.order.len() == KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.departures.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.departures.insert(id, departure);
    }

    pub(super) fn get(&self, id: &ReportId) -> Option<Departure> {
        self.departures.get(id).copied()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use tokio::time::Instant;

    use super::{super::clocks::Clocks, *};

    #[tokio::test(start_paused = true)]
    async fn the_oldest_gives_way() {
        let mut clocks = Clocks::new(Instant::now());
        let departure = Departure {
            at: clocks.moment(Instant::now(), DateTime::<Utc>::UNIX_EPOCH),
            token: None,
        };
        let mut sent = SendTimes::default();
        let id = |n: usize| format!("id{n}").parse::<ReportId>().unwrap();
        for n in 0..=KEPT {
            sent.insert(id(n), departure);
        }
        assert_eq!(sent.departures.len(), KEPT);
        assert_eq!(sent.get(&id(0)), None);
        assert!([1, KEPT].iter().all(|n| sent.get(&id(*n)) == Some(departure)));
    }
}
