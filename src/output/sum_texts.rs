use std::collections::BTreeMap;

use super::words;
use crate::audit::Total;
use reconcile::Amount;
use request::{Period, ReportType};

/// The sums of `audit.totals` as texts, and what they come to. Each type has as many decimals as its longest sum.
pub(super) struct SumTexts {
    /// Those that have a sum.
    pub(super) types: Vec<ReportType>,
    /// Of each total: the sums by `types`, empty where there is none.
    pub(super) lines: Vec<Vec<String>>,
    pub(super) grand: Vec<GrandTotal>,
}

/// What the sums of a period come to.
pub(super) struct GrandTotal {
    /// With its `internal`. `None`: of all periods.
    pub(super) of: Option<(Period, bool)>,
    /// How many sums it adds up.
    pub(super) count: usize,
    /// By type, as in the lines.
    pub(super) sums: Vec<String>,
}

type SumsByType = BTreeMap<ReportType, Amount>;

impl SumTexts {
    pub(super) fn of(totals: &[Total]) -> Self {
        let has = |it: &ReportType| totals.iter().any(|total| total.sums.contains_key(it));
        let types: Vec<ReportType> = ReportType::ALL.into_iter().filter(has).collect();
        let mut groups: BTreeMap<(Period, bool), (usize, SumsByType)> = BTreeMap::new();
        let mut all = (0, SumsByType::new());
        for total in totals {
            let group = groups.entry((total.period, total.internal)).or_default();
            for (count, sums) in [group, &mut all] {
                *count += 1;
                for (report_type, sum) in &total.sums {
                    *sums.entry(*report_type).or_default() += sum;
                }
            }
        }
        let texts = |sums: &SumsByType| -> Vec<String> {
            let text = |it: &ReportType| sums.get(it).map_or(String::new(), Amount::to_string);
            types.iter().map(text).collect()
        };
        let of_all = (groups.len() > 1).then_some((None, all));
        let groups = groups.into_iter().map(|(of, group)| (Some(of), group)).chain(of_all);
        let grand = groups.map(|(of, (count, sums))| GrandTotal { of, count, sums: texts(&sums) });
        let mut it = SumTexts {
            lines: totals.iter().map(|total| texts(&total.sums)).collect(),
            grand: grand.collect(),
            types: types.clone(),
        };
        for at in 0..types.len() {
            let of_totals = it.grand.iter_mut().map(|total| &mut total.sums);
            words::same_decimals(it.lines.iter_mut().chain(of_totals).map(|sums| &mut sums[at]));
        }
        it
    }
}
