use std::{fmt, sync::Arc};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::text::hold;

/// Cannot be printed; clones share their text.
#[derive(Clone)]
pub struct Token(Arc<TokenText>);

struct TokenText {
    secret: SecretString,
    bearer: HeaderValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it must be one word of visible ASCII characters, without white space or line breaks within"
)]
pub struct TokenError;

impl Token {
    /// Drops white space, quotes, and the `Bearer` of a copied header. The error does not repeat the text.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let secret = secret(without_scheme(bare(text)))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
            .map_err(|_| TokenError)?;
        bearer.set_sensitive(true);
        Ok(Token(Arc::new(TokenText { secret, bearer })))
    }

    pub(super) fn bearer(&self) -> HeaderValue {
        self.0.bearer.clone()
    }

    pub(super) fn expose(&self) -> &str {
        self.0.secret.expose_secret()
    }
}

/// Drops white space, a byte order mark, and quotes, which `docker --env-file` and some editors keep.
pub(super) fn bare(text: &str) -> &str {
    const QUOTES: [(char, char); 3] = [('"', '"'), ('\'', '\''), ('“', '”')];
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut unquoted = QUOTES.iter();
    let unquoted = unquoted.find_map(|(open, end)| text.strip_prefix(*open)?.strip_suffix(*end));
    unquoted.map_or(text, bare)
}

/// The token of `Bearer TOKEN` (RFC 6750, section 2.1; the scheme in any case).
fn without_scheme(text: &str) -> &str {
    match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        None if text.eq_ignore_ascii_case("bearer") => "",
        _ => text,
    }
}

/// Any secret is one word. From here on, no text from outside shows it.
pub(super) fn secret(text: &str) -> Result<SecretString, TokenError> {
    let text = bare(text);
    let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !good {
        return Err(TokenError);
    }
    hold(text);
    Ok(text.into())
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_and_people_put_around_a_token_is_dropped() {
        let token = Token::new("abc").unwrap();
        for text in [
            "abc\r\n",
            "\u{feff}abc\n",
            "\u{feff} abc ",
            "Bearer abc",
            "bearer\tabc\n",
            "\u{feff}Bearer  abc\r\n",
            "\"abc\"",
            "'abc'\r\n",
            "“abc”",
            "\u{feff}\"Bearer abc\"\n",
            "Bearer \"abc\"",
            " \"'abc' \" ",
        ] {
            assert_eq!(Token::new(text), Ok(token.clone()), "{text:?}");
        }
        for text in [
            "",
            "\u{feff}",
            "Bearer ",
            "Bearer a b",
            "Basic abc",
            "a\u{feff}b",
            "\"\"",
            "\"Bearer \"",
            "\"a b\"",
        ] {
            assert_eq!(Token::new(text), Err(TokenError), "{text:?}");
        }
    }
}
