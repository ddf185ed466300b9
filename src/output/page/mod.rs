//! What a ledger holds, as one page of HTML that needs no network. Text from outside (labels, errors, the server's
//! words) stays text: the template escapes it, and the page's Content-Security-Policy allows our style and script by
//! their hashes, and nothing else.

mod causes;
mod comparison;
mod headline;
mod link;
mod matrix;
mod render;
mod sources;
mod sums;
mod words;

#[cfg(test)]
mod tests;

pub use render::{page, put};
pub use sources::{Earlier, Sources};
