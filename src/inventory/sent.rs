//! When creates left, by the reports that they made.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::clocks::Moment;
use crate::request::ReportId;

/// So many are kept, so that a long run needs no more memory than a short one. What is in doubt is recent, and so are the
/// reports that tell something of its time.
const KEPT: usize = 10_000;

/// The latest creates of this process.
#[derive(Debug, Default)]
pub(super) struct Sent {
    moments: HashMap<ReportId, Moment>,
    /// Oldest first.
    order: VecDeque<ReportId>,
}

impl Sent {
    /// The create that made this report left at `moment`.
    pub(super) fn insert(&mut self, id: ReportId, moment: Moment) {
        if self.order.len() == KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.moments.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.moments.insert(id, moment);
    }

    /// When the create left that made this report.
    pub(super) fn get(&self, id: &ReportId) -> Option<Moment> {
        self.moments.get(id).copied()
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
        let moment = clocks.moment(Instant::now(), DateTime::<Utc>::UNIX_EPOCH);
        let mut sent = Sent::default();
        let id = |n: usize| format!("id{n}").parse::<ReportId>().unwrap();
        for n in 0..=KEPT {
            sent.insert(id(n), moment);
        }
        assert_eq!(sent.moments.len(), KEPT);
        assert_eq!(sent.get(&id(0)), None);
        assert!([1, KEPT].iter().all(|n| sent.get(&id(*n)) == Some(moment)));
    }
}
