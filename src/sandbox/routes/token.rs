//! `/access_token`: a new token for a refresh token.

use serde_json::json;

use crate::sandbox::{
    CLIENT_ID, CLIENT_SECRET,
    call::{Fields, field},
    exchange::not_written,
    journal::Record,
    reply::Reply,
    world::{State, World},
};

/// Fourteen days less a second, as the real API says; when the sandbox's tokens end is configured.
const EXPIRES_IN: u64 = 1_209_599;
/// Ninety days.
const REFRESH_EXPIRES_IN: u64 = 7_776_000;

/// Gives a new access token and ends the old one; `form` is `None` where the body is no form.
pub(super) fn renew(world: &World, state: &mut State, form: Option<&Fields>) -> Reply {
    let Some(form) = form else {
        return Reply::error(415, "The body must be application/x-www-form-urlencoded.");
    };
    if field(form, "grant_type") != Some("refresh_token") {
        return Reply::error(400, "grant_type must be refresh_token.");
    }
    let client = (field(form, "client_id"), field(form, "client_secret"));
    if client != (Some(CLIENT_ID), Some(CLIENT_SECRET)) {
        return Reply::error(401, "The client id or the client secret is wrong.");
    }
    if field(form, "refresh_token") != Some(&state.tokens.refresh) {
        return Reply::error(400, "The refresh token is invalid or has ended.");
    }
    let renewed = state.tokens.renewed(world.config.token.rotate_refresh);
    let record = Record::Renewed {
        access_token: renewed.access.clone(),
        refresh_token: renewed.refresh.clone(),
        renewals: renewed.renewals,
    };
    if let Err(error) = state.journal.append(&record) {
        return not_written(&error);
    }
    let body = json!({
        "access_token": renewed.access,
        "expires_in": EXPIRES_IN,
        "refresh_token": renewed.refresh,
        "refresh_token_expires_in": REFRESH_EXPIRES_IN,
    });
    state.tokens = renewed;
    Reply::json(200, body)
}
