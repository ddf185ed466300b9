//! What describes monthend itself: schemas, shell completions, manual pages.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::Value;

use super::{Cli, CliError, CliResult, Exit, SchemaKind, print_json};
use crate::{
    audit::CloseFile,
    ledger, manifest,
    output::{
        AuditJson, CheckJson, ColumnsJson, PlanJson, ReconcileJson, StatusView, SummaryJson,
        UnitsJson, console, history::HistoryLine, schema_of,
    },
};

pub(super) fn completions(shell: Shell) -> CliResult {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "monthend", &mut text);
    console::print_whole(&*String::from_utf8_lossy(&text)).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}

pub(super) fn man(folder: &Path) -> CliResult {
    let failed = |why| CliError::unwritable(folder, &why);
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    Ok(Exit::Success)
}

pub(super) fn schema(which: SchemaKind) -> CliResult {
    let text = serde_json::to_string_pretty(&schema_named(which));
    print_json(text.map(|text| text + "\n"))?;
    Ok(Exit::Success)
}

fn schema_named(kind: SchemaKind) -> Value {
    match kind {
        SchemaKind::Manifest => manifest::schema(),
        SchemaKind::Ledger => ledger::table_schema(),
        SchemaKind::Plan => schema_of::<PlanJson<'_>>("monthend plan"),
        SchemaKind::Status => schema_of::<StatusView<'_>>("monthend status"),
        SchemaKind::Audit => schema_of::<AuditJson<'_>>("monthend audit"),
        SchemaKind::History => schema_of::<HistoryLine>("monthend history, one line"),
        SchemaKind::Summary => schema_of::<SummaryJson<'_>>("monthend summary"),
        SchemaKind::Check => schema_of::<CheckJson<'_>>("monthend check"),
        SchemaKind::Columns => schema_of::<ColumnsJson<'_>>("monthend columns"),
        SchemaKind::Reconcile => schema_of::<ReconcileJson<'_>>("monthend reconcile"),
        SchemaKind::Units => schema_of::<UnitsJson<'_>>("monthend units"),
        SchemaKind::Close => schema_of::<CloseFile>("monthend close"),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn each_checked_in_schema_is_up_to_date() {
        for kind in SchemaKind::value_variants() {
            let value = kind.to_possible_value().unwrap();
            let file = format!("schemas/{}.schema.json", value.get_name());
            let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = serde_json::to_string_pretty(&schema_named(*kind)).unwrap() + "\n";
            if env::var_os("MONTHEND_BLESS").is_some() {
                fs::write(&path, &text).unwrap();
            }
            let checked_in = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                checked_in.replace('\r', "") == text,
                "{file} is out of date; refresh it with `MONTHEND_BLESS=1 cargo test --lib schema`"
            );
        }
    }
}
