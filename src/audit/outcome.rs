use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::{accepted::Acceptances, difference::Difference, lists::AuditedList, totals::Total};
use reconcile::DifferenceId;

/// How much was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Checked {
    /// Planned requests that were selected.
    pub requests: usize,
    /// Reports of theirs that the ledger has, each sought at the server.
    pub reports: usize,
    /// Files that the ledger names and that are there, each read to its end.
    pub files: usize,
    /// Those of them that are unchanged and have no row below their header.
    pub empty: usize,
    /// Sub-partners (or the partner itself) with their periods whose sums were compared.
    pub totals: usize,
    /// Reports whose figures were compared with those of an earlier ledger.
    pub compared: usize,
    /// Reports that an earlier ledger has a row for, and whose figure is not known of both sides.
    pub incomparable: usize,
    /// Entries of `reconcile:` that were compared, each period of its own.
    pub lists: usize,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audit {
    /// In plan order; of one request in the order of [`super::DifferenceKind`]. Vanished ones come last.
    pub differences: Vec<Difference>,
    pub checked: Checked,
    /// Every sum, in plan order, then by its columns.
    pub totals: Vec<Total>,
    /// Every entry of `reconcile:` in each of its periods.
    pub lists: Vec<AuditedList>,
}

impl Audit {
    /// Takes over what was found of lists.
    pub fn add_lists(&mut self, lists: Vec<AuditedList>) {
        self.differences.extend(lists.iter().filter_map(|list| list.difference.clone()));
        self.checked.lists = lists.len();
        self.lists = lists;
    }

    /// Gives each difference what a person said about it.
    pub fn accept(&mut self, acceptances: &Acceptances) {
        for difference in &mut self.differences {
            difference.acceptance = acceptances.get(difference.id).cloned();
        }
    }

    /// Those that no person has accepted.
    pub fn counting(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|it| it.counts())
    }

    /// Of all that was found, as far as it may be accepted.
    pub fn found_ids(&self) -> HashSet<DifferenceId> {
        let of_lists = self.lists.iter().flat_map(|list| &list.known).copied();
        self.differences.iter().map(|it| it.id).chain(of_lists).collect()
    }
}
