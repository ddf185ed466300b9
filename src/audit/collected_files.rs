//! The collected files that `columns` and `reconcile` read: those whose bytes are the ones that were collected.

use std::io::{self, Read};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    audited_request::AuditedRequest,
    files::{FileState, Files},
    remedy::Remedy,
};
use crate::{ledger::Ledger, plan::Planned};
use request::{Period, ReportType};

/// Requests, and the files of their reports.
#[derive(Debug)]
pub struct CollectedFiles<'a> {
    pub(super) requests: Vec<AuditedRequest<'a>>,
    files: Files<'a>,
    /// What messages call its ledger, if that is an earlier one.
    pub(super) earlier: Option<String>,
}

/// A collected file that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingFile {
    /// Of which request: `Acme USER 2026-10`.
    #[serde(rename = "request")]
    pub subject: String,
    /// PARTNER, CUSTOMER or USER.
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    pub report_type: ReportType,
    /// Relative to the ledger's folder; null where the ledger names none.
    pub file: Option<String>,
    /// Why.
    #[serde(rename = "reason")]
    pub why: String,
    /// Whether it is a difference of its own in an audit: missing, changed or not collected.
    #[serde(skip)]
    pub is_known_to_audit: bool,
}

impl<'a> CollectedFiles<'a> {
    /// `requests`: in plan order.
    pub fn new(
        requests: impl IntoIterator<Item = &'a Planned>,
        ledger: &'a Ledger,
        files: Files<'a>,
    ) -> Self {
        let with_row =
            |planned: &'a Planned| AuditedRequest { planned, row: ledger.get(planned.id) };
        CollectedFiles {
            requests: requests.into_iter().map(with_row).collect(),
            files,
            earlier: None,
        }
    }

    /// The same, from an earlier ledger that messages call `name`.
    #[must_use]
    pub fn of_earlier_ledger(self, name: String) -> Self {
        CollectedFiles { earlier: Some(name), ..self }
    }

    /// Reads the file of a request with `read`, whose inner error says why a file is unfit. That a file was changed shows
    /// only at its end, so on an error the caller has to undo what `read` did.
    pub(super) fn read<T>(
        &self,
        request: &AuditedRequest<'_>,
        read: impl FnOnce(&mut dyn Read) -> io::Result<Result<T, String>>,
    ) -> Result<T, MissingFile> {
        let missing = |why: String| MissingFile {
            subject: request.planned.request.named(request.who()),
            file: request.row.map(|row| row.collected.file.clone()).filter(|file| !file.is_empty()),
            report_type: request.planned.request.report_type,
            why: match &self.earlier {
                Some(name) => format!("in {name}: {why}"),
                None => why,
            },
            is_known_to_audit: self.earlier.is_none(),
        };
        let Some(row) = request.row.filter(|_| request.report().is_some()) else {
            let advice = Remedy::of_missing(request.row).advice();
            return Err(missing(format!("its report is not created{}", self.advice(advice))));
        };
        match self.files.read(row, read) {
            FileState::None => {
                let advice = self.advice(Remedy::Collect.advice());
                Err(missing(format!("its report is not collected{advice}")))
            }
            FileState::Missing(what, remedy) | FileState::Changed { what, remedy, .. } => {
                Err(missing(format!("{what}{}", self.advice(remedy.advice()))))
            }
            FileState::Unchanged(contents) => {
                contents.map_err(|why| MissingFile { is_known_to_audit: false, ..missing(why) })
            }
        }
    }

    /// Of an earlier ledger there is none: commands work on today's.
    fn advice(&self, advice: &str) -> String {
        if self.earlier.is_some() { String::new() } else { format!("; {advice}") }
    }

    /// The requests of one type and period.
    pub(super) fn of(
        &self,
        report_type: ReportType,
        period: Period,
    ) -> impl Iterator<Item = &AuditedRequest<'a>> {
        self.requests.iter().filter(move |it| {
            let request = &it.planned.request;
            request.report_type == report_type && request.period == period
        })
    }
}
