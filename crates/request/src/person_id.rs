use std::{fmt, str::FromStr};

use base64::Engine as _;

use super::org_id::{BASE64, UUID_LEN};

/// The id of an administrator, as `createdBy` shows it. Its spellings are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonId(Box<str>);

/// A person's id must not be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a person's id must not be empty")]
pub struct PersonIdError;

/// How a person's id is written. Ids of different forms may be one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonIdForm {
    /// A UUID, by itself or within the API's own form.
    Uuid,
    /// An e-mail address.
    Mail,
    /// Words: a name.
    Name,
    /// Digits alone.
    Number,
    /// Anything else.
    Opaque,
}

impl PersonId {
    /// How it is written.
    pub fn form(&self) -> PersonIdForm {
        let text = &*self.0;
        if text.len() == UUID_LEN && text.bytes().filter(|byte| *byte == b'-').count() == 4 {
            PersonIdForm::Uuid
        } else if text.contains('@') {
            PersonIdForm::Mail
        } else if text.contains(char::is_whitespace) {
            PersonIdForm::Name
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            PersonIdForm::Number
        } else {
            PersonIdForm::Opaque
        }
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PersonId {
    type Err = PersonIdError;

    fn from_str(text: &str) -> Result<Self, PersonIdError> {
        let text = text.trim();
        let decoded = BASE64.decode(text).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let address = decoded.as_deref().unwrap_or(text);
        let end = address.strip_prefix("ciscospark://").and_then(|path| path.rsplit('/').next());
        match end.unwrap_or(text) {
            "" => Err(PersonIdError),
            uuid if uuid.len() == UUID_LEN => Ok(PersonId(uuid.to_ascii_lowercase().into())),
            opaque => Ok(PersonId(opaque.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn spellings_of_one_person_are_equal() {
        let id = |text: &str| text.parse::<PersonId>().unwrap();
        let uuid = "f1b7a2c0-60a8-407a-b22c-47c515910001";
        let address = format!("ciscospark://us/PEOPLE/{uuid}");
        for spelling in [
            BASE64_URL_SAFE_NO_PAD.encode(&address),
            BASE64_STANDARD.encode(&address),
            address.clone(),
            uuid.to_uppercase(),
            format!(" {uuid} "),
        ] {
            assert_eq!(id(&spelling), id(uuid), "{spelling}");
        }
        assert_ne!(id(uuid), id(&uuid.replace('1', "2")));
        assert_ne!(id("Alice"), id("alice"), "opaque ids are what they are");
        assert_ne!(id("a/b"), id("b"));
        for nobody in ["", " ", "ciscospark://us/PEOPLE/"] {
            assert_eq!(nobody.parse::<PersonId>(), Err(PersonIdError));
        }
        for (text, form) in [
            (uuid, PersonIdForm::Uuid),
            (&BASE64_STANDARD.encode(&address), PersonIdForm::Uuid),
            ("jo@example.com", PersonIdForm::Mail),
            ("Jo Doe", PersonIdForm::Name),
            ("4711", PersonIdForm::Number),
            ("person-1", PersonIdForm::Opaque),
        ] {
            assert_eq!(id(text).form(), form, "{text}");
        }
    }
}
