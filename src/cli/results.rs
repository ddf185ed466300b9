use std::io;

use super::{args::PlanFormat, error::CliError};
use crate::output::{View, console};

pub(super) fn show(view: &impl View, format: PlanFormat) -> Result<(), CliError> {
    match format {
        PlanFormat::Table => table(&view.table()),
        PlanFormat::Csv => Ok(console::print_csv(|out| view.csv(out))?),
        PlanFormat::Json => json(view.json()),
    }
}

pub(super) fn table(text: &str) -> Result<(), CliError> {
    console::print(text).map_err(CliError::Stdout)
}

pub(super) fn json(json: serde_json::Result<String>) -> Result<(), CliError> {
    let json = json.map_err(|e| CliError::Stdout(io::Error::from(e)))?;
    console::print_json(&json).map_err(CliError::Stdout)
}
