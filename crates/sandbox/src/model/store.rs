//! The reports that exist, indexed: a look-up costs what it returns, and a full listing stays linear.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
};

use chrono::NaiveDate;

use super::{
    org,
    report::{Category, StoredReport},
};
use request::{Period, ReportType, Request};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    Anyones,
    Own,
    Of(String),
}

/// The partner itself (`None`) or an organisation, by its meaning.
type Owner = Option<String>;

fn owner(request: &Request) -> Owner {
    request.sub_partner.as_ref().map(org::meaning)
}

/// All filters of a list but the status, which changes with time.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) whose: Whose,
    pub(super) report_type: Option<ReportType>,
    pub(super) start: Option<NaiveDate>,
    pub(super) end: Option<NaiveDate>,
}

impl Filter {
    fn admits(&self, request: &Request) -> bool {
        let whose = match &self.whose {
            Whose::Anyones => true,
            Whose::Own => request.sub_partner.is_none(),
            Whose::Of(org) => owner(request).as_ref() == Some(org),
        };
        whose
            && self.report_type.is_none_or(|t| t == request.report_type)
            && self.start.is_none_or(|day| day == request.period.start())
            && self.end.is_none_or(|day| day == request.period.end())
    }

    fn shelf(&self) -> Option<Shelf> {
        let period = Period::new(self.start?, self.end?).ok()?;
        Some(Shelf {
            report_type: self.report_type?,
            period,
            whose: match &self.whose {
                Whose::Anyones => None,
                Whose::Own => Some(None),
                Whose::Of(org) => Some(Some(org.clone())),
            },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shelf {
    report_type: ReportType,
    period: Period,
    whose: Option<Owner>,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    /// Report `n` is at `n - 1`; `None` once deleted.
    reports: Vec<Option<StoredReport>>,
    by_id: HashMap<String, u64>,
    /// Numbers in ascending order.
    shelves: HashMap<Shelf, Vec<u64>>,
    by_start: BTreeSet<(NaiveDate, u64)>,
}

impl Store {
    pub(super) fn next_number(&self) -> u64 {
        self.reports.len() as u64 + 1
    }

    pub(super) fn insert(&mut self, report: StoredReport) {
        while self.next_number() < report.number {
            self.reports.push(None);
        }
        for shelf in shelves_of(&report.request) {
            self.shelves.entry(shelf).or_default().push(report.number);
        }
        self.by_start.insert((report.request.period.start(), report.number));
        self.by_id.insert(report.id.clone(), report.number);
        self.reports.push(Some(report));
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<StoredReport> {
        let number = self.by_id.remove(id)?;
        let report = self.slot(number)?.take()?;
        for shelf in shelves_of(&report.request) {
            if let Some(numbers) = self.shelves.get_mut(&shelf)
                && let Ok(at) = numbers.binary_search(&number)
            {
                numbers.remove(at);
            }
        }
        self.by_start.remove(&(report.request.period.start(), number));
        Some(report)
    }

    pub(super) fn get(&self, id: &str) -> Option<&StoredReport> {
        self.numbered(*self.by_id.get(id)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &StoredReport> {
        self.reports.iter().flatten()
    }

    pub(super) fn has(&self, request: &Request) -> bool {
        let shelf = Shelf {
            report_type: request.report_type,
            period: request.period,
            whose: Some(owner(request)),
        };
        self.shelves
            .get(&shelf)
            .into_iter()
            .flatten()
            .filter_map(|number| self.numbered(*number))
            .any(|report| {
                report.category == Category::Reconciliation
                    && report.request.internal == request.internal
            })
    }

    pub(super) fn by_start<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<(NaiveDate, u64)>,
    ) -> Box<dyn Iterator<Item = &'a StoredReport> + 'a> {
        if let (Some(shelf), Some(start)) = (filter.shelf(), filter.start) {
            let numbers = self.shelves.get(&shelf).map_or(&[][..], Vec::as_slice);
            let from = after.map_or(0, |after| numbers.partition_point(|n| (start, *n) <= after));
            let rest = numbers.get(from..).unwrap_or_default();
            return Box::new(rest.iter().filter_map(|number| self.numbered(*number)));
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Box::new(
            self.by_start
                .range((from, Bound::Unbounded))
                .filter_map(|(_, number)| self.numbered(*number))
                .filter(|report| filter.admits(&report.request)),
        )
    }

    fn numbered(&self, number: u64) -> Option<&StoredReport> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.reports.get(at)?.as_ref()
    }

    fn slot(&mut self, number: u64) -> Option<&mut Option<StoredReport>> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.reports.get_mut(at)
    }
}

fn shelves_of(request: &Request) -> [Shelf; 2] {
    let everyones = Shelf { report_type: request.report_type, period: request.period, whose: None };
    let own = Shelf { whose: Some(owner(request)), ..everyones.clone() };
    [everyones, own]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use chrono::DateTime;

    use super::*;
    use crate::model::report::{Origin, Person};

    fn request(org: u8, report_type: usize, month: u32) -> Request {
        Request {
            sub_partner: (org > 0).then(|| format!("org{org}").parse().unwrap()),
            report_type: ReportType::ALL[report_type],
            period: Period::month(2026, month).unwrap(),
            internal: false,
        }
    }

    proptest! {
        /// Every filter and every place to go on from, against plain filtering and sorting.
        #[test]
        fn the_indexes_say_what_a_scan_says(
            made in prop::collection::vec((0u8..3, 0usize..3, 1u32..4), 0..40),
            deleted in prop::collection::vec(0usize..40, 0..10),
            whose in 0u8..5,
            report_type in prop::option::of(0usize..3),
            start in prop::option::of(1u32..4),
            end in prop::option::of(1u32..4),
            after in prop::option::of((1u32..4, 0u64..40)),
        ) {
            let mut store = Store::default();
            for (org, report_type, month) in made {
                let number = store.next_number();
                store.insert(StoredReport {
                    number,
                    id: format!("id{number}"),
                    request: request(org, report_type, month),
                    made: DateTime::UNIX_EPOCH,
                    listed_from: DateTime::UNIX_EPOCH,
                    category: Category::Reconciliation,
                    by: Person::Us,
                    origin: Origin::Create,
                });
            }
            for at in deleted {
                store.remove(&format!("id{at}"));
            }
            let month = |m: u32| Period::month(2026, m).unwrap();
            let filter = Filter {
                whose: match whose {
                    0 | 4 => Whose::Anyones,
                    1 => Whose::Own,
                    n => Whose::Of(format!("org{}", n - 1)),
                },
                report_type: report_type.map(|t| ReportType::ALL[t]),
                start: start.map(|m| month(m).start()),
                end: end.map(|m| month(m).end()),
            };
            let after = after.map(|(m, number)| (month(m).start(), number));
            let place = |r: &&StoredReport| (r.request.period.start(), r.number);
            let mut expected: Vec<_> = store
                .iter()
                .filter(|r| filter.admits(&r.request) && after.is_none_or(|after| place(r) > after))
                .collect();
            expected.sort_by_key(place);
            let found: Vec<_> = store.by_start(&filter, after).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
