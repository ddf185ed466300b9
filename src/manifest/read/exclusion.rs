//! The entries of `exclude`.

use std::collections::{BTreeMap, HashSet};

use super::{Context, jobs::report_type, period, sub_partner};
use crate::{
    manifest::{Exclusion, Labels, Source, SubPartners, kind::ProblemKind, suggest, yaml::Node},
    request::OrgId,
};

pub(in crate::manifest) const EXCLUSION_KEYS: &[&str] = &["sub_partner", "type", "period"];

/// Near misses are looked for among this many labels; in a long list one by one would take too long.
const MAX_SUGGESTIONS: usize = 1000;

/// Whom a job bills, as far as an exclusion may name them.
struct Billed<'a> {
    ids: HashSet<&'a str>,
    labels: BTreeMap<&'a str, &'a OrgId>,
    discovers: bool,
    /// All labels of the manifest: whoever is discovered may have one elsewhere.
    all: &'a Labels,
}

/// All exclusions of a job. `billed` is `None` where its sub-partners could not be read: then nothing can
/// be said about who is missing.
pub(super) fn exclusions(
    node: Node<'_>,
    billed: Option<&SubPartners>,
    context: &Context<'_>,
) -> Option<Vec<Exclusion>> {
    let items = node.items(
        "a list of exclusions",
        "leave `exclude` out to exclude nothing",
    )?;
    let own = matches!(billed, Some(SubPartners::Own));
    let billed = billed.map(|sub_partners| Billed::of(sub_partners, context.labels.labels()));
    let mut exclusions = Vec::with_capacity(items.len());
    for item in items {
        exclusions.extend(exclusion(item, own, billed.as_ref(), context));
    }
    Some(exclusions)
}

fn exclusion(
    node: Node<'_>,
    own: bool,
    billed: Option<&Billed<'_>>,
    context: &Context<'_>,
) -> Option<Exclusion> {
    let fields = node.fields(
        "an exclusion",
        EXCLUSION_KEYS,
        "a mapping such as { sub_partner: Acme GmbH, type: USER }",
    )?;
    if fields.is_empty() {
        return node.report(ProblemKind::EmptyExclusion);
    }
    let sub_partner = fields.get("sub_partner").map(|node| {
        if own {
            return node.report(ProblemKind::JobIsOwn);
        }
        let text = node.text("an id or a label")?;
        billed?
            .find(text)
            .map_err(|kind| node.report::<()>(kind))
            .ok()
    });
    let report_type = fields.get("type").map(report_type);
    let period = fields
        .get("period")
        .map(|node| period::single(node, context.options));
    Some(Exclusion {
        sub_partner: read(sub_partner)?,
        report_type: read(report_type)?,
        period: read(period)?,
    })
}

/// A part that is missing is fine; one that could not be read is not.
fn read<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

impl<'a> Billed<'a> {
    fn of(sub_partners: &'a SubPartners, all: &'a Labels) -> Self {
        let mut billed = Billed {
            ids: HashSet::new(),
            labels: BTreeMap::new(),
            discovers: false,
            all,
        };
        let SubPartners::Listed(sources) = sub_partners else {
            return billed;
        };
        for source in sources {
            match source {
                Source::Named(sub_partner) => {
                    billed.ids.insert(sub_partner.id.as_str());
                    if let Some(label) = &sub_partner.label {
                        billed.labels.insert(label, &sub_partner.id);
                    }
                }
                Source::Discovered(_) => billed.discovers = true,
            }
        }
        billed
    }

    /// Labels first: a label that is the id of another sub-partner is a problem of its own.
    fn find(&self, text: &str) -> Result<OrgId, ProblemKind> {
        let text = text.trim();
        if let Some(id) = self.labels.get(text) {
            return Ok((*id).clone());
        }
        if self.discovers
            && let Some(id) = self.all.get(text)
        {
            return Ok(id.clone());
        }
        if self.discovers || self.ids.contains(text) {
            return sub_partner::checked_id(text);
        }
        let labels = self.labels.keys().copied().take(MAX_SUGGESTIONS);
        Err(ProblemKind::NotInJob {
            text: text.to_owned(),
            nearest: suggest::nearest(text, labels).map(str::to_owned),
        })
    }
}
