//! Every secret that this process ever held, and text from outside without them. One list for the whole process, since
//! a server can echo what it was sent long ago: a token that was renewed stays in it.

#[cfg(test)]
use std::cell::RefCell;
use std::{
    borrow::Cow,
    collections::BTreeSet,
    ops::Bound::{Included, Unbounded},
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
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::is_unseen;

/// In bytes. A shorter text is no secret, and taking it out would spoil unrelated words.
const SHORTEST: usize = 4;
/// In bytes. In an id a shorter secret is there by chance.
const SHORTEST_IN_ID: usize = 8;
/// Bytes of a secret that are remembered; the rest of its word goes with them.
const LONGEST: usize = 64;
/// In bytes. A shorter part in base64 is another word, too.
const SHORTEST_IN_BASE64: usize = 8;
const REDACTED: &str = "[secret]";
/// Parameters of a signed address whose values are no secrets, and look like other numbers and words.
const PLAIN_PARAMETERS: [&str; 4] = ["expires", "key-pair-id", "x-amz-date", "x-amz-expires"];

/// Secrets and their other forms, in lower case, in order: forms that begin alike stand together.
#[derive(Default)]
struct KnownSecrets(BTreeSet<Box<[u8]>>);

impl KnownSecrets {
    /// Takes a form as texts are compared. Of a long one its end, too, so that it is found without its beginning.
    fn insert(&mut self, form: &str) {
        let form = Units::of(form).bytes;
        let end = form.len().saturating_sub(LONGEST);
        for piece in form.chunks(LONGEST).chain([&form[end..]]) {
            let is_whole = form.len() <= LONGEST || piece.len() == LONGEST;
            if piece.len() >= SHORTEST && is_whole {
                self.0.insert(piece.into());
            }
        }
    }

    /// How many of `bytes`, in lower case, are a secret of at least `shortest` bytes from the first one on.
    fn longest_at(&self, bytes: &[u8], shortest: usize) -> Option<usize> {
        let mut rest = &bytes[..bytes.len().min(LONGEST)];
        while rest.len() >= shortest {
            let last = self.0.range::<[u8], _>((Unbounded, Included(rest))).next_back()?;
            if rest.starts_with(last) {
                return Some(last.len()).filter(|length| *length >= shortest);
            }
            // What `rest` begins with stands before `last`, which then begins with it, too.
            let shared = rest.iter().zip(last).take_while(|(a, b)| a == b);
            rest = &rest[..shared.count()];
        }
        None
    }

    /// Whether one of them begins with `part`.
    fn any_begins_with(&self, part: &[u8]) -> bool {
        let next = self.0.range::<[u8], _>((Included(part), Unbounded)).next();
        next.is_some_and(|form| form.starts_with(part))
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

/// From now on no text that passes through [`masked`] has `secret`, as it is or in base64, alone or as a part.
pub fn hold(secret: &str) {
    if secret.len() < SHORTEST {
        return;
    }
    change_held(|held| {
        held.insert(secret);
        for before in 0..3 {
            let bytes = [&[0; 3][..before], secret.as_bytes()].concat();
            // Letters that depend on what stands before or behind it are left out.
            let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
            for text in
                [BASE64_STANDARD_NO_PAD.encode(&bytes), BASE64_URL_SAFE_NO_PAD.encode(&bytes)]
            {
                // Short ones are other words too.
                let form = text.get(from..to).filter(|form| form.len() >= SHORTEST_IN_BASE64);
                held.insert(form.unwrap_or_default());
            }
        }
    });
}

/// Holds what makes `address` more than a place: its password, and its query without everyday parameters, as they stand
/// there and decoded. It need not be a whole URL: `me:secret@proxy:3128`.
pub fn hold_address(address: &str) {
    let address = address.split('#').next().unwrap_or_default();
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let authority = place.split_once("://").map_or(place, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    if let Some((user_info, _)) = authority.rsplit_once('@') {
        let decoded = percent_decode_str(user_info).decode_utf8_lossy();
        for pair in [user_info, &decoded] {
            hold(pair); // in base64 it is a header (RFC 7617, 2)
            hold(pair.split_once(':').map_or(pair, |(_, password)| password));
        }
    }
    let is_plain = |name: &str| PLAIN_PARAMETERS.contains(&&*name.to_ascii_lowercase());
    change_held(|held| {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !is_plain(&name) {
                held.insert(&value);
            }
        }
        for part in query.split(['&', ';']) {
            let value = match part.split_once('=') {
                Some((name, value)) if !is_plain(name) => value,
                None if part.len() >= SHORTEST_IN_ID && !is_plain(part) => part,
                _ => continue,
            };
            held.insert(value);
            held.insert(&percent_decode_str(value).decode_utf8_lossy());
        }
    });
}

/// For words that are kept as they are, such as ids.
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

/// A `text` that was cut at its end, without the beginning of a secret that may stand there.
pub fn without_cut_secret(mut text: String) -> String {
    // The escape of a character may be cut, too.
    let last = text.char_indices().rev().take(6);
    let escape = last.filter(|(_, c)| "%\\&".contains(*c)).last();
    let mut read = Units::of(&text[..escape.map_or(text.len(), |(at, _)| at)]);
    let mut end = text.len();
    with_held(|held| {
        loop {
            let from = read.bytes.len().saturating_sub(LONGEST);
            let found =
                (from..read.bytes.len()).find(|at| held.any_begins_with(&read.bytes[*at..]));
            end = found.map_or(end, |at| end.min(read.ranges[at].0));
            match read.unescaped() {
                Some(unescaped) => read = unescaped,
                None => break,
            }
        }
    });
    text.truncate(end);
    text
}

/// The ranges of secrets in `text`, in bytes.
fn places(text: &str, shortest: usize) -> Vec<(usize, usize)> {
    with_held(|held| {
        let mut places = Vec::new();
        if held.0.is_empty() {
            return places;
        }
        let mut read = Units::of(text);
        loop {
            let mut at = 0;
            while at < read.bytes.len() {
                match held.longest_at(&read.bytes[at..], shortest) {
                    Some(length) => {
                        let (start, end) = read.word_around(at, length);
                        places.push((read.ranges[start].0, read.ranges[end - 1].1));
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

/// A text as it is compared: in lower case, without invisible characters, with the range of each unit.
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

    /// The whole secret of which `length` bytes stand at `at`: of a long one they may be any part.
    fn word_around(&self, at: usize, length: usize) -> (usize, usize) {
        let is_of_it =
            |byte: u8, marks: &[u8]| byte.is_ascii_alphanumeric() || marks.contains(&byte);
        let are_next = |end: usize| self.ranges[end].0 == self.ranges[end - 1].1;
        let (mut start, mut end) = (at, at + length);
        if length < LONGEST {
            return (start, end);
        }
        while end < self.bytes.len() && are_next(end) && is_of_it(self.bytes[end], b"-._~+/=%") {
            end += 1;
        }
        // A `=` before it is that of a parameter.
        while start > 0 && are_next(start) && is_of_it(self.bytes[start - 1], b"-._~+/%") {
            start -= 1;
        }
        (start, end)
    }

    /// Decodes `%2B`, `\u002b`, `\x2b`, `&#43;` and `&#x2b;`; none where there is none of these.
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

/// The ASCII character that is escaped at the beginning of `bytes`, and the length of its escape.
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
            ("%zz &#; &#999; \\u00zz \\u00", "%zz &#; &#999; \\u00zz \\u00"),
            ("ä s3cret ö 日", "ä [secret] ö 日"),
        ] {
            assert_eq!(masked(text), line, "{text:?}");
        }
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
                for packed in
                    [BASE64_STANDARD_NO_PAD.encode(&text), BASE64_URL_SAFE_NO_PAD.encode(&text)]
                {
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
        hold_address(&url);
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

    /// Whatever is not an everyday parameter, as a server may repeat it: as it was sent, or decoded.
    #[test]
    fn an_address_is_held_as_it_stands_and_decoded() {
        for (address, echoes) in [
            ("https://h/x?Signature=ab+cdSIGN+ef", &["ab+cdSIGN+ef", "ab cdSIGN ef"][..]),
            ("https://h/x?BAREqueryT0ken", &["BAREqueryT0ken"]),
            ("https://h/x?a=1;Signature=SEMIT0ken", &["SEMIT0ken", "a=1;Signature=SEMIT0ken"]),
            (
                "https://h/x?sig=abc%F6def%20SIGN",
                &["abc%F6def%20SIGN", "abcödef SIGN", "abc%f6def%2520SIGN"],
            ),
            ("https://h/x?s=%00zero%00SIGN", &["%00zero%00SIGN", "zeroSIGN"]),
            ("https://h/x?s=ab%2Bcd%3D%3D#top", &["ab+cd==", "ab%2bcd%3d%3d"]),
            ("/relative?s=n0-address", &["n0-address"]),
            ("http://me:Pr0xy%40pw@h:1", &["Pr0xy@pw", "Pr0xy%40pw", "bWU6UHIweHlAcHc="]),
            ("me:s3cond:pw@h:1", &["s3cond:pw", "bWU6czNjb25kOnB3"]),
            ("http://t0ken-as-user@h:1/", &["t0ken-as-user"]),
        ] {
            hold_address(address);
            for echo in echoes {
                let shown = masked(echo);
                let rest: String = shown.replace(REDACTED, "");
                assert!(shown.contains(REDACTED) && rest.len() < 14, "{address} {echo}: {shown}");
            }
        }
        assert_eq!(masked("Expires=1, h/x, me, h:1"), "Expires=1, h/x, me, h:1");
    }

    #[test]
    fn a_long_secret_is_found_without_its_beginning_or_its_end() {
        let secret: String = (0..60).map(|n| format!("{n:03}")).collect();
        hold(&secret);
        for (from, to) in [(0, 180), (3, 180), (70, 180), (110, 180), (0, 70), (0, 177)] {
            let echo = format!("token=...{} seen", &secret[from..to]);
            assert_eq!(masked(&echo).replace("...", ""), "token=[secret] seen", "{from}..{to}");
        }
    }

    #[test]
    fn a_short_secret_in_an_id_is_there_by_chance() {
        hold("tok-a");
        hold("tok-b-longer");
        assert!(!holds_secret("xtok-ax"));
        assert!(holds_secret("xtok-b-longerx"));
    }

    #[test]
    fn half_a_secret_at_the_end_of_a_cut_text_goes() {
        hold("s3cret+long/");
        let long: String = (0..60).map(|n| format!("{n:03}")).collect();
        hold(&long);
        for (text, shown) in [
            ("token s3cret+lo", "token "),
            ("token=s3cre", "token="),
            ("token s3cret%2", "token "),
            ("token s3cret%2Blo", "token "),
            (r"token s3cret\u002bl", "token "),
            ("token s3cret+long/", "token "),
            ("token S", "token "),
            ("token s3cret-", "token s3cret-"),
            ("half %", "half %"),
            (&format!("of {}", &long[..60]), "of "),
            ("", ""),
        ] {
            assert_eq!(without_cut_secret(text.to_owned()), shown, "{text}");
        }
        let cut = format!("of {}", &long[..177]);
        assert_eq!(masked(&without_cut_secret(cut)), "of [secret]");
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
