//! Numbers and names as the page has them.

use crate::{ledger::Row, request::Request, text::one_line};

pub(super) use crate::text::{count, grouped};

/// Whom a row bills: label, id or `own`, with `internal` where that is meant.
pub(super) fn who(row: &Row) -> String {
    let request = row.request();
    let who = match (&row.label, &request.sub_partner) {
        (Some(label), _) => one_line(label),
        (None, Some(org)) => org.to_string(),
        (None, None) => "own".to_owned(),
    };
    who + internal(request)
}

/// ` internal`, or nothing.
pub(super) fn internal(request: &Request) -> &'static str {
    if request.internal { " internal" } else { "" }
}
