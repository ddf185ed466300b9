//! Tables of a page in Markdown.

use crate::read;

/// A table's rows by column, below the header that begins with `first`.
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The first table of `page` whose first column is called `first`.
    pub(crate) fn read(page: &str, first: &str) -> Self {
        let text = read(page);
        let mut lines = text.lines().map(cells);
        let header = lines
            .find(|cells| cells.first().is_some_and(|cell| cell == first))
            .unwrap_or_else(|| panic!("{page} has no table that begins with {first:?}"));
        let rows = lines.skip(1).take_while(|cells| !cells.is_empty()).collect();
        Table { header, rows }
    }

    /// The cells of two columns, row by row.
    pub(crate) fn columns<'a>(&'a self, a: &str, b: &str) -> Vec<(&'a str, &'a str)> {
        let place = |name: &str| {
            let found = self.header.iter().position(|cell| cell == name);
            found.unwrap_or_else(|| panic!("no column {name:?} among {:?}", self.header))
        };
        let (a, b) = (place(a), place(b));
        self.rows.iter().map(|row| (row[a].as_str(), row[b].as_str())).collect()
    }
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inner.map_or_else(Vec::new, |inner| {
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    })
}

/// What stands between back-quotes in a text.
pub(crate) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
