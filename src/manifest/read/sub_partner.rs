//! The entries of `sub_partners`.

use std::sync::Arc;

use super::{
    Context,
    scalar::{line, word},
};
use crate::{
    manifest::{
        Source, SubPartner,
        kind::{Found, ProblemKind},
        yaml::Node,
    },
    request::OrgId,
    settings::Discover,
};

pub(in crate::manifest) const SUB_PARTNER_KEYS: &[&str] = &["id", "label", "file", "discover"];
const EXPECTED: &str = "an id, { id, label }, { file } or { discover }";
const FORMS: &str =
    "write an id, { id: ..., label: ... }, { file: partners.csv } or { discover: active }";

/// The word that stands for the partner itself in selections.
pub(in crate::manifest) const OWN: &str = "own";

/// Everybody whom `sub_partners` names, in the order written.
pub(super) fn sub_partners(node: Node<'_>, context: &mut Context<'_>) -> Option<Vec<Source>> {
    let items = node.items(
        "a list of sub-partners",
        "name a sub-partner, or leave `sub_partners` out to bill the partner itself",
    )?;
    let mut sources = Vec::with_capacity(items.len());
    for item in items {
        entry(item, context, &mut sources);
    }
    Some(sources)
}

fn entry(node: Node<'_>, context: &mut Context<'_>, sources: &mut Vec<Source>) -> Option<()> {
    if node.found() != Found::Mapping {
        let sub_partner = SubPartner {
            id: id(node)?,
            label: None,
        };
        context.labels.add(&sub_partner, &node.place());
        sources.push(Source::Named(sub_partner));
        return Some(());
    }
    let fields = node.fields("a sub-partner", SUB_PARTNER_KEYS, EXPECTED)?;
    let get = |key| fields.get(key);
    match (get("id"), get("file"), get("discover"), get("label")) {
        (Some(id_node), None, None, label_node) => {
            let label = label_node.map(label);
            let id = id(id_node)?;
            let label = match label {
                Some(label) => Some(Arc::from(label?)),
                None => None,
            };
            let sub_partner = SubPartner { id, label };
            let place = label_node.unwrap_or(id_node).place();
            context.labels.add(&sub_partner, &place);
            sources.push(Source::Named(sub_partner));
        }
        (None, Some(file), None, None) => {
            let path = context.path(line(file, "the path of a partners file")?);
            let lines = context.partners.read(&path, file, &mut context.labels)?;
            sources.extend(lines.iter().cloned().map(Source::Named));
        }
        (None, None, Some(which), None) => {
            sources.push(Source::Discovered(discover(which)?));
        }
        (None, None, None, _) => {
            fields.require("id", "{ id: ..., label: ... }")?;
        }
        _ => return node.report(ProblemKind::MixedForms { forms: FORMS }),
    }
    Some(())
}

fn id(node: Node<'_>) -> Option<OrgId> {
    let text = node.text(EXPECTED)?;
    checked_id(text)
        .map_err(|kind| node.report::<()>(kind))
        .ok()
}

fn label(node: Node<'_>) -> Option<&str> {
    let text = line(node, "a label")?;
    checked_label(text)
        .map_err(|kind| node.report::<()>(kind))
        .ok()
}

fn discover(node: Node<'_>) -> Option<Discover> {
    word(
        node,
        "kind of sub-partners to discover",
        &["active", "suspended", "all"],
        &[Discover::Active, Discover::Suspended, Discover::All],
    )
}

/// An id, wherever it is written.
pub(in crate::manifest) fn checked_id(text: &str) -> Result<OrgId, ProblemKind> {
    if text == OWN {
        return Err(ProblemKind::ReservedWord);
    }
    text.parse().map_err(|error| ProblemKind::OrgId {
        text: text.to_owned(),
        error,
    })
}

/// A label, wherever it is written.
pub(in crate::manifest) fn checked_label(text: &str) -> Result<&str, ProblemKind> {
    let text = super::scalar::checked_line(text, "a label")?;
    if text == OWN {
        return Err(ProblemKind::ReservedWord);
    }
    Ok(text)
}
