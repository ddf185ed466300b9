//! What a ledger holds, as one page of HTML that needs no network. Text from outside (labels, errors, the server's
//! words) stays text: the template escapes it, and the page's Content-Security-Policy allows our style and script by
//! their hashes, and nothing else.

mod headline;
mod link;
mod lists;
mod matrix;
mod sums;
mod units;

use std::{cmp::Reverse, path::Path};

use askama::Template;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::{CauseGroup, GroupBy, causes, causes::others, failed_or_uncollected, filters, words};
use crate::{
    audit::{
        Acceptance, Agreement, Before, ClosedMonth, Difference, DifferenceKind, MaxDrop, Reviewed,
        UnitsFound,
    },
    ledger::{Ledger, Row, State},
    manifest::{Totals, UnitsRule},
};
use headline::{Figures, Lead, periods};
pub use lists::ListPart;
use matrix::{CellStatus, PeriodReports};
use request::OrgId;
use sums::SumTable;
use units::UnitsPart;

const STYLE: &str = include_str!("../../../templates/report/page.css");
const SCRIPT: &str = include_str!("../../../templates/report/page.js");

/// Lines in a table: more make the page slow to open, so the others wait in a template for the script.
const SHOWN: usize = 500;
/// Tables of fewer lines need no search.
const FEW: usize = 12;

#[derive(Debug)]
pub struct Sources<'a> {
    pub name: String,
    pub ledger: &'a Ledger,
    pub sha256: String,
    /// Absolute.
    pub folder: &'a Path,
    /// Absolute.
    pub page_folder: &'a Path,
    pub is_sandbox: bool,
    pub manifest: Option<String>,
    /// The manifest's `name`.
    pub title: Option<String>,
    /// When the month was closed, and by whom.
    pub closed: Option<ClosedMonth>,
    /// What is not as it was then: `partners.csv changed`.
    pub unlike: Vec<String>,
    /// Of the requests of its plan that the ledger does not have, where they are known.
    pub not_in_ledger: Vec<Difference>,
    pub totals: Option<&'a Totals>,
    pub units: Option<(&'a UnitsRule, &'a UnitsFound<'a>)>,
    pub reviewed: &'a Reviewed,
    /// Each entry of `reconcile:` in each of its periods.
    pub lists: &'a [ListPart],
    pub earlier: Option<Earlier<'a>>,
    pub now: DateTime<Utc>,
}

#[derive(Debug)]
pub struct Earlier<'a> {
    pub name: String,
    pub sha256: String,
    pub max_drop: &'a MaxDrop,
}

/// `templates/report/page.html` escapes everything but style, script and policy, which are ours.
#[derive(Template)]
#[template(path = "report/page.html")]
struct ReportPage<'a> {
    sources: &'a Sources<'a>,
    title: &'a str,
    periods: String,
    policy: String,
    lead: Lead,
    figures: Figures,
    causes: Vec<PageCause<'a>>,
    other_causes: Option<String>,
    earlier: Option<EarlierPart<'a>>,
    sums: Option<SumTable<'a>>,
    units: Option<UnitsPart<'a>>,
    accepted: Vec<(&'a Difference, &'a Acceptance)>,
    /// The newest period first, in each the manifest's order; before them what has none.
    lists: Vec<&'a ListPart>,
    reports: Vec<PeriodReports<'a>>,
    /// What the matrix can be searched for. Spoiled files have the colour of failures.
    states: Vec<(CellStatus, &'static str, &'static str)>,
}

/// These values cannot fail; the error type is the template's.
pub fn page(sources: &Sources<'_>) -> Result<String, askama::Error> {
    let reports = matrix::reports(sources);
    let earlier = EarlierPart::of(sources);
    let sums = SumTable::of(sources);
    let units = UnitsPart::of(sources);
    let figures = Figures::of(sources, &reports);
    let mut lists: Vec<&ListPart> = sources.lists.iter().collect();
    lists.sort_by_key(|list| (list.period.is_some(), Reverse(list.period)));
    let all_causes = causes(sources.ledger.rows(), GroupBy::Message, failed_or_uncollected);
    ReportPage {
        sources,
        title: (sources.title.as_deref())
            .unwrap_or_else(|| sources.name.strip_suffix(".csv").unwrap_or(&sources.name)),
        periods: periods(sources),
        policy: format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(SCRIPT)
        ),
        lead: figures.lead(sources, earlier.as_ref(), (sums.as_ref(), units.as_ref())),
        figures,
        other_causes: others(&all_causes, CAUSES),
        causes: shown_causes(all_causes),
        earlier,
        sums,
        units,
        accepted: accepted(sources),
        lists,
        reports,
        states: (CellStatus::ALL.into_iter())
            .filter(|(status, ..)| *status != CellStatus::Spoiled)
            .collect(),
    }
    .render()
}

