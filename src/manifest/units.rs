use reconcile::{NumberFormat, UnitRounding};
use request::ReportType;
use serde_json::json;

use super::{
    columns::{column, columns},
    names::report_type,
    reconciling::{Divisor, UnitsRule},
    settings::NUMBER,
};
use crate::manifest::yaml::{Form, Mistake, Node, Quoted, keys, mapping, one_word, or, required};

keys! {
    /// Billable units: usage, divided and rounded.
    pub(super) struct UnitsText: "`units`", "a mapping such as { of: CONSUMPTION, report: CUSTOMER }" {
        /// The column with the usage.
        of: Option<String> = required(column(), "of: CONSUMPTION"),
        /// The type whose files are read.
        report: Option<ReportType> = required(report_type(), "report: CUSTOMER"),
        /// What usage is divided by: `days` of the request's period (the default), or a number above 0.
        per: Divisor = or(divisor(), Divisor::Days),
        /// What is done with the quotient: `up` (the default), `nearest` (a half away from zero) or `none`.
        round: UnitRounding = or(
            one_word("way to round", [
                ("up", UnitRounding::Up),
                ("nearest", UnitRounding::Nearest),
                ("none", UnitRounding::None),
            ]),
            UnitRounding::Up,
        ),
        /// The sum of each group of a request's rows is divided and rounded: those with the same cells in these columns.
        /// Where it is left out, all rows of a request are one group.
        at: Vec<String> = or(columns("name a column, or leave `at` out"), Vec::new()),
    }
}

pub(super) fn units() -> Form<UnitsRule> {
    mapping().then(|UnitsText { of, report, per, round, at }, _| {
        Some(UnitsRule { of: of?, report_type: report?, per, rounding: round, at })
    })
}

fn divisor() -> Form<Divisor> {
    let read = |node: Node<'_>| {
        let text = node.text_or_number("`days` or a number")?;
        if text == "days" {
            return Some(Divisor::Days);
        }
        let number = NumberFormat::Unstated.read(text.as_bytes()).ok();
        let number = number.filter(|number| !number.is_zero() && !number.is_negative());
        number.map(Divisor::Number).or_else(|| {
            let message = format!("usage cannot be divided by {}", Quoted(text));
            node.report(
                Mistake::new(message).help("write `days`, or a number above 0 such as 30.5"),
            )
        })
    };
    let number =
        || json!({ "type": ["number", "string"], "exclusiveMinimum": 0, "pattern": NUMBER });
    Form::new(read, move |_| json!({ "anyOf": [{ "const": "days" }, number()] }))
}
