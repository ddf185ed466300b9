//! What `run`, `retry` and `collect` do once their work is done.

use super::{
    collection::Collection, drive::tell_end, error::CliError, exit::Exit, run_context::RunContext,
};
use crate::{ledger::Row, run::Finished};
use request::RequestIds;

pub(super) struct Ended {
    pub(super) finished: Finished,
    pub(super) exit: Exit,
    pub(super) selected: RequestIds,
    /// None: the selected ones.
    pub(super) to_combine: Option<RequestIds>,
}

pub(super) fn finish(
    ended: Ended,
    means: &RunContext<'_>,
    is_outside: impl Fn(&Row) -> bool,
    collection: Option<&Collection>,
) -> Result<Exit, CliError> {
    let (finished, selected) = (ended.finished, ended.selected);
    if let Some(collection) = collection {
        collection.tell_elsewhere(&finished.ledger, &selected);
    }
    tell_end(&finished, means, &selected, is_outside);
    let to_combine = ended.to_combine.as_ref().unwrap_or(&selected);
    let combined = collection.map_or(Ok(()), |it| it.combine(&finished, to_combine));
    means.outputs.worked(finished, selected);
    combined.map(|()| ended.exit)
}
