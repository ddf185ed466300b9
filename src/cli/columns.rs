use tracing::warn;

use super::{
    CliError, CliResult, ColumnsArgs, ColumnsFormat, Exit, Format, OfflineInput, format_or,
    print_view,
};
use crate::{
    audit,
    output::{ColumnsView, console},
};

pub(super) fn columns(args: &ColumnsArgs) -> CliResult {
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
    let format = format_or(args.format, ColumnsFormat::Table);
    if matches!(format, ColumnsFormat::Csv | ColumnsFormat::Yaml) {
        // The table and the JSON tell it themselves.
        for file in &missing {
            warn!("{} was left out: {}", file.subject, file.why);
        }
    }
    match format {
        ColumnsFormat::Table => print_view(&view, Format::Table)?,
        ColumnsFormat::Csv => print_view(&view, Format::Csv)?,
        ColumnsFormat::Json => print_view(&view, Format::Json)?,
        ColumnsFormat::Yaml => console::print_whole(view.yaml()).map_err(CliError::Stdout)?,
    }
    Ok(exit)
}
