//! The reports: a line for each sub-partner, a column for each period and type.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use super::{Sources, link::link};
use crate::{
    audit::{Before, DifferenceKind},
    ledger::{Row, State},
    manifest::Totals,
    text::{count, one_line},
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
    /// Each with the class of its cells and its name for people.
    pub(super) const ALL: [(CellStatus, &'static str, &'static str); 7] = [
        (CellStatus::Collected, "ok", "collected"),
        (CellStatus::Empty, "empty", "empty"),
        (CellStatus::Spoiled, "failed", "file changed or missing"),
        (CellStatus::Created, "made", "created, not collected"),
        (CellStatus::Failed, "failed", "failed"),
        (CellStatus::Sending, "sending", "in doubt"),
        (CellStatus::Pending, "pending", "pending"),
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

    pub(super) fn class(self) -> &'static str {
        CellStatus::ALL[self as usize].1
    }

    fn name(self) -> &'static str {
        CellStatus::ALL[self as usize].2
    }
}

pub(super) struct Matrix<'a> {
    pub(super) columns: BTreeSet<(Period, ReportType)>,
    pub(super) lines: Vec<PartnerRow<'a>>,
}

pub(super) struct PartnerRow<'a> {
    /// One of its rows.
    pub(super) row: &'a Row,
    pub(super) cells: Vec<Option<Cell>>,
}

pub(super) struct Cell {
    pub(super) status: CellStatus,
    pub(super) text: String,
    pub(super) link: Option<String>,
    /// The earlier figure; empty where nothing is compared.
    pub(super) then: String,
    pub(super) fell: bool,
}

impl<'a> Matrix<'a> {
    pub(super) fn of(sources: &Sources<'a>) -> Self {
        let reviewed = sources.reviewed;
        let found: HashSet<(usize, DifferenceKind)> =
            reviewed.differences.iter().map(|(place, found)| (*place, found.kind)).collect();
        let before: HashMap<usize, &Before> =
            reviewed.before.iter().map(|(place, before)| (*place, before)).collect();
        let column = |row: &Row| (row.request().period, row.request().report_type);
        let columns: BTreeSet<_> = sources.ledger.rows().map(column).collect();
        let places: HashMap<_, usize> = columns.iter().enumerate().map(|(n, c)| (*c, n)).collect();
        let mut lines: IndexMap<(Option<&OrgId>, bool), PartnerRow<'_>> = IndexMap::new();
        for (place, row) in sources.ledger.rows().enumerate() {
            let key = (row.request().sub_partner.as_ref(), row.request().internal);
            let cells = || columns.iter().map(|_| None).collect();
            let line = lines.entry(key).or_insert_with(|| PartnerRow { row, cells: cells() });
            let is_found = |kind| found.contains(&(place, kind));
            let mut cell = Cell::of(sources, row, is_found);
            if let Some(before) = before.get(&place) {
                cell.fell = is_found(DifferenceKind::Dropped);
                let mark = if cell.fell { "dropped, " } else { "" };
                cell.then = format!("{mark}{}", then(before, sources.totals));
            }
            line.cells[places[&column(row)]] = Some(cell);
        }
        Matrix { columns, lines: lines.into_values().collect() }
    }
}

fn then(before: &Before, totals: Option<&Totals>) -> String {
    match (before, totals) {
        (Before::Nothing, _) => "new".to_owned(),
        (Before::Figure(figure), Some(totals)) => format!("{} {figure}", totals.column),
        (Before::Figure(figure), None) => figure.clone(),
        (Before::NoFigure(why), _) => format!("was: {}", why.word()),
    }
}

impl Cell {
    fn of(sources: &Sources<'_>, row: &Row, is_found: impl Fn(DifferenceKind) -> bool) -> Self {
        let trouble = if is_found(DifferenceKind::FileMissing) {
            Some("file missing")
        } else {
            is_found(DifferenceKind::FileChanged).then_some("file changed")
        };
        let status = CellStatus::of(row, trouble);
        let (text, otherwise) = match status {
            CellStatus::Collected => {
                let rows = row.collected.rows.and_then(|rows| usize::try_from(rows).ok());
                (rows.map_or(String::new(), |rows| count(rows, "row")), "collected")
            }
            CellStatus::Created => (one_line(&row.collected.status), "created"),
            CellStatus::Failed => (one_line(row.state.error_code()), "failed"),
            CellStatus::Spoiled => (String::new(), trouble.unwrap_or_default()),
            CellStatus::Empty | CellStatus::Sending | CellStatus::Pending => {
                (String::new(), status.name())
            }
        };
        let is_collected = matches!(status, CellStatus::Collected | CellStatus::Empty);
        let file = &row.collected.file;
        Cell {
            status,
            text: if text.is_empty() { otherwise.to_owned() } else { text },
            link: is_collected.then(|| link(sources.page_folder, sources.folder, file)).flatten(),
            then: String::new(),
            fell: false,
        }
    }
}
