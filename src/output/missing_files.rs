//! Collected files that were left out.

use std::io;

use indexmap::IndexMap;

use super::words;
use crate::{
    audit::MissingFile,
    tables::{TableColumn, TableWriter},
    text::one_line,
};
use request::ReportType;

/// Lines in a table; csv and json have all.
const SHOWN: usize = 10;
/// Columns for the names of the files on one line.
const NAMES: usize = 60;

/// In a workbook a sheet of its own: whoever opens it has not seen the terminal.
pub fn write_missing<'m>(
    missing: impl IntoIterator<Item = &'m MissingFile>,
    out: &mut TableWriter<'_>,
) -> io::Result<()> {
    let mut missing = missing.into_iter().peekable();
    if !out.has_sheets() || missing.peek().is_none() {
        return Ok(());
    }
    out.begin("left out", ["request", "type", "file", "reason"].map(TableColumn::text).to_vec())?;
    for it in missing {
        let file = it.file.as_deref().unwrap_or_default();
        out.row([&it.subject, it.report_type.as_str(), file, &it.why])?;
    }
    Ok(())
}

/// A line for those that are left out for the same reason, and one for those that are too many.
pub(super) fn missing_lines(missing: &[MissingFile]) -> String {
    let mut of_reason: IndexMap<(ReportType, &str), Vec<String>> = IndexMap::new();
    for it in missing {
        let unsaid = it.file.as_ref().filter(|path| !it.why.contains(path.as_str()));
        let path = unsaid.map_or(String::new(), |path| format!(" ({path})"));
        let names = of_reason.entry((it.report_type, &it.why)).or_default();
        names.push(one_line(&format!("{}{path}", words::shortened_words(&it.subject))));
    }
    let shown = of_reason.iter().take(SHOWN).map(|((report_type, why), names)| {
        let count = match names.len() {
            1 => String::new(),
            n => format!("{} {report_type} files, ", words::grouped(n)),
        };
        format!("left out: {count}{}: {}\n", words::listed(names, NAMES), one_line(why))
    });
    let rest: usize = of_reason.values().skip(SHOWN).map(Vec::len).sum();
    let mut out: String = shown.collect();
    if rest > 0 {
        let more = words::grouped(rest);
        out.push_str(&format!("… and {more} more (--format json shows all)\n"));
    }
    out
}
