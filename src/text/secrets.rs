//! Every secret that this process ever held, and text from outside without them.
//!
//! A server can echo what it was sent, and somebody else's answer can quote what we were given long ago. So there is
//! one list for the whole process: a token that was renewed stays in it.

#[cfg(test)]
use std::cell::RefCell;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};
#[cfg(not(test))]
use std::{
    sync::LazyLock,
    sync::{PoisonError, RwLock},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use url::Url;

use super::is_unseen;

/// A shorter text, in bytes, is no secret, and taking it out would spoil words that have nothing to do with it.
const SHORTEST: usize = 4;
/// In an id, letters without meaning, a shorter secret is there by chance.
const SHORTEST_IN_ID: usize = 8;
/// So many bytes of a secret are remembered; the rest of its word goes with them.
const LONGEST: usize = 64;
/// So many bytes find a secret.
const KEY: usize = 8;
/// What stands where a secret was.
const REDACTED: &str = "[secret]";
/// Parameters of a signed address whose values are no secrets, and look like other numbers and words.
const PLAIN_PARAMETERS: [&str; 4] = ["expires", "key-pair-id", "x-amz-date", "x-amz-expires"];

/// What is looked for: secrets and their other forms, in lower case.
#[derive(Default)]
struct KnownSecrets {
    known: HashSet<Box<[u8]>>,
    /// By their first [`KEY`] bytes.
    long: HashMap<[u8; KEY], Vec<Box<[u8]>>>,
    short: Vec<Box<[u8]>>,
}

impl KnownSecrets {
    fn insert(&mut self, form: &[u8]) {
        let form = form.get(..LONGEST).unwrap_or(form).to_ascii_lowercase();
        if form.len() < SHORTEST || !self.known.insert(form.clone().into()) {
            return;
        }
        match form.first_chunk::<KEY>() {
            Some(key) => self.long.entry(*key).or_default().push(form.into()),
            None => self.short.push(form.into()),
        }
    }

    /// How many of `bytes`, in lower case, are a secret of at least `shortest` bytes from the first one on.
    fn longest_at(&self, bytes: &[u8], shortest: usize) -> Option<usize> {
        let long = bytes
            .first_chunk::<KEY>()
            .and_then(|key| self.long.get(key));
        let forms = long.into_iter().flatten().chain(&self.short);
        let found = forms.filter(|form| form.len() >= shortest && bytes.starts_with(form));
        found.map(|form| form.len()).max()
    }
}

#[cfg(not(test))]
static HELD: LazyLock<RwLock<KnownSecrets>> = LazyLock::new(RwLock::default);

// Each test has its own: they use everyday words as secrets.
#[cfg(test)]
thread_local!(static HELD: RefCell<KnownSecrets> = RefCell::default());

#[cfg(not(test))]
fn with_held<T>(look: impl FnOnce(&KnownSecrets) -> T) -> T {
    look(&HELD.read().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
fn with_held<T>(look: impl FnOnce(&KnownSecrets) -> T) -> T {
    HELD.with_borrow(look)
}

#[cfg(not(test))]
fn change_held(change: impl FnOnce(&mut KnownSecrets)) {
    change(&mut HELD.write().unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
fn change_held(change: impl FnOnce(&mut KnownSecrets)) {
    HELD.with_borrow_mut(change);
}

/// From now on `secret` is in no text that passes through [`masked`]: neither as it is nor in base64, alone or as a part
/// of something longer.
pub fn hold(secret: &str) {
    let secret = secret.as_bytes();
    if secret.len() < SHORTEST {
        return;
    }
    change_held(|held| {
        held.insert(secret);
        for before in 0..3 {
            let bytes = [&[0; 3][..before], secret].concat();
            // Letters that depend on what stands before or behind it are left out.
            let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
            for text in [
                BASE64_STANDARD_NO_PAD.encode(&bytes),
                BASE64_URL_SAFE_NO_PAD.encode(&bytes),
            ] {
                // Short ones are other words too.
                held.insert(
                    text.as_bytes()
                        .get(from..to)
                        .filter(|form| form.len() >= KEY)
                        .unwrap_or_default(),
                );
            }
        }
    });
}

/// From now on what makes `url` a signed one is in no text that passes through [`masked`].
pub fn hold_signature(url: &Url) {
    change_held(|held| {
        for (name, value) in url.query_pairs() {
            if !PLAIN_PARAMETERS.contains(&&*name.to_ascii_lowercase()) {
                held.insert(value.as_bytes());
            }
        }
    });
}

/// Whether a word that is to be kept as it is, such as an id, holds a secret.
pub fn holds_secret(word: &str) -> bool {
    !places(word, SHORTEST_IN_ID).is_empty()
}

/// `text` without any secret of this process, however it is broken into lines or escaped.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut places = places(text, SHORTEST);
    if places.is_empty() {
        return text.into();
    }
    places.sort_unstable();
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for (start, end) in places {
        if start >= done {
            out.push_str(&text[done..start]);
            out.push_str(REDACTED);
        }
        done = done.max(end);
    }
    out.push_str(&text[done..]);
    out.into()
}

/// Where secrets stand in `text`: first byte, and the one behind the last.
fn places(text: &str, shortest: usize) -> Vec<(usize, usize)> {
    with_held(|held| {
        let mut places = Vec::new();
        if held.known.is_empty() {
            return places;
        }
        let mut read = Units::of(text);
        loop {
            let mut at = 0;
            while at < read.bytes.len() {
                match held.longest_at(&read.bytes[at..], shortest) {
                    Some(length) => {
                        let end = read.end_of_word(at, length);
                        places.push((read.ranges[at].0, read.ranges[end - 1].1));
                        at = end;
                    }
                    None => at += 1,
                }
            }
            // A secret may itself look as if something was escaped in it, so each reading counts.
            match read.unescaped() {
                Some(unescaped) => read = unescaped,
                None => return places,
            }
        }
    })
}

/// A text as it is compared: in lower case, without what is not seen, with the bytes that each unit stands for.
struct Units {
    bytes: Vec<u8>,
    ranges: Vec<(usize, usize)>,
}

impl Units {
    fn of(text: &str) -> Self {
        let seen = text.char_indices().filter(|(_, c)| !is_unseen(*c));
        let (bytes, ranges) = seen
            .map(|(at, c)| {
                // No secret has a character beyond ASCII.
                let byte = u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(0);
                (byte.to_ascii_lowercase(), (at, at + c.len_utf8()))
            })
            .unzip();
        Units { bytes, ranges }
    }

    /// Where the secret ends whose first `length` bytes stand at `at`: of a long one no more is remembered.
    fn end_of_word(&self, at: usize, length: usize) -> usize {
        let is_of_it = |end: usize| {
            let byte = self.bytes[end];
            let is_next = self.ranges[end].0 == self.ranges[end - 1].1;
            is_next && (byte.is_ascii_alphanumeric() || b"-._~+/=%".contains(&byte))
        };
        let mut end = at + length;
        while length == LONGEST && end < self.bytes.len() && is_of_it(end) {
            end += 1;
        }
        end
    }

    /// The same, read as `%2B`, `\u002b`, `\x2b`, `&#43;` or `&#x2b;` are meant; none where there is no such thing.
    fn unescaped(&self) -> Option<Self> {
        let (mut bytes, mut ranges, mut at) = (Vec::new(), Vec::new(), 0);
        let mut found = false;
        while let Some(byte) = self.bytes.get(at) {
            let (byte, length) = match escaped(&self.bytes[at..]) {
                Some(escaped) => escaped,
                None => (*byte, 1),
            };
            found |= length > 1;
            bytes.push(byte.to_ascii_lowercase());
            ranges.push((self.ranges[at].0, self.ranges[at + length - 1].1));
            at += length;
        }
        found.then_some(Units { bytes, ranges })
    }
}

/// The ASCII character that is escaped at the beginning of `bytes`, and in how many of them.
fn escaped(bytes: &[u8]) -> Option<(u8, usize)> {
    let number = |from: usize, to: usize, radix| {
        let digits = std::str::from_utf8(bytes.get(from..to)?).ok()?;
        let byte = u8::from_str_radix(digits, radix).ok()?;
        byte.is_ascii_graphic().then_some(byte)
    };
    match bytes {
        [b'%', ..] => Some((number(1, 3, 16)?, 3)),
        [b'\\', b'x', ..] => Some((number(2, 4, 16)?, 4)),
        [b'\\', b'u', b'0', b'0', ..] => Some((number(4, 6, 16)?, 6)),
        [b'&', b'#', ..] => {
            let end = bytes.iter().take(10).position(|b| *b == b';')?;
            let byte = match bytes[2] {
                b'x' => number(3, end, 16)?,
                _ => number(2, end, 10)?,
            };
            Some((byte, end + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_found_in_every_dress() {
        hold("s3cret");
        hold("s3cret+long/");
        hold("Zm9%2Fo.b4r_");
        for (text, line) in [
            ("Bearer s3cret refused", "Bearer [secret] refused"),
            ("key=s3cret%2Blong%2F&x", "key=[secret]&x"),
            ("key=s3cret%2blong%2f&x", "key=[secret]&x"),
            ("key=s3cret%252Blong%252F&x", "key=[secret]&x"),
            ("%73%33cret", "[secret]"),
            ("S3CRET+LONG/", "[secret]"),
            ("s3cret+long/ s3c\u{200b}ret", "[secret] [secret]"),
            ("a s3c\r\n  ret+lo\u{ad}ng/ b", "a [secret] b"),
            (r"s3cret\u002blong\/", r"[secret]\u002blong\/"),
            (r"s3cret\u002Blong\u002F.", "[secret]."),
            ("s3cret&#43;long&#x2F;.", "[secret]."),
            ("Zm9%2Fo.b4r_ zm9/o.b4r_", "[secret] zm9/o.b4r_"),
            ("Zm9%252Fo.b4r_", "[secret]"),
            ("the s3cre-t, s3", "the s3cre-t, s3"),
            (
                "%zz &#; &#999; \\u00zz \\u00",
                "%zz &#; &#999; \\u00zz \\u00",
            ),
            ("ä s3cret ö 日", "ä [secret] ö 日"),
        ] {
            assert_eq!(masked(text), line, "{text:?}");
        }
        // What somebody has put there to try it out.
        hold("abc");
        hold("");
        assert_eq!(masked("the abc"), "the abc");
    }

    #[test]
    fn base64_of_something_longer_hides_no_secret() {
        let secret = "cl1ent-s3cret-value";
        hold(secret);
        for before in ["", "a", "id", "an-id:", "four"] {
            for behind in ["", "x", "xy", ":xyz"] {
                let text = format!("{before}{secret}{behind}");
                for packed in [
                    BASE64_STANDARD_NO_PAD.encode(&text),
                    BASE64_URL_SAFE_NO_PAD.encode(&text),
                ] {
                    let shown = masked(&packed);
                    assert!(shown.contains(REDACTED), "{text}: {shown}");
                    assert!(shown.len() < REDACTED.len() + 16, "{text}: {shown}");
                    assert!(holds_secret(&packed));
                }
            }
        }
    }

    #[test]
    fn a_signature_is_held_and_everyday_parameters_are_not() {
        let long = "Q".repeat(400);
        let url = format!(
            "https://h.example/a.csv?Expires=1793600000&Signature=s3cr%7Etsig&Key-Pair-Id=KPAIR&X-Amz-Security-Token={long}"
        );
        hold_signature(&url.parse().unwrap());
        for (text, shown) in [
            ("of s3cr~tsig", "of [secret]"),
            ("of s3cr%7Etsig", "of [secret]"),
            (
                "Expires=1793600000&Signature=s3cr%7Etsig&Key-Pair-Id=KPAIR",
                "Expires=1793600000&Signature=[secret]&Key-Pair-Id=KPAIR",
            ),
            ("KPAIR until 1793600000", "KPAIR until 1793600000"),
            (&format!("of {long} and"), "of [secret] and"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn a_short_secret_in_an_id_is_there_by_chance() {
        hold("tok-a");
        hold("tok-b-longer");
        assert!(!holds_secret("xtok-ax"));
        assert!(holds_secret("xtok-b-longerx"));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_secret_stays(
            before in any::<String>(), secret in "[!-~]{4,80}", behind in any::<String>()
        ) {
            hold(&secret);
            let text = format!("{before}{secret}{behind}");
            prop_assert!(!masked(&text).contains(&secret));
            let encoded: String = secret.bytes().map(|b| format!("%{b:02X}")).collect();
            let text = format!("{before}{encoded}{behind}");
            prop_assert!(!masked(&text).contains(&encoded));
        }
    }
}
