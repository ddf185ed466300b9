use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use super::{OrgId, Request, spell_day};

/// The ledger's `request_id` (docs/ledger.md): `r` and 16 hexadecimal digits, the first eight bytes of the SHA-256 of
/// this UTF-8 text, with a line feed after each line:
///
/// ```text
/// monthend request
/// org=<organisation id, empty for the partner itself>
/// type=<PARTNER, CUSTOMER or USER>
/// start=<YYYY-MM-DD>
/// end=<YYYY-MM-DD>
/// internal=<true or false>
/// ```
///
/// The organisation's id is in its canonical form ([`super::OrgId::canonical`]). The form is frozen, because ledgers
/// hold these ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

impl Request {
    /// The stable id of this request, the ledger's `request_id`.
    pub fn id(&self) -> RequestId {
        self.hash(self.sub_partner.as_ref().map_or("", OrgId::canonical))
    }

    /// The id that older versions gave this request: a hash of the organisation's id as it is written.
    pub fn id_as_spelled(&self) -> RequestId {
        self.hash(self.sub_partner.as_ref().map_or("", OrgId::as_str))
    }

    /// The same for this request and its twin with the other `internal`, and as stable: it decides the partition.
    pub fn share_key(&self) -> u64 {
        let org = self.sub_partner.as_ref().map_or("", OrgId::canonical);
        self.hash_with(org, false).0
    }

    fn hash(&self, org: &str) -> RequestId {
        self.hash_with(org, self.internal)
    }

    fn hash_with(&self, org: &str, internal: bool) -> RequestId {
        let text = [
            "monthend request\norg=".as_bytes(),
            org.as_bytes(),
            b"\ntype=",
            self.report_type.as_str().as_bytes(),
            b"\nstart=",
            &spell_day(self.period.start()),
            b"\nend=",
            &spell_day(self.period.end()),
            b"\ninternal=",
            if internal { b"true\n" } else { b"false\n" },
        ]
        .concat(); // hashed at once: piece by piece takes longer
        let digest = Sha256::digest(text);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        RequestId(u64::from_be_bytes(first))
    }
}

/// A set of ids. They are hashes already, and nobody outside chooses them: a fast hasher is enough.
pub type RequestIds = foldhash::HashSet<RequestId>;

/// A text that is not a request id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a request id: `r` and 16 hexadecimal digits")]
pub struct RequestIdError(pub String);

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        text.strip_prefix('r')
            .filter(|digits| {
                digits.len() == 16
                    && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(RequestId)
            .ok_or_else(|| RequestIdError(text.to_owned()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{:016x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Period, ReportType};

    use super::*;

    /// Ledgers out there hold these ids: if this test fails, the code is wrong, not the test.
    #[test]
    fn the_id_is_frozen() {
        let own = Request {
            sub_partner: None,
            report_type: ReportType::Partner,
            period: Period::month(2026, 10).unwrap(),
            internal: false,
        };
        let sub = Request {
            sub_partner: Some(
                "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi81MmNmNTc2ZA".parse().unwrap(),
            ),
            report_type: ReportType::User,
            internal: true,
            ..own.clone()
        };
        assert_eq!(own.id().to_string(), "r66a7855c68e07831");
        assert_eq!(sub.id().to_string(), "r9494890ce2cb042b");
        assert_eq!(sub.id().to_string().parse(), Ok(sub.id()));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "r",
            "0123456789abcdef0",
            "r0123456789ABCDEF",
            "r+123456789abcdef",
            "r0123456789abcde",
        ] {
            assert!(text.parse::<RequestId>().is_err(), "{text}");
        }
    }
}
