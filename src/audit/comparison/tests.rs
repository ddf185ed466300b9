use proptest::prelude::*;

use super::*;

fn days(text: &str) -> Period {
    text.parse().unwrap()
}

/// Spellings of one organisation, and another one.
const WHO: [Option<&str>; 4] = [
    None,
    Some("96abc2aa-3dcc-11e5-a152-fe34819cdc9a"),
    Some("96ABC2AA-3DCC-11E5-A152-FE34819CDC9A"),
    Some("opaque"),
];

fn request(who: Option<&str>, report_type: ReportType, period: &str, internal: bool) -> Request {
    Request {
        sub_partner: who.map(|who| who.parse().unwrap()),
        report_type,
        period: days(period),
        internal,
    }
}

fn row(request: Request, created: bool) -> Row {
    let row = Row::planned(request, "j".into(), None);
    if created { row.created("report".parse().unwrap()) } else { row }
}

fn lay<'a>(now: &[Request], earlier: &'a [Row]) -> MonthPairs<'a> {
    MonthPairs::lay(&now.iter().collect::<Vec<_>>(), now, earlier.iter())
}

#[test]
fn the_latest_is_compared_with_the_latest_that_was_over() {
    let user = |period| request(Some("opaque"), ReportType::User, period, false);
    let now = [user("2026-09"), user("2026-10"), user("2026-08")];
    let earlier = [
        "2026-07",
        "2026-09",
        "2026-09-01..2026-09-20",
        "2026-09-20..2026-10-01",
        "2026-10",
        "2026-11",
    ];
    let earlier = earlier.map(|period| row(user(period), true));
    let months = lay(&now, &earlier);
    let pairs: Vec<(usize, Period)> =
        months.pairs.iter().map(|(place, row)| (*place, row.request().period)).collect();
    assert_eq!(pairs, [(1, days("2026-09"))]);
    assert!(months.new.is_empty() && months.vanished.is_empty(), "{months:?}");
    // Of periods that end on one day, the shorter.
    let earlier = ["2026-09-16..2026-09-30", "2026-09", "2026-07-01..2026-09-30"];
    let earlier = earlier.map(|period| row(user(period), true));
    let months = lay(&now, &earlier);
    assert_eq!(months.pairs[0].1, &earlier[0]);
}

#[test]
fn who_is_planned_for_another_period_or_was_never_created_has_not_vanished() {
    let user = |who, period| request(Some(who), ReportType::User, period, false);
    let earlier = [
        row(user("stays", "2026-09"), true),
        row(user("failed", "2026-09"), false),
        row(user("today", "2026-10"), true),
        row(user("gone", "2026-08"), true),
        row(user("gone", "2026-09"), false),
        row(request(Some("stays"), ReportType::User, "2026-09", true), true),
        row(request(Some("stays"), ReportType::Partner, "2026-09", false), true),
        row(request(None, ReportType::User, "2026-09", false), true),
    ];
    let plan = [user("new", "2026-10"), user("stays", "2026-08")];
    let months = lay(&plan, &earlier);
    let vanished: Vec<&Row> = months.vanished;
    let expected = [2, 3, 5, 6, 7].map(|place| &earlier[place]);
    assert_eq!(vanished, expected);
    assert_eq!((months.new, months.pairs), (vec![0, 1], vec![]));
    // Whoever is planned and not selected has not vanished either.
    let selected = [&plan[0]];
    let months = MonthPairs::lay(&selected, &plan, earlier.iter());
    assert_eq!(months.vanished, expected);
    assert_eq!(MonthPairs::lay(&[], &plan, earlier.iter()).vanished.len(), 0);
}

