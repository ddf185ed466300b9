//! Names of columns, as the manifest writes them.

use std::collections::{HashMap, hash_map::Entry};

use crate::manifest::yaml::{
    Form, Located, Mistake, Node, Quoted, Sink, either, line, list, named,
};

/// Columns of both sides. A report's and a list's are each named once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PairText {
    pub(super) report: Located<String>,
    pub(super) list: Located<String>,
}

pub(super) fn column() -> Form<String> {
    line("the name of a column")
}

/// Each is named once.
pub(super) fn columns(if_empty: &'static str) -> Form<Vec<String>> {
    list("a list of columns", if_empty, column().located()).then(|columns, node| {
        report_repeated(columns.iter(), node.sink);
        Some(columns.into_iter().map(|column| column.value).collect())
    })
}

/// Columns of the report with those of the list, or columns with one name on both sides.
pub(super) fn pairs(if_empty: &'static str) -> Form<Vec<PairText>> {
    const EXPECTED: &str = "a mapping such as { SKU: Part Number }, or a list of columns";
    let same = list(EXPECTED, if_empty, column().located()).then(|names, _| {
        let pairs = names.into_iter().map(|name| PairText { report: name.clone(), list: name });
        Some(pairs.collect())
    });
    let mapped = named(EXPECTED, if_empty, column().located(), column().located());
    let mapped = mapped.then(|pairs, _| {
        let pairs = pairs.into_iter().map(|(report, list)| PairText { report, list });
        Some(pairs.collect())
    });
    either(same, mapped, |node| node.is_mapping()).then(|pairs: Vec<PairText>, node| {
        report_repeated(pairs.iter().map(|pair| &pair.report), node.sink);
        report_repeated(pairs.iter().map(|pair| &pair.list), node.sink);
        Some(pairs)
    })
}

fn report_repeated<'a>(columns: impl Iterator<Item = &'a Located<String>>, sink: &Sink) {
    let mut known = HashMap::new();
    for Located { value, place } in columns {
        match known.entry(value) {
            Entry::Vacant(new) => {
                new.insert(place);
            }
            Entry::Occupied(first) => {
                let mistake = Mistake::new(format!("the column {} is named twice", Quoted(value)))
                    .help("name each column once");
                sink.report_again(place.clone(), mistake, (*first.get()).clone());
            }
        }
    }
}

/// Cells that a column may have: one, or a list. A number counts as it is written; a cell may be empty.
pub(super) fn cells() -> Form<Vec<String>> {
    let one = || {
        let read =
            |node: Node<'_>| node.text_or_number("a value").map(|text| text.trim().to_owned());
        Form::new(read, |_| serde_json::json!({ "type": ["string", "number"] }))
    };
    let several = list("a list of values", "name at least one value", one());
    either(one().then(|cell, _| Some(vec![cell])), several, |node| node.is_list())
}
