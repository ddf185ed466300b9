//! The manifest that `monthend init` writes: it names and explains every key, and can be rehearsed as it is.

use std::path::Path;

use askama::Template;
use chrono::NaiveDate;

use super::{
    DateCheck, LoadOptions, Manifest, ManifestError, SubPartnerSource,
    load::{default_ledger, stem},
};
use crate::{
    manifest::yaml::Source,
    text::{one_line, shell_path},
};
use request::{Month, OrgId};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    pub active: Vec<OrgId>,
    /// Named, but not billed.
    pub suspended: Vec<OrgId>,
    /// Whether the sandbox listed them.
    pub is_sandbox: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StarterError {
    #[error("it would be no manifest: {}", one_line(&.0.to_string()))]
    Invalid(#[from] ManifestError),
    #[error("it would not name the sub-partners that the API lists; write one without --discover")]
    Differs,
    #[error("it cannot be written: {0}")]
    Template(#[from] askama::Error),
}

/// The manifest as it is written.
#[derive(Template)]
#[template(path = "starter.yaml", escape = "none")]
struct Starter<'a> {
    /// For a shell.
    file: String,
    /// In YAML, as the others below.
    name: String,
    ledger: String,
    output: String,
    month: String,
    found: Option<&'a Found>,
    is_rehearsal: bool,
    columns: ExampleColumns,
}

/// What the examples call columns, and the value `common` of one.
struct ExampleColumns {
    usage: &'static str,
    package: &'static str,
    customer: &'static str,
    common: &'static str,
}

const OF_SANDBOX: ExampleColumns = ExampleColumns {
    usage: "CONSUMPTION",
    package: "SKU",
    customer: "CUSTOMER_ORG_ID",
    common: "A-COMMON-AREA",
};
const MADE_UP: ExampleColumns =
    ExampleColumns { usage: "Usage", package: "Part", customer: "Customer", common: "SHARED" };

/// A first manifest for the month before `today`, to be saved as `file`. It is read back before it is returned. Without
/// `found` it is for a rehearsal.
pub fn starter(
    file: &Path,
    today: NaiveDate,
    found: Option<&Found>,
) -> Result<String, StarterError> {
    let text = written(file, today, found)?;
    let options = LoadOptions { as_of: today, today, date_check: DateCheck::On };
    let unreadable = |source| ManifestError::Unreadable { path: file.to_owned(), source };
    let source = Source::from_bytes(file, text.clone().into()).map_err(unreadable)?;
    let read = Manifest::read(&source, &options)?;
    let named = read.jobs.iter().flat_map(|job| job.sub_partners.listed());
    let ids = named.filter_map(|listed| match listed {
        SubPartnerSource::Named(partner) => Some(partner.id.as_str()),
        SubPartnerSource::Discovered(_) => None,
    });
    let is_meant = found.is_none_or(|found| ids.eq(found.active.iter().map(OrgId::as_str)));
    is_meant.then_some(text).ok_or(StarterError::Differs)
}

fn written(file: &Path, today: NaiveDate, found: Option<&Found>) -> askama::Result<String> {
    let ledger = default_ledger(file);
    let ledger_name = |extension: &str| {
        let path = ledger.with_extension(extension);
        yaml_text(&path.file_name().unwrap_or_default().to_string_lossy())
    };
    let this_month = Month::of(today);
    let is_rehearsal = found.is_none_or(|found| found.is_sandbox);
    let starter = Starter {
        file: one_line(&shell_path(file)),
        name: yaml_text(&stem(file)),
        ledger: ledger_name("csv"),
        output: ledger_name("reports"),
        month: this_month.previous().unwrap_or(this_month).period().to_string(),
        found,
        is_rehearsal,
        columns: if is_rehearsal { OF_SANDBOX } else { MADE_UP },
    };
    starter.render()
}

fn yaml_text(text: &str) -> String {
    let written = serde_yaml::to_string(text).unwrap_or_default(); // a text can always be written
    match written.trim_end() {
        written if written.contains('\n') => quoted(text),
        written => written.to_owned(),
    }
}

/// JSON's quoting is valid YAML (YAML 1.2, 1.3).
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An id within `{ }`. An organisation's id needs no quotes.
fn id(org: &OrgId) -> String {
    if org.is_an_organisation() { org.to_string() } else { quoted(org.as_str()) }
}
