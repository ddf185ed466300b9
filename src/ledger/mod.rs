//! The ledger: a CSV file with one row per request, and the record of everything that was sent. During a run lines are
//! appended, the last one for a request wins, and each is durable before the effect that it announces. The damage that
//! a crash can leave at the end is repaired (see [`read()`]); any other is refused with its line.

mod ahead;
mod bad_cell;
mod blocks;
mod cell;
mod column;
mod conflict;
mod counts;
mod disk;
mod error;
mod file;
mod header;
mod holder;
mod index;
mod journal;
mod line;
mod line_reader;
mod lines;
mod lock;
mod merge;
mod obstacle;
mod parse;
mod peek;
mod rare;
mod read;
mod record;
mod rescue_result;
mod rescued;
mod row;
mod row_fields;
mod row_index;
mod schema;
mod spreadsheet_format;
mod state;
mod table;
mod texts;
mod written;

#[cfg(test)]
mod tests;

pub use bad_cell::BadCell;
pub use cell::{neutralise, restore};
pub use column::Column;
pub use conflict::{Conflict, MergeError};
pub use counts::{Counts, StatusCounts};
pub(crate) use disk::Tampered;
pub use disk::{Disk, FileDisk};
pub use error::LedgerError;
pub use file::{LedgerFile, refuse_mixing};
pub use header::is_header;
pub use holder::Holder;
pub use journal::{Journal, JournalError, journal};
pub use lock::{Lock, Pause};
pub use merge::{MergeInput, merge};
pub use obstacle::Obstacle;
pub use peek::{read_file, read_file_with_hash, real_ledger, real_path, refuse_second_name};
pub use rare::{Empty, Rare};
pub use read::{LedgerRead, RepairKind, read};
pub use record::Record;
pub use rescue_result::{RescueResult, merge_command};
pub use rescued::{is_place_of_rescued, merged_name, refuse_unmerged, save};
pub use row::{Collected, RecordedHashes, Row};
pub use row_index::RowIndex;
pub use schema::table_schema;
pub use spreadsheet_format::SpreadsheetFormat;
pub use state::{LastAnswer, Reason, State};
pub use table::Ledger;
