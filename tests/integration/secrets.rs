//! What others say may quote anything that this program ever sent or was given: it is shown and kept without the
//! secrets.

use serde_json::json;

use crate::support::{Asked, Canned, Desk, Ended, Monthend, Reply, partners, report};

const TOKENS: [&str; 2] = ["tok-A.5eCr3t+first", "tok-B.5eCr3t+second"];
const CLIENT: [(&str, &str); 3] = [
    ("WEBEX_CLIENT_ID", "cl1ent-1d"),
    ("WEBEX_CLIENT_SECRET", "cl1ent-s3cret/value"),
    ("WEBEX_REFRESH_TOKEN", "refr3sh-t0ken-1"),
];
/// Never known to this program, so it goes with the address that it signs.
const SIGNED: &str = "https://x.example/a.csv?Expires=1&Signature=0thersig&Key-Pair-Id=K";

/// Everything that a server may have heard, in several dresses.
fn quoted() -> String {
    let [first, second] = TOKENS;
    let [_, (_, secret), (_, refresh)] = CLIENT;
    let encoded = first.replace('+', "%2B").replace('.', "%2e");
    let basic = "Y2wxZW50LTFkOmNsMWVudC1zM2NyZXQvdmFsdWU="; // client id and secret
    let (left, right) = second.split_at(9);
    format!(
        "worker 7 gave up; Authorization: Bearer {first}; {encoded}; {left}\r\n {right}; {}; Basic {basic}; \
         secret {secret}, refresh {refresh} then refr3sh-t0ken-2; PUT {SIGNED}; /a.csv?a=b&Signature=0thersig; \
         of s3cr3tsig; s3cr%33tsig",
        second.to_uppercase()
    )
}

fn command(command: Monthend) -> Monthend {
    let command = CLIENT.iter().fold(command, |command, (name, value)| command.env(name, *value));
    command.env("WEBEX_ACCESS_TOKEN", TOKENS[0])
}

/// What [`quoted`] has, as nobody may see it.
#[track_caller]
fn shows_none(what: &str, text: &str) {
    let lower = text.to_lowercase();
    for secret in [
        TOKENS[0],
        TOKENS[1],
        "5ecr3t",
        "s3cret",
        "refr3sh",
        "Y2wxZW50LTFkOmNsMWVudC1zM2NyZXQv",
        "s3cr3tsig",
        "tsig",
        "0thersig",
    ] {
        assert!(!lower.contains(&secret.to_lowercase()), "{secret} in {what}: {text}");
    }
}

#[track_caller]
fn no_secret_shows(desk: &Desk, ended: &Ended) {
    shows_none("stdout", &ended.stdout);
    shows_none("stderr", &ended.stderr);
    for entry in std::fs::read_dir(desk.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            shows_none(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        }
    }
}

fn is_with(asked: &Asked, token: &str) -> bool {
    asked.header("authorization") == format!("Bearer {token}")
}

/// The first token ends at once; with the second one the API works, and `answers` says otherwise.
fn renewing(answers: impl Fn(&Asked, &str) -> Option<Reply> + Send + Sync + 'static) -> Canned {
    Canned::new(move |asked, address| {
        if asked.path().ends_with("/access_token") {
            let tokens = json!({ "access_token": TOKENS[1], "refresh_token": "refr3sh-t0ken-2" });
            return Some(Reply::json(200, &tokens));
        }
        if !asked.is_file() && !is_with(asked, TOKENS[1]) {
            return Some(Reply::json(401, &json!({ "message": "ended" })));
        }
        answers(asked, address)
    })
}

const OUTPUTS: [&str; 6] =
    ["-vv", "--junit", "j.xml", "--summary-json", "s.json", "--metrics=m.prom"];

/// Wherever a report can say something, and whatever: the row says it, without the secrets.
#[test]
fn a_report_that_quotes_secrets_is_told_without_them() {
    for (field, value) in [
        ("errors", json!([{ "code": 4711, "description": quoted() }])),
        ("errors", json!([{ "code": quoted() }])),
        ("status", json!(quoted())),
        ("createdBy", json!(quoted())),
        ("category", json!(quoted())),
    ] {
        let server = renewing(move |asked, address| {
            let mut report = asked.is_read().then(|| report(asked, address))?;
            if field == "errors" {
                report["status"] = json!("FAILED");
            }
            report[field] = value.clone();
            Some(Reply::json(200, &report))
        });
        let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
        let run = command(desk.converge()).args(["--collect", "--wait=1s"]).args(OUTPUTS);
        let ended = run.run();
        no_secret_shows(&desk, &ended);
        if field == "errors" || field == "status" {
            assert_eq!(ended.code, Some(1), "{field}: {ended}");
            let line = desk.ledger().lines[0].clone();
            let said = format!("{} {}", &line["report_error"], &line["report_status"]);
            assert!(said.contains("worker 7"), "{field}: {said}");
        }
        for look in [
            desk.status(),
            desk.status().arg("--format=json"),
            desk.monthend(["report", "m.ledger.csv", "-o", "p.html"]),
            command(desk.monthend(["audit", "m.yaml", "--format=json"])),
            command(desk.monthend(["collect", "m.yaml", "--wait=0s", "-v"])),
        ] {
            no_secret_shows(&desk, &look.run());
        }
    }
}

