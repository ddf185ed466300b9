//! Many keys in one block of memory, each once.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table::Entry};

use crate::key::{Key, cells, split};

/// Each key has an index, in the order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    bytes: Vec<u8>,
    keys: Vec<KeyPlace>,
    index: HashTable<u32>,
}

/// Where a key's two forms stand in the block; they may be one.
#[derive(Debug, Clone, Copy)]
struct KeyPlace {
    normal_at: usize,
    shown_at: usize,
    normal_len: u32,
    shown_len: u32,
    is_preferred: bool,
}

impl KeyPlace {
    fn normal<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.normal_at..self.normal_at + self.normal_len as usize]
    }

    fn shown<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.shown_at..self.shown_at + self.shown_len as usize]
    }
}

fn hash(normal: &[u8]) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(normal);
    hasher.finish()
}

impl KeyTable {
    /// The index of the key, which is new or known; `None` if there are too many. Of several spellings, a preferred one
    /// is kept, then the first by bytes.
    pub(crate) fn place(&mut self, key: &Key, is_preferred: bool) -> Option<usize> {
        let KeyTable { bytes, keys, index } = self;
        let is_same = |at: &u32| keys[*at as usize].normal(bytes) == key.normal;
        let rehash = |at: &u32| hash(keys[*at as usize].normal(bytes));
        match index.entry(hash(&key.normal), is_same, rehash) {
            Entry::Occupied(found) => {
                let at = *found.get() as usize;
                let known = keys[at];
                let is_better = is_preferred && !known.is_preferred;
                let is_first =
                    is_preferred == known.is_preferred && *key.shown < *known.shown(bytes);
                if is_better || is_first {
                    keys[at].is_preferred = is_preferred;
                    keys[at].shown_len = u32::try_from(key.shown.len()).ok()?;
                    keys[at].shown_at = if key.shown == key.normal {
                        known.normal_at
                    } else if key.shown == known.shown(bytes) {
                        known.shown_at
                    } else {
                        append(bytes, &key.shown)
                    };
                }
                Some(at)
            }
            Entry::Vacant(place) => {
                let at = u32::try_from(keys.len()).ok()?;
                let normal_len = u32::try_from(key.normal.len()).ok()?;
                let shown_len = u32::try_from(key.shown.len()).ok()?;
                let normal_at = append(bytes, &key.normal);
                let shown_at =
                    if key.shown == key.normal { normal_at } else { append(bytes, &key.shown) };
                keys.push(KeyPlace { normal_at, shown_at, normal_len, shown_len, is_preferred });
                place.insert(at);
                Some(at as usize)
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The cells of a key, as they are shown.
    pub(crate) fn cells(&self, at: usize) -> Vec<String> {
        cells(self.keys[at].shown(&self.bytes))
    }

    /// The cells of a key, as they are compared.
    pub(crate) fn normal_cells(&self, at: usize) -> Vec<Vec<u8>> {
        split(self.keys[at].normal(&self.bytes))
    }

    /// What keys are sorted by: the bytes that are shown; where they are equal, those that are compared.
    fn order(&self, at: u32) -> (&[u8], &[u8]) {
        let key = &self.keys[at as usize];
        (key.shown(&self.bytes), key.normal(&self.bytes))
    }

    /// Sorts keys by group, then by what is shown. Most are told apart by a few bytes after those that all of them begin
    /// with: these are looked up once for each key.
    pub(crate) fn sort<G: Ord + Copy>(&self, keys: Vec<(G, u32)>) -> Vec<(G, u32)> {
        let Some((_, first)) = keys.first() else { return keys };
        let (first, _) = self.order(*first);
        let alike = keys.iter().fold(first.len(), |alike, (_, at)| {
            let (shown, _) = self.order(*at);
            first[..alike].iter().zip(shown).take_while(|(a, b)| a == b).count()
        });
        let with_bytes = keys.into_iter().map(|(group, at)| {
            let (shown, _) = self.order(at);
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(&shown[alike..]).for_each(|(byte, shown)| *byte = *shown);
            (group, u64::from_be_bytes(bytes), at)
        });
        let mut sorted: Vec<(G, u64, u32)> = with_bytes.collect();
        sorted.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| self.order(a.2).cmp(&self.order(b.2)))
        });
        sorted.into_iter().map(|(group, _, at)| (group, at)).collect()
    }

    /// Frees what only finds keys.
    pub(crate) fn close(&mut self) {
        self.index = HashTable::new();
    }
}

fn append(bytes: &mut Vec<u8>, key: &[u8]) -> usize {
    let at = bytes.len();
    bytes.extend_from_slice(key);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preferred_spelling_is_shown_and_of_several_the_first() {
        let key = |text: &str| {
            let mut key = Key::new(true);
            key.push(text.as_bytes());
            key
        };
        let mut table = KeyTable::default();
        for (spelling, is_preferred, shown) in [
            ("acme", false, "acme"),
            ("Acme", false, "Acme"),
            ("acMe", false, "Acme"),
            ("acme", true, "acme"),
            ("ACME", false, "acme"),
            ("ACme", true, "ACme"),
            ("AcME", true, "ACme"),
        ] {
            assert_eq!(table.place(&key(spelling), is_preferred), Some(0));
            assert_eq!(table.cells(0), [shown], "{spelling}");
        }
        assert_eq!(table.place(&key("Other"), false), Some(1));
        assert_eq!((table.cells(1), table.len()), (vec!["Other".to_owned()], 2));
        for n in 0..10_000 {
            assert_eq!(table.place(&key(&n.to_string()), true), Some(n + 2));
        }
        assert_eq!(table.place(&key("oTHER"), false), Some(1));
    }
}
