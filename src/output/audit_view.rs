use std::{collections::BTreeMap, io};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    View,
    acceptance::{AcceptedCell, AcceptedJson, accept_lines, acceptance_text},
    rows,
    sum_texts::{GrandTotal, SumTexts},
    words,
};
use crate::{
    audit::{Acceptance, Agreement, Audit, Checked, Difference, DifferenceKind, Total},
    tables::{TableColumn, TableWriter},
    text::one_line,
};
use reconcile::DifferenceId;
use request::{OrgId, Period, internal_mark, who};

/// Lines of one kind in the table; csv and json have all.
const SHOWN: usize = 10;
/// Columns for the names of the requests on one line.
const NAMES: usize = 60;

pub struct AuditView<'a> {
    pub audit: &'a Audit,
    pub is_offline: bool,
    /// What is worth knowing and is no difference.
    pub notes: &'a [String],
    pub next: Option<(&'static str, String)>,
    /// `monthend accept`, up to `--id`; `None`: nothing can be accepted any more.
    pub accept: Option<String>,
    pub exit_code: u8,
}

/// What `monthend audit --format json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditJson<'a> {
    /// Every difference, in plan order.
    differences: Vec<DifferenceJson<'a, AcceptedJson<'a>>>,
    /// Whether no server was asked: then `gone`, `server_failed`, `duplicate` and `unknown` were not looked for.
    offline: bool,
    /// What else there is to know, a sentence each: such as rows of the ledger that the plan does not have.
    notes: &'a [String],
    /// How much was compared.
    checked: Checked,
    /// Every sum of `audit.totals`, in plan order; empty where no totals are asked for.
    totals: Vec<TotalJson<'a>>,
    /// 0: no difference; 1: some.
    exit_code: u8,
}

/// One difference.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Difference")]
#[schemars(deny_unknown_fields)]
struct DifferenceJson<'a, A> {
    /// Its kind.
    kind: DifferenceKind,
    /// The request that it is about; null where it is about no row.
    request_id: Option<String>,
    /// The row's report, or the listed one of a row without; null where there is none.
    report_id: Option<&'a str>,
    /// The row's file, relative to the ledger's folder; null where the difference is not about a file.
    file: Option<&'a str>,
    /// Whom it is about, what differs and what to do: one line.
    message: String,
    /// `d` and 16 hexadecimal digits: the same in every run, as long as the figures are.
    id: String,
    #[serde(flatten)]
    acceptance: A,
}

/// The sums of one sub-partner and period.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Total", deny_unknown_fields)]
struct TotalJson<'a> {
    /// The label; null where there is none.
    sub_partner: Option<&'a str>,
    /// The id; null for the partner itself.
    sub_partner_org_id: Option<&'a str>,
    /// First day, YYYY-MM-DD.
    period_start: String,
    /// Last day, included.
    period_end: String,
    /// Whether internal organisations are included.
    internal: bool,
    /// The columns of `audit.totals.by`, with their values.
    by: BTreeMap<&'a str, &'a str>,
    /// The sum of each type, as a decimal number.
    sums: BTreeMap<&'static str, String>,
}

impl View for AuditView<'_> {
    fn table(&self) -> String {
        let mut out = self.differences();
        if !self.audit.totals.is_empty() {
            out.push_str(&sums(&self.audit.totals));
            out.push('\n');
        }
        out.push_str(&self.checked());
        let counting: Vec<&Difference> = self.audit.counting().collect();
        let accepted = match self.audit.differences.len() - counting.len() {
            0 => String::new(),
            n => format!("; {} accepted", words::grouped(n)),
        };
        out.push_str(&match (self.counts(), self.audit.checked.requests) {
            (None, 0) => "nothing was compared\n".to_owned(),
            (None, _) => format!("no differences{accepted}\n"),
            (Some(counts), _) => format!("{counts}{accepted}\n"),
        });
        out.push_str(&words::notes(self.notes));
        if let Some(command) = &self.accept {
            // Of a list, `reconcile` shows the keys: who accepts it as a whole has not looked at them.
            let of_rows = counting.iter().filter(|it| it.kind != DifferenceKind::NotReconciled);
            let ids: Vec<_> = of_rows.map(|difference| difference.id).collect();
            out.push_str(&accept_lines(command, &ids, ids.len(), "--format csv has"));
        }
        if let Some((why, command)) = &self.next {
            out.push_str(&format!("\n{why}:\n  {command}\n"));
        }
        out
    }

    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        rows::csv(self.audit.differences.iter().map(difference_json::<AcceptedCell<'_>>), out)
    }

    fn json(&self) -> serde_json::Result<String> {
        rows::json(&AuditJson {
            differences: self.audit.differences.iter().map(difference_json).collect(),
            offline: self.is_offline,
            notes: self.notes,
            checked: self.audit.checked,
            totals: self.audit.totals.iter().map(total_json).collect(),
            exit_code: self.exit_code,
        })
    }
}

