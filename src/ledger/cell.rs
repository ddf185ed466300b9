use std::borrow::Cow;

/// A spreadsheet takes a cell that begins with one of these for a formula. Some read wide forms as ASCII.
const FORMULA_STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Puts a `'` before text that a spreadsheet would run as a formula, or that [`restore`] would take for such.
pub fn neutralise(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Undoes [`neutralise`]; other text stays as it is.
pub fn restore(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_text() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-3", "'-3"),
            ("'=1", "''=1"),
            ("''@x", "'''@x"),
            ("plain", "plain"),
            ("'quoted'", "'quoted'"),
            ("", ""),
        ] {
            assert_eq!(neutralise(text), cell);
            assert_eq!(restore(cell), text);
        }
        assert_eq!(restore("=typed by hand"), "=typed by hand");
    }

    proptest! {
        #[test]
        fn what_is_neutralised_is_restored(text in "['=+@x-]{0,6}|\\PC{0,12}") {
            let cell = neutralise(&text);
            prop_assert!(!is_formula(&cell));
            prop_assert_eq!(restore(&cell), text.as_str());
        }
    }
}
