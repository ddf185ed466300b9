use std::io;

use super::error::CliError;
use crate::output::console;

pub(super) fn table(text: &str) -> Result<(), CliError> {
    console::print(text).map_err(CliError::Stdout)
}

pub(super) fn csv(table: csv::Result<String>) -> Result<(), CliError> {
    let table = table.map_err(|e| CliError::Stdout(io::Error::other(e)))?;
    Ok(console::print_csv(&table)?)
}

pub(super) fn json(json: serde_json::Result<String>) -> Result<(), CliError> {
    let json = json.map_err(|e| CliError::Stdout(e.into()))?;
    console::print_json(&json).map_err(CliError::Stdout)
}
