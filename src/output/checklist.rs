//! What `check` found: a table, JSON, and who is billed against who is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{rows, words};
use crate::{
    manifest::{Discover, Manifest, SubPartnerSource},
    text::{named, one_line},
};
use request::OrgId;

/// Sub-partners named in the table; json has all.
const NAMED: usize = 5;

/// What was tried, in the order in which a run needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Subject")]
pub enum CheckItem {
    /// The manifest can be read and has no mistakes.
    Manifest,
    /// The ledger can be read and written, or there is none yet.
    Ledger,
    /// A file can be made in the ledger's folder.
    LedgerFolder,
    /// No other run holds the ledger.
    Lock,
    /// No rescued ledger waits to be merged into it.
    Rescued,
    /// Nothing next to the ledger has reports of the plan that it lacks. Named only where that is not so.
    KnownReports,
    /// There is room for what a run writes.
    DiskSpace,
    /// Collected files can be written.
    Output,
    /// A token, or a way to get one, is given.
    Credentials,
    /// The API's name is known, and somebody answers there.
    Connection,
    /// The connection is secure, and the certificate trusted.
    Tls,
    /// The server takes the token.
    Token,
    /// The token may list reports.
    ListReports,
    /// The token may create reports. Only creating one tells.
    CreateReports,
    /// The token may list sub-partners.
    ListSubPartners,
    /// The jobs come to a plan.
    Plan,
}

impl CheckItem {
    /// Its name in the table, and the exit code of a run without it.
    fn word_and_code(self) -> (&'static str, u8) {
        match self {
            CheckItem::Manifest => ("manifest", 2),
            CheckItem::Ledger => ("ledger", 4),
            CheckItem::LedgerFolder => ("ledger's folder", 4),
            CheckItem::Lock => ("lock", 4),
            CheckItem::Rescued => ("rescued ledgers", 4),
            CheckItem::KnownReports => ("known reports", 4),
            CheckItem::DiskSpace => ("disk space", 4),
            CheckItem::Output => ("folder for files", 2),
            CheckItem::Credentials => ("credentials", 2),
            CheckItem::Connection => ("connection", 3),
            CheckItem::Tls => ("TLS", 3),
            CheckItem::Token => ("token", 3),
            CheckItem::ListReports => ("read reports", 3),
            CheckItem::CreateReports => ("create reports", 3),
            CheckItem::ListSubPartners => ("read sub-partners", 3),
            CheckItem::Plan => ("plan", 2),
        }
    }
}

/// Whether a thing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Status")]
pub enum CheckStatus {
    /// It is.
    Ok,
    /// It is not.
    NotOk,
    /// Nobody can say, or no job needs it. That is no failure.
    Unknown,
}

/// One thing that was tried.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename = "Check", deny_unknown_fields)]
pub struct Finding {
    /// What.
    pub check: CheckItem,
    /// Whether it is there.
    pub status: CheckStatus,
    /// What was found, one line.
    pub message: String,
    /// What to do; null where there is nothing to do.
    pub advice: Option<String>,
    /// How a run ends if it is not.
    #[serde(skip)]
    pub exit_code: u8,
}

#[derive(Debug, Clone, Default)]
pub struct Checklist {
    pub findings: Vec<Finding>,
    /// The manifest's sub-partners compared with the account's; `None` if these are not known.
    pub coverage: Option<Coverage>,
}

/// How the manifest's sub-partners differ from those of the token's account.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Active at the API, and in no job: nobody bills them.
    in_no_job: Vec<String>,
    /// In a job, but not listed for this token: perhaps from another account.
    not_listed: Vec<Unlisted>,
    /// Sub-partners that the manifest names by id.
    named: usize,
}

/// A sub-partner of the manifest.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename = "SubPartner", deny_unknown_fields)]
struct Unlisted {
    /// Its id.
    sub_partner_org_id: String,
    /// Its label; null where it has none.
    sub_partner: Option<String>,
}

/// What `monthend check --format json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckJson<'a> {
    /// Everything that was tried, in the order in which a run needs it.
    checks: &'a [Finding],
    /// Sub-partners that are active at the API and in no job; null where it is not known.
    in_no_job: Option<&'a [String]>,
    /// Sub-partners of the manifest that the API does not list for this token; null where it is not known.
    not_listed: Option<&'a [Unlisted]>,
    /// 0 if a run has what it needs, else as a run would end: 2, 3 or 4.
    exit_code: u8,
}

