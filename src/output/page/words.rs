use crate::{ledger::Row, text::one_line};
use request::Request;

pub(super) use crate::text::{count, grouped};

/// Label, id or `own`, then `internal` if it is set.
pub(super) fn who(row: &Row) -> String {
    let request = row.request();
    let who = match (&row.label, &request.sub_partner) {
        (Some(label), _) => one_line(label),
        (None, Some(org)) => org.to_string(),
        (None, None) => "own".to_owned(),
    };
    who + internal(request)
}

pub(super) fn internal(request: &Request) -> &'static str {
    if request.internal { " internal" } else { "" }
}
