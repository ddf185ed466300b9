use super::{Sources, words};
use crate::manifest::UnitsRule;
use reconcile::UnitTotals;

/// Phrases about cells that cannot be read.
const SHOWN: usize = 20;

pub(super) struct UnitsPart<'a> {
    pub(super) rule: &'a UnitsRule,
    pub(super) periods: Vec<PeriodUnits>,
    /// Cells that cannot be read, the first ones.
    pub(super) unreadable: &'a [String],
    /// Groups that cannot be read.
    pub(super) groups_unread: usize,
    /// Files that are there and unchanged, and have no units all the same.
    pub(super) files_unread: usize,
    pub(super) files_left_out: usize,
}

pub(super) struct PeriodUnits {
    pub(super) period: String,
    /// Usage, exact, units and rounding; with equal decimals in each.
    pub(super) amounts: [String; 4],
    pub(super) totals: UnitTotals,
}

impl<'a> UnitsPart<'a> {
    pub(super) fn of(sources: &Sources<'a>) -> Option<Self> {
        let (rule, found) = sources.units?;
        let periods = found.totals().into_iter().map(|(period, totals)| PeriodUnits {
            period: period.to_string(),
            amounts: words::unit_amounts(&totals),
            totals,
        });
        let mut periods: Vec<PeriodUnits> = periods.collect();
        for at in 0..4 {
            words::same_decimals(periods.iter_mut().map(|it| &mut it.amounts[at]));
        }
        let unread = found.missing.iter().filter(|file| !file.is_known_to_audit);
        Some(UnitsPart {
            rule,
            groups_unread: periods.iter().map(|it| it.totals.unreadable as usize).sum(),
            periods,
            unreadable: &found.unreadable[..found.unreadable.len().min(SHOWN)],
            files_unread: unread.count(),
            files_left_out: found.missing.len(),
        })
    }
}
