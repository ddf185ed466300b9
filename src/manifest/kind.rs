//! The kinds of problems, what they say and what they advise.

use std::fmt;

use chrono::NaiveDate;

use super::quote::Quoted;
use crate::{
    request::{OrgId, OrgIdError},
    settings::BaseUrlError,
};

/// What is wrong. `Display` says so in one line; [`ProblemKind::help`] says what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProblemKind {
    /// The text is not YAML.
    #[error("this is not valid YAML: {0}")]
    Syntax(String),
    /// Nothing but comments.
    #[error("the manifest is empty")]
    EmptyFile,
    /// More than one document.
    #[error("a second YAML document starts here; a manifest is one document")]
    SeveralDocuments,
    /// Lists and mappings lie too deep in each other.
    #[error("lists and mappings are nested more than {limit} levels deep")]
    TooDeep {
        /// Levels that are allowed.
        limit: usize,
    },
    /// The text, with its aliases expanded, is too large.
    #[error("the manifest has more than {limit} values, aliases counted each time they are used")]
    TooManyNodes {
        /// Values that are allowed.
        limit: u64,
    },
    /// `&a [*a]`
    #[error("this alias lies within its own anchor")]
    ContainsItself,
    /// The same key twice in one mapping.
    #[error("the key {} is given twice", Quoted(.0))]
    DuplicateKey(String),
    /// `<<:` with something that is no mapping.
    #[error("`<<` takes a mapping or a list of mappings")]
    BadMerge,
    /// A key that is a number, a list...
    #[error("the key {} is not a text", Quoted(written))]
    KeyNotText {
        /// As it is written.
        written: String,
    },
    /// A key that means nothing there.
    #[error("unknown key {} in {owner}", Quoted(key))]
    UnknownKey {
        /// The key.
        key: String,
        /// Whose key it is.
        owner: &'static str,
        /// A known key that looks like it.
        nearest: Option<String>,
        /// All keys that mean something there.
        known: &'static [&'static str],
    },
    /// A key that has to be there.
    #[error("{owner} has no `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Where it is missing.
        owner: &'static str,
        /// How to write it.
        example: &'static str,
    },
    /// A list where a text is expected, and the like.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What would be right.
        expected: &'static str,
        /// What is there.
        found: Found,
    },
    /// YAML takes it for a number or a truth value.
    #[error("expected {expected}, but YAML reads {} as {found}", Quoted(written))]
    NeedsQuotes {
        /// What would be right.
        expected: &'static str,
        /// What YAML makes of it.
        found: Found,
        /// As it is written.
        written: String,
    },
    /// `[]`
    #[error("this list is empty")]
    EmptyList {
        /// What to do instead.
        instead: &'static str,
    },
    /// Nothing but blanks.
    #[error("{what} must not be empty")]
    EmptyText {
        /// Whose text it is.
        what: &'static str,
    },
    /// A line break, a tab...
    #[error("{what} must not have control characters (here {character:?})")]
    ControlCharacter {
        /// Whose text it is.
        what: &'static str,
        /// The first of them.
        character: char,
    },
    /// `version` is not 1.
    #[error("version {} is not known to this program", Quoted(.0))]
    UnknownVersion(String),
    /// Two jobs of one name.
    #[error("two jobs are named {}", Quoted(.0))]
    DuplicateJob(String),
    /// One of a few words is expected.
    #[error("{} is no {what}", Quoted(text))]
    UnknownWord {
        /// What is there.
        text: String,
        /// What it should be.
        what: &'static str,
        /// The one that looks like it.
        nearest: Option<&'static str>,
        /// All that would be right.
        known: &'static [&'static str],
    },
    /// Not a calendar month, or `previous-month`.
    #[error("{} is no period", Quoted(.0))]
    NotAPeriod(String),
    /// Not a calendar month.
    #[error("{} is no calendar month", Quoted(.0))]
    NotAMonth(String),
    /// Not a calendar day.
    #[error("{} is no calendar day", Quoted(.0))]
    NotADay(String),
    /// The last day or month comes before the first.
    #[error("`{last_key}` {last} is before `{first_key}` {first}")]
    EndBeforeStart {
        /// `end` or `to`.
        last_key: &'static str,
        /// Its value.
        last: String,
        /// `start` or `from`.
        first_key: &'static str,
        /// Its value.
        first: String,
    },
    /// Keys of different forms in one mapping.
    #[error("these keys do not go together")]
    MixedForms {
        /// The forms there are.
        forms: &'static str,
    },
    /// The server takes past days only.
    #[error("this period ends on {end}, which is not in the past (today is {today}, UTC)")]
    EndNotPast {
        /// Last day.
        end: NaiveDate,
        /// The real day.
        today: NaiveDate,
    },
    /// The server takes five years only.
    #[error("this period starts on {start}, more than five years ago")]
    StartTooOld {
        /// First day.
        start: NaiveDate,
        /// The earliest day that the server takes.
        earliest: NaiveDate,
    },
    /// Not a duration.
    #[error("{} is no duration", Quoted(.0))]
    NotADuration(String),
    /// A number without its unit.
    #[error("the duration {} has no unit", Quoted(.0))]
    DurationWithoutUnit(String),
    /// `0s` where time has to pass.
    #[error("this duration must be longer than zero")]
    ZeroDuration,
    /// Not a rate.
    #[error("{} is no rate", Quoted(.0))]
    NotARate(String),
    /// A number out of its range.
    #[error("{} is not {expected}", Quoted(written))]
    BadNumber {
        /// As it is written.
        written: String,
        /// The range.
        expected: String,
    },
    /// Not a URL that may see the token.
    #[error("{0}")]
    BaseUrl(BaseUrlError),
    /// Not an organisation id.
    #[error("{}: {error}", Quoted(text))]
    OrgId {
        /// What is there.
        text: String,
        /// What is wrong with it.
        error: OrgIdError,
    },
    /// `own` as an id or a label.
    #[error("`own` is reserved: it stands for the partner itself")]
    ReservedWord,
    /// One label, two organisations.
    #[error(
        "the label {} is used for two ids: {second} here and {first} before",
        Quoted(label)
    )]
    LabelTwice {
        /// The label.
        label: String,
        /// Whose it was first.
        first: OrgId,
        /// Whose it is here.
        second: OrgId,
    },
    /// A label that is the id of somebody else.
    #[error("the label {} is the id of another sub-partner", Quoted(.0))]
    LabelIsAnId(String),
    /// An exclusion that would leave out nothing or everything.
    #[error("this exclusion names nothing")]
    EmptyExclusion,
    /// An exclusion of somebody whom the job does not bill.
    #[error("this job has no sub-partner {}", Quoted(text))]
    NotInJob {
        /// The id or label.
        text: String,
        /// One of the job's labels that looks like it.
        nearest: Option<String>,
    },
    /// A sub-partner excluded from a job that bills the partner itself.
    #[error("this job bills the partner itself and has no sub-partners to exclude")]
    JobIsOwn,
    /// A path that cannot be the ledger's.
    #[error("the ledger cannot be {}: {why}", Quoted(path))]
    BadLedger {
        /// The path as written.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A partners file cannot be read.
    #[error("cannot read the partners file {}: {why}", Quoted(path))]
    Unreadable {
        /// The path as it was looked for.
        path: String,
        /// What was wrong.
        why: String,
    },
    /// A partners file without lines, or with a header alone.
    #[error("this partners file lists nobody")]
    NoPartners,
    /// The first line names no `org_id`.
    #[error("the first line is not a header with `org_id`")]
    NoHeader,
    /// Columns are split by semicolons or tabs.
    #[error("the columns are separated by {found}")]
    WrongSeparator {
        /// What separates them.
        found: &'static str,
    },
    /// A column that is there twice.
    #[error("the column {} is there twice", Quoted(.0))]
    DuplicateColumn(String),
    /// A line with fewer or more cells than the header.
    #[error("this line has {found} cells, the header has {expected}")]
    CellCount {
        /// Cells of the line.
        found: usize,
        /// Cells of the header.
        expected: usize,
    },
    /// A line that cannot be a sub-partner.
    #[error("this line is longer than {limit} bytes")]
    LineTooLong {
        /// What a line may have.
        limit: usize,
    },
    /// A cell goes on over the end of its line.
    #[error("a quoted cell goes on over the end of the line")]
    OpenQuote,
}

