//! Hosts of files that contradict themselves: a file is recorded only where all that was announced of one version of it
//! is there.

use crate::support::{Asked, Canned, Desk, Reply, partners, report};

/// Every row says which one it is, so that half of the file is a table as well.
fn table() -> String {
    let rows: String = (0..2_000).map(|n| format!("{n},{n}\n")).collect();
    format!("ID,CONSUMPTION\n{rows}")
}

/// The whole file, of which only half comes.
fn half() -> Reply {
    let whole = table();
    let length = format!("content-length: {}", whole.len());
    let end = whole[..whole.len() / 2].rfind('\n').unwrap() + 1;
    Reply::with(200, &["etag: \"1\"", &length], &whole[..end])
}

fn whole() -> Reply {
    let length = format!("content-length: {}", table().len());
    Reply::with(200, &["etag: \"1\"", &length], table())
}

/// Ten bytes where the rest was asked for, and what they are said to be: `FIRST`, `TEN` (the last of them), `LAST` and
/// `TOTAL` stand for numbers.
fn ten_bytes(asked: &Asked, range: &str) -> Reply {
    let first = asked.header("range").trim_start_matches("bytes=").trim_end_matches('-');
    let first: usize = first.parse().unwrap();
    let whole = table();
    let range = range
        .replace("FIRST", &first.to_string())
        .replace("TEN", &(first + 9).to_string())
        .replace("LAST", &(whole.len() - 1).to_string())
        .replace("TOTAL", &whole.len().to_string())
        .replace("LESS", &(whole.len() - 1).to_string())
        .replace("MORE", &(whole.len() + 1).to_string())
        .replace("END", &(first + 10).to_string());
    let mut headers = vec!["etag: \"1\"", "content-length: 10"];
    let range = format!("content-range: {range}");
    if !range.ends_with(": ") {
        headers.push(&range);
    }
    Reply::with(206, &headers, &whole[first..first + 10])
}

/// Collects from a host that answers the first requests for the file with `answers`, and then as it should; with the
/// whole file where `heals`. What is recorded is the whole file, or nothing.
#[track_caller]
fn collects(
    name: &str,
    heals: bool,
    answers: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
) {
    let server =
        Canned::new(move |asked, _| asked.is_file().then(|| answers(asked).unwrap_or_else(whole)));
    let desk = Desk::new();
    let settings = "retry.max_attempts: 4";
    desk.manifest_with(&server.url, settings, &partners(["a"], "USER", "2026-09"));
    let ended = desk.converge().arg("--collect").run();
    let line = desk.ledger().lines[0].clone();
    let ranges: Vec<String> = (server.asked().iter().filter(|asked| asked.is_file()))
        .map(|asked| asked.header("range").to_owned())
        .collect();
    let said = format!("{name}: {ranges:?} {line:?} {ended}");
    if heals {
        assert_eq!(ended.code, Some(0), "{said}");
        assert_eq!(&line["report_rows"], "2000", "{said}");
        assert_eq!(desk.read(&line["report_file"]), table(), "{name}");
    } else {
        assert_eq!(ended.code, Some(1), "{said}");
        assert_eq!(&line["report_file"], "", "{said}");
        assert!(!line["report_error"].is_empty(), "{said}");
    }
}

#[test]
fn a_part_counts_only_where_it_is_the_rest_of_the_same_file() {
    let ranges = [
        "bytes FIRST-TEN/*",
        "bytes FIRST-LAST/*",
        "bytes FIRST-TEN/END",
        "bytes FIRST-TEN/TOTAL",
        "bytes FIRST-TEN/LESS",
        "bytes FIRST-TEN/MORE",
        "bytes FIRST-LAST/TOTAL",
        "bytes 0-9/10",
        "bytes */TOTAL",
        "items FIRST-TEN/END",
        "bytes FIRST-TEN/END\r\ncontent-range: bytes FIRST-LAST/TOTAL",
        "",
    ];
    let is_rest = |asked: &Asked| !asked.header("range").is_empty();
    std::thread::scope(|scope| {
        for range in ranges {
            scope.spawn(move || {
                collects(range, true, move |asked| match asked.before {
                    0 => Some(half()),
                    1 if is_rest(asked) => Some(ten_bytes(asked, range)),
                    _ => None,
                });
            });
            scope.spawn(move || {
                collects(range, false, move |asked| {
                    Some(if is_rest(asked) { ten_bytes(asked, range) } else { half() })
                });
            });
        }
    });
}

