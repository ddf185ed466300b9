use super::{sources::Sources, words::count};
use crate::{
    audit::{Agreement, DifferenceKind, Total},
    output::listed,
    text::one_line,
};
use request::{OrgId, ReportType, internal_mark, who};

/// In characters: the names of the requests in one line.
const NAMES: usize = 100;

pub(super) struct SumTable {
    pub(super) column: String,
    pub(super) lead: String,
    pub(super) unknown: Vec<String>,
    pub(super) columns: Vec<String>,
    pub(super) lines: Vec<SumRow>,
    /// How many of them differ.
    pub(super) differ: usize,
}

pub(super) struct SumRow {
    pub(super) who: String,
    pub(super) period: String,
    pub(super) by: Vec<String>,
    pub(super) sums: Vec<String>,
    pub(super) class: &'static str,
    pub(super) result: &'static str,
}

impl SumTable {
    pub(super) fn of(sources: &Sources<'_>) -> Option<Self> {
        let totals = sources.totals?;
        let reviewed = sources.reviewed;
        let all = reviewed.totals.iter();
        let has = |kind: &ReportType| reviewed.totals.iter().any(|t| t.sums.contains_key(kind));
        let types: Vec<ReportType> = ReportType::ALL.into_iter().filter(has).collect();
        let differ = all.clone().filter(|t| t.agreement == Agreement::Differ);
        let others = all.filter(|t| t.agreement != Agreement::Differ);
        let count_of_differ = differ.clone().count();
        let lead = match count_of_differ {
            0 => "No sums differ between the reports of a sub-partner and period.".to_owned(),
            n => format!(
                "{} between the reports of a sub-partner and period; they come first.",
                match n {
                    1 => "1 sum differs".to_owned(),
                    n => format!("{} differ", count(n, "sum")),
                }
            ),
        };
        // The same problem of many files is written once.
        let mut unknown: Vec<(String, Vec<String>)> = Vec::new();
        let all_found = reviewed.differences.iter().map(|(_, found)| found);
        for found in all_found.filter(|found| found.kind == DifferenceKind::TotalsUnknown) {
            let (advice, subject) = (found.advice(), found.subject.clone());
            match unknown.iter_mut().find(|(known, _)| *known == advice) {
                Some((_, subjects)) => subjects.push(subject),
                None => unknown.push((advice, vec![subject])),
            }
        }
        let unknown = unknown.into_iter();
        let unknown =
            unknown.map(|(advice, subjects)| format!("{}: {advice}", listed(&subjects, NAMES)));
        let columns = totals.by.iter().map(|name| one_line(name));
        Some(SumTable {
            column: totals.column.clone(),
            lead,
            unknown: unknown.collect(),
            columns: columns.chain(types.iter().map(ReportType::to_string)).collect(),
            lines: differ.chain(others).map(|total| line(total, &types)).collect(),
            differ: count_of_differ,
        })
    }
}

fn line(total: &Total, types: &[ReportType]) -> SumRow {
    let who = who(total.label.as_deref(), total.sub_partner.as_ref().map(OrgId::as_str));
    let sum = |report_type| total.sums.get(report_type).map_or("–", String::as_str);
    let (class, result) = match total.agreement {
        Agreement::Agree => ("ok", "agree"),
        Agreement::Differ => ("failed", "differ"),
        Agreement::Alone => ("none", "one only"),
    };
    SumRow {
        who: one_line(who) + internal_mark(total.internal),
        period: total.period.to_string(),
        by: total.by.iter().map(|(_, value)| one_line(value)).collect(),
        sums: types.iter().map(|kind| sum(kind).to_owned()).collect(),
        class,
        result,
    }
}
