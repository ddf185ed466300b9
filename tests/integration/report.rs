//! `monthend report`: one page, of what the ledger says and nothing else.

use std::fs;

use crate::{
    previous::months,
    support::{Desk, LedgerFile, Served, own, partner, partners},
};

const READY: &str = "reports: { completes_after: 0s }";
const TOTALS: &str =
    "audit:\n  totals: { column: CONSUMPTION, by: [SKU], not_in: { USER: [A-COMMON-AREA] } }\n";

/// A desk with a ledger of three created and collected rows of one sub-partner, and two of the partner itself.
fn desk(server: &Served) -> Desk {
    let jobs = partners(["Acme"], "PARTNER, CUSTOMER, USER", "2026-09")
        + &own("PARTNER, USER", "2026-09")
        + TOTALS;
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().arg("--collect").expect(0);
    desk
}

#[test]
fn a_page_is_written_whole_and_says_how_it_was_made() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let before = desk.read("m.ledger.csv");
    let sent = server.exchanges().len();
    let ended = desk
        .monthend(["report", "m.ledger.csv", "-o", "page.html"])
        .without("WEBEX_ACCESS_TOKEN")
        .expect(0);
    assert_eq!(ended.stdout, "page.html\n");
    assert_eq!(server.exchanges().len(), sent, "a page asks nobody");
    assert_eq!(desk.read("m.ledger.csv"), before);
    let page = desk.read("page.html");
    let digest = {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(&before);
        digest.iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    for part in [
        "<title>SANDBOX m.ledger · monthend</title>",
        "All 5 reports are created and collected, and every file is unchanged.",
        "content=\"default-src 'none'; style-src 'sha256-",
        &digest,
        concat!("monthend ", env!("CARGO_PKG_VERSION")),
        r#"href="m.ledger.reports/2026-09/USER/Acme.csv""#,
        &partner("Acme"),
    ] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
    for outside in ["http://", "https://", " on", "style=", "@import", "url("] {
        let markup = page.split("<style>").next().unwrap().to_owned()
            + page.split("</style>").nth(1).unwrap();
        let markup = markup.split("<script>").next().unwrap();
        let found = markup.split('<').any(|tag| tag.split('>').next().unwrap().contains(outside));
        assert!(!found, "{outside:?} in a tag");
    }
    // Links lead from the page's own place.
    fs::create_dir(desk.path("pages")).unwrap();
    desk.monthend(["report", "m.ledger.csv", "--output", "pages/p.html"]).expect(0);
    assert!(
        desk.read("pages/p.html").contains(r#"href="../m.ledger.reports/2026-09/USER/Acme.csv""#)
    );
}

#[test]
fn foreign_text_is_text() {
    let server = Served::new("");
    let evil = r#"</script><script>alert(1)</script><img src=x onerror=alert(2)> "'&{{7*7}}"#;
    let jobs = format!(
        "  - name: j\n    sub_partners: [{{ id: {}, label: {} }}]\n    types: [USER]\n    periods: [2026-09]\n",
        partner("evil"),
        serde_json::to_string(evil).unwrap(),
    );
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    let failed = [("status", "failed"), ("report_id", ""), ("error", evil)];
    ledger.set(0, &failed);
    ledger.set(0, &[("tracking_id", evil), ("error_code", evil)]);
    desk.write("m.ledger.csv", ledger.to_csv());
    desk.monthend(["report", "m.ledger.csv", "-o", "p.html"]).expect(0);
    let page = desk.read("p.html");
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert_eq!(page.matches("<img").count(), 0);
    assert!(page.contains("&#60;img src=x onerror=alert(2)&#62;"), "{page}");
    assert!(page.contains("Not in order: 1 of 1 request failed."), "{page}");
}

/// What `audit --previous` names is what the page marks.
#[test]
fn the_page_marks_what_an_audit_names() {
    let server = Served::new(READY);
    let then = own("PARTNER, USER", "2026-09") + &partners(["a", "b", "gone"], "USER", "2026-09");
    let now = own("USER", "2026-10") + &partners(["a", "b", "new"], "PARTNER, USER", "2026-10");
    let totals = "audit:\n  totals: { column: Q }\n";
    let desk = months(&server, &then, &(now + totals));
    let mut ledger = desk.ledger();
    desk.lay("", &mut ledger, 2, "SKU,Q\nA,4\n"); // a USER, so that a PARTNER differs too
    desk.lay("", &mut ledger, 4, "SKU,Q\n"); // b USER
    desk.write("m.ledger.csv", ledger.to_csv());
    fs::remove_file(desk.path("then/reports/0.csv")).unwrap();
    let earlier = "then/m.ledger.csv";
    for (audited, shown) in [
        (vec![], vec!["--manifest", "m.yaml"]),
        (vec!["--max-drop", "70%"], vec!["--manifest", "m.yaml", "--max-drop", "70%"]),
    ] {
        let audit = ["audit", "m.yaml", "--format", "json", "--previous", earlier];
        let audit = desk.monthend(audit.iter().chain(&audited).copied()).expect(1).json();
        let report = ["report", "m.ledger.csv", "-o", "p.html", "--compare", earlier];
        desk.monthend(report.iter().chain(&shown).copied()).expect(0);
        let page = desk.read("p.html");
        let all = audit["differences"].as_array().unwrap();
        let of = |kind: &str| all.iter().filter(|d| d["kind"] == kind).count();
        for difference in all.iter().filter(|d| d["kind"] == "dropped" || d["kind"] == "vanished") {
            let message = difference["message"].as_str().unwrap();
            assert!(page.contains(&format!("<td>{message}</td>")), "{message}");
        }
        assert!(of("dropped") > 0 && of("vanished") == 2, "{audit:#}");
        assert_eq!(page.matches(r#"class="fell""#).count(), of("dropped"));
        assert_eq!(page.matches(r#"<th scope="row">vanished</th>"#).count(), 2);
        assert_eq!(page.matches(r#"<td class="failed">differ</td>"#).count(), of("totals_differ"));
        for part in [
            "<small>new</small>",
            "dropped, Q 0, was 10 (-10, -100 %)",
            "Sums of Q",
            "compared with then/m.ledger.csv",
        ] {
            assert!(page.contains(part), "no {part:?} in\n{page}");
        }
    }
    // Without a manifest the rows are compared.
    desk.monthend(["report", "m.ledger.csv", "-o", "p.html", "--compare", earlier]).expect(0);
    let page = desk.read("p.html");
    assert!(
        page.contains("1 row; 2026-09 had 10 rows (90 % less)") && !page.contains("Sums of"),
        "{page}"
    );
    // A ledger compared with itself has nothing that ended before.
    desk.monthend(["report", "m.ledger.csv", "-o", "p.html", "--compare", "m.ledger.csv"])
        .expect(0);
    assert_eq!(desk.read("p.html").matches(r#"class="fell""#).count(), 0);
}

#[test]
fn what_keeps_a_page_from_being_written_has_its_exit_code() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let report =
        |ledger: &str, args: &[&str]| desk.monthend(["report", ledger].iter().chain(args).copied());
    report("missing.csv", &["-o", "p.html"]).expect(4);
    report("m.ledger.csv", &["-o", "no/such/folder.html"]).expect(2).says(["no/such/folder.html"]);
    report("m.ledger.csv", &["-o", "."]).expect(2);
    report("m.ledger.csv", &["-o", "p.html", "--compare", "missing.csv"]).expect(4);
    report("m.ledger.csv", &["-o", "p.html", "--manifest", "missing.yaml"]).expect(2);
    report("m.ledger.csv", &["-o", "p.html", "--max-drop", "10%"]).expect(2);
    // The variable is no mistake where nothing is compared; else it has to be a percentage.
    report("m.ledger.csv", &["-o", "v.html"]).env("MONTHEND_MAX_DROP", "10%").expect(0);
    report("m.ledger.csv", &["-o", "v.html", "--compare", "m.ledger.csv"])
        .env("MONTHEND_MAX_DROP", "much")
        .expect(2)
        .says(["MONTHEND_MAX_DROP is \"much\""]);
    desk.write("notes.txt", "no ledger\n");
    report("notes.txt", &["-o", "p.html"]).expect(4);
    assert!(!desk.has("p.html"));
    // Never over what it is made from, whatever that is called.
    std::os::unix::fs::symlink(desk.path("m.ledger.csv"), desk.path("link.html")).unwrap();
    let file = desk.ledger().lines[0]["report_file"].to_owned();
    for output in ["m.ledger.csv", "./m.ledger.csv", "link.html", "m.yaml", &file] {
        let before = desk.read(output);
        let ended = report("m.ledger.csv", &["-o", output, "--manifest", "m.yaml"]).expect(2);
        ended.says(["--output cannot be"]);
        assert_eq!(desk.read(output), before, "{output}");
    }
    // Nor where what belongs to a ledger lies or will lie.
    for output in [
        "m.ledger.csv.lock",
        "m.ledger.history.jsonl",
        "m.ledger.csv.state",
        "m.ledger.rescued-20261001T000000Z.csv",
    ] {
        let before = fs::read(desk.path(output)).ok();
        report("m.ledger.csv", &["-o", output]).expect(2).says(["--output cannot be"]);
        assert_eq!(fs::read(desk.path(output)).ok(), before, "{output}");
    }
    // Which files are inputs of a manifest that is not named, nobody knows.
    let list = desk.write("list.csv", "a,b\n");
    for output in ["m.yaml", "list.csv"] {
        report("m.ledger.csv", &["-o", output]).expect(2).says(["that file is no HTML page"]);
    }
    assert_eq!(fs::read(list).unwrap(), b"a,b\n");
    // What is no input may be replaced.
    desk.write("p.html", "old");
    report("m.ledger.csv", &["-o", "p.html"]).expect(0);
    assert!(desk.read("p.html").starts_with("<!DOCTYPE html>"));
}

/// The first sentence of a page, with the class of its paragraph.
fn verdict(desk: &Desk, args: &[&str]) -> (String, String) {
    let report = desk.monthend(["report", "-o", "v.html"]).args(args.iter().copied());
    report.without("WEBEX_ACCESS_TOKEN").expect(0);
    let page = desk.read("v.html");
    let (_, rest) = page.split_once("<p class=\"verdict ").unwrap();
    let (class, rest) = rest.split_once("\">").unwrap();
    let (text, _) = rest.split_once("</p>").unwrap();
    (class.to_owned(), text.to_owned())
}

/// Good only where all that the page shows is good.
#[test]
fn the_first_sentence_tells_the_worst_of_everything_on_the_page() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let said = |args: &[&str], class: &str, text: &str| {
        assert_eq!(verdict(&desk, args), (class.to_owned(), text.to_owned()), "{args:?}");
    };
    let good = "All 5 reports are created and collected, and every file is unchanged.";
    for args in [&["m.yaml"][..], &["m.ledger.csv"]] {
        said(args, "good", good);
    }
    let untouched = desk.read("m.ledger.csv");

    // Files, whether a manifest asks for sums or not.
    let ledger = desk.ledger();
    let file = |place: usize| ledger.lines[place]["report_file"].to_owned();
    let content = desk.read(&file(0));
    desk.write(&file(0), content.clone() + "x\n");
    let kept = desk.read(&file(1));
    fs::remove_file(desk.path(&file(1))).unwrap();
    for args in [&["m.yaml"][..], &["m.ledger.csv"]] {
        said(args, "bad", "Not in order: 1 file missing, 1 file changed.");
        let page = desk.read("v.html");
        let tile = r#"<dt>Files changed or missing</dt><dd><span class="figure">2</span><span class="note">1 missing</span>"#;
        assert!(page.contains(tile), "{page}");
        assert!(page.contains("file missing") && page.contains("file changed"));
    }
    desk.write(&file(1), kept);
    desk.write(&file(0), &content);
    said(&["m.ledger.csv"], "good", good);

    // A sum that differs; a file and its hash that were changed together.
    let mut sums = desk.ledger();
    fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    desk.lay("", &mut sums, 0, "SKU,CONSUMPTION\nZ,1\n");
    desk.write("m.ledger.csv", sums.to_csv());
    let (class, text) = verdict(&desk, &["m.yaml"]);
    assert_eq!(class, "bad");
    assert!(text.starts_with("Not in order: ") && text.contains(" different"), "{text}");
    said(&["m.ledger.csv"], "good", good);
    desk.write("m.ledger.csv", &untouched);

    // A comparison.
    let earlier = months(
        &server,
        &(own("USER", "2026-08") + &partners(["gone"], "USER", "2026-08")),
        &own("USER", "2026-09"),
    );
    let mut now = earlier.ledger();
    earlier.lay("", &mut now, 0, "SKU,Q\nA,1\n");
    earlier.write("m.ledger.csv", now.to_csv());
    assert_eq!(
        verdict(&earlier, &["m.ledger.csv", "--compare", "then/m.ledger.csv"]),
        ("bad".to_owned(), "Not in order: 1 report vanished, 1 figure dropped.".to_owned())
    );
    let page = earlier.read("v.html");
    assert!(page.contains("dropped, 1, was 10 (-9, -90 %)"), "{page}");
    let (class, _) = verdict(&earlier, &["m.ledger.csv"]);
    assert_eq!(class, "good");

    // Rows: nothing collected, some of it, nothing at all.
    let mut bare = desk.ledger();
    let none =
        [("report_file", ""), ("report_sha256", ""), ("report_rows", ""), ("report_status", "")];
    bare.set(0, &none);
    desk.write("m.ledger.csv", bare.to_csv());
    said(&["m.ledger.csv"], "wait", "Not finished: 1 report not collected.");
    (1..5).for_each(|place| bare.set(place, &none));
    desk.write("m.ledger.csv", bare.to_csv());
    said(&["m.ledger.csv"], "wait", "Not finished: 5 reports not collected.");
    bare.set(0, &[("report_status", "FAILED")]);
    bare.set(1, &[("status", "pending"), ("report_id", "")]);
    bare.set(2, &[("status", "failed"), ("report_id", ""), ("error_code", "x"), ("error", "y")]);
    desk.write("m.ledger.csv", bare.to_csv());
    said(
        &["m.ledger.csv"],
        "bad",
        "Not in order: 1 of 5 requests failed, 1 report not generated by the server, 1 request not done yet, 2 reports not \
         collected.",
    );
    let header = untouched.lines().next().unwrap().to_owned() + "\n";
    desk.write("m.ledger.csv", header);
    said(&["m.ledger.csv"], "wait", "The ledger has no requests.");
}

/// No run would make a ledger of the past.
#[test]
fn a_ledger_to_compare_with_that_is_missing_is_not_told_to_be_made() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let mut said = Vec::new();
    for args in [
        &["report", "m.yaml", "-o", "p.html", "--compare", "old.csv"][..],
        &["report", "m.ledger.csv", "-o", "p.html", "--compare", "old.csv"],
        &["audit", "m.yaml", "--previous", "old.csv"],
        &["audit", "m.yaml", "--offline", "--previous", "old.csv"],
    ] {
        let ended = desk.monthend(args.iter().copied()).expect(4);
        said.push(ended.stderr.lines().last().unwrap().to_owned());
    }
    let variable =
        desk.monthend(["report", "m.yaml", "-o", "p.html"]).env("MONTHEND_COMPARE", "old.csv");
    said.push(variable.expect(4).stderr.lines().last().unwrap().to_owned());
    for line in said {
        assert!(
            line.ends_with("there is no ledger at old.csv to compare with; is the path right?"),
            "{line}"
        );
    }
}

/// What is green is all of the plan, and a comparison that was one.
#[test]
fn a_part_of_the_plan_and_a_comparison_of_nothing_are_not_good() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let good = verdict(&desk, &["m.yaml"]);
    assert!(good.1.starts_with("All 5 reports"), "{good:?}");
    let more = partners(["Acme", "Bolt"], "PARTNER, CUSTOMER, USER", "2026-09");
    desk.manifest(server.url(), &more);
    let part = verdict(&desk, &["m.yaml"]);
    assert_eq!(part.1, "Not finished: 3 planned requests not in the ledger.");

    let desk = months(&server, &own("USER", "2026-09"), &own("USER", "2026-10"));
    let compare = ["m.ledger.csv", "--compare", "then/m.ledger.csv"];
    assert!(verdict(&desk, &compare).1.starts_with("The report is"));
    fs::remove_dir_all(desk.path("then/reports")).unwrap();
    assert_eq!(verdict(&desk, &compare).1, "Not finished: nothing could be compared.");
    assert!(!desk.read("v.html").contains("nothing fell"));
}

/// What `audit` names of lists is on the page: what agrees is folded, and the largest difference comes first.
#[test]
fn lists_are_on_the_page() {
    const LISTS: &str = "reconcile:
  - { name: invoice, report: CUSTOMER, with: 'invoice-{period}.csv', match: { SKU: Part }, compare: { Q: Quantity } }
  - { name: same, report: USER, with: same.csv, match: [SKU] }
  - { name: gone, report: USER, with: gone.csv, match: [SKU] }
";
    let server = Served::new(READY);
    let jobs = partners(["Acme"], "CUSTOMER, USER", "2026-09");
    let desk = Desk::with(server.url(), &(jobs.clone() + LISTS));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    desk.lay("", &mut ledger, 0, "SKU,Q\nA,1\nB,20\nC,7\nD,x\n");
    desk.lay("", &mut ledger, 1, "SKU\nA\n");
    desk.write("m.ledger.csv", ledger.to_csv());
    let list = "Part;Quantity\nA;1\nB;22\n</td><script>alert(1)</script>;400\n";
    desk.write("invoice-2026-09.csv", list);
    desk.write("same.csv", "SKU\nA\n");
    let said = |class: &str, text: &str| {
        assert_eq!(verdict(&desk, &["m.yaml"]), (class.to_owned(), text.to_owned()));
    };
    said("bad", "Not in order: 2 lists with differences.");
    let page = desk.read("v.html");
    let (_, lists) = page.split_once("<h2 id=\"lists\">").unwrap();
    let (lists, _) = lists.split_once("</section>").unwrap();
    for part in [
        "<details class=\"list \" open>\n<summary><b>invoice 2026-09</b> · CUSTOMER (1 file) and invoice-2026-09.csv</summary>",
        "<details class=\"list agrees\">\n<summary><b>same 2026-09</b> · USER (1 file) and same.csv · all agree · 1 matched</summary>",
        "<p class=\"list\"><b>gone 2026-09</b> · not compared: there is no gone.csv",
        "aria-label=\"1 unreadable, 1 only_in_report, 1 only_in_list, 1 differs, 1 matched\"",
        "<td class=\"number\">28</td><td class=\"number\">423</td><td class=\"number off\">-395</td>",
        "line 5, Q: not a number",
    ] {
        assert!(lists.contains(part), "no {part} in {lists}");
    }
    assert_eq!(page.matches("<script").count(), 1, "{lists}");
    let keys = lists.split("<td class=\"cell\">").skip(1);
    let keys: Vec<&str> = keys.map(|rest| rest.split("</td>").next().unwrap()).collect();
    let evil = "&#60;/td&#62;&#60;script&#62;alert(1)&#60;/script&#62;";
    assert_eq!(keys, [evil, "C", "B", "D"], "the largest first, without figures last");

    // All is well, but for files that are not as the manifest says.
    desk.lay("", &mut ledger, 0, "SKU,Q\nA,1\n");
    desk.write("m.ledger.csv", ledger.to_csv());
    desk.write("invoice-2026-09.csv", "Part;Quantity\nA;1\n");
    desk.write("gone.csv", "SKU\nA\n");
    said("good", "All 2 reports are created and collected, and every file is unchanged.");
    assert_eq!(desk.read("v.html").matches("<details class=\"list agrees\">").count(), 3);
    let rules = "files:\n  USER: { columns: [NAME] }\n  CUSTOMER: { key: [SKU] }\n";
    desk.manifest(server.url(), &(jobs + rules));
    desk.lay("", &mut ledger, 0, "SKU,Q\nA,1\nA,2\n");
    desk.write("m.ledger.csv", ledger.to_csv());
    said("bad", "Not in order: 1 file with other columns, 1 file with a repeated key.");
    assert!(!desk.read("v.html").contains("id=\"lists\""));
}

/// Everything between two texts, each time.
fn between<'a>(page: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    page.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

/// First what finance looks for, then what failed, then the reports. The newest period comes first, what agrees is one
/// line, and what differs is open.
#[test]
fn the_newest_comes_first_and_what_agrees_is_folded() {
    const UUID: &str = "449f21c3-8095-5443-a387-1683814e7193";
    let server = Served::new(READY);
    let periods = "2026-08, 2026-10, 2026-09";
    let jobs = partners(["Acme"], "CUSTOMER, USER", periods)
        + &format!(
            "  - {{ name: unlabelled, sub_partners: [{}], types: [CUSTOMER, USER], periods: [{periods}] }}\n",
            partner(UUID)
        )
        + "audit:\n  totals: { column: Q }\nunits: { of: Q, report: USER }\n"
        + "reconcile:\n  - { name: list, report: USER, with: list.csv, match: [SKU] }\n";
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    desk.write("list.csv", "SKU\nA\n");
    let mut ledger = desk.ledger();
    let is = |place: usize, start: &str, kind: &str, whose: &str, ledger: &LedgerFile| {
        let line = &ledger.lines[place];
        let cells = [&line["billing_start_date"], &line["type"], &line["sub_partner_org_id"]];
        cells == [start, kind, &partner(whose)]
    };
    for place in 0..12 {
        let differs = is(place, "2026-10-01", "USER", "Acme", &ledger);
        let figure = if differs { "2" } else { "1.25" };
        desk.lay("", &mut ledger, place, &format!("SKU,Q\nA,{figure}\n"));
        if is(place, "2026-08-01", "CUSTOMER", UUID, &ledger) {
            let failed = [
                ("status", "failed"),
                ("report_id", ""),
                ("error", "no"),
                ("error_code", "http_403"),
            ];
            ledger.set(place, &failed);
        }
    }
    desk.write("m.ledger.csv", ledger.to_csv());
    desk.monthend(["report", "m.yaml", "-o", "p.html"]).expect(0);
    let page = desk.read("p.html");
    assert!(page.contains("<title>SANDBOX test · monthend</title>"), "the manifest's name");
    assert_eq!(
        between(&page, "<h2 id=\"", "\""),
        ["sums", "units", "lists", "causes", "reports", "made"]
    );
    let newest = ["2026-10", "2026-09", "2026-08"];
    let reports = page.split_once("<h2 id=\"reports\">").unwrap().1;
    assert_eq!(between(reports, "<summary><b>", "</b>"), newest);
    assert_eq!(
        between(reports, "<details class=\"list browse", ">"),
        [" agrees few\" open", " agrees few\"", " few\" open"],
        "open: the newest, and what is not settled"
    );
    let numbers = between(reports, "</b> · ", "</summary>");
    assert_eq!(numbers[1..], ["4 collected · 4 rows", "3 collected, 1 failed · 4 rows"]);
    assert_eq!(between(&page, "<summary><b>list ", "</b>"), newest);

    let sums = between(&page, "<h2 id=\"sums\">", "</section>")[0];
    let row = |cells: [&str; 5]| {
        let [period, customer, user, count, result] = cells;
        format!(
            "<tr><th scope=\"row\" class=\"period\">{period}</th><td class=\"number\">{customer}</td>\
             <td class=\"number\">{user}</td><td class=\"number\">{count}</td><td class=\"{result}</td></tr>\n"
        )
    };
    let lines = row(["2026-10", "2.50", "3.25", "2", "failed\">1 differ, 1 agree"])
        + &row(["2026-09", "2.50", "2.50", "2", "ok\">2 agree"])
        + &row(["2026-08", "1.25", "2.50", "2", "ok\">1 agree, 1 one only"]);
    assert!(sums.contains(&lines), "no {lines} in {sums}");
    let (open, folded) = sums.split_once("<details class=\"list agrees browse few\">").unwrap();
    assert!(folded.contains("<summary><b>5 sums</b> that do not differ"), "{folded}");
    assert_eq!(
        (open.matches(">differ</td>").count(), folded.matches(">differ</td>").count()),
        (1, 0)
    );
    assert_eq!(
        (open.matches(">agree</td>").count(), folded.matches(">agree</td>").count()),
        (0, 4)
    );
    let of_rows = between(folded, "<td class=\"period\">", "</td>");
    assert!(of_rows.is_sorted_by(|a, b| a >= b) && of_rows.len() == 5, "{of_rows:?}");
    assert!(folded.contains(&format!("<th scope=\"row\">{UUID}</th>")), "{folded}");
}
