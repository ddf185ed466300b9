//! `monthend schema`

use super::{
    args::{SchemaArgs, SchemaKind},
    error::CliError,
    exit::Exit,
};
use crate::{ledger, manifest, output::console};

/// Prints a schema.
pub(super) fn schema(args: &SchemaArgs) -> Result<Exit, CliError> {
    let value = match args.which {
        SchemaKind::Manifest => manifest::schema().to_value(),
        SchemaKind::Ledger => ledger::table_schema(),
    };
    console::print(&format!("{value:#}\n")).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}
