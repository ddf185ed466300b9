//! Which columns the collected files of each type have.

use super::{
    collected_files::{CollectedFiles, MissingFile},
    contents::table_or_why,
};
use crate::manifest::FileRules;
use reconcile::{ColumnDifference, HeaderCounts, Table};
use request::ReportType;

/// The headers of all files of one type.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeColumns {
    pub report_type: ReportType,
    pub headers: HeaderCounts,
    /// What is not as `files:` says, and in how many files.
    pub differences: Vec<(ColumnDifference, u64)>,
}

/// Of each type that has requests, in the order of types; and the files that are left out.
pub fn columns(
    collection: &CollectedFiles<'_>,
    rules: &FileRules,
) -> (Vec<TypeColumns>, Vec<MissingFile>) {
    let mut missing = Vec::new();
    let mut types = Vec::new();
    for report_type in ReportType::ALL {
        let mut headers = HeaderCounts::default();
        let mut has_requests = false;
        let requests = collection.requests.iter();
        for request in requests.filter(|it| it.planned.request.report_type == report_type) {
            has_requests = true;
            let header = collection.read(request, |file| {
                table_or_why(Table::open(file).map(|table| table.columns().to_vec()))
            });
            match header {
                Ok(header) => headers.add(&header),
                Err(file) => missing.push(file),
            }
        }
        if has_requests {
            let rule = rules.get(&report_type);
            let differences = rule.map(|rule| headers.differences(&rule.expected));
            let differences = differences.unwrap_or_default();
            types.push(TypeColumns { report_type, headers, differences });
        }
    }
    (types, missing)
}
