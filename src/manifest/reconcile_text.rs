//! How an entry of `reconcile:` is written.

use std::path::PathBuf;

use reconcile::{NumberFormat, Tolerance};
use request::ReportType;

use super::{
    columns::{PairText, cells, column, pairs},
    names::report_type,
    reconciling::{ListFile, OtherSide, PERIOD},
    settings::tolerance,
};
use crate::manifest::yaml::{
    Form, Located, Mistake, Node, Quoted, alternative, checked_line, keys, line, list, named,
    one_of, or, required, text, truth,
};

const FORMS: &str = "write the path of a CSV file, { file: crm.csv }, { ledger: earlier.ledger.csv } or { report: USER }";

keys! {
    /// The files of a type, and what they are compared with.
    pub(super) struct EntryText: "an entry of `reconcile`", "a mapping such as { name: invoice, report: CUSTOMER, with: invoice.csv, match: [SKU] }" {
        /// Unique; letters, digits, `-` and `_`.
        pub(super) name: Option<Located<String>> = required(name().located(), "name: invoice"),
        /// The type whose files are compared.
        pub(super) report: Option<ReportType> = required(report_type(), "report: CUSTOMER"),
        /// Only requests that these jobs name; all where it is left out.
        pub(super) jobs: Vec<Located<String>> = or(
            list("a list of jobs", "name a job, or leave `jobs` out", line("the name of a job").located()),
            Vec::new(),
        ),
        /// Compare the requests with `internal: true`, instead of those without.
        pub(super) internal: bool = or(truth(), false),
        /// What the files are compared with.
        pub(super) with: Option<Located<OtherSide>> = required(with().located(), "with: invoice.csv"),
        /// The columns that are the key: of the report, with those of the list. Each period is compared by itself. The
        /// report also has `sub_partner`, `sub_partner_org_id`, `period_start` and `period_end` of the request.
        pub(super) r#match: Option<Vec<PairText>> = required(pairs("name the columns that are the key"), "match: { SKU: Part Number }"),
        /// The numbers that have to agree, summed over the rows of a key: columns of the report, with those of the list.
        /// `UNITS` are those of `units`.
        pub(super) compare: Vec<PairText> = or(pairs("name a column, or leave `compare` out"), Vec::new()),
        /// By how much numbers may differ and still agree: a number, a percentage of the larger one (`1%`), or a list of
        /// both, of which one is enough. If it is left out, only equal numbers agree.
        pub(super) tolerance: Tolerance = or(tolerance(), Tolerance::default()),
        /// For key columns of the list, CSV files with the header `from,to`: what a value is called in the report.
        pub(super) translate: Vec<(Located<String>, PathBuf)> = or(translate(), Vec::new()),
        /// Keys that differ in case only are equal.
        pub(super) ignore_case: bool = or(truth(), false),
        /// A key that occurs twice on one side is a difference; if not, its rows are summed.
        pub(super) unique: bool = or(truth(), false),
    }

    /// A list: a CSV file.
    struct ListText: "`with`", "a mapping such as { file: crm.csv, decimal: \",\" }" {
        /// A CSV file, relative to the manifest. `{period}` in its path stands for a month (`2026-10`), or for other days
        /// (`2026-10-01..2026-10-15`).
        file: Option<String> = required(list_path(), "file: crm.csv"),
        /// The decimal mark of its numbers: `,` or `.`. If it is left out, it is a point, and `1,234` is unreadable, since
        /// it could mean either.
        decimal: NumberFormat = or(decimal(), NumberFormat::Unstated),
        /// Only rows of the list that have one of these values in each of these columns.
        r#where: Vec<(String, Vec<String>)> = or(
            named(
                "a mapping such as { state: [active, trial] }",
                "name a column and its values, or leave `where` out",
                column(),
                cells(),
            ),
            Vec::new(),
        ),
    }

    /// The same requests, as they were collected with another ledger.
    struct LedgerText: "`with`", "a mapping such as { ledger: earlier.ledger.csv }" {
        /// The earlier ledger, relative to the manifest, with its files next to it.
        ledger: Option<PathBuf> = required(fixed_path("the path of a ledger"), "ledger: earlier.ledger.csv"),
    }

    /// The files of another type.
    struct ReportText: "`with`", "a mapping such as { report: USER }" {
        /// The other type.
        report: Option<ReportType> = required(report_type(), "report: USER"),
    }
}

fn name() -> Form<String> {
    text("the name of an entry", "^[A-Za-z0-9_-]+$", |text| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !text.is_empty() && text.chars().all(fits) {
            return Ok(text.to_owned());
        }
        let message = format!("{} is not a valid name of an entry", Quoted(text));
        let help = "write letters from A to Z, digits, - and _ only, such as crm-list_2";
        Err(Mistake::new(message).help(help))
    })
}

fn with() -> Form<OtherSide> {
    let plain = list_path()
        .then(|file, node| list_file(ListText { file: Some(file), ..ListText::default() }, node));
    let mappings = vec![
        alternative(list_file),
        alternative(|LedgerText { ledger }, _| ledger.map(OtherSide::Ledger)),
        alternative(|ReportText { report }, _| report.map(OtherSide::Report)),
    ];
    one_of(("The path of a CSV file.", plain), mappings, FORMS)
}

fn list_file(ListText { file, decimal, r#where }: ListText, node: Node<'_>) -> Option<OtherSide> {
    Some(OtherSide::List(ListFile {
        folder: node.folder().to_owned(),
        written: file?,
        format: decimal,
        filter: r#where.into_iter().collect(),
    }))
}

/// The path of a list, which may differ by period.
fn list_path() -> Form<String> {
    let pattern = r"^([^{}]|\{period\})+$";
    text("the path of a CSV file", pattern, |path| path_with(path, &path.replace(PERIOD, "")))
}

/// A path that is the same for all periods.
fn fixed_path(what: &'static str) -> Form<PathBuf> {
    let written = text(what, "^[^{}]+$", |path| path_with(path, path));
    written.then(|written, node| Some(node.folder().join(written)))
}

/// `rest`: the path without each `{period}` that it may have.
fn path_with(path: &str, rest: &str) -> Result<String, Mistake> {
    if rest.contains(['{', '}']) {
        let message = format!("{} has braces that stand for nothing", Quoted(path));
        let help = "write {period} for the period, such as 2026-10, and only in the path of a list";
        return Err(Mistake::new(message).help(help));
    }
    checked_line(path, "a path")
}

fn decimal() -> Form<NumberFormat> {
    text("a decimal mark (\",\" or \".\")", "^[,.]$", |text| match text {
        "," => Ok(NumberFormat::Comma),
        "." => Ok(NumberFormat::Point),
        _ => {
            let mistake = Mistake::new(format!("{} is not a decimal mark", Quoted(text)));
            Err(mistake.help("write \",\" or \".\", with its quotation marks"))
        }
    })
}

fn translate() -> Form<Vec<(Located<String>, PathBuf)>> {
    named(
        "a mapping such as { product: products.csv }",
        "name a column and its file, or leave `translate` out",
        column().located(),
        fixed_path("the path of a CSV file with the header from,to"),
    )
}
