//! Text in its one form: foreign text made harmless (what a terminal, an editor or a ledger's cell must not get), numbers
//! and hashes as they are written everywhere.

use std::{borrow::Cow, fmt::Write as _, io};

/// `text` on one line: control characters and white space of every kind become one blank, what cannot be seen but
/// changes how the text around it looks is dropped. There is no blank at either end.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_control() || c.is_whitespace() {
            gap = true;
        } else if !is_invisible(c) {
            if gap && !line.is_empty() {
                line.push(' ');
            }
            gap = false;
            line.push(c);
        }
    }
    line
}

/// A number as people read it: `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 request`, `1,234 requests`.
pub fn count(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(n as u64))
}

/// JSON in which nothing is a workflow command of GitHub Actions (`##[` anywhere in a line); it means the same.
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    if json.contains("##[") {
        json.replace("##[", r"#\u0023[").into()
    } else {
        json.into()
    }
}

/// A word as a shell has to be given it.
pub fn shell_word(word: &str) -> String {
    match shlex::try_quote(word) {
        Ok(quoted) => quoted.into_owned(),
        // No argument can hold a zero byte.
        Err(_) => word.to_owned(),
    }
}

/// What the system says, for people; see [`without_details`].
pub fn system_says(error: &io::Error) -> String {
    without_details(&error.to_string())
}

/// `text` without the numbers of the system's errors (` (os error 30)`), and without the temporary names under which files
/// are written first (` at path "…"`).
pub fn without_details(text: &str) -> String {
    let mut text = text.to_owned();
    for (begin, end) in [(" (os error ", ")"), (" at path \"", "\"")] {
        while let Some(from) = text.find(begin) {
            let inside = from + begin.len();
            let Some(length) = text[inside..].find(end) else {
                break;
            };
            text.replace_range(from..inside + length + end.len(), "");
        }
    }
    text
}

/// Bytes as lower-case hexadecimal digits: how hashes are written.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Whether `text` is one visible word: without a blank, and [`one_line`] would not change it.
pub fn is_word(text: &str) -> bool {
    let spoils = |c: char| c.is_control() || c.is_whitespace() || is_invisible(c);
    !text.is_empty() && !text.contains(spoils)
}

/// Characters that change how text around them looks without being seen: bidirectional controls,
/// zero-width characters, tags. (Line and paragraph separators are white space.)
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_single_and_harmless() {
        for (text, line) in [
            (" a\r\n\tb\u{2028}c ", "a b c"),
            ("a\r\nb\tc \u{1b}[31m d\u{2029}e", "a b c [31m d e"),
            ("in\u{202e}visible\u{feff}", "invisible"),
            ("le\u{200b}ft \u{200f} right", "left right"),
            ("\u{0}\u{7f}\u{85}", ""),
        ] {
            assert_eq!(one_line(text), line);
        }
        assert!(is_word("ROUTER_1"));
        for text in ["", "two words", "a\u{202e}b", "a\n"] {
            assert!(!is_word(text), "{text:?}");
        }
    }

    #[test]
    fn what_the_system_says_has_no_number_and_no_temporary_name() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(system_says(&full), full.to_string());
        for (text, said) in [
            (
                "Read-only file system (os error 30)",
                "Read-only file system",
            ),
            (
                "Read-only file system (os error 30) at path \"/tmp/.monthend.x\"",
                "Read-only file system",
            ),
            (
                "a: No such file (os error 2), b: Denied (os error 13)",
                "a: No such file, b: Denied",
            ),
            ("it is a folder (os error ", "it is a folder (os error "),
        ] {
            assert_eq!(system_says(&io::Error::other(text)), said);
        }
    }

    proptest! {
        #[test]
        fn a_line_stays_as_it_is(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_invisible(c)));
            prop_assert!(line.split(' ').all(is_word) || line.is_empty());
            prop_assert_eq!(one_line(&line), line);
        }
    }
}
