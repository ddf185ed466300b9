//! Foreign text made harmless, and numbers and hashes as they are written everywhere.

mod secrets;

use std::{
    borrow::Cow,
    fmt::{Display, Write as _},
    io,
    path::Path,
};

use chrono::{DateTime, Datelike as _, NaiveDateTime, Utc};
use serde::{Deserialize as _, Deserializer};

pub use reconcile::{grouped, is_before_header};
pub use secrets::{hold, hold_address, holds_secret, masked, without_cut_secret};

/// In characters; longer [`foreign`] texts end in an ellipsis.
const LONGEST_LINE: usize = 300;
/// In characters; real codes and tracking ids have fewer than a hundred.
const LONGEST_WORD: usize = 128;

/// Text from a server or a library on one short line: without secrets ([`masked`]), and without user, password and
/// query of addresses. Empty only where nothing else is left.
pub fn foreign(text: &str) -> String {
    let line = one_line(&masked(text));
    let words = line.split(' ').map(place_only);
    let words: Vec<Cow<'_, str>> = words.filter(|word| !word.is_empty()).collect();
    shorten(words.join(" "))
}

/// A code or an id from outside: one word, or `None` where it is anything else or holds a secret.
pub fn foreign_word(text: &str) -> Option<String> {
    let word = text.trim();
    let fits = is_word(word) && word.chars().count() <= LONGEST_WORD && foreign(word) == word;
    fits.then(|| word.to_owned())
}

fn shorten(mut line: String) -> String {
    if let Some((cut, _)) = line.char_indices().nth(LONGEST_LINE)
        && let Some((last, _)) = line[..cut].char_indices().next_back()
    {
        line.truncate(last);
        line.push('…');
    }
    line
}

/// An address without user, password and query. One without scheme and host (`/a.csv?Signature=x`) is known by its
/// parameters; it may be encoded, as in a parameter of another one.
fn place_only(word: &str) -> Cow<'_, str> {
    let lower = word.to_ascii_lowercase();
    let after = |text: &str, marks: [&str; 2]| {
        let found = marks.iter().filter_map(|mark| Some((text.find(mark)?, mark.len())));
        found.min()
    };
    let authority = after(&lower, ["://", "%3a%2f%2f"]).map(|(at, length)| at + length);
    let query = after(&lower, ["?", "%3f"]).map(|(at, _)| at);
    let query =
        query.filter(|at| authority.is_some() || after(&lower[*at..], ["=", "%3d"]).is_some());
    let place = &word[..query.unwrap_or(word.len())];
    let user = authority.and_then(|start| {
        let host = &place.get(start..)?;
        let end = host.find(['/', '#']).unwrap_or(host.len());
        Some(start..start + host[..end].rfind('@')? + 1)
    });
    match user {
        Some(user) => format!("{}{}", &place[..user.start], &place[user.end..]).into(),
        None => place.into(),
    }
}

/// An address that somebody typed, without the user and password before its last `@`.
pub fn without_user(address: &str) -> Cow<'_, str> {
    let Some(user) = address.rfind('@') else {
        return address.into();
    };
    let start = address.find("://").map_or(0, |at| at + "://".len()).min(user);
    format!("{}[secret]{}", &address[..start], &address[user..]).into()
}

/// `text` without the user and password of any address in it.
pub fn without_users(text: &str) -> Cow<'_, str> {
    const SCHEME: &str = "://";
    let is_end = |c: char| c.is_whitespace() || "/?#\"'<>".contains(c);
    let mut pieces = text.split(SCHEME);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let host = &piece[..piece.find(is_end).unwrap_or(piece.len())];
        let rest = host.rfind('@').map_or(piece, |user| &piece[user..]);
        let hidden = if rest.len() < piece.len() { "[secret]" } else { "" };
        out.extend([SCHEME, hidden, rest]);
    }
    if out == text { text.into() } else { out.into() }
}

