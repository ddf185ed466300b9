//! Tokens that end, scopes that lack, and secrets that never show.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
};

use sandbox::{CLIENT_ID, CLIENT_SECRET, Endpoint, REFRESH_TOKEN};

use crate::support::{Desk, Ended, Monthend, Served, TOKEN, eventually, many, partners};

/// Adds what renews a token.
fn renewable(command: Monthend) -> Monthend {
    command
        .env("WEBEX_CLIENT_ID", CLIENT_ID)
        .env("WEBEX_CLIENT_SECRET", CLIENT_SECRET)
        .env("WEBEX_REFRESH_TOKEN", REFRESH_TOKEN)
}

/// No secret stands in the output or in any file at the desk but those that hold it by its owner's will.
#[track_caller]
fn shows_no_secret(desk: &Desk, ended: &Ended, holders: &[&str]) {
    let mut texts = vec![
        ("stdout".to_owned(), ended.stdout.clone()),
        ("stderr".to_owned(), ended.stderr.clone()),
    ];
    for name in desk.files() {
        if !holders.contains(&name.as_str()) {
            texts.push((
                name.clone(),
                String::from_utf8_lossy(&fs::read(desk.path(&name)).unwrap()).into_owned(),
            ));
        }
    }
    for (place, text) in texts {
        for secret in [TOKEN, CLIENT_SECRET, REFRESH_TOKEN, "hush"] {
            assert!(!text.contains(secret), "{secret} stands in {place}: {text}");
        }
    }
}

/// An organisation that this token may not act for: its row fails, the token is not at fault.
#[test]
fn a_401_for_one_organisation_only_fails_its_row_and_renews_nothing() {
    for can_renew in [true, false] {
        let server = Served::new(
            "latency: { fixed: 5ms }\nfaults: [{ when: { org: p0 }, then: [{ kind: status, status: 401 }] }]",
        );
        let names = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"];
        let desk = Desk::with(server.url(), &partners(names, "USER", "2026-09"));
        let command = desk.converge();
        let command = if can_renew { renewable(command) } else { command };
        command.expect(1);
        let ledger = desk.ledger().at_rest(10);
        assert_eq!(ledger.count("created"), 9);
        let refused = ledger.of("p0")[0];
        assert_eq!(
            (&refused["status"], &refused["error_code"], &refused["http_status"]),
            ("failed", "http_401", "401")
        );
        assert_eq!(server.at(Endpoint::Token).len(), 0, "nothing is renewed");
        assert_eq!(server.creates().len(), 10, "and nothing is sent twice");
    }
}

#[test]
fn a_token_that_ends_stops_the_run_where_it_cannot_be_renewed() {
    let server = Served::new("token: { expires_after: 10 }\nlatency: { fixed: 5ms }");
    let desk = Desk::with(server.url(), &many(60));
    let ended = desk.converge().arg("-v").expect(3);
    shows_no_secret(&desk, &ended, &[]);
    let said = "error: The token was refused. Set a new WEBEX_ACCESS_TOKEN.\n";
    assert_eq!(ended.stderr.matches(said).count(), 1, "{ended}");
    let ledger = desk.ledger().at_rest(60);
    assert_eq!(ledger.count("created") + ledger.count("pending"), 60);
    assert!(ledger.count("created") >= 5);
    let refused = server.exchanges().iter().filter(|e| e.status == Some(401)).count();
    assert!((1..=8).contains(&refused), "no more than were in flight: {refused}");
}

#[test]
fn a_token_that_ends_is_renewed_once_for_all() {
    let server =
        Served::new("token: { expires_after: 20, rotate_refresh: true }\nlatency: { fixed: 5ms }");
    let desk = Desk::with(server.url(), &many(70));
    let ended = renewable(desk.converge()).arg("-v").arg("--log-format=json").expect(0);
    shows_no_secret(&desk, &ended, &[]);
    ended.says(["the access token was renewed", "WEBEX_REFRESH_TOKEN_FILE"]);
    assert_eq!(desk.ledger().at_rest(70).count("created"), 70);
    server.nothing_twice();
    // 71 requests at least, twenty for each token.
    let renewals = server.at(Endpoint::Token).len();
    assert!((3..=5).contains(&renewals), "one for each token that ended: {renewals}");
}

