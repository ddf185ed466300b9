//! A secret that goes into an `Authorization` header.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// An access token. Cannot be printed; two are equal where their texts are.
#[derive(Clone)]
pub struct Token {
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
    /// Takes a token; white space around it (a file's last line feed) is dropped.
    ///
    /// # Errors
    /// [`TokenError`], which does not repeat the text.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let secret = secret(text)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
            .map_err(|_| TokenError)?;
        bearer.set_sensitive(true);
        Ok(Token { secret, bearer })
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) fn bearer(&self) -> HeaderValue {
        self.bearer.clone()
    }

    /// The token itself, to be kept out of texts.
    pub(super) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// Any secret from the environment or a file, by the same rule as [`Token::new`].
pub(super) fn secret(text: &str) -> Result<SecretString, TokenError> {
    let text = text.trim();
    let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    good.then(|| text.into()).ok_or(TokenError)
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