impl AuditView<'_> {
    /// `3 differences: 2 gone, 1 file_changed`; `None`: there is none that counts.
    pub fn counts(&self) -> Option<String> {
        let counting = self.audit.counting().map(|difference| difference.kind);
        let counts = words::tally(counting);
        let by_kind = counts.iter();
        let by_kind =
            by_kind.map(|(kind, count)| format!("{} {}", words::grouped(*count), kind.word()));
        let by_kind: Vec<String> = by_kind.collect();
        let all = words::count(counts.values().sum(), "difference");
        (!counts.is_empty()).then(|| format!("{all}: {}", by_kind.join(", ")))
    }

    /// A line for each difference; those with the same message share one.
    fn differences(&self) -> String {
        let counting = self.audit.counting();
        let advice = |it: &Difference| match &it.acceptance {
            Some(ended) => format!("{} ({})", it.advice(), acceptance_text(ended)),
            None => it.advice(),
        };
        let all = lines_of("DIFFERENCE", counting.map(|it| (it, advice(it))));
        let accepted = self.audit.differences.iter().filter(|it| !it.counts());
        let reason = |it: &Difference| {
            let said = it.acceptance.as_deref().map_or_else(String::new, acceptance_text);
            format!("{}; {said}", it.what)
        };
        all + &lines_of("ACCEPTED", accepted.map(|it| (it, reason(it))))
    }

    fn checked(&self) -> String {
        let Checked { requests, reports, files, empty, totals, compared, incomparable, lists } =
            self.audit.checked;
        let mut checked = vec![
            words::count(requests, "request"),
            words::count(reports, "report"),
            words::count(files, "file"),
        ];
        if empty > 0 {
            checked[2].push_str(&format!(" ({} without rows)", words::grouped(empty)));
        }
        if !self.audit.totals.is_empty() {
            checked.push(words::count(totals, "comparison") + " of sums");
        }
        if compared + incomparable > 0 {
            let mut with = words::count(compared, "comparison") + " with the earlier ledger";
            if incomparable > 0 {
                with.push_str(&format!(" ({} not possible)", words::grouped(incomparable)));
            }
            checked.push(with);
        }
        if lists > 0 {
            let keys: usize = self.audit.lists.iter().map(|list| list.accepted.len()).sum();
            let mut with = words::count(lists, "comparison") + " with lists";
            if keys > 0 {
                with.push_str(&format!(" ({} accepted)", words::count(keys, "key")));
            }
            checked.push(with);
        }
        format!("checked {}\n", checked.join(", "))
    }
}

/// A line for each difference; those with the same kind and text share one. `first`: what the first column is called.
fn lines_of<'d>(first: &str, all: impl Iterator<Item = (&'d Difference, String)>) -> String {
    let mut lines: IndexMap<(DifferenceKind, String), Vec<(DifferenceId, String)>> =
        IndexMap::new();
    for (difference, text) in all {
        let alike = lines.entry((difference.kind, text));
        alike.or_default().push((difference.id, words::shortened_words(&difference.subject)));
    }
    let mut shown: BTreeMap<DifferenceKind, usize> = BTreeMap::new();
    let mut left: BTreeMap<DifferenceKind, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for ((kind, text), alike) in lines {
        let count = shown.entry(kind).or_default();
        *count += 1;
        if *count > SHOWN {
            *left.entry(kind).or_default() += alike.len();
            continue;
        }
        let (ids, subjects): (Vec<DifferenceId>, Vec<String>) = alike.into_iter().unzip();
        let others = if ids.len() > 1 { format!(" +{}", ids.len() - 1) } else { String::new() };
        let id = ids.first().map_or_else(String::new, |id| format!("{id}{others}"));
        let subjects = words::listed(&subjects, NAMES);
        let what = format!("{subjects}: {}", one_line(&text));
        rows.push(vec![kind.word().to_owned(), id, what]);
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut out = words::columns(&[first, "ID", "WHAT"], rows, &[]);
    for (kind, count) in left {
        let (more, kind) = (words::grouped(count), kind.word());
        out.push_str(&format!("… and {more} more {kind} (--format csv shows all)\n"));
    }
    out + "\n"
}

fn difference_json<'d, A: From<Option<&'d Acceptance>>>(
    difference: &'d Difference,
) -> DifferenceJson<'d, A> {
    DifferenceJson {
        kind: difference.kind,
        request_id: difference.request_id.map(|id| id.to_string()),
        report_id: difference.report_id.as_ref().map(|id| id.as_str()),
        file: difference.file.as_deref(),
        message: difference.message(),
        id: difference.id.to_string(),
        acceptance: A::from(difference.acceptance.as_deref()),
    }
}

