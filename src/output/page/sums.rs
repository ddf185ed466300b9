use std::{cmp::Reverse, collections::HashSet};

use indexmap::IndexMap;

use super::{Sources, who};
use crate::{
    audit::{Agreement, DifferenceKind, Total},
    output::{
        listed,
        sum_texts::SumTexts,
        words::{numbers, tally},
    },
    text::one_line,
};
use request::{ReportType, internal_mark};

/// In characters: the names of the requests in one line.
const NAMES: usize = 100;

pub(super) struct SumTable<'a> {
    pub(super) column: &'a str,
    /// Sentences about files without a sum.
    pub(super) unknown: Vec<String>,
    /// The columns of `by`.
    pub(super) by: Vec<String>,
    pub(super) types: Vec<ReportType>,
    /// The newest first, as in the lines.
    pub(super) periods: Vec<PeriodSums>,
    pub(super) differing: Vec<SumRow<'a>>,
    pub(super) others: Vec<SumRow<'a>>,
    /// Of those that differ, how many are not accepted.
    pub(super) counting: usize,
}

/// What the sums of a period come to.
pub(super) struct PeriodSums {
    /// With its `internal`.
    pub(super) name: String,
    pub(super) count: usize,
    /// `1 differ, 84 agree`
    pub(super) result: String,
    pub(super) differs: bool,
    /// By type.
    pub(super) sums: Vec<String>,
}

pub(super) struct SumRow<'a> {
    pub(super) who: String,
    pub(super) total: &'a Total,
    /// By type.
    pub(super) sums: Vec<String>,
}

impl<'a> SumTable<'a> {
    pub(super) fn of(sources: &Sources<'a>) -> Option<Self> {
        let totals = sources.totals?;
        let reviewed = sources.reviewed;
        let SumTexts { types, lines, mut grand } = SumTexts::of(&reviewed.totals);
        let lines = reviewed.totals.iter().zip(lines).map(|(total, sums)| SumRow {
            who: who(total.label.as_deref(), total.sub_partner.as_ref()),
            total,
            sums,
        });
        let mut lines: Vec<SumRow<'_>> = lines.collect();
        lines.sort_by_key(|line| Reverse(line.total.period));
        grand.sort_by_key(|grand| Reverse(grand.of.map(|(period, _)| period)));
        let agreements = reviewed.totals.iter().map(|it| (it.period, it.internal, it.agreement));
        let counts = tally(agreements);
        let periods = grand.into_iter().filter_map(|grand| {
            let (period, internal) = grand.of?;
            let result = [Agreement::Differ, Agreement::Agree, Agreement::Alone].map(|it| {
                let count = counts.get(&(period, internal, it)).copied();
                (count.unwrap_or_default(), it.word())
            });
            Some(PeriodSums {
                name: format!("{period}{}", internal_mark(internal)),
                count: grand.count,
                result: numbers(&result).collect::<Vec<_>>().join(", "),
                differs: result[0].0 > 0,
                sums: grand.sums,
            })
        });
        // The same problem of many files is written once.
        let mut of_cause: IndexMap<String, Vec<String>> = IndexMap::new();
        for found in reviewed.of_kind(DifferenceKind::TotalsUnknown) {
            of_cause.entry(found.advice()).or_default().push(found.subject.clone());
        }
        let sentence =
            |(why, whose): (String, Vec<String>)| format!("{}: {why}", listed(&whose, NAMES));
        let found = reviewed.of_kind(DifferenceKind::TotalsDiffer);
        let accepted: HashSet<&str> =
            found.filter(|it| !it.counts()).map(|it| it.subject.as_str()).collect();
        let (differing, others): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.total.agreement == Agreement::Differ);
        let counting = differing.iter().filter(|line| !accepted.contains(&*line.total.subject()));
        Some(SumTable {
            column: &totals.column,
            unknown: of_cause.into_iter().map(sentence).collect(),
            by: totals.by.iter().map(|name| one_line(name)).collect(),
            types,
            periods: periods.collect(),
            counting: counting.count(),
            differing,
            others,
        })
    }
}
