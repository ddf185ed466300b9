//! Requests by sub-partner and period, where that says more than a list.

use std::collections::HashMap;

use super::words;
use crate::plan::Planned;
use request::{OrgId, Period};

#[derive(Debug)]
pub(super) struct PlanMatrix<'a> {
    periods: Vec<&'a Period>,
    lines: Vec<PlanMatrixRow<'a>>,
}

#[derive(Debug)]
struct PlanMatrixRow<'a> {
    who: String,
    cells: HashMap<&'a Period, usize>,
    failed: usize,
}

/// Fits most terminals.
const WIDTH: usize = 100;
const GAP: usize = 2;

impl<'a> PlanMatrix<'a> {
    /// `is_failed`: an earlier run failed at it; such sub-partners come first. None where a list of at most `short`
    /// lines says it all, or there are too many periods.
    pub(super) fn new(
        requests: &[&'a Planned],
        short: usize,
        is_failed: impl Fn(&Planned) -> bool,
    ) -> Option<Self> {
        let mut places: HashMap<Option<&OrgId>, usize> = HashMap::new();
        let mut matrix = PlanMatrix { periods: Vec::new(), lines: Vec::new() };
        for planned in requests {
            let request = &planned.request;
            let place = *places.entry(request.sub_partner.as_ref()).or_insert_with(|| {
                matrix.lines.push(PlanMatrixRow {
                    who: words::shortened(request.who(planned.label.as_deref())),
                    cells: HashMap::new(),
                    failed: 0,
                });
                matrix.lines.len() - 1
            });
            let line = &mut matrix.lines[place];
            *line.cells.entry(&request.period).or_default() += 1;
            line.failed += usize::from(is_failed(planned));
            if !matrix.periods.contains(&&request.period) {
                matrix.periods.push(&request.period);
            }
        }
        matrix.periods.sort_by_key(|period| (period.start(), period.end()));
        matrix.lines.sort_by_key(|line| std::cmp::Reverse(line.failed));
        let is_denser = requests.len() > short && 2 * matrix.lines.len() <= requests.len();
        (is_denser && matrix.width() <= WIDTH).then_some(matrix)
    }

    fn width(&self) -> usize {
        let names = self.lines.iter().map(|line| words::width(&line.who)).max();
        let periods = self.periods.iter().map(|period| period.to_string().len() + GAP);
        let last = "FAILED".len() + "ALL".len() + 2 * GAP;
        names.unwrap_or(0) + periods.sum::<usize>() + last
    }

    /// The table with its first `most` lines, and how many more there are.
    pub(super) fn table(&self, most: usize) -> (String, usize) {
        let has_failed = self.lines.iter().any(|line| line.failed > 0);
        let periods: Vec<String> = self.periods.iter().map(ToString::to_string).collect();
        let mut header = vec!["SUB-PARTNER"];
        header.extend(periods.iter().map(String::as_str));
        header.push("ALL");
        header.extend(has_failed.then_some("FAILED"));
        let some = |n: usize| match n {
            0 => String::new(),
            n => words::grouped(n),
        };
        let lines = self.lines.iter().take(most).map(|line| {
            let mut cells = vec![line.who.clone()];
            let of = |period| line.cells.get(period).copied().unwrap_or_default();
            cells.extend(self.periods.iter().map(|period| some(of(*period))));
            cells.push(words::grouped(line.cells.values().sum()));
            cells.extend(has_failed.then(|| some(line.failed)));
            cells
        });
        let right: Vec<usize> = (1..header.len()).collect();
        let table = words::columns(&header, lines.collect(), &right);
        (table, self.lines.len().saturating_sub(most))
    }
}
