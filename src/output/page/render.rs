use std::{fmt::Write as _, io, path::Path};

use askama::Template;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};

use super::{
    causes::{PageCause, causes},
    comparison::EarlierPart,
    headline::{BarSegment, Headline, Lead, Tile, periods},
    matrix::{CellStatus, Matrix, MatrixColumn, PartnerRow},
    sources::Sources,
    sums::SumTable,
    words::count,
};
use crate::files;

const STYLE: &str = include_str!("../../../templates/report/page.css");
const SCRIPT: &str = include_str!("../../../templates/report/page.js");

/// More lines make the page slow to open.
const SHOWN: usize = 500;

/// `templates/report/page.html` escapes everything but style, script and policy, which are ours.
#[derive(Template)]
#[template(path = "report/page.html")]
struct ReportPage<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    is_sandbox: bool,
    title: String,
    subtitle: String,
    verdict: Lead,
    tiles: Vec<Tile>,
    bar: Vec<BarSegment>,
    bar_label: String,
    causes: Vec<PageCause>,
    more_causes: String,
    earlier: Option<EarlierPart<'a>>,
    sums: Option<SumTable>,
    states: Vec<Choice>,
    columns: Vec<MatrixColumn>,
    /// For printing.
    width: &'static str,
    unit: &'static str,
    lines: Vec<PartnerRow>,
    /// Lines in a table; the others wait in a template for the script.
    shown: usize,
    version: &'static str,
    facts: Vec<Fact>,
}

struct Choice {
    class: &'static str,
    name: &'static str,
}

struct Fact {
    name: &'static str,
    value: String,
    is_code: bool,
}

/// These values cannot fail; the error type is the template's.
pub fn page(sources: &Sources<'_>) -> Result<String, askama::Error> {
    let matrix = Matrix::of(sources);
    let earlier = EarlierPart::of(sources);
    let sums = SumTable::of(sources);
    let headline =
        Headline { sources, matrix: &matrix, earlier: earlier.as_ref(), sums: sums.as_ref() };
    let (verdict, tiles, bar) = (headline.verdict(), headline.tiles(), headline.bar());
    let Matrix { columns, lines } = matrix;
    let (causes, more_causes) = causes(sources);
    let bar_label: Vec<&str> = bar.iter().map(|part| part.title.as_str()).collect();
    // Spoiled files have the colour of failures.
    let choices = CellStatus::ALL.into_iter().filter(|it| *it != CellStatus::Spoiled);
    let standings =
        choices.map(|standing| Choice { class: standing.class(), name: standing.name() });
    let fell = earlier.as_ref().map(|_| Choice { class: "fell", name: "dropped" });
    let title = sources.name.strip_suffix(".csv").unwrap_or(&sources.name);
    ReportPage {
        policy: format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(SCRIPT)
        ),
        style: STYLE,
        script: SCRIPT,
        is_sandbox: sources.is_sandbox,
        title: title.to_owned(),
        subtitle: subtitle(sources),
        verdict,
        tiles,
        bar_label: bar_label.join(", "),
        bar,
        causes,
        more_causes,
        sums,
        states: standings.chain(fell).collect(),
        width: match columns.len() {
            ..6 => "",
            6..12 => " wide",
            _ => " wide widest",
        },
        columns,
        unit: "lines",
        shown: SHOWN,
        lines,
        version: env!("CARGO_PKG_VERSION"),
        facts: facts(sources),
        earlier,
    }
    .render()
}

pub fn put(place: &Path, page: &str) -> io::Result<()> {
    files::replace(place, page.as_bytes())
}

fn subtitle(sources: &Sources<'_>) -> String {
    let mut text = periods(sources);
    if !text.is_empty() {
        text.push_str(" · ");
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", count(sources.ledger.len(), "request"));
    if let Some(earlier) = &sources.earlier {
        let _ = write!(text, " · compared with {}", earlier.name);
    }
    text
}

fn facts(sources: &Sources<'_>) -> Vec<Fact> {
    let version = env!("CARGO_PKG_VERSION");
    let fact = |name, value: &str, is_code| Fact { name, value: value.to_owned(), is_code };
    let mut facts = vec![
        fact("Made at", &sources.now.format("%Y-%m-%d %H:%M:%S UTC").to_string(), false),
        fact("With", &format!("monthend {version}"), false),
        fact("Ledger", &sources.name, false),
        fact("SHA-256 of the ledger", &sources.sha256, true),
    ];
    if let Some(earlier) = &sources.earlier {
        facts.push(fact("Compared with", &earlier.name, false));
        facts.push(fact("SHA-256 of that ledger", &earlier.sha256, true));
    }
    if let Some(manifest) = &sources.manifest {
        facts.push(fact("Manifest", manifest, false));
    }
    facts
}

/// The form in a Content-Security-Policy (CSP Level 3, 2.3.1).
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}
