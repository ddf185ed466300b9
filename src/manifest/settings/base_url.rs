use std::{fmt, str::FromStr};

use url::{Host, Url};

use crate::{
    manifest::yaml::{Form, Mistake, checked_line, text},
    text::without_user,
};

/// The API's address: `https`, or `http` on a loopback host, because the token is sent there. No user, password, query,
/// fragment, or slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    #[error("{0:?} is not a URL; write for instance https://webexapis.com/v1")]
    NotAUrl(String),
    /// The scheme is neither `https` nor `http`.
    #[error("the scheme {0:?} is not supported; use https")]
    Scheme(String),
    /// `http` to another machine would expose the token.
    #[error(
        "http is accepted for loopback hosts only (127.0.0.1, localhost, [::1]); use https for {0}"
    )]
    PlainHttp(String),
    /// A user or password: credentials come from the environment or a file.
    #[error("a base URL must not hold a user or password")]
    Credentials,
    /// A query or a fragment, to which no path can be appended.
    #[error("a base URL must not have a query (?) or a fragment (#)")]
    QueryOrFragment,
}

impl BaseUrl {
    /// The real API.
    #[expect(clippy::expect_used, reason = "the text is a constant and a test reads it")]
    pub fn webex() -> Self {
        "https://webexapis.com/v1".parse().expect("a valid constant")
    }

    /// The address of `path`, which has no leading slash.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        url
    }

    /// Whether `url` has this API's scheme, host and port, so that the token may be sent there.
    pub fn is_origin_of(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    /// Whether it names this machine itself.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Whether this is a sandbox of ours, by its path.
    pub fn is_sandbox(&self) -> bool {
        self.is_loopback() && self.0.path().starts_with("/sandbox/")
    }

    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let mut url =
            Url::parse(text).map_err(|_| BaseUrlError::NotAUrl(without_user(text).into_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::Credentials);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(BaseUrlError::PlainHttp(url.host_str().unwrap_or_default().to_owned()));
            }
            other => return Err(BaseUrlError::Scheme(other.to_owned())),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::QueryOrFragment);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(BaseUrl(url))
    }
}

pub(super) fn base_url() -> Form<BaseUrl> {
    let form = text("a URL", "^https?://", |text| {
        let line = checked_line(text, "a URL")?;
        line.parse().map_err(|error: BaseUrlError| Mistake::new(error.to_string()))
    });
    form.with_default(|url| url.to_string().into())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_that_may_see_the_token_are_taken() {
        for good in [
            "https://webexapis.com/v1",
            "https://example.org:8443/",
            "http://127.0.0.1:8080/v1",
            "http://localhost/v1",
            "http://[::1]:9/v1",
        ] {
            assert!(good.parse::<BaseUrl>().is_ok(), "{good}");
        }
        for bad in [
            "http://webexapis.com/v1",
            "http://127.0.0.1.example.org/",
            "http://localhost.example.org/",
            "ftp://127.0.0.1/",
            "https://user@example.org/",
            "https://user:pw@example.org/",
            "https://example.org/?a=b",
            "webexapis.com/v1",
            "",
        ] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_appended_whatever_the_slashes() {
        for base in ["http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/"] {
            let base: BaseUrl = base.parse().unwrap();
            assert_eq!(base.join("wholesale/x").as_str(), "http://127.0.0.1:1/v1/wholesale/x");
        }
        assert_eq!(BaseUrl::webex().to_string(), "https://webexapis.com/v1");
    }
}
