//! What to do about a difference.

use crate::ledger::{Row, State};

/// What to do about a difference. In the order of the work: reports are created before files are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remedy {
    /// `merge`: another ledger has its row.
    Merge,
    /// `run --existing adopt`: the server has a report that the ledger lacks.
    Adopt,
    /// `run`: nothing was created yet.
    Run,
    /// `run`, which looks up a create that was sent.
    LookUp,
    /// `retry`: it failed.
    Retry,
    /// `retry --recreate-failed`: the ledger knows that the report has FAILED.
    Recreate,
    /// `collect`, which records that the report has FAILED, and then [`Remedy::Recreate`].
    CollectThenRecreate,
    /// `collect`.
    Collect,
    /// `collect --force`: another file lies in its place.
    Overwrite,
    /// `collect`, once the file is out of the way: ledger and history disagree, so neither proves it.
    MoveAndCollect,
    /// `resolve`: the row is in doubt.
    Decide,
    /// `resolve --resend --replace`: the report is gone.
    Replace,
    /// Nothing that a command could do.
    Look(&'static str),
}

impl Remedy {
    /// How a request without a report comes by one.
    pub(super) fn of_missing(row: Option<&Row>) -> Self {
        match row.map(|row| &row.state) {
            Some(State::InDoubt { .. }) => Remedy::Decide,
            Some(State::Failed { .. }) => Remedy::Retry,
            Some(State::Sending { .. }) => Remedy::LookUp,
            Some(State::Pending { .. } | State::Created(_)) | None => Remedy::Run,
        }
    }

    /// A clause that says what to do.
    pub fn advice(self) -> &'static str {
        match self {
            Remedy::Merge => "`monthend merge` takes over its row from another ledger",
            Remedy::Adopt => "`monthend run --existing adopt` records it",
            Remedy::Run => "`monthend run` creates it",
            Remedy::LookUp => "`monthend run` looks it up",
            Remedy::Retry => "once the cause is fixed, `monthend retry` sends it again",
            Remedy::Recreate => "`monthend retry --recreate-failed` recreates it",
            Remedy::CollectThenRecreate => {
                "`monthend collect` records that, then `monthend retry --recreate-failed` recreates it"
            }
            Remedy::Collect => "`monthend collect` downloads it",
            Remedy::Overwrite => "`monthend collect --force` downloads it again",
            Remedy::MoveAndCollect => {
                "move the file away, then `monthend collect` downloads it again"
            }
            Remedy::Decide => "a person decides, with `monthend resolve`",
            Remedy::Replace => {
                "if it is lost, `monthend resolve --resend --replace` has it created again"
            }
            Remedy::Look(advice) => advice,
        }
    }
}
