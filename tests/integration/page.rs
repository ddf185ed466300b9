//! The page of `monthend report` in a browser. Where there is none, these tests say so and are skipped.

use std::fs;

use monthend::testing::{Ledger, Reason, Row, hexadecimal};
use request::{OrgId, ReportType, Request};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::{Browser, Desk};

const HOSTILE: [&str; 4] = [
    "</script><script>window.hurt = 1</script>",
    r#""><img src=x onerror="window.hurt = 1">"#,
    "<!-- &lt;b&gt; ${7*7} {{7*7}}",
    "<svg onload='window.hurt = 1'>",
];

/// The row of a sub-partner for October.
fn row(place: usize, label: &str, report_type: ReportType) -> Row {
    let org: OrgId = format!("org-{place}").parse().unwrap();
    let request = Request {
        sub_partner: Some(org),
        report_type,
        period: "2026-10".parse().unwrap(),
        internal: false,
    };
    Row::planned(request, "j".into(), Some(label.into()))
}

/// What lies in the file of all rows: a page looks at it.
const FILE: &str = "SKU\nA\n";

fn collected(row: Row, rows: u64) -> Row {
    let id = format!("report-{}", row.id()).parse().unwrap();
    let mut row = row.created(id);
    row.collected_mut().status = "COMPLETED".to_owned();
    row.collected_mut().file = "one.csv".to_owned();
    row.collected_mut().sha256 = hexadecimal(&Sha256::digest(FILE));
    row.collected_mut().rows = Some(rows);
    row
}

/// `lines` sub-partners with three types each: collected, but one of every 50, which failed.
fn page(desk: &Desk, labels: impl Iterator<Item = String>) {
    desk.write("one.csv", FILE);
    let mut ledger = Ledger::default();
    for (place, label) in labels.enumerate() {
        for (column, kind) in ReportType::ALL.into_iter().enumerate() {
            let row = row(place, &label, kind);
            ledger.fold(match (place % 50, column) {
                (7, 1) => {
                    row.failed(Reason { code: "http_403".to_owned(), text: HOSTILE[1].to_owned() })
                }
                (9, 2) => row,
                _ => collected(row, (place * 37 % 1_000) as u64),
            });
        }
    }
    desk.write("m.csv", ledger.to_csv());
    desk.monthend(["report", "m.csv", "-o", "page.html"]).expect(0);
}

/// Types into the search field, or chooses.
fn set(name: &str, value: &str) -> String {
    format!(
        "(() => {{ const field = document.querySelector('#reports').closest('section').querySelector('[data-{name}]'); \
         field.value = {}; field.dispatchEvent(new Event('input')); field.dispatchEvent(new Event('change')); }})()",
        json!(value)
    )
}

const COUNT: &str = "document.querySelector('[data-count=lines]').value";
const FIRST: &str = "document.querySelector('#reports').closest('section').querySelector('tbody th').firstChild.textContent";

#[test]
fn the_page_is_quiet_and_hostile_text_is_text() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let desk = Desk::new();
    let labels =
        HOSTILE.map(str::to_owned).into_iter().chain((4..60).map(|n| format!("Partner {n}")));
    page(&desk, labels);
    browser.open(&desk.path("page.html"));
    assert_eq!(browser.complaints(), [""; 0]);
    assert_eq!(browser.eval("window.hurt === undefined"), true);
    assert_eq!(
        browser.eval(
            "document.querySelectorAll('script, img, iframe, link, [onerror], [onload]').length"
        ),
        1
    );
    let shown = "Array.from(document.querySelectorAll('.grid tbody th'), (th) => th.firstChild.textContent).slice(0, 4)";
    assert_eq!(browser.eval(shown), json!(HOSTILE));
    assert_eq!(browser.nameless(), [""; 0]);
    // What the policy does not allow does not run.
    browser.eval(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hurt = 1\">')",
    );
    browser.eval("new Promise((done) => setTimeout(done, 50))");
    assert_eq!(browser.eval("window.hurt === undefined"), true);
    assert!(!browser.complaints().is_empty(), "the policy forbids nothing");
}

