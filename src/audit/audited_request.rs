use super::{
    difference::{Difference, DifferenceKind},
    remedy::Remedy,
};
use crate::{ledger::Row, plan::Planned};
use reconcile::IdParts;
use request::{ReportId, RequestId};

#[derive(Debug, Clone, Copy)]
pub(super) struct AuditedRequest<'a> {
    pub(super) planned: &'a Planned,
    pub(super) row: Option<&'a Row>,
}

impl<'a> AuditedRequest<'a> {
    pub(super) fn report(&self) -> Option<&'a ReportId> {
        self.row.and_then(|row| row.state.report_id())
    }

    pub(super) fn has_report_without_file(&self) -> bool {
        let row = self.row.filter(|_| self.report().is_some());
        row.is_some_and(|row| row.collected.file.is_empty())
    }

    pub(super) fn who(&self) -> &'a str {
        self.planned.request.who(self.planned.label.as_deref())
    }

    /// The id in the ledger.
    pub(super) fn id(&self) -> RequestId {
        self.row.map_or(self.planned.id, Row::id)
    }

    /// `about`: what the id hashes besides the kind and the request.
    pub(super) fn differs(
        &self,
        kind: DifferenceKind,
        about: &[&str],
        (what, remedy): (String, Remedy),
    ) -> Difference {
        let parts = IdParts::new(kind.word()).text(&self.planned.request.id().to_string());
        Difference {
            id: parts.texts(about.iter().copied()).finish(),
            kind,
            request_id: Some(self.id()),
            report_id: self.report().cloned(),
            file: None,
            subject: self.planned.request.named(self.who()),
            what,
            remedy,
            acceptance: None,
        }
    }

    /// As [`AuditedRequest::differs`], about its file.
    pub(super) fn file_differs(
        &self,
        kind: DifferenceKind,
        about: &[&str],
        why: (String, Remedy),
    ) -> Difference {
        let file = self.row.map(|row| row.collected.file.clone());
        Difference { file: file.filter(|file| !file.is_empty()), ..self.differs(kind, about, why) }
    }

    /// The hash of the collected file; empty where there is none.
    pub(super) fn sha256(&self) -> &'a str {
        self.row.map_or("", |row| &row.collected.sha256)
    }
}
