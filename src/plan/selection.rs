use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use super::{Partition, Plan, Planned, expand::named_by};
use crate::{
    ledger::{Ledger, Row},
    manifest::{Discovered, Manifest},
    text::named,
};
use request::{OWN, OrgId, Period, ReportType, Request, RequestId, RequestIds};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubPartnerSelector {
    Own,
    /// An organisation id or a label.
    Named(String),
}

impl From<&str> for SubPartnerSelector {
    fn from(text: &str) -> Self {
        match text.trim() {
            OWN => SubPartnerSelector::Own,
            name => SubPartnerSelector::Named(name.to_owned()),
        }
    }
}

impl fmt::Display for SubPartnerSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SubPartnerSelector::Own => OWN,
            SubPartnerSelector::Named(name) => name,
        })
    }
}

/// Which requests a command is for (docs/commands.md). Values of one option: any of them matches. Different options:
/// all have to match. No option selects everything. A job, sub-partner or cause may be several, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    pub jobs: Vec<String>,
    pub sub_partners: Vec<SubPartnerSelector>,
    pub types: Vec<ReportType>,
    /// `--period`: periods within these.
    pub periods: Vec<Period>,
    /// `--cause`: the row's `error_code`; a planned request has none.
    pub causes: Vec<String>,
    /// `--partition`: one share of what the other options select. It may be empty.
    pub partition: Option<Partition>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("{option} {value} matches nothing{}{}", place.words(), instead(option, suggestion.as_deref(), there))]
    MatchesNothing {
        option: &'static str,
        value: String,
        suggestion: Option<String>,
        /// The values that match, except sub-partners.
        there: BTreeSet<String>,
        place: Searched,
    },
    #[error("no request matches all of the selectors together")]
    NothingTogether,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    Ledger,
    Plan,
    PlanAndFoundInLedger,
}

impl Searched {
    fn words(self) -> &'static str {
        match self {
            Searched::Ledger => "",
            Searched::Plan => " in the plan",
            Searched::PlanAndFoundInLedger => {
                " in the plan, but the ledger has it (`monthend status` shows its rows)"
            }
        }
    }
}

fn instead(option: &str, suggestion: Option<&str>, there: &BTreeSet<String>) -> String {
    if let Some(meant) = suggestion {
        return format!("; did you mean {meant:?}?");
    }
    let what = option.trim_start_matches('-');
    let named = named(there.iter().take(6), there.len());
    match there.len() {
        // Of these there are too many to list, or none.
        0 if what == "cause" => "; no row has a cause".to_owned(),
        0 => String::new(),
        1 => format!("; the only {what} is {named}"),
        _ => format!("; the {what}s are {named}"),
    }
}

struct Selectable<'a> {
    id: RequestId,
    request: &'a Request,
    job: &'a str,
    label: Option<&'a str>,
    cause: &'a str,
}

impl<'a> From<&'a Planned> for Selectable<'a> {
    fn from(planned: &'a Planned) -> Self {
        Selectable {
            id: planned.id,
            request: &planned.request,
            job: &planned.job,
            label: planned.label.as_deref(),
            cause: "",
        }
    }
}

impl<'a> From<&'a Row> for Selectable<'a> {
    fn from(row: &'a Row) -> Self {
        Selectable {
            id: row.key(),
            request: row.request(),
            job: &row.job,
            label: row.label.as_deref(),
            cause: row.state.error_code(),
        }
    }
}

impl Selection {
    /// `--partition` is not a selector.
    fn has_no_selector(&self) -> bool {
        let everything = Selection { partition: self.partition, ..Selection::default() };
        *self == everything
    }

    fn is_in_share(&self, request: &Request) -> bool {
        Partition::is_own(self.partition, request)
    }

