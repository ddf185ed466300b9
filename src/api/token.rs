//! A secret that goes into an `Authorization` header.

use std::{fmt, sync::Arc};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::text::hold;

/// An access token. Cannot be printed; two are equal where their texts are. Cloning is cheap.
#[derive(Clone)]
pub struct Token(Arc<TokenText>);

/// What each request that goes with the token needs, made once.
struct TokenText {
    secret: SecretString,
    bearer: HeaderValue,
}

/// A text that cannot be a token or another secret: empty, or with a character that is not visible ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it must be one word of visible ASCII characters, without white space or line breaks within"
)]
pub struct TokenError;

impl Token {
    /// Takes a token; white space around it (a file's last line feed) is dropped, and so are quotes and the `Bearer` of a
    /// header that was copied as a whole.
    ///
    /// # Errors
    /// [`TokenError`], which does not repeat the text.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let secret = secret(without_scheme(bare(text)))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
            .map_err(|_| TokenError)?;
        bearer.set_sensitive(true);
        Ok(Token(Arc::new(TokenText { secret, bearer })))
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) fn bearer(&self) -> HeaderValue {
        self.0.bearer.clone()
    }

    /// The token itself.
    pub(super) fn expose(&self) -> &str {
        self.0.secret.expose_secret()
    }
}

/// Without what is put around it: white space, the mark that some editors put at the beginning of a file, and quotes, which
/// `docker --env-file` and some editors of variables keep.
pub(super) fn bare(text: &str) -> &str {
    const QUOTES: [(char, char); 3] = [('"', '"'), ('\'', '\''), ('“', '”')];
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut unquoted = QUOTES.iter();
    let unquoted = unquoted.find_map(|(open, end)| text.strip_prefix(*open)?.strip_suffix(*end));
    unquoted.map_or(text, bare)
}

/// The token of `Bearer TOKEN` (RFC 6750, section 2.1; the scheme is written in any case).
fn without_scheme(text: &str) -> &str {
    match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        None if text.eq_ignore_ascii_case("bearer") => "",
        _ => text,
    }
}

/// Any secret from the environment, a file or the token endpoint: one word, as it stands there. From here on no text from
/// outside shows it.
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
