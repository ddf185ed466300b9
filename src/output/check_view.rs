use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{rows, words};
use crate::{
    output::{CheckStatus, Checklist, Finding, Unlisted},
    text::one_line,
};

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

impl Checklist {
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
            let what = "active at the API and in no job, so without a report";
            warn(&mut out, in_no_job.collect(), what);
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
    use crate::output::{CheckFailure, CheckItem, Coverage};

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