    /// The selected planned requests; `ledger` serves suggestions. Fails if a selector matches nothing.
    pub fn of_plan(
        &self,
        plan: &Plan,
        manifest: &Manifest,
        discovered: &Discovered,
        ledger: &Ledger,
    ) -> Result<RequestIds, SelectionError> {
        let matcher = Matcher::of_manifest(self, (plan, ledger), manifest, discovered);
        let all_planned = plan.requests().iter().map(Selectable::from);
        let rows = ledger.rows().map(Selectable::from);
        matcher.check(all_planned, Some(rows))?;
        let nothing = SelectionError::NothingTogether;
        let selected = matcher.select(plan.requests().iter()).ok_or(nothing)?;
        Ok(selected.into_iter().map(|planned| planned.id).collect())
    }

    /// The requests whose files are combined: the planned ones; others only if nothing else matches.
    pub fn to_combine(
        &self,
        plan: &Plan,
        manifest: &Manifest,
        discovered: &Discovered,
        ledger: &Ledger,
    ) -> RequestIds {
        let matcher = Matcher::of_manifest(self, (plan, ledger), manifest, discovered);
        let planned = matcher.select(plan.requests().iter()).unwrap_or_default();
        if planned.is_empty() && !self.has_no_selector() {
            let rows = matcher.select(ledger.rows()).unwrap_or_default();
            rows.into_iter().map(Row::key).collect()
        } else {
            planned.into_iter().map(|planned| planned.id).collect()
        }
    }

    /// The selected rows. A job is known by the `job` column only. Fails if a selector matches nothing.
    pub fn of_ledger(&self, ledger: &Ledger) -> Result<RequestIds, SelectionError> {
        let rows = self.rows_of(ledger)?;
        Ok(rows.into_iter().map(Row::key).collect())
    }

    pub fn rows_of<'l>(&self, ledger: &'l Ledger) -> Result<Vec<&'l Row>, SelectionError> {
        let matcher = Matcher::of_rows(self, ledger, None);
        // What this partition's ledger lacks may be in another one's.
        let is_a_shares =
            self.partition.is_some_and(|share| ledger.rows().all(|row| share.holds(row.request())));
        if !is_a_shares {
            let rows = ledger.rows().map(Selectable::from);
            matcher.check(rows, None::<std::iter::Empty<Selectable<'_>>>)?;
        }
        match matcher.select(ledger.rows()) {
            None if is_a_shares => Ok(Vec::new()),
            selected => selected.ok_or(SelectionError::NothingTogether),
        }
    }

    /// The selected rows of an earlier ledger, whatever their period. An empty result is no mistake.
    pub fn of_earlier(&self, earlier: &Ledger, manifest: &Manifest) -> RequestIds {
        let selection = Selection { periods: Vec::new(), ..self.clone() };
        let rows = selection.matching_rows(earlier, manifest);
        rows.into_iter().map(Row::key).collect()
    }

    pub fn leftover<'l>(
        &self,
        ledger: &'l Ledger,
        plan: &Plan,
        manifest: &Manifest,
    ) -> Vec<&'l Row> {
        let planned: RequestIds = plan.ids().collect();
        let mut rows = self.matching_rows(ledger, manifest);
        rows.retain(|row| !planned.contains(&row.key()));
        rows
    }

    fn matching_rows<'l>(&self, ledger: &'l Ledger, manifest: &Manifest) -> Vec<&'l Row> {
        let matcher = Matcher::of_rows(self, ledger, Some(manifest));
        matcher.select(ledger.rows()).unwrap_or_default()
    }
}

fn labels(manifest: &Manifest) -> HashMap<&str, &OrgId> {
    let labels = manifest.labels.iter();
    labels.map(|(label, id)| (&**label, id)).collect()
}

/// The names in the values of an option: a value that `is_known` does not know as a whole is several, separated by
/// commas.
pub(super) fn separated(values: &[String], is_known: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names = Vec::new();
    for value in values {
        let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
        let parts: Vec<String> = parts.map(str::to_owned).collect();
        if parts.len() > 1 && !is_known(value) {
            names.extend(parts);
        } else {
            names.push(value.clone());
        }
    }
    names
}