fn total_json(total: &Total) -> TotalJson<'_> {
    let by = total.by.iter();
    let sums = total.sums.iter();
    TotalJson {
        sub_partner: total.label.as_deref(),
        sub_partner_org_id: total.sub_partner.as_ref().map(OrgId::as_str),
        period_start: total.period.start().to_string(),
        period_end: total.period.end().to_string(),
        internal: total.internal,
        by: by.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        sums: sums.map(|(report_type, sum)| (report_type.as_str(), sum.to_string())).collect(),
    }
}

/// The columns of `audit.totals.by`.
fn by_columns(totals: &[Total]) -> impl Iterator<Item = &str> {
    totals.first().into_iter().flat_map(|total| total.by.iter().map(|(name, _)| name.as_str()))
}

fn sums(totals: &[Total]) -> String {
    let SumTexts { types, lines, grand } = SumTexts::of(totals);
    let by: Vec<String> = by_columns(totals).map(one_line).collect();
    let mut header = vec!["SUB-PARTNER", "PERIOD"];
    header.extend(by.iter().map(String::as_str));
    let first_sum = header.len();
    header.extend(types.iter().map(|report_type| report_type.as_str()));
    let right: Vec<usize> = (first_sum..header.len()).collect();
    header.push("");
    let or_dash = |sum: String| if sum.is_empty() { "-".to_owned() } else { sum };
    let of_period = |period, internal| format!("{period}{}", internal_mark(internal));
    let mut order: IndexMap<_, Vec<_>> = IndexMap::new();
    for (total, sums) in totals.iter().zip(lines) {
        order.entry((&total.label, &total.sub_partner)).or_default().push((total, sums));
    }
    let by_period = order.into_values().flat_map(|mut of_one| {
        of_one.sort_by_key(|(total, _)| total.period);
        of_one
    });
    let rows = by_period.map(|(total, sums)| {
        let who = who(total.label.as_deref(), total.sub_partner.as_ref().map(OrgId::as_str));
        let mut cells = vec![words::shortened(who), of_period(total.period, total.internal)];
        cells.extend(total.by.iter().map(|(_, value)| one_line(value)));
        cells.extend(sums.into_iter().map(or_dash));
        let differ = total.agreement == Agreement::Differ;
        cells.push(if differ { "differ" } else { "" }.to_owned());
        cells
    });
    // One sum alone is its own total, and months are not added to each other.
    let grand = grand.into_iter().filter(|total| total.count > 1);
    let grand = grand.filter_map(|GrandTotal { of, sums, .. }| {
        let (period, internal) = of?;
        let mut cells = vec!["total".to_owned(), of_period(period, internal)];
        cells.resize(first_sum, String::new());
        cells.extend(sums);
        Some(cells)
    });
    words::columns(&header, rows.chain(grand).collect(), &right)
}

/// What `monthend audit --format csv --totals` prints.
pub struct TotalsView<'a>(pub &'a [Total]);

