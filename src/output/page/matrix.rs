//! The reports of each period: a line for each sub-partner, a column for each type.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
};

use indexmap::IndexMap;

use super::{Sources, link::link};
use crate::{
    audit::{Before, DifferenceKind},
    ledger::{Row, State},
    manifest::Totals,
    output::words::{numbers, tally},
    text::{count, one_line},
};
use request::{OrgId, Period, ReportType, RequestId};

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

/// The reports of one period, with the types and sub-partners that have any.
pub(super) struct PeriodReports<'a> {
    pub(super) period: Period,
    /// Those of many sub-partners first.
    pub(super) types: Vec<ReportType>,
    pub(super) lines: Vec<PartnerRow<'a>>,
    /// `78 collected, 2 failed`
    pub(super) numbers: String,
    /// In all its files.
    pub(super) rows: usize,
    /// All are collected, and nothing dropped.
    pub(super) is_settled: bool,
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

/// The newest period first.
pub(super) fn reports<'a>(sources: &Sources<'a>) -> Vec<PeriodReports<'a>> {
    let reviewed = sources.reviewed;
    let found: HashSet<(Option<RequestId>, DifferenceKind)> =
        reviewed.differences.iter().map(|found| (found.request_id, found.kind)).collect();
    let mut periods: BTreeMap<Reverse<Period>, Vec<(&Row, Cell)>> = BTreeMap::new();
    for row in sources.ledger.rows() {
        let is_found = |kind| found.contains(&(Some(row.id()), kind));
        let mut cell = Cell::of(sources, row, is_found);
        if let Some(before) = reviewed.before.get(&row.id()) {
            cell.fell = is_found(DifferenceKind::Dropped);
            let mark = if cell.fell { "dropped, " } else { "" };
            cell.then = format!("{mark}{}", then(before, sources.totals));
        }
        periods.entry(Reverse(row.request().period)).or_default().push((row, cell));
    }
    let periods = periods.into_iter();
    periods.map(|(Reverse(period), cells)| PeriodReports::of(period, cells)).collect()
}

impl<'a> PeriodReports<'a> {
    fn of(period: Period, cells: Vec<(&'a Row, Cell)>) -> Self {
        let tally = tally(cells.iter().map(|(row, _)| row.request().report_type));
        let mut types: Vec<ReportType> = tally.keys().copied().collect();
        types.sort_by_key(|it| Reverse(tally[it]));
        let rows: u64 = cells.iter().filter_map(|(row, _)| row.collected.rows).sum();
        let is_settled = |cell: &Cell| {
            matches!(cell.status, CellStatus::Collected | CellStatus::Empty) && !cell.fell
        };
        let counts = CellStatus::ALL.map(|(status, _, name)| {
            (cells.iter().filter(|(_, cell)| cell.status == status).count(), name)
        });
        let mut it = PeriodReports {
            period,
            types,
            lines: Vec::new(),
            numbers: numbers(&counts).collect::<Vec<_>>().join(", "),
            rows: usize::try_from(rows).unwrap_or(usize::MAX),
            is_settled: cells.iter().all(|(_, cell)| is_settled(cell)),
        };
        let mut lines: IndexMap<(Option<&OrgId>, bool), PartnerRow<'_>> = IndexMap::new();
        for (row, cell) in cells {
            let request = row.request();
            let line =
                lines.entry((request.sub_partner.as_ref(), request.internal)).or_insert_with(
                    || PartnerRow { row, cells: it.types.iter().map(|_| None).collect() },
                );
            if let Some(place) = it.types.iter().position(|of| *of == request.report_type) {
                line.cells[place] = Some(cell);
            }
        }
        it.lines = lines.into_values().collect();
        it
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.lines.iter().flat_map(|line| &line.cells).flatten()
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
