//! What `run`, `retry` and `collect` do once their work is done.

use super::{collection::Collection, drive::tell_end, error::CliError, exit::Exit, work::Means};
use crate::{ledger::Row, request::RequestIds, runner::Finished};

/// The end of the work: the words, the files that are made of all files, and what the outputs are told.
///
/// # Errors
/// Files cannot be combined.
pub(super) fn finish(
    finished: Finished,
    exit: Exit,
    means: &Means<'_>,
    selected: RequestIds,
    is_outside: impl Fn(&Row) -> bool,
    collection: Option<&Collection>,
) -> Result<Exit, CliError> {
    tell_end(&finished, means, &selected, is_outside);
    let combined = collection.map_or(Ok(()), |it| it.combine(&finished, &selected));
    means.outputs.worked(finished, selected);
    combined.map(|()| exit)
}
