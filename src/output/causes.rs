//! Rows that failed or are not collected, by cause: which sub-partners, and what to do.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use indexmap::IndexMap;

use super::words;
use crate::{
    ledger::{Obstacle, Row, State},
    text::one_line,
};
use request::OrgId;

#[derive(Debug)]
pub struct CauseGroup<'a> {
    /// `error_code`, or a word of ours for what is not collected.
    pub code: &'a str,
    pub rows: Vec<&'a Row>,
    /// Each message with the number of its rows; the worst first, then the most frequent. Never empty.
    messages: Vec<(String, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    Code,
    /// By code and message. Each row in doubt names candidates of its own, so these share one group.
    Message,
}

/// Messages shown of one cause.
const MESSAGES: usize = 4;

const NOT_COLLECTED: &str = "not collected";

pub(super) fn failed(row: &Row) -> Option<(&str, String)> {
    match &row.state {
        State::Failed { reason, .. } => Some((&reason.code, reason.text.clone())),
        state @ State::InDoubt { .. } => Some((state.error_code(), state.text())),
        State::Created(_) | State::Pending { .. } | State::Sending { .. } => None,
    }
}

pub fn failed_or_uncollected(row: &Row) -> Option<(&str, String)> {
    match &row.state {
        State::Created(_) if !row.collected.error.is_empty() => {
            Some((NOT_COLLECTED, row.collected.error.clone()))
        }
        _ => failed(row),
    }
}

pub(super) fn uncollected(row: &Row) -> Option<(&str, String)> {
    failed_or_uncollected(row).filter(|(code, _)| *code == NOT_COLLECTED)
}

/// The most frequent cause first. `cause` gives a row's code and message; rows without are left out.
pub fn causes<'a>(
    rows: impl IntoIterator<Item = &'a Row>,
    alike: GroupBy,
    cause: impl Fn(&'a Row) -> Option<(&'a str, String)>,
) -> Vec<CauseGroup<'a>> {
    let mut groups: HashMap<(&str, String), Vec<(&'a Row, String)>> = HashMap::new();
    for row in rows {
        let Some((code, message)) = cause(row) else {
            continue;
        };
        let is_one = alike == GroupBy::Code || matches!(row.state, State::InDoubt { .. });
        let key = if is_one { (code, String::new()) } else { (code, message.clone()) };
        groups.entry(key).or_default().push((row, message));
    }
    let groups = groups.into_iter();
    let causes = groups.map(|((code, _), told)| CauseGroup {
        code,
        messages: messages(&told),
        rows: told.into_iter().map(|(row, _)| row).collect(),
    });
    let mut causes: Vec<CauseGroup<'_>> = causes.collect();
    causes.sort_by(|a, b| {
        let order = |group: &CauseGroup<'_>| Reverse(group.rows.len());
        (order(a), a.code, a.message()).cmp(&(order(b), b.code, b.message()))
    });
    causes
}

/// The worst first, and those that only wait last. How long reports are waited for is said once: their times differ by
/// seconds.
fn messages(told: &[(&Row, String)]) -> Vec<(String, usize)> {
    let mut messages: IndexMap<&str, (bool, Obstacle, &str, usize)> = IndexMap::new();
    for (row, message) in told {
        let obstacle = Obstacle::of(row).unwrap_or(Obstacle::Other);
        let is_waiting = row.collected.is_waiting();
        let is_of_status = is_waiting || obstacle == Obstacle::UnknownStatus;
        let key = if is_of_status { row.collected.status.as_str() } else { message.as_str() };
        messages.entry(key).or_insert((is_waiting, obstacle, message, 0)).3 += 1;
    }
    messages.sort_by_key(|_, (is_waiting, obstacle, message, n)| {
        (*is_waiting, *obstacle, Reverse(*n), *message)
    });
    let messages = messages.into_values();
    messages.map(|(_, _, message, n)| (message.to_owned(), n)).collect()
}

