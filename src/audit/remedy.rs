use crate::ledger::{Obstacle, Row, State};

/// How to resolve a difference, in the order of the work: reports are created before files are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remedy {
    Merge,
    Adopt,
    Run,
    LookUp,
    Retry,
    /// `retry --recreate-failed`: the ledger knows that the report has FAILED.
    Recreate,
    /// `collect`, which records that the report has FAILED, and then [`Remedy::Recreate`].
    CollectThenRecreate,
    Collect,
    Overwrite,
    /// `collect`, after moving the file: ledger and history record different hashes, so it is unclear which file is right.
    MoveAndCollect,
    Decide,
    /// `resolve --resend --replace`: the report is gone.
    Replace,
    /// Of a closed month. What lies there is evidence, and no command may displace it.
    PutBack,
    /// `monthend reconcile` shows what does not match.
    Reconcile,
    Look(&'static str),
}

impl Remedy {
    pub(super) const LET_IT_BE_READ: Self =
        Remedy::Look("let it be read, or move it away and collect it again");

    pub(super) fn of_missing(row: Option<&Row>) -> Self {
        match row.map(|row| &row.state) {
            Some(State::InDoubt { .. }) => Remedy::Decide,
            Some(State::Failed { .. }) => Remedy::Retry,
            Some(State::Sending { .. }) => Remedy::LookUp,
            Some(State::Pending { .. } | State::Created(_)) | None => Remedy::Run,
        }
    }

    /// What helps where the server cannot give a report's file any more.
    pub(super) fn of_lost(row: &Row) -> Option<Self> {
        match Obstacle::of(row)? {
            Obstacle::Gone => Some(Remedy::Replace),
            Obstacle::ServerFailed => Some(Remedy::Recreate),
            Obstacle::UnknownStatus | Obstacle::OtherFile | Obstacle::Other => None,
        }
    }

    /// What is left of it in a closed month, where every command that changes something is refused.
    pub fn once_closed(self) -> Self {
        match self {
            Remedy::LET_IT_BE_READ => Remedy::Look("let it be read"),
            Remedy::Reconcile | Remedy::Look(_) => self,
            _ => Remedy::PutBack,
        }
    }

    /// Whether it downloads, so that the server must still have the report.
    pub(super) fn is_download(self) -> bool {
        matches!(self, Remedy::Collect | Remedy::Overwrite | Remedy::MoveAndCollect)
    }

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
            Remedy::PutBack => {
                "the month is closed: put the file that was changed back from a copy; `monthend verify` names it"
            }
            Remedy::Reconcile => "`monthend reconcile` shows the keys",
            Remedy::Look(advice) => advice,
        }
    }
}
