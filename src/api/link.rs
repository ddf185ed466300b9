//! The next page of a list: RFC 8288 `Link` headers.

use reqwest::header::{HeaderMap, LINK};
use url::Url;

use crate::manifest::BaseUrl;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    #[error("the server's link to the next page is not a URL")]
    NotAUrl,
    #[error(
        "the server's link to the next page leads to another server ({0}), where the token must not go"
    )]
    Elsewhere(String),
    #[error(
        "the server's `Link` header could not be read in full, so it is not known whether this page is the last one"
    )]
    Unreadable,
    #[error("the server's `Link` header leads to more than one next page")]
    Several,
    #[error("the server's link to the next page leads to the same page again")]
    Loop,
}

/// Resolved against `page`, the URL of the request. Links with another `anchor` do not count (RFC 8288, 3.2).
pub(super) fn next_page(
    headers: &HeaderMap,
    page: &Url,
    base: &BaseUrl,
) -> Result<Option<Url>, LinkError> {
    let mut next: Option<Url> = None;
    for value in headers.get_all(LINK) {
        for link in read_links(value.as_bytes()).ok_or(LinkError::Unreadable)? {
            if !link.leads_on(page).ok_or(LinkError::Unreadable)? {
                continue;
            }
            let target = str::from_utf8(link.target).map_err(|_| LinkError::NotAUrl)?;
            let mut url = page.join(target.trim()).map_err(|_| LinkError::NotAUrl)?;
            url.set_fragment(None);
            if next.as_ref().is_some_and(|other| *other != url) {
                return Err(LinkError::Several);
            }
            next = Some(url);
        }
    }
    let Some(next) = next else { return Ok(None) };
    check_origin(&next, base)?;
    if next == *page {
        return Err(LinkError::Loop);
    }
    Ok(Some(next))
}

/// Another origin is refused, and so is a URL with a user.
pub(super) fn check_origin(url: &Url, base: &BaseUrl) -> Result<(), LinkError> {
    let anonymous = url.username().is_empty() && url.password().is_none();
    if base.is_origin_of(url) && anonymous {
        return Ok(());
    }
    Err(LinkError::Elsewhere(url.origin().ascii_serialization()))
}

/// Bytes, since a parameter's value need not be text.
#[derive(Debug)]
struct LinkValue<'a> {
    target: &'a [u8],
    /// Only the first counts (RFC 8288, 3.3).
    rel: Option<Vec<u8>>,
    anchor: Option<Vec<u8>>,
}

/// `None` if a part of the value is not understood (RFC 8288, 3; RFC 9110, 5.6).
fn read_links(mut rest: &[u8]) -> Option<Vec<LinkValue<'_>>> {
    let mut links = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return Some(links),
            [b',', after @ ..] => rest = after, // an empty element is legal
            _ => {
                let (link, after) = read_link(rest)?;
                links.push(link);
                rest = after;
                if !matches!(rest, [] | [b',', ..]) {
                    return None;
                }
            }
        }
    }
}

fn read_link(text: &[u8]) -> Option<(LinkValue<'_>, &[u8])> {
    let inner = text.strip_prefix(b"<")?;
    let (target, mut rest) = split_at_first(inner, |byte| byte == b'>');
    rest = rest.strip_prefix(b">")?.trim_ascii_start();
    let mut link =
        LinkValue { target: (!target.contains(&b'<')).then_some(target)?, rel: None, anchor: None };
    while let [b';', after @ ..] = rest {
        let (name, after) = split_at_first(after.trim_ascii_start(), |byte| !is_in_a_token(byte));
        rest = after.trim_ascii_start();
        let mut value = Vec::new();
        if let [b'=', value_and_rest @ ..] = rest {
            (value, rest) = parameter_value(value_and_rest.trim_ascii_start())?;
            rest = rest.trim_ascii_start();
        }
        let place = match &*name.to_ascii_lowercase() {
            b"rel" => &mut link.rel,
            b"anchor" => &mut link.anchor,
            b"" if !value.is_empty() => return None,
            _ => continue,
        };
        place.get_or_insert(value);
    }
    Some((link, rest))
}