/// `3 other causes with 12 requests`, of those after the first `shown` ones.
pub(super) fn others(causes: &[CauseGroup<'_>], shown: usize) -> Option<String> {
    let others = causes.get(shown..).filter(|others| !others.is_empty())?;
    let requests = others.iter().map(|cause| cause.rows.len()).sum();
    let (groups, requests) = (others.len(), words::count(requests, "request"));
    Some(format!("{} with {requests}", words::count(groups, "other cause")))
}

impl CauseGroup<'_> {
    /// Without the partner itself.
    pub fn sub_partners(&self) -> usize {
        let partners = self.rows.iter().filter_map(|row| row.request().sub_partner.as_ref());
        partners.collect::<HashSet<_>>().len()
    }

    /// `42 sub-partners, 420 requests`
    pub(super) fn numbers(&self) -> String {
        let requests = words::count(self.rows.len(), "request");
        match self.sub_partners() {
            0 => requests,
            n => format!("{}, {requests}", words::count(n, "sub-partner")),
        }
    }

    /// `42 sub-partners, 420 requests: Gable Street (10), Acme (10), and 40 more`, in about `width` columns.
    pub(super) fn whom(&self, width: usize) -> String {
        let mut concerned: IndexMap<Option<&OrgId>, (String, usize)> = IndexMap::new();
        for row in &self.rows {
            let org = row.request().sub_partner.as_ref();
            concerned.entry(org).or_insert_with(|| (words::who(row), 0)).1 += 1;
        }
        concerned.sort_by(|_, (_, a), _, (_, b)| b.cmp(a));
        let named = concerned.into_values().map(|(name, n)| format!("{name} ({n})"));
        let named: Vec<String> = named.collect();
        let numbers = self.numbers();
        let room = width.saturating_sub(words::width(&numbers) + 2);
        format!("{numbers}: {}", words::listed(&named, room))
    }

    pub fn message(&self) -> &str {
        self.messages.first().map_or("", |(text, _)| text)
    }

    pub(super) fn said(&self) -> Vec<String> {
        self.lines(str::to_owned)
    }

    /// As [`CauseGroup::said`], without the advice: for where commands follow.
    pub(super) fn said_briefly(&self) -> Vec<String> {
        let advice = match self.code {
            NOT_COLLECTED => "; `monthend ",
            _ => "; decide with `monthend ",
        };
        self.lines(|message| message.split(advice).next().unwrap_or_default().to_owned())
    }

    fn lines(&self, shown_as: impl Fn(&str) -> String) -> Vec<String> {
        let all = self.messages.len();
        let shown = if all > MESSAGES { MESSAGES - 1 } else { all };
        let (first, more) = self.messages.split_at(shown);
        let mut lines = Vec::new();
        for (message, n) in first {
            let requests = words::count(*n, "request");
            let message = one_line(&shown_as(message));
            lines.push(if all == 1 { message } else { format!("{requests}: {message}") });
        }
        if !more.is_empty() {
            let requests = words::count(more.iter().map(|(_, n)| n).sum(), "request");
            lines.push(format!("{requests}: {}", words::count(more.len(), "other message")));
        }
        lines
    }

    /// What no command at the end of a summary says.
    pub(super) fn advice(&self) -> Option<&'static str> {
        Some(match self.code {
            "http_400" | "http_404" => "check the id and the period in the manifest, then retry",
            "http_401" => "check that the token may act for these sub-partners, then retry",
            "http_403" => "ask Cisco or the sub-partner's administrator for access, then retry",
            "connect" | "timeout" | "reset" | "bad_response" | "http_423" | "http_429" => {
                "retry later"
            }
            "tls" => "check the network, or name your certificate authority in api.ca_file",
            "redirect" => "check api.base_url",
            code if code.starts_with("http_5") => "retry later",
            _ => return None,
        })
    }
}