#[test]
fn an_error_that_quotes_secrets_is_told_without_them() {
    for body in [
        json!({ "message": quoted(), "trackingId": TOKENS[1] }),
        json!({ "errors": [{ "code": TOKENS[0], "description": quoted() }] }),
        json!({ "error": "invalid_request", "error_description": quoted() }),
        json!(quoted()),
    ] {
        let server = renewing(move |asked, _| {
            asked.is_create().then(|| {
                let text = body.to_string();
                let length = format!("content-length: {}", text.len());
                let id = format!("trackingid: {}", TOKENS[1]);
                Reply::with(400, &[&length, &id], text)
            })
        });
        let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
        let ended = command(desk.converge()).args(OUTPUTS).expect(1);
        no_secret_shows(&desk, &ended);
        assert!(desk.ledger().lines[0]["error"].contains("worker 7"), "{ended}");
    }
}

/// A token endpoint that refuses quotes what was sent to it, and what was good before.
#[test]
fn a_refused_renewal_that_quotes_secrets_is_told_without_them() {
    let server = Canned::new(|asked, _| {
        let heard = quoted().replace("tsig", "t"); // nothing is downloaded here
        let said = json!({ "message": format!("{} {heard}", asked.body) });
        let is_renewal = asked.path().ends_with("/access_token");
        if is_renewal && asked.before == 0 {
            let tokens = json!({ "access_token": TOKENS[1], "refresh_token": "refr3sh-t0ken-2" });
            return Some(Reply::json(200, &tokens));
        }
        if asked.is_create() && is_with(asked, TOKENS[1]) && asked.before < 3 {
            return None;
        }
        Some(Reply::json(if is_renewal { 400 } else { 401 }, &said))
    });
    let desk = Desk::with(&server.url, &partners(["a", "b", "c"], "USER", "2026-09"));
    let ended = command(desk.converge()).args(OUTPUTS).expect(3);
    let ended = ended.says(["worker 7"]);
    no_secret_shows(&desk, &ended);
}

/// An id is kept and sent as it is, so one that is made of a secret is none. The report may exist: a person decides.
#[test]
fn an_id_that_is_a_secret_is_no_id() {
    let server = renewing(|asked, _| {
        let reply = Reply::json(200, &json!({ "id": format!("id-{}", TOKENS[1]) }));
        asked.is_create().then_some(reply)
    });
    let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
    let ended = command(desk.converge()).args(OUTPUTS).expect(1);
    no_secret_shows(&desk, &ended);
    assert_eq!(&desk.ledger().lines[0]["error_code"], "in_doubt", "{ended}");

    let server = renewing(|asked, _| {
        let list = json!({ "items": [{ "orgId": TOKENS[1], "provisioningState": "active" }] });
        asked.path().ends_with("/subPartners").then(|| Reply::json(200, &list))
    });
    let job = "  - { name: all, sub_partners: [{ discover: active }], types: [USER], periods: [2026-09] }\n";
    let desk = Desk::with(&server.url, job);
    let ended = command(desk.plan()).arg("-vv").expect(3);
    no_secret_shows(&desk, &ended);
}

/// The host of the files says things, too.
#[test]
fn a_download_that_quotes_secrets_is_told_without_them() {
    for header in [
        "content-encoding: Expires=4000000000&Signature=s3cr3tsig&Key-Pair-Id=K",
        "content-encoding: http://h/a?Signature=0thersig",
        "location: /files/b.csv?Signature=0thersig&token=n3wsecret",
        "location: http://s3cr3tsig@127.0.0.1:1/?Signature=0thersig",
    ] {
        let server = Canned::new(move |asked, _| {
            if !asked.is_file() {
                return None;
            }
            if asked.target.contains("n3wsecret") {
                let echo = "content-encoding: of n3wsecret and 0thersig";
                return Some(Reply::with(200, &[echo, "content-length: 0"], ""));
            }
            let status = if header.starts_with("location") { 302 } else { 200 };
            Some(Reply::with(status, &[header, "content-length: 0"], ""))
        });
        let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
        let ended = desk.converge().arg("--collect").args(OUTPUTS).expect(1);
        no_secret_shows(&desk, &ended);
        let line = desk.ledger().lines[0].clone();
        assert!(!line["report_error"].contains("n3wsecret"), "{line:?}");
        assert!(!line["report_error"].is_empty(), "{line:?}");
    }
}

/// A proxy that reads along, as those of companies do, may repeat what it was sent.
#[test]
fn the_password_of_a_proxy_shows_nowhere() {
    let server = Canned::new(|asked, _| {
        let said = "you are me with s3cret:pr0xy (bWU6czNjcmV0OnByMHh5)";
        let answer = json!({ "message": said, "trackingId": "s3cret:pr0xy" });
        asked.is_create().then(|| Reply::json(400, &answer))
    });
    let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
    for name in ["HTTPS_PROXY", "all_proxy"] {
        let run = desk.converge().env(name, "http://me:s3cret%3Apr0xy@127.0.0.1:1");
        let ended = run.args(OUTPUTS).expect(1);
        no_secret_shows(&desk, &ended);
        for text in [&ended.stdout, &ended.stderr, &desk.read("m.ledger.csv")] {
            assert!(!text.contains("pr0xy") && !text.contains("bWU6"), "{text}");
        }
    }
}
