//! While a request is in flight or in doubt, none of its twins is in flight (docs/guarantees.md, "Twins"). Within a
//! type and period, the partner's own requests exclude all others, and the requests of one sub-partner each other: it
//! is enough to count the busy ones and to queue those that wait.

use std::collections::VecDeque;

use foldhash::HashMap;

use request::{OrgId, Period, ReportType, Request};

/// Who is busy and who waits; `W` is returned when its turn comes.
#[derive(Debug)]
pub(super) struct Twins<W> {
    groups: HashMap<(ReportType, Period), Group<W>>,
}

#[derive(Debug)]
struct Group<W> {
    busy: HashMap<Option<OrgId>, usize>,
    waiting: VecDeque<(Request, W)>,
}

impl<W> Default for Twins<W> {
    fn default() -> Self {
        Twins { groups: HashMap::default() }
    }
}

impl<W> Group<W> {
    fn is_free_for(&self, request: &Request) -> bool {
        match &request.sub_partner {
            None => self.busy.is_empty(),
            org @ Some(_) => !self.busy.contains_key(&None) && !self.busy.contains_key(org),
        }
    }
}

impl<W> Twins<W> {
    pub(super) fn is_free_for(&self, request: &Request) -> bool {
        self.groups.get(&key(request)).is_none_or(|group| group.is_free_for(request))
    }

    /// `request` is in flight or in doubt from now on. Counted, because the ledger may have a twin in doubt, too.
    pub(super) fn begin(&mut self, request: &Request) {
        let group = self
            .groups
            .entry(key(request))
            .or_insert_with(|| Group { busy: HashMap::default(), waiting: VecDeque::new() });
        *group.busy.entry(request.sub_partner.clone()).or_default() += 1;
    }

    pub(super) fn wait(&mut self, request: Request, what: W) {
        if let Some(group) = self.groups.get_mut(&key(&request)) {
            group.waiting.push_back((request, what));
        }
    }

    /// Returns those that can go now, in the order in which they came; each must begin at once or ask again.
    pub(super) fn end(&mut self, request: &Request) -> Vec<W> {
        let key = key(request);
        let Some(group) = self.groups.get_mut(&key) else {
            return Vec::new();
        };
        if let Some(count) = group.busy.get_mut(&request.sub_partner) {
            *count -= 1;
            if *count == 0 {
                group.busy.remove(&request.sub_partner);
            }
        }
        let waiting = std::mem::take(&mut group.waiting);
        let (free, still): (VecDeque<_>, VecDeque<_>) =
            waiting.into_iter().partition(|(waits, _)| group.is_free_for(waits));
        group.waiting = still;
        if group.busy.is_empty() && group.waiting.is_empty() {
            self.groups.remove(&key);
        }
        free.into_iter().map(|(_, what)| what).collect()
    }
}

fn key(request: &Request) -> (ReportType, Period) {
    (request.report_type, request.period)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(number: u8) -> Request {
        Request {
            sub_partner: [None, Some("a"), Some("b")][usize::from(number % 3)]
                .map(|o| o.parse().unwrap()),
            report_type: ReportType::ALL[usize::from(number / 3 % 2)],
            period: Period::month(2026, 1 + u32::from(number / 6 % 2)).unwrap(),
            internal: number / 12 % 2 == 1,
        }
    }

    proptest! {
        /// Whoever is begun only when free is never busy together with a twin, and nobody waits for ever.
        #[test]
        fn twins_never_fly_together(order in Just((0..24u8).collect::<Vec<_>>()).prop_shuffle(), ends in proptest::collection::vec(any::<prop::sample::Index>(), 200)) {
            let mut twins = Twins::default();
            let mut ready: VecDeque<u8> = order.into();
            let mut busy: Vec<u8> = Vec::new();
            let mut done = 0;
            for end in ends {
                while let Some(number) = ready.pop_front() {
                    let r = request(number);
                    if twins.is_free_for(&r) {
                        prop_assert!(busy.iter().all(|b| !request(*b).is_twin_of(&r)));
                        twins.begin(&r);
                        busy.push(number);
                    } else {
                        prop_assert!(busy.iter().any(|b| request(*b).is_twin_of(&r)));
                        twins.wait(r, number);
                    }
                }
                if busy.is_empty() { break; }
                let ended = busy.swap_remove(end.index(busy.len()));
                done += 1;
                ready.extend(twins.end(&request(ended)));
            }
            prop_assert_eq!(done, 24);
            prop_assert!(twins.groups.is_empty());
        }
    }
}
