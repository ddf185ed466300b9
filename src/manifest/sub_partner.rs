//! The entries of `sub_partners`.

use std::{path::PathBuf, sync::Arc};

use super::{
    labels::LabelBook,
    model::{Source, SubPartner},
    names::{checked_id, checked_label},
    partners::PartnersFiles,
};
use crate::{
    request::OrgId,
    settings::Discover,
    yaml::{
        At, Form, Mapping, Node, Sink, Text, any_of, at, form, keys, mapping, or_none, path,
        required, text, which, words,
    },
};

const FORMS: &str =
    "write an id, { id: ..., label: ... }, { file: partners.csv } or { discover: active }";

keys! {
    /// An organisation id and what people call it.
    #[derive(Debug, Clone)]
    pub(super) struct Labelled: "a sub-partner", "a mapping such as { id: ..., label: ... }" {
        /// The sub-partner's organisation id.
        id: Option<At<OrgId>> = required(at(id()), "{ id: ..., label: ... }"),
        /// What people call it. One label never means two sub-partners.
        label: Option<At<Arc<str>>> = or_none(at(label())),
    }
}

keys! {
    /// A partners file.
    #[derive(Debug, Clone)]
    pub(super) struct InFile: "a sub-partner", "a mapping such as { file: partners.csv }" {
        /// A CSV file with the header `org_id` or `org_id,label`, relative to the manifest.
        file: Option<At<PathBuf>> = required(at(path("the path of a partners file")), "file: partners.csv"),
    }
}

keys! {
    /// Whoever the API lists when the plan is made.
    #[derive(Debug, Clone)]
    pub(super) struct Listed: "a sub-partner", "a mapping such as { discover: active }" {
        /// Which of them.
        discover: Option<Discover> = required(words("kind of sub-partners to discover", [
            ("active", Discover::Active),
            ("suspended", Discover::Suspended),
            ("all", Discover::All),
        ]), "discover: active"),
    }
}

/// One or more sub-partners, as they are written.
#[derive(Debug, Clone)]
pub(super) enum SubPartnerText {
    Id(At<OrgId>),
    Labelled(Labelled),
    InFile(InFile),
    Listed(Listed),
}

/// How sub-partners are written.
pub(super) fn sub_partner() -> impl Form<Value = SubPartnerText> {
    let read = |node: Node<'_>| {
        if !node.is_mapping() {
            return at(id()).read(node).map(SubPartnerText::Id);
        }
        let forms = [Labelled::names(), InFile::names(), Listed::names()];
        match which(node, &forms, FORMS)? {
            0 => Labelled::read(node, &[]).map(SubPartnerText::Labelled),
            1 => InFile::read(node, &[]).map(SubPartnerText::InFile),
            _ => Listed::read(node, &[]).map(SubPartnerText::Listed),
        }
    };
    form(read, |generator| {
        any_of([
            ("An organisation id.", id().schema(generator)),
            (Labelled::ABOUT, mapping::<Labelled>().schema(generator)),
            (InFile::ABOUT, mapping::<InFile>().schema(generator)),
            (Listed::ABOUT, mapping::<Listed>().schema(generator)),
        ])
    })
}

fn id() -> Text<OrgId> {
    text(
        "an id, { id, label }, { file } or { discover }",
        r"^[!-~]{1,512}$",
        checked_id,
    )
}

fn label() -> Text<Arc<str>> {
    Text {
        numbers: false,
        ..text("a label", r"\S", |text| checked_label(text).map(Arc::from))
    }
}

impl SubPartnerText {
    /// Adds every sub-partner that it names, in the order written, to `sources` and to the labels.
    pub(super) fn add_to(
        &self,
        sources: &mut Vec<Source>,
        labels: &mut LabelBook,
        partners: &mut PartnersFiles,
        sink: &Sink,
    ) -> Option<()> {
        let (id, label) = match self {
            SubPartnerText::Id(id) => (id, None),
            SubPartnerText::Labelled(Labelled { id, label }) => (id.as_ref()?, label.as_ref()),
            SubPartnerText::InFile(InFile { file }) => {
                let lines = partners.read(file.as_ref()?, labels, sink)?;
                sources.extend(lines.iter().cloned().map(Source::Named));
                return Some(());
            }
            SubPartnerText::Listed(Listed { discover }) => {
                sources.push(Source::Discovered((*discover)?));
                return Some(());
            }
        };
        let sub_partner = SubPartner {
            id: id.value.clone(),
            label: label.map(|label| Arc::clone(&label.value)),
        };
        labels.add(&sub_partner, label.map_or(&id.place, |label| &label.place));
        sources.push(Source::Named(sub_partner));
        Some(())
    }
}
