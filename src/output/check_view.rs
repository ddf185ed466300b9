use std::fmt::Write as _;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::words;
use crate::{
    output::{CheckItem, CheckStatus, Checklist, Finding, Unlisted},
    text::{named, one_line},
};

/// Sub-partners named in the table; json has all.
const NAMED: usize = 5;

pub struct CheckView<'a> {
    report: &'a Checklist,
    exit_code: u8,
}

/// What `monthend check --format json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CheckJson<'a> {
    /// Everything that was tried, in the order in which a run needs it.
    checks: Vec<CheckLine<'a>>,
    /// Sub-partners that are active at the API and in no job; null where it is not known.
    in_no_job: Option<Vec<&'a str>>,
    /// Sub-partners of the manifest that the API does not list for this token; null where it is not known.
    not_listed: Option<Vec<UnlistedJson<'a>>>,
    /// 0 if a run has what it needs, else as a run would end: 2, 3 or 4.
    exit_code: u8,
}

/// One thing that was tried.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Check", deny_unknown_fields)]
struct CheckLine<'a> {
    /// What.
    check: CheckItem,
    /// Whether it is there.
    status: Status,
    /// What was found, one line.
    message: &'a str,
    /// What to do; null where there is nothing to do.
    advice: Option<&'a str>,
}

/// Whether a thing is there.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// It is.
    Ok,
    /// It is not.
    NotOk,
    /// Nobody can say, or no job needs it. That is no failure.
    Unknown,
}

/// A sub-partner of the manifest.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "SubPartner", deny_unknown_fields)]
struct UnlistedJson<'a> {
    /// Its id.
    sub_partner_org_id: &'a str,
    /// Its label; null where it has none.
    sub_partner: Option<&'a str>,
}

pub fn check_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<CheckJson<'_>>();
    schema.insert("title".to_owned(), "monthend check".into());
    schema.to_value()
}

impl<'a> CheckView<'a> {
    pub fn new(report: &'a Checklist, exit_code: u8) -> Self {
        CheckView { report, exit_code }
    }

    pub fn json(&self) -> serde_json::Result<String> {
        let coverage = self.report.coverage.as_ref();
        let json = CheckJson {
            checks: self.report.findings().iter().map(check_line).collect(),
            in_no_job: coverage.map(|c| c.in_no_job.iter().map(|org| org.as_str()).collect()),
            not_listed: coverage.map(|c| c.not_listed.iter().map(unlisted_json).collect()),
            exit_code: self.exit_code,
        };
        Ok(serde_json::to_string_pretty(&json)? + "\n")
    }

    pub fn table(&self) -> String {
        let rows = self.report.findings().iter().map(|finding| {
            let message = one_line(&finding.message);
            vec![
                finding.subject.word().to_owned(),
                word(finding.verdict).to_owned(),
                if finding.advice.is_empty() {
                    message
                } else {
                    format!("{}; {}", message.trim_end_matches('.'), finding.advice)
                },
            ]
        });
        let mut out = words::columns(&["WHAT", "", "FOUND, AND WHAT TO DO"], rows.collect(), &[]);
        if let Some(coverage) = &self.report.coverage {
            let orgs = coverage.in_no_job.iter().map(|org| org.to_string());
            warn(&mut out, orgs.collect(), "active at the API and in no job, so without a report");
            let unlisted = coverage.not_listed.iter().map(name);
            let what = if coverage.is_anothers() {
                "in the manifest, and the API lists none of them: is this the right account's token?"
            } else {
                "in the manifest and not listed for this token: have they left, or are they another account's?"
            };
            warn(&mut out, unlisted.collect(), what);
        }
        out
    }
}

fn warn(out: &mut String, who: Vec<String>, what: &str) {
    if who.is_empty() {
        return;
    }
    let named = named(who.iter().take(NAMED), who.len());
    let hint = if who.len() > NAMED { " (--format json names all)" } else { "" };
    let count = words::count(who.len(), "sub-partner");
    let _ = writeln!(out, "warning: {count} {what}: {named}{hint}");
}

fn name(unlisted: &Unlisted) -> String {
    match &unlisted.label {
        Some(label) => one_line(label),
        None => unlisted.id.to_string(),
    }
}

fn word(verdict: CheckStatus) -> &'static str {
    match verdict {
        CheckStatus::Ok => "ok",
        CheckStatus::NotOk(_) => "NOT OK",
        CheckStatus::Unknown => "unknown",
    }
}

fn check_line(finding: &Finding) -> CheckLine<'_> {
    CheckLine {
        check: finding.subject,
        status: match finding.verdict {
            CheckStatus::Ok => Status::Ok,
            CheckStatus::NotOk(_) => Status::NotOk,
            CheckStatus::Unknown => Status::Unknown,
        },
        message: &finding.message,
        advice: Some(finding.advice.as_str()).filter(|advice| !advice.is_empty()),
    }
}

fn unlisted_json(unlisted: &Unlisted) -> UnlistedJson<'_> {
    UnlistedJson {
        sub_partner_org_id: unlisted.id.as_str(),
        sub_partner: unlisted.label.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{CheckFailure, Coverage};

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
            in_no_job: (0..7).map(|n| format!("org{n}").parse().unwrap()).collect(),
            not_listed: vec![Unlisted { id: "gone".parse().unwrap(), label: Some("Acme".into()) }],
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
        assert_eq!(CheckView::new(&report(), 3).table(), expected);
    }

    #[test]
    fn the_json_is_what_its_schema_says() {
        let validator = crate::tests::Validator::new(&check_schema());
        for report in [report(), Checklist::default()] {
            let json = CheckView::new(&report, 3).json().unwrap();
            let json: Value = serde_json::from_str(&json).unwrap();
            let result = validator.validate(&json);
            assert_eq!(result, Ok(()));
        }
        let json: Value =
            serde_json::from_str(&CheckView::new(&report(), 3).json().unwrap()).unwrap();
        assert_eq!(json["checks"][1]["check"], "token");
        assert_eq!(json["checks"][1]["status"], "not_ok");
        assert_eq!(json["checks"][2]["advice"], Value::Null);
        assert_eq!(json["in_no_job"].as_array().unwrap().len(), 7);
        assert_eq!(json["not_listed"][0]["sub_partner"], "Acme");
        assert_eq!(json["exit_code"], 3);
    }

    #[test]
    fn the_checked_in_schema_is_up_to_date() {
        crate::tests::is_checked_in("check", &check_schema());
    }
}
