//! Crashes, and the runs after them that look at a part only. What cannot be told apart is in doubt together, whatever
//! is selected.

use crate::support::{Desk, Served, eventually, partners, partners_with};

/// Two jobs about the same sub-partners: without and with internal organisations.
fn twins() -> String {
    let names = ["a", "b", "c", "d"];
    let internal = partners_with(names, "USER", "2026-09", "internal: true");
    partners(names, "USER", "2026-09") + &internal.replace("name: partners", "name: internal")
}

/// A desk whose run for `job` was killed while all its creates were in flight, made or not.
fn killed(processed: bool, more: &str) -> (Desk, Served) {
    let server = Served::new(&format!(
        "faults: [{{ when: {{ endpoint: create, last: 4 }}, then: [{{ kind: hang, processed: {processed} }}] }}]\n{more}"
    ));
    let desk = Desk::new();
    desk.manifest_with(server.url(), "retry.settle: 700ms", &twins());
    let mut running = desk.converge().arg("--job=partners").start();
    eventually("all are in flight", || server.creates().len() == 4);
    if processed {
        eventually("all are made", || server.reports().len() == 4);
    }
    assert!(running.kill());
    (desk, server)
}

/// Runs the twins only of what is in doubt, made or not.
fn after_the_twins(processed: bool) {
    for shows_internal in [true, false] {
        let more = format!("reports: {{ shows_internal: {shows_internal} }}");
        let (desk, server) = killed(processed, &more);
        desk.converge().arg("--job=internal").expect(0);
        let ledger = desk.ledger();
        server.lawful(&ledger);
        let of_job = |job: &str, status: &str| {
            let lines = ledger.lines.iter();
            let of_job = lines.filter(|l| &l["job"] == job && &l["status"] == status);
            of_job.count()
        };
        assert_eq!(of_job("internal", "created"), 4, "{ledger:#?}");
        let found = if processed { "created" } else { "pending" };
        assert_eq!(of_job("partners", found), 4, "{ledger:#?}");
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(8));
    }
}

#[test]
fn a_doubt_outside_the_selection_is_settled_before_its_twin_is_sent() {
    after_the_twins(true);
}

#[test]
fn a_doubt_outside_the_selection_that_was_not_made_is_not_sent() {
    after_the_twins(false);
}

#[test]
fn existing_reports_are_not_taken_from_a_doubt() {
    std::thread::scope(|scope| {
        for processed in [true, false] {
            for selection in [&[][..], &["--job=internal"], &["--job=partners"]] {
                scope.spawn(move || {
                    let (desk, server) = killed(processed, "");
                    let mut run = desk.converge().arg("--existing=adopt");
                    for option in selection {
                        run = run.arg(*option);
                    }
                    run.expect(0);
                    server.lawful(&desk.ledger());
                    desk.converge().expect(0);
                    server.all_ours(&desk.ledger().at_rest(8));
                });
            }
        }
    });
}

/// The ledger was lost. Lists do not tell twins apart, so no order of jobs may give one the other's report. The history
/// knows which is whose.
#[test]
fn adopting_job_by_job_swaps_no_twins() {
    for (shows_internal, history) in [(true, true), (true, false), (false, true), (false, false)] {
        for jobs in [["partners", "internal"], ["internal", "partners"]] {
            let server = Served::new(&format!(
                "reports: {{ shows_internal: {shows_internal}, list_shows_created: true }}"
            ));
            let desk = Desk::with(server.url(), &twins());
            // The second job first: an order of making that no list tells.
            desk.converge().arg("--job=internal").expect(0);
            desk.converge().expect(0);
            std::fs::remove_file(desk.path("m.ledger.csv")).unwrap();
            if !history {
                std::fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
            }
            for job in jobs {
                let run = desk.converge().arg("--existing=adopt").arg("--job").arg(job);
                run.expect(if shows_internal || history { 0 } else { 1 });
                server.lawful(&desk.ledger());
            }
            assert_eq!(server.reports().len(), 8);
            let ledger = desk.ledger().at_rest(8);
            if shows_internal || history {
                server.all_ours(&ledger);
            } else {
                assert!(ledger.column("error_code").iter().all(|c| *c == "in_doubt"));
            }
        }
    }
}

/// After a crash the intent may have been another administrator's: a colleague's report is neither taken nor is ours
/// sent again blindly.
#[test]
fn a_colleagues_report_beside_a_crash_is_for_a_person_to_decide() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 3 }, then: [{ kind: rival, by: colleague }] }]",
    );
    let desk = Desk::new();
    let jobs = partners(["a", "b", "c"], "USER", "2026-09");
    let settings = "retry.settle: 3s\nlimits.concurrency: 1";
    desk.manifest_with(server.url(), settings, &jobs);
    let mut running = desk.converge().start();
    eventually("the last is lost", || server.reports().len() == 3);
    eventually("its doubt is recorded", || {
        desk.ledger().lines.iter().any(|l| &l["status"] == "sending" && &l["sub_partner"] == "c")
    });
    running.kill();
    desk.manifest_with(server.url(), "retry.settle: 500ms", &jobs);
    desk.converge().expect(1);
    let ledger = desk.ledger().at_rest(3);
    server.lawful(&ledger);
    let row = ledger.of("c")[0];
    assert_eq!(&row["error_code"], "in_doubt");
    let theirs = &server.reports()[2].id;
    assert!(row["error"].contains(theirs), "{row:?}");
}

/// A report that a row in doubt names was there before its twin was sent: it is not the twin's, though stamps in whole
/// seconds make it as young.
#[test]
fn what_a_row_in_doubt_names_is_not_its_twins() {
    let desk = Desk::new();
    let state = desk.path("state").display().to_string();
    let lost = |now: &str, fault: &str, reports: &str| {
        Served::new(&format!(
            "state: {state}\nnow: 2030-01-01T00:00:{now}Z
reports: {{ created_in_whole_seconds: true, {reports} }}
faults: [{{ when: {{ endpoint: create, org: twin, tries: 1 }}, then: [{fault}] }}]"
        ))
    };
    let made = "{ kind: reset, processed: true }";
    let mut server = lost("00.1", made, "get_shows_created: false");
    let names = ["first", "twin"];
    let internal = partners_with(names, "USER", "2026-09", "internal: true");
    let jobs =
        partners(names, "USER", "2026-09") + &internal.replace("name: partners", "name: internal");
    desk.manifest_with(server.url(), "retry.settle: 500ms", &jobs);
    desk.converge().arg("--job=partners").expect(1);
    assert_eq!(&desk.ledger().of("twin")[0]["error_code"], "in_doubt");
    server.stop();

    let server = lost("00.3", "{ kind: reset }", "list_shows_created: true");
    desk.manifest_with(server.url(), "retry.settle: 500ms", &jobs);
    desk.converge().arg("--job=internal").run();
    server.lawful(&desk.ledger().at_rest(4));
}
