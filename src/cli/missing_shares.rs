//! Shares that are missing in a merge, by the names of the others: `NAME.K-of-N.csv`.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::plan::Partition;

const NAMED: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MissingShares {
    named: Vec<PathBuf>,
    missing: usize,
    count: u32,
}

impl MissingShares {
    /// One for each incomplete set of shares.
    pub(super) fn among<'p>(ledgers: impl Iterator<Item = &'p Path>) -> Vec<MissingShares> {
        let mut sets: BTreeMap<(PathBuf, u32), Vec<Partition>> = BTreeMap::new();
        for ledger in ledgers {
            let name = ledger.file_name().and_then(|name| name.to_str());
            if let Some((stem, share)) = name.and_then(Partition::of_name) {
                let set = (ledger.with_file_name(stem), share.count().get());
                sets.entry(set).or_default().push(share);
            }
        }
        let missing = sets.into_iter().filter_map(|((stem, count), mut there)| {
            let first = *there.first()?;
            there.sort_by_key(Partition::number);
            there.dedup();
            let missing = count as usize - there.len();
            let named = first.all().filter(|share| !there.contains(share));
            let named = named.take(NAMED.min(missing)).map(|share| {
                let mut name = stem.clone().into_os_string();
                name.push(format!(".{}.csv", share.in_names()));
                name.into()
            });
            Some(MissingShares { named: named.collect(), missing, count })
        });
        missing.filter(|set| set.missing > 0).collect()
    }
}

impl fmt::Display for MissingShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<String> = self.named.iter().map(|path| path.display().to_string()).collect();
        write!(
            f,
            "of {} shares, {} not among these ledgers: {}",
            self.count,
            match self.missing {
                1 => "one is".to_owned(),
                missing => format!("{missing} are"),
            },
            named.join(", ")
        )?;
        if self.missing > named.len() {
            write!(f, " and so on")?;
        }
        write!(
            f,
            "; unless another of the ledgers has {}, and merge again",
            match self.missing {
                1 => "its rows, run that share again",
                _ => "their rows, run those shares again",
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ledgers: &[&str]) -> Vec<String> {
        let missing = MissingShares::among(ledgers.iter().map(Path::new));
        missing.iter().map(MissingShares::to_string).collect()
    }

    #[test]
    fn a_set_that_is_whole_or_none_is_not_spoken_of() {
        for ledgers in [
            &["a.csv", "b.csv"][..],
            &["a.2-of-2.csv", "a.1-of-2.csv", "a.csv"],
            &["x/a.1-of-1.csv", "b.0-of-2.csv"],
        ] {
            assert_eq!(told(ledgers), <[String; 0]>::default());
        }
    }

    #[test]
    fn what_is_missing_is_named_set_by_set() {
        let said = told(&["d/a.1-of-3.csv", "d/a.3-of-3.csv", "a.1-of-2.csv", "a.1-of-2.csv"]);
        assert_eq!(said.len(), 2);
        assert!(
            said[0].starts_with("of 2 shares, one is not among these ledgers: a.2-of-2.csv;"),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("of 3 shares, one is not among these ledgers: d/a.2-of-3.csv;"),
            "{said:?}"
        );
        let many = told(&["a.1-of-4000000000.csv"]);
        assert!(
            many[0].contains("3999999999 are not among")
                && many[0].contains("a.6-of-4000000000.csv and so on"),
            "{many:?}"
        );
    }
}
