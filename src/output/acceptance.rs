//! What a person said about a difference, as every output shows it.

use std::ops::Not;

use schemars::JsonSchema;
use serde::Serialize;

use super::words;
use crate::{audit::Acceptance, text::one_line};
use reconcile::DifferenceId;

/// In JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct AcceptedJson<'a> {
    /// Why the difference does not count; null: it counts.
    accepted: Option<&'a Acceptance>,
    /// True where the difference was accepted, and the last day of that has passed.
    #[serde(default, skip_serializing_if = "Not::not")]
    ended: bool,
}

/// In CSV.
#[derive(Serialize, JsonSchema)]
pub(super) struct AcceptedCell<'a> {
    /// Why the difference does not count; empty: it counts.
    accepted: Option<&'a str>,
}

impl<'a> From<Option<&'a Acceptance>> for AcceptedJson<'a> {
    fn from(acceptance: Option<&'a Acceptance>) -> Self {
        let ended = acceptance.is_some_and(|it| it.is_ended);
        AcceptedJson { accepted: acceptance.filter(|it| !it.is_ended), ended }
    }
}

impl<'a> From<Option<&'a Acceptance>> for AcceptedCell<'a> {
    fn from(acceptance: Option<&'a Acceptance>) -> Self {
        AcceptedCell { accepted: reason_in_force(acceptance) }
    }
}

pub(super) fn reason_in_force(acceptance: Option<&Acceptance>) -> Option<&str> {
    acceptance.filter(|it| !it.is_ended).map(|it| it.reason.as_str())
}

/// `accepted by Jo Doe: leaves us`
pub(super) fn acceptance_text(acceptance: &Acceptance) -> String {
    let Acceptance { by, reason, until, .. } = acceptance;
    let until = match until {
        Some(day) if acceptance.is_ended => format!(" until {day}, which is over"),
        Some(day) => format!(" until {day}"),
        None => String::new(),
    };
    format!("accepted by {}{until}: {}", one_line(by), one_line(reason))
}

/// At most so many ids are in a command.
const IDS: usize = 5;

/// The command that accepts these differences, which are `all` in number. `command` is what comes before the ids, `more`
/// says where the other ids are.
pub(super) fn accept_lines(command: &str, ids: &[DifferenceId], all: usize, more: &str) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let shown = &ids[..ids.len().min(IDS)];
    let options: String = shown.iter().map(|id| format!(" --id {id}")).collect();
    let more = match all.saturating_sub(shown.len()) {
        0 => String::new(),
        n => format!(" ({more} {})", words::count(n, "more id")),
    };
    format!(
        "\nto accept what is explained, with your reason in the place of WHY{more}:\n  {command}{options} --reason WHY\n"
    )
}
