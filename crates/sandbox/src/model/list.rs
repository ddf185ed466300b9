use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{
    ask::{ListAsk, Place, SortBy},
    config::{ListWithoutOrg, Paging},
    org,
    reply::{ErrorBody, Reply},
    report::StoredReport,
    store::{Filter, Store, Whose},
    view::{View, status_word},
};

const PAGE_CAP: usize = 100;

pub(super) fn page_size(max: Option<usize>, configured: usize) -> usize {
    let cap = configured.clamp(1, PAGE_CAP);
    max.map_or(cap, |max| max.clamp(1, cap))
}

pub(super) fn page(store: &Store, view: View<'_>, ask: &ListAsk) -> (Reply, Vec<String>) {
    let config = view.config;
    if (config.list_504_above).is_some_and(|most| ask.max.unwrap_or(PAGE_CAP) > most) {
        let reply = Reply::error_as(504, ErrorBody::Html, "The list took too long.");
        return (reply, Vec::new());
    }
    let size = page_size(ask.max, config.page_size);
    let search = Search { store, view, ask, filter: filter_of(view, ask) };
    let found = match &ask.place {
        None => search.reports(None, size),
        Some(Place::Cursor(text)) => match read_cursor(text, ask.sort_by) {
            Some(after) => search.reports(Some(after), size),
            None => return (Reply::error(400, "The cursor is invalid."), Vec::new()),
        },
        Some(Place::Offset(from)) => {
            let mut found = search.reports(None, from + size);
            found.drain(..(*from).min(found.len()));
            found
        }
    };
    let page = &found[..size.min(found.len())];
    let items: Vec<Value> = page.iter().map(|report| view.item(report)).collect();
    let mut reply = Reply::json(200, json!({ "items": items }));
    if let (Some(last), true) = (page.last(), found.len() > size) {
        reply.next = Some(match config.paging {
            Paging::Cursor => Place::Cursor(cursor_behind(view, ask.sort_by, last)),
            Paging::Offset => {
                let from = match &ask.place {
                    Some(Place::Offset(from)) => *from,
                    _ => 0,
                };
                Place::Offset(from + size)
            }
        });
    }
    (reply, page.iter().map(|report| report.id.clone()).collect())
}

fn filter_of(view: View<'_>, ask: &ListAsk) -> Filter {
    Filter {
        whose: match (&ask.org, view.config.list_without_org) {
            (Some(org), _) => Whose::Of(Some(org::meaning(org))),
            (None, ListWithoutOrg::All) => Whose::Anyones,
            (None, ListWithoutOrg::Own) => Whose::Of(None),
        },
        report_type: ask.report_type,
        start: ask.start,
        end: ask.end,
    }
}

/// One list request on what one replica shows.
struct Search<'a> {
    store: &'a Store,
    view: View<'a>,
    ask: &'a ListAsk,
    filter: Filter,
}

impl Search<'_> {
    /// The reports after a cursor, in order: `most`, and one more where there is one.
    fn reports(&self, after: Option<(String, u64)>, most: usize) -> Vec<&StoredReport> {
        let Search { store, view, ask, filter } = self;
        let shown = |report: &&StoredReport| {
            view.lists(report) && ask.status.is_none_or(|one| one == view.status(report))
        };
        if ask.sort_by == SortBy::BillingStartDate {
            // The cursor was checked: its key is a day.
            let after =
                after.and_then(|(key, number)| Some((key.parse::<NaiveDate>().ok()?, number)));
            return store.by_start(filter, after).filter(shown).take(most + 1).collect();
        }
        let mut found: Vec<_> = store
            .by_start(filter, None)
            .filter(shown)
            .map(|report| ((key(*view, ask.sort_by, report), report.number), report))
            .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
            .collect();
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        found.into_iter().map(|(_, report)| report).take(most + 1).collect()
    }
}

fn key(view: View<'_>, sort_by: SortBy, report: &StoredReport) -> String {
    let period = report.request.period;
    match sort_by {
        SortBy::Id => report.id.clone(),
        SortBy::BillingStartDate => period.start().to_string(),
        SortBy::BillingEndDate => period.end().to_string(),
        SortBy::Status => status_word(view.status(report)).to_owned(),
    }
}

fn cursor_behind(view: View<'_>, sort_by: SortBy, report: &StoredReport) -> String {
    format!("{}~{}", key(view, sort_by, report), report.number)
}

fn read_cursor(text: &str, sort_by: SortBy) -> Option<(String, u64)> {
    let (key, number) = text.rsplit_once('~')?;
    if sort_by == SortBy::BillingStartDate {
        key.parse::<NaiveDate>().ok()?;
    }
    Some((key.to_owned(), number.parse().ok()?))
}
