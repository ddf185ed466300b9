use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::token::{Token, TokenError, bare, secret};
use crate::files::read_regular;

/// In bytes. A longer file is something else.
const MAX_SECRET: u64 = 64 * 1024;

const ACCESS_TOKEN: &str = "WEBEX_ACCESS_TOKEN";
const CLIENT_ID: &str = "WEBEX_CLIENT_ID";
const CLIENT_SECRET: &str = "WEBEX_CLIENT_SECRET";
const REFRESH_TOKEN: &str = "WEBEX_REFRESH_TOKEN";

#[derive(Debug)]
pub struct Credentials {
    pub(super) token: Option<Token>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) refresh: Option<Refresh>,
}

/// The input for a new access token (RFC 6749, section 6).
#[derive(Debug, Clone)]
pub(super) struct Refresh {
    pub(super) client_id: SecretString,
    pub(super) client_secret: SecretString,
    pub(super) token: SecretString,
    pub(super) token_file: Option<PathBuf>,
}

/// Contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error(
        "no credentials: set {ACCESS_TOKEN} or {ACCESS_TOKEN}_FILE, or all of {CLIENT_ID}, {CLIENT_SECRET} and \
         {REFRESH_TOKEN} (or their _FILE forms)"
    )]
    NoneGiven,
    #[error("{0} and {0}_FILE are both set; set only one of them")]
    BothForms(&'static str),
    #[error("to renew an access token, {} must be set too (or the _FILE form)", .missing.join(" and "))]
    Incomplete { missing: Vec<&'static str> },
    #[error("the value of {0} cannot be used: {TokenError}")]
    Value(&'static str),
    #[error("{}, which {name}_FILE names, cannot be used", path.display())]
    File {
        name: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Credentials {
    /// An empty variable or a pair of quotes counts as unset: that is how CI systems show a missing secret.
    pub fn from_env(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, CredentialsError> {
        let find = |name| find(&lookup, name);
        let access = find(ACCESS_TOKEN)?;
        let refresh = refresh([find(CLIENT_ID)?, find(CLIENT_SECRET)?, find(REFRESH_TOKEN)?])?;
        if access.is_none() && refresh.is_none() {
            return Err(CredentialsError::NoneGiven);
        }
        let (token, token_file) = match access {
            Some(given) => {
                let token = Token::new(&given.text).map_err(|error| given.fault(error))?;
                (Some(token), given.file)
            }
            None => (None, None),
        };
        Ok(Credentials { token, token_file, refresh })
    }

    /// `None` if it has to be requested.
    pub fn initial_token(&self) -> Option<Token> {
        self.token.clone()
    }
}

fn refresh(given: [Option<Given>; 3]) -> Result<Option<Refresh>, CredentialsError> {
    let names = [CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN];
    match given {
        [None, None, None] => Ok(None),
        [Some(id), Some(client_secret), Some(token)] => Ok(Some(Refresh {
            client_id: id.secret()?,
            client_secret: client_secret.secret()?,
            token: token.secret()?,
            token_file: token.file,
        })),
        partly => Err(CredentialsError::Incomplete {
            missing: names
                .into_iter()
                .zip(&partly)
                .filter_map(|(name, value)| value.is_none().then_some(name))
                .collect(),
        }),
    }
}

struct Given {
    name: &'static str,
    text: String,
    file: Option<PathBuf>,
}

impl Given {
    fn secret(&self) -> Result<SecretString, CredentialsError> {
        secret(&self.text).map_err(|error| self.fault(error))
    }

    fn fault(&self, error: TokenError) -> CredentialsError {
        match &self.file {
            None => CredentialsError::Value(self.name),
            Some(path) => CredentialsError::File {
                name: self.name,
                path: path.clone(),
                source: io::Error::other(error),
            },
        }
    }
}

fn find(
    lookup: impl Fn(&str) -> Option<OsString>,
    name: &'static str,
) -> Result<Option<Given>, CredentialsError> {
    let is_nothing = |value: &OsString| value.to_str().is_some_and(|text| bare(text).is_empty());
    let set = |variable: &str| lookup(variable).filter(|value| !is_nothing(value));
    match (set(name), set(&format!("{name}_FILE"))) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(CredentialsError::BothForms(name)),
        (Some(value), None) => {
            let text = value.into_string().map_err(|_| CredentialsError::Value(name))?;
            Ok(Some(Given { name, text, file: None }))
        }
        (None, Some(path)) => {
            let path = file_named(path);
            match read_secret_file(&path) {
                Ok(text) => Ok(Some(Given { name, text, file: Some(path) })),
                Err(source) => Err(CredentialsError::File { name, path, source }),
            }
        }
    }
}

/// Quotes around the path are dropped if there is no such file.
fn file_named(value: OsString) -> PathBuf {
    let path = PathBuf::from(&value);
    match value.to_str().map(bare) {
        Some(bare) if !path.exists() => PathBuf::from(bare),
        _ => path,
    }
}

pub(super) fn read_secret_file(path: &Path) -> io::Result<String> {
    use io::ErrorKind::{FileTooLarge, InvalidData};
    let bytes = read_regular(path, MAX_SECRET).map_err(|error| match error.kind() {
        FileTooLarge => io::Error::new(FileTooLarge, "it is too long for a token"),
        _ => error,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        io::Error::new(InvalidData, "it is not UTF-8; save it as plain text in UTF-8")
    })?;
    if text.trim().is_empty() {
        return Err(io::Error::new(InvalidData, "it is empty"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
        Credentials::from_env(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    fn message(variables: &[(&str, &str)]) -> String {
        use std::error::Error;
        let error = from(variables).unwrap_err();
        let source = error.source().map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default())
    }

    const TRIO: [(&str, &str); 3] = [
        ("WEBEX_CLIENT_ID", "the-id"),
        ("WEBEX_CLIENT_SECRET", "the-secret"),
        ("WEBEX_REFRESH_TOKEN", "the-refresh"),
    ];

    #[test]
    fn a_token_comes_from_the_variable_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "from-file\n").unwrap();
        let path = path.to_str().unwrap();
        let quoted = format!("\"{path}\"");
        for (variables, token) in [
            (&[("WEBEX_ACCESS_TOKEN", " direct\n")][..], "direct"),
            (&[("WEBEX_ACCESS_TOKEN_FILE", path)], "from-file"),
            (&[("WEBEX_ACCESS_TOKEN", ""), ("WEBEX_ACCESS_TOKEN_FILE", path)], "from-file"),
            (&[("WEBEX_ACCESS_TOKEN", "\"direct\"")], "direct"),
            (&[("WEBEX_ACCESS_TOKEN", "''"), ("WEBEX_ACCESS_TOKEN_FILE", &quoted)], "from-file"),
        ] {
            let credentials = from(variables).unwrap();
            assert_eq!(credentials.initial_token(), Some(Token::new(token).unwrap()));
        }
    }

    #[test]
    fn what_renews_is_enough() {
        let credentials = from(&TRIO).unwrap();
        assert_eq!(credentials.initial_token(), None);
        assert!(credentials.refresh.is_some());
    }

    #[test]
    fn mistakes_are_named_without_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (empty, binary, two) =
            (file("empty", b" \n"), file("binary", b"\xff"), file("two", b"hush hush\n"));
        let long = file("long", &[b'x'; 70_000]);
        for (variables, parts) in [
            (&[][..], &["no credentials", "WEBEX_ACCESS_TOKEN_FILE"][..]),
            (&[("WEBEX_ACCESS_TOKEN", "")], &["no credentials"]),
            (&[("WEBEX_ACCESS_TOKEN", "\"\"")], &["no credentials"]),
            (
                &[("WEBEX_ACCESS_TOKEN", "hush"), ("WEBEX_ACCESS_TOKEN_FILE", "x")],
                &["WEBEX_ACCESS_TOKEN and WEBEX_ACCESS_TOKEN_FILE are both"],
            ),
            (&[("WEBEX_ACCESS_TOKEN", "hush hush")], &["WEBEX_ACCESS_TOKEN", "one word"]),
            (&[("WEBEX_ACCESS_TOKEN", "hush\nhush")], &["WEBEX_ACCESS_TOKEN"]),
            (&[("WEBEX_ACCESS_TOKEN", "hüsh")], &["WEBEX_ACCESS_TOKEN"]),
            (
                &[("WEBEX_ACCESS_TOKEN_FILE", "/no/such/file")],
                &["WEBEX_ACCESS_TOKEN_FILE", "/no/such/file", "No such file"],
            ),
            (&[("WEBEX_ACCESS_TOKEN_FILE", &empty)], &["it is empty"]),
            (&[("WEBEX_ACCESS_TOKEN_FILE", &binary)], &["UTF-8"]),
            (&[("WEBEX_ACCESS_TOKEN_FILE", &two)], &["one word"]),
            (&[("WEBEX_ACCESS_TOKEN_FILE", &long)], &["too long"]),
            (&TRIO[..2], &["WEBEX_REFRESH_TOKEN must be set"]),
            (
                &[("WEBEX_ACCESS_TOKEN", "hush"), TRIO[2]],
                &["WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET must"],
            ),
        ] {
            let message = message(variables);
            for part in parts {
                assert!(message.contains(part), "{message:?} lacks {part:?}");
            }
            assert!(!message.contains("hush") && !message.contains("hüsh"), "{message}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut variables = TRIO.to_vec();
        variables.push(("WEBEX_ACCESS_TOKEN", "the-access"));
        let shown = format!("{:?}", from(&variables).unwrap());
        assert!(!shown.contains("the-"), "{shown}");
        let header = format!("{:?}", Token::new("the-access").unwrap().bearer());
        assert!(!header.contains("the-"), "{header}");
    }
}
