//! Servers, clocks, people and crashes that are not as documented: a report is made once all the same, no row takes
//! another's, and what cannot be known is left to a person.
//!
//! Each world is small, and judged by the sandbox's own record.

mod answers;
mod clocks;
mod crashes;
mod lists;
mod people;

use crate::support::many;

/// A third of the answers to creates is lost, processed or not.
const LOSSY: &str = "{ when: { endpoint: create, tries: 1, probability: 0.34 }, then: [{ kind: reset, processed: true }, { kind: reset }, { kind: status, status: 504, processed: true }, { kind: status, status: 504 }] }";
