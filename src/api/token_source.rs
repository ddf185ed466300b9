use std::{
    cell::RefCell,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::sleep;
use url::Url;

use super::{
    Answer, Cause, Credentials, Notice, OnHead, Outcome, Refusal, Token, WaitKind,
    credentials::{Refresh, read_secret_file},
    reading::Misread,
    token::secret,
    transport::{Transport, Wanted},
    wire,
};
use crate::files::NewFile;

/// The time for a file of a few bytes.
const DISK: Duration = Duration::from_secs(10);

const NEW_TOKEN: Wanted = Wanted { what: "the new access token", size: 1024 * 1024 };

/// The time for another process to store its new refresh token.
const ANOTHERS: (u32, Duration) = (15, Duration::from_millis(200));

/// The session knows the current token, and allows one renewal at a time.
#[derive(Debug)]
pub(super) struct TokenSource {
    token_file: Option<PathBuf>,
    refresh: RefCell<Option<Refresh>>,
    /// Never returned again, so that an old token file and a renewed token do not alternate.
    refused: RefCell<Vec<Token>>,
    /// Refused refresh tokens; many servers accept each one only once.
    spent: RefCell<Vec<SecretString>>,
}

impl TokenSource {
    pub(super) fn new(credentials: Credentials) -> Self {
        TokenSource {
            token_file: credentials.token_file,
            refresh: RefCell::new(credentials.refresh),
            refused: RefCell::default(),
            spent: RefCell::default(),
        }
    }

    /// From the token file if it has changed, else from the token endpoint at `url`.
    pub(super) async fn next(
        &self,
        transport: &Transport,
        url: Url,
        refused: Option<&Token>,
        on_head: &dyn OnHead,
    ) -> Answer<Token> {
        if let Some(refused) = refused.filter(|token| !self.was_refused(token)) {
            self.refused.borrow_mut().push(refused.clone());
        }
        let in_file = read_token(self.token_file.clone()).await;
        if let Some(token) = in_file.filter(|token| !self.was_refused(token)) {
            return without_exchange(Outcome::Done(token));
        }
        let Some(refresh) = self.refresh.borrow().clone() else {
            return without_exchange(Outcome::Refused(Refusal::Unauthorized, self.no_way()));
        };
        let refresh = self.with_what_another_wrote(refresh, 1).await.unwrap_or_else(|it| it);
        let Answer { outcome, notice } = ask(transport, url, &refresh, on_head).await;
        let outcome = match outcome {
            Outcome::Done(renewed) => {
                if let Some(token) = renewed.refresh {
                    self.keep(refresh, token).await;
                }
                if self.was_refused(&renewed.access) {
                    Outcome::Refused(Refusal::Unauthorized, same_again())
                } else {
                    Outcome::Done(renewed.access)
                }
            }
            Outcome::Refused(refusal, cause) => match refused_renewal(refusal, cause) {
                Outcome::Refused(Refusal::Unauthorized, cause) => {
                    self.after_refusal(refresh, cause).await
                }
                other => other,
            },
            Outcome::NotSent(cause) => Outcome::NotSent(unanswered(cause)),
            Outcome::InDoubt(doubt, cause) => Outcome::InDoubt(doubt, unanswered(cause)),
        };
        Answer { outcome, notice }
    }

    /// Another process may just have renewed with the same refresh token: then its new one is used at once.
    async fn after_refusal(&self, refresh: Refresh, cause: Cause) -> Outcome<Token> {
        self.spent.borrow_mut().push(refresh.token.clone());
        match self.with_what_another_wrote(refresh, ANOTHERS.0).await {
            Ok(newer) => {
                *self.refresh.borrow_mut() = Some(newer);
                Outcome::Refused(Refusal::Wait(WaitKind::RateLimit), cause)
            }
            Err(_) => Outcome::Refused(Refusal::Unauthorized, cause),
        }
    }

    /// Returns `refresh` unchanged if its file has no other token, or a refused one.
    async fn with_what_another_wrote(
        &self,
        refresh: Refresh,
        looks: u32,
    ) -> Result<Refresh, Refresh> {
        let Some(path) = refresh.token_file.clone() else {
            return Err(refresh);
        };
        for look in 0..looks {
            if look > 0 {
                sleep(ANOTHERS.1).await;
            }
            let path = path.clone();
            let read = blocking(move || {
                let text = read_secret_file(&path)?;
                secret(&text).map_err(io::Error::other)
            });
            // An unreadable file counts as unchanged.
            let Ok(token) = read.await else { continue };
            let same = |other: &SecretString| other.expose_secret() == token.expose_secret();
            if !same(&refresh.token) && !self.spent.borrow().iter().any(same) {
                return Ok(Refresh { token, ..refresh });
            }
        }
        Err(refresh)
    }

    fn no_way(&self) -> Cause {
        refused(match &self.token_file {
            None => "The token was refused. Set a new WEBEX_ACCESS_TOKEN.".to_owned(),
            Some(path) => format!(
                "The token in {} was refused. Put a new one there (WEBEX_ACCESS_TOKEN_FILE).",
                path.display()
            ),
        })
    }

    fn was_refused(&self, token: &Token) -> bool {
        self.refused.borrow().contains(token)
    }

    /// The new refresh token also goes to its file, for the next run.
    async fn keep(&self, refresh: Refresh, token: SecretString) {
        if token.expose_secret() == refresh.token.expose_secret() {
            return;
        }
        let path = refresh.token_file.clone();
        *self.refresh.borrow_mut() = Some(Refresh { token: token.clone(), ..refresh });
        let Some(path) = path else {
            tracing::warn!(
                "the server gave a new refresh token, so the one in WEBEX_REFRESH_TOKEN may be spent; \
                 use WEBEX_REFRESH_TOKEN_FILE to have new ones kept"
            );
            return;
        };
        let shown = path.display().to_string();
        let kept = blocking(move || replace_secret(&path, token.expose_secret())).await;
        if let Err(error) = kept {
            tracing::warn!(
                "the server gave a new refresh token, so the one in {shown} may be spent; \
                 the new one could not be kept there: {error}"
            );
        }
    }
}

struct Renewed {
    access: Token,
    refresh: Option<SecretString>,
}

/// `POST /access_token` (RFC 6749, section 6).
async fn ask(
    transport: &Transport,
    url: Url,
    refresh: &Refresh,
    on_head: &dyn OnHead,
) -> Answer<Renewed> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", refresh.client_id.expose_secret()),
        ("client_secret", refresh.client_secret.expose_secret()),
        ("refresh_token", refresh.token.expose_secret()),
    ];
    let request = transport.client.post(url).form(&form);
    let read = |_: &HeaderMap, body: &str| {
        let Some(tokens) = wire::read::<wire::WireTokens>(body) else {
            // Some servers refuse with a 2xx.
            return Err(if wire::is_refusal(body) { Misread::Refused } else { Misread::NotThere });
        };
        Ok(Renewed {
            access: Token::new(&tokens.access_token).map_err(|_| Misread::NotThere)?,
            refresh: tokens.refresh_token.and_then(|text| secret(&text).ok()),
        })
    };
    transport.ask(request, NEW_TOKEN, on_head, read).await
}

