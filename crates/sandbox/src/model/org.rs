use base64::prelude::{
    BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD, Engine as _,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use request::OrgId;

/// How a server spells organisation ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// As they came in, or as they are configured.
    #[default]
    AsGiven,
    /// URL-safe base64 of a `ciscospark://` address, without padding.
    Unpadded,
    /// The same with padding.
    Padded,
    /// The bare UUID.
    Uuid,
}

pub(super) fn contains(org: &str, text: &str) -> bool {
    org.contains(text) || decoded(org).is_some_and(|decoded| decoded.contains(text))
}

/// Equal for all spellings of one organisation. Any other text is only equal to itself.
pub(super) fn meaning(org: &OrgId) -> String {
    let text = org.as_str();
    match address(text) {
        Some(address) => address.uuid.to_ascii_lowercase(),
        None => text.trim_end_matches('=').to_owned(),
    }
}

/// A text that is no organisation's id stays as it is.
pub(super) fn spelled(org: &str, spelling: Spelling) -> String {
    let Some(address) = address(org) else {
        return org.to_owned();
    };
    let full = format!("{}{}", address.folder, address.uuid);
    match spelling {
        Spelling::AsGiven => org.to_owned(),
        Spelling::Unpadded => BASE64_URL_SAFE_NO_PAD.encode(full),
        Spelling::Padded => BASE64_URL_SAFE.encode(full),
        Spelling::Uuid => address.uuid,
    }
}

const FOLDER: &str = "/ORGANIZATION/";

struct Address {
    folder: String,
    uuid: String,
}

fn address(org: &str) -> Option<Address> {
    if is_uuid(org) {
        return Some(Address { folder: format!("ciscospark://us{FOLDER}"), uuid: org.to_owned() });
    }
    let decoded = decoded(org)?;
    let (folder, uuid) = decoded.split_at(decoded.find(FOLDER)? + FOLDER.len());
    is_uuid(uuid).then(|| Address { folder: folder.to_owned(), uuid: uuid.to_owned() })
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn decoded(org: &str) -> Option<String> {
    let bare = org.trim_end_matches('=');
    let bytes =
        BASE64_URL_SAFE_NO_PAD.decode(bare).or_else(|_| BASE64_STANDARD_NO_PAD.decode(bare));
    Some(String::from_utf8_lossy(&bytes.ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_one_organisation_mean_the_same() {
        let uuid = "0000576d-60a8-407a-b22c-47c515910000";
        let forms = [Spelling::Unpadded, Spelling::Padded, Spelling::Uuid];
        let texts = forms.map(|form| spelled(uuid, form));
        assert!(texts[1].ends_with('=') && texts[2] == uuid, "{texts:?}");
        for text in &texts {
            assert_eq!(meaning(&text.parse().unwrap()), uuid);
            assert_eq!(forms.map(|form| spelled(text, form)), texts);
        }
        assert_eq!(meaning(&"orgA=".parse().unwrap()), "orgA");
        assert_eq!(spelled("orgA", Spelling::Padded), "orgA");
    }
}