impl Coverage {
    /// Compares the jobs of `manifest` with the sub-partners that the API lists, the active ones and all.
    pub fn new(manifest: &Manifest, active: &[OrgId], all: &[OrgId]) -> Self {
        let mut named: BTreeMap<&OrgId, Option<&Arc<str>>> = BTreeMap::new();
        let mut has_all_active = false;
        for source in manifest.jobs.iter().flat_map(|job| job.sub_partners.listed()) {
            match source {
                SubPartnerSource::Named(partner) => {
                    let label = named.entry(&partner.id).or_default();
                    *label = label.or(partner.label.as_ref());
                }
                SubPartnerSource::Discovered(which) => {
                    has_all_active |= *which != Discover::Suspended;
                }
            }
        }
        let listed: BTreeSet<&OrgId> = all.iter().chain(active).collect();
        let active: BTreeSet<&OrgId> = active.iter().collect();
        let is_billed = |org: &OrgId| has_all_active || named.contains_key(org);
        let not_listed = named.iter().filter(|(org, _)| !listed.contains(*org));
        Coverage {
            in_no_job: (active.into_iter().filter(|org| !is_billed(org)))
                .map(OrgId::to_string)
                .collect(),
            not_listed: not_listed
                .map(|(org, label)| Unlisted {
                    sub_partner_org_id: org.to_string(),
                    sub_partner: label.map(|label| label.to_string()),
                })
                .collect(),
            named: named.len(),
        }
    }

    fn warnings(&self) -> String {
        let label =
            |it: &'_ Unlisted| it.sub_partner.clone().unwrap_or(it.sub_partner_org_id.clone());
        let not_listed: Vec<String> = self.not_listed.iter().map(label).collect();
        let why = if not_listed.len() == self.named {
            "in the manifest, and the API lists none of them: is this the right account's token?"
        } else {
            "in the manifest and not listed for this token: have they left, or are they another account's?"
        };
        warning(&self.in_no_job, "active at the API and in no job, so without a report")
            + &warning(&not_listed, why)
    }
}

fn warning(whom: &[String], what: &str) -> String {
    if whom.is_empty() {
        return String::new();
    }
    let named = named(whom.iter().take(NAMED).map(|name| words::shortened(name)), whom.len());
    let hint = if whom.len() > NAMED { " (--format json names all)" } else { "" };
    format!("warning: {} {what}: {named}{hint}\n", words::count(whom.len(), "sub-partner"))
}

impl Checklist {
    pub fn ok(&mut self, check: CheckItem, message: impl Into<String>) {
        self.push(check, CheckStatus::Ok, message.into(), "");
    }

    pub fn not_ok(&mut self, check: CheckItem, message: impl Into<String>, advice: &str) {
        self.push(check, CheckStatus::NotOk, message.into(), advice);
    }

    /// A run would end with 2 for what was just found.
    pub fn it_is_usage(&mut self) {
        if let Some(last) = self.findings.last_mut() {
            last.exit_code = 2;
        }
    }

    pub fn unknown(&mut self, check: CheckItem, message: impl Into<String>, advice: &str) {
        self.push(check, CheckStatus::Unknown, message.into(), advice);
    }

    /// What was found, or what is missing and what to do.
    pub fn tried(&mut self, check: CheckItem, found: Result<String, (String, String)>) {
        match found {
            Ok(message) => self.ok(check, message),
            Err((message, advice)) => self.not_ok(check, message, &advice),
        }
    }

    fn push(&mut self, check: CheckItem, status: CheckStatus, message: String, advice: &str) {
        let advice = Some(advice.to_owned()).filter(|advice| !advice.is_empty());
        let (_, exit_code) = check.word_and_code();
        self.findings.push(Finding { check, status, message, advice, exit_code });
    }

    /// How a run would end: of several codes the first of 2, 4, 3.
    pub fn exit_code(&self) -> u8 {
        let missing = self.findings.iter().filter(|it| it.status == CheckStatus::NotOk);
        let codes: Vec<u8> = missing.map(|it| it.exit_code).collect();
        [2, 4, 3].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
    }

