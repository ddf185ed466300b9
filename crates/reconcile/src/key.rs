//! Keys: several cells of a row as one value. Spellings of one thing are equal.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::table::trimmed;

/// `ciscospark:/` in base64: all ids of the Webex API begin with it.
const WEBEX_ID: &[u8] = b"Y2lzY29zcGFyazov";
/// In bytes; real ids have fewer than a hundred.
const LONGEST_ID: usize = 512;
const UUID_LEN: usize = 36;

/// Ends a cell. A zero byte within a cell is followed by [`ZERO`], so the order of keys is that of their cells.
const END: [u8; 2] = [0, 0];
const ZERO: [u8; 2] = [0, 1];
/// Stands before a value that was not translated: it equals none that was.
const UNTRANSLATED: [u8; 2] = [0, 2];

/// The key of one row, cell by cell. Filled again for each row, so that it needs no memory of its own.
#[derive(Debug, Clone, Default)]
pub struct Key {
    ignores_case: bool,
    /// What is compared.
    pub(crate) normal: Vec<u8>,
    /// What is shown.
    pub(crate) shown: Vec<u8>,
    has_text: bool,
    is_untranslated: bool,
}

impl Key {
    /// A key without cells. `ignores_case`: letters that differ in case only are equal.
    pub fn new(ignores_case: bool) -> Self {
        Key { ignores_case, ..Key::default() }
    }

    /// Removes the cells.
    pub fn clear(&mut self) {
        self.normal.clear();
        self.shown.clear();
        self.has_text = false;
        self.is_untranslated = false;
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &[u8]) {
        let cell = trimmed(cell);
        self.has_text |= !cell.is_empty();
        escape(cell, &mut self.shown);
        if let Some(mut uuid) = uuid(cell) {
            uuid.make_ascii_lowercase();
            escape(&uuid, &mut self.normal);
        } else if !self.ignores_case {
            escape(cell, &mut self.normal);
        } else if let Ok(text) = std::str::from_utf8(cell)
            && !cell.is_ascii()
        {
            let folded: String = text.chars().map(folded).collect();
            escape(folded.as_bytes(), &mut self.normal);
        } else {
            escape(&cell.to_ascii_lowercase(), &mut self.normal);
        }
    }

    /// Adds a cell that a translation lacks.
    pub fn push_untranslated(&mut self, cell: &[u8]) {
        self.is_untranslated = true;
        self.normal.extend(UNTRANSLATED);
        self.push(cell);
    }

    /// Whether any cell has text in it.
    pub fn has_text(&self) -> bool {
        self.has_text
    }

    /// Whether a translation lacks any of its values.
    pub fn is_untranslated(&self) -> bool {
        self.is_untranslated
    }
}

fn escape(cell: &[u8], out: &mut Vec<u8>) {
    if cell.contains(&0) {
        for byte in cell {
            match byte {
                0 => out.extend(ZERO),
                byte => out.push(*byte),
            }
        }
    } else {
        out.extend_from_slice(cell);
    }
    out.extend(END);
}

/// The cells that a key shows. Bytes that are not UTF-8 are replaced.
pub(crate) fn cells(mut shown: &[u8]) -> Vec<String> {
    let mut cells = Vec::new();
    let mut cell = Vec::new();
    while let Some(zero) = shown.iter().position(|byte| *byte == 0) {
        cell.extend_from_slice(&shown[..zero]);
        let (mark, rest) = shown[zero..].split_at(END.len());
        if mark == END {
            cells.push(String::from_utf8_lossy(&cell).into_owned());
            cell.clear();
        } else {
            cell.push(0);
        }
        shown = rest;
    }
    cells
}

/// The cells of a key, with the marks in them.
pub(crate) fn split(mut normal: &[u8]) -> Vec<Vec<u8>> {
    let mut cells = Vec::new();
    let mut from = 0;
    while let Some(zero) = normal[from..].iter().position(|byte| *byte == 0) {
        let at = from + zero;
        if normal[at..].starts_with(&END) {
            cells.push(normal[..at].to_vec());
            normal = &normal[at + END.len()..];
            from = 0;
        } else {
            from = at + ZERO.len();
        }
    }
    cells
}

/// One letter for another: what would become several letters stays, so composed and decomposed forms stay different.
fn folded(c: char) -> char {
    fn one(mut letters: impl Iterator<Item = char>, c: char) -> char {
        letters.next().filter(|_| letters.next().is_none()).unwrap_or(c)
    }
    let upper = one(c.to_uppercase(), c);
    one(upper.to_lowercase(), upper)
}

/// The UUID that a cell is, or that is in a Webex id.
fn uuid(cell: &[u8]) -> Option<[u8; UUID_LEN]> {
    if cell.len() == UUID_LEN {
        return as_uuid(cell);
    }
    if !cell.starts_with(WEBEX_ID) || cell.len() > LONGEST_ID {
        return None;
    }
    let mut decoded = [0; LONGEST_ID];
    let padding = cell.iter().rev().take_while(|byte| **byte == b'=').count();
    let length =
        BASE64_URL_SAFE_NO_PAD.decode_slice(&cell[..cell.len() - padding], &mut decoded).ok()?;
    decoded[..length].rsplit(|byte| *byte == b'/').next().and_then(as_uuid)
}

