use schemars::JsonSchema;
use serde::Serialize;

use super::Coverage;

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
    /// No rescued ledger waits to be united with it.
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
}

#[cfg(test)]
mod tests {
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
}
