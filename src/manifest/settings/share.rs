use std::num::{NonZeroU32, NonZeroUsize};

use super::Limits;

impl Limits {
    /// The ceilings of one of `shares` runs, which together keep these; at least enough for one request.
    pub fn share(&self, shares: NonZeroU32) -> Limits {
        let concurrency = self.concurrency.get() / shares.get() as usize;
        Limits {
            rate: self.rate.share(shares),
            burst: NonZeroU32::new(self.burst.get() / shares).unwrap_or(NonZeroU32::MIN),
            concurrency: NonZeroUsize::new(concurrency).unwrap_or(NonZeroUsize::MIN),
            max_requests: self.max_requests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_goes_on_however_small_the_share() {
        let limits = Limits::default();
        let of = |shares| limits.share(NonZeroU32::new(shares).unwrap());
        assert_eq!(of(1), limits);
        assert_eq!((of(4).burst.get(), of(4).concurrency.get()), (2, 4));
        assert_eq!(of(4).rate.to_string(), "75/min");
        assert_eq!((of(100).burst.get(), of(100).concurrency.get()), (1, 1));
        assert_eq!(of(100).rate.to_string(), "3/min");
    }
}
