//! The ledger: a CSV file with one row per request, and the record of everything that was sent.
//!
//! At rest it has one line per request. While a run goes on, lines are appended and the last one for a
//! request wins; each is on the disk before the effect that it announces. Whatever a crash leaves of the
//! end of the file can be read back (see [`read`]); any other damage is refused with its line.
//!
//! - [`Row`] and [`Ledger`] are the contents, [`read`] takes them from bytes, [`Ledger::to_csv`] gives bytes;
//! - [`Disk`] is the file as the journal sees it, a seam at which a simulated disk can take its place;
//! - [`Journal`] appends lines in groups, so that durability does not cost one flush per row;
//! - [`LedgerFile`] is a ledger that this process holds, under the lock beside it.
//!
//! Why a row failed, and what happens to it next, is not known here.

mod cell;
mod disk;
mod error;
mod file;
mod journal;
mod lock;
mod read;
mod row;
mod schema;
mod table;

#[cfg(test)]
mod tests;

pub use cell::{neutralise, restore};
pub use disk::{Disk, FileDisk};
pub(crate) use disk::{Tampered, replace_file};
pub use error::{BadCell, LedgerError};
pub use file::{LedgerFile, read_file};
pub use journal::{Journal, JournalError, Writer, journal};
pub use lock::{Holder, Lock, Pause};
pub use read::{Reading, Repair, RepairKind, read};
pub use row::{Column, Row, Status};
pub use schema::table_schema;
pub use table::Ledger;
