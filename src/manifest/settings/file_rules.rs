use crate::manifest::{
    columns::columns,
    names::report_type,
    reconciling::{FileRule, FileRules},
    yaml::{Form, Mistake, keys, mapping, named, or, truth},
};

use reconcile::ExpectedColumns;

keys! {
    /// What the collected files of a type look like.
    pub(super) struct FileRuleText: "a rule of `files`", "a mapping such as { columns: [SKU], key: [SKU] }",
        not empty: "this rule says nothing"
    {
        /// Columns that each file has, in any order.
        columns: Vec<String> = or(columns("name a column, or leave `columns` out"), Vec::new()),
        /// Whether other columns are a difference; if not, they are only shown.
        closed: bool = or(truth(), false),
        /// No two rows of a file have the same cells in these columns.
        key: Vec<String> = or(columns("name a column, or leave `key` out"), Vec::new()),
    }
}

pub(super) fn file_rules() -> Form<FileRules> {
    const EXPECTED: &str = "a mapping such as { CUSTOMER: { key: [SKU] } }";
    let rule = mapping().then(|FileRuleText { columns, closed, key }, node| {
        if closed && columns.is_empty() {
            let mistake = Mistake::new("`closed` needs `columns`: no file has none");
            return node.report(mistake.help("name all columns: `columns: [SKU, CONSUMPTION]`"));
        }
        // Without its columns, a key would not be checked.
        let mut all = columns;
        all.extend(key.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
        Some(FileRule { expected: ExpectedColumns { columns: all, is_closed: closed }, key })
    });
    let rules = named(EXPECTED, "name a type, or leave `files` out", report_type(), rule);
    rules.then(|rules, _| Some(rules.into_iter().collect()))
}
