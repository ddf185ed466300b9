//! A secret that goes into an `Authorization` header.

use std::{fmt, sync::Arc};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::text::Cleaner;

/// An access token. Cannot be printed; two are equal where their texts are. Cloning is cheap.
#[derive(Clone)]
pub struct Token(Arc<Inner>);

/// What each request that goes with the token needs, made once.
struct Inner {
    secret: SecretString,
    bearer: HeaderValue,
    cleaner: Cleaner,
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
        let cleaner = Cleaner::new([secret.expose_secret()]);
        Ok(Token(Arc::new(Inner {
            secret,
            bearer,
            cleaner,
        })))
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) fn bearer(&self) -> HeaderValue {
        self.0.bearer.clone()
    }

    /// Keeps the token out of texts.
    pub(super) fn cleaner(&self) -> &Cleaner {
        &self.0.cleaner
    }

    /// The token itself.
    pub(super) fn expose(&self) -> &str {
        self.0.secret.expose_secret()
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
