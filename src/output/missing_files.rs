//! Collected files that were left out.

use schemars::JsonSchema;
use serde::Serialize;

use super::words;
use crate::{audit::MissingFile, text::one_line};

/// Lines in a table; csv and json have all.
const SHOWN: usize = 10;

/// A collected file that was left out.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename = "MissingFile", deny_unknown_fields)]
pub(super) struct MissingFileJson<'a> {
    /// Of which request: `Acme USER 2026-10`.
    request: &'a str,
    /// PARTNER, CUSTOMER or USER.
    r#type: &'static str,
    /// Relative to the ledger's folder; null where the ledger names none.
    file: Option<&'a str>,
    /// Why.
    reason: &'a str,
}

impl<'a> From<&'a MissingFile> for MissingFileJson<'a> {
    fn from(missing: &'a MissingFile) -> Self {
        MissingFileJson {
            request: &missing.subject,
            r#type: missing.report_type.as_str(),
            file: missing.file.as_deref(),
            reason: &missing.why,
        }
    }
}

/// A line for each, and one for those that are too many.
pub(super) fn missing_lines(missing: &[MissingFile]) -> String {
    let shown = missing.iter().take(SHOWN).map(|it| {
        let (subject, why) = (one_line(&it.subject), one_line(&it.why));
        let file = it.file.as_ref().filter(|file| !it.why.contains(file.as_str()));
        let file = file.map_or(String::new(), |file| format!(" ({})", one_line(file)));
        format!("left out: {subject}{file}: {why}\n")
    });
    let rest = missing.len().saturating_sub(SHOWN);
    shown.collect::<String>() + &words::more(rest, "file left out", "--format json shows all")
}
