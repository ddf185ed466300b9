use std::time::Duration;

/// A line at each tenth; after the first minute at least [`LogInterval::SPACING`] and at most [`LogInterval::LONGEST`]
/// apart.
#[derive(Debug, Default)]
pub(super) struct LogInterval {
    last: Duration,
    tenth: usize,
}

impl LogInterval {
    const SPACING: Duration = Duration::from_secs(30);
    /// Some CI systems end a job that is silent for ten minutes, and people worry after five.
    const LONGEST: Duration = Duration::from_secs(290);
    const BEGINNING: Duration = Duration::from_secs(60);

    pub(super) fn new(done: usize, total: usize) -> Self {
        LogInterval { last: Duration::ZERO, tenth: tenth(done, total) }
    }

    /// If so, it counts as written. The last tenth is never due: the summary follows.
    pub(super) fn is_due(&mut self, elapsed: Duration, done: usize, total: usize) -> bool {
        let tenth = tenth(done, total);
        let since = elapsed.saturating_sub(self.last);
        let spaced = elapsed < LogInterval::BEGINNING || since >= LogInterval::SPACING;
        let is_due = (tenth > self.tenth && tenth < 10 && spaced) || since >= LogInterval::LONGEST;
        if is_due {
            self.tenth = tenth.max(self.tenth);
            self.last = elapsed;
        }
        is_due
    }
}

fn tenth(done: usize, total: usize) -> usize {
    (10 * done).checked_div(total).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When lines come in a run of `total` requests, `done(second)` of them done.
    fn lines(seconds: u64, total: usize, done: impl Fn(u64) -> usize) -> Vec<u64> {
        let mut cadence = LogInterval::new(0, total);
        let due = |second: &u64| cadence.is_due(Duration::from_secs(*second), done(*second), total);
        (0..seconds).filter(due).collect()
    }

    #[test]
    fn a_line_at_each_tenth() {
        let steady = |second: u64| second as usize;
        assert_eq!(lines(50, 50, steady), (1..10).map(|n| 5 * n).collect::<Vec<_>>());
        assert_eq!(lines(600, 600, steady), (1..10).map(|n| 60 * n).collect::<Vec<_>>());
    }

    #[test]
    fn never_dense_after_the_first_minute_and_never_silent() {
        let late = |second: u64| 10 * second.saturating_sub(120).min(60) as usize;
        let said = lines(3600, 600, late);
        assert!(said.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{said:?}");
        let all = [&[0], &said[..], &[3600]].concat();
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] < 300), "{all:?}");
        assert_eq!(lines(900, 10, |_| 0), [290, 580, 870]);
    }
}
