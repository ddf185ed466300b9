//! Makes a server's text fit for a ledger cell, a log line and a terminal: clean, short, without secrets.

use url::form_urlencoded;

use crate::text::{is_word, one_line};

/// The longest `error` text, in characters; longer ones end in an ellipsis.
const MAX_LINE: usize = 300;
/// The longest code or tracking id that is taken, in characters; real ones have fewer than a hundred.
const MAX_WORD: usize = 128;
/// A shorter text, in characters, is no secret, and taking it out would spoil words that have nothing to do with it.
const SHORTEST_SECRET: usize = 4;
/// What stands where a secret was.
const REDACTED: &str = "[secret]";

/// Cleans what a server or a library says, knowing which secrets it may have seen.
///
/// A server can echo what it was sent, so everything that ends in a [`super::Cause`] passes through here.
pub(super) struct Cleaner {
    /// The longest first: if one secret is a part of another, nothing of the longer one is left.
    secrets: Vec<String>,
}

impl Cleaner {
    /// Removes `secrets`, as they are and as a form would encode them.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut secrets: Vec<String> = secrets
            .into_iter()
            .filter(|secret| secret.chars().count() >= SHORTEST_SECRET)
            .flat_map(|secret| {
                let encoded = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
                [secret.to_owned(), encoded]
            })
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Cleaner { secrets }
    }

    /// One line of at most [`MAX_LINE`] characters. Empty only where `text` has nothing visible.
    pub(super) fn line(&self, text: &str) -> String {
        let mut line = one_line(text);
        for secret in &self.secrets {
            // Only now: a line break or an invisible character within an echoed secret is gone already.
            line = line.replace(secret, REDACTED);
        }
        shorten(line, MAX_LINE)
    }

    /// A code or an id: one word, or `None` where the text is anything else or holds a secret.
    pub(super) fn word(&self, text: &str) -> Option<String> {
        let word = text.trim();
        let fits = is_word(word)
            && word.chars().count() <= MAX_WORD
            && !self.secrets.iter().any(|secret| word.contains(secret));
        fits.then(|| word.to_owned())
    }
}

fn shorten(mut text: String, max: usize) -> String {
    if let Some((cut, _)) = text.char_indices().nth(max)
        && let Some((last, _)) = text[..cut].char_indices().next_back()
    {
        text.truncate(last);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_clean_and_short() {
        let cleaner = Cleaner::new([]);
        assert_eq!(cleaner.line(" a\u{1b}[31m\nred\u{202e} "), "a [31m red");
        let long = cleaner.line(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), MAX_LINE);
        assert!(long.ends_with("ä…"));
    }

    #[test]
    fn secrets_are_removed_in_every_dress() {
        let cleaner = Cleaner::new(["s3cret", "s3cret+long/", ""]);
        for (text, line) in [
            ("Bearer s3cret refused", "Bearer [secret] refused"),
            ("key=s3cret%2Blong%2F&x", "key=[secret]&x"),
            ("s3cret+long/ s3c\u{200b}ret", "[secret] [secret]"),
        ] {
            assert_eq!(cleaner.line(text), line);
        }
        // What somebody has put there to try it out.
        assert_eq!(Cleaner::new(["e", "abc"]).line("the abc"), "the abc");
        assert_eq!(cleaner.word("id-s3cret"), None);
        assert_eq!(cleaner.word(" 1001 "), Some("1001".to_owned()));
        assert_eq!(cleaner.word("two words"), None);
        assert_eq!(cleaner.word(""), None);
    }

    proptest! {
        #[test]
        fn any_text_ends_as_one_short_clean_line(text in any::<String>()) {
            let line = Cleaner::new(["toke"]).line(&text);
            prop_assert!(line.chars().count() <= MAX_LINE);
            prop_assert!(!line.contains("toke"));
            prop_assert_eq!(one_line(&line), line);
        }
    }
}
