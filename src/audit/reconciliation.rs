//! Compares the collected files with the other sides that `reconcile:` names, each period by itself.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
};

use super::{
    accepted::Acceptances,
    audited_request::AuditedRequest,
    collected_files::{CollectedFiles, MissingFile},
    sources::{FileSide, ListError, Translations, add_list, division, translations},
};
use crate::{
    manifest::{OtherSide, REQUEST_COLUMNS, ReconcileEntry, UNITS, UnitsRule},
    text::{count, grouped, one_line},
};
use reconcile::{
    Class, Comparison, Difference as KeyDifference, DifferenceId, Division, IdParts, Outcome,
    Rules, Side,
};
use request::{Period, RequestId, RequestIds};

/// What all entries have in common.
#[derive(Debug)]
pub struct Reconciliation<'a> {
    /// The requests whose files may be compared: a selection, of all types.
    pub collection: &'a CollectedFiles<'a>,
    pub units: Option<&'a UnitsRule>,
}

/// What was found in each period of an entry.
pub type Compared<'a> = Vec<(Period, Result<ListOutcome<'a>, ListError>)>;

/// An entry, and what is needed for it alone.
#[derive(Debug)]
pub struct EntrySides<'e, 'a> {
    pub entry: &'e ReconcileEntry,
    /// The requests that its jobs name; `None`: all.
    pub of_jobs: Option<RequestIds>,
    /// The collection of the earlier ledger, if the entry is compared with one.
    pub earlier: Option<CollectedFiles<'a>>,
}

/// The result for one entry in one period.
#[derive(Debug)]
pub struct ListOutcome<'a> {
    pub entry: &'a ReconcileEntry,
    pub period: Period,
    /// Files that are left out, of both sides.
    pub missing: Vec<MissingFile>,
    pub outcome: Outcome,
    /// The files that were read, by side and index, for messages.
    files: [Vec<String>; 2],
    /// How usage becomes units, if they are compared.
    division: Option<Division>,
    /// The path of the earlier ledger.
    earlier: Option<String>,
    /// Sentences for people: what may mislead them.
    pub notes: Vec<String>,
}

/// Keys that a person has accepted, by class.
#[derive(Debug, Clone, Default)]
pub struct AcceptedCounts(BTreeMap<Class, u64>);

impl AcceptedCounts {
    pub fn of(&self, class: Class) -> u64 {
        self.0.get(&class).copied().unwrap_or_default()
    }

    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }

    fn is_all(&self, outcome: &Outcome) -> bool {
        self.all() == outcome.differences().len() as u64
    }
}