impl TotalsView<'_> {
    /// A line for each sum, then for each period, then one for all.
    pub fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let SumTexts { types, lines, grand } = SumTexts::of(self.0);
        let first = ["sub_partner", "sub_partner_org_id", "period_start", "period_end", "internal"];
        let mut columns = first.map(TableColumn::text).to_vec();
        columns.extend(by_columns(self.0).map(TableColumn::text));
        let of_line = columns.len();
        columns.extend(types.iter().map(|it| TableColumn::number(it.as_str())));
        columns.push(TableColumn::text("result"));
        let mut out = TableWriter::csv(out);
        out.begin("totals", columns)?;
        let days = |period: Period| [period.start(), period.end()].map(|day| day.to_string());
        for (total, sums) in self.0.iter().zip(lines) {
            let org = total.sub_partner.as_ref().map_or("", OrgId::as_str);
            let mut cells = vec![total.label.clone().unwrap_or_default(), org.to_owned()];
            cells.extend(days(total.period));
            cells.push(total.internal.to_string());
            cells.extend(total.by.iter().map(|(_, value)| value.clone()));
            cells.extend(sums);
            cells.push(total.agreement.word().to_owned());
            out.row(cells)?;
        }
        for GrandTotal { of, sums, .. } in grand {
            let mut cells = vec!["total".to_owned(), String::new()];
            if let Some((period, internal)) = of {
                cells.extend(days(period));
                cells.push(internal.to_string());
            }
            cells.resize(of_line, String::new());
            cells.extend(sums);
            cells.push(String::new());
            out.row(cells)?;
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::audit::Remedy;
    use reconcile::{Amount, IdParts, NumberFormat};
    use request::{ReportType, RequestId};

    fn amount(text: &str) -> Amount {
        NumberFormat::Point.read(text.as_bytes()).unwrap()
    }

    fn audit() -> Audit {
        let difference = |kind, file: Option<&str>, what: &str| Difference {
            kind,
            id: IdParts::new("x").finish(),
            request_id: Some("r0123456789abcdef".parse::<RequestId>().unwrap()),
            report_id: file.is_none().then(|| "=report".parse().unwrap()),
            file: file.map(str::to_owned),
            subject: "=Acme USER 2026-10".to_owned(),
            what: what.to_owned(),
            remedy: Remedy::Collect,
            acceptance: None,
        };
        let gone = (0..12).map(|n| difference(DifferenceKind::Gone, None, &format!("report {n}")));
        let mut differences: Vec<Difference> = gone.collect();
        let changed = ["one", "two", "two", "two"];
        differences.extend(
            changed.map(|what| difference(DifferenceKind::FileChanged, Some("a/b.csv"), what)),
        );
        Audit {
            differences,
            lists: Vec::new(),
            checked: Checked {
                requests: 1_300,
                reports: 1_299,
                files: 1_298,
                empty: 2,
                totals: 1,
                compared: 1_200,
                incomparable: 3,
                lists: 2,
            },
            totals: vec![Total {
                label: Some("Acme".to_owned()),
                sub_partner: Some("a1".parse().unwrap()),
                period: "2026-10".parse().unwrap(),
                internal: false,
                by: vec![("SKU".to_owned(), "A\u{1b}".to_owned())],
                sums: BTreeMap::from([
                    (ReportType::Partner, amount("30.6")),
                    (ReportType::User, amount("30.8")),
                ]),
                agreement: Agreement::Differ,
            }],
        }
    }

    fn view<'a>(audit: &'a Audit, notes: &'a [String]) -> AuditView<'a> {
        AuditView { audit, is_offline: false, notes, next: None, accept: None, exit_code: 1 }
    }

    #[test]
    fn the_table_shows_some_of_a_kind_and_all_sums() {
        let (audit, notes) = (audit(), ["one row more".to_owned()]);
        let view = AuditView {
            next: Some(("to collect", "monthend collect m.yaml".to_owned())),
            accept: Some("monthend accept m.yaml".to_owned()),
            ..view(&audit, &notes)
        };
        let gone: String = (0..10)
            .map(|n| {
                format!("gone          {{id}}     =Acme USER 2026-10: report {n}; `monthend collect` downloads it\n")
            })
            .collect();
        let expected = format!(
            "{}{gone}{}",
            "DIFFERENCE    ID                    WHAT\n",
            "file_changed  {id}     =Acme USER 2026-10: one; `monthend collect` downloads it\n\
             file_changed  {id} +2  =Acme USER 2026-10, =Acme USER 2026-10, =Acme USER 2026-10: two; `monthend collect` downloads it\n\
             … and 2 more gone (--format csv shows all)\n\n\
             SUB-PARTNER  PERIOD   SKU  PARTNER  USER\n\
             Acme         2026-10  A       30.6  30.8  differ\n\n\
             checked 1,300 requests, 1,299 reports, 1,298 files (2 without rows), 1 comparison of sums, \
             1,200 comparisons with the earlier ledger (3 not possible), 2 comparisons with lists\n\
             16 differences: 12 gone, 4 file_changed\n\
             note: one row more\n\n\
             to accept what is explained, with your reason in the place of WHY (--format csv has 11 more ids):\n  \
             monthend accept m.yaml --id {id} --id {id} --id {id} --id {id} --id {id} --reason WHY\n\n\
             to collect:\n  monthend collect m.yaml\n"
        );
        let id = IdParts::new("x").finish().to_string();
        assert_eq!(view.table(), expected.replace("{id}", &id));
        // An audit of nothing is no good news.
        let mut nothing = Audit::default();
        assert_eq!(
            self::view(&nothing, &[]).table(),
            "checked 0 requests, 0 reports, 0 files\nnothing was compared\n"
        );
        nothing.checked.requests = 1;
        let table = self::view(&nothing, &[]).table();
        assert!(table.ends_with("\nno differences\n"), "{table}");
    }

    #[test]
    fn what_is_accepted_is_shown_and_does_not_count() {
        let mut audit = audit();
        audit.differences.truncate(2);
        let acceptance = |until: Option<&str>| Acceptance {
            reason: "=leaves us".to_owned(),
            by: "Jo Doe".to_owned(),
            until: until.map(|day| day.parse().unwrap()),
            accepted_at: chrono::DateTime::UNIX_EPOCH,
            is_ended: until.is_some(),
        };
        audit.differences[0].acceptance = Some(acceptance(None).into());
        audit.differences[1].acceptance = Some(acceptance(Some("2026-11-01")).into());
        let view = AuditView { accept: Some("accept".to_owned()), ..self::view(&audit, &[]) };
        let (table, id) = (view.table(), audit.differences[0].id);
        for line in [
            &*format!(
                "gone        {id}  =Acme USER 2026-10: report 1; `monthend collect` downloads it (accepted by Jo Doe until 2026-11-01, which is over: =leaves us)"
            ),
            &format!(
                "gone      {id}  =Acme USER 2026-10: report 0; accepted by Jo Doe: =leaves us"
            ),
            "1 difference: 1 gone; 1 accepted",
            &format!("  accept --id {id} --reason WHY"),
        ] {
            assert!(table.lines().any(|it| it == line), "{line}\n{table}");
        }
        let json: Value = serde_json::from_str(&view.json().unwrap()).unwrap();
        let [first, second] = [&json["differences"][0], &json["differences"][1]];
        assert_eq!(first["accepted"]["reason"], "=leaves us");
        assert_eq!(first["accepted"]["until"], Value::Null);
        assert!(first.get("ended").is_none() && second["accepted"].is_null());
        assert_eq!(second["ended"], true);
        let validator =
            crate::tests::Validator::new(&rows::schema_of::<AuditJson<'_>>("monthend audit"));
        assert_eq!(validator.validate(&json), Ok(()));
        let mut csv = Vec::new();
        view.csv(&mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        assert!(csv.lines().nth(1).unwrap().ends_with(",'=leaves us"), "{csv}");
        assert!(csv.lines().nth(2).unwrap().ends_with(&format!("{id},")), "{csv}");
    }

    #[test]
    fn the_csv_holds_no_formula() {
        let mut csv = Vec::new();
        view(&audit(), &[]).csv(&mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 17);
        assert_eq!(lines[0], "kind,request_id,report_id,file,message,id,accepted");
        let id = IdParts::new("x").finish();
        assert_eq!(
            lines[1],
            format!(
                "gone,r0123456789abcdef,'=report,,'=Acme USER 2026-10: report 0; `monthend collect` downloads it,{id},"
            )
        );
        assert!(lines[16].starts_with("file_changed,r0123456789abcdef,,a/b.csv,'=Acme"));
    }

    #[test]
    fn the_json_is_what_its_schema_says() {
        let validator =
            crate::tests::Validator::new(&rows::schema_of::<AuditJson<'_>>("monthend audit"));
        let notes = ["one row more".to_owned()];
        for audit in [audit(), Audit::default()] {
            let json = view(&audit, &notes).json().unwrap();
            let json: Value = serde_json::from_str(&json).unwrap();
            let result = validator.validate(&json);
            assert_eq!(result, Ok(()));
        }
        let json = view(&audit(), &notes).json().unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["totals"][0]["sums"]["USER"], "30.8");
        assert_eq!(json["totals"][0]["by"]["SKU"], "A\u{1b}");
        assert_eq!(json["differences"][12]["report_id"], Value::Null);
        assert_eq!(json["checked"]["totals"], 1);
        assert_eq!(json["offline"], false);
        assert_eq!(json["notes"][0], "one row more");
        let mut bad = json.clone();
        bad["differences"][0]["kind"] = "lost".into();
        assert!(validator.validate(&bad).is_err());
    }
}
