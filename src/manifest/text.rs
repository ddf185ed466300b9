use serde_json::{Value, json};

use super::{
    job::{Defaults, JobText},
    reconcile_text::EntryText,
    reconciling::UnitsRule,
    units::units,
};
use crate::manifest::{
    settings::Settings,
    yaml::{
        Field, Form, Located, Mistake, Node, Quoted, checked_line, keys, line, list, mapping,
        optional, or, or_none, required, root_schema, spread, text,
    },
};

pub fn schema() -> Value {
    root_schema::<ManifestText>("monthend manifest")
}

keys! {
    /// Which wholesale billing reports are created at the Webex API, and how.
    pub(super) struct ManifestText: "the manifest", "a mapping with `version`, `jobs` and so on" {
        /// The version of the manifest's form: 1.
        pub(super) version: Option<Version> = required(version(), "version: 1"),
        /// The name that outputs show; if it is left out, the file's name without its extension.
        pub(super) name: Option<String> = or_none(line("the name of the manifest")),
        /// Everything but what to bill.
        pub(super) settings: Settings = spread(),
        /// The CSV file that report ids and failures are written to, relative to the manifest;
        /// if it is left out, the manifest's name with `.ledger.csv`.
        pub(super) ledger: Option<Located<String>> = or_none(ledger().located()),
        /// Used by every job that does not say otherwise.
        pub(super) defaults: Defaults = or(mapping(), Defaults::default()),
        /// What to bill: each job is a product of sub-partners, periods and types.
        pub(super) jobs: Option<Vec<Located<JobText>>> = required(
            list("a list of jobs", "name at least one job", mapping().located()),
            "jobs: [{ name: own, types: [PARTNER], periods: [previous-month] }]",
        ),
        /// Billable units: usage, divided and rounded.
        pub(super) units: Field<UnitsRule> = optional(units()),
        /// What the collected files are compared with. Each entry compares one type.
        pub(super) reconcile: Vec<EntryText> = or(
            list("a list of entries", "write an entry, or leave `reconcile` out", mapping()),
            Vec::new(),
        ),
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Version;

fn version() -> Form<Version> {
    let read = |node: Node<'_>| match node.whole_number() {
        Some(1) => Some(Version),
        _ if node.is_scalar() => {
            let written = node.written();
            let message = format!("version {} is not known to this program", Quoted(&written));
            node.report(Mistake::new(message).help("write `version: 1`"))
        }
        _ => node.report(node.unexpected("the number 1")),
    };
    Form::new(read, |_| json!({ "type": "integer", "minimum": 1, "maximum": 1 }))
}

fn ledger() -> Form<String> {
    const WHAT: &str = "the path of a CSV file";
    text(WHAT, r"[^/\s]$", |text| checked_line(text, WHAT))
}
