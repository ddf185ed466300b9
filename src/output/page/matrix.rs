//! The reports: a line for each sub-partner, a column for each period and type.

use std::collections::{BTreeSet, HashMap};

use super::{
    comparison::Comparison,
    link::link,
    sources::Sources,
    words::{count, who},
};
use crate::{
    ledger::{Row, State},
    text::one_line,
};
use request::{OrgId, Period, ReportType};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CellStatus {
    Collected,
    /// Collected, without rows.
    Empty,
    /// Collected, but the file is missing by now, or was changed.
    Spoiled,
    Created,
    Failed,
    /// In doubt.
    Sending,
    Pending,
}

impl CellStatus {
    pub(super) const ALL: [CellStatus; 7] = [
        CellStatus::Collected,
        CellStatus::Empty,
        CellStatus::Spoiled,
        CellStatus::Created,
        CellStatus::Failed,
        CellStatus::Sending,
        CellStatus::Pending,
    ];

    pub(super) fn of(row: &Row, file_trouble: Option<&str>) -> Self {
        match &row.state {
            State::Created(_) if file_trouble.is_some() => CellStatus::Spoiled,
            State::Created(_) if !row.is_collected() => CellStatus::Created,
            State::Created(_) if row.collected.rows == Some(0) => CellStatus::Empty,
            State::Created(_) => CellStatus::Collected,
            State::Failed { .. } | State::InDoubt { .. } => CellStatus::Failed,
            State::Sending { .. } => CellStatus::Sending,
            State::Pending { .. } => CellStatus::Pending,
        }
    }

    /// The class of its cells, and its name for people.
    fn shown(self) -> (&'static str, &'static str) {
        match self {
            CellStatus::Collected => ("ok", "collected"),
            CellStatus::Empty => ("empty", "empty"),
            CellStatus::Spoiled => ("failed", "file changed or missing"),
            CellStatus::Created => ("made", "created, not collected"),
            CellStatus::Failed => ("failed", "failed"),
            CellStatus::Sending => ("sending", "in doubt"),
            CellStatus::Pending => ("pending", "pending"),
        }
    }

    pub(super) fn class(self) -> &'static str {
        self.shown().0
    }

    pub(super) fn name(self) -> &'static str {
        self.shown().1
    }
}

pub(super) struct Matrix {
    pub(super) columns: Vec<MatrixColumn>,
    pub(super) lines: Vec<PartnerRow>,
}

pub(super) struct MatrixColumn {
    pub(super) period: String,
    pub(super) kind: &'static str,
}

pub(super) struct PartnerRow {
    pub(super) name: String,
    pub(super) more: String,
    pub(super) cells: Vec<Option<Cell>>,
}

pub(super) struct Cell {
    pub(super) status: CellStatus,
    pub(super) text: String,
    pub(super) link: Option<String>,
    pub(super) then: String,
    pub(super) fell: bool,
}

impl Matrix {
    pub(super) fn of(sources: &Sources<'_>) -> Self {
        let earlier = Comparison::of(sources);
        let rows = || sources.ledger.rows();
        let column = |row: &Row| (row.request().period, row.request().report_type);
        let columns: BTreeSet<(Period, ReportType)> = rows().map(column).collect();
        let places: HashMap<_, usize> = columns.iter().enumerate().map(|(n, c)| (*c, n)).collect();
        let mut of: HashMap<(Option<&OrgId>, bool), usize> = HashMap::new();
        let mut lines: Vec<PartnerRow> = Vec::new();
        for (place, row) in rows().enumerate() {
            let request = row.request();
            let key = (request.sub_partner.as_ref(), request.internal);
            let line = *of.entry(key).or_insert_with(|| {
                lines.push(PartnerRow {
                    name: who(row),
                    more: more(row),
                    cells: columns.iter().map(|_| None).collect(),
                });
                lines.len() - 1
            });
            lines[line].cells[places[&column(row)]] = Some(cell(sources, &earlier, place, row));
        }
        let columns = columns
            .iter()
            .map(|(period, kind)| MatrixColumn { period: period.to_string(), kind: kind.as_str() });
        Matrix { columns: columns.collect(), lines }
    }
}

fn more(row: &Row) -> String {
    let org = row.request().sub_partner.as_ref();
    let org = org.filter(|_| row.label.is_some()).map(OrgId::to_string);
    org.unwrap_or_default()
}

fn cell(sources: &Sources<'_>, comparison: &Comparison, place: usize, row: &Row) -> Cell {
    let trouble = comparison.file_trouble(place);
    let status = CellStatus::of(row, trouble);
    let text = match status {
        CellStatus::Collected => match row.collected.rows.map(usize::try_from) {
            Some(Ok(rows)) => count(rows, "row"),
            _ => "collected".to_owned(),
        },
        CellStatus::Empty => "empty".to_owned(),
        CellStatus::Spoiled => trouble.unwrap_or_default().to_owned(),
        CellStatus::Created => match row.collected.status.as_str() {
            "" => "created".to_owned(),
            word => one_line(word),
        },
        CellStatus::Failed => match row.state.error_code() {
            "" => "failed".to_owned(),
            code => one_line(code),
        },
        CellStatus::Sending => "in doubt".to_owned(),
        CellStatus::Pending => "pending".to_owned(),
    };
    let file = &row.collected.file;
    let is_collected = matches!(status, CellStatus::Collected | CellStatus::Empty);
    let then = comparison.then(place);
    Cell {
        status,
        text,
        link: is_collected.then(|| link(sources.page_folder, sources.folder, file)).flatten(),
        then: then.map_or_else(String::new, |then| then.text.clone()),
        fell: then.is_some_and(|then| then.fell),
    }
}