/// The value of a parameter, quoted or not, and the text after it. In quotes, a backslash escapes the next byte.
fn parameter_value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(mut quoted) = text.strip_prefix(b"\"") else {
        let ends = |byte: u8| byte.is_ascii_whitespace() || b"\"<>;,".contains(&byte);
        let (value, rest) = split_at_first(text, ends);
        return (!value.is_empty()).then(|| (value.to_owned(), rest));
    };
    let mut value = Vec::new();
    loop {
        match quoted {
            [b'"', rest @ ..] => return Some((value, rest)),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                value.push(*byte);
                quoted = rest;
            }
            [] => return None,
        }
    }
}

fn split_at_first(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| ends(*byte));
    bytes.split_at(end.unwrap_or(bytes.len()))
}

/// A byte in the name of a parameter (RFC 9110, 5.6.2).
fn is_in_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl LinkValue<'_> {
    /// `None` if the link does not name its relation.
    fn leads_on(&self, page: &Url) -> Option<bool> {
        let rel = str::from_utf8(self.rel.as_deref()?).ok()?;
        let mut is_next = None;
        for relation in rel.split_ascii_whitespace() {
            is_next = Some(is_next == Some(true) || is_relation_next(relation)?);
        }
        Some(is_next? && self.is_about(page)?)
    }

    fn is_about(&self, page: &Url) -> Option<bool> {
        let Some(anchor) = &self.anchor else {
            return Some(true);
        };
        let mut about = page.join(str::from_utf8(anchor).ok()?).ok()?;
        about.set_fragment(page.fragment());
        Some(about == *page)
    }
}

