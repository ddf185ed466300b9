use std::collections::HashSet;

use crate::manifest::yaml::{Form, Mistake, Quoted, keys, line, list, mapping, or, required};

/// `audit.totals`: which sums an audit compares. Webex publishes no column names, so the manifest names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The column to sum up.
    pub column: String,
    /// One sum for each value of these columns; empty for one sum of all.
    pub by: Vec<String>,
}

keys! {
    /// Which sums are compared.
    #[derive(Debug, Clone)]
    pub(super) struct TotalsText: "`totals`", "a mapping such as { column: CONSUMPTION }" {
        /// The column of the collected files that is summed up.
        column: Option<String> = required(line("the name of a column"), "column: CONSUMPTION"),
        /// A sum for each value of these columns; one sum of all where it is left out.
        by: Vec<String> = or(
            list("a list of columns", "name a column, or leave `by` out", line("the name of a column")),
            Vec::new(),
        ),
    }
}

pub(super) fn totals() -> Form<Totals> {
    mapping().then(|TotalsText { column, by }, node| {
        let column = column?;
        let mut known = HashSet::from([&column]);
        if let Some(twice) = by.iter().find(|name| !known.insert(name)) {
            let message = format!("the column {} is named twice", Quoted(twice));
            return node.report(Mistake::new(message).help("name each column once"));
        }
        Some(Totals { column, by })
    })
}
