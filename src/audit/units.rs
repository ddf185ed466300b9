//! The billable units of each request: the usage of its groups of rows, divided and rounded.

use std::{collections::BTreeMap, io::Read};

use csv::ByteRecord;

use super::{
    collected_files::{CollectedFiles, MissingFile},
    contents::only_place,
    sources::{FileError, division, fit_or_why},
};
use crate::{manifest::UnitsRule, plan::Planned, text::one_line};
use reconcile::{
    Amount, Division, Key, NumberFormat, SideError, Table, UnitTotals, Units, Unreadable,
    UsageGroups, cell,
};
use request::Period;

/// Of the cells of one file that cannot be read, so many are named.
const NAMED: usize = 3;

/// Where the columns of `units:` are in a file.
pub(super) struct UsageColumns {
    of: usize,
    at: Vec<usize>,
}

impl UsageColumns {
    /// An error says which column the table lacks.
    pub(super) fn new<R: Read>(table: &Table<R>, rule: &UnitsRule) -> Result<Self, String> {
        let at = rule.at.iter().map(|name| only_place(table, name));
        Ok(UsageColumns { of: only_place(table, &rule.of)?, at: at.collect::<Result<_, _>>()? })
    }

    pub(super) fn usage(&self, row: &ByteRecord) -> Result<Amount, Unreadable> {
        NumberFormat::Point.read(cell(row, self.of))
    }

    /// Makes `group` that of the row.
    pub(super) fn fill(&self, row: &ByteRecord, group: &mut Key) {
        group.clear();
        self.at.iter().for_each(|place| group.push(cell(row, *place)));
    }
}

/// The usage of one request, by group.
#[derive(Debug)]
pub struct RequestUnits<'a> {
    pub planned: &'a Planned,
    division: Division,
    groups: UsageGroups,
}

/// One group of a request.
#[derive(Debug)]
pub struct UnitGroup<'u> {
    pub planned: &'u Planned,
    /// Its cells in the columns of `at`.
    pub cells: Vec<String>,
    pub divisor: &'u Amount,
    /// `None`: one of its cells cannot be read.
    pub figures: Option<(&'u Amount, Units)>,
}

impl UnitGroup<'_> {
    /// Usage, exact quotient and units.
    pub fn amounts(&self) -> [Option<&Amount>; 3] {
        let Some((usage, units)) = &self.figures else { return [None; 3] };
        [usage, &units.exact, &units.units].map(Some)
    }
}

/// The units of a selection.
#[derive(Debug, Default)]
pub struct UnitsFound<'a> {
    /// In plan order.
    requests: Vec<RequestUnits<'a>>,
    /// Files that are left out.
    pub missing: Vec<MissingFile>,
    /// Cells that cannot be read, a phrase each; of each file only the first ones.
    pub unreadable: Vec<String>,
}

/// Of the requests of the rule's type, without those for internal organisations.
pub fn units<'a>(collection: &CollectedFiles<'a>, rule: &UnitsRule) -> UnitsFound<'a> {
    let mut found = UnitsFound::default();
    let is_billed =
        |request: &request::Request| request.report_type == rule.report_type && !request.internal;
    for request in collection.requests.iter().filter(|it| is_billed(&it.planned.request)) {
        let name = request.row.map_or("", |row| row.collected.file.as_str());
        match collection.read(request, |input| fit_or_why(read(input, rule, name))) {
            Ok((groups, unreadable)) => {
                found.unreadable.extend(unreadable);
                let division = division(rule, request.planned.request.period);
                let planned = request.planned;
                found.requests.push(RequestUnits { planned, division, groups });
            }
            Err(file) => found.missing.push(file),
        }
    }
    found
}

/// The usage of a file by group, and phrases about cells that cannot be read.
fn read(
    input: &mut dyn Read,
    rule: &UnitsRule,
    file: &str,
) -> Result<(UsageGroups, Vec<String>), FileError> {
    let mut table = Table::open(input).map_err(SideError::Table)?.strict();
    let columns = UsageColumns::new(&table, rule)?;
    let (file, column) = (one_line(file), one_line(&rule.of));
    let (mut groups, mut phrases, mut unreadable) = (UsageGroups::default(), Vec::new(), 0_usize);
    let (mut group, mut row) = (Key::default(), ByteRecord::new());
    while table.next(&mut row).map_err(SideError::Table)? {
        columns.fill(&row, &mut group);
        let usage = columns.usage(&row);
        if let Err(why) = usage {
            unreadable += 1;
            if unreadable <= NAMED {
                phrases.push(format!("{file} line {}, {column}: {why}", table.line()));
            }
        }
        groups.add(&group, &usage).map_err(SideError::TooManyRows)?;
    }
    if unreadable > NAMED {
        phrases.push(format!("{file}: {} more cells of {column}", unreadable - NAMED));
    }
    Ok((groups, phrases))
}

impl UnitsFound<'_> {
    /// Whether there was no request to look at.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.missing.is_empty()
    }

    /// By request, then by key.
    pub fn groups(&self) -> impl Iterator<Item = UnitGroup<'_>> {
        self.requests.iter().flat_map(|RequestUnits { planned, division, groups }| {
            groups.groups().map(move |(cells, usage)| UnitGroup {
                planned,
                cells,
                divisor: division.divisor(),
                figures: usage.map(|usage| (usage, division.units(usage))),
            })
        })
    }

    /// Of each period, by date.
    pub fn totals(&self) -> Vec<(Period, UnitTotals)> {
        let mut periods: BTreeMap<Period, Vec<&RequestUnits<'_>>> = BTreeMap::new();
        for request in &self.requests {
            periods.entry(request.planned.request.period).or_default().push(request);
        }
        let total = |requests: &[&RequestUnits<'_>]| {
            let division = &requests.first()?.division;
            let usage = requests.iter().flat_map(|request| request.groups.usage());
            Some(UnitTotals::of(division, usage))
        };
        periods.into_iter().filter_map(|(period, of)| Some((period, total(&of)?))).collect()
    }
}
