use std::{num::NonZeroUsize, time::Duration};

use super::canned_server::{CannedServer, Reply, Then};
use crate::{
    api::{Api as _, Credentials, HttpApi, Notice, Outcome, Refusal, Token},
    manifest::ApiSettings,
};

const TRIO: [(&str, &str); 3] = [
    ("WEBEX_CLIENT_ID", "the-id"),
    ("WEBEX_CLIENT_SECRET", "the-secret"),
    ("WEBEX_REFRESH_TOKEN", "the/refresh"),
];

fn api(server: &CannedServer, variables: &[(&str, &str)]) -> HttpApi {
    let settings = ApiSettings {
        base_url: server.base_url().parse().unwrap(),
        request_timeout: Duration::from_secs(5),
        ..ApiSettings::default()
    };
    let credentials = Credentials::from_env(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.into())
    });
    HttpApi::new(&settings, NonZeroUsize::MIN, credentials.unwrap()).unwrap()
}

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

async fn renew(api: &HttpApi, refused: &str) -> Outcome<Token> {
    api.renew(Some(&token(refused)), &|_: &Notice| {}).await.outcome
}

fn tokens(access: &str, refresh: &str) -> Reply {
    let body =
        format!(r#"{{"access_token":"{access}","expires_in":9,"refresh_token":"{refresh}"}}"#);
    Reply::json(200, "", &body)
}

#[tokio::test]
async fn what_renews_is_enough_to_begin_with() {
    let server = CannedServer::start([tokens("first", "next"), tokens("second", "next")]).await;
    let api = api(&server, &TRIO);
    assert_eq!(api.renew(None, &|_: &Notice| {}).await.outcome, Outcome::Done(token("first")));
    assert_eq!(server.requests().len(), 1);
    let sent = &server.requests()[0];
    assert!(sent.starts_with("POST /v1/access_token HTTP/1.1\r\n"), "{sent}");
    assert!(!sent.to_lowercase().contains("authorization"), "{sent}");
    assert!(sent.ends_with(
        "\r\n\r\ngrant_type=refresh_token&client_id=the-id&client_secret=the-secret&refresh_token=the%2Frefresh"
    ));
    // The renewed refresh token replaces the old one.
    assert_eq!(renew(&api, "first").await, Outcome::Done(token("second")));
    assert!(server.requests()[1].ends_with("&refresh_token=next"));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_changed_token_file_comes_first_and_a_stale_one_never_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "one\n").unwrap();
    let server = CannedServer::start([tokens("renewed", "next"), tokens("again", "next")]).await;
    let mut variables = TRIO.to_vec();
    variables.push(("WEBEX_ACCESS_TOKEN_FILE", file.to_str().unwrap()));
    let api = api(&server, &variables);
    std::fs::write(&file, "two\n").unwrap();
    assert_eq!(renew(&api, "one").await, Outcome::Done(token("two")));
    assert!(server.requests().is_empty());
    assert_eq!(renew(&api, "two").await, Outcome::Done(token("renewed")));
    std::fs::write(&file, "one\n").unwrap();
    assert_eq!(renew(&api, "renewed").await, Outcome::Done(token("again")));
    std::fs::remove_file(&file).unwrap();
    // The server gives the refused token once more.
    let outcome = renew(&api, "again").await;
    assert!(matches!(outcome, Outcome::Refused(Refusal::Unauthorized, _)), "{outcome:?}");
}

#[tokio::test]
async fn a_new_refresh_token_is_kept_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refresh");
    std::fs::write(&file, "old-refresh\n").unwrap();
    let server = CannedServer::start([tokens("first", "new-refresh")]).await;
    let variables = [TRIO[0], TRIO[1], ("WEBEX_REFRESH_TOKEN_FILE", file.to_str().unwrap())];
    let api = api(&server, &variables);
    assert_eq!(api.renew(None, &|_: &Notice| {}).await.outcome, Outcome::Done(token("first")));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new-refresh\n");
}