/// For a terminal: lines stay, and what could move the cursor, change colours or hide text is left out.
pub fn shown(text: &str) -> Cow<'_, str> {
    let is_kept = |c: char| c == '\n' || c == '\t' || !(c.is_control() || is_invisible(c));
    if text.chars().all(is_kept) {
        return text.into();
    }
    let kept: String = text.chars().filter(|c| is_kept(*c)).collect();
    kept.into()
}

/// Control characters and white space become single blanks, with none at either end; invisible characters are dropped.
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

/// RFC 3339; without an offset it is UTC. `None` where the year has not four digits (RFC 3339, 1): it could not be
/// written again, and sums with it could leave the calendar.
pub fn moment(text: &str) -> Option<DateTime<Utc>> {
    let read = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    let read = read.or_else(|_| text.parse().map(|local: NaiveDateTime| local.and_utc()));
    read.ok().filter(|moment| (0..=9999).contains(&moment.year()))
}

pub fn read_moment<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(from)?;
    moment(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no time")))
}

/// `1 request`, `1,234 requests`.
pub fn count(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(n as u64))
}

/// `a, b and 3 more`: the first names of `all`.
pub fn named(first: impl IntoIterator<Item: Display>, all: usize) -> String {
    of_all(first, all, (", ", " and "))
}

/// `a b; c d; and 3 more`: the first phrases of `all`, which may have commas in them.
pub fn named_phrases(first: impl IntoIterator<Item: Display>, all: usize) -> String {
    of_all(first, all, ("; ", "; and "))
}

fn of_all(
    first: impl IntoIterator<Item: Display>,
    all: usize,
    (between, before_more): (&str, &str),
) -> String {
    let first: Vec<String> = first.into_iter().map(|name| name.to_string()).collect();
    let named = first.join(between);
    match all.saturating_sub(first.len()) {
        0 => named,
        more => format!("{named}{before_more}{} more", grouped(more as u64)),
    }
}

/// JSON of the same meaning without workflow commands of GitHub Actions (`##[` anywhere in a line).
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    if json.contains("##[") { json.replace("##[", r"#\u0023[").into() } else { json.into() }
}

/// A path as a command takes it: one that looks like an option (`-v.yaml`) gets its folder.
pub fn typed_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let folder = if text.starts_with('-') { "./" } else { "" };
    format!("{folder}{text}")
}

/// As [`typed_path`], quoted for a shell.
pub fn shell_path(path: &Path) -> String {
    shell_word(&typed_path(path))
}

/// Quoted for a shell.
pub fn shell_word(word: &str) -> String {
    match shlex::try_quote(word) {
        Ok(quoted) => quoted.into_owned(),
        // No argument can hold a zero byte.
        Err(_) => word.to_owned(),
    }
}

/// An error of the system, for people; see [`without_details`].
pub fn system_says(error: &io::Error) -> String {
    without_details(&error.to_string())
}

/// `text` without ` (os error 30)`, and without temporary names (` at path "…"`).
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

/// In lower case, as hashes are written.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// One visible word: no blank, and [`one_line`] would not change it.
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(is_unseen)
}

/// Control characters, white space and [`is_invisible`] ones.
fn is_unseen(c: char) -> bool {
    c.is_control() || c.is_whitespace() || is_invisible(c)
}

