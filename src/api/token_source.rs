//! The access token over the length of a run: renewed when the server no longer takes it.

use std::path::{Path, PathBuf};

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use url::Url;

use super::{
    Answer, Cause, Credentials, Notice, Outcome, Refusal, Token,
    credentials::{Refresh, read_secret_file},
    exchange::{Exchanger, Wanted},
    reading::Misread,
    secret_file,
    text::Cleaner,
    token::secret,
    wire,
};

const NEW_TOKEN: Wanted = Wanted {
    what: "the new access token",
    size: 1024 * 1024,
};

/// What to look at where no token can be had.
const ADVICE: &str = "set a new one in WEBEX_ACCESS_TOKEN or WEBEX_ACCESS_TOKEN_FILE, or set all of WEBEX_CLIENT_ID, \
     WEBEX_CLIENT_SECRET and WEBEX_REFRESH_TOKEN so that it can be renewed";

/// The tokens of a run.
#[derive(Debug)]
pub(super) struct TokenSource {
    /// One renewal at a time: a refresh token may be good for only one.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Option<Token>,
    /// Never used again, so that a stale token file and a renewed token do not take turns.
    refused: Vec<Token>,
    token_file: Option<PathBuf>,
    refresh: Option<Refresh>,
}

impl TokenSource {
    pub(super) fn new(credentials: Credentials) -> Self {
        let Credentials {
            token,
            token_file,
            refresh,
        } = credentials;
        TokenSource {
            state: Mutex::new(State {
                current: token,
                refused: Vec::new(),
                token_file,
                refresh,
            }),
        }
    }

    /// The token to go on with, after `refused` was refused; the first one where none was.
    ///
    /// In this order: one that another renewal has brought meanwhile, the token file's where it has changed,
    /// a new one from the token endpoint at `url`.
    pub(super) async fn token(
        &self,
        exchanger: &Exchanger,
        url: Url,
        refused: Option<&Token>,
    ) -> Answer<Token> {
        let mut state = self.state.lock().await;
        if let Some(refused) = refused
            && !state.refused.contains(refused)
        {
            state.refused.push(refused.clone());
        }
        if let Some(token) = state.usable(state.current.clone()) {
            return without_exchange(Outcome::Done(token));
        }
        let in_file = read_token(state.token_file.clone()).await;
        if let Some(token) = state.usable(in_file) {
            state.current = Some(token.clone());
            return without_exchange(Outcome::Done(token));
        }
        let State {
            current,
            refused,
            refresh,
            ..
        } = &mut *state;
        let Some(refresh) = refresh else {
            return without_exchange(Outcome::Refused(Refusal::Unauthorized, no_way()));
        };
        let answer = ask(exchanger, url, refresh, refused).await;
        let Answer { outcome, notice } = answer;
        let outcome = match outcome {
            Outcome::Done(renewed) => {
                if let Some(token) = renewed.refresh {
                    keep(refresh, token).await;
                }
                if refused.contains(&renewed.access) {
                    Outcome::Refused(Refusal::Unauthorized, no_way()) // the same again: no use
                } else {
                    *current = Some(renewed.access.clone());
                    Outcome::Done(renewed.access)
                }
            }
            Outcome::Refused(refusal, cause) => refused_renewal(refusal, cause),
            Outcome::NotSent(cause) => Outcome::NotSent(cause),
            Outcome::InDoubt(doubt, cause) => Outcome::InDoubt(doubt, cause),
        };
        Answer { outcome, notice }
    }
}

impl State {
    fn usable(&self, token: Option<Token>) -> Option<Token> {
        token.filter(|token| !self.refused.contains(token))
    }
}

/// What the token endpoint gave.
struct Renewed {
    access: Token,
    refresh: Option<SecretString>,
}

/// `POST /access_token` (RFC 6749, section 6).
async fn ask(
    exchanger: &Exchanger,
    url: Url,
    refresh: &Refresh,
    refused: &[Token],
) -> Answer<Renewed> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", refresh.client_id.expose_secret()),
        ("client_secret", refresh.client_secret.expose_secret()),
        ("refresh_token", refresh.token.expose_secret()),
    ];
    let sent = form.iter().skip(1).map(|(_, secret)| *secret);
    let cleaner = Cleaner::new(sent.chain(refused.iter().map(Token::expose)));
    let request = exchanger.client.post(url).form(&form);
    let read = |_: &HeaderMap, body: &[u8]| {
        let tokens: wire::Tokens = wire::read(body).ok_or(Misread::NotThere)?;
        Ok(Renewed {
            access: Token::new(&tokens.access_token).map_err(|_| Misread::NotThere)?,
            refresh: tokens.refresh_token.and_then(|text| secret(&text).ok()),
        })
    };
    exchanger.ask(request, NEW_TOKEN, &cleaner, read).await
}

/// From now on the new refresh token counts; its file gets it too, for the next run.
async fn keep(refresh: &mut Refresh, token: SecretString) {
    if token.expose_secret() == refresh.token.expose_secret() {
        return;
    }
    refresh.token = token.clone();
    let Some(path) = refresh.token_file.clone() else {
        tracing::warn!(
            "the server gave a new refresh token, so the one in WEBEX_REFRESH_TOKEN may be spent; \
             use WEBEX_REFRESH_TOKEN_FILE to have new ones kept"
        );
        return;
    };
    let shown = path.display().to_string();
    if let Err(error) = blocking(move || secret_file::replace(&path, token.expose_secret())).await {
        tracing::warn!(
            "the server gave a new refresh token, so the one in {shown} may be spent; \
             the new one could not be kept there: {error}"
        );
    }
}

/// The token file's token, or `None` where there is no file or no token in it any more.
async fn read_token(path: Option<PathBuf>) -> Option<Token> {
    let path = path?;
    let shown = path.display().to_string();
    let token = blocking(move || token_in(&path)).await;
    token
        .inspect_err(|error| tracing::warn!("the token file {shown} cannot be read again: {error}"))
        .ok()
}

fn token_in(path: &Path) -> std::io::Result<Token> {
    let text = read_secret_file(path).map_err(std::io::Error::other)?;
    Token::new(&text).map_err(std::io::Error::other)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn without_exchange(outcome: Outcome<Token>) -> Answer<Token> {
    Answer {
        outcome,
        notice: Notice::default(),
    }
}

/// There is nothing to renew the token with.
fn no_way() -> Cause {
    Cause {
        http_status: None,
        code: "http_401".to_owned(),
        text: format!("the access token was refused: {ADVICE}"),
        tracking_id: None,
    }
}

/// A token endpoint that says no for good has refused the credentials, whatever the status it uses.
fn refused_renewal<T>(refusal: Refusal, cause: Cause) -> Outcome<T> {
    match refusal {
        Refusal::Wait(_) | Refusal::Locked => Outcome::Refused(refusal, cause),
        Refusal::Unauthorized | Refusal::Forbidden | Refusal::Conflict | Refusal::Final => {
            let text = format!(
                "the access token could not be renewed ({}); check WEBEX_CLIENT_ID, WEBEX_CLIENT_SECRET and \
                 WEBEX_REFRESH_TOKEN (or their _FILE forms)",
                cause.text
            );
            Outcome::Refused(Refusal::Unauthorized, Cause { text, ..cause })
        }
    }
}

#[cfg(test)]
mod tests;