async fn read_token(path: Option<PathBuf>) -> Option<Token> {
    let path = path?;
    let shown = path.display().to_string();
    let token =
        blocking(move || Token::new(&read_secret_file(&path)?).map_err(io::Error::other)).await;
    token
        .inspect_err(|error| tracing::warn!("the token file {shown} cannot be read again: {error}"))
        .ok()
}

/// Atomic, readable by the owner only. A file that cannot be replaced (mounted by itself, or in a folder where nothing
/// may be made) is overwritten in place, which a crash may cut.
fn replace_secret(path: &Path, text: &str) -> io::Result<()> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    let path = fs::canonicalize(path)?;
    let replaced = NewFile::begin(&path).and_then(|mut file| {
        file.for_its_owner_only()?;
        writeln!(file, "{text}")?;
        file.put_in_place()
    });
    match replaced.as_ref().map_err(io::Error::kind) {
        Err(ResourceBusy | PermissionDenied | ReadOnlyFilesystem) => {
            let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
            writeln!(file, "{text}")?;
            file.sync_all()
        }
        _ => replaced,
    }
}

/// A share that does not answer must not block the run for ever.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::time::timeout(DISK, tokio::task::spawn_blocking(work)).await {
        Ok(done) => done.unwrap_or_else(|error| Err(io::Error::other(error))),
        Err(late) => Err(io::Error::new(io::ErrorKind::TimedOut, late)),
    }
}

fn without_exchange(outcome: Outcome<Token>) -> Answer<Token> {
    Answer { outcome, notice: Notice::default() }
}

fn same_again() -> Cause {
    refused(
        "The token was refused, and renewing it gave the same one again. Authorise the integration again \
         (WEBEX_REFRESH_TOKEN)."
            .to_owned(),
    )
}

fn refused(text: String) -> Cause {
    Cause { code: "http_401".to_owned(), text, ..Cause::default() }
}

fn unanswered(cause: Cause) -> Cause {
    let text = format!(
        "the access token could not be renewed with WEBEX_REFRESH_TOKEN ({}); run the same command again to continue",
        cause.text
    );
    Cause { text, ..cause }
}

/// A final refusal of the token endpoint means the credentials, whatever its status.
fn refused_renewal<T>(refusal: Refusal, cause: Cause) -> Outcome<T> {
    match refusal {
        Refusal::Wait(_) | Refusal::Locked => Outcome::Refused(refusal, cause),
        Refusal::Unauthorized | Refusal::Forbidden | Refusal::Conflict | Refusal::Final => {
            let is_said = cause.code.starts_with("http_") || cause.text.contains(&cause.code);
            let code = if is_said { "" } else { &format!("{}: ", cause.code) };
            let text = format!(
                "the access token could not be renewed ({code}{}); check WEBEX_CLIENT_ID, WEBEX_CLIENT_SECRET and \
                 WEBEX_REFRESH_TOKEN (or their _FILE forms)",
                cause.text
            );
            Outcome::Refused(Refusal::Unauthorized, Cause { text, ..cause })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_replaced_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "old").unwrap();
        replace_secret(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace_secret(&folder.path().join("missing"), "x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        replace_secret(&link, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new\n");
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
