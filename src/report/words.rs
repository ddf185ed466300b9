//! Numbers and names as the page has them.

use crate::{ledger::Row, request::Request, text::one_line};

/// `1,234,567`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 report`, `1,234 reports`.
pub(super) fn count(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(n as u64))
}

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
