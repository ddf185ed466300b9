//! What a difference is called in every run: a hash of what it is about and of its figures.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::amount::Amount;

/// `d` and 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DifferenceId(u64);

impl fmt::Display for DifferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("d{:016x}", self.0))
    }
}

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is `d` and 16 hexadecimal digits")]
pub struct DifferenceIdError;

impl FromStr for DifferenceId {
    type Err = DifferenceIdError;

    fn from_str(text: &str) -> Result<Self, DifferenceIdError> {
        let digits = text.strip_prefix('d').filter(|digits| digits.len() == 16);
        let digits =
            digits.filter(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        let id = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        id.map(DifferenceId).ok_or(DifferenceIdError)
    }
}

/// Hashes the parts of a difference, in the order in which they are given. No two lists of parts are alike: each part
/// has its kind and length.
#[derive(Clone)]
pub struct IdParts(Sha256);

impl IdParts {
    /// `kind`: what kind of difference it is.
    pub fn new(kind: &str) -> Self {
        IdParts(Sha256::new()).text(kind)
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.part(b't', text.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.part(b'b', bytes)
    }

    /// Adds several texts as one part, so that it shows where they end.
    #[must_use]
    pub fn texts<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts = texts.into_iter();
        let (parts, count) = texts.fold((self, 0), |(parts, n), text| (parts.text(text), n + 1));
        parts.count(count)
    }

    /// Adds how often something is there.
    #[must_use]
    pub fn count(self, count: u64) -> Self {
        self.part(b'c', count.to_string().as_bytes())
    }

    /// Adds a figure, however many zeros it was written with; `None`: there is none.
    #[must_use]
    pub fn figure(self, figure: Option<&Amount>) -> Self {
        match figure {
            Some(figure) => self.part(b'f', figure.to_string().as_bytes()),
            None => self.part(b'n', b""),
        }
    }

    /// The id.
    pub fn finish(self) -> DifferenceId {
        let hash = self.0.finalize();
        let first = hash.iter().take(8);
        DifferenceId(first.fold(0, |id, byte| id << 8 | u64::from(*byte)))
    }

    fn part(mut self, kind: u8, bytes: &[u8]) -> Self {
        self.0.update([kind]);
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }
}

impl fmt::Debug for IdParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdParts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::number::NumberFormat;

    #[test]
    fn other_parts_make_another_id_and_other_zeros_do_not() {
        let amount = |text: &str| NumberFormat::Point.read(text.as_bytes()).unwrap();
        let parts = || IdParts::new("not_reconciled");
        let ids = [
            parts().finish(),
            parts().text("").finish(),
            parts().text("a").text("b").finish(),
            parts().text("ab").finish(),
            parts().text("a").finish(),
            parts().text("1").finish(),
            parts().count(1).finish(),
            parts().figure(Some(&amount("1.50"))).finish(),
            parts().figure(Some(&amount("0"))).finish(),
            parts().figure(None).finish(),
            parts().texts([]).finish(),
            parts().texts(["a"]).texts(["b"]).finish(),
            parts().texts(["a", "b"]).finish(),
            parts().texts(["a", "b"]).texts([]).finish(),
            IdParts::new("differs").finish(),
        ];
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        for text in ["1.5", "1.500", "1.50000000000000000000000000000000000000000000000"] {
            assert_eq!(parts().figure(Some(&amount(text))).finish(), ids[7], "{text}");
        }
        assert_eq!(parts().figure(Some(&amount("-0.0"))).finish(), ids[8]);
    }

    #[test]
    fn an_id_stays_what_it_is() {
        let id =
            IdParts::new("differs").text("invoice").texts(["A-1"]).count(2).figure(None).finish();
        assert_eq!(id.to_string(), "d4e33a44cab028682");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("d00000000000000ff".parse(), Ok(DifferenceId(255)));
        for text in [
            "",
            "d",
            "d00",
            "d00000000000000FF",
            "d+0000000000000ff",
            "x00000000000000ff",
            "d00000000000000ff0",
        ] {
            assert_eq!(text.parse::<DifferenceId>(), Err(DifferenceIdError), "{text}");
        }
    }
}
