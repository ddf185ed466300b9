use std::time::Duration;

use tokio::time::Instant;

use crate::manifest::RetryPolicy;

/// Counts refused connections, time-outs, 5xx and answers that are not the API's in a row
/// (`retry.max_consecutive_failures`). Any other answer resets the count. Failures of creates are counted apart, too:
/// an answered read says nothing about creates.
///
/// | failures in a row, of `max` | stage | what leaves |
/// | --- | --- | --- |
/// | below a fifth | `Closed` | everything |
/// | from a fifth | `Slow` | one request each quarter of `base_delay` |
/// | from two fifths | `Probing` | one at a time, `base_delay` after the last failure, a tenth more each time |
/// | `max` | `Open` | nothing more: the run stops |
///
/// Until the API has answered a create, three pages in place of answers are enough: each leaves a row in doubt. With
/// the defaults, a server that is down for about a minute does not stop a run.
#[derive(Debug)]
pub struct Breaker {
    max: u32,
    base_delay: Duration,
    failures: u32,
    of_creates: u32,
    /// Pages in place of answers to creates; `None` once the API has answered one.
    pages: Option<u32>,
    last_failure: Option<Instant>,
    last_sent: Option<Instant>,
}

const PAGES: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    Create,
    /// A read, or a renewal of the token.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFailure {
    NoAnswer,
    /// A page in place of an API answer.
    Page,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Closed,
    Slow,
    Probing,
    Open,
}

impl Breaker {
    pub fn new(policy: &RetryPolicy) -> Self {
        Breaker {
            max: policy.max_consecutive_failures.get(),
            base_delay: policy.base_delay,
            failures: 0,
            of_creates: 0,
            pages: Some(0),
            last_failure: None,
            last_sent: None,
        }
    }

    /// Failures in a row: of all traffic or of creates, whichever are more.
    pub fn failures(&self) -> u32 {
        self.failures.max(self.of_creates)
    }

    pub fn stage(&self) -> Stage {
        if self.pages >= Some(PAGES) {
            return Stage::Open;
        }
        match self.failures() {
            0 => Stage::Closed,
            n if n >= self.max => Stage::Open,
            n if n >= self.probing_from() => Stage::Probing,
            n if n >= self.max.div_ceil(5) => Stage::Slow,
            _ => Stage::Closed,
        }
    }

    fn probing_from(&self) -> u32 {
        (self.max.saturating_mul(2)).div_ceil(5)
    }

    /// `None` if the breaker does not delay any request.
    pub fn not_before(&self) -> Option<Instant> {
        match self.stage() {
            Stage::Closed | Stage::Open => None,
            Stage::Slow => self.last_sent.map(|at| at + self.base_delay / 4),
            Stage::Probing => {
                let probes = self.failures() - self.probing_from();
                let spacing = self.base_delay + self.base_delay / 10 * probes;
                self.last_failure.map(|at| at + spacing)
            }
        }
    }

    pub fn on_sent(&mut self, now: Instant) {
        self.last_sent = Some(now);
    }

    /// The API answered, with anything but 5xx.
    pub fn on_answer(&mut self, to: Traffic) {
        self.failures = 0;
        if to == Traffic::Create {
            self.of_creates = 0;
            self.pages = None;
        }
        if self.of_creates == 0 {
            self.last_failure = None;
        }
    }

    pub fn on_failure(&mut self, of: Traffic, how: ServerFailure, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(now);
        if of == Traffic::Create {
            self.of_creates = self.of_creates.saturating_add(1);
            let page = u32::from(how == ServerFailure::Page);
            self.pages = self.pages.map(|pages| pages + page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slows_then_probes_then_stops_and_any_answer_resets() {
        let policy = RetryPolicy::default();
        let mut breaker = Breaker::new(&policy);
        let mut stages = Vec::new();
        for _ in 0..policy.max_consecutive_failures.get() {
            stages.push(breaker.stage());
            breaker.on_sent(Instant::now());
            breaker.on_failure(Traffic::Other, ServerFailure::NoAnswer, Instant::now());
            if let Some(at) = breaker.not_before() {
                assert!(at > Instant::now());
                tokio::time::sleep_until(at).await;
            }
        }
        assert_eq!(breaker.stage(), Stage::Open);
        assert!(stages.is_sorted());
        let count = |stage| stages.iter().filter(|s| **s == stage).count();
        assert_eq!((count(Stage::Closed), count(Stage::Slow), count(Stage::Probing)), (10, 10, 30));
        breaker.on_answer(Traffic::Other);
        assert_eq!(breaker.stage(), Stage::Closed);
        assert_eq!(breaker.not_before(), None);
    }

    /// How far the breaker is after these, of `max` failures at most: `c` and `r` are a create and a read that failed,
    /// `p` is a page for a create, `C` and `R` are answered.
    fn after(max: u32, said: &str) -> Stage {
        let policy = RetryPolicy {
            max_consecutive_failures: max.try_into().unwrap(),
            ..RetryPolicy::default()
        };
        let mut breaker = Breaker::new(&policy);
        let now = Instant::now();
        for said in said.chars() {
            match said {
                'c' => breaker.on_failure(Traffic::Create, ServerFailure::NoAnswer, now),
                'p' => breaker.on_failure(Traffic::Create, ServerFailure::Page, now),
                'r' => breaker.on_failure(Traffic::Other, ServerFailure::Page, now),
                'C' => breaker.on_answer(Traffic::Create),
                'R' => breaker.on_answer(Traffic::Other),
                other => panic!("{other}"),
            }
        }
        breaker.stage()
    }

    #[test]
    fn reads_that_are_answered_say_nothing_about_creates() {
        for (said, stage) in [
            ("cRcRcRcRc", Stage::Open),
            ("cRcRcCcRc", Stage::Probing),
            ("rCrCrCrCrCr", Stage::Slow),
            ("crcrc", Stage::Open),
            ("crcrR", Stage::Probing),
            ("crcrC", Stage::Closed),
        ] {
            assert_eq!(after(5, said), stage, "{said}");
        }
    }

    #[test]
    fn a_few_pages_for_creates_are_enough_until_one_was_answered() {
        for (said, stage) in [
            ("pp", Stage::Closed),
            ("ppp", Stage::Open),
            ("pRpRpR", Stage::Open),
            ("pccpcp", Stage::Open),
            ("Cppp", Stage::Closed),
            ("ppCppp", Stage::Closed),
            ("rrrr", Stage::Closed),
            ("cccc", Stage::Closed),
        ] {
            assert_eq!(after(50, said), stage, "{said}");
        }
    }

    #[test]
    fn a_breaker_of_one_stops_at_the_first_failure() {
        let policy = RetryPolicy {
            max_consecutive_failures: 1.try_into().unwrap(),
            ..RetryPolicy::default()
        };
        let mut breaker = Breaker::new(&policy);
        assert_eq!(breaker.stage(), Stage::Closed);
        breaker.on_failure(Traffic::Other, ServerFailure::NoAnswer, Instant::now());
        assert_eq!(breaker.stage(), Stage::Open);
    }
}
