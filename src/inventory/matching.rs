use crate::api::{ListQuery, Listed};
use request::{Period, Request};

/// The `category` of what a create makes (API reference).
const RECONCILIATION: &str = "RECONCILIATION";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Fits,
    /// It differs in `internal` alone; no source says what an item shows of that.
    OtherInternal,
    /// It contradicts the query that the list answers: nobody can say whose it is.
    Contradicts,
    Other,
}

/// `report` is in the answer to `query`, which lists the request's reports among others.
pub(super) fn fit(report: &Listed, request: &Request, query: &ListQuery) -> Fit {
    let spelling = spelling_of_category(report.category.as_deref().unwrap_or_default());
    let types = agrees(report.report_type, request.report_type);
    let days = shows_days(report, request.period);
    let could_be = (types || query.report_type.is_some()) && (days || query.period.is_some());
    if spelling == CategorySpelling::Other || !could_be {
        return Fit::Other;
    }
    let org = report.sub_partner.is_none() || report.sub_partner == request.sub_partner;
    if !(types && days && org && spelling == CategorySpelling::Exact) {
        return Fit::Contradicts;
    }
    if agrees(report.internal, request.internal) { Fit::Fits } else { Fit::OtherInternal }
}

pub(super) fn fits(report: &Listed, request: &Request) -> bool {
    fit(report, request, &ListQuery::of(request)) == Fit::Fits
}

/// Whether an item shows something else than what the list was asked for.
pub(super) fn contradicts(report: &Listed, query: &ListQuery) -> bool {
    let types = query.report_type.is_none_or(|t| agrees(report.report_type, t));
    let days = query.period.is_none_or(|period| shows_days(report, period));
    let orgs =
        (query.sub_partner.as_ref()).is_none_or(|org| agrees(report.sub_partner.as_ref(), org));
    !(types && days && orgs)
}

fn agrees<T: PartialEq>(shown: Option<T>, asked: T) -> bool {
    shown.is_none_or(|shown| shown == asked)
}

fn shows_days(report: &Listed, period: Period) -> bool {
    agrees(report.start, period.start()) && agrees(report.end, period.end())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CategorySpelling {
    /// As in the API reference, whatever the case and surrounding space; or missing.
    Exact,
    /// With other marks in it.
    Odd,
    /// A category that has the same types and dates, and that no create of ours makes.
    Other,
}

fn spelling_of_category(category: &str) -> CategorySpelling {
    let (category, mut letters) = (category.trim(), category.to_ascii_uppercase());
    letters.retain(|c| c.is_ascii_alphabetic());
    if category.is_empty() || category.eq_ignore_ascii_case(RECONCILIATION) {
        CategorySpelling::Exact
    } else if letters == RECONCILIATION {
        CategorySpelling::Odd
    } else {
        CategorySpelling::Other
    }
}

/// One list that shows the reports of all `requests`, which share their sub-partner.
pub(super) fn common_query(requests: &[&Request]) -> Option<ListQuery> {
    let (first, rest) = requests.split_first()?;
    let same_type = rest.iter().all(|r| r.report_type == first.report_type);
    let same_period = rest.iter().all(|r| r.period == first.period);
    Some(ListQuery {
        sub_partner: first.sub_partner.clone(),
        report_type: same_type.then_some(first.report_type),
        period: same_period.then_some(first.period),
        status: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use request::ReportType;

    fn request(org: Option<&str>) -> Request {
        Request {
            sub_partner: org.map(|org| org.parse().unwrap()),
            report_type: ReportType::User,
            period: Period::month(2026, 9).unwrap(),
            internal: false,
        }
    }

    fn listed(change: impl FnOnce(&mut Listed)) -> Listed {
        let mut report = Listed::bare("one".parse().unwrap());
        change(&mut report);
        report
    }

    #[test]
    fn what_a_query_names_is_contradicted_and_the_rest_is_anothers() {
        let acme = request(Some("acme"));
        let day = |text: &str| Some(text.parse().unwrap());
        let narrow = ListQuery::of(&acme);
        let wide = ListQuery { sub_partner: acme.sub_partner.clone(), ..ListQuery::default() };
        let everywhere = [Fit::Fits; 2];
        for (report, [in_narrow, in_wide]) in [
            (listed(|_| {}), everywhere),
            (listed(|r| r.start = day("2026-09-01")), everywhere),
            (listed(|r| r.start = day("2026-08-31")), [Fit::Contradicts, Fit::Other]),
            (listed(|r| r.end = day("2026-10-01")), [Fit::Contradicts, Fit::Other]),
            (
                listed(|r| r.report_type = Some(ReportType::Customer)),
                [Fit::Contradicts, Fit::Other],
            ),
            (listed(|r| r.sub_partner = Some("ACME".parse().unwrap())), [Fit::Contradicts; 2]),
            (listed(|r| r.internal = Some(true)), [Fit::OtherInternal; 2]),
            (
                listed(|r| (r.internal, r.end) = (Some(true), day("2026-10-01"))),
                [Fit::Contradicts, Fit::Other],
            ),
        ] {
            assert_eq!(fit(&report, &acme, &narrow), in_narrow, "{report:?}");
            assert_eq!(fit(&report, &acme, &wide), in_wide, "{report:?}");
            assert_eq!(fits(&report, &acme), in_narrow == Fit::Fits);
            let contradicts_narrow = contradicts(&report, &narrow);
            assert_eq!(contradicts_narrow, in_narrow == Fit::Contradicts);
        }
        // Of the partner's own, an organisation may be the partner's.
        let own = request(None);
        let shown = listed(|r| r.sub_partner = Some("acme".parse().unwrap()));
        assert_eq!(fit(&shown, &own, &ListQuery::of(&own)), Fit::Contradicts);
        assert!(!contradicts(&shown, &ListQuery::of(&own)));
    }

    #[test]
    fn a_category_counts_by_its_letters() {
        let acme = request(Some("acme"));
        for (category, expected) in [
            ("RECONCILIATION", Fit::Fits),
            ("reconciliation", Fit::Fits),
            (" RECONCILIATION\t", Fit::Fits),
            ("", Fit::Fits),
            (" \u{a0}", Fit::Fits),
            ("RECONCILIATION.", Fit::Contradicts),
            ("recon-ciliation", Fit::Contradicts),
            ("\u{feff}RECONCILIATION", Fit::Contradicts),
            ("POINT_IN_TIME", Fit::Other),
            ("RECONCILIATION_2", Fit::Contradicts),
            ("FORECAST", Fit::Other),
        ] {
            let report = listed(|r| r.category = Some(category.to_owned()));
            let found = fit(&report, &acme, &ListQuery::of(&acme));
            assert_eq!(found, expected, "{category:?}");
        }
    }
}
