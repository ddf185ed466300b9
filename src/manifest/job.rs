use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    exclusion::{Billed, ExclusionText},
    labels::LabelBook,
    model::{Job, SubPartners},
    names::report_type,
    options::LoadOptions,
    partners::PartnersFiles,
    period::{PeriodText, periods},
    sub_partner::{SubPartnerText, sub_partners},
};
use crate::manifest::yaml::{
    Field, Form, Located, Mapping, Mistake, Quoted, Sink, SourcePlace, keys, line, list, mapping,
    missing, optional, required, truth,
};
use request::{Period, ReportType};

keys! {
    /// Used by every job that does not say otherwise.
    pub(super) struct Defaults: "`defaults`", "a mapping such as { types: [PARTNER] }" {
        /// Report types.
        types: Field<Vec<ReportType>> = optional(types()),
        /// Date ranges.
        periods: Field<Vec<PeriodText>> = optional(periods()),
        /// Include internal organisations.
        internal: Field<bool> = optional(truth()),
    }

    /// A product of sub-partners, periods and types.
    pub(super) struct JobText: "a job", "a job such as { name: own, types: [PARTNER], periods: [previous-month] }" {
        /// Unique in the manifest.
        name: Option<Located<String>> = required(line("the name of a job").located(), "name: resellers"),
        /// The sub-partners to bill; if it is left out, the partner itself.
        sub_partners: Field<Vec<SubPartnerText>> = optional(sub_partners()),
        /// Report types; if it is left out, those of `defaults`.
        types: Field<Vec<ReportType>> = optional(types()),
        /// Include internal organisations.
        internal: Field<bool> = optional(truth()),
        /// Date ranges; if it is left out, those of `defaults`.
        periods: Field<Vec<PeriodText>> = optional(periods()),
        /// What to leave out.
        exclude: Field<Vec<ExclusionText>> = optional(list(
            "a list of exclusions",
            "leave `exclude` out to exclude nothing",
            mapping(),
        )),
    }
}

pub(super) fn lines(jobs: &[Located<JobText>]) -> BTreeMap<Arc<str>, usize> {
    let lines = jobs.iter().filter_map(|job| {
        let name = job.value.name.as_ref()?;
        Some((name.value.as_str().into(), job.place.line()))
    });
    lines.collect()
}

fn types() -> Form<Vec<ReportType>> {
    let if_empty = "name at least one of PARTNER, CUSTOMER and USER";
    list("a list of types", if_empty, report_type())
}

pub(super) struct Jobs<'a> {
    pub(super) options: &'a LoadOptions,
    pub(super) sink: &'a Sink,
    pub(super) partners: PartnersFiles,
    pub(super) labels: LabelBook,
    pub(super) is_relative: Cell<bool>,
}

/// Exclusions may name a label of a later job, so they are read last.
struct WithoutExclusions {
    name: Option<Arc<str>>,
    sub_partners: Option<SubPartners>,
    types: Option<Vec<ReportType>>,
    internal: Option<bool>,
    periods: Option<Vec<Period>>,
    exclude: Field<Vec<ExclusionText>>,
}

impl Jobs<'_> {
    pub(super) fn read(
        &mut self,
        jobs: Vec<Located<JobText>>,
        defaults: Defaults,
    ) -> Option<Vec<Job>> {
        let default_periods =
            (defaults.periods).map(|given| given.map(|given| self.periods(&given)));
        let default_internal = defaults.internal.ok().flatten().unwrap_or(false);
        let mut names = HashMap::new();
        // Each step is done for all jobs before the next, so that the problems of every job are found.
        let jobs: Vec<_> = jobs
            .into_iter()
            .map(|Located { value: job, place }| WithoutExclusions {
                name: job.name.and_then(|name| self.name(name, &mut names)),
                sub_partners: (job.sub_partners.ok()).map(|given| match given {
                    Some(listed) => self.sub_partners(&listed),
                    None => SubPartners::Own,
                }),
                types: {
                    let example = "types: [PARTNER, CUSTOMER, USER]";
                    self.or_default(job.types, &defaults.types, &place, ("types", example))
                        .map(without_repetition)
                },
                internal: (job.internal.ok()).map(|given| given.unwrap_or(default_internal)),
                periods: {
                    let given = (job.periods).map(|given| given.map(|given| self.periods(&given)));
                    let example = "periods: [previous-month]";
                    self.or_default(given, &default_periods, &place, ("periods", example))
                },
                exclude: job.exclude,
            })
            .collect();
        let jobs: Vec<_> = jobs.into_iter().map(|job| self.exclude(job)).collect();
        jobs.into_iter().collect()
    }

    fn name(
        &self,
        name: Located<String>,
        names: &mut HashMap<Arc<str>, SourcePlace>,
    ) -> Option<Arc<str>> {
        let Located { value, place } = name;
        if let Some(first) = names.get(value.as_str()) {
            let mistake = Mistake::new(format!("two jobs are named {}", Quoted(&value)))
                .help("give each job a name of its own");
            return self.sink.report_with(place, mistake, first.clone());
        }
        let name: Arc<str> = value.into();
        names.insert(Arc::clone(&name), place);
        Some(name)
    }

    fn sub_partners(&mut self, listed: &[SubPartnerText]) -> SubPartners {
        let mut sources = Vec::with_capacity(listed.len());
        for text in listed {
            let _ = text.add_to(&mut sources, &mut self.labels, &mut self.partners, self.sink);
        }
        SubPartners::Listed(sources)
    }

    /// Shorter than what is written only if a problem is reported.
    fn periods(&self, periods: &[PeriodText]) -> Vec<Period> {
        if periods.iter().any(PeriodText::is_relative) {
            self.is_relative.set(true);
        }
        let periods = periods.iter();
        let periods = periods.filter_map(|period| period.periods(self.options, self.sink));
        periods.flatten().collect()
    }

    fn or_default<T: Clone>(
        &self,
        given: Field<T>,
        default: &Field<T>,
        job: &SourcePlace,
        (key, example): (&str, &str),
    ) -> Option<T> {
        let chosen = match given {
            Ok(None) => default.clone(),
            given => given,
        };
        match chosen {
            Ok(None) => {
                let mistake = missing(JobText::OWNER, key, example);
                self.sink.report(job.clone(), mistake)
            }
            given => given.ok().flatten(),
        }
    }

    fn exclude(&self, job: WithoutExclusions) -> Option<Job> {
        let billed = job.sub_partners.as_ref();
        let billed = billed.map(|billed| Billed::new(billed, self.labels.labels()));
        let exclude = job.exclude.ok()?.unwrap_or_default().into_iter();
        let exclude = exclude
            .filter_map(|exclusion| exclusion.read(billed.as_ref(), self.options, self.sink))
            .collect();
        Some(Job {
            name: job.name?,
            sub_partners: job.sub_partners?,
            types: job.types?,
            internal: job.internal?,
            periods: job.periods?,
            exclude,
        })
    }
}

fn without_repetition(mut types: Vec<ReportType>) -> Vec<ReportType> {
    let mut seen = Vec::with_capacity(types.len());
    types.retain(|t| {
        !seen.contains(t) && {
            seen.push(*t);
            true
        }
    });
    types
}