struct Matcher<'a> {
    /// With one name in each value.
    selection: Selection,
    jobs: HashMap<&'a str, RequestIds>,
    labels: HashMap<&'a str, &'a OrgId>,
}

impl<'a> Matcher<'a> {
    /// A job's requests are also those that an earlier job named first.
    fn of_manifest(
        selection: &Selection,
        (plan, ledger): (&Plan, &Ledger),
        manifest: &'a Manifest,
        discovered: &Discovered,
    ) -> Self {
        let planned = plan.requests().iter().map(Selectable::from);
        let known = planned.chain(ledger.rows().map(Selectable::from));
        let mut matcher = Matcher::new(selection, known, Some(manifest));
        let names = &matcher.selection.jobs;
        let selected = manifest.jobs.iter().filter(|job| names.iter().any(|it| **it == *job.name));
        matcher.jobs = selected.map(|job| (&*job.name, named_by(job, discovered))).collect();
        matcher
    }

    /// A job is known by the `job` column only.
    fn of_rows(selection: &Selection, ledger: &Ledger, manifest: Option<&'a Manifest>) -> Self {
        Matcher::new(selection, ledger.rows().map(Selectable::from), manifest)
    }

    fn new<'c>(
        selection: &Selection,
        known: impl Iterator<Item = Selectable<'c>> + Clone,
        manifest: Option<&'a Manifest>,
    ) -> Self {
        let labels = manifest.map(labels).unwrap_or_default();
        let matcher = Matcher { selection: selection.clone(), jobs: HashMap::new(), labels };
        let is_known = |is: &dyn Fn(&Selectable<'c>) -> bool| known.clone().any(|c| is(&c));
        let has_job = |name: &str| manifest.is_some_and(|manifest| manifest.has_job(name));
        let is_job = |name: &str| has_job(name) || is_known(&|c| c.job == name);
        let is_cause = |cause: &str| is_known(&|c| c.cause == cause);
        let is_who = |name: &str| {
            let who = SubPartnerSelector::from(name);
            matcher.labels.contains_key(name) || is_known(&|c| matcher.who(&who, c))
        };
        let who: Vec<String> = selection.sub_partners.iter().map(ToString::to_string).collect();
        let who = separated(&who, is_who).into_iter();
        let one_each = Selection {
            jobs: separated(&selection.jobs, is_job),
            sub_partners: who.map(|name| SubPartnerSelector::from(&*name)).collect(),
            causes: separated(&selection.causes, is_cause),
            ..selection.clone()
        };
        Matcher { selection: one_each, ..matcher }
    }

    fn job(&self, name: &str, candidate: &Selectable<'_>) -> bool {
        candidate.job == name || self.jobs.get(name).is_some_and(|ids| ids.contains(&candidate.id))
    }

    fn who(&self, who: &SubPartnerSelector, candidate: &Selectable<'_>) -> bool {
        match (who, &candidate.request.sub_partner) {
            (SubPartnerSelector::Own, None) => true,
            (SubPartnerSelector::Own, Some(_)) | (SubPartnerSelector::Named(_), None) => false,
            (SubPartnerSelector::Named(name), Some(org)) => {
                candidate.label == Some(name)
                    || self.labels.get(name.as_str()) == Some(&org)
                    || name.parse().is_ok_and(|named: OrgId| named == *org)
                    // As it is shown: outside the US, a UUID alone is another organisation.
                    || org.uuid().is_some_and(|uuid| uuid.eq_ignore_ascii_case(name))
            }
        }
    }

    fn matches(&self, c: &Selectable<'_>) -> bool {
        let s = &self.selection;
        any(&s.jobs, |job| self.job(job, c))
            && any(&s.sub_partners, |who| self.who(who, c))
            && any(&s.types, |t| *t == c.request.report_type)
            && any(&s.periods, |p| c.request.period.lies_within(*p))
            && any(&s.causes, |cause| c.cause == cause)
    }

    /// What is selected of `all`, in order; `None` if there are selectors and nothing matches them, in any share.
    fn select<'c, T>(&self, all: impl Iterator<Item = &'c T>) -> Option<Vec<&'c T>>
    where
        Selectable<'c>: From<&'c T>,
    {
        let mut together = self.selection.has_no_selector();
        let matching = all.filter(|c| self.matches(&Selectable::from(*c)));
        let matching = matching.inspect(|_| together = true);
        let is_in_share = |c: &&'c T| self.selection.is_in_share(Selectable::from(*c).request);
        let selected = matching.filter(is_in_share).collect();
        together.then_some(selected)
    }

    /// Each value on its own has to match one of `candidates`. `rows`: the ledger's, if the candidates are a plan's.
    fn check<'c>(
        &self,
        candidates: impl Iterator<Item = Selectable<'c>> + Clone,
        rows: Option<impl Iterator<Item = Selectable<'c>> + Clone>,
    ) -> Result<(), SelectionError> {
        let selection = &self.selection;
        let require = |option: &'static str,
                       value: &str,
                       name: fn(&Selectable<'c>) -> String,
                       is: &dyn Fn(&Selectable<'c>) -> bool| {
            if candidates.clone().any(|c| is(&c)) {
                return Ok(());
            }
            let names = candidates.clone().map(|c| name(&c)).filter(|name| !name.is_empty());
            let there: BTreeSet<String> = names.collect();
            Err(SelectionError::MatchesNothing {
                option,
                value: value.to_owned(),
                // Nobody types one month and means another.
                suggestion: meant(value, &there)
                    .filter(|_| option != "--period")
                    .map(str::to_owned),
                there: if option == "--sub-partner" { BTreeSet::new() } else { there },
                place: match &rows {
                    None => Searched::Ledger,
                    Some(rows) if rows.clone().any(|c| is(&c)) => Searched::PlanAndFoundInLedger,
                    Some(_) => Searched::Plan,
                },
            })
        };
        for job in &selection.jobs {
            require("--job", job, |c| c.job.to_owned(), &|c| self.job(job, c))?;
        }
        for who in &selection.sub_partners {
            let label = |c: &Selectable<'c>| c.label.unwrap_or_default().to_owned();
            require("--sub-partner", &who.to_string(), label, &|c| self.who(who, c))?;
        }
        for report_type in &selection.types {
            let is = |c: &Selectable<'c>| c.request.report_type == *report_type;
            require("--type", report_type.as_str(), |c| c.request.report_type.to_string(), &is)?;
        }
        for cause in &selection.causes {
            require("--cause", cause, |c| c.cause.to_owned(), &|c| c.cause == cause)?;
        }
        for period in &selection.periods {
            let is = |c: &Selectable<'c>| c.request.period.lies_within(*period);
            require("--period", &period.to_string(), |c| c.request.period.to_string(), &is)?;
        }
        Ok(())
    }
}

/// A name that contains the text, else one that is a slip away.
fn meant<'n>(text: &str, names: &'n BTreeSet<String>) -> Option<&'n str> {
    let plain = |name: &str| name.to_lowercase();
    let wanted = plain(text);
    let distances = names.iter().filter_map(|name| {
        let name_is = plain(name);
        let is_part = wanted.len() > 2 && name_is.contains(&wanted);
        let distance = if is_part { 0 } else { strsim::damerau_levenshtein(&wanted, &name_is) };
        (distance <= 1 + wanted.len() / 4).then_some((distance, name.as_str()))
    });
    distances.min().map(|(_, name)| name)
}

fn any<T>(values: &[T], matches: impl Fn(&T) -> bool) -> bool {
    values.is_empty() || values.iter().any(matches)
}
