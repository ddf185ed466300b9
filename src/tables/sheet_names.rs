use std::collections::HashSet;

/// In UTF-16 units.
const LONGEST: usize = 31;
const FORBIDDEN: &[char] = &['[', ']', ':', '*', '?', '/', '\\', '\''];
/// A spreadsheet keeps this name for itself.
const RESERVED: &str = "history";

/// The names of the sheets of a workbook, each once whatever its case.
#[derive(Debug, Default)]
pub(super) struct SheetNames {
    taken: HashSet<String>,
}

impl SheetNames {
    /// `wanted` as far as a sheet can be called so. If the name is taken, it gets a number: `invoice (2)`.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let is_forbidden = |c: char| FORBIDDEN.contains(&c) || c.is_control();
        let clean: String =
            wanted.trim().chars().map(|c| if is_forbidden(c) { '-' } else { c }).collect();
        let clean = if clean.is_empty() { "sheet" } else { &clean };
        let mut number = 1_u32;
        loop {
            let end = if number == 1 { String::new() } else { format!(" ({number})") };
            let name = beginning(clean, LONGEST - end.len()).to_owned() + &end;
            let folded = name.to_lowercase();
            if folded != RESERVED && self.taken.insert(folded) {
                return name;
            }
            number += 1;
        }
    }
}

/// At most `most` UTF-16 units.
fn beginning(text: &str, most: usize) -> &str {
    let mut length = 0;
    let end = text.char_indices().find(|(_, c)| {
        length += c.len_utf16();
        length > most
    });
    end.map_or(text, |(at, _)| text[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_sheets() {
        let mut names = SheetNames::default();
        let long = "a-name-that-is-longer-than-31-characters";
        for (wanted, name) in [
            ("invoice", "invoice"),
            ("Invoice", "Invoice (2)"),
            ("invoice", "invoice (3)"),
            ("a/b:c*d?e[f]g\\h'i\u{7}", "a-b-c-d-e-f-g-h-i-"),
            ("", "sheet"),
            ("History", "History (2)"),
            (long, "a-name-that-is-longer-than-31-c"),
            (long, "a-name-that-is-longer-than- (2)"),
            ("😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀", "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀"),
        ] {
            let taken = names.take(wanted);
            assert_eq!(taken, name);
            assert!(taken.encode_utf16().count() <= LONGEST, "{taken}");
            assert_eq!(rust_xlsxwriter::utility::check_sheet_name(&taken).ok(), Some(()));
        }
    }
}
