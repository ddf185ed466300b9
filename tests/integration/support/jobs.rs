//! Jobs for manifests, and the sub-partners in them.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

/// The id of a sub-partner: recognisable text behind the form that real ids have. Names such as `refused-403` are
/// refused by the sandbox.
pub(crate) fn partner(name: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("ciscospark://us/ORGANIZATION/{name}"))
}

/// A job about the partner itself.
pub(crate) fn own(types: &str, periods: &str) -> String {
    format!("  - {{ name: own, types: [{types}], periods: [{periods}] }}\n")
}

/// A job `partners` about sub-partners by name, labelled with it.
pub(crate) fn partners<'a>(
    names: impl IntoIterator<Item = &'a str>,
    types: &str,
    periods: &str,
) -> String {
    partners_with(names, types, periods, "")
}

/// A job about so many sub-partners, `p0` and so on: one request each.
pub(crate) fn many(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("p{n}")).collect();
    partners(names.iter().map(String::as_str), "USER", "2026-09")
}

/// As [`partners`], with further keys: `internal: true`.
pub(crate) fn partners_with<'a>(
    names: impl IntoIterator<Item = &'a str>,
    types: &str,
    periods: &str,
    more: &str,
) -> String {
    let listed: String = names
        .into_iter()
        .map(|name| format!("      - {{ id: {}, label: {name} }}\n", partner(name)))
        .collect();
    format!(
        "  - name: partners\n    sub_partners:\n{listed}    types: [{types}]\n    periods: [{periods}]\n    {more}\n"
    )
}
