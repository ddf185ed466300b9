use std::{path::PathBuf, sync::Arc};

use schemars::SchemaGenerator;
use serde_json::Value;

use super::{
    labels::LabelBook,
    model::{SubPartner, SubPartnerSource},
    names::{checked_id, checked_label},
    partners::PartnersFiles,
};
use crate::manifest::{
    settings::Discover,
    yaml::{
        Form, Located, Mapping, Mistake, Node, Quoted, Sink, Text, any_of, at, keys, mapping,
        or_none, path, required, text, which, words,
    },
};
use request::OrgId;

const FORMS: &str =
    "write an id, { id: ..., label: ... }, { file: partners.csv } or { discover: active }";

keys! {
    /// An organisation id and what people call it.
    #[derive(Debug, Clone)]
    pub(super) struct Labelled: "a sub-partner", "a mapping such as { id: ..., label: ... }" {
        /// The sub-partner's organisation id.
        id: Option<Located<OrgId>> = required(at(Id), "{ id: ..., label: ... }"),
        /// What people call it. One label never means two sub-partners.
        label: Option<Located<Arc<str>>> = or_none(at(label())),
    }
}

keys! {
    /// A partners file.
    #[derive(Debug, Clone)]
    pub(super) struct InFile: "a sub-partner", "a mapping such as { file: partners.csv }" {
        /// A CSV file with the header `org_id` or `org_id,label`, relative to the manifest.
        file: Option<Located<PathBuf>> = required(at(path("the path of a partners file")), "file: partners.csv"),
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

#[derive(Debug, Clone)]
pub(super) enum SubPartnerText {
    Id(Located<OrgId>),
    Labelled(Labelled),
    InFile(InFile),
    Listed(Listed),
}

pub(super) struct SubPartnerForm;

impl Form for SubPartnerForm {
    type Value = SubPartnerText;

    fn read(&self, node: Node<'_>) -> Option<SubPartnerText> {
        if !node.is_mapping() {
            return at(Id).read(node).map(SubPartnerText::Id);
        }
        let forms = [Labelled::names(), InFile::names(), Listed::names()];
        match which(node, &forms, FORMS)? {
            0 => Labelled::read(node, &[]).map(SubPartnerText::Labelled),
            1 => InFile::read(node, &[]).map(SubPartnerText::InFile),
            _ => Listed::read(node, &[]).map(SubPartnerText::Listed),
        }
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Value {
        any_of([
            ("An organisation id.", Id.schema(generator)),
            (Labelled::ABOUT, mapping::<Labelled>().schema(generator)),
            (InFile::ABOUT, mapping::<InFile>().schema(generator)),
            (Listed::ABOUT, mapping::<Listed>().schema(generator)),
        ])
    }

    fn as_item(&self, node: Node<'_>) -> String {
        match file_named(node) {
            Some(_) => format!("{{ file: {} }}", node.written()),
            None => node.written(),
        }
    }
}

struct Id;

impl Form for Id {
    type Value = OrgId;

    fn read(&self, node: Node<'_>) -> Option<OrgId> {
        match file_named(node) {
            Some(file) => {
                let message = format!("{} is a file, and no id", Quoted(&file));
                let help = format!("write {{ file: {} }}", node.written());
                node.report(Mistake::new(message).help(help))
            }
            None => id().read(node),
        }
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Value {
        id().schema(generator)
    }
}

fn id() -> Text<OrgId> {
    text("an id, { id, label }, { file } or { discover }", r"^[!-~]{1,512}$", checked_id)
}

/// A file name where an id is expected: by its extension, or because the file exists.
fn file_named(node: Node<'_>) -> Option<String> {
    const ENDINGS: [&str; 6] = [".csv", ".tsv", ".txt", ".xls", ".xlsx", ".ods"];
    if !node.is_scalar() {
        return None;
    }
    let written = node.written();
    let text = written.trim_matches(['"', '\'']);
    if (text.parse()).is_ok_and(|id: OrgId| id.is_an_organisation()) {
        return None;
    }
    let name = text.to_ascii_lowercase();
    let ends_so = ENDINGS.iter().any(|ending| name.ends_with(ending));
    (ends_so || node.folder().join(text).is_file()).then(|| text.to_owned())
}

fn label() -> Text<Arc<str>> {
    Text { numbers: false, ..text("a label", r"\S", |text| checked_label(text).map(Arc::from)) }
}

impl SubPartnerText {
    pub(super) fn add_to(
        &self,
        sources: &mut Vec<SubPartnerSource>,
        labels: &mut LabelBook,
        partners: &mut PartnersFiles,
        sink: &Sink,
    ) -> Option<()> {
        let (id, label) = match self {
            SubPartnerText::Id(id) => (id, None),
            SubPartnerText::Labelled(Labelled { id, label }) => (id.as_ref()?, label.as_ref()),
            SubPartnerText::InFile(InFile { file }) => {
                let lines = partners.read(file.as_ref()?, labels, sink)?;
                sources.extend(lines.iter().cloned().map(SubPartnerSource::Named));
                return Some(());
            }
            SubPartnerText::Listed(Listed { discover }) => {
                sources.push(SubPartnerSource::Discovered((*discover)?));
                return Some(());
            }
        };
        let sub_partner =
            SubPartner { id: id.value.clone(), label: label.map(|label| Arc::clone(&label.value)) };
        labels.add(&sub_partner, label.map_or(&id.place, |label| &label.place));
        sources.push(SubPartnerSource::Named(sub_partner));
        Some(())
    }
}