/// `None` for what is no relation (RFC 8288, 3.3): it could be a misspelled `next`.
fn is_relation_next(relation: &str) -> Option<bool> {
    if relation.contains(':') {
        let word = relation.rsplit(['/', '#', ':']).next()?;
        return Some(word.eq_ignore_ascii_case("next"));
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    relation.bytes().all(is_word).then(|| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    const PAGE: &str = "http://127.0.0.1:8080/v1/reports?max=100";

    fn read(links: &[&str]) -> Result<Option<String>, LinkError> {
        let mut headers = HeaderMap::new();
        for link in links {
            // One byte for each character: what is no UTF-8 can be written here.
            let bytes: Vec<u8> = link.chars().map(|c| u8::try_from(c).unwrap()).collect();
            headers.append(LINK, HeaderValue::from_bytes(&bytes).unwrap());
        }
        let base = "http://127.0.0.1:8080/v1".parse().unwrap();
        next_page(&headers, &PAGE.parse().unwrap(), &base).map(|next| next.map(String::from))
    }

    #[test]
    fn the_next_page_is_found_wherever_it_stands() {
        let next = "http://127.0.0.1:8080/v1/reports?p=2";
        for links in [
            &[r#"<http://127.0.0.1:8080/v1/reports?p=2>; rel="next""#][..],
            &[r#"</v1/reports?p=2>;rel=next"#],
            &[r#"<?p=2>; title="a, b; rel=\"prev\"" ; REL = "last NEXT""#],
            &[r#"<?p=1>; rel="prev", <?p=2>; rel="next", <?p=9>; rel="last""#],
            &[r#"<?p=1>; rel="first""#, r#"<?p=2#x>; rel="next""#],
            &[r#"<?p=7>; rel="next"; anchor="/other", <?p=2>; rel="next""#],
            &[r#"<?p=7>; rel="prev"; rel="next", <?p=2>; rel="next""#],
            &[r#"<?p=2>; rel="next""#, r#"<?p=2>; rel=next"#],
            &[r#" , ,<?p=2>; rel="next", ,"#],
            &["<?p=2>;; title=x ;rel = next;"],
            &["<?p=2>; title=\"\u{fc}ber\"; rel=next"],
            &["<\u{fc}>; rel=prev, <?p=2>; rel=next; title=\u{e9}"],
            &[r#"<?p=2>; rel="http://www.iana.org/assignments/relation/next""#],
            &[r#"<?p=2>; rel="https://api.example/rels#Next last""#],
            &[r#"<?p=2>; rel="ne\xt"; title="a \"b\" \\""#],
            &[r#"<?p=2>; crossorigin; rel=next; anchor="""#],
            &[r#"<?p=2>; rel=next; anchor="/v1/reports?max=100#items""#],
        ] {
            assert_eq!(read(links), Ok(Some(next.to_owned())), "{links:?}");
        }
        assert_eq!(
            read(&[r#"<?ids=1,2;3>; rel="next""#]),
            Ok(Some("http://127.0.0.1:8080/v1/reports?ids=1,2;3".to_owned()))
        );
    }

    #[test]
    fn no_next_page_is_no_error() {
        for links in [
            &[][..],
            &[""],
            &[r#"<?p=1>; rel="prev""#],
            &[", ,"],
            &["", r#"<?p=1>; rel="prev", "#],
            &[r#"<?p=2>; rel="nextish""#],
            &[r#"<?p=7>; rel="next"; anchor="/other""#],
        ] {
            assert_eq!(read(links), Ok(None), "{links:?}");
        }
    }

    #[test]
    fn what_is_not_understood_may_hide_a_next_page() {
        for links in [
            &["<?p=2>"][..],
            &["?p=2; rel=next"],
            &["<?p=2; rel=next"],
            &[r#"see <?p=2>; rel="next""#],
            &[r#"<?p=2>; rel="next"#],
            &[r#"<?p=2>; rel="next\"#],
            &[r#"<?p=2>; title="page; rel=next"#],
            &[r#"<?p=1; rel="prev", <?p=2>; rel="next""#],
            &[r#"<?p=2> rel="next""#],
            &[r#"<?p=2>; rel="next" more"#],
            &[r#"<?p=2>; rel="""#],
            &["<?p=2>; rel="],
            &["<?p=2>; rel"],
            &["<?p=2>; rel='next'"],
            &["<?p=2>; rel=next_page"],
            &["<?p=2>; rel=\"ne\u{fc}t\""],
            &[r#"<?p=2>; ="x"; rel=prev"#],
            &[r#"<?p=1>; rel="prev""#, r#"<?p=2>; "next""#],
            &[r#"<?p=2>; rel=next; anchor="http://[""#],
        ] {
            assert_eq!(read(links), Err(LinkError::Unreadable), "{links:?}");
        }
        let two = r#"<?p=2>; rel="next", <?p=3>; rel="next""#;
        assert_eq!(read(&[two]), Err(LinkError::Several));
    }

    #[test]
    fn the_token_stays_at_home() {
        for (link, origin) in [
            ("<http://127.0.0.1:8081/v1/reports?p=2>; rel=next", "http://127.0.0.1:8081"),
            ("<https://127.0.0.1:8080/v1/reports?p=2>; rel=next", "https://127.0.0.1:8080"),
            ("<//evil.example/v1>; rel=next", "http://evil.example"),
            ("<http://me:pw@127.0.0.1:8080/v1?p=2>; rel=next", "http://127.0.0.1:8080"),
            ("<data:,x>; rel=next", "null"),
        ] {
            assert_eq!(read(&[link]), Err(LinkError::Elsewhere(origin.to_owned())), "{link}");
        }
        assert_eq!(read(&["<http://[>; rel=next"]), Err(LinkError::NotAUrl));
        assert_eq!(read(&["<?max=100>; rel=next"]), Err(LinkError::Loop));
    }

    proptest! {
        #[test]
        fn no_text_panics(link in "[ -~]{0,60}", tail in "[<>\";=, relnxt\\\\]{0,30}") {
            let _ = read(&[&link, &format!("<?p>{tail}")]);
        }
    }
}
