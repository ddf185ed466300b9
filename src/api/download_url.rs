use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use url::Url;

use crate::text::hold_address;

/// A pre-signed address, never shown, not even by `Debug`: whoever has it can read the file.
#[derive(Clone, PartialEq, Eq)]
pub struct DownloadUrl(Arc<Url>);

impl DownloadUrl {
    /// The address, for its one request.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Whether `other` leads to the same place, whatever is signed.
    pub fn is_same_place(&self, other: &DownloadUrl) -> bool {
        self.0.origin() == other.0.origin() && self.0.path() == other.0.path()
    }

    /// Until when it is good, as its `Expires` says (seconds since 1970); `None` where it does not say.
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        let (_, text) =
            self.0.query_pairs().find(|(name, _)| name.eq_ignore_ascii_case("expires"))?;
        DateTime::from_timestamp(text.parse().ok()?, 0)
    }
}

impl FromStr for DownloadUrl {
    type Err = url::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hold_address(text); // also where it is none that can be used
        Ok(DownloadUrl(Arc::new(text.trim().parse()?)))
    }
}

impl fmt::Debug for DownloadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DownloadUrl([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_until_when_it_is_good_and_shows_nothing_else() {
        let url: DownloadUrl =
            "https://h.example/a.csv?Expires=1793600000&Signature=s3cr3t".parse().unwrap();
        assert_eq!(url.expires(), DateTime::from_timestamp(1_793_600_000, 0));
        assert_eq!(format!("{url:?}"), "DownloadUrl([secret])");
        let silent: DownloadUrl = "https://h.example/a.csv?Expires=soon".parse().unwrap();
        assert_eq!(silent.expires(), None);
    }
}