#[test]
fn lines_are_searched_filtered_and_sorted() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let desk = Desk::new();
    page(&desk, (0..240).map(|n| format!("Partner {n:03}")));
    browser.open(&desk.path("page.html"));
    assert_eq!(browser.eval(COUNT), "240 of 240 lines");
    assert_eq!(browser.eval("document.querySelectorAll('.grid tbody tr').length"), 100);
    browser.eval("document.querySelector('[data-on]').click()");
    assert_eq!(browser.eval(FIRST), "Partner 100");
    // By name, by id, and by nothing that is there.
    browser.eval(&set("search", " pARTNER 12"));
    assert_eq!(
        (browser.eval(COUNT), browser.eval(FIRST)),
        ("10 of 240 lines".into(), "Partner 120".into())
    );
    browser.eval(&set("search", "org-239"));
    assert_eq!(browser.eval(FIRST), "Partner 239");
    browser.eval(&set("search", "nobody"));
    assert_eq!(browser.eval(COUNT), "0 of 240 lines");
    browser.eval(&set("search", ""));
    // By state, and in one column.
    browser.eval(&set("state", "failed"));
    assert_eq!(
        (browser.eval(COUNT), browser.eval(FIRST)),
        ("5 of 240 lines".into(), "Partner 007".into())
    );
    browser.eval(&set("column", "1"));
    assert_eq!(browser.eval(COUNT), "0 of 240 lines");
    browser.eval(&set("column", "2"));
    assert_eq!(browser.eval(COUNT), "5 of 240 lines");
    browser.eval(&set("column", "0"));
    browser.eval(&set("state", ""));
    // Sorted by rows: what failed or is missing comes before figures, and figures go by their value.
    let sort = "document.querySelector('#reports').closest('section').querySelectorAll('thead button')[2].click()";
    browser.eval(sort);
    assert_eq!(browser.eval(FIRST), "Partner 007");
    let figures = "Array.from(document.querySelectorAll('.grid tbody tr'), (tr) => tr.cells[2].textContent).slice(0, 8)";
    let failed = ["http_403"; 5].map(str::to_owned).to_vec();
    let figures_up = browser.eval(figures);
    assert_eq!(figures_up.as_array().unwrap()[..5], failed, "{figures_up}");
    browser.eval(sort);
    let down = browser.eval(figures);
    assert_eq!(
        down[0],
        "999 rows".replace("999", &(0..240).map(|n| n * 37 % 1_000).max().unwrap().to_string())
    );
    assert_eq!(browser.eval("document.querySelectorAll('[aria-sort=descending]').length"), 1);
    // On paper stands everything.
    browser.eval("window.dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.eval("document.querySelectorAll('.grid tbody tr').length"), 240);
    assert_eq!(browser.eval("document.querySelectorAll('details:not([open])').length"), 0);
    browser.eval("window.dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.eval("document.querySelectorAll('.grid tbody tr').length"), 100);
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Ten thousand rows: a filter answers before the hand has left the key.
#[test]
fn ten_thousand_rows_are_filtered_at_once() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let desk = Desk::new();
    page(&desk, (0..3_334).map(|n| format!("Partner {n:05}")));
    browser.open(&desk.path("page.html"));
    assert_eq!(browser.eval(COUNT), "3,334 of 3,334 lines");
    let mut best = f64::INFINITY;
    for text in ["7", "33", "partner 01", "x", ""] {
        let took = browser.eval(&format!(
            "(() => {{ const began = performance.now(); {}; document.body.offsetHeight; return performance.now() - began; }})()",
            set("search", text)
        ));
        best = best.min(took.as_f64().unwrap());
        println!("{text:?}: {took} ms");
    }
    assert!(best < 100.0, "a filter took {best} ms at best");
}

/// A page that large opens, and answers.
#[test]
fn a_hundred_thousand_rows_open() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let desk = Desk::new();
    page(&desk, (0..33_334).map(|n| format!("Partner {n:05}")));
    let began = std::time::Instant::now();
    browser.open(&desk.path("page.html"));
    println!("opened in {:?}", began.elapsed());
    assert_eq!(browser.eval(COUNT), "33,334 of 33,334 lines");
    browser.eval(&set("search", "partner 33333"));
    assert_eq!(browser.eval(FIRST), "Partner 33333");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// However long texts are: only tables scroll sideways, with a shadow where they go on, and every tile is whole.
#[test]
fn on_a_phone_only_tables_scroll_sideways() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let desk = Desk::new();
    let long = "Donaudampfschifffahrtsgesellschaftskapitänspatent".repeat(4);
    page(&desk, (0..20).map(|n| format!("{n} {long}")).chain([long.clone()]));
    let earlier = format!("{}.csv", "earlier".repeat(20));
    desk.write(&earlier, desk.read("m.csv"));
    desk.monthend(["report", "m.csv", "-o", "page.html", "--compare", &earlier]).expect(0);
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/reconcile")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), desk.path(file.file_name().to_str().unwrap())).unwrap();
    }
    desk.monthend(["run", "october.yaml", "--sandbox", "--collect", "-q"]).expect(0);
    desk.monthend(["report", "october.yaml", "--sandbox", "-o", "lists.html"]).expect(0);
    let metrics = json!({ "width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", metrics);
    for file in ["page.html", "lists.html"] {
        browser.open(&desk.path(file));
        browser.eval("document.querySelectorAll('details').forEach((it) => { it.open = true; })");
        assert_eq!(
            browser.eval("document.documentElement.scrollWidth <= innerWidth"),
            true,
            "{file}"
        );
        let beyond = "Array.from(document.querySelectorAll('main *')) \
            .filter((it) => !it.closest('.scroll table') && !it.matches('.away') && it.getBoundingClientRect().right > 400) \
            .map((it) => it.outerHTML.slice(0, 80))";
        assert_eq!(browser.eval(beyond), json!([]), "{file}");
        let cut = "Array.from(document.querySelectorAll('.tile')).filter((it) => it.scrollWidth > it.clientWidth).length";
        assert_eq!(browser.eval(cut), 0, "{file}");
        let shadows = "Array.from(document.querySelectorAll('.scroll')).filter((it) => it.scrollWidth > it.clientWidth) \
            .map((it) => getComputedStyle(it).backgroundAttachment)";
        let shadows = browser.eval(shadows);
        let shadows = shadows.as_array().unwrap();
        assert!(shadows.len() > 1, "{file}: {shadows:?}");
        for shadow in shadows {
            assert_eq!(shadow, "local, local, scroll, scroll, scroll", "{file}");
        }
        // On paper stands what matters: what does not agree.
        browser.eval("document.querySelectorAll('details').forEach((it) => { it.open = false; })");
        browser.eval("window.dispatchEvent(new Event('beforeprint'))");
        let open = "Array.from(document.querySelectorAll('details'), (it) => it.open !== it.matches('.agrees'))";
        let open = browser.eval(open);
        assert!(open.as_array().unwrap().iter().all(|it| it == true), "{file}: {open}");
    }
}
