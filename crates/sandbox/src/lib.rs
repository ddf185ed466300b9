//! The sandbox: the [model of the server](crate::model) on loopback, and downloads from a second port. A sub-partner
//! whose organisation id, decoded or not, contains `refused-400`, `refused-401`, `refused-403` or `refused-404` is
//! refused with that status, unless `fixed` is set. Everything else is in [`SandboxConfig`].
#![cfg_attr(
    test,
    allow(clippy::shadow_unrelated, reason = "a test tells one step after the other")
)]

mod connection;
mod error;
mod exchange;
mod files;
mod journal;
mod merge;
pub mod model;
mod reading;
mod server;
mod world;

#[cfg(test)]
mod tests;

pub use error::SandboxError;
pub use exchange::Exchange;
pub use files::Download;
pub use journal::StateError;
pub use merge::merge_states;
pub use model::*;
pub use server::{RunningSandbox, Sandbox};
