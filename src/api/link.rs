//! The next page of a list: RFC 8288 `Link` headers.

use reqwest::header::{HeaderMap, LINK};
use url::Url;

use crate::settings::BaseUrl;

/// Why a `rel="next"` cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    /// Not a URL.
    #[error("the server's link to the next page is not a URL")]
    NotAUrl,
    /// The token must not go there.
    #[error(
        "the server's link to the next page leads to another server ({0}), where the token must not go"
    )]
    Elsewhere(String),
    /// Following it would never end.
    #[error("the server's link to the next page leads to the same page again")]
    Loop,
}

/// The target of the first `rel="next"`, resolved against `page`, the URL that was asked.
///
/// Links with an `anchor` are about something else and are passed over (RFC 8288, 3.2). `None` where
/// there is no next page.
///
/// # Errors
/// [`LinkError`] where there is a next page that must not or cannot be asked for.
pub(super) fn next_page(
    headers: &HeaderMap,
    page: &Url,
    base: &BaseUrl,
) -> Result<Option<Url>, LinkError> {
    let target = headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .find_map(next_target);
    let Some(target) = target else {
        return Ok(None);
    };
    let mut next = page.join(target).map_err(|_| LinkError::NotAUrl)?;
    next.set_fragment(None);
    check_origin(&next, base)?;
    if next == *page {
        return Err(LinkError::Loop);
    }
    Ok(Some(next))
}

/// Whether the token may be sent to `url`.
///
/// # Errors
/// [`LinkError::Elsewhere`] for another origin, and for a URL with a user of its own.
pub(super) fn check_origin(url: &Url, base: &BaseUrl) -> Result<(), LinkError> {
    let anonymous = url.username().is_empty() && url.password().is_none();
    if base.is_origin_of(url) && anonymous {
        return Ok(());
    }
    Err(LinkError::Elsewhere(url.origin().ascii_serialization()))
}

/// The target of the first link of a header value that is `rel="next"`.
///
/// A value is read from the left: `<target>`, then `; name=value` until a `,` begins the next link.
fn next_target(mut rest: &str) -> Option<&str> {
    loop {
        let (target, after) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
        rest = after;
        let (mut is_next, mut is_about_another) = (None, false);
        loop {
            rest = rest.trim_start();
            let Some(parameter) = rest.strip_prefix(';') else {
                break;
            };
            let (name, value) =
                parameter.split_at(parameter.find(['=', ';', ',']).unwrap_or(parameter.len()));
            let (value, after) = parameter_value(value);
            rest = after;
            match name.trim() {
                name if name.eq_ignore_ascii_case("anchor") => is_about_another = true,
                // Of several only the first counts (RFC 8288, 3.3).
                name if name.eq_ignore_ascii_case("rel") => {
                    is_next.get_or_insert_with(|| {
                        let mut rels = value.split_ascii_whitespace();
                        rels.any(|rel| rel.eq_ignore_ascii_case("next"))
                    });
                }
                _ => {}
            }
        }
        if is_next == Some(true) && !is_about_another {
            return Some(target.trim());
        }
        rest = rest.strip_prefix(',')?;
    }
}

/// The value of a parameter, quoted or not, and what stands after it. In a quoted one a backslash quotes the next
/// character.
fn parameter_value(text: &str) -> (&str, &str) {
    let Some(value) = text.strip_prefix('=').map(str::trim_start) else {
        return ("", text);
    };
    let Some(quoted) = value.strip_prefix('"') else {
        let (value, after) = value.split_at(value.find([';', ',']).unwrap_or(value.len()));
        return (value.trim_end(), after);
    };
    let mut escaped = false;
    let end = quoted.find(|c| match c {
        _ if escaped => {
            escaped = false;
            false
        }
        '\\' => {
            escaped = true;
            false
        }
        c => c == '"',
    });
    match end {
        Some(end) => (&quoted[..end], &quoted[end + 1..]),
        None => (quoted, ""),
    }
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
            headers.append(LINK, HeaderValue::from_bytes(link.as_bytes()).unwrap());
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
            &[r#"<http://127.0.0.1:8080/v1/reports?p=2>; rel="next", <?p=3>; rel="next""#],
        ] {
            assert_eq!(read(links), Ok(Some(next.to_owned())), "{links:?}");
        }
        assert_eq!(
            read(&[r#"<?ids=1,2;3>; rel="next""#]),
            Ok(Some(
                "http://127.0.0.1:8080/v1/reports?ids=1,2;3".to_owned()
            ))
        );
    }

    #[test]
    fn no_next_page_is_no_error() {
        for links in [
            &[][..],
            &[""],
            &[r#"<?p=1>; rel="prev""#],
            &["<?p=2>"],
            &["?p=2; rel=next"],
            &["<?p=2; rel=next"],
            &[r#"<?p=2>; rel="nextish""#],
        ] {
            assert_eq!(read(links), Ok(None), "{links:?}");
        }
    }

    #[test]
    fn the_token_stays_at_home() {
        for (link, origin) in [
            (
                "<http://127.0.0.1:8081/v1/reports?p=2>; rel=next",
                "http://127.0.0.1:8081",
            ),
            (
                "<https://127.0.0.1:8080/v1/reports?p=2>; rel=next",
                "https://127.0.0.1:8080",
            ),
            ("<//evil.example/v1>; rel=next", "http://evil.example"),
            (
                "<http://me:pw@127.0.0.1:8080/v1?p=2>; rel=next",
                "http://127.0.0.1:8080",
            ),
            ("<data:,x>; rel=next", "null"),
        ] {
            assert_eq!(
                read(&[link]),
                Err(LinkError::Elsewhere(origin.to_owned())),
                "{link}"
            );
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