#[test]
fn what_renews_a_token_is_enough_to_begin_with() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(5));
    renewable(desk.converge()).without("WEBEX_ACCESS_TOKEN").expect(0);
    assert_eq!(server.at(Endpoint::Token).len(), 1);
    assert!(server.exchanges().iter().all(|e| e.status == Some(200)));
}

#[test]
fn a_renewed_refresh_token_is_kept_in_its_file_for_the_next_run() {
    let server = Served::new("token: { expires_after: 20, rotate_refresh: true }");
    let desk = Desk::with(server.url(), &many(30));
    for (name, secret) in [("id", CLIENT_ID), ("secret", CLIENT_SECRET), ("refresh", REFRESH_TOKEN)]
    {
        fs::set_permissions(
            desk.write(name, format!("{secret}\n")),
            fs::Permissions::from_mode(0o640),
        )
        .unwrap();
    }
    let from_files = |ledger: &str| {
        desk.converge()
            .without("WEBEX_ACCESS_TOKEN")
            .env("WEBEX_CLIENT_ID_FILE", "id")
            .env("WEBEX_CLIENT_SECRET_FILE", "secret")
            .env("WEBEX_REFRESH_TOKEN_FILE", "refresh")
            .arg(format!("--ledger={ledger}"))
    };
    let ended = from_files("1.csv").expect(0);
    shows_no_secret(&desk, &ended, &["id", "secret", "refresh"]);
    let renewed = desk.read("refresh");
    let renewals = server.at(Endpoint::Token).len();
    assert_eq!(renewed.trim(), format!("{REFRESH_TOKEN}-{}", renewals + 1));
    let mode = fs::metadata(desk.path("refresh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(desk.read("id"), format!("{CLIENT_ID}\n"), "only what changed is written");
    // The first refresh token is spent by now: only the one in the file still works.
    from_files("2.csv").expect(0);
    assert_eq!(desk.files(), ["1.csv", "2.csv", "id", "m.yaml", "refresh", "secret"]);
}

/// `docker --env-file` keeps quotes.
#[test]
fn quotes_around_a_secret_are_no_part_of_it() {
    let server = Served::new("token: { expires_after: 5 }");
    let desk = Desk::with(server.url(), &many(20));
    desk.converge()
        .env("WEBEX_ACCESS_TOKEN", format!("\"Bearer {TOKEN}\""))
        .env("WEBEX_CLIENT_ID", format!("'{CLIENT_ID}'"))
        .env("WEBEX_CLIENT_SECRET", format!("\"{CLIENT_SECRET}\""))
        .env("WEBEX_REFRESH_TOKEN", format!("\u{feff}\"{REFRESH_TOKEN}\"\n"))
        .expect(0);
    assert!(!server.at(Endpoint::Token).is_empty());
    desk.write("token", format!("\"{TOKEN}\"\r\n"));
    let server = Served::new("");
    desk.manifest(server.url(), &many(2));
    desk.converge()
        .without("WEBEX_ACCESS_TOKEN")
        .env("WEBEX_ACCESS_TOKEN_FILE", "\"token\"")
        .arg("--ledger=other.csv")
        .expect(0);
}

#[test]
fn a_refresh_that_fails_stops_at_once() {
    for (wrong, said) in [
        ("WEBEX_CLIENT_SECRET", "client secret is wrong"),
        ("WEBEX_REFRESH_TOKEN", "refresh token is invalid"),
    ] {
        let server = Served::new("token: { expires_after: 5 }");
        let desk = Desk::with(server.url(), &many(40));
        let ended = renewable(desk.converge()).env(wrong, "hush-hush").expect(3);
        shows_no_secret(&desk, &ended, &[]);
        ended.says(["could not be renewed", said, "WEBEX_CLIENT_SECRET"]);
        assert_eq!(server.at(Endpoint::Token).len(), 1);
        let ledger = desk.ledger().at_rest(40);
        assert_eq!(ledger.count("created") + ledger.count("pending"), 40);
    }
}

#[test]
fn a_wrong_token_stops_with_every_row_pending() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(40));
    let ended = desk.converge().env("WEBEX_ACCESS_TOKEN", "hush-wrong").expect(3);
    shows_no_secret(&desk, &ended, &[]);
    assert_eq!(desk.ledger().at_rest(40).count("pending"), 40);
    assert!(server.exchanges().len() <= 8);
    desk.converge().expect(0);
}

