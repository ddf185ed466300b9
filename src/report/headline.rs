//! The headline: how all of it stands, in a sentence, in figures and in a bar.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    beside::EarlierPart,
    matrix::Standing,
    sources::Sources,
    words::{count, grouped},
};
use crate::{audit::Agreement, request::Period};

/// One sentence.
pub(super) struct Verdict {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// One figure.
pub(super) struct Tile {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) figure: String,
    pub(super) note: String,
}

/// A part of the bar, in thousandths of its length.
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) title: String,
}

/// How many rows stand how.
pub(super) struct Headline {
    counts: BTreeMap<Standing, usize>,
    total: usize,
}

impl Headline {
    pub(super) fn of(sources: &Sources<'_>) -> Self {
        let mut counts = BTreeMap::new();
        for row in sources.ledger.rows() {
            *counts.entry(Standing::of(row)).or_default() += 1;
        }
        Headline {
            total: sources.ledger.len(),
            counts,
        }
    }

    fn count(&self, standing: Standing) -> usize {
        self.counts.get(&standing).copied().unwrap_or_default()
    }

    pub(super) fn verdict(&self) -> Verdict {
        let [collected, empty, created, failed, sending, pending] =
            Standing::ALL.map(|standing| self.count(standing));
        let (class, text) = if self.total == 0 {
            ("wait", "The ledger has no requests.".to_owned())
        } else if failed > 0 {
            let all = count(self.total, "request");
            (
                "bad",
                format!("{} of {all} failed.", grouped(failed as u64)),
            )
        } else if pending + sending > 0 {
            let left = count(pending + sending, "request");
            ("wait", format!("Nothing failed; {left} are not done yet."))
        } else if collected + empty == self.total {
            let all = count(self.total, "report");
            (
                "good",
                format!("Created and collected: {all}, that is all of them."),
            )
        } else if collected + empty > 0 {
            let left = count(created, "report");
            (
                "wait",
                format!("Every report is created; {left} are not collected."),
            )
        } else {
            let all = count(self.total, "report");
            ("good", format!("Created: {all}, that is all of them."))
        };
        Verdict { class, text }
    }

    pub(super) fn tiles(&self, sources: &Sources<'_>, earlier: Option<&EarlierPart>) -> Vec<Tile> {
        let [collected, empty, created, failed, sending, pending] =
            Standing::ALL.map(|standing| self.count(standing));
        let tile = |class, name, figure: usize, note: String| Tile {
            class,
            name,
            figure: grouped(figure as u64),
            note,
        };
        let some = |class, n: usize| if n > 0 { class } else { "" };
        let note = |n: usize, what: &str| match n {
            0 => String::new(),
            n => format!("{} {what}", grouped(n as u64)),
        };
        let whom: BTreeSet<_> = (sources.ledger.rows())
            .filter_map(|row| row.request().sub_partner.as_ref())
            .collect();
        let whom = match whom.len() {
            0 => String::new(),
            n => count(n, "sub-partner"),
        };
        let rows = sources.ledger.rows().filter_map(|row| row.collected.rows);
        let rows: u64 = rows.sum();
        let rows = match rows {
            0 => String::new(),
            n => format!("{} rows in all", grouped(n)),
        };
        let mut tiles = vec![
            tile("", "Requests", self.total, whom),
            tile(
                "good",
                "Created",
                collected + empty + created,
                note(created, "not collected"),
            ),
            tile("", "Collected", collected + empty, rows),
            tile("", "Empty", empty, String::new()),
            tile(some("bad", failed), "Failed", failed, String::new()),
            tile(
                some("wait", pending + sending),
                "Not done",
                pending + sending,
                note(sending, "in doubt"),
            ),
        ];
        if let Some(earlier) = earlier {
            let beside = || format!("beside {}", earlier.name);
            tiles.push(tile(
                some("mark", earlier.vanished),
                "Vanished",
                earlier.vanished,
                beside(),
            ));
            tiles.push(tile(
                some("mark", earlier.dropped),
                "Dropped",
                earlier.dropped,
                beside(),
            ));
            tiles.push(tile("", "New", earlier.new, beside()));
        }
        if sources.totals.is_some() {
            let totals = sources.reviewed.totals.iter();
            let differ = totals
                .filter(|total| total.agreement == Agreement::Differ)
                .count();
            let of = format!("of {}", count(sources.reviewed.totals.len(), "sum"));
            tiles.push(tile(some("bad", differ), "Sums that differ", differ, of));
        }
        tiles
    }

    pub(super) fn bar(&self) -> Vec<Part> {
        let mut x = 0.0;
        let mut parts = Vec::new();
        for standing in Standing::ALL {
            let n = self.count(standing);
            if n > 0 {
                let width = 1000.0 * n as f64 / self.total as f64;
                parts.push(Part {
                    class: standing.class(),
                    x,
                    width,
                    title: format!("{} {}", grouped(n as u64), standing.name()),
                });
                x += width;
            }
        }
        parts
    }
}

/// The periods of a ledger, in words.
pub(super) fn periods(sources: &Sources<'_>) -> String {
    const NAMED: usize = 4;
    let periods: BTreeSet<Period> = sources
        .ledger
        .rows()
        .map(|row| row.request().period)
        .collect();
    let periods: Vec<String> = periods.iter().map(Period::to_string).collect();
    match periods.as_slice() {
        [first, .., last] if periods.len() > NAMED => {
            format!("{} periods from {first} to {last}", periods.len())
        }
        periods => periods.join(", "),
    }
}
