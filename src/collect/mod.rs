//! Collecting: from created reports to checked files on disk. The order of effects is the promise:
//!
//! 1. the bytes are in `.<request_id>.part`, hashed and counted as they came;
//! 2. they are on the disk (fsync), and the file gets its final name;
//! 3. the row's line says so.
//!
//! So a file under a final name is whole. A crash between 2 and 3 leaves a file that no row owns: the next run finds
//! that its bytes are the report's, and keeps it.

mod address_policy;
mod collector;
mod columns;
mod combine;
mod content;
mod disk;
mod download;
mod fetch;
mod host;
mod idle_guard;
mod names;
mod part_file;
mod place;
mod rounds;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;

pub use collector::{CollectInput, collect};
pub use combine::{CollectedFile, CombineError, combine, combined_files, set_aside};
pub use content::TableShape;
pub use host::{DownloadError, Head, Host, HttpHost, Resume};
pub use names::{Names, is_collected_place, located, spelled};
pub use place::{Overwrite, hash_of};
