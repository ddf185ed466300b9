use std::{cmp::Reverse, ffi::OsStr, path::Path};

use super::headline::{BarSegment, bar};
use crate::{
    audit::{Acceptances, AuditedList, ListOutcome, ListSummary},
    manifest::ReconcileEntry,
    output::{
        acceptance::acceptance_text,
        missing_files::missing_lines,
        reconcile_view::{cell_texts, figure_texts},
        words,
    },
    text::one_line,
};
use reconcile::{Amount, Class, Difference, Side};
use request::Period;

/// The most keys of a list on the page.
const SHOWN: usize = 50;
/// In thousandths of the bar's length: a class with one key of a million is seen, too.
const LEAST: f64 = 8.0;

/// An entry of `reconcile:` in one period, as the page shows it.
#[derive(Debug, Default)]
pub struct ListPart {
    /// `invoice 2026-10`
    pub(super) name: String,
    /// `None`: it is compared in no period.
    pub(super) period: Option<Period>,
    /// `CUSTOMER (2 files) and invoice-2026-10.csv`; why it is not compared, where that is so.
    pub(super) about: String,
    pub(super) agrees: bool,
    /// How many differences are accepted: keys, and the list as a whole.
    pub(super) accepted: usize,
    /// The classes that some key has.
    pub(super) counts: Vec<BarSegment>,
    pub(super) sums: Vec<SumLine>,
    /// Of the table of keys: the key's columns, and for each number those of both sides.
    pub(super) key_columns: Vec<String>,
    pub(super) number_columns: Vec<[String; 2]>,
    /// The largest first.
    pub(super) keys: Vec<KeyLine>,
    /// The keys that do not match and are not among these.
    pub(super) more: usize,
    /// Sentences.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct SumLine {
    pub(super) column: String,
    /// Of the report, of the list, and their difference.
    pub(super) figures: [String; 3],
    pub(super) differs: bool,
}

#[derive(Debug)]
pub(super) struct KeyLine {
    pub(super) class: Class,
    pub(super) key: Vec<String>,
    /// For each number as in [`SumLine`].
    pub(super) figures: Vec<[String; 3]>,
    pub(super) rows: String,
    pub(super) id: String,
    pub(super) is_rounding: bool,
    /// Why, by whom and until when; it is shown also where that has ended.
    pub(super) accepted: Option<String>,
}

impl ListSummary for ListPart {
    fn of(outcome: &ListOutcome<'_>, acceptances: &Acceptances) -> Self {
        let entry = outcome.entry;
        let found = &outcome.outcome;
        let files = words::count(outcome.files_of(Side::Report), "file");
        let path = outcome.other_side();
        // Nobody has to see where a home lies.
        let other = Path::new(&path).file_name().filter(|_| Path::new(&path).is_absolute());
        let other = other.map_or(path.clone().into(), OsStr::to_string_lossy);
        let numbers = entry.compare.iter().zip(found.sums());
        let mut sums: Vec<SumLine> = numbers
            .map(|(pair, sums)| {
                let difference = sums.difference();
                SumLine {
                    column: one_line(&pair.report),
                    differs: !difference.is_zero(),
                    figures: [sums.report, sums.list, difference].map(|amount| amount.to_string()),
                }
            })
            .collect();
        words::same_decimals(sums.iter_mut().flat_map(|line| &mut line.figures));
        let largest = largest(found.differences());
        // Where nothing is accepted, the ids of all keys need not be known.
        let audited = (!acceptances.is_empty()).then(|| AuditedList::of(outcome, acceptances));
        let is_accepted_whole = audited.as_ref().is_some_and(is_accepted);
        let accepted_keys = audited.map_or(0, |list| list.accepted.len());
        let missing = missing_lines(&outcome.missing);
        let mut notes: Vec<String> = missing.lines().map(str::to_owned).collect();
        notes.extend(outcome.notes.iter().cloned());
        let unreadable = largest.iter().flat_map(|key| cell_texts(outcome, key));
        notes.extend(unreadable.map(|cell| format!("cannot be read: {cell}")));
        notes.iter_mut().for_each(|note| *note = note.replace(&path, &other));
        let mut keys: Vec<KeyLine> =
            largest.iter().map(|key| KeyLine::of(outcome, key, acceptances)).collect();
        for at in 0..entry.compare.len() {
            let figures = keys.iter_mut().filter_map(|key| key.figures.get_mut(at));
            words::same_decimals(figures.flatten());
        }
        ListPart {
            name: format!("{} {}", entry.name, outcome.period),
            period: Some(outcome.period),
            about: format!("{} ({files}) and {}", entry.report_type, one_line(&other)),
            agrees: is_accepted_whole || outcome.is_agreement(acceptances),
            accepted: accepted_keys + usize::from(is_accepted_whole),
            counts: bar(
                Class::ALL.map(|it| (it.as_str(), it.as_str(), found.count(it))).into_iter(),
                LEAST,
            ),
            sums,
            key_columns: entry.key.iter().map(|pair| one_line(&pair.report)).collect(),
            number_columns: (entry.compare.iter())
                .map(|pair| {
                    let list = if pair.list == pair.report { "list" } else { &pair.list };
                    [&pair.report, list].map(one_line)
                })
                .collect(),
            more: found.differences().len() - largest.len(),
            keys,
            notes,
        }
    }

    fn failed(
        entry: &ReconcileEntry,
        period: Option<Period>,
        why: (&str, &str),
        acceptances: &Acceptances,
    ) -> Self {
        let audited = AuditedList::failed(entry, period, why, acceptances);
        let of_period = period.map_or_else(String::new, |period| format!(" {period}"));
        ListPart {
            name: format!("{}{of_period}", entry.name),
            period,
            about: format!("not compared: {}", one_line(why.1)),
            agrees: is_accepted(&audited),
            accepted: usize::from(is_accepted(&audited)),
            ..ListPart::default()
        }
    }
}

/// Whether the difference of the list as a whole does not count.
fn is_accepted(list: &AuditedList) -> bool {
    list.difference.as_ref().is_some_and(|it| !it.counts())
}

impl KeyLine {
    fn of(outcome: &ListOutcome<'_>, key: &Difference, acceptances: &Acceptances) -> Self {
        let id = outcome.id(key);
        KeyLine {
            class: key.class,
            key: key.key.iter().map(|cell| one_line(cell)).collect(),
            figures: key.figures.iter().map(|it| figure_texts(it, "–")).collect(),
            rows: format!("{}/{}", key.rows_report, key.rows_list),
            id: id.to_string(),
            is_rounding: outcome.is_rounding(key),
            accepted: acceptances.get(id).map(|acceptance| acceptance_text(acceptance)),
        }
    }
}

/// Those with the largest difference of some number; those without figures come last. Never more than twice as many as
/// are shown are kept.
fn largest(differences: impl Iterator<Item = Difference>) -> Vec<Difference> {
    let size = |key: &Difference| {
        let sizes = key.figures.iter().filter_map(|it| it.difference.as_ref());
        Reverse(sizes.map(Amount::abs).max())
    };
    let mut kept: Vec<Difference> = Vec::new();
    for key in differences {
        kept.push(key);
        if kept.len() == 2 * SHOWN {
            kept.sort_by_cached_key(size);
            kept.truncate(SHOWN);
        }
    }
    kept.sort_by_cached_key(size);
    kept.truncate(SHOWN);
    kept
}
