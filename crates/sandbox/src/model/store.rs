//! The reports that exist, indexed: a look-up costs about what it returns, and a full listing stays linear.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
};

use chrono::NaiveDate;

use super::{
    org,
    report::{Category, StoredReport},
};
use request::{ReportType, Request};

/// The partner itself (`None`) or an organisation, by its meaning.
type Owner = Option<String>;

fn owner(request: &Request) -> Owner {
    request.sub_partner.as_ref().map(org::meaning)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    Anyones,
    Of(Owner),
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
    /// Whatever `whose` and `start` say: the indexes know those.
    fn admits(&self, request: &Request) -> bool {
        self.report_type.is_none_or(|t| t == request.report_type)
            && self.end.is_none_or(|day| day == request.period.end())
    }
}

/// First day and number: the order of a list.
type ByStart = BTreeSet<(NaiveDate, u64)>;

#[derive(Debug, Default)]
pub(super) struct Store {
    /// Report `n` is at `n - 1`; `None` once deleted.
    reports: Vec<Option<StoredReport>>,
    by_id: HashMap<String, u64>,
    by_start: ByStart,
    by_owner: HashMap<Owner, ByStart>,
}

impl Store {
    pub(super) fn next_number(&self) -> u64 {
        self.reports.len() as u64 + 1
    }

    pub(super) fn insert(&mut self, report: StoredReport) {
        while self.next_number() < report.number {
            self.reports.push(None);
        }
        let place = (report.request.period.start(), report.number);
        self.by_start.insert(place);
        self.by_owner.entry(owner(&report.request)).or_default().insert(place);
        self.by_id.insert(report.id.clone(), report.number);
        self.reports.push(Some(report));
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<StoredReport> {
        let number = self.by_id.remove(id)?;
        let report = self.reports.get_mut(index(number)?)?.take()?;
        let place = (report.request.period.start(), number);
        self.by_start.remove(&place);
        self.by_owner.get_mut(&owner(&report.request))?.remove(&place);
        Some(report)
    }

    pub(super) fn get(&self, id: &str) -> Option<&StoredReport> {
        self.numbered(*self.by_id.get(id)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &StoredReport> {
        self.reports.iter().flatten()
    }

    /// The reports of this request, however it spells its organisation.
    pub(super) fn same(&self, request: &Request) -> impl Iterator<Item = &StoredReport> {
        let start = request.period.start();
        let index = self.by_owner.get(&owner(request)).into_iter();
        let places = index.flat_map(move |index| index.range((start, 0)..=(start, u64::MAX)));
        places.filter_map(|(_, number)| self.numbered(*number)).filter(|report| {
            // `by_owner` knows the organisation.
            let same =
                Request { sub_partner: request.sub_partner.clone(), ..report.request.clone() };
            report.category == Category::Reconciliation && same == *request
        })
    }

    pub(super) fn by_start<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<(NaiveDate, u64)>,
    ) -> impl Iterator<Item = &'a StoredReport> {
        let index = match &filter.whose {
            Whose::Anyones => Some(&self.by_start),
            Whose::Of(owner) => self.by_owner.get(owner),
        };
        // Reports are numbered from 1.
        let first = filter.start.map(|day| (day, 0)).max(after);
        let from = first.map_or(Bound::Unbounded, Bound::Excluded);
        let places = index.into_iter().flat_map(move |index| index.range((from, Bound::Unbounded)));
        places
            .take_while(|(start, _)| filter.start.is_none_or(|day| day == *start))
            .filter_map(|(_, number)| self.numbered(*number))
            .filter(|report| filter.admits(&report.request))
    }

    fn numbered(&self, number: u64) -> Option<&StoredReport> {
        self.reports.get(index(number)?)?.as_ref()
    }
}

fn index(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use chrono::DateTime;

    use super::*;
    use crate::model::report::{Origin, Person};
    use request::Period;

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
                    restated: 0,
                });
            }
            for at in deleted {
                store.remove(&format!("id{at}"));
            }
            let month = |m: u32| Period::month(2026, m).unwrap();
            let filter = Filter {
                whose: match whose {
                    0 | 4 => Whose::Anyones,
                    1 => Whose::Of(None),
                    n => Whose::Of(Some(format!("org{}", n - 1))),
                },
                report_type: report_type.map(|t| ReportType::ALL[t]),
                start: start.map(|m| month(m).start()),
                end: end.map(|m| month(m).end()),
            };
            let after = after.map(|(m, number)| (month(m).start(), number));
            let place = |r: &&StoredReport| (r.request.period.start(), r.number);
            let mut expected: Vec<_> = store
                .iter()
                .filter(|r| {
                    let is_meant = match &filter.whose {
                        Whose::Anyones => true,
                        Whose::Of(whose) => owner(&r.request) == *whose,
                    };
                    is_meant
                        && filter.admits(&r.request)
                        && filter.start.is_none_or(|day| day == r.request.period.start())
                        && after.is_none_or(|after| place(r) > after)
                })
                .collect();
            expected.sort_by_key(place);
            let found: Vec<_> = store.by_start(&filter, after).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
