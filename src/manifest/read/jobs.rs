//! `defaults` and `jobs`.

use std::{collections::HashMap, sync::Arc};

use super::{
    Context, exclusion,
    period::periods,
    scalar::{line, word},
    sub_partner::sub_partners,
};
use crate::{
    manifest::{
        Job, SubPartners,
        kind::ProblemKind,
        source::Place,
        yaml::{Fields, Node},
    },
    request::{Period, ReportType},
};

pub(in crate::manifest) const DEFAULTS_KEYS: &[&str] = &["types", "periods", "internal"];
pub(in crate::manifest) const JOB_KEYS: &[&str] = &[
    "name",
    "sub_partners",
    "types",
    "internal",
    "periods",
    "exclude",
];
const TYPES: &[&str] = &["PARTNER", "CUSTOMER", "USER"];

/// What every job uses that does not say otherwise. `Some(None)` is given and could not be read.
#[derive(Default)]
struct Defaults {
    types: Option<Option<Vec<ReportType>>>,
    periods: Option<Option<Vec<Period>>>,
    internal: Option<bool>,
}

/// All jobs of a manifest whose top level is `fields`.
pub(in crate::manifest) fn jobs(
    fields: &Fields<'_>,
    context: &mut Context<'_>,
) -> Option<Vec<Job>> {
    let defaults = fields.read_or("defaults", Defaults::default(), |node| {
        read_defaults(node, context)
    });
    let items = fields
        .require(
            "jobs",
            "jobs: [{ name: own, types: [PARTNER], periods: [previous-month] }]",
        )?
        .items("a list of jobs", "name at least one job")?;
    // An exclusion may name a label that a later job introduces, so exclusions come last.
    let mut names = HashMap::new();
    let read: Vec<_> = items
        .into_iter()
        .map(|item| read_job(item, &defaults, &mut names, context))
        .collect();
    let jobs = read.into_iter().map(|read| {
        let (fields, job) = read?;
        let exclude = match fields.get("exclude") {
            Some(node) => exclusion::exclusions(node, job.sub_partners.as_ref(), context)?,
            None => Vec::new(),
        };
        Some(Job {
            name: Arc::from(job.name?),
            sub_partners: job.sub_partners?,
            types: job.types?,
            internal: job.internal?,
            periods: job.periods?,
            exclude,
        })
    });
    // In two steps, so that the problems of every job are found.
    let jobs: Vec<Option<Job>> = jobs.collect();
    jobs.into_iter().collect()
}

/// What could be read of a job.
struct PartlyRead<'a> {
    name: Option<&'a str>,
    sub_partners: Option<SubPartners>,
    types: Option<Vec<ReportType>>,
    internal: Option<bool>,
    periods: Option<Vec<Period>>,
}

fn read_defaults(node: Node<'_>, context: &Context<'_>) -> Option<Defaults> {
    let fields = node.fields(
        "`defaults`",
        DEFAULTS_KEYS,
        "a mapping such as { types: [PARTNER] }",
    )?;
    Some(Defaults {
        types: fields.get("types").map(types),
        periods: fields
            .get("periods")
            .map(|node| periods(node, context.options)),
        internal: fields.get("internal").and_then(Node::bool),
    })
}

fn read_job<'a>(
    node: Node<'a>,
    defaults: &Defaults,
    names: &mut HashMap<&'a str, Place>,
    context: &mut Context<'_>,
) -> Option<(Fields<'a>, PartlyRead<'a>)> {
    let fields = node.fields(
        "a job",
        JOB_KEYS,
        "a job such as { name: own, types: [PARTNER], periods: [previous-month] }",
    )?;
    let job = PartlyRead {
        name: fields
            .require("name", "name: resellers")
            .and_then(|node| name(node, names)),
        sub_partners: match fields.get("sub_partners") {
            None => Some(SubPartners::Own),
            Some(node) => sub_partners(node, context).map(SubPartners::Listed),
        },
        types: match fields.get("types") {
            Some(node) => types(node),
            None => defaults.types.clone().unwrap_or_else(|| {
                fields.require("types", "types: [PARTNER, CUSTOMER, USER]")?;
                None
            }),
        },
        internal: match fields.get("internal") {
            Some(node) => node.bool(),
            None => Some(defaults.internal.unwrap_or(false)),
        },
        periods: match fields.get("periods") {
            Some(node) => periods(node, context.options),
            None => defaults.periods.clone().unwrap_or_else(|| {
                fields.require("periods", "periods: [previous-month]")?;
                None
            }),
        },
    };
    Some((fields, job))
}

fn name<'a>(node: Node<'a>, names: &mut HashMap<&'a str, Place>) -> Option<&'a str> {
    let name = line(node, "the name of a job")?;
    match names.get(name) {
        Some(first) => node.report_with(ProblemKind::DuplicateJob(name.to_owned()), first.clone()),
        None => {
            names.insert(name, node.place());
            Some(name)
        }
    }
}

/// A list of types; one that is named twice counts once.
fn types(node: Node<'_>) -> Option<Vec<ReportType>> {
    let items = node.items(
        "a list of types",
        "name at least one of PARTNER, CUSTOMER and USER",
    )?;
    let mut types = Vec::with_capacity(ReportType::ALL.len());
    for report_type in items.into_iter().filter_map(report_type) {
        if !types.contains(&report_type) {
            types.push(report_type);
        }
    }
    Some(types)
}

/// One type.
pub(super) fn report_type(node: Node<'_>) -> Option<ReportType> {
    word(node, "report type", TYPES, &ReportType::ALL)
}