#[test]
fn a_version_of_a_file_has_one_length() {
    // The whole again, as short as what is there.
    collects("shorter", false, |asked| match asked.before {
        0 => Some(half()),
        _ => {
            let whole = table();
            let end = whole[..whole.len() / 2].rfind('\n').unwrap() + 1;
            let length = format!("content-length: {end}");
            Some(Reply::with(200, &["etag: \"1\"", &length], &whole[..end]))
        }
    });
    // Another version may have another length.
    let other = "ID,CONSUMPTION\n1,2\n";
    let server = Canned::new(move |asked, _| {
        let length = format!("content-length: {}", other.len());
        asked.is_file().then(|| match asked.before {
            0 => half(),
            _ => Reply::with(200, &["etag: \"2\"", &length], other),
        })
    });
    let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
    desk.converge().arg("--collect").expect(0);
    assert_eq!(&desk.ledger().lines[0]["report_rows"], "1");
}

#[test]
fn a_whole_that_is_no_whole_is_asked_for_again() {
    let part = |status, range: &'static str| {
        move || {
            let length = "content-length: 30";
            Reply::with(status, &["etag: \"1\"", length, range], &table()[..30])
        }
    };
    for (name, first) in [
        (
            "206 at first",
            Box::new(part(206, "content-range: bytes 0-29/30"))
                as Box<dyn Fn() -> Reply + Send + Sync>,
        ),
        ("206 of more", Box::new(part(206, "content-range: bytes 0-29/16670"))),
        ("206 without a range", Box::new(part(206, "x: y"))),
        ("200 of a part", Box::new(part(200, "content-range: bytes 0-29/16670"))),
        ("416 at first", Box::new(part(416, "content-range: bytes */16670"))),
    ] {
        collects(name, true, move |asked| (asked.before == 0).then(&first));
    }
    for (name, status, range) in [
        ("206 always", 206, "content-range: bytes 0-29/30"),
        ("200 of a part, always", 200, "content-range: bytes 0-29/16670"),
    ] {
        collects(name, false, move |_| Some(part(status, range)()));
    }
    // Less than was announced, and more.
    for length in [table().len() + 1, table().len() * 2] {
        let length = format!("content-length: {length}");
        collects(&length.clone(), false, move |_| {
            Some(Reply::with(200, &["etag: \"1\"", &length], table()))
        });
    }
    // No length at all: the connection may have broken off anywhere.
    collects("no length", false, |_| {
        let table = table();
        let end = table[..table.len() / 2].rfind('\n').unwrap() + 1;
        Some(Reply::with(200, &["etag: \"1\""], &table[..end]))
    });
    for headers in [
        &["transfer-encoding: identity"][..],
        &["transfer-encoding: chunked, gzip"],
        &["transfer-encoding: identity", "content-length: 99999"],
    ] {
        collects(headers[0], false, |_| {
            let table = table();
            let end = table[..table.len() / 2].rfind('\n').unwrap() + 1;
            Some(Reply::with(200, headers, &table[..end]))
        });
    }
    // Of a packed body more may come, too. This is `gzip -n` of two lines.
    let member: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xf3\x74\xd1\x71\xf6\xe5\x32\xd4\x31\xe4\x02\x00\x15\xc1\x5f\x7f\x0a\x00\x00\x00";
    collects("gzip without an end", false, move |_| {
        Some(Reply::with(200, &["content-encoding: gzip"], member))
    });
    // Chunks have an end of their own.
    collects("chunks", true, |_| {
        let body = format!("{:x}\r\n{}\r\n0\r\n\r\n", table().len(), table());
        Some(Reply::with(200, &["transfer-encoding: chunked"], body))
    });
    collects("cut chunks", false, |_| {
        let body = format!("{:x}\r\n{}\r\n", table().len(), table());
        Some(Reply::with(200, &["transfer-encoding: chunked"], body))
    });
}

