use std::{path::PathBuf, sync::Arc};

use super::{
    labels::LabelBook,
    model::{Discover, SubPartner, SubPartnerSource},
    names::{checked_id, checked_label},
    partners::PartnersFiles,
};
use crate::manifest::yaml::{
    Form, Located, Mistake, Node, Quoted, Sink, SourcePlace, alternative, keys, list, one_of,
    or_none, path, required, text, text_or_number, words,
};
use request::OrgId;

const FORMS: &str =
    "write an id, { id: ..., label: ... }, { file: partners.csv } or { discover: active }";

keys! {
    /// An organisation id and what people call it.
    pub(super) struct Labelled: "a sub-partner", "a mapping such as { id: ..., label: ... }" {
        /// The sub-partner's organisation id.
        id: Option<Located<OrgId>> = required(id(), "{ id: ..., label: ... }"),
        /// What people call it. One label never means two sub-partners.
        label: Option<Located<Arc<str>>> = or_none(label()),
    }

    /// A partners file.
    pub(super) struct InFile: "a sub-partner", "a mapping such as { file: partners.csv }" {
        /// A CSV file with the header `org_id` or `org_id,label`, relative to the manifest.
        file: Option<Located<PathBuf>> = required(path("the path of a partners file").located(), "file: partners.csv"),
    }

    /// Whoever the API lists when the plan is made.
    pub(super) struct Listed: "a sub-partner", "a mapping such as { discover: active }" {
        /// Which of them.
        discover: Option<Discover> = required(words("kind of sub-partners to discover", [
            ("active", Discover::Active),
            ("suspended", Discover::Suspended),
            ("all", Discover::All),
        ]), "discover: active"),
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum SubPartnerText {
    /// With the place of its label or id.
    Named(SubPartner, SourcePlace),
    InFile(Located<PathBuf>),
    Listed(Discover),
}

pub(super) fn sub_partners() -> Form<Vec<SubPartnerText>> {
    let plain = id().then(|id, _| {
        let sub_partner = SubPartner { id: id.value, label: None };
        Some(SubPartnerText::Named(sub_partner, id.place))
    });
    let mappings = vec![
        alternative(|Labelled { id, label }, _| {
            let (id, label) = (id?, label);
            let place = label.as_ref().map_or(id.place, |label| label.place.clone());
            let label = label.map(|label| label.value);
            Some(SubPartnerText::Named(SubPartner { id: id.value, label }, place))
        }),
        alternative(|InFile { file }, _| file.map(SubPartnerText::InFile)),
        alternative(|Listed { discover }, _| discover.map(SubPartnerText::Listed)),
    ];
    let as_item = |node: Node<'_>| match file_named(node) {
        Some(_) => format!("{{ file: {} }}", node.written()),
        None => node.written(),
    };
    list(
        "a list of sub-partners",
        "name a sub-partner, or leave `sub_partners` out to bill the partner itself",
        one_of(("An organisation id.", plain), mappings, FORMS).with_item(as_item),
    )
}

fn id() -> Form<Located<OrgId>> {
    const WHAT: &str = "an id, { id, label }, { file } or { discover }";
    let form = text_or_number(WHAT, r"^[!-~]{1,512}$", |text| Ok(text.to_owned()));
    let checked = form.then(|text, node| match file_named(node) {
        Some(file) => {
            let message = format!("{} is a file, and no id", Quoted(&file));
            let help = format!("write {{ file: {} }}", node.written());
            node.report(Mistake::new(message).help(help))
        }
        None => node.checked(checked_id(&text)),
    });
    checked.located()
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

fn label() -> Form<Located<Arc<str>>> {
    text("a label", r"\S", checked_label).located()
}

impl SubPartnerText {
    pub(super) fn add_to(
        self,
        sources: &mut Vec<SubPartnerSource>,
        labels: &mut LabelBook,
        partners: &mut PartnersFiles,
        sink: &Sink,
    ) {
        match self {
            SubPartnerText::Named(sub_partner, place) => {
                labels.add(&sub_partner, &place, sink);
                sources.push(SubPartnerSource::Named(sub_partner));
            }
            SubPartnerText::InFile(file) => {
                let listed = partners.read(&file, labels, sink);
                let listed = listed.iter().flat_map(|lines| lines.iter().cloned());
                sources.extend(listed.map(SubPartnerSource::Named));
            }
            SubPartnerText::Listed(discover) => {
                sources.push(SubPartnerSource::Discovered(discover))
            }
        }
    }
}
