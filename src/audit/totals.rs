//! Compares the sums of the reports of one sub-partner and period.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{
    audited_request::AuditedRequest,
    difference::{Difference, DifferenceKind},
    remedy::Remedy,
    sums::Sums,
};
use crate::{
    manifest::Totals,
    text::{named_phrases, one_line},
};
use reconcile::{Amount, IdParts};
use request::{OrgId, Period, ReportType, internal_mark, who};

/// Of one sub-partner (or the partner itself), period and `internal`, and of one value of each of the columns `by`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub label: Option<String>,
    pub sub_partner: Option<OrgId>,
    pub period: Period,
    pub internal: bool,
    pub by: Vec<(String, String)>,
    /// Of each type whose file has a sum.
    pub sums: BTreeMap<ReportType, Amount>,
    pub agreement: Agreement,
}

impl Total {
    /// As people read it, without its columns: `Acme 2026-10`.
    pub fn subject(&self) -> String {
        let who = who(self.label.as_deref(), self.sub_partner.as_ref().map(OrgId::as_str));
        format!("{who} {}{}", self.period, internal_mark(self.internal))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    Agree,
    Differ,
    Alone,
}

impl Agreement {
    pub fn word(self) -> &'static str {
        match self {
            Agreement::Agree => "agree",
            Agreement::Differ => "differ",
            Agreement::Alone => "one only",
        }
    }
}

pub(super) struct Summed<'a> {
    /// The index of the subject.
    pub(super) place: usize,
    pub(super) subject: AuditedRequest<'a>,
    pub(super) sums: Result<Sums, String>,
}

#[derive(Debug, Default)]
pub(super) struct ComparedTotals {
    pub(super) totals: Vec<Total>,
    /// With the indexes of their subjects.
    pub(super) differences: Vec<(usize, Difference)>,
    /// Groups with files of at least two types.
    pub(super) groups: usize,
}

/// A single file is only shown. `summed` is in plan order.
pub(super) fn compare(summed: &[Summed<'_>], totals: &Totals) -> ComparedTotals {
    let mut groups: IndexMap<_, Vec<&Summed<'_>>> = IndexMap::new();
    for file in summed {
        let request = &file.subject.planned.request;
        let key = (request.sub_partner.as_ref(), request.period, request.internal);
        groups.entry(key).or_default().push(file);
    }
    let mut compared = ComparedTotals::default();
    groups.values().for_each(|files| compare_group(files, totals, &mut compared));
    compared
}

fn compare_group(files: &[&Summed<'_>], totals: &Totals, compared: &mut ComparedTotals) {
    let Some(first) = files.first() else { return };
    if files.len() > 1 {
        compared.groups += 1;
        for file in files {
            if let Err(why) = &file.sums {
                let look = "correct `audit.totals` in the manifest, or ask for the file";
                let why = (why.clone(), Remedy::Look(look));
                let about = [file.subject.sha256()];
                let unknown =
                    (file.subject).file_differs(DifferenceKind::TotalsUnknown, &about, why);
                compared.differences.push((file.place, unknown));
            }
        }
    }
    let known = files.iter().filter_map(|file| {
        let sums = file.sums.as_ref().ok()?;
        Some((file.subject.planned.request.report_type, sums))
    });
    let known: BTreeMap<ReportType, &Sums> = known.collect();
    let keys: BTreeSet<&Vec<String>> = known.values().flat_map(|sums| sums.keys()).collect();
    let mut differ = Vec::new();
    let request = &first.subject.planned.request;
    let org = request.sub_partner.as_ref().map_or("", OrgId::as_str);
    let internal = internal_mark(request.internal);
    let kind = DifferenceKind::TotalsDiffer;
    let mut parts = IdParts::new(kind.word()).texts([org, &request.period.to_string(), internal]);
    let zero = Amount::default();
    for key in keys {
        // A value that a file lacks has the sum 0.
        let amount = |sums: &Sums| sums.get(key).unwrap_or(&zero).clone();
        let sums: BTreeMap<ReportType, Amount> =
            known.iter().map(|(report_type, sums)| (*report_type, amount(sums))).collect();
        let is_in = |it: &(&ReportType, &Amount)| !is_not_in(totals, *it.0, key);
        let comparable: Vec<&Amount> = sums.iter().filter(is_in).map(|(_, sum)| sum).collect();
        let agreement = if comparable.len() < 2 {
            Agreement::Alone
        } else if totals.tolerance.all_agree(comparable) {
            Agreement::Agree
        } else {
            Agreement::Differ
        };
        // All of them: which ones differ depends on the tolerance.
        parts = parts.texts(key.iter().map(String::as_str));
        for (report_type, sum) in &sums {
            parts = parts.text(report_type.as_str()).figure(Some(sum));
        }
        let by: Vec<(String, String)> =
            totals.by.iter().cloned().zip(key.iter().cloned()).collect();
        if agreement == Agreement::Differ {
            differ.push(told(&by, &sums));
        }
        let planned = first.subject.planned;
        compared.totals.push(Total {
            label: planned.label.as_deref().map(ToOwned::to_owned),
            sub_partner: planned.request.sub_partner.clone(),
            period: planned.request.period,
            internal: planned.request.internal,
            by,
            sums,
            agreement,
        });
    }
    if !differ.is_empty() {
        let what = format!(
            "the sums of {} differ: {}",
            totals.column,
            named_phrases(differ.iter().take(TOLD), differ.len())
        );
        let look = "compare them with the invoice, and ask whoever sends it";
        let difference = first.subject.differs(kind, &[], (what, Remedy::Look(look)));
        compared.differences.push((
            first.place,
            Difference {
                id: parts.finish(),
                subject: compared.totals.last().map_or_else(String::new, Total::subject),
                ..difference
            },
        ));
    }
}

/// Whether a type does not contain what has this key, as `not_in` says.
fn is_not_in(totals: &Totals, report_type: ReportType, key: &[String]) -> bool {
    let values = totals.not_in.get(&report_type);
    values.zip(key.first()).is_some_and(|(values, first)| values.contains(first))
}

/// The most differing sums in a message; the table and the JSON have all.
const TOLD: usize = 20;

/// `SKU A: PARTNER 30.6, CUSTOMER 30.8, USER 30.6`
fn told(by: &[(String, String)], sums: &BTreeMap<ReportType, Amount>) -> String {
    let by: Vec<String> =
        by.iter().map(|(name, value)| format!("{name} {}", one_line(value))).collect();
    let sums: Vec<String> =
        sums.iter().map(|(report_type, sum)| format!("{report_type} {sum}")).collect();
    if by.is_empty() { sums.join(", ") } else { format!("{}: {}", by.join(", "), sums.join(", ")) }
}
