use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Coverage, Unlisted, rows, words};
use crate::text::one_line;

/// Sub-partners named in the table; json has all.
const NAMED: usize = 5;

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
    pub fn word(self) -> &'static str {
        match self {
            CheckItem::Manifest => "manifest",
            CheckItem::Ledger => "ledger",
            CheckItem::LedgerFolder => "ledger's folder",
            CheckItem::Lock => "lock",
            CheckItem::Rescued => "rescued ledgers",
            CheckItem::KnownReports => "known reports",
            CheckItem::DiskSpace => "disk space",
            CheckItem::Output => "folder for files",
            CheckItem::Credentials => "credentials",
            CheckItem::Connection => "connection",
            CheckItem::Tls => "TLS",
            CheckItem::Token => "token",
            CheckItem::ListReports => "read reports",
            CheckItem::CreateReports => "create reports",
            CheckItem::ListSubPartners => "read sub-partners",
            CheckItem::Plan => "plan",
        }
    }
}

/// How a run would end without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckFailure {
    /// Exit code 3.
    Stopped,
    /// Exit code 4.
    Ledger,
    /// Exit code 2.
    Usage,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checklist {
    findings: Vec<Finding>,
    failure: Option<CheckFailure>,
    /// The manifest's sub-partners compared with the account's; `None` if these are not known.
    pub coverage: Option<Coverage>,
}

impl Checklist {
    pub fn ok(&mut self, check: CheckItem, message: impl Into<String>) {
        self.push(check, CheckStatus::Ok, message.into(), String::new());
    }

    pub fn not_ok(
        &mut self,
        (check, failure): (CheckItem, CheckFailure),
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.failure = self.failure.max(Some(failure));
        self.push(check, CheckStatus::NotOk, message.into(), advice.into());
    }

    pub fn unknown(
        &mut self,
        check: CheckItem,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(check, CheckStatus::Unknown, message.into(), advice.into());
    }

    fn push(&mut self, check: CheckItem, status: CheckStatus, message: String, advice: String) {
        let advice = Some(advice).filter(|advice| !advice.is_empty());
        self.findings.push(Finding { check, status, message, advice });
    }

    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How a run would end, by the worst finding; `None` if it could go on.
    pub fn failure(&self) -> Option<CheckFailure> {
        self.failure
    }

    pub fn json(&self, exit_code: u8) -> serde_json::Result<String> {
        let coverage = self.coverage.as_ref();
        rows::json(&CheckJson {
            checks: self.findings(),
            in_no_job: coverage.map(|it| &*it.in_no_job),
            not_listed: coverage.map(|it| &*it.not_listed),
            exit_code,
        })
    }

    pub fn table(&self) -> String {
        let rows = self.findings().iter().map(|finding| {
            let message = one_line(&finding.message);
            let status = match finding.status {
                CheckStatus::Ok => "ok",
                CheckStatus::NotOk => "NOT OK",
                CheckStatus::Unknown => "unknown",
            };
            vec![
                finding.check.word().to_owned(),
                status.to_owned(),
                match &finding.advice {
                    None => message,
                    Some(advice) => format!("{}; {advice}", message.trim_end_matches('.')),
                },
            ]
        });
        let mut out = words::columns(&["WHAT", "", "FOUND, AND WHAT TO DO"], rows.collect(), &[]);
        if let Some(coverage) = &self.coverage {
            let in_no_job = coverage.in_no_job.iter().map(String::as_str);
            let without = "active at the API and in no job, so without a report";
            warn(&mut out, in_no_job.collect(), without);
            let unlisted = coverage.not_listed.iter();
            let unlisted =
                unlisted.map(|it| it.sub_partner.as_ref().unwrap_or(&it.sub_partner_org_id));
            let what = if coverage.is_anothers() {
                "in the manifest, and the API lists none of them: is this the right account's token?"
            } else {
                "in the manifest and not listed for this token: have they left, or are they another account's?"
            };
            warn(&mut out, unlisted.map(String::as_str).collect(), what);
        }
        out
    }
}

fn warn(out: &mut String, who: Vec<&str>, what: &str) {
    if who.is_empty() {
        return;
    }
    let named: Vec<String> = who.iter().take(NAMED).map(|name| one_line(name)).collect();
    let more = match who.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {} more (--format json names all)", words::grouped(more)),
    };
    let count = words::count(who.len(), "sub-partner");
    let named = named.join(", ");
    let _ = writeln!(out, "warning: {count} {what}: {named}{more}");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_run_ends_by_the_worst_that_is_missing() {
        use CheckFailure::{Ledger, Stopped, Usage};
        for (failures, worst) in [
            (&[][..], None),
            (&[Stopped], Some(Stopped)),
            (&[Ledger, Stopped], Some(Ledger)),
            (&[Stopped, Usage, Ledger], Some(Usage)),
        ] {
            let mut report = Checklist::default();
            report.ok(CheckItem::Manifest, "");
            report.unknown(CheckItem::CreateReports, "", "");
            for failure in failures {
                report.not_ok((CheckItem::Ledger, *failure), "", "");
            }
            assert_eq!(report.failure(), worst);
        }
    }

    fn report() -> Checklist {
        let mut report = Checklist::default();
        report.ok(CheckItem::Manifest, "2 jobs");
        report.not_ok(
            (CheckItem::Token, CheckFailure::Stopped),
            "refused:\u{1b}[2J",
            "get a new one",
        );
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
    fn the_json_is_what_its_schema_says() {
        let validator =
            crate::tests::Validator::new(&rows::schema_of::<CheckJson<'_>>("monthend check"));
        for report in [report(), Checklist::default()] {
            let json = report.json(3).unwrap();
            let json: Value = serde_json::from_str(&json).unwrap();
            let result = validator.validate(&json);
            assert_eq!(result, Ok(()));
        }
        let json: Value = serde_json::from_str(&report().json(3).unwrap()).unwrap();
        assert_eq!(json["checks"][1]["check"], "token");
        assert_eq!(json["checks"][1]["status"], "not_ok");
        assert_eq!(json["checks"][2]["advice"], Value::Null);
        assert_eq!(json["in_no_job"].as_array().unwrap().len(), 7);
        assert_eq!(json["not_listed"][0]["sub_partner"], "Acme");
        assert_eq!(json["exit_code"], 3);
    }
}
