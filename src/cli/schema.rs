use super::{
    args::{SchemaArgs, SchemaKind},
    error::CliError,
    exit::Exit,
};
use crate::{
    ledger, manifest,
    output::{
        audit_schema, check_schema, console, history, life_schema, plan_schema, status_schema,
        summary_schema,
    },
};

pub(super) fn schema(args: &SchemaArgs) -> Result<Exit, CliError> {
    let text = match args.which {
        SchemaKind::Manifest => serde_json::to_string_pretty(&manifest::schema()),
        SchemaKind::Summary => serde_json::to_string_pretty(&summary_schema()),
        SchemaKind::History => serde_json::to_string_pretty(&history::schema()),
        SchemaKind::Plan => serde_json::to_string_pretty(&plan_schema()),
        SchemaKind::Status => serde_json::to_string_pretty(&status_schema()),
        SchemaKind::Life => serde_json::to_string_pretty(&life_schema()),
        SchemaKind::Audit => serde_json::to_string_pretty(&audit_schema()),
        SchemaKind::Check => serde_json::to_string_pretty(&check_schema()),
        SchemaKind::Ledger => serde_json::to_string_pretty(&ledger::table_schema()),
    };
    let text = text.map_err(|e| CliError::Stdout(e.into()))?;
    console::print_json(&(text + "\n")).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}
