//! Names of columns and what is in their cells, as the manifest writes them.

use serde_json::json;

use crate::manifest::yaml::{
    Form, Located, Mistake, Node, Quoted, either, line, list, named, report_repeated,
};

/// A column of the report, and one of the list.
pub(super) type PairText = (Located<String>, Located<String>);

pub(super) fn column() -> Form<String> {
    line("the name of a column")
}

/// Each is named once.
pub(super) fn columns(if_empty: &'static str) -> Form<Vec<String>> {
    list("a list of columns", if_empty, column().located()).then(|columns, node| {
        report_repeated(&columns, node.sink, twice);
        Some(columns.into_iter().map(|column| column.value).collect())
    })
}

/// Columns of the report with those of the list, or columns with one name on both sides. Each is named once on a side.
pub(super) fn pairs(if_empty: &'static str) -> Form<Vec<PairText>> {
    const EXPECTED: &str = "a mapping such as { SKU: Part Number }, or a list of columns";
    let same =
        list(EXPECTED, if_empty, column().located().then(|name, _| Some((name.clone(), name))));
    let mapped = named(EXPECTED, if_empty, column().located(), column().located());
    either(same, mapped, |node| node.entries().is_some()).then(|pairs, node| {
        report_repeated(pairs.iter().map(|(report, _)| report), node.sink, twice);
        report_repeated(pairs.iter().map(|(_, list)| list), node.sink, twice);
        Some(pairs)
    })
}

pub(super) fn twice(column: &str) -> Mistake {
    let mistake = Mistake::new(format!("the column {} is named twice", Quoted(column)));
    mistake.help("name each column once")
}

/// What a column may have in its cells: one text, or a list. A number counts as it is written; a cell may be empty.
pub(super) fn cells() -> Form<Vec<String>> {
    let one = || {
        let read = |node: Node<'_>| Some(node.text_or_number("a value")?.trim().to_owned());
        Form::new(read, |_| json!({ "type": ["string", "number"] }))
    };
    let several = list("a list of values", "name at least one value", one());
    either(one().then(|cell, _| Some(vec![cell])), several, |node| node.items().is_some())
}