/// Ends the server's token as someone else's renewal would.
fn renewed_elsewhere(server: &Served) {
    let url = url::Url::parse(server.url()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).unwrap();
    let form = format!(
        "grant_type=refresh_token&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&refresh_token={REFRESH_TOKEN}"
    );
    write!(
        stream,
        "POST {}/access_token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        url.path(),
        form.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_token_file_is_read_again_when_the_token_ends() {
    let server = Served::new("latency: { fixed: 20ms }");
    let desk = Desk::with(server.url(), &many(100));
    desk.write("token", TOKEN);
    let running = desk
        .converge()
        .without("WEBEX_ACCESS_TOKEN")
        .env("WEBEX_ACCESS_TOKEN_FILE", "token")
        .start();
    eventually("it runs", || server.creates().len() > 10);
    desk.write("token", format!("{TOKEN}-2\n"));
    renewed_elsewhere(&server);
    let ended = running.wait().expect(0);
    shows_no_secret(&desk, &ended, &["token"]);
    assert_eq!(server.at(Endpoint::Token).len(), 1, "only the other's renewal");
    assert!(server.exchanges().iter().any(|e| e.status == Some(401)));
    assert_eq!(desk.ledger().at_rest(100).count("created"), 100);
    server.nothing_twice();
}

#[test]
fn a_403_on_everything_from_the_start_is_about_the_token() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create }, then: [{ kind: status, status: 403 }] }]\nlatency: { fixed: 5ms }",
    );
    let desk = Desk::with(server.url(), &many(60));
    let ended = desk.converge().expect(3);
    ended.says([
        "refuses everything",
        "spark-admin:wholesale_billing_reports_write",
        "WEBEX_ACCESS_TOKEN",
    ]);
    let ledger = desk.ledger().at_rest(60);
    let (failed, pending) = (ledger.count("failed"), ledger.count("pending"));
    assert!((20..=40).contains(&failed) && failed + pending == 60, "{failed} {pending}");
    assert_eq!(
        server.creates().len(),
        failed,
        "what was answered is failed, nothing else was sent"
    );

    // The whole plan, where that is smaller.
    let desk = Desk::with(server.url(), &many(2));
    desk.converge().expect(3).says(["scope"]);
    assert_eq!(desk.ledger().at_rest(2).count("failed"), 2);
}

#[test]
fn a_403_is_about_its_row_where_anything_was_ever_created() {
    let good = Served::new("");
    let desk = Desk::with(good.url(), &many(1));
    desk.converge().expect(0);
    let server = Served::new(
        "faults: [{ when: { endpoint: create }, then: [{ kind: status, status: 403 }] }]",
    );
    desk.manifest(server.url(), &many(40));
    desk.converge().expect(1);
    assert_eq!(desk.ledger().at_rest(40).count("failed"), 39);
}

#[test]
fn secrets_show_nowhere_whatever_goes_wrong() {
    let server = Served::new(
        "faults:\n  - { when: { endpoint: create, tries: 1, probability: 0.7 }, then: [{ kind: reset, processed: true }, { kind: html }, { kind: status, status: 500, body: hostile }, { kind: status, status: 400, body: not_utf8 }, { kind: status, status: 302, location: 'https://example.com' }, { kind: truncated }] }\ntoken: { expires_after: 25, rotate_refresh: true }",
    );
    let desk = Desk::with(server.url(), &many(60));
    for format in ["text", "json"] {
        let ended =
            renewable(desk.converge()).arg("-v").arg(format!("--log-format={format}")).run();
        assert!(matches!(ended.code, Some(0 | 1 | 3)), "{ended}");
        shows_no_secret(&desk, &ended, &[]);
    }
}

#[test]
fn secrets_are_no_process_arguments() {
    let server = Served::new("latency: { fixed: 50ms }");
    let desk = Desk::with(server.url(), &many(20));
    let running = renewable(desk.converge()).start();
    eventually("it runs", || !server.creates().is_empty());
    if let Ok(line) = fs::read(format!("/proc/{}/cmdline", running.pid())) {
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(
            line.contains("m.yaml") && !line.contains(TOKEN) && !line.contains(CLIENT_SECRET),
            "{line}"
        );
    }
    running.wait().expect(0);
}