/// The differences that do not count.
fn accepted<'a>(sources: &'a Sources<'_>) -> Vec<(&'a Difference, &'a Acceptance)> {
    let found = sources.reviewed.differences.iter().chain(&sources.not_in_ledger);
    let accepted = found.filter(|it| !it.counts());
    accepted.filter_map(|it| Some((it, it.acceptance.as_deref()?))).collect()
}

/// The label, else the UUID, which other tools show.
fn who(label: Option<&str>, org: Option<&OrgId>) -> String {
    let uuid = org.filter(|_| label.is_none()).and_then(OrgId::uuid);
    uuid.unwrap_or_else(|| request::who(label, org.map(OrgId::as_str)).to_string())
}

/// See [`who`].
fn who_of(row: &Row) -> String {
    who(row.label.as_deref(), row.request().sub_partner.as_ref())
}

/// The form in a Content-Security-Policy (CSP Level 3, 2.3.1).
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// The most requests of one cause on the page,
const OF_ONE: usize = 1_000;
/// and of all causes together; after these only the first ones of each cause.
const OF_ALL: usize = 5_000;
const FIRST: usize = 20;
/// The most causes: if each request has its own message, nobody reads them here.
const CAUSES: usize = 100;

struct PageCause<'a> {
    group: CauseGroup<'a>,
    shown: usize,
}

fn shown_causes(mut all: Vec<CauseGroup<'_>>) -> Vec<PageCause<'_>> {
    all.truncate(CAUSES);
    let mut room = OF_ALL;
    let causes = all.into_iter().map(|group| {
        let shown = group.rows.len().min(OF_ONE.min(room.max(FIRST)));
        room = room.saturating_sub(shown);
        PageCause { group, shown }
    });
    causes.collect()
}

impl PageCause<'_> {
    fn text(&self) -> &str {
        let is_in_doubt = |row: &&Row| matches!(row.state, State::InDoubt { .. });
        if self.group.rows.first().is_some_and(is_in_doubt) {
            // Each row names its own candidates.
            "a person has to decide (monthend resolve)"
        } else {
            self.group.message()
        }
    }

    fn has_tracking(&self) -> bool {
        self.group.rows.iter().any(|row| row.last_answer.tracking_id.is_some())
    }
}

/// The comparison with an earlier ledger.
struct EarlierPart<'a> {
    name: &'a str,
    max_drop: &'a MaxDrop,
    /// What has dropped or vanished.
    marked: Vec<&'a Difference>,
    vanished: usize,
    dropped: usize,
    new: usize,
    compared: usize,
    /// Without a figure then.
    uncompared: usize,
}

impl<'a> EarlierPart<'a> {
    fn of(sources: &'a Sources<'_>) -> Option<Self> {
        let Earlier { name, max_drop, .. } = sources.earlier.as_ref()?;
        let reviewed = sources.reviewed;
        let dropped: Vec<&Difference> = reviewed.of_kind(DifferenceKind::Dropped).collect();
        let vanished: Vec<&Difference> = reviewed.of_kind(DifferenceKind::Vanished).collect();
        let count = |is_it: fn(&Before) -> bool| {
            reviewed.before.values().filter(|before| is_it(before)).count()
        };
        Some(EarlierPart {
            name,
            max_drop,
            vanished: vanished.len(),
            dropped: dropped.len(),
            marked: [dropped, vanished].concat(),
            new: count(|it| *it == Before::Nothing),
            compared: count(|it| matches!(it, Before::Figure(_))),
            uncompared: count(|it| matches!(it, Before::NoFigure(_))),
        })
    }
}

#[cfg(test)]
mod tests;