#[test]
fn a_drop_is_counted_of_what_was_there() {
    for (percent, then, now, lost) in [
        ("50%", "10", "5", None),
        ("50%", "10", "4.999", Some("50")),
        ("50", "10", "0", Some("100")),
        ("100%", "10", "0", None),
        ("100%", "10", "-1", Some("110")),
        ("0%", "10", "10", None),
        ("0%", "10", "9.9999999999999999999999", Some("0")),
        ("12.5 %", "8", "7", None),
        ("12.5%", "8", "6.9", Some("13.7")),
        ("50%", "10", "1000", None),
        ("0%", "0", "0", None),
        ("0%", "0", "-5", None),
        ("0%", "-5", "-10", None),
    ] {
        let max: MaxDrop = percent.parse().unwrap();
        let number = |text: &str| NumberFormat::Scientific.read(text.as_bytes()).unwrap();
        let found = max.exceeded(&number(then), &number(now));
        assert_eq!(found, lost.map(number), "{percent}: {then} to {now}");
    }
    for text in [
        "",
        "%",
        "-1%",
        "101%",
        "100.1%",
        "x",
        "1e1%",
        "+5%",
        "NaN",
        "1.2.3%",
        "５%",
        "99999999999999999%",
    ] {
        assert_eq!(text.parse::<MaxDrop>(), Err(MaxDropError), "{text}");
    }
    assert_eq!(MaxDrop::default().to_string(), "50%");
    assert_eq!("07.50%".parse::<MaxDrop>().unwrap().to_string(), "7.5%");
}

const PERIODS: [&str; 6] = [
    "2026-08",
    "2026-09",
    "2026-09-16..2026-09-30",
    "2026-10",
    "2026-10-01..2026-10-15",
    "2026-10-31..2026-11-30",
];

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let one = (
        prop::sample::select(&WHO[..]),
        prop::sample::select(&ReportType::ALL[..2]),
        prop::sample::select(&PERIODS[..]),
        any::<bool>(),
    );
    let one = one.prop_map(|(who, kind, period, internal)| request(who, kind, period, internal));
    prop::collection::vec(one, 0..12)
}

proptest! {
    /// Against all of both sides, looked through for each: slow and plain.
    #[test]
    fn pairs_are_those_of_a_search_through_everything(
        now in requests(),
        earlier in prop::collection::vec((requests(), any::<bool>()), 0..4),
    ) {
        let earlier: Vec<Row> = earlier
            .into_iter()
            .flat_map(|(requests, created)| requests.into_iter().map(move |request| row(request, created)))
            .collect();
        let same = |a: &Request, b: &Request| {
            a.sub_partner == b.sub_partner && a.report_type == b.report_type && a.internal == b.internal
        };
        let order = |period: Period| (period.end(), period.start());
        let months = lay(&now, &earlier);
        let last = now.iter().map(|r| r.period).max_by_key(|p| order(*p));
        for (place, request) in now.iter().enumerate() {
            let is_latest = now.iter().enumerate().all(|(other, r)| {
                !same(r, request) || order(r.period) < order(request.period) || (r.period == request.period && other >= place)
            });
            let best = earlier
                .iter()
                .filter(|row| is_latest && same(row.request(), request) && row.request().period.end() < request.period.start())
                .map(|row| row.request().period)
                .max_by_key(|period| order(*period));
            let found = months.pairs.iter().find(|(at, _)| *at == place).map(|(_, row)| *row);
            prop_assert_eq!(found.map(|row| row.request().period), best);
            prop_assert!(found.is_none_or(|row| same(row.request(), request)));
            prop_assert_eq!(months.new.contains(&place), is_latest && best.is_none());
        }
        for row in &months.vanished {
            prop_assert!(!now.iter().any(|request| same(request, row.request())));
        }
        for row in &earlier {
            let is_over = last.is_some_and(|last| row.request().period.end() < last.start());
            let is_gone = is_over && row.state.report_id().is_some() && !now.iter().any(|r| same(r, row.request()));
            let named = months.vanished.iter().filter(|other| same(other.request(), row.request())).count();
            prop_assert!(named <= 1 && (!is_gone || named == 1));
        }
    }

    #[test]
    fn a_ledger_of_one_period_beside_itself_has_nothing_to_compare(requests in requests()) {
        let mut requests = requests;
        requests.iter_mut().for_each(|request| request.period = days("2026-10"));
        let rows: Vec<Row> = requests.iter().map(|request| row(request.clone(), true)).collect();
        let months = lay(&requests, &rows);
        prop_assert!(months.pairs.is_empty() && months.vanished.is_empty());
    }
}
