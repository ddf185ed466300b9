//! Collecting: from created reports to checked files on disk.
//!
//! For every row the server is asked until its report is complete or has failed (`waiting`: as few requests as the
//! API's filters allow), then its file is fetched from the address that the server gives (`download`: another host,
//! no credentials, taken up where it broke), looked at while it streams by (`content`), and put in its place
//! (`files`, `names`). The order of effects is the promise:
//!
//! 1. the bytes are in `.<request_id>.part`, hashed and counted as they came;
//! 2. they are on the disk (fsync), and the file gets its final name;
//! 3. the row's line says so.
//!
//! `combine` makes one table of all files of a type afterwards.
//!
//! So what lies under a final name is whole. A crash between the second and the third step leaves a file that no row
//! owns: the next run finds that its bytes are the report's, and takes it.

mod address;
mod collector;
mod columns;
mod combine;
mod content;
mod disk;
mod download;
mod fetch;
mod files;
mod host;
mod idle_guard;
mod names;
mod part_file;
mod rounds;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;

pub use collector::{CollectInput, collect};
pub use combine::{
    CollectedFile, CombineError, combine, combined_files, set_aside, set_aside_name,
};
pub use content::TableShape;
pub use files::{Overwrite, hash_of};
pub use host::{DownloadError, Head, Host, HttpHost, Resume};
pub use names::{Names, is_collected_place, located, spelled};
