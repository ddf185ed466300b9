//! What a ledger holds, counted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use serde::Serialize;

use super::{causes::causes, words};
use crate::ledger::{Row, State};

/// How many rows of each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
struct Statuses {
    created: usize,
    failed: usize,
    pending: usize,
    sending: usize,
}

/// A ledger's counts, by status, type, period and cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusView {
    ledger: String,
    total: usize,
    by_status: Statuses,
    by_type: BTreeMap<String, Statuses>,
    by_period: BTreeMap<String, Statuses>,
    by_cause: BTreeMap<String, usize>,
    /// By sub-partner, for people: those that failed most first.
    #[serde(skip)]
    partners: Vec<(String, Statuses)>,
    /// Causes with whom they concern and what was said.
    #[serde(skip)]
    concerned: Vec<[String; 3]>,
}

/// No line is wider, but for long names.
const WIDTH: usize = 100;
/// How many sub-partners the table shows.
const SHOWN: usize = 10;

impl Statuses {
    fn add(&mut self, state: &State) {
        *match state {
            State::Created(_) => &mut self.created,
            State::Failed { .. } | State::InDoubt { .. } => &mut self.failed,
            State::Pending { .. } => &mut self.pending,
            State::Sending { .. } => &mut self.sending,
        } += 1;
    }

    fn cells(&self) -> [String; 4] {
        [self.created, self.failed, self.pending, self.sending].map(words::grouped)
    }
}

impl StatusView {
    /// Counts `rows`.
    pub fn new<'a>(ledger: String, rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut view = StatusView {
            ledger,
            total: 0,
            by_status: Statuses::default(),
            by_type: BTreeMap::new(),
            by_period: BTreeMap::new(),
            by_cause: BTreeMap::new(),
            partners: Vec::new(),
            concerned: Vec::new(),
        };
        let rows: Vec<&Row> = rows.into_iter().collect();
        let mut places: HashMap<_, usize> = HashMap::new();
        for row in &rows {
            let place = *places
                .entry(row.request().sub_partner.as_ref())
                .or_insert_with(|| {
                    view.partners.push((words::who(row), Statuses::default()));
                    view.partners.len() - 1
                });
            view.partners[place].1.add(&row.state);
            view.total += 1;
            view.by_status.add(&row.state);
            let request = row.request();
            let by_type = view.by_type.entry(request.report_type.to_string());
            by_type.or_default().add(&row.state);
            let by_period = view.by_period.entry(request.period.to_string());
            by_period.or_default().add(&row.state);
            if matches!(row.state, State::Failed { .. } | State::InDoubt { .. }) {
                let code = row.state.error_code().to_owned();
                *view.by_cause.entry(code).or_default() += 1;
            }
        }
        let undone = |s: &Statuses| (s.failed, s.sending, s.pending);
        view.partners
            .sort_by_key(|(_, statuses)| Reverse(undone(statuses)));
        let causes = causes(rows, false);
        let lines = causes
            .iter()
            .map(|cause| [cause.code.to_owned(), cause.whom(WIDTH - 16), cause.said()]);
        view.concerned = lines.collect();
        view
    }

    /// For scripts.
    ///
    /// # Errors
    /// None that these values could have; the type is the JSON writer's.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// For people.
    pub fn table(&self) -> String {
        const STATUSES: [&str; 5] = ["", "CREATED", "FAILED", "PENDING", "SENDING"];
        let header = |first| [&[first], &STATUSES[1..]].concat();
        let row = |name: &str, statuses: &Statuses| {
            [vec![name.to_owned()], statuses.cells().to_vec()].concat()
        };
        let block =
            |first, rows: Vec<Vec<String>>| words::columns(&header(first), rows, &[1, 2, 3, 4]);
        let lines =
            |of: &BTreeMap<String, Statuses>| of.iter().map(|(name, s)| row(name, s)).collect();
        let mut out = block(
            "ALL",
            vec![row(&words::count(self.total, "row"), &self.by_status)],
        );
        out.push('\n');
        out.push_str(&block("TYPE", lines(&self.by_type)));
        out.push('\n');
        out.push_str(&block("PERIOD", lines(&self.by_period)));
        let of = self.partners.iter().take(SHOWN).map(|(who, s)| row(who, s));
        out.push('\n');
        out.push_str(&block("SUB-PARTNER", of.collect()));
        let more = self.partners.len().saturating_sub(SHOWN);
        if more > 0 {
            let more = words::count(more, "more sub-partner");
            let _ = writeln!(out, "… and {more} (--sub-partner shows one of them)");
        }
        if !self.concerned.is_empty() {
            out.push_str("\nFAILED\n");
        }
        for [code, whom, said] in &self.concerned {
            let said = words::cut(said, WIDTH - 2);
            let _ = writeln!(out, "{code}  {whom}\n  {said}");
        }
        out
    }
}
