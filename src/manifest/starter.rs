//! The manifest that `monthend init` writes: it names and explains every key, and can be rehearsed as it is.

use std::path::Path;

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

const STARTER: &str = include_str!("starter.yaml");
const BEGIN: &str = "# <sub-partners>\n";
const END: &str = "# </sub-partners>\n";
const NO_NAMES: &str = "      # The API lists no names. Control Hub shows each organisation with the UUID behind its id; give it a label:
      # { id: ..., label: ... }
";

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
}

/// What the examples call columns and values.
const OF_SANDBOX: [(&str, &str); 5] = [
    ("{usage}", "CONSUMPTION"),
    ("{package}", "SKU"),
    ("{customer}", "CUSTOMER_ORG_ID"),
    ("{common}", "A-COMMON-AREA"),
    ("{columns}", "The columns are the sandbox's; those of your files have other names."),
];
const MADE_UP: [(&str, &str); 5] = [
    ("{usage}", "Usage"),
    ("{package}", "Part"),
    ("{customer}", "Customer"),
    ("{common}", "SHARED"),
    (
        "{columns}",
        "The names of columns are made up: `monthend columns {file}` shows yours, once files are\n# collected.",
    ),
];

/// A first manifest for the month before `today`, to be saved as `file`. It is read back before it is returned. Without
/// `found` it is for a rehearsal.
pub fn starter(
    file: &Path,
    today: NaiveDate,
    found: Option<&Found>,
) -> Result<String, StarterError> {
    let text = written(file, today, found);
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

fn written(file: &Path, today: NaiveDate, found: Option<&Found>) -> String {
    let (before, rest) = STARTER.split_once(BEGIN).unwrap_or((STARTER, ""));
    let (made_up, after) = rest.split_once(END).unwrap_or((rest, ""));
    let sub_partners = match found {
        None => made_up.to_owned(),
        Some(found) => listed(found),
    };
    let before = match found {
        None => before.to_owned(),
        Some(_) => before.replace(
            " For a real run replace the made-up sub-partners by your own.\n",
            " Its sub-partners are those that the API listed.\n",
        ),
    };
    let name = stem(file);
    let ledger = default_ledger(file);
    let ledger_name = |extension: &str| {
        let path = ledger.with_extension(extension);
        yaml_text(&path.file_name().unwrap_or_default().to_string_lossy())
    };
    let this_month = Month::of(today);
    let month = this_month.previous().unwrap_or(this_month).period().to_string();
    let is_rehearsal = found.is_none_or(|found| found.is_sandbox);
    let names = if is_rehearsal { OF_SANDBOX } else { MADE_UP };
    let filled = |text: &str| {
        let named = names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        named
            .replace("{month}", &month)
            .replace("{file}", &one_line(&shell_path(file)))
            .replace("{name}", &yaml_text(&name))
            .replace("{ledger}", &ledger_name("csv"))
            .replace("{output}", &ledger_name("reports"))
    };
    format!("{}{sub_partners}{}", filled(&before), filled(after))
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

fn listed(found: &Found) -> String {
    let uuid = |org: &OrgId| org.uuid().map_or(String::new(), |uuid| format!("   # {uuid}"));
    let active = found.active.iter();
    let active = active.map(|org| format!("      - {{ id: {} }}{}\n", id(org), uuid(org)));
    let suspended = found.suspended.iter();
    let suspended = suspended.map(|org| format!("      # - {{ id: {} }}   # suspended\n", id(org)));
    NO_NAMES.to_owned() + &active.chain(suspended).collect::<String>()
}
