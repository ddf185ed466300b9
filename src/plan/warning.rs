use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use chrono::NaiveDate;
use foldhash::HashMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::Plan;
use crate::{
    manifest::{Limits, Manifest, PlanWarningSource, Rate},
    text::named_phrases,
};
use request::{Month, OrgId, Period, ReportType};

/// What kind of thing a plan is warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// An id is not an organisation's, as far as can be told.
    NoOrganisation,
    /// One id has two labels.
    TwoLabels,
    /// A partners file has columns that are not read.
    FurtherColumns,
    /// Two periods of one sub-partner, type and `internal` have days in common.
    OverlappingPeriods,
    /// A period ended yesterday.
    EndedYesterday,
    /// `previous-month`, on a day on which it is another month here than in UTC.
    MonthInDoubt,
}

/// A warning: all that is alike in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// How many things it is about.
    pub count: usize,
    /// One line without a full stop, which names some of them.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Today {
    /// In UTC, as the server counts.
    pub utc: NaiveDate,
    /// Where the user is. The same as `utc` if `--as-of` is given.
    pub local: NaiveDate,
}

const NAMED: usize = 3;

/// All warnings of `plan` and `run`, each kind once, in the order of [`WarningKind`].
pub fn warnings(manifest: &Manifest, plan: &Plan, today: Today) -> Vec<Warning> {
    let oddities = &manifest.oddities;
    let odd = |is: fn(&PlanWarningSource) -> bool| oddities.iter().filter(move |oddity| is(oddity));
    let ids = odd(|oddity| matches!(oddity, PlanWarningSource::NoOrganisation { .. }));
    let labels = odd(|oddity| matches!(oddity, PlanWarningSource::TwoLabels { .. }));
    let columns = odd(|oddity| matches!(oddity, PlanWarningSource::FurtherColumns { .. }));
    let mut kinds = PlannedPeriods::of(plan);
    let yesterday = today.utc.pred_opt();
    let ended = kinds.periods.iter().filter(|period| Some(period.end()) == yesterday);
    let ended: Vec<String> = ended.map(Period::to_string).collect();
    let overlaps = kinds.overlaps();
    let months = (Month::of(today.utc), Month::of(today.local));
    let other_month = (manifest.is_relative && months.0 != months.1)
        .then(|| format!("today is {} in UTC, and {} here", today.utc, today.local));
    use WarningKind as Kind;
    [
        of_kind(Kind::NoOrganisation, ids, |n| match n {
            1 => "this id is not an organisation's; it is sent as it is written".to_owned(),
            n => format!("{n} ids are not an organisation's; they are sent as they are written"),
        }),
        of_kind(Kind::TwoLabels, labels, |n| match n {
            1 => "one id has two labels; the ledger shows the first that names a request".to_owned(),
            n => format!("{n} ids have two labels; the ledger shows the first that names a request"),
        }),
        of_kind(Kind::FurtherColumns, columns, |_| {
            "only the columns org_id and label of a partners file are read; there is also".to_owned()
        }),
        of_kind(Kind::OverlappingPeriods, overlaps, |_| {
            "these periods have days in common, so their usage is reported twice".to_owned()
        }),
        of_kind(Kind::EndedYesterday, ended, |n| {
            let periods = match n {
                1 => "this period".to_owned(),
                n => format!("{n} periods"),
            };
            format!(
                "{periods} ended yesterday (UTC); Webex counts each day the usage of the day before, so the last day \
                 may still be missing"
            )
        }),
        of_kind(Kind::MonthInDoubt, other_month, |_| {
            "previous-month counts from today in UTC; --as-of says which day is meant".to_owned()
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `None` without a rate.
pub fn time_to_send(limits: &Limits, creates: usize) -> Option<Duration> {
    let Rate::Limited { .. } = limits.rate else {
        return None;
    };
    let waiting = creates.saturating_sub(limits.burst.get() as usize) as f64;
    Some(Duration::from_secs_f64(waiting / limits.rate.per_second()?))
}

/// Only the first `subjects` become text, because finding a place takes time and there may be very many.
fn of_kind(
    kind: WarningKind,
    subjects: impl IntoIterator<Item: fmt::Display>,
    text: impl FnOnce(usize) -> String,
) -> Option<Warning> {
    let subjects: Vec<_> = subjects.into_iter().collect();
    let count = subjects.len();
    (count > 0).then(|| Warning {
        kind,
        count,
        message: format!("{}: {}", text(count), named_phrases(subjects.iter().take(NAMED), count)),
    })
}

struct PlannedPeriods<'a> {
    periods: BTreeSet<Period>,
    by_kind: HashMap<(Option<&'a OrgId>, ReportType, bool), Vec<Period>>,
}

impl<'a> PlannedPeriods<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut kinds = PlannedPeriods { periods: BTreeSet::new(), by_kind: HashMap::default() };
        for planned in plan.requests() {
            let request = &planned.request;
            let kind = (request.sub_partner.as_ref(), request.report_type, request.internal);
            kinds.periods.insert(request.period);
            kinds.by_kind.entry(kind).or_default().push(request.period);
        }
        kinds
    }

    fn overlaps(&mut self) -> Vec<String> {
        let mut pairs: BTreeMap<(Period, Period), usize> = BTreeMap::new();
        for periods in self.by_kind.values_mut() {
            periods.sort();
            // In the order of their starts, so that each is compared with the one that ends last.
            let mut furthest: Option<Period> = None;
            for period in periods.iter() {
                if let Some(before) = furthest
                    && period.start() <= before.end()
                {
                    *pairs.entry((before, *period)).or_default() += 1;
                }
                let reaches = |before: &Period| before.end() >= period.end();
                furthest = furthest.filter(reaches).or(Some(*period));
            }
        }
        let pairs = pairs.into_iter();
        pairs
            .map(|((first, second), kinds)| match kinds {
                1 => format!("{first} and {second}"),
                n => format!("{first} and {second} ({n} times)"),
            })
            .collect()
    }
}