/// A proxy repeats the answer that somebody else got, or a host mixes reports up.
#[test]
fn a_read_that_is_answered_with_another_report_is_no_answer() {
    for status in ["COMPLETED", "FAILED"] {
        let server = Canned::new(move |asked, address| {
            let mut other = asked.is_read().then(|| report(asked, address))?;
            other["id"] = "another-report".into();
            other["status"] = status.into();
            Some(Reply::json(200, &other))
        });
        let desk = Desk::new();
        let jobs = partners(["a"], "USER", "2026-09");
        desk.manifest_with(&server.url, "retry.max_attempts: 2", &jobs);
        let collect = desk.converge().args(["--collect", "--wait=1s"]);
        let ended = collect.expect(1);
        let line = desk.ledger().lines[0].clone();
        assert_eq!(&line["report_file"], "", "{ended}");
        assert!(!line["report_error"].is_empty(), "{line:?}");
        let retried = desk.retry().arg("--recreate-failed").run();
        let creates = server.asked().iter().filter(|asked| asked.is_create()).count();
        assert_eq!(creates, 1, "{retried}");
    }
}

/// A host that does not know ranges answers with the whole: what was there is thrown away.
#[test]
fn a_whole_in_place_of_the_rest_begins_again() {
    collects("200 for a range", true, |asked| (asked.before < 2).then(half));
    collects("without a version", true, |asked| {
        let length = format!("content-length: {}", table().len());
        (asked.before < 2).then(|| Reply::with(200, &[&length], &table()[..40]))
    });
}

/// What no table has takes memory without end: it is no report, and what came by force is not combined and summed.
#[test]
fn a_header_or_a_row_without_end_is_no_table() {
    let wide = "x,".repeat(20_000) + "x\n";
    let wider = "x,".repeat(5_000_000) + "x\n";
    let long = format!("{}\n", "y".repeat(5_000_000));
    let open_quote = format!("A,CONSUMPTION\n1,2\n1,\"{}", "2\n".repeat(3_000_000));
    for (file, says) in [
        (wide, "its header has 20,001 columns"),
        (wider, "its header is longer than 1 MiB"),
        (long, "its header is longer than 1 MiB"),
        (open_quote, "row 2 is longer than 1 MiB"),
    ] {
        let length = format!("content-length: {}", file.len());
        let server = Canned::new(move |asked, _| {
            asked.is_file().then(|| Reply::with(200, &[&length], &file))
        });
        let audit = "audit:\n  totals: { column: CONSUMPTION }\n";
        let jobs = partners(["a"], "USER, CUSTOMER", "2026-09");
        let desk = Desk::with(&server.url, &format!("{jobs}{audit}"));
        // As much address space as the program takes for a small file, and a little more.
        let small = |command: crate::support::Monthend| command.after("ulimit -v 1000000");
        let ended = small(desk.converge().args(["--collect", "--combine=all.csv"])).expect(1);
        assert!(ended.stdout.contains("not collected"), "{ended}");
        let line = desk.ledger().lines[0].clone();
        assert!(line["report_error"].contains(says), "{line:?}");
        let forced = ["collect", "m.yaml", "--no-content-check", "--combine=all.csv"];
        let ended = small(desk.monthend(forced)).expect(1);
        assert!(
            ended.stderr.contains("cannot read") && ended.stderr.contains(&says[says.len() - 5..]),
            "{ended}"
        );
        assert!(!desk.has("all.csv"), "{ended}");
        let ended = small(desk.monthend(["audit", "m.yaml", "--format=json"])).expect(1);
        assert!(ended.stdout.contains("totals_unknown"), "{ended}");
    }
}