impl ListOutcome<'_> {
    /// Whether every key agrees or is accepted, and no file is left out.
    pub fn is_agreement(&self, acceptances: &Acceptances) -> bool {
        self.missing.is_empty()
            && (self.outcome.is_agreement() || self.accepted_of(acceptances).is_all(&self.outcome))
    }

    /// How many keys of each class are accepted.
    pub fn accepted_of(&self, acceptances: &Acceptances) -> AcceptedCounts {
        let mut counts = AcceptedCounts::default();
        if !acceptances.is_empty() {
            let keys = self.outcome.differences();
            let accepted = keys.filter(|key| acceptances.in_force(self.id(key)).is_some());
            accepted.for_each(|key| *counts.0.entry(key.class).or_default() += 1);
        }
        counts
    }

    /// `3 differs, 1 only_in_list; 2 accepted; 2 files left out`
    pub fn summary(&self, acceptances: &Acceptances) -> String {
        let accepted = self.accepted_of(acceptances);
        let classes = Class::ALL.into_iter().filter(|class| *class != Class::Matched);
        let counts: Vec<String> = classes
            .map(|class| (class, self.outcome.count(class) - accepted.of(class)))
            .filter(|(_, count)| *count > 0)
            .map(|(class, count)| format!("{} {class}", grouped(count)))
            .collect();
        let parts = [
            Some(counts.join(", ")).filter(|text| !text.is_empty()),
            (accepted.all() > 0).then(|| format!("{} accepted", grouped(accepted.all()))),
            (!self.missing.is_empty()).then(|| count(self.missing.len(), "file") + " left out"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// `differs SKU A-FLEX`
    pub fn named(&self, key: &KeyDifference) -> String {
        let columns = self.entry.key.iter().zip(&key.key);
        let texts = columns.map(|(pair, text)| one_line(&format!("{} {text}", pair.report)));
        format!("{} {}", key.class, texts.collect::<Vec<_>>().join(", "))
    }

    /// The id of one of its differences.
    pub fn id(&self, difference: &KeyDifference) -> DifferenceId {
        let mut parts = IdParts::new("key")
            .text(&self.entry.name)
            .text(&self.period.to_string())
            .text(difference.class.as_str());
        // Sorted: the manifest may name the columns in any order.
        let mut cells: Vec<_> = self.entry.key.iter().zip(&difference.normal).collect();
        cells.sort_by_key(|(pair, _)| &pair.report);
        for (pair, cell) in cells {
            parts = parts.text(&pair.report).bytes(cell);
        }
        let mut figures: Vec<_> = self.entry.compare.iter().zip(&difference.figures).collect();
        figures.sort_by_key(|(pair, _)| &pair.report);
        for (pair, it) in figures {
            parts = parts.text(&pair.report).figure(it.report.as_ref()).figure(it.list.as_ref());
        }
        if difference.class == Class::Repeated {
            parts = parts.count(difference.rows_report).count(difference.rows_list);
        }
        parts.finish()
    }

    /// Whether units and the other side's figure differ by no more than what rounding adds.
    pub fn is_rounding(&self, difference: &KeyDifference) -> bool {
        let units = self.entry.compare.iter().position(|pair| pair.report == UNITS);
        let figures = units.and_then(|at| difference.figures.get(at));
        let (Some(division), Some(figures)) = (&self.division, figures) else { return false };
        match (&figures.report, &figures.list, difference.carried.first()) {
            (Some(report), Some(list), Some(Some(usage))) if difference.class == Class::Differs => {
                report != list && division.explains(list, usage, report)
            }
            _ => false,
        }
    }

    /// What messages call the other side.
    pub fn other_side(&self) -> String {
        match &self.entry.with {
            OtherSide::List(file) => file.path(self.period).display().to_string(),
            OtherSide::Ledger(path) => {
                self.earlier.clone().unwrap_or_else(|| path.display().to_string())
            }
            OtherSide::Report(report_type) => report_type.to_string(),
        }
    }

    /// How many files of a side were read.
    pub fn files_of(&self, side: Side) -> usize {
        self.files[side as usize].len()
    }

    /// The name of a file that was read.
    pub fn file(&self, side: Side, index: u32) -> &str {
        self.files[side as usize].get(index as usize).map_or("", String::as_str)
    }
}

impl EntrySides<'_, '_> {
    fn takes(&self, request: &AuditedRequest<'_>) -> bool {
        let planned = request.planned;
        planned.request.internal == self.entry.internal
            && self.of_jobs.as_ref().is_none_or(|ids| ids.contains(&planned.id))
    }
}

impl Reconciliation<'_> {
    /// The periods in which an entry has requests to compare, by date.
    fn periods(&self, sides: &EntrySides<'_, '_>) -> BTreeSet<Period> {
        let requests = self.collection.requests.iter();
        let compared = requests.filter(|it| {
            it.planned.request.report_type == sides.entry.report_type && sides.takes(it)
        });
        compared.map(|it| it.planned.request.period).collect()
    }

    /// Compares each period of an entry, in the order of their dates. An error alone: no period can be compared.
    pub fn compare<'e>(&self, sides: &EntrySides<'e, '_>) -> Result<Compared<'e>, ListError> {
        let translations = translations(sides.entry)?;
        let periods = self.periods(sides).into_iter();
        let compared = periods.map(|it| (it, self.compare_period(sides, it, &translations)));
        Ok(compared.collect())
    }

    /// A file is read once, and only at its end its hash shows whether it fits. By then its rows are added, so if it does
    /// not, the comparison starts over without it.
    fn compare_period<'e>(
        &self,
        sides: &EntrySides<'e, '_>,
        period: Period,
        translations: &Translations,
    ) -> Result<ListOutcome<'e>, ListError> {
        let entry = sides.entry;
        let has_units = entry.compare.iter().any(|pair| pair.report == UNITS);
        let units = self.units.filter(|_| has_units);
        let rules = Rules {
            numbers: entry.compare.len(),
            carried: usize::from(units.is_some()),
            tolerance: entry.tolerance.clone(),
            ignores_case: entry.ignores_case,
            is_unique: entry.is_unique,
        };
        let mut unfit = Unfit::default();
        loop {
            let mut comparison = Comparison::new(rules.clone());
            let none = Translations::new();
            let report = FileSide { side: Side::Report, entry, translations: &none, units };
            let list = FileSide { side: Side::List, entry, translations, units: None };
            let mut add = |side: &FileSide<'_>, files: &CollectedFiles<'_>, report_type| {
                let requests = files.of(report_type, period).filter(|it| sides.takes(it));
                unfit.add(side, &mut comparison, files, requests)
            };
            let report_files = add(&report, self.collection, entry.report_type);
            let mut list_note = None;
            let list_files = match &entry.with {
                OtherSide::List(file) => {
                    let path = file.path(period);
                    list_note = add_list(&mut comparison, entry, (file, &path), translations)?;
                    vec![path.display().to_string()]
                }
                OtherSide::Ledger(_) => {
                    let earlier = sides.earlier.as_ref();
                    earlier.map_or_else(Vec::new, |it| add(&list, it, entry.report_type))
                }
                OtherSide::Report(other) => add(&list, self.collection, *other),
            };
            let files = [report_files, list_files];
            if !unfit.has_added_rows {
                let outcome = comparison.finish();
                let division = units.map(|units| division(units, period));
                let notes = [list_note, self.without_label(sides, period), lost_zeros(&outcome)];
                return Ok(ListOutcome {
                    entry,
                    period,
                    missing: unfit.missing,
                    outcome,
                    files,
                    division,
                    earlier: sides.earlier.as_ref().and_then(|it| it.earlier.clone()),
                    notes: notes.into_iter().flatten().collect(),
                });
            }
            unfit.has_added_rows = false;
        }
    }

    /// A note if the key has `sub_partner` and it is empty for several requests, whose rows are then summed.
    fn without_label(&self, sides: &EntrySides<'_, '_>, period: Period) -> Option<String> {
        let [label_column, ..] = REQUEST_COLUMNS;
        let requests = self.collection.of(sides.entry.report_type, period);
        let nameless = requests.filter(|it| sides.takes(it) && it.planned.label.is_none()).count();
        let is_key = sides.entry.key.iter().any(|pair| pair.report == label_column);
        (is_key && nameless > 1).then(|| {
            format!(
                "{} have no label, so {label_column} is empty for all of them and their rows are summed; \
                 sub_partner_org_id tells them apart",
                count(nameless, "request")
            )
        })
    }
}

