//! The ledger: a CSV file with one row per request, and the record of everything that was sent. During a run lines are
//! appended, the last one for a request wins, and each is durable before the effect that it announces. The damage that
//! a crash can leave at the end is repaired (see [`read()`]); any other is refused with its line.

mod column;
mod counts;
mod csv;
mod disk;
mod error;
mod file;
mod header;
mod lock;
mod merge;
mod parse;
mod read;
mod record;
mod repair;
mod rescued;
mod row;
mod spreadsheet;
mod state;
mod table;

#[cfg(test)]
mod tests;

pub use column::{Column, table_schema};
pub use counts::{Counts, StatusCounts};
pub use csv::{neutralise, restore};
pub(crate) use disk::Tampered;
pub use disk::{Disk, FileDisk};
pub use error::{BadCell, LedgerError};
pub use file::{
    LedgerFile, read_file, read_file_with_hash, real_ledger, real_path, refuse_mixing,
    refuse_second_name,
};
pub use header::is_header;
pub use lock::{Holder, Lock, Pause};
pub use merge::{MergeError, MergeInput, merge};
pub use read::{LedgerRead, read};
pub use record::{JournalError, Record, journal};
pub use repair::RepairKind;
pub use rescued::{
    RescueResult, is_place_of_rescued, merge_command, merged_name, refuse_unmerged, save,
};
pub use row::{Collected, Obstacle, RecordedHashes, Row};
pub use spreadsheet::SpreadsheetFormat;
pub use state::{LastAnswer, Reason, State};
pub use table::{Ledger, RowIndex};
