//! From entries of `reconcile:` as they are written to entries without contradictions.

use request::ReportType;

use super::{
    columns::PairText,
    model::Job,
    reconcile_text::EntryText,
    reconciling::{ColumnPair, OtherSide, REQUEST_COLUMNS, ReconcileEntry, UNITS, UnitsRule},
};
use crate::manifest::yaml::{Field, Located, Mistake, Quoted, Sink, did_you_mean, report_repeated};

/// What entries refer to.
pub(super) struct Entries<'a> {
    pub(super) units: &'a Field<UnitsRule>,
    /// `None`: they could not be read.
    pub(super) jobs: Option<&'a [Job]>,
    pub(super) sink: &'a Sink,
}

impl Entries<'_> {
    /// Problems are reported.
    pub(super) fn read(&self, entries: Vec<EntryText>) -> Vec<ReconcileEntry> {
        let names = entries.iter().filter_map(|entry| entry.name.as_ref());
        report_repeated(names, self.sink, |name| {
            Mistake::new(format!("two entries are named {}", Quoted(name)))
                .help("give each entry a name of its own")
        });
        entries.into_iter().filter_map(|entry| self.entry(entry)).collect()
    }

    fn entry(&self, entry: EntryText) -> Option<ReconcileEntry> {
        if let Some(jobs) = self.jobs {
            let jobs = jobs.iter().map(|job| &*job.name).collect();
            self.check_named(&entry.jobs, "a job", jobs);
        }
        let (report_type, key) = (entry.report?, entry.r#match?);
        let mut compared = entry.compare.iter().map(|(report, _)| report);
        if let Some(units) = compared.find(|name| name.value == UNITS) {
            self.check_units(units, report_type, &key, entry.internal);
        }
        let columns = key.iter().map(|(_, list)| &*list.value).collect();
        let translated = entry.translate.iter().map(|(column, _)| column);
        self.check_named(translated, "a key column of the list", columns);
        let with = entry.with?;
        if with.value == OtherSide::Report(report_type) {
            let mistake = Mistake::new(format!("{report_type} is compared with itself"));
            with.report::<()>(self.sink, mistake.help("name another type"));
        }
        let pair = |(report, list): PairText| ColumnPair { report: report.value, list: list.value };
        let translate = entry.translate.into_iter().map(|(column, file)| (column.value, file));
        Some(ReconcileEntry {
            name: entry.name?.value.into(),
            report_type,
            jobs: entry.jobs.into_iter().map(|job| job.value.into()).collect(),
            internal: entry.internal,
            with: with.value,
            key: key.into_iter().map(pair).collect(),
            compare: entry.compare.into_iter().map(pair).collect(),
            tolerance: entry.tolerance,
            translate: translate.collect(),
            ignores_case: entry.ignore_case,
            is_unique: entry.unique,
        })
    }

    fn check_named<'n>(
        &self,
        named: impl IntoIterator<Item = &'n Located<String>>,
        what: &str,
        known: Vec<&str>,
    ) {
        for name in named.into_iter().filter(|name| !known.contains(&&*name.value)) {
            let mistake = Mistake::new(format!("{} is not {what}", Quoted(&name.value)));
            let help = did_you_mean(&name.value, "the names are", &known);
            name.report::<()>(self.sink, mistake.help(help));
        }
    }

    /// The groups that have units are those that the key tells apart.
    fn check_units(
        &self,
        units: &Located<String>,
        report_type: ReportType,
        key: &[PairText],
        internal: bool,
    ) {
        let report = |column: &Located<String>, message: String, help: String| {
            column.report::<()>(self.sink, Mistake::new(message).help(help));
        };
        if internal {
            let message =
                "`UNITS` cannot be compared with `internal: true`: those requests have no units";
            let help = "compare another column, or leave `internal` out";
            report(units, message.to_owned(), help.to_owned());
        }
        let Ok(rule) = self.units else {
            return;
        };
        let Some(UnitsRule { report_type: of, at, .. }) = rule else {
            let message = "`UNITS` need `units`, which this manifest does not have";
            let help = "add `units: { of: CONSUMPTION, report: CUSTOMER, per: days, round: up }`, or compare another column";
            return report(units, message.to_owned(), help.to_owned());
        };
        if *of != report_type {
            let message =
                format!("`UNITS` are those of {of}, and this entry compares {report_type}");
            return report(
                units,
                message,
                format!("write `report: {of}`, or compare another column"),
            );
        }
        let is_known = |name: &String| at.contains(name) || REQUEST_COLUMNS.contains(&&**name);
        for (column, _) in key.iter().filter(|(column, _)| !is_known(&column.value)) {
            let name = Quoted(&column.value);
            let message =
                format!("`UNITS` cannot be told apart by {name}: `units.at` does not name it");
            let help = "add it to `at` of `units`, or take it out of `match`";
            report(column, message, help.to_owned());
        }
    }
}
