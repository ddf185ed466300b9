use std::{collections::HashMap, hash::Hash, time::Duration};

/// Decides which of many similar messages are written: a few, then sums, less and less often.
#[derive(Debug)]
pub(super) struct RepeatLimiter<K, W = ()> {
    seen: HashMap<K, RepeatCount<W>>,
}

#[derive(Debug)]
struct RepeatCount<W> {
    named: Vec<W>,
    all: usize,
    told: usize,
    at: Duration,
    lines: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RepeatNotice {
    This,
    /// `more`: since the last line.
    Sum {
        more: usize,
        all: usize,
    },
    Nothing,
}

const MOST: u32 = 10;
const EACH: usize = 3;

impl<W> Default for RepeatCount<W> {
    fn default() -> Self {
        RepeatCount { named: Vec::new(), all: 0, told: 0, at: Duration::ZERO, lines: 0 }
    }
}

impl<K: Eq + Hash, W: PartialEq> RepeatLimiter<K, W> {
    pub(super) fn new() -> Self {
        RepeatLimiter { seen: HashMap::new() }
    }

    /// The first three are written, then a sum at 10, 30, 100, 300 and so on.
    pub(super) fn another(&mut self, kind: K) -> RepeatNotice {
        self.news(kind, |seen| seen.all <= EACH)
    }

    /// As [`RepeatLimiter::another`], by owner: the first of each of the first three is written.
    pub(super) fn another_of(&mut self, kind: K, whose: W) -> RepeatNotice {
        self.news(kind, |seen| {
            let is_new = seen.named.len() < EACH && !seen.named.contains(&whose);
            if is_new {
                seen.named.push(whose);
            }
            is_new
        })
    }

    fn news(&mut self, kind: K, is_said: impl FnOnce(&mut RepeatCount<W>) -> bool) -> RepeatNotice {
        let seen = self.seen.entry(kind).or_default();
        seen.all += 1;
        if seen.lines >= MOST {
            return RepeatNotice::Nothing;
        }
        if is_said(seen) {
            seen.say(Duration::ZERO);
            return RepeatNotice::This;
        }
        match seen.all {
            all if is_round(all) && all - seen.told >= EACH => {
                RepeatNotice::Sum { more: seen.say(Duration::ZERO), all }
            }
            _ => RepeatNotice::Nothing,
        }
    }

    /// The same message again: written at once, then a sum after 30 s, 1 min, 2, 4 and so on.
    pub(super) fn again(&mut self, kind: K, elapsed: Duration) -> RepeatNotice {
        const FIRST: Duration = Duration::from_secs(30);
        let seen = self.seen.entry(kind).or_default();
        seen.all += 1;
        if seen.lines == 0 {
            seen.say(elapsed);
            return RepeatNotice::This;
        }
        let patience = FIRST * 2u32.pow(seen.lines.min(MOST) - 1);
        if seen.lines >= MOST || elapsed.saturating_sub(seen.at) < patience {
            return RepeatNotice::Nothing;
        }
        RepeatNotice::Sum { more: seen.say(elapsed), all: seen.all }
    }
}

impl<W> RepeatCount<W> {
    fn say(&mut self, at: Duration) -> usize {
        let more = self.all - self.told;
        (self.told, self.at, self.lines) = (self.all, at, self.lines + 1);
        more
    }
}

fn is_round(n: usize) -> bool {
    let mut power = 10;
    while power * 10 <= n {
        power *= 10;
    }
    n == power || n == 3 * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_said_and_the_rest_is_summed_up() {
        let mut grouped: RepeatLimiter<_> = RepeatLimiter::new();
        let said: Vec<RepeatNotice> = (0..100)
            .map(|_| grouped.another("x"))
            .filter(|s| *s != RepeatNotice::Nothing)
            .collect();
        let sum = |more, all| RepeatNotice::Sum { more, all };
        assert_eq!(
            said,
            [
                RepeatNotice::This,
                RepeatNotice::This,
                RepeatNotice::This,
                sum(7, 10),
                sum(20, 30),
                sum(70, 100)
            ]
        );
        assert_eq!(grouped.another("y"), RepeatNotice::This);
    }

    #[test]
    fn of_somebody_the_first_is_said() {
        let mut grouped = RepeatLimiter::new();
        let said: Vec<(usize, RepeatNotice)> = (0..100)
            .map(|n| (n, grouped.another_of("x", n / 10)))
            .filter(|(_, say)| *say != RepeatNotice::Nothing)
            .collect();
        let sum = |more, all| RepeatNotice::Sum { more, all };
        let expected = [
            (0, RepeatNotice::This),
            (9, sum(9, 10)),
            (10, RepeatNotice::This),
            (20, RepeatNotice::This),
            (29, sum(9, 30)),
            (99, sum(70, 100)),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn never_more_than_ten_lines_of_a_kind() {
        let mut grouped: RepeatLimiter<_> = RepeatLimiter::new();
        let by_count =
            (0..2_000_000).filter(|_| grouped.another("x") != RepeatNotice::Nothing).count();
        assert_eq!(by_count, 10);
        let by_time = (0..1_000_000)
            .filter(|s| grouped.again("y", Duration::from_secs(*s)) != RepeatNotice::Nothing);
        assert_eq!(by_time.count(), 10);
    }

    #[test]
    fn what_goes_on_is_said_again_ever_later() {
        let mut grouped: RepeatLimiter<_> = RepeatLimiter::new();
        let lines = |s: &u64| grouped.again("y", Duration::from_secs(*s)) != RepeatNotice::Nothing;
        assert_eq!((0..300).filter(lines).collect::<Vec<_>>(), [0, 30, 90, 210]);
    }
}