    pub fn json(&self) -> serde_json::Result<String> {
        let coverage = self.coverage.as_ref();
        rows::json(&CheckJson {
            checks: &self.findings,
            in_no_job: coverage.map(|it| &*it.in_no_job),
            not_listed: coverage.map(|it| &*it.not_listed),
            exit_code: self.exit_code(),
        })
    }

    pub fn table(&self) -> String {
        // In the ledger's inner workings: only where there is something to do.
        let is_inner = |it: &&Finding| matches!(it.check, CheckItem::Lock | CheckItem::Rescued);
        let is_shown = |it: &&Finding| !is_inner(it) || it.status != CheckStatus::Ok;
        let rows = self.findings.iter().filter(is_shown).map(|finding| {
            let message = one_line(&finding.message);
            let status = match finding.status {
                CheckStatus::Ok => "ok",
                CheckStatus::NotOk => "NOT OK",
                CheckStatus::Unknown => "unknown",
            };
            let (word, _) = finding.check.word_and_code();
            let text = match &finding.advice {
                None => message,
                Some(advice) => format!("{}; {advice}", message.trim_end_matches('.')),
            };
            vec![word.to_owned(), status.to_owned(), text]
        });
        let table = words::columns(&["WHAT", "", "FOUND, AND WHAT TO DO"], rows.collect(), &[]);
        table + &self.coverage.as_ref().map(Coverage::warnings).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_run_ends_by_the_worst_that_is_missing() {
        use CheckItem::{Credentials, Ledger, Token};
        for (missing, worst) in
            [(&[][..], 0), (&[Token], 3), (&[Ledger, Token], 4), (&[Token, Credentials, Ledger], 2)]
        {
            let mut report = Checklist::default();
            report.ok(CheckItem::Manifest, "");
            report.unknown(CheckItem::CreateReports, "", "");
            for item in missing {
                report.not_ok(*item, "", "");
            }
            assert_eq!(report.exit_code(), worst);
        }
    }

    fn report() -> Checklist {
        let mut report = Checklist::default();
        report.ok(CheckItem::Manifest, "2 jobs");
        report.not_ok(CheckItem::Token, "refused:\u{1b}[2J", "get a new one");
        report.unknown(CheckItem::CreateReports, "cannot be tried", "");
        report.coverage = Some(Coverage {
            in_no_job: (0..7).map(|n| format!("org{n}")).collect(),
            not_listed: vec![Unlisted {
                sub_partner_org_id: "gone".to_owned(),
                sub_partner: Some("Acme".to_owned()),
            }],
            named: 2,
        });
        report
    }

    #[test]
    fn the_table_has_a_line_for_each_and_names_a_few() {
        let expected = "\
WHAT                     FOUND, AND WHAT TO DO
manifest        ok       2 jobs
token           NOT OK   refused: [2J; get a new one
create reports  unknown  cannot be tried
warning: 7 sub-partners active at the API and in no job, so without a report: org0, org1, org2, org3, \
org4 and 2 more (--format json names all)
warning: 1 sub-partner in the manifest and not listed for this token: have they left, or are they another account's?: Acme
";
        assert_eq!(report().table(), expected);
    }

    #[test]
    fn the_ledgers_inner_workings_are_shown_where_there_is_something_to_do() {
        let table = |is_free: bool| {
            let mut report = Checklist::default();
            report.ok(CheckItem::Rescued, "none to merge");
            if is_free {
                report.ok(CheckItem::Lock, "no run holds the ledger");
            } else {
                report.not_ok(CheckItem::Lock, "in use", "wait");
            }
            report.table()
        };
        assert_eq!(table(true).lines().count(), 1);
        assert!(table(false).contains("\nlock  NOT OK  in use; wait\n"), "{}", table(false));
    }

    #[test]
    fn the_json_is_what_its_schema_says() {
        let validator =
            crate::tests::Validator::new(&rows::schema_of::<CheckJson<'_>>("monthend check"));
        for report in [report(), Checklist::default()] {
            let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
            let result = validator.validate(&json);
            assert_eq!(result, Ok(()));
        }
        let json: Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(json["checks"][1]["check"], "token");
        assert_eq!(json["checks"][1]["status"], "not_ok");
        assert_eq!(json["checks"][2]["advice"], Value::Null);
        assert_eq!(json["in_no_job"].as_array().unwrap().len(), 7);
        assert_eq!(json["not_listed"][0]["sub_partner"], "Acme");
        assert_eq!(json["exit_code"], 3);
    }
}
