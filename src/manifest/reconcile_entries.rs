//! From entries of `reconcile:` as they are written to entries without contradictions.

use std::collections::HashMap;

use request::ReportType;

use super::{
    columns::PairText,
    model::Job,
    reconcile_text::{EntryText, WithText},
    reconciling::{ColumnPair, OtherSide, REQUEST_COLUMNS, ReconcileEntry, UNITS, UnitsRule},
};
use crate::manifest::yaml::{Field, Located, Mistake, Quoted, Sink, did_you_mean, nearest};

/// What entries refer to.
pub(super) struct Entries<'a> {
    pub(super) units: &'a Field<UnitsRule>,
    /// `None`: they could not be read.
    pub(super) jobs: Option<&'a [Job]>,
    pub(super) sink: &'a Sink,
}

impl Entries<'_> {
    /// Entries with a problem that their form shows are left out: it is reported.
    pub(super) fn read(&self, entries: Vec<EntryText>) -> Vec<ReconcileEntry> {
        let mut names = HashMap::new();
        for Located { value, place } in entries.iter().filter_map(|entry| entry.name.as_ref()) {
            if let Some(first) = names.get(value) {
                let mistake = Mistake::new(format!("two entries are named {}", Quoted(value)))
                    .help("give each entry a name of its own");
                self.sink.report_again(place.clone(), mistake, Clone::clone(*first));
            } else {
                names.insert(value, place);
            }
        }
        entries.into_iter().filter_map(|entry| self.entry(entry)).collect()
    }

    fn entry(&self, entry: EntryText) -> Option<ReconcileEntry> {
        self.check_jobs(&entry.jobs);
        let (report_type, key) = (entry.report?, entry.r#match?);
        self.check_units(report_type, &key, &entry.compare);
        for (column, _) in &entry.translate {
            self.check_translated(column, &key);
        }
        let with = match entry.with? {
            WithText::List(list) => OtherSide::List(list),
            WithText::Ledger(ledger) => OtherSide::Ledger(ledger),
            WithText::Report(other) => {
                if other.value == report_type {
                    let mistake = Mistake::new(format!("{report_type} is compared with itself"));
                    other.report::<()>(self.sink, mistake.help("name another type"));
                }
                OtherSide::Report(other.value)
            }
        };
        Some(ReconcileEntry {
            name: entry.name?.value.into(),
            report_type,
            jobs: entry.jobs.into_iter().map(|job| job.value.into()).collect(),
            internal: entry.internal,
            with,
            key: key.into_iter().map(ColumnPair::from).collect(),
            compare: entry.compare.into_iter().map(ColumnPair::from).collect(),
            tolerance: entry.tolerance,
            translate: (entry.translate.into_iter())
                .map(|(column, file)| (column.value, file))
                .collect(),
            ignores_case: entry.ignore_case,
            is_unique: entry.unique,
        })
    }

    fn check_jobs(&self, named: &[Located<String>]) {
        let Some(jobs) = self.jobs else {
            return;
        };
        let names: Vec<&str> = jobs.iter().map(|job| &*job.name).collect();
        for job in named.iter().filter(|job| !names.contains(&&*job.value)) {
            let mistake = Mistake::new(format!("there is no job {}", Quoted(&job.value)));
            let help = match nearest(&job.value, names.iter().copied()) {
                Some(nearest) => format!("did you mean {}?", Quoted(nearest)),
                None => "write the name of one of `jobs`".to_owned(),
            };
            job.report::<()>(self.sink, mistake.help(help));
        }
    }

    fn check_translated(&self, column: &Located<String>, key: &[PairText]) {
        let names: Vec<&str> = key.iter().map(|pair| &*pair.list.value).collect();
        if !names.contains(&&*column.value) {
            let message = format!("{} is not a key column of the list", Quoted(&column.value));
            let help = did_you_mean(&column.value, "the key columns are", &names);
            column.report::<()>(self.sink, Mistake::new(message).help(help));
        }
    }

    /// The groups that have units are those that the key tells apart.
    fn check_units(&self, report_type: ReportType, key: &[PairText], compare: &[PairText]) {
        let units = compare.iter().map(|pair| &pair.report).find(|column| column.value == UNITS);
        let (Some(column), Ok(rule)) = (units, self.units) else {
            return;
        };
        let Some(rule) = rule else {
            let mistake = Mistake::new("`UNITS` need `units`, which this manifest does not have");
            let help = "add `units: { of: CONSUMPTION, report: CUSTOMER, per: days, round: up }`, or compare another column";
            return self.report(column, mistake.help(help));
        };
        if rule.report_type != report_type {
            let of = rule.report_type;
            let mistake = Mistake::new(format!(
                "`UNITS` are those of {of}, and this entry compares {report_type}"
            ));
            let help = format!("write `report: {of}`, or compare another column");
            return self.report(column, mistake.help(help));
        }
        for column in key.iter().map(|pair| &pair.report) {
            let name = column.value.as_str();
            if !REQUEST_COLUMNS.contains(&name) && !rule.at.iter().any(|at| at == name) {
                let mistake = Mistake::new(format!(
                    "`UNITS` cannot be told apart by {}: `units.at` does not name it",
                    Quoted(name)
                ));
                self.report(
                    column,
                    mistake.help("add it to `at` of `units`, or take it out of `match`"),
                );
            }
        }
    }

    fn report(&self, column: &Located<String>, mistake: Mistake) {
        column.report::<()>(self.sink, mistake);
    }
}

impl From<PairText> for ColumnPair {
    fn from(PairText { report, list }: PairText) -> Self {
        ColumnPair { report: report.value, list: list.value }
    }
}
