//! What a ledger holds, counted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words;
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
}

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
        };
        for row in rows {
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
        if !self.by_cause.is_empty() {
            let causes = self
                .by_cause
                .iter()
                .map(|(code, n)| vec![code.clone(), words::grouped(*n)]);
            out.push('\n');
            out.push_str(&words::columns(
                &["CAUSE", "FAILED"],
                causes.collect(),
                &[1],
            ));
        }
        out
    }
}