/// A note if keys of both sides are alike but for zeros at their beginning, which spreadsheets drop.
fn lost_zeros(outcome: &Outcome) -> Option<String> {
    if outcome.count(Class::OnlyInReport) == 0 || outcome.count(Class::OnlyInList) == 0 {
        return None;
    }
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let without_zeros = |key: &KeyDifference| {
        let cells: Vec<&str> = key.key.iter().map(|cell| cell.trim_start_matches('0')).collect();
        hasher.hash_one(cells)
    };
    let of = |class| outcome.differences().filter(move |key| key.class == class);
    let of_report: HashSet<u64> = of(Class::OnlyInReport).map(|key| without_zeros(&key)).collect();
    let is_alike = |key: &KeyDifference| of_report.contains(&without_zeros(key));
    let mut alike = of(Class::OnlyInList).filter(is_alike);
    let example = one_line(&alike.next()?.key.join(", "));
    Some(format!(
        "{} of the list would be in the report with zeros at the beginning ({example}): a spreadsheet drops these. Export \
         the list with this column as text",
        count(alike.count() + 1, "key")
    ))
}

/// The files that are left out of one comparison.
#[derive(Debug, Default)]
struct Unfit {
    /// By side and request.
    known: HashSet<(usize, RequestId)>,
    missing: Vec<MissingFile>,
    /// Whether rows of an unfit file may be in the comparison, which then has to start over.
    has_added_rows: bool,
}

impl Unfit {
    /// Adds the files of `requests` to a side. Returns their names for messages, by index.
    fn add<'a: 'r, 'r>(
        &mut self,
        side: &FileSide<'_>,
        comparison: &mut Comparison,
        collection: &'r CollectedFiles<'a>,
        requests: impl Iterator<Item = &'r AuditedRequest<'a>>,
    ) -> Vec<String> {
        let mut files = Vec::new();
        for request in requests {
            let known = (side.side as usize, request.planned.id);
            if self.known.contains(&known) {
                continue;
            }
            let index = u32::try_from(files.len()).unwrap_or(u32::MAX);
            let mut is_begun = false;
            let added = collection.read(request, |input| {
                is_begun = true;
                side.add(comparison, request, input, index)
            });
            match added {
                Ok(()) => {
                    files.push(request.row.map_or(String::new(), |row| row.collected.file.clone()));
                }
                Err(missing) => {
                    self.known.insert(known);
                    self.missing.push(missing);
                    self.has_added_rows |= is_begun;
                }
            }
        }
        files
    }
}
