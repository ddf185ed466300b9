//! The bearer token: when it ends, and how it is renewed.

/// The token that a new sandbox takes.
pub const ACCESS_TOKEN: &str = "sandbox-token";
/// `client_id` for renewing it.
pub const CLIENT_ID: &str = "sandbox-client-id";
/// `client_secret` for renewing it.
pub const CLIENT_SECRET: &str = "sandbox-client-secret";
/// The first `refresh_token`.
pub const REFRESH_TOKEN: &str = "sandbox-refresh-token";

/// The tokens of the moment; earlier ones have ended.
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

    /// As they were when an earlier process ended.
    pub(super) fn restored(access: String, refresh: String, renewals: u64) -> Self {
        Tokens {
            access,
            refresh,
            renewals,
            uses: 0,
        }
    }

    /// Whether a request with this token is let in; counts it.
    pub(super) fn admits(&mut self, token: Option<&str>, expires_after: Option<u64>) -> bool {
        if token != Some(&self.access) || expires_after.is_some_and(|most| self.uses >= most) {
            return false;
        }
        self.uses += 1;
        true
    }

    /// What a renewal would give.
    pub(super) fn renewed(&self, rotate_refresh: bool) -> Self {
        let renewals = self.renewals + 1;
        let refresh = if rotate_refresh {
            format!("{REFRESH_TOKEN}-{}", renewals + 1)
        } else {
            self.refresh.clone()
        };
        Tokens::restored(
            format!("{ACCESS_TOKEN}-{}", renewals + 1),
            refresh,
            renewals,
        )
    }
}
