//! What the cells of a row make together, checked.

use std::sync::Arc;

use super::{
    BadCell, Column, LastAnswer, Rare, Reason, Row, State,
    draft::Draft,
    state::{IN_DOUBT, read_candidates, read_error},
};
use crate::{
    api::Doubt,
    request::{Period, Request, RequestId},
};

impl Draft {
    /// What the row asks for, checked against its `request_id`.
    ///
    /// # Errors
    /// A part that is missing or wrong, or an id that does not fit the others.
    pub(super) fn request(&self) -> Result<(RequestId, Request), BadCell> {
        fn need<T: Copy>(part: Option<T>, column: Column, why: &str) -> Result<T, BadCell> {
            part.ok_or_else(|| BadCell::new(column.name(), "", why))
        }
        const DAY: &str = "write a day as YYYY-MM-DD";
        let id = need(
            self.id,
            Column::RequestId,
            "a row needs its request_id: `r` and 16 hexadecimal digits",
        )?;
        let (start, end) = (
            need(self.start, Column::BillingStartDate, DAY)?,
            need(self.end, Column::BillingEndDate, DAY)?,
        );
        let request = Request {
            sub_partner: self.org.clone(),
            report_type: need(
                self.report_type,
                Column::Type,
                "write PARTNER, CUSTOMER or USER",
            )?,
            period: Period::new(start, end)
                .map_err(|e| BadCell::new(Column::BillingEndDate.name(), &end.to_string(), e))?,
            internal: need(self.internal, Column::Internal, "write true or false")?,
        };
        let right = request.id();
        if id != right && id != request.id_as_spelled() {
            return Err(BadCell::new(
                Column::RequestId.name(),
                &id.to_string(),
                format_args!(
                    "it does not fit its row, whose org id, type, dates and internal make {right}; \
                     undo the change to this row"
                ),
            ));
        }
        Ok((id, request))
    }

    /// The row that the parts make.
    ///
    /// # Errors
    /// Parts that do not fit each other.
    pub(super) fn into_row(self, extra: Vec<String>) -> Result<Row, BadCell> {
        let (id, request) = self.request()?;
        let (replaces, text) = read_error(&self.error);
        let reason = Rare::from(Reason {
            code: self.code,
            text: text.to_owned(),
        });
        let intent = self.intent_at;
        let state = match (&*self.status, self.report_id) {
            ("created", Some(id)) => State::Created(id),
            ("created", None) => {
                let why = "a created row needs the report's id";
                return Err(BadCell::new(Column::ReportId.name(), "", why));
            }
            ("pending", None) => State::Pending { reason, intent },
            ("sending", None) => State::Sending {
                // Only an answer that said yes leaves its status on a row in doubt that may not be sent again.
                doubt: match self.http_status {
                    Some(200..=299) => Doubt::SaidYes,
                    _ => Doubt::Open,
                },
                reason,
                intent,
            },
            ("failed", None) if reason.code == IN_DOUBT => {
                let (text, candidates) = read_candidates(&reason.text);
                State::InDoubt {
                    text: text.into(),
                    candidates: candidates.into(),
                    intent,
                }
            }
            ("failed", None) => State::Failed { reason, intent },
            (word @ ("failed" | "pending" | "sending"), Some(id)) => {
                return Err(BadCell::new(
                    Column::Status.name(),
                    word,
                    format_args!("the row has the report id {id}: its status can only be created"),
                ));
            }
            (word, _) => {
                let why = "the words are created, failed, pending and sending";
                return Err(BadCell::new(Column::Status.name(), word, why));
            }
        };
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Row {
            job: self.job.into(),
            label: filled(self.label).map(Arc::from),
            state,
            replaces: replaces.into(),
            last_answer: LastAnswer {
                http_status: self.http_status,
                tracking_id: filled(self.tracking_id).map(Into::into),
            },
            attempts: self.attempts.unwrap_or(0),
            updated_at: self.updated_at,
            collected: self.collected.into(),
            extra: extra.into(),
            ..Row::read_as(id, request)
        })
    }
}
