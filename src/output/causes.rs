//! Rows that came to nothing, by cause: whom it concerns and what to do.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

use super::words;
use crate::{
    ledger::{Obstacle, Row, State},
    request::OrgId,
};

/// Rows with one cause.
#[derive(Debug)]
pub struct Cause<'a> {
    /// `error_code`, or a word of ours for what is not collected.
    pub code: &'a str,
    /// In the order of the ledger.
    pub rows: Vec<&'a Row>,
    /// What is said most often.
    pub message: String,
    /// How many other messages there are.
    others: usize,
}

/// Which rows have one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    /// Those of one code, whatever was said: what people look at first.
    Code,
    /// Those of which the same was said, too. Each row in doubt names candidates of its own, so these are alike.
    Message,
}

/// The cause that created reports are not collected.
const NOT_COLLECTED: &str = "not collected";

/// Why there is no report for certain: code and message of a failed row.
pub(super) fn failed(row: &Row) -> Option<(&str, String)> {
    match &row.state {
        State::Failed { reason, .. } => Some((&reason.code, reason.text.clone())),
        state @ State::InDoubt { .. } => Some((state.error_code(), state.text())),
        State::Created(_) | State::Pending { .. } | State::Sending { .. } => None,
    }
}

/// As `failed`, and why a created report is not collected.
pub fn failed_or_uncollected(row: &Row) -> Option<(&str, String)> {
    match &row.state {
        State::Created(_) if !row.collected.error.is_empty() => {
            Some((NOT_COLLECTED, row.collected.error.clone()))
        }
        _ => failed(row),
    }
}

/// Why a created report is not collected; none of a row that failed.
pub(super) fn uncollected(row: &Row) -> Option<(&str, String)> {
    failed_or_uncollected(row).filter(|(code, _)| *code == NOT_COLLECTED)
}

/// The rows by cause, the most frequent first. `cause` gives a row's code and message; rows without are left out.
pub fn causes<'a>(
    rows: impl IntoIterator<Item = &'a Row>,
    alike: Alike,
    cause: impl Fn(&'a Row) -> Option<(&'a str, String)>,
) -> Vec<Cause<'a>> {
    type Group<'a> = (Vec<&'a Row>, HashMap<String, usize>);
    let mut groups: HashMap<(&str, String), Group<'a>> = HashMap::new();
    for row in rows {
        let Some((code, message)) = cause(row) else {
            continue;
        };
        let is_one = alike == Alike::Code || matches!(row.state, State::InDoubt { .. });
        let key = match is_one {
            true => (code, String::new()),
            false => (code, message.clone()),
        };
        let (rows, messages) = groups.entry(key).or_default();
        rows.push(row);
        *messages.entry(message).or_default() += 1;
    }
    let cause = |((code, _), (rows, messages)): ((_, _), Group<'a>)| {
        let others = messages.len().saturating_sub(1);
        let most = messages
            .into_iter()
            .max_by_key(|(text, n)| (*n, Reverse(text.clone())));
        Cause {
            code,
            rows,
            message: most.map(|(text, _)| text).unwrap_or_default(),
            others,
        }
    };
    let mut causes: Vec<Cause<'_>> = groups.into_iter().map(cause).collect();
    causes.sort_by(|a, b| {
        let order = |cause: &Cause<'_>| Reverse(cause.rows.len());
        (order(a), a.code, &a.message).cmp(&(order(b), b.code, &b.message))
    });
    causes
}

impl Cause<'_> {
    /// How many sub-partners it concerns; the partner itself is none.
    pub fn sub_partners(&self) -> usize {
        let partners = self
            .rows
            .iter()
            .filter_map(|row| row.request().sub_partner.as_ref());
        partners.collect::<HashSet<_>>().len()
    }

    /// `42 sub-partners, 420 requests: Gable Street (10), Acme (10), and 40 more`, in about `width` columns.
    pub(super) fn whom(&self, width: usize) -> String {
        let mut concerned: Vec<(Option<&OrgId>, String, usize)> = Vec::new();
        let mut places: HashMap<Option<&OrgId>, usize> = HashMap::new();
        for row in &self.rows {
            let org = row.request().sub_partner.as_ref();
            let place = *places.entry(org).or_insert_with(|| {
                concerned.push((org, words::who(row), 0));
                concerned.len() - 1
            });
            concerned[place].2 += 1;
        }
        concerned.sort_by_key(|(_, _, n)| Reverse(*n));
        let requests = words::count(self.rows.len(), "request");
        let numbers = match self.sub_partners() {
            0 => requests,
            n => format!("{}, {requests}", words::count(n, "sub-partner")),
        };
        let named = concerned
            .into_iter()
            .map(|(_, name, n)| format!("{name} ({n})"));
        let room = width.saturating_sub(words::width(&numbers) + 2);
        format!("{numbers}: {}", words::listed(named.collect(), room))
    }

    /// What is said, on one line; without what the ledger advises, where [`Cause::advice`] does.
    pub(super) fn said(&self) -> String {
        let advice = match self.code {
            NOT_COLLECTED => "; `monthend ",
            "in_doubt" => "; decide with `monthend ",
            _ => "",
        };
        let message = match self.message.split_once(advice) {
            Some((message, _)) if !advice.is_empty() => message,
            _ => &self.message,
        };
        match self.others {
            0 => message.to_owned(),
            n => format!("{message} (and {})", words::count(n, "other message")),
        }
    }

    /// What to do about it, where that is known.
    pub(super) fn advice(&self) -> Option<&'static str> {
        Some(match self.code {
            "http_400" | "http_404" => "check the id and the period in the manifest, then retry",
            "http_401" => "check that the token may act for these sub-partners, then retry",
            "http_403" => "ask Cisco or the sub-partner's administrator for access, then retry",
            "in_doubt" => "look at the candidates, then decide each row",
            "connect" | "timeout" | "reset" | "bad_response" | "http_423" | "http_429" => {
                "retry later"
            }
            "tls" => "check the network, or name your certificate authority in api.ca_file",
            "redirect" => "check api.base_url",
            NOT_COLLECTED => {
                let obstacles = self.rows.iter().filter_map(|row| Obstacle::of(row));
                let obstacles: BTreeSet<Obstacle> = obstacles.collect();
                match obstacles.into_iter().collect::<Vec<_>>()[..] {
                    [Obstacle::ServerFailed] => "recreate them: retry --recreate-failed",
                    [Obstacle::Gone] => "recreate each of them by hand",
                    [Obstacle::OtherFile] => "look at these files; collect --force replaces them",
                    [] | [Obstacle::Other] => {
                        "collect again, later where a report is still in progress"
                    }
                    _ => "the commands below say what each of them needs",
                }
            }
            code if code.starts_with("http_5") => "retry later",
            _ => return None,
        })
    }
}
