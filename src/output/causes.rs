//! Rows that came to nothing, by cause: whom it concerns and what to do.

use std::{cmp::Reverse, collections::HashMap};

use super::words;
use crate::{
    ledger::{Row, State},
    request::OrgId,
};

/// Rows with one cause.
#[derive(Debug)]
pub(super) struct Cause<'a> {
    /// `error_code`, or a word of ours for what is not collected.
    pub(super) code: &'a str,
    /// In the order of the ledger.
    pub(super) rows: Vec<&'a Row>,
    /// What is said most often.
    pub(super) message: String,
    /// How many other messages there are.
    pub(super) others: usize,
}

/// The cause that created reports are not collected.
pub(super) const NOT_COLLECTED: &str = "not collected";

/// The failed rows by cause, the most frequent first; `uncollected`: created ones that are not collected too.
pub(super) fn causes<'a>(
    rows: impl IntoIterator<Item = &'a Row>,
    uncollected: bool,
) -> Vec<Cause<'a>> {
    let mut by_code: HashMap<&str, Vec<&Row>> = HashMap::new();
    for row in rows {
        let code = match &row.state {
            State::Failed { reason, .. } => &*reason.code,
            state @ State::InDoubt { .. } => state.error_code(),
            State::Created(_) if uncollected && !row.collected.error.is_empty() => NOT_COLLECTED,
            _ => continue,
        };
        by_code.entry(code).or_default().push(row);
    }
    let mut causes: Vec<_> = by_code
        .into_iter()
        .map(|(code, rows)| Cause::new(code, rows))
        .collect();
    causes.sort_by_key(|cause| (Reverse(cause.rows.len()), cause.code));
    causes
}

impl<'a> Cause<'a> {
    fn new(code: &'a str, rows: Vec<&'a Row>) -> Self {
        let mut messages: HashMap<String, usize> = HashMap::new();
        for row in &rows {
            let message = match &row.state {
                State::Created(_) => row.collected.error.clone(),
                state => state.text(),
            };
            *messages.entry(message).or_default() += 1;
        }
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
        let partners = concerned.iter().filter(|(org, ..)| org.is_some()).count();
        let requests = words::count(self.rows.len(), "request");
        let numbers = match partners {
            0 => requests,
            n => format!("{}, {requests}", words::count(n, "sub-partner")),
        };
        let named = concerned
            .into_iter()
            .map(|(_, name, n)| format!("{name} ({n})"));
        let room = width.saturating_sub(words::width(&numbers) + 2);
        format!("{numbers}: {}", words::listed(named.collect(), room))
    }

    /// What is said, on one line.
    pub(super) fn said(&self) -> String {
        match self.others {
            0 => self.message.clone(),
            n => format!(
                "{} (and {})",
                self.message,
                words::count(n, "other message")
            ),
        }
    }

    /// What to do about it, where that is known.
    pub(super) fn advice(&self) -> Option<&'static str> {
        Some(match self.code {
            "http_400" | "http_404" => "check the id and the period in the manifest, then retry",
            "http_401" => "check that the token may act for these sub-partners, then retry",
            "http_403" => "ask Cisco or the sub-partner's administrator for access, then retry",
            "in_doubt" => "look in Control Hub which report is theirs, then decide each one",
            "connect" | "timeout" | "reset" | "bad_response" | "http_423" | "http_429" => {
                "retry later"
            }
            "tls" => "check the network, or name your certificate authority in api.ca_file",
            "redirect" => "check api.base_url",
            NOT_COLLECTED => "collect again, later where a report is still in progress",
            code if code.starts_with("http_5") => "retry later",
            _ => return None,
        })
    }
}