impl ProblemKind {
    /// What would be right.
    pub fn help(&self) -> Option<String> {
        let fixed = |text: &str| Some(text.to_owned());
        match self {
            // Their message says it.
            ProblemKind::Syntax(_) | ProblemKind::WrongType { .. } | ProblemKind::BaseUrl(_) => {
                None
            }
            ProblemKind::MixedForms { forms } => fixed(forms),
            ProblemKind::OrgId { .. } => fixed(
                "copy the `orgId` of the sub-partner, for instance Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8x",
            ),
            ProblemKind::Unreadable { .. } => fixed("paths are relative to the manifest's folder"),
            ProblemKind::BadLedger { .. } => {
                fixed("name a CSV file of its own, relative to the manifest")
            }
            ProblemKind::ControlCharacter { .. } => fixed("write it on one line, with blanks only"),
            ProblemKind::EmptyFile => {
                fixed("begin with `version: 1`; `monthend init` writes a manifest to start from")
            }
            ProblemKind::SeveralDocuments => {
                fixed("remove the `---`, or make it a manifest of its own")
            }
            ProblemKind::TooDeep { .. } | ProblemKind::ContainsItself => {
                fixed("a manifest needs six levels")
            }
            ProblemKind::TooManyNodes { .. } => {
                fixed("list sub-partners in a partners file: `- { file: partners.csv }`")
            }
            ProblemKind::DuplicateKey(_) => fixed("keep one of the two"),
            ProblemKind::BadMerge => fixed("write `<<: *anchor` or `<<: [*one, *other]`"),
            ProblemKind::KeyNotText { .. } => fixed("keys are plain words"),
            ProblemKind::UnknownKey { nearest, known, .. } => {
                Some(did_you_mean(nearest.as_deref(), "the keys are", known))
            }
            ProblemKind::MissingKey { example, .. } => Some(format!("write `{example}`")),
            ProblemKind::NeedsQuotes { written, .. } => {
                Some(format!("quote it: \"{}\"", written.replace('"', "\\\"")))
            }
            ProblemKind::EmptyList { instead } => fixed(instead),
            ProblemKind::EmptyText { .. } => fixed("write a text, or leave the key out"),
            ProblemKind::UnknownVersion(_) => fixed("write `version: 1`"),
            ProblemKind::DuplicateJob(_) => fixed("give each job a name of its own"),
            ProblemKind::UnknownWord { nearest, known, .. } => {
                Some(did_you_mean(*nearest, "write one of", known))
            }
            ProblemKind::NotAPeriod(text) => Some(period_help(text)),
            ProblemKind::NotAMonth(_) => fixed("write YYYY-MM, for instance 2026-10"),
            ProblemKind::NotADay(_) => fixed("write YYYY-MM-DD, for instance 2026-10-31"),
            ProblemKind::EndBeforeStart { .. } => fixed("swap the two, or correct one"),
            ProblemKind::EndNotPast { .. } => fixed(
                "the server bills days that are over; choose an earlier end (`--no-date-check` leaves the judgement to the server)",
            ),
            ProblemKind::StartTooOld { earliest, .. } => Some(format!(
                "the earliest day is {earliest} (`--no-date-check` leaves the judgement to the server)"
            )),
            ProblemKind::NotADuration(_) => fixed("write for instance 200ms, 1.5s, 15m or 1h30m"),
            ProblemKind::DurationWithoutUnit(text) => Some(format!(
                "write {text}s for seconds; the units are ms, s, m and h"
            )),
            ProblemKind::ZeroDuration => fixed("write for instance 30s"),
            ProblemKind::NotARate(_) => {
                fixed("write for instance 5/s, 300/min, 1000/h or unlimited")
            }
            ProblemKind::BadNumber { expected, .. } => Some(format!("write {expected}")),
            ProblemKind::ReservedWord => {
                fixed("choose another label; to bill the partner itself, leave `sub_partners` out")
            }
            ProblemKind::LabelTwice { .. } => {
                fixed("give each sub-partner a label of its own, or correct the id")
            }
            ProblemKind::LabelIsAnId(_) => fixed("choose another label"),
            ProblemKind::EmptyExclusion => {
                fixed("name at least one of `sub_partner`, `type` and `period`")
            }
            ProblemKind::NotInJob { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean {}?", Quoted(nearest)),
                None => "write the id or the label of one that the job lists".to_owned(),
            }),
            ProblemKind::JobIsOwn => fixed("leave `sub_partner` out"),
            ProblemKind::NoPartners => {
                fixed("below the header `org_id,label`, write one sub-partner per line")
            }
            ProblemKind::NoHeader => {
                fixed("add the header `org_id` or `org_id,label` as the first line")
            }
            ProblemKind::WrongSeparator { .. } => fixed("separate them by commas: `org_id,label`"),
            ProblemKind::DuplicateColumn(_) => fixed("keep one of the two"),
            ProblemKind::CellCount { .. } => fixed(
                "write a cell for each column; a label with a comma needs quotes: \"Acme, Inc.\"",
            ),
            ProblemKind::LineTooLong { .. } => {
                fixed("write an id, and a label that people can read")
            }
            ProblemKind::OpenQuote => {
                fixed("close the quote; within a quoted cell, a quote is written twice")
            }
        }
    }
}

/// What kind of value is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing, `~` or `null`.
    Nothing,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// A mapping.
    Mapping,
    /// Something with a `!tag`.
    Tagged,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Found::Nothing => "nothing",
            Found::Bool => "a truth value",
            Found::Number => "a number",
            Found::Text => "a text",
            Found::List => "a list",
            Found::Mapping => "a mapping",
            Found::Tagged => "a value with a !tag",
        })
    }
}

fn did_you_mean(nearest: Option<&str>, otherwise: &str, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("{otherwise} {}", known.join(", ")),
    }
}

fn period_help(text: &str) -> String {
    if crate::request::day(text).is_ok() {
        return format!("for this one day, write {{ start: {text}, end: {text} }}");
    }
    "write a month (2026-10), previous-month, { start: 2026-10-01, end: 2026-10-15 } or { from: 2026-01, to: 2026-09, every: month }".to_owned()
}
