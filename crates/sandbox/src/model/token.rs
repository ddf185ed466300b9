use serde_json::json;

use super::{
    ask::{Fields, field},
    config::TokenConfig,
    reply::Reply,
    report::Person,
};

/// The first access token.
pub const ACCESS_TOKEN: &str = "sandbox-token";
/// `client_id` for renewing it.
pub const CLIENT_ID: &str = "sandbox-client-id";
/// `client_secret` for renewing it.
pub const CLIENT_SECRET: &str = "sandbox-client-secret";
/// The first `refresh_token`.
pub const REFRESH_TOKEN: &str = "sandbox-refresh-token";

/// Seconds: 14 days less a second, as the real API says. When the model's tokens end is configured.
const EXPIRES_IN: u64 = 1_209_599;
/// Seconds: 90 days.
const REFRESH_EXPIRES_IN: u64 = 7_776_000;

#[derive(Debug, Clone)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) renewals: u64,
    uses: u64,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Tokens::restored(ACCESS_TOKEN.to_owned(), REFRESH_TOKEN.to_owned(), 0)
    }

    pub(super) fn restored(access: String, refresh: String, renewals: u64) -> Self {
        Tokens { access, refresh, renewals, uses: 0 }
    }

    pub(super) fn admits(&mut self, token: Option<&str>, expires_after: Option<u64>) -> bool {
        let ended = self.uses == u64::MAX || expires_after.is_some_and(|most| self.uses >= most);
        if token != Some(&self.access) || ended {
            return false;
        }
        self.uses += 1;
        true
    }

    pub(super) fn person(&self, config: &TokenConfig) -> Person {
        if config.changes_person && self.renewals % 2 == 1 { Person::Successor } else { Person::Us }
    }

    pub(super) fn end(&mut self) {
        self.uses = u64::MAX;
    }

    pub(super) fn renew(&mut self, form: &Fields, rotate_refresh: bool) -> Reply {
        if field(form, "grant_type") != Some("refresh_token") {
            return Reply::error(400, "grant_type must be refresh_token.");
        }
        let client = (field(form, "client_id"), field(form, "client_secret"));
        if client != (Some(CLIENT_ID), Some(CLIENT_SECRET)) {
            return Reply::error(401, "The client id or the client secret is wrong.");
        }
        if field(form, "refresh_token") != Some(&self.refresh) {
            return Reply::error(400, "The refresh token is invalid or has ended.");
        }
        let renewals = self.renewals + 1;
        let refresh = if rotate_refresh {
            format!("{REFRESH_TOKEN}-{}", renewals + 1)
        } else {
            self.refresh.clone()
        };
        *self = Tokens::restored(format!("{ACCESS_TOKEN}-{}", renewals + 1), refresh, renewals);
        Reply::json(
            200,
            json!({
                "access_token": self.access,
                "expires_in": EXPIRES_IN,
                "refresh_token": self.refresh,
                "refresh_token_expires_in": REFRESH_EXPIRES_IN,
            }),
        )
    }
}