/// Two shares of a plan have one file, and the server takes each refresh token once.
#[tokio::test]
async fn a_refresh_token_that_another_process_has_renewed_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refresh");
    std::fs::write(&file, "first-refresh\n").unwrap();
    let spent = Reply::json(400, "", r#"{"error":"invalid_grant"}"#);
    let server = CannedServer::start([spent.clone(), tokens("good", "third-refresh"), spent]).await;
    let variables = [TRIO[0], TRIO[1], ("WEBEX_REFRESH_TOKEN_FILE", file.to_str().unwrap())];
    let api = api(&server, &variables);
    let written = file.clone();
    let other = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        std::fs::write(written, "second-refresh\n").unwrap();
    });
    // Refused, and to be asked again: then with what the other has written.
    let first = api.renew(None, &|_: &Notice| {}).await.outcome;
    assert!(matches!(first, Outcome::Refused(Refusal::Wait(_), _)), "{first:?}");
    other.await.unwrap();
    let second = api.renew(None, &|_: &Notice| {}).await.outcome;
    assert_eq!(second, Outcome::Done(token("good")));
    let sent = server.requests();
    assert!(sent[0].ends_with("&refresh_token=first-refresh"));
    assert!(sent[1].ends_with("&refresh_token=second-refresh"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "third-refresh\n");

    // What another wrote before this one asks is asked with from the beginning; what is refused too is refused.
    std::fs::write(&file, "fourth-refresh\n").unwrap();
    let refused = renew(&api, "good").await;
    assert!(matches!(refused, Outcome::Refused(Refusal::Unauthorized, _)), "{refused:?}");
    let sent = server.requests();
    assert!(sent[2].ends_with("&refresh_token=fourth-refresh"));
    assert_eq!(sent.len(), 3);
}

/// The server's word counts, whatever its status.
#[tokio::test]
async fn a_no_with_the_status_of_a_yes_is_a_no() {
    for (body, said) in [
        (
            r#"{"error":"invalid_grant","error_description":"It has ended"}"#,
            "(invalid_grant: It has ended)",
        ),
        (r#"{"error":"invalid_client"}"#, "(invalid_client)"),
        (r#"{"errors":[{"description":"No such token"}]}"#, "(No such token)"),
    ] {
        let server = CannedServer::start([Reply::json(200, "", body)]).await;
        let outcome = api(&server, &TRIO).renew(None, &|_: &Notice| {}).await.outcome;
        match outcome {
            Outcome::Refused(Refusal::Unauthorized, cause) => {
                assert!(cause.text.contains(said), "{cause:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn without_a_way_to_renew_the_user_is_told_what_to_set() {
    let server = CannedServer::start([Reply::json(500, "", "")]).await;
    let api = api(&server, &[("WEBEX_ACCESS_TOKEN", "one")]);
    match renew(&api, "one").await {
        Outcome::Refused(Refusal::Unauthorized, cause) => {
            let said = "The token was refused. Set a new WEBEX_ACCESS_TOKEN.";
            assert_eq!(cause.text, said);
        }
        other => panic!("{other:?}"),
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_refused_renewal_names_the_variables_and_no_secret() {
    let body = r#"{"error":"invalid_grant","error_description":"the-secret and the/refresh (the%2Frefresh) for one"}"#;
    let server = CannedServer::start([Reply::json(400, "", body)]).await;
    let mut variables = TRIO.to_vec();
    variables.push(("WEBEX_ACCESS_TOKEN", "one"));
    match renew(&api(&server, &variables), "one").await {
        Outcome::Refused(Refusal::Unauthorized, cause) => {
            assert_eq!((cause.http_status, cause.code.as_str()), (Some(400), "invalid_grant"));
            assert!(cause.text.contains("WEBEX_CLIENT_SECRET"), "{cause:?}");
            assert!(cause.text.contains("[secret] and [secret] ([secret])"), "{cause:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_renewal_that_may_work_later_is_not_a_refusal_of_the_credentials() {
    for (reply, good) in [
        (Reply::json(429, "", ""), "Refused(Wait(RateLimit)"),
        (Reply::json(500, "", ""), "InDoubt(Open"),
        (Reply::raw("", Then::Close), "InDoubt(Open"),
        (Reply::json(200, "", r#"{"access_token":"se cret"}"#), "InDoubt(SaidYes"),
        (Reply::json(200, "", r#"{"error":"temporarily_unavailable"}"#), "InDoubt(SaidYes"),
        (Reply::json(200, "", "<html>"), "InDoubt(Open"),
    ] {
        let server = CannedServer::start([reply]).await;
        let outcome =
            format!("{:?}", api(&server, &TRIO).renew(None, &|_: &Notice| {}).await.outcome);
        assert!(outcome.starts_with(good), "{outcome}");
        assert!(!outcome.contains("se cret"), "{outcome}");
    }
}
