use std::{fmt, num::NonZeroU32, str::FromStr};

use request::Request;

/// `--partition K/N` (docs/splitting.md), by a hash of sub-partner (by meaning), type and period only: the same in
/// every manifest, run and version, and for twins with and without `internal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    number: NonZeroU32,
    count: NonZeroU32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    #[error(
        "{0:?} is not a valid share: write K/N, for instance 2/3 for the second of three shares"
    )]
    Unreadable(String),
    #[error("there is no share {0}: in K/N, K goes from 1 to N")]
    OutOfRange(String),
}

impl Partition {
    /// Share `number`, from 1, of `count`; `None` if there is none.
    pub fn new(number: u32, count: u32) -> Option<Self> {
        let number = NonZeroU32::new(number)?;
        let count = NonZeroU32::new(count).filter(|count| number <= *count)?;
        Some(Partition { number, count })
    }

    /// The share that a CI engine counts from 0 as `index` of `count`.
    pub fn of_index(index: &str, count: &str) -> Option<Self> {
        Partition::new(whole(index)?.checked_add(1)?, whole(count)?)
    }

    pub fn number(&self) -> NonZeroU32 {
        self.number
    }

    pub fn count(self) -> NonZeroU32 {
        self.count
    }

    /// Whether `share` has the request; without shares, there is one that has all.
    pub fn is_own(share: Option<Partition>, request: &Request) -> bool {
        share.is_none_or(|share| share.holds(request))
    }

    pub fn holds(self, request: &Request) -> bool {
        request.share_key() % u64::from(self.count.get()) == u64::from(self.number.get() - 1)
    }

    /// As file names contain it: `2-of-3`.
    pub fn in_names(self) -> String {
        format!("{}-of-{}", self.number, self.count)
    }

    /// The partition in a ledger's file name, and the name before it: `a.2-of-3.csv` is the second share of `a`.
    pub fn of_name(name: &str) -> Option<(&str, Partition)> {
        let (stem, share) = name.strip_suffix(".csv")?.rsplit_once('.')?;
        let (number, count) = share.split_once("-of-")?;
        Some((stem, Partition::new(whole(number)?, whole(count)?)?))
    }

    pub fn all(self) -> impl Iterator<Item = Partition> {
        let count = self.count;
        let numbers = (1..=count.get()).filter_map(NonZeroU32::new);
        numbers.map(move |number| Partition { number, count })
    }
}

fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Self, PartitionError> {
        let parts = text.trim().split_once('/');
        let numbers = parts.and_then(|(number, count)| Some((whole(number)?, whole(count)?)));
        let (number, count) = numbers.ok_or_else(|| PartitionError::Unreadable(text.to_owned()))?;
        Partition::new(number, count).ok_or_else(|| PartitionError::OutOfRange(text.to_owned()))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use request::{Period, ReportType};

    fn request(number: u32, report_type: usize, internal: bool) -> Request {
        Request {
            sub_partner: (number > 0).then(|| format!("org{number}").parse().unwrap()),
            report_type: ReportType::ALL[report_type],
            period: Period::month(2026, 1 + number % 9).unwrap(),
            internal,
        }
    }

    proptest! {
        /// Of every plan in any number of shares, each request belongs to exactly one, and its twin with the other
        /// `internal` to the same.
        #[test]
        fn shares_are_disjoint_complete_and_keep_twins_together(
            count in 1..40u32,
            number in 0..5000u32,
            report_type in 0..3usize,
            internal: bool,
        ) {
            let (one, twin) = (request(number, report_type, internal), request(number, report_type, !internal));
            let shares: Vec<Partition> = Partition::new(1, count).unwrap().all().collect();
            prop_assert_eq!(shares.len(), count as usize);
            let of: Vec<&Partition> = shares.iter().filter(|share| share.holds(&one)).collect();
            prop_assert_eq!(of.len(), 1);
            prop_assert!(of[0].holds(&twin));
        }

        #[test]
        fn a_share_is_written_as_it_is_read(count in 1..500u32, number in 1..500u32) {
            prop_assume!(number <= count);
            let share = Partition::new(number, count).unwrap();
            prop_assert_eq!(share.to_string().parse(), Ok(share));
            let name = format!("month.end.{}.csv", share.in_names());
            prop_assert_eq!(Partition::of_name(&name), Some(("month.end", share)));
        }
    }

    /// Ledgers of shares are out there: if this test fails, the code is wrong, not the test.
    #[test]
    fn a_share_is_frozen() {
        let held: Vec<u32> = (0..12)
            .filter(|n| Partition::new(1, 3).unwrap().holds(&request(*n, 2, false)))
            .collect();
        assert_eq!(held, [0, 2, 3, 4, 5, 6, 7, 8, 11]);
    }

    #[test]
    fn the_spelling_of_an_organisation_makes_no_difference() {
        let spelled = |text: &str| Request {
            sub_partner: Some(text.parse().unwrap()),
            ..request(1, 0, false)
        };
        let spellings = [
            "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8wMDAwNTc2ZC02MGE4LTQwN2EtYjIyYy00N2M1MTU5MTAwMDA",
            "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8wMDAwNTc2ZC02MGE4LTQwN2EtYjIyYy00N2M1MTU5MTAwMDA=",
            "0000576d-60a8-407a-b22c-47c515910000",
        ];
        for share in Partition::new(1, 500).unwrap().all() {
            let held = spellings.map(|text| share.holds(&spelled(text)));
            assert!(held == [held[0]; 3], "{share}");
        }
    }

    #[test]
    fn shares_are_about_equal() {
        for share in Partition::new(1, 4).unwrap().all() {
            let held = (0..4000).filter(|n| share.holds(&request(*n, 0, false)));
            assert!((900..1100).contains(&held.count()), "{share}");
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["0/3", "4/3", "1/0", "0/0", "4294967297/3"] {
            assert!(text.parse::<Partition>().is_err(), "{text}");
        }
        for text in ["", "a/b", "1", "1/", "/3", "1/2/3", "-1/3", "+1/3", "1.0/3", "1 /3"] {
            let unreadable = PartitionError::Unreadable(text.to_owned());
            assert_eq!(text.parse::<Partition>(), Err(unreadable));
        }
        for name in
            ["a.csv", "a.0-of-3.csv", "a.4-of-3.csv", "a.2-of-3", "2-of-3.csv", "a.b-of-c.csv"]
        {
            assert_eq!(Partition::of_name(name), None, "{name}");
        }
    }
}
