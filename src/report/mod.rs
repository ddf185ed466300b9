//! One page to look at: what a ledger holds, in a file that needs no network.
//!
//! - [`Sources`] is what it is made from, all of it read before; nothing is asked of a server;
//! - `matrix`, `causes`, `headline`, `timeline` and `beside` say what stands where, each for its part of the page;
//! - [`page`] puts the parts into `templates/report/page.html`. The template escapes whatever it is given; style and script
//!   are files beside it, and the page's Content-Security-Policy allows these two, by their hashes, and nothing else;
//! - [`put`] writes it, whole or not at all.
//!
//! Foreign text (labels, errors, the server's words) is text in it and nothing else.

mod causes;
mod comparison;
mod headline;
mod link;
mod matrix;
mod page;
mod sources;
mod sums;
mod timeline;
mod words;

#[cfg(test)]
mod tests;

pub use page::{page, put};
pub use sources::{Earlier, Sources};
