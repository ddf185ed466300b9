//! `--partition`, and the variables of engines that count their jobs from 0.

use std::{env, ffi::OsString};

use clap::Args;

use crate::plan::Partition;

/// For engines that count from 0.
const INDEX: &str = "MONTHEND_PARTITION_INDEX";
const COUNT: &str = "MONTHEND_PARTITION_COUNT";

/// Which share of the selection.
#[derive(Debug, Args)]
pub(crate) struct PartitionArgs {
    /// One share of several: 2/3 is the second of three, with a ledger of its own (NAME.2-of-3.csv). Where jobs are
    /// counted from 0: MONTHEND_PARTITION_INDEX and MONTHEND_PARTITION_COUNT
    #[arg(long, help_heading = "Selection", env = "MONTHEND_PARTITION", value_name = "K/N")]
    partition: Option<Partition>,
}

/// Exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartitionArgsError {
    #[error("{INDEX} and {COUNT} belong together, and only {0} is set")]
    OneOfTwo(&'static str),
    #[error(
        "{INDEX} is {index:?} and {COUNT} is {count:?}: write whole numbers, of N shares the first is 0 and the last N-1"
    )]
    NoShare { index: String, count: String },
    #[error(
        "{INDEX} and {COUNT} say share {counted}, --partition (or MONTHEND_PARTITION) says {given}; which is it?"
    )]
    Disagree { given: Partition, counted: Partition },
}

impl PartitionArgs {
    pub(crate) fn partition(&self) -> Result<Option<Partition>, PartitionArgsError> {
        let counted = counted(|name| env::var_os(name))?;
        match (self.partition, counted) {
            (Some(given), Some(counted)) if given != counted => {
                Err(PartitionArgsError::Disagree { given, counted })
            }
            (given, counted) => Ok(given.or(counted)),
        }
    }
}

/// Engines write an empty variable for what they do not know: it is not set.
fn counted(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Partition>, PartitionArgsError> {
    let named = |name| {
        let value = variable(name)?.to_string_lossy().trim().to_owned();
        Some(value).filter(|value| !value.is_empty())
    };
    let (index, count) = match (named(INDEX), named(COUNT)) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(PartitionArgsError::OneOfTwo(INDEX)),
        (None, Some(_)) => return Err(PartitionArgsError::OneOfTwo(COUNT)),
        (Some(index), Some(count)) => (index, count),
    };
    match Partition::of_index(&index, &count) {
        Some(share) => Ok(Some(share)),
        None => Err(PartitionArgsError::NoShare { index, count }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        index: Option<&str>,
        count: Option<&str>,
    ) -> Result<Option<String>, PartitionArgsError> {
        let share = counted(|name| match name {
            INDEX => index.map(OsString::from),
            COUNT => count.map(OsString::from),
            _ => None,
        });
        share.map(|share| share.map(|share| share.to_string()))
    }

    #[test]
    fn engines_count_from_nought() {
        assert_eq!(read(None, None).unwrap(), None);
        assert_eq!(read(Some(""), Some(" ")).unwrap(), None);
        assert_eq!(read(Some("0"), Some("3")).unwrap().unwrap(), "1/3");
        assert_eq!(read(Some("2"), Some("3")).unwrap().unwrap(), "3/3");
        for (index, count) in [("3", "3"), ("-1", "3"), ("0", "0"), ("a", "3"), ("4294967295", "3")]
        {
            let refused = read(Some(index), Some(count)).unwrap_err();
            assert!(matches!(refused, PartitionArgsError::NoShare { .. }), "{index} {count}");
        }
        for (index, count) in [(Some("0"), None), (None, Some("3")), (Some("0"), Some(""))] {
            let refused = read(index, count).unwrap_err();
            assert!(matches!(refused, PartitionArgsError::OneOfTwo(_)));
        }
    }
}