fn as_uuid(text: &[u8]) -> Option<[u8; UUID_LEN]> {
    let uuid: [u8; UUID_LEN] = text.try_into().ok()?;
    let is_uuid = uuid.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    is_uuid.then_some(uuid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "96abc2aa-3dcc-11e5-a152-fe34819cdc9a";

    fn key(cells: &[&[u8]], ignores_case: bool) -> Key {
        let mut key = Key::new(ignores_case);
        cells.iter().for_each(|cell| key.push(cell));
        key
    }

    fn are_equal(a: &str, b: &str, ignores_case: bool) -> bool {
        key(&[a.as_bytes()], ignores_case).normal == key(&[b.as_bytes()], ignores_case).normal
    }

    #[test]
    fn spellings_of_one_thing_are_equal() {
        let id = |address: &str| BASE64_URL_SAFE_NO_PAD.encode(address);
        let organisation = id(&format!("ciscospark://us/ORGANIZATION/{UUID}"));
        let person =
            id(&format!("ciscospark://urn:TEAM:eu-central-1_k/PEOPLE/{}", UUID.to_uppercase()));
        let padded = format!("{organisation}==");
        for spelling in [UUID, &UUID.to_uppercase(), &organisation, &padded, &person] {
            for ignores_case in [false, true] {
                assert!(are_equal(UUID, spelling, ignores_case), "{spelling}");
                assert!(
                    are_equal(&format!("\u{3000}{spelling}\u{a0}"), UUID, ignores_case),
                    "{spelling}"
                );
            }
        }
        let other = id("ciscospark://us/ORGANIZATION/52cf576d");
        let longer = id(&format!("ciscospark://us/LICENSE/{UUID}:CF_1"));
        for (a, b) in [
            (&*other, "52cf576d"),
            (&longer, UUID),
            (&organisation.to_lowercase(), UUID),
            (&id(&format!("webex://us/ORGANIZATION/{UUID}")), UUID),
            (&organisation[..organisation.len() - 1], UUID),
            (&format!("{{{UUID}}}"), UUID),
            (&UUID.replace('-', ""), UUID),
            (&UUID.replace('9', "g"), UUID),
            (&format!("Y2lzY29zcGFyazov{}", "A".repeat(LONGEST_ID)), UUID),
        ] {
            assert!(!are_equal(a, b, true), "{a}");
            assert!(are_equal(a, a, false), "{a}");
        }
    }

    #[test]
    fn case_counts_unless_it_is_ignored() {
        for (a, b) in
            [("Acme", "ACME"), ("Müller", "MÜLLER"), ("ΟΔΟΣ", "οδος"), ("ǅ", "ǆ"), ("Я", "я")]
        {
            assert!(are_equal(a, b, true), "{a}, {b}");
            assert!(!are_equal(a, b, false), "{a}, {b}");
        }
        for (a, b) in [
            ("e\u{301}", "\u{e9}"),
            ("ΐ", "ι\u{308}\u{301}"),
            ("İ", "i\u{307}"),
            ("ß", "ss"),
            ("a b", "a  b"),
            ("a", ""),
            ("0", "00"),
        ] {
            assert!(!are_equal(a, b, true), "{a}, {b}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_their_own_key() {
        for ignores_case in [false, true] {
            let latin = key(&[b" M\xfcller "], ignores_case);
            assert_eq!(latin.normal, key(&[b"M\xfcller"], ignores_case).normal);
            assert_ne!(latin.normal, key(&[b"M\xe4ller"], ignores_case).normal);
            assert_eq!(cells(&latin.shown), ["M\u{fffd}ller"]);
        }
    }

    #[test]
    fn a_value_that_is_not_translated_is_a_key_of_its_own() {
        let mut own = Key::default();
        own.push_untranslated(b"A");
        own.push(b"B");
        assert!(own.is_untranslated() && own.has_text());
        assert_ne!(own.normal, key(&[b"A", b"B"], false).normal);
        assert_eq!(cells(&own.shown), ["A", "B"]);
        let mut other = Key::default();
        other.push(b"A");
        other.push_untranslated(b"B");
        assert_ne!(own.normal, other.normal);
        own.clear();
        own.push(b" ");
        assert!(!own.is_untranslated() && !own.has_text());
        assert_eq!(cells(&own.shown), [""]);
    }

    proptest! {
        /// Cells of few bytes, so that they often are alike.
        #[test]
        fn keys_are_ordered_as_their_cells_are(
            a in prop::collection::vec(prop::collection::vec(prop::sample::select(&b"\0\x01ab\xff"[..]), 0..4), 2),
            b in prop::collection::vec(prop::collection::vec(prop::sample::select(&b"\0\x01ab\xff"[..]), 0..4), 2),
        ) {
            let keys = [&a, &b].map(|cells| {
                let cells: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
                key(&cells, false)
            });
            prop_assert_eq!(keys[0].shown.cmp(&keys[1].shown), a.cmp(&b));
            prop_assert_eq!(keys[0].normal.cmp(&keys[1].normal), a.cmp(&b));
            let shown: Vec<String> = a.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            prop_assert_eq!(cells(&keys[0].shown), shown);
        }

        #[test]
        fn ignoring_case_forgets_case_alone(text in "\\PC{0,12}") {
            let upper: String = text.chars().map(|c| c.to_uppercase().next().filter(|_| c.to_uppercase().count() == 1).unwrap_or(c)).collect();
            prop_assert!(are_equal(&text, &upper, true));
            let twice: String = text.chars().map(folded).map(folded).collect();
            prop_assert_eq!(twice, text.chars().map(folded).collect::<String>());
        }
    }
}
