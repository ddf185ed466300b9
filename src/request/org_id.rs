//! The id of an organisation.

use std::{fmt, str::FromStr, sync::Arc};

/// The id of a sub-partner's organisation, as the API gives and takes it.
///
/// Webex ids are URL-safe base64 of a `ciscospark://` address, but sources also show plain UUIDs, so any
/// visible ASCII text of up to [`OrgId::MAX_LEN`] characters is taken as it is. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgId(Arc<str>);

impl OrgId {
    /// The longest id that is accepted, in characters; real ones have fewer than a hundred.
    pub const MAX_LEN: usize = 512;

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not an organisation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrgIdError {
    /// Nothing there.
    #[error("an organisation id must not be empty")]
    Empty,
    /// More than [`OrgId::MAX_LEN`] characters.
    #[error("an organisation id has at most {} characters", OrgId::MAX_LEN)]
    TooLong,
    /// White space, a control character or a letter outside ASCII.
    #[error("an organisation id has only visible ASCII characters, not {0:?}")]
    BadCharacter(char),
}

impl FromStr for OrgId {
    type Err = OrgIdError;

    fn from_str(text: &str) -> Result<Self, OrgIdError> {
        if text.is_empty() {
            return Err(OrgIdError::Empty);
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(OrgIdError::BadCharacter(bad));
        }
        if text.len() > OrgId::MAX_LEN {
            return Err(OrgIdError::TooLong);
        }
        Ok(OrgId(text.into()))
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
