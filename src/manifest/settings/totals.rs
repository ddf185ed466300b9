use crate::manifest::yaml::{
    Form, Located, Mapping as _, Mistake, Node, Quoted, at, form, keys, line, list, mapping, or,
    required,
};

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
        by: Vec<Located<String>> = or(
            list("a list of columns", "name a column, or leave `by` out", at(line("the name of a column"))),
            Vec::new(),
        ),
    }
}

pub(super) fn totals() -> impl Form<Value = Totals> {
    form(read, |generator| mapping::<TotalsText>().schema(generator))
}

fn read(node: Node<'_>) -> Option<Totals> {
    let TotalsText { column, by } = TotalsText::read(node, &[])?;
    let column = column?;
    let mut known = vec![&column];
    for name in &by {
        if known.contains(&&name.value) {
            let message = format!("the column {} is named twice", Quoted(&name.value));
            return node.report(Mistake::new(message).help("name each column once"));
        }
        known.push(&name.value);
    }
    let by = by.into_iter().map(|name| name.value).collect();
    Some(Totals { column, by })
}
