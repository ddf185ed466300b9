//! The one policy of retries: what follows an answer, and how long to wait if the server did not say.

use std::{cell::RefCell, time::Duration};

use crate::{
    api::{Outcome, Refusal, WaitKind},
    manifest::RetryPolicy,
    sending::Stage,
};

/// From this number on, an answer 423 or 503 with a wait counts as a try, if others were accepted meanwhile.
const BUSY_FROM: u32 = 6;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RetryDecision {
    Never,
    /// As soon as the gate allows it.
    AtOnce,
    After(Duration),
    /// After all others.
    Last,
}

#[derive(Clone, Copy)]
pub struct RetryContext<'a> {
    pub max_attempts: u32,
    pub stage: Stage,
    pub accepted: u64,
    pub backoff: &'a Backoff,
}

/// The tries of one request, as `retry.max_attempts` counts them: reads, creates and renewals of a token alike.
///
/// | outcome | counts as a try | next |
/// | --- | --- | --- |
/// | done | no | never |
/// | 429 | no | at once: the gate keeps the wait |
/// | 423, 503 with a wait | from the 6th, if others were accepted since the first | at once; last where it counts |
/// | 423 without | yes | after a backoff |
/// | 401, the token at fault | from the second | at once: the session has renewed the token |
/// | 403, other refusals | no | never |
/// | 409 | yes | never: a create looks for the report that is there |
/// | not sent | unless the breaker slows or probes: then it does the counting | after a backoff |
/// | in doubt | yes | after a backoff: a create is looked for first |
///
/// A try that counts and is the last of `max_attempts` is followed by [`RetryDecision::Never`].
#[derive(Debug, Clone, Default)]
pub struct TryCount {
    counted: u32,
    busy: u32,
    /// Accepted requests when the first busy answer came.
    accepted_at_first_busy: u64,
    unauthorized: u32,
}

impl TryCount {
    pub fn counted(&self) -> u32 {
        self.counted
    }

    pub fn after<T>(&mut self, outcome: &Outcome<T>, around: &RetryContext<'_>) -> RetryDecision {
        let (counts, next) = self.judge(outcome, around);
        self.counted += u32::from(counts);
        if counts && self.counted >= around.max_attempts {
            return RetryDecision::Never;
        }
        next
    }

    fn judge<T>(
        &mut self,
        outcome: &Outcome<T>,
        around: &RetryContext<'_>,
    ) -> (bool, RetryDecision) {
        let backoff = || RetryDecision::After(around.backoff.after(self.counted + 1));
        match outcome {
            Outcome::Done(_) | Outcome::Refused(Refusal::Forbidden | Refusal::Final, _) => {
                (false, RetryDecision::Never)
            }
            Outcome::Refused(Refusal::Wait(WaitKind::RateLimit), _) => {
                (false, RetryDecision::AtOnce)
            }
            Outcome::Refused(Refusal::Wait(WaitKind::Busy), _) => {
                if self.busy == 0 {
                    self.accepted_at_first_busy = around.accepted;
                }
                self.busy += 1;
                let others = around.accepted > self.accepted_at_first_busy;
                if self.busy >= BUSY_FROM && others {
                    (true, RetryDecision::Last)
                } else {
                    (false, RetryDecision::AtOnce)
                }
            }
            Outcome::Refused(Refusal::Unauthorized, _) => {
                self.unauthorized += 1;
                (self.unauthorized > 1, RetryDecision::AtOnce)
            }
            Outcome::Refused(Refusal::Conflict, _) => (true, RetryDecision::Never),
            Outcome::Refused(Refusal::Locked, _) | Outcome::InDoubt(..) => (true, backoff()),
            Outcome::NotSent(_) => (around.stage == Stage::Closed, backoff()),
        }
    }
}

/// Exponential backoff with full jitter: before try `n + 1` a random wait from zero to `min(max_delay, base_delay *
/// 2^(n-1))`, so that failed requests do not come back together.
#[derive(Debug)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    random: RefCell<fastrand::Rng>,
}

impl Backoff {
    /// Draws from `seed`, so that a run can be repeated.
    pub fn new(policy: &RetryPolicy, seed: u64) -> Self {
        Backoff {
            base: policy.base_delay,
            max: policy.max_delay,
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
        }
    }

