use std::{collections::BTreeMap, sync::Arc};

use indexmap::IndexSet;

use super::{
    exclusion::{ExclusionText, JobSubPartners},
    labels::LabelBook,
    model::{Job, SubPartners},
    names::report_type,
    options::LoadOptions,
    partners::PartnersFiles,
    period::{PeriodText, periods},
    sub_partner::{SubPartnerText, sub_partners},
};
use crate::manifest::yaml::{
    Field, Form, Located, Mapping, Mistake, Quoted, Sink, SourcePlace, Wrong, keys, line, list,
    mapping, missing, optional, or, or_none, report_repeated, required, truth,
};
use request::{Period, ReportType};

/// A key of a job, and an example.
const TYPES: (&str, &str) = ("types", "types: [PARTNER, CUSTOMER, USER]");
const PERIODS: (&str, &str) = ("periods", "periods: [previous-month]");

keys! {
    /// Used by every job that does not say otherwise.
    pub(super) struct Defaults: "`defaults`", "a mapping such as { types: [PARTNER] }" {
        /// Report types.
        types: Field<Vec<ReportType>> = optional(types()),
        /// Date ranges.
        periods: Field<Vec<PeriodText>> = optional(periods()),
        /// Include internal organisations.
        internal: bool = or(truth(), false),
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
        internal: Option<bool> = or_none(truth()),
        /// Date ranges; if it is left out, those of `defaults`.
        periods: Field<Vec<PeriodText>> = optional(periods()),
        /// What to leave out.
        exclude: Vec<ExclusionText> = or(
            list("a list of exclusions", "leave `exclude` out to exclude nothing", mapping()),
            Vec::new(),
        ),
    }
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
    /// Where each job begins, counted from 1.
    pub(super) lines: BTreeMap<Arc<str>, usize>,
    pub(super) is_relative: bool,
}

impl Jobs<'_> {
    /// A value with a problem is reported and replaced by any other: then there is no manifest.
    pub(super) fn read(&mut self, jobs: Vec<Located<JobText>>, defaults: Defaults) -> Vec<Job> {
        let default_periods = self.periods(defaults.periods);
        report_repeated(jobs.iter().filter_map(|job| job.value.name.as_ref()), self.sink, |name| {
            Mistake::new(format!("two jobs are named {}", Quoted(name)))
                .help("give each job a name of its own")
        });
        let mut read = Vec::with_capacity(jobs.len());
        for Located { value: job, place } in jobs {
            let sub_partners = match job.sub_partners {
                Ok(Some(listed)) => Some(self.sub_partners(listed)),
                Ok(None) => Some(SubPartners::Own),
                Err(Wrong) => None,
            };
            let periods = self.periods(job.periods);
            let name: Arc<str> = job.name.map(|name| name.value.into()).unwrap_or_default();
            self.lines.insert(Arc::clone(&name), place.line());
            let types = self.or_default(job.types, &defaults.types, &place, TYPES);
            let job_read = Job {
                name,
                sub_partners: SubPartners::Own,
                types: types.into_iter().collect::<IndexSet<_>>().into_iter().collect(),
                internal: job.internal.unwrap_or(defaults.internal),
                periods: self.or_default(periods, &default_periods, &place, PERIODS),
                exclude: Vec::new(),
            };
            read.push((job_read, sub_partners, job.exclude));
        }
        // Exclusions may name a label of a later job.
        let with_exclusions = read.into_iter().map(|(job, sub_partners, exclude)| {
            let billed = sub_partners.as_ref();
            let billed = billed.map(|billed| JobSubPartners::new(billed, &self.labels.labels));
            let exclude = exclude.into_iter();
            let exclude =
                exclude.map(|text| text.read(billed.as_ref(), self.options, self.sink)).collect();
            Job { sub_partners: sub_partners.unwrap_or(SubPartners::Own), exclude, ..job }
        });
        with_exclusions.collect()
    }

    fn sub_partners(&mut self, listed: Vec<SubPartnerText>) -> SubPartners {
        let mut sources = Vec::with_capacity(listed.len());
        for text in listed {
            text.add_to(&mut sources, &mut self.labels, &mut self.partners, self.sink);
        }
        SubPartners::Listed(sources)
    }

    fn periods(&mut self, given: Field<Vec<PeriodText>>) -> Field<Vec<Period>> {
        let Some(texts) = given? else {
            return Ok(None);
        };
        self.is_relative |= texts.iter().any(PeriodText::is_relative);
        let periods = texts.iter().flat_map(|text| text.periods(self.options, self.sink));
        Ok(Some(periods.collect()))
    }

    fn or_default<T: Clone>(
        &self,
        given: Field<Vec<T>>,
        default: &Field<Vec<T>>,
        job: &SourcePlace,
        (key, example): (&str, &str),
    ) -> Vec<T> {
        let chosen = if let Ok(None) = given { default.clone() } else { given };
        if let Ok(None) = chosen {
            let mistake = missing(JobText::OWNER, key, example);
            self.sink.report::<()>(job.clone(), mistake);
        }
        chosen.ok().flatten().unwrap_or_default()
    }
}
