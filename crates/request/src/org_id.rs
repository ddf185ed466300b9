use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, general_purpose::NO_PAD},
};

use super::ReportId;

/// Writes without padding, reads both forms.
pub(super) const BASE64: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));
/// `ciscospark:/` in base64: all ids of the API begin with it.
const BEGINNING: &str = "Y2lzY29zcGFyazov";
/// The decoded id of an organisation begins with this. Outside the US region, `us` is another word.
const ADDRESS: &str = "ciscospark://us/ORGANIZATION/";

/// The id of a sub-partner's organisation. The API writes URL-safe base64, without padding, of a `ciscospark://`
/// address; people also write it padded, or as the bare UUID: spellings of one organisation are equal.
#[derive(Clone)]
pub struct OrgId(Arc<Texts>);

struct Texts {
    spelled: Box<str>,
    canonical: Option<Box<str>>,
}

impl OrgId {
    /// The longest id that is accepted, in characters; real ones have fewer than a hundred.
    pub const MAX_LEN: usize = 512;

    /// The id as it was written. This is what the API is sent.
    pub fn as_str(&self) -> &str {
        &self.0.spelled
    }

    /// The id in the API's own form, which all spellings share. A text that is no organisation's id stays as it is.
    pub fn canonical(&self) -> &str {
        self.0.canonical.as_ref().unwrap_or(&self.0.spelled)
    }

    /// Whether the id is written in that form.
    pub fn is_canonical(&self) -> bool {
        self.0.canonical.is_none()
    }

    /// Whether the sandbox made this id. No real server knows it.
    pub fn is_from_sandbox(&self) -> bool {
        let text = self.canonical();
        text.starts_with(ReportId::SANDBOX_BASE64) && BASE64.decode(text).is_ok()
    }

    /// Whether the text is an organisation's id: an address in base64, or a UUID. The server may accept others.
    pub fn is_an_organisation(&self) -> bool {
        self.why_none().is_none()
    }

    /// The organisation's UUID, as Control Hub shows it.
    pub fn uuid(&self) -> Option<String> {
        let address = String::from_utf8(BASE64.decode(self.canonical()).ok()?).ok()?;
        let (_, uuid) = address.split_once("/ORGANIZATION/")?;
        is_uuid(uuid).then(|| uuid.to_owned())
    }

    /// Why the text is not an organisation's id, as a clause; `None` if it is one.
    pub fn why_none(&self) -> Option<&'static str> {
        let text = self.canonical();
        let Ok(decoded) = BASE64.decode(text) else {
            return Some(match text {
                _ if text.bytes().all(|byte| byte.is_ascii_digit()) => "it is a number",
                _ if text.starts_with(BEGINNING) => "a part of it is missing or was changed",
                _ => "it is neither such an id nor a UUID",
            });
        };
        let address = std::str::from_utf8(&decoded).unwrap_or_default();
        if !address.starts_with("ciscospark://") {
            return Some("it is neither such an id nor a UUID");
        }
        let Some((_, uuid)) = address.split_once("/ORGANIZATION/") else {
            return Some("it is the id of something else");
        };
        let is_cut = (9..UUID_LEN).contains(&uuid.len()) && begins_a_uuid(uuid);
        (uuid.is_empty() || is_cut).then_some("its end is missing")
    }
}

impl PartialEq for OrgId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.canonical() == other.canonical()
    }
}

impl Eq for OrgId {}

impl Hash for OrgId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl PartialOrd for OrgId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrgId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.canonical().cmp(other.canonical())
    }
}

fn is_address(text: &str) -> bool {
    let Ok(decoded) = BASE64.decode(text) else {
        return false;
    };
    decoded.starts_with(b"ciscospark://")
        && std::str::from_utf8(&decoded).is_ok_and(|address| address.contains("/ORGANIZATION/"))
}

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_LEN && begins_a_uuid(text)
}

pub(super) const UUID_LEN: usize = 36;

fn begins_a_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

fn canonical(text: &str) -> Option<Box<str>> {
    if is_uuid(text) {
        let address = format!("{ADDRESS}{}", text.to_ascii_lowercase());
        return Some(BASE64.encode(address).into());
    }
    let unpadded = text.trim_end_matches('=');
    (unpadded != text && is_address(unpadded)).then(|| unpadded.into())
}

/// Why a text is not an organisation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrgIdError {
    /// Empty.
    #[error("an organisation id must not be empty")]
    Empty,
    /// More than [`OrgId::MAX_LEN`] characters.
    #[error("an organisation id has at most {} characters", OrgId::MAX_LEN)]
    TooLong,
    /// White space, a control character or a letter outside ASCII.
    #[error("an organisation id has only visible ASCII characters, not {0:?}")]
    BadCharacter(char),
    /// A long number as a spreadsheet shows it: its digits are lost.
    #[error("a spreadsheet has made a number of this id, and its digits are lost")]
    Spoilt,
}

/// Whether `text` is what a spreadsheet makes of a long number: `1.23E+10`, or `1,23E+10`.
pub fn is_spoilt_number(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return false; // what most ids are
    }
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let Some((number, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    let exponent = exponent.strip_prefix('+');
    whole.len() == 1 && is_digits(whole) && is_digits(fraction) && exponent.is_some_and(is_digits)
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
        if is_spoilt_number(text) {
            return Err(OrgIdError::Spoilt);
        }
        Ok(OrgId(Arc::new(Texts { spelled: text.into(), canonical: canonical(text) })))
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgId({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_organisation_are_equal() {
        let uuid = "96abc2aa-3dcc-11e5-a152-fe34819cdc9a";
        let own_form = BASE64.encode(format!("{ADDRESS}{uuid}"));
        let own: OrgId = own_form.parse().unwrap();
        for text in [
            own_form.clone(),
            format!("{own_form}="),
            format!("{own_form}=="),
            uuid.to_owned(),
            uuid.to_uppercase(),
        ] {
            let id: OrgId = text.parse().unwrap();
            assert_eq!(id, own, "{text}");
            assert_eq!((id.as_str(), id.canonical()), (&*text, &*own_form));
            assert!(id.is_an_organisation(), "{text}");
            assert_eq!(id.uuid().as_deref(), Some(uuid));
        }
        assert_eq!("a1".parse::<OrgId>().unwrap().uuid(), None);
        let person = BASE64.encode(format!("ciscospark://us/PEOPLE/{uuid}"));
        for (text, why) in [
            ("AcmeVoice", "neither"),
            ("12345", "a number"),
            ("b3Blbg==", "neither"),
            (&own_form[..30], "a part of it is missing"),
            (&own_form[..61], "a part of it is missing"),
            (&own_form[..60], "its end is missing"),
            (&person, "something else"),
        ] {
            let id: OrgId = text.parse().unwrap();
            assert_eq!(id.canonical(), text);
            assert!(!id.is_an_organisation(), "{text}");
            let said = id.why_none().unwrap_or_default();
            assert!(said.contains(why), "{text}: {said}");
            assert_ne!(id, own);
        }
        for text in ["1.23E+10", "1,23E+10", "9E+15", "1.5e+010"] {
            assert_eq!(text.parse::<OrgId>(), Err(OrgIdError::Spoilt), "{text}");
        }
        for text in ["12E+10", "1.23E10", "E+10", "1.E+x"] {
            assert!(text.parse::<OrgId>().is_ok(), "{text}");
        }
    }
}
