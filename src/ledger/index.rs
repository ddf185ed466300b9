//! Finds the row of an id in five bytes a row: the ids themselves stand in the rows.

use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};

use super::{Row, RowIndex};

#[derive(Debug, Clone)]
pub(super) struct Index<I> {
    places: HashTable<RowIndex>,
    id_of: fn(&Row) -> Option<&I>,
}

impl<I: Hash + Eq> Index<I> {
    pub(super) fn new(id_of: fn(&Row) -> Option<&I>) -> Self {
        Index { places: HashTable::new(), id_of }
    }

    pub(super) fn find(&self, id: &I, rows: &[Row]) -> Option<RowIndex> {
        let is_it = |place: &RowIndex| (self.id_of)(place.of(rows)) == Some(id);
        self.places.find(hash(id), is_it).copied()
    }

    /// The first row of an id keeps it.
    pub(super) fn insert(&mut self, place: RowIndex, rows: &[Row]) {
        let Some(id) = (self.id_of)(place.of(rows)) else {
            return;
        };
        let is_it = |known: &RowIndex| (self.id_of)(known.of(rows)) == Some(id);
        let hash_of = |known: &RowIndex| (self.id_of)(known.of(rows)).map_or(0, hash);
        if let Entry::Vacant(free) = self.places.entry(hash(id), is_it, hash_of) {
            free.insert(place);
        }
    }

    pub(super) fn reserve(&mut self, more: usize, rows: &[Row]) {
        let hash_of = |place: &RowIndex| (self.id_of)(place.of(rows)).map_or(0, hash);
        self.places.reserve(more, hash_of);
    }

    /// To be called before the row changes.
    pub(super) fn remove(&mut self, place: RowIndex, rows: &[Row]) {
        if let Some(id) = (self.id_of)(place.of(rows))
            && let Ok(entry) = self.places.find_entry(hash(id), |known| *known == place)
        {
            entry.remove();
        }
    }

    pub(super) fn rebuild(&mut self, rows: &[Row]) {
        self.places.clear();
        for place in RowIndex::all(rows.len()) {
            self.insert(place, rows);
        }
    }
}

fn hash<I: Hash>(id: &I) -> u64 {
    FixedState::default().hash_one(id)
}