/// Unicode's `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`: joiners, fillers, variation selectors,
/// bidirectional controls, tags), and the marks of interlinear annotations.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
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
    fn of_many_names_the_first_are_written() {
        assert_eq!(named([""; 0], 0), "");
        assert_eq!(named(["a"], 1), "a");
        assert_eq!(named(["a", "b"], 1_236), "a, b and 1,234 more");
        assert_eq!(named_phrases(["a, b", "c"], 3), "a, b; c; and 1 more");
    }

    #[test]
    fn foreign_lines_are_clean_and_short() {
        assert_eq!(foreign(" a\u{1b}[31m\nred\u{202e} "), "a [31m red");
        let long = foreign(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), LONGEST_LINE);
        assert!(long.ends_with("ä…"));
        hold("s3cret");
        assert_eq!(foreign("Bearer s3cret refused"), "Bearer [secret] refused");
        assert_eq!(foreign_word("id-s3cret"), None);
        assert_eq!(foreign_word("/a.csv?Signature=x"), None);
        assert_eq!(foreign_word(" 1001 "), Some("1001".to_owned()));
        assert_eq!(foreign_word("two words"), None);
        assert_eq!(foreign_word(""), None);
    }

    #[test]
    fn an_address_is_a_place_and_nothing_more() {
        for (text, line) in [
            (
                "PUT https://h.example/a.csv?Expires=1&Signature=x failed",
                "PUT https://h.example/a.csv failed",
            ),
            ("(https://u:p@h.example:8/a#b?c)", "(https://h.example:8/a#b"),
            ("https://u:p@h.example?a", "https://h.example"),
            ("https://h.example/a@b", "https://h.example/a@b"),
            ("ftp://u@h/?q", "ftp://h/"),
            ("get /a.csv?Signature=x, then", "get /a.csv then"),
            ("to=https%3A%2F%2Fh%2Fa.csv%3FSignature%3Dx&b", "to=https%3A%2F%2Fh%2Fa.csv"),
            ("is it right? a=b", "is it right? a=b"),
            ("why?! mail a@b.c", "why?! mail a@b.c"),
            ("://", "://"),
        ] {
            assert_eq!(foreign(text), line, "{text}");
        }
    }

    #[test]
    fn moments_have_years_of_four_digits() {
        for (text, read) in [
            ("2026-11-01T09:30:00Z", Some("2026-11-01T09:30:00Z")),
            ("2026-11-01T09:30:00+01:00", Some("2026-11-01T08:30:00Z")),
            ("2026-11-01T09:30:00", Some("2026-11-01T09:30:00Z")),
            ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z")),
            ("9999-12-31T23:59:59-23:59", None),
            ("0000-01-01T00:00:00+00:01", None),
            ("+262142-12-31T23:59:59Z", None),
            ("+262142-12-31T23:59:59", None),
            ("-262143-01-01T00:00:00", None),
            ("soon", None),
            ("", None),
        ] {
            let found =
                moment(text).map(|moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true));
            assert_eq!(found.as_deref(), read, "{text}");
        }
    }

    #[test]
    fn lines_that_are_shown_cannot_act_on_a_terminal() {
        assert_eq!(shown("a\tb\n c\n"), "a\tb\n c\n");
        assert_eq!(shown("a\r\u{1b}]0;x\u{7}b\u{9b}2Jc\u{202e}\n"), "a]0;xb2Jc\n");
    }

    #[test]
    fn what_the_system_says_has_no_number_and_no_temporary_name() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(system_says(&full), full.to_string());
        for (text, said) in [
            ("Read-only file system (os error 30)", "Read-only file system"),
            (
                "Read-only file system (os error 30) at path \"/tmp/.monthend.x\"",
                "Read-only file system",
            ),
            ("a: No such file (os error 2), b: Denied (os error 13)", "a: No such file, b: Denied"),
            ("it is a folder (os error ", "it is a folder (os error "),
        ] {
            assert_eq!(system_says(&io::Error::other(text)), said);
        }
    }

    proptest! {
        #[test]
        fn any_foreign_text_ends_as_one_short_clean_line(text in any::<String>()) {
            hold("toke");
            let line = foreign(&text);
            prop_assert!(line.chars().count() <= LONGEST_LINE);
            prop_assert!(!line.contains("toke"));
            prop_assert_eq!(one_line(&line), line);
        }

        #[test]
        fn a_line_stays_as_it_is(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_invisible(c)));
            prop_assert!(line.split(' ').all(is_word) || line.is_empty());
            prop_assert_eq!(one_line(&line), line);
        }
    }
}