    pub fn after(&self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let most = self.base.saturating_mul(1 << doublings).min(self.max);
        most.mul_f64(self.random.borrow_mut().f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Cause;
    use request::Doubt;

    /// The table of [`Tries`], enumerated: for each outcome what its first to ninth come to, of four tries at most.
    #[test]
    fn tries_are_counted_as_the_table_says() {
        let refused = |refusal| Outcome::Refused(refusal, Cause::default());
        let busy = refused(Refusal::Wait(WaitKind::Busy));
        let not_sent = Outcome::NotSent(Cause::default());
        // `.` at once, `~` after a backoff, `<` last, `x` never.
        for (outcome, stage, others, expected) in [
            (Outcome::Done(()), Stage::Closed, true, "x"),
            (refused(Refusal::Wait(WaitKind::RateLimit)), Stage::Closed, true, "........."),
            (busy.clone(), Stage::Closed, true, ".....<<<x"),
            (busy, Stage::Closed, false, "........."),
            (refused(Refusal::Locked), Stage::Closed, true, "~~~x"),
            (refused(Refusal::Unauthorized), Stage::Closed, true, "....x"),
            (refused(Refusal::Forbidden), Stage::Closed, true, "x"),
            (refused(Refusal::Final), Stage::Closed, true, "x"),
            (refused(Refusal::Conflict), Stage::Closed, true, "x"),
            (not_sent.clone(), Stage::Closed, true, "~~~x"),
            (not_sent.clone(), Stage::Slow, true, "~~~~~~~~~"),
            (not_sent, Stage::Probing, true, "~~~~~~~~~"),
            (Outcome::InDoubt(Doubt::Open, Cause::default()), Stage::Probing, true, "~~~x"),
            (Outcome::InDoubt(Doubt::SaidYes, Cause::default()), Stage::Closed, true, "~~~x"),
        ] {
            let mut tries = TryCount::default();
            let mut came_to = String::new();
            for accepted in 0..9 {
                let around = RetryContext {
                    max_attempts: 4,
                    stage,
                    accepted: if others { accepted } else { 0 },
                    backoff: &Backoff::new(&RetryPolicy::default(), 7),
                };
                came_to.push(match tries.after(&outcome, &around) {
                    RetryDecision::AtOnce => '.',
                    RetryDecision::After(_) => '~',
                    RetryDecision::Last => '<',
                    RetryDecision::Never => 'x',
                });
                if came_to.ends_with('x') {
                    break;
                }
            }
            assert_eq!(came_to, expected, "{outcome:?} {stage:?}, others: {others}");
        }
    }

    #[test]
    fn only_tries_that_count_bring_the_end_closer() {
        let around = RetryContext {
            max_attempts: 2,
            stage: Stage::Closed,
            accepted: 0,
            backoff: &Backoff::new(&RetryPolicy::default(), 7),
        };
        let mut tries = TryCount::default();
        let limited: Outcome<()> =
            Outcome::Refused(Refusal::Wait(WaitKind::RateLimit), Cause::default());
        let lost: Outcome<()> = Outcome::InDoubt(Doubt::Open, Cause::default());
        assert!(matches!(tries.after(&lost, &around), RetryDecision::After(_)));
        assert_eq!(tries.after(&limited, &around), RetryDecision::AtOnce);
        assert_eq!(tries.counted(), 1);
        assert_eq!(tries.after(&lost, &around), RetryDecision::Never);
    }

    #[test]
    fn doubles_up_to_the_most_and_is_spread_evenly() {
        let backoff = Backoff::new(&RetryPolicy::default(), 7);
        for (tries, most) in [(1, 1.0), (2, 2.0), (3, 4.0), (7, 60.0), (400, 60.0)] {
            let drawn: Vec<f64> = (0..500).map(|_| backoff.after(tries).as_secs_f64()).collect();
            let mean = drawn.iter().sum::<f64>() / 500.0;
            assert!(drawn.iter().all(|d| (0.0..=most).contains(d)), "after {tries}");
            assert!((mean / most - 0.5).abs() < 0.06, "after {tries}: mean {mean} of {most}");
        }
    }
}
