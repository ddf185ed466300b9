use indexmap::IndexMap;

use super::Sources;
use crate::{
    audit::{Agreement, DifferenceKind, Total},
    output::{
        listed,
        sum_texts::{GrandTotal, SumTexts},
    },
    text::one_line,
};
use request::{OrgId, ReportType, who};

/// In characters: the names of the requests in one line.
const NAMES: usize = 100;

pub(super) struct SumTable<'a> {
    pub(super) column: &'a str,
    /// Sentences about files without a sum.
    pub(super) unknown: Vec<String>,
    pub(super) columns: Vec<String>,
    /// Those that differ first.
    pub(super) lines: Vec<SumRow<'a>>,
    /// What the sums of each period come to, where there is more than one.
    pub(super) grand: Vec<GrandTotal>,
    /// How many of them differ.
    pub(super) differ: usize,
    /// Of these, how many are not accepted.
    pub(super) counting: usize,
}

pub(super) struct SumRow<'a> {
    pub(super) who: &'a str,
    pub(super) total: &'a Total,
    /// By type.
    pub(super) sums: Vec<String>,
}

impl<'a> SumTable<'a> {
    pub(super) fn of(sources: &Sources<'a>) -> Option<Self> {
        let totals = sources.totals?;
        let reviewed = sources.reviewed;
        let SumTexts { types, lines: sums, mut grand } = SumTexts::of(&reviewed.totals);
        grand.retain(|total| total.count > 1 && total.of.is_some());
        let lines = reviewed.totals.iter().zip(sums);
        let mut lines: Vec<SumRow<'_>> =
            lines.map(|(total, texts)| SumRow::of(total, texts)).collect();
        lines.sort_by_key(|line| line.total.agreement != Agreement::Differ);
        // The same problem of many files is written once.
        let mut of_cause: IndexMap<String, Vec<String>> = IndexMap::new();
        for (_, found) in &reviewed.differences {
            if found.kind == DifferenceKind::TotalsUnknown {
                of_cause.entry(found.advice()).or_default().push(found.subject.clone());
            }
        }
        let sentence =
            |(why, whose): (String, Vec<String>)| format!("{}: {why}", listed(&whose, NAMES));
        let columns = totals.by.iter().map(|name| one_line(name));
        let accepted = reviewed.differences.iter().filter(|(_, it)| !it.counts());
        let accepted: Vec<&str> = accepted
            .filter(|(_, it)| it.kind == DifferenceKind::TotalsDiffer)
            .map(|(_, it)| it.subject.as_str())
            .collect();
        let differing = lines.iter().filter(|line| line.total.agreement == Agreement::Differ);
        let counting = differing.filter(|line| !accepted.contains(&&*line.total.subject()));
        Some(SumTable {
            counting: counting.count(),
            column: &totals.column,
            unknown: of_cause.into_iter().map(sentence).collect(),
            columns: columns.chain(types.iter().map(ReportType::to_string)).collect(),
            grand,
            differ: lines.partition_point(|line| line.total.agreement == Agreement::Differ),
            lines,
        })
    }
}

impl<'a> SumRow<'a> {
    fn of(total: &'a Total, sums: Vec<String>) -> Self {
        let org = total.sub_partner.as_ref().map(OrgId::as_str);
        SumRow { who: who(total.label.as_deref(), org), total, sums }
    }
}
