use super::{
    args::{ColumnsArgs, ColumnsFormat, PlanFormat},
    error::CliError,
    exit::Exit,
    offline::OfflineInput,
    results,
};
use crate::{audit, output::ColumnsView};

/// Reads only, without the lock; asks no server.
pub(super) fn columns(args: &ColumnsArgs) -> Result<Exit, CliError> {
    let input = OfflineInput::open(&args.offline)?;
    let collection = input.sources().collection(&input.selection);
    let (types, missing) = audit::columns(&collection, &input.context.settings.files);
    let is_expected = types.iter().all(|it| it.differences.is_empty());
    let exit = if is_expected && missing.is_empty() { Exit::Success } else { Exit::Failures };
    let view = ColumnsView {
        types: &types,
        missing: &missing,
        has_rules: !input.context.settings.files.is_empty(),
        notes: &input.notes,
        exit_code: exit.code(),
    };
    match args.format() {
        ColumnsFormat::Table => results::show(&view, PlanFormat::Table)?,
        ColumnsFormat::Csv => results::show(&view, PlanFormat::Csv)?,
        ColumnsFormat::Json => results::show(&view, PlanFormat::Json)?,
        ColumnsFormat::Yaml => results::table(&view.yaml())?,
    }
    Ok(exit)
}
