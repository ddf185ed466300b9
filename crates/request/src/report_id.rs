use std::{fmt, str::FromStr, sync::Arc};

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, general_purpose::PAD},
};

/// The API shows ids with and without padding.
const ID_BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The id that the API gave to a report. Never empty, one line of visible text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReportId(Arc<str>);

impl ReportId {
    /// The longest id that is accepted, in bytes; real ones have about a hundred.
    pub const MAX_LEN: usize = 1024;

    /// The sandbox's decoded ids begin with this, so that none is taken for a real one.
    pub const SANDBOX_PREFIX: &str = "ciscospark://sandbox/";

    pub(super) const SANDBOX_BASE64: &str = "Y2lzY29zcGFyazovL3NhbmRib3gv";

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the sandbox made this id: the decoded text begins with [`Self::SANDBOX_PREFIX`].
    pub fn is_from_sandbox(&self) -> bool {
        self.0.starts_with(Self::SANDBOX_BASE64) && ID_BASE64.decode(self.0.as_bytes()).is_ok()
    }
}

/// Why a text is not a report id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportIdError {
    /// Empty.
    #[error("a report id must not be empty")]
    Empty,
    /// More than [`ReportId::MAX_LEN`] bytes.
    #[error("a report id has at most {} bytes", ReportId::MAX_LEN)]
    TooLong,
    /// White space or a control character.
    #[error("a report id has only visible characters, not {0:?}")]
    BadCharacter(char),
}

impl FromStr for ReportId {
    type Err = ReportIdError;

    fn from_str(text: &str) -> Result<Self, ReportIdError> {
        if text.is_empty() {
            return Err(ReportIdError::Empty);
        }
        if text.len() > ReportId::MAX_LEN {
            return Err(ReportIdError::TooLong);
        }
        match text.chars().find(|c| c.is_control() || c.is_whitespace()) {
            Some(bad) => Err(ReportIdError::BadCharacter(bad)),
            None => Ok(ReportId(text.into())),
        }
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::*;

    use super::*;

    #[test]
    fn sandbox_ids_are_recognised_with_and_without_padding() {
        for address in
            ["ciscospark://sandbox/BILLING_REPORT/1", "ciscospark://sandbox/BILLING_REPORT/12"]
        {
            for id in [BASE64_URL_SAFE.encode(address), BASE64_URL_SAFE_NO_PAD.encode(address)] {
                assert!(id.parse::<ReportId>().unwrap().is_from_sandbox(), "{id}");
            }
        }
        for real in ["Y2lzY29zcGFyazovL3VzL0JJTExJTkdfUkVQT1JULzViOGQ1MThhLThmMDA", "not base64!"] {
            let id: ReportId = real.replace(' ', "").parse().unwrap();
            assert!(!id.is_from_sandbox(), "{id}");
        }
    }
}
