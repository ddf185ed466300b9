//! The client against a server that misbehaves in every way that matters.

use std::{
    cell::RefCell,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use url::Url;

use super::canned_server::{CannedServer, Reply, Then};
use crate::{
    api::{
        Answer, Api as _, Cause, Credentials, HttpApi, HttpApiError, ListPage, ListQuery, Listed,
        Notice, Outcome, Page, Refusal, Token, WaitKind, http_client,
    },
    manifest::{ApiSettings, Discover},
};
use request::{Doubt, Period, ReportId, ReportType, Request};

const CREATED: &str = r#"{"id":"report-1","new":1}"#;

fn api_at(base_url: &str, request_timeout: Duration) -> HttpApi {
    let settings = ApiSettings {
        base_url: base_url.parse().unwrap(),
        request_timeout,
        ..ApiSettings::default()
    };
    let credentials =
        Credentials::from_env(|name| (name == "WEBEX_ACCESS_TOKEN").then(|| "t0ken".into()));
    HttpApi::new(&settings, NonZeroUsize::MIN, credentials.unwrap()).unwrap()
}

fn api(server: &CannedServer) -> HttpApi {
    api_at(&server.base_url(), Duration::from_secs(5))
}

fn token() -> Token {
    Token::new("t0ken").unwrap()
}

fn request() -> Request {
    Request {
        sub_partner: None,
        report_type: ReportType::User,
        period: Period::month(2026, 9).unwrap(),
        internal: false,
    }
}

async fn create(api: &HttpApi) -> Answer<ReportId> {
    api.create(&token(), &request(), &|_: &Notice| {}).await
}

/// A create at a server that gives this one reply.
async fn create_at(reply: Reply) -> (Answer<ReportId>, CannedServer) {
    let server = CannedServer::start([reply]).await;
    (create(&api(&server)).await, server)
}

fn listed(outcome: Outcome<Page<Listed>>) -> Page<Listed> {
    match outcome {
        Outcome::Done(page) => page,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_create_gives_the_id_and_says_who_we_are() {
    let headers = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\ntrackingid: T-1\r\n";
    let (answer, server) = create_at(Reply::json(202, headers, CREATED)).await;
    assert_eq!(answer.outcome, Outcome::Done("report-1".parse().unwrap()));
    let date: DateTime<Utc> = "1994-11-06T08:49:37Z".parse().unwrap();
    assert_eq!(answer.notice.date, Some(date));
    assert_eq!(answer.notice.tracking_id.as_deref(), Some("T-1"));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    for part in [
        "POST /v1/wholesale/billing/reports HTTP/1.1\r\n",
        "authorization: Bearer t0ken\r\n",
        concat!("user-agent: monthend/", env!("CARGO_PKG_VERSION"), "\r\n"),
        "content-type: application/json\r\n",
        "\r\n\r\n{\"billingStartDate\":\"2026-09-01\",",
    ] {
        assert!(requests[0].contains(part), "{part:?} in {}", requests[0]);
    }
}

#[tokio::test]
async fn a_yes_without_an_id_is_never_taken_for_a_no() {
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":\"repo";
    let huge = format!(r#"{{"id":"a","x":"{}"}}"#, "x".repeat(1024 * 1024));
    for reply in [
        Reply::json(200, "", ""),
        Reply::json(200, "", "{}"),
        Reply::json(200, "", r#"{"id": "a"#),
        Reply::json(200, "", r#"{"id":"a\ud83d"}"#),
        Reply::json(200, "content-encoding: br\r\n", "\u{1}\u{2}{}"),
        Reply::json(204, "", ""),
        Reply::json(200, "", &huge),
        Reply::raw(broken, Then::Close),
        Reply::raw(broken, Then::Reset),
        Reply::raw(&broken.replace("repo", "r\"}"), Then::Close),
    ] {
        let (answer, server) = create_at(reply).await;
        match answer.outcome {
            Outcome::InDoubt(Doubt::SaidYes, cause) => {
                assert_eq!(cause.code, "bad_response");
                assert!(cause.text.contains("the report's id"), "{cause:?}");
                assert_eq!(cause.http_status, answer.notice.status);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.requests().len(), 1);
    }
}

/// What stands between us and the API answers in its place: that says as much as a 502.
#[tokio::test]
async fn a_page_is_no_yes_of_the_api() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n<html><title>Sign in</title>";
    for (reply, what) in [
        (Reply::json(200, "", "<html>"), "a web page with status 200"),
        (
            Reply::json(202, "", "<html><title>Sign in</title></html>"),
            "a web page (Sign in) with status 202",
        ),
        (Reply::json(200, "", "Please sign in"), "text with status 200"),
        (Reply::raw(cut, Then::Close), "a web page (Sign in) with status 200"),
    ] {
        let (answer, _server) = create_at(reply).await;
        assert!(answer.notice.is_foreign);
        match answer.outcome {
            Outcome::InDoubt(Doubt::Open, cause) => {
                assert_eq!(cause.code, format!("http_{}", cause.http_status.unwrap()));
                assert!(cause.text.contains(what), "{cause:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    for (status, body, is_foreign) in [
        (200, "", true),
        (204, "", false),
        (200, "{}", false),
        (302, "", true),
        (403, "<html>", true),
        (403, "", false),
        (403, "{}", false),
        (502, "<html>", false),
    ] {
        let (answer, _server) = create_at(Reply::json(status, "", body)).await;
        assert_eq!(answer.notice.is_foreign, is_foreign, "{status} {body}");
    }
}

/// Who asks for no encoding may get any, and not every proxy says which it is.
#[tokio::test]
async fn packed_answers_are_read_whether_they_were_asked_for_or_not() {
    // `gzip -n` of `{"id":"a"}`.
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56\xca\x4c\x51\xb2\x52\x4a\x54\xaa\x05\0\x43\xe6\xa4\x9a\x0a\0\0\0";
    for (header, bytes, id) in [
        ("content-encoding: gzip\r\n", &packed[..], "a"),
        ("content-encoding: x-gzip\r\n", packed, "a"),
        ("", packed, "a"),
        ("content-encoding: gzip\r\n", b"{\"id\":\"b\"}", "b"),
        (
            "content-type: application/json; charset=utf-16le\r\n",
            b"{\0\"\0i\0d\0\"\0:\0\"\0c\0\"\0}\0",
            "c",
        ),
    ] {
        let (answer, _server) = create_at(Reply::bytes(200, header, bytes)).await;
        assert_eq!(answer.outcome, Outcome::Done(id.parse().unwrap()), "{header}");
    }
    let (answer, _server) = create_at(Reply::bytes(200, "", &packed[..20])).await;
    assert!(matches!(answer.outcome, Outcome::InDoubt(Doubt::SaidYes, _)));
}

/// The server's reason reaches the ledger, whatever it is written in.
#[tokio::test]
async fn errors_in_other_encodings_keep_their_words() {
    for (header, bytes) in [
        (
            "content-type: application/json; charset=iso-8859-1\r\n",
            &b"{\"message\":\"Ung\xfcltig\"}"[..],
        ),
        ("", b"{\"message\":\"Ung\xfcltig\"}"),
        ("", b"{\"message\":\"Ung\\u00fcltig\"}"),
        ("", "{\"message\":\"Ungültig\"}".as_bytes()),
    ] {
        let (answer, _server) = create_at(Reply::bytes(400, header, bytes)).await;
        let cause = answer.outcome.cause().unwrap();
        assert_eq!(cause.text, "Ungültig", "{}", bytes.escape_ascii());
    }
    let said = r#"{"message":"no \ud83d emoji","errors":[{"code":"E7"}]}"#;
    let (answer, _server) = create_at(Reply::json(200, "", said)).await;
    match answer.outcome {
        Outcome::InDoubt(Doubt::SaidYes, cause) => {
            assert!(cause.text.ends_with(": no \u{fffd} emoji"), "{cause:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// 206 brings a part, 203 what something in between made of it: no list is known by them, and no report.
#[tokio::test]
async fn a_read_is_answered_with_200_or_not_at_all() {
    let list = r#"{"items":[]}"#;
    for status in [201, 202, 203, 205, 206, 207, 226, 299] {
        let range = "content-range: items 0-4/8\r\n";
        let replies = [list, list, CREATED].map(|body| Reply::json(status, range, body));
        let server = CannedServer::start(replies).await;
        let (api, token) = (api(&server), token());
        let (query, id) = (ListQuery::default(), "report-1".parse().unwrap());
        let reports =
            api.list(&token, ListPage { query: &query, max: 100, next: None }, &|_: &Notice| {});
        let reports = reports.await.map(drop).outcome;
        let partners = api.sub_partners(&token, Discover::All, None, &|_: &Notice| {});
        let partners = partners.await.map(drop).outcome;
        let report = api.get(&token, &id, &|_: &Notice| {}).await.map(drop).outcome;
        for outcome in [reports, partners, report] {
            match outcome {
                Outcome::InDoubt(Doubt::SaidYes, cause) => {
                    assert_eq!(cause.http_status, Some(status));
                    assert!(cause.text.contains("no whole answer"), "{cause:?}");
                }
                other => panic!("{status}: {other:?}"),
            }
        }
    }
}

/// A proxy answers with what it had for another request, or a server with half of what it should know.
#[tokio::test]
async fn what_contradicts_the_question_or_itself_is_no_answer() {
    let (query, id) = (ListQuery::default(), "report-1".parse().unwrap());
    let other = r#"{"id":"report-2","status":"FAILED","errors":[{"code":1}]}"#;
    let server = CannedServer::start([Reply::json(200, "", other)]).await;
    let found = api(&server).get(&token(), &id, &|_: &Notice| {}).await.outcome;
    assert!(
        matches!(&found, Outcome::InDoubt(Doubt::SaidYes, cause)
            if cause.text.ends_with("with report report-2 instead of report-1")),
        "{found:?}"
    );
    for (more, is_whole) in [
        (r#""errors":[{"description":"partial result"}]"#, false),
        (r#""errors":["x"]"#, false),
        (r#""errors":{"code":5}"#, false),
        (r#""error":"shard unavailable""#, false),
        (r#""error":{"key":"500"}"#, false),
        (r#""errors":[]"#, true),
        (r#""errors":null,"error":"""#, true),
        (r#""error":false,"errors":{}"#, true),
    ] {
        let body = format!(r#"{{"items":[],{more}}}"#);
        let replies = [(); 2].map(|()| Reply::json(200, "", &body));
        let server = CannedServer::start(replies).await;
        let api = api(&server);
        let token = token();
        let list = api
            .list(&token, ListPage { query: &query, max: 100, next: None }, &|_: &Notice| {})
            .await;
        let partners = api.sub_partners(&token, Discover::All, None, &|_: &Notice| {});
        for outcome in [list.map(drop).outcome, partners.await.map(drop).outcome] {
            let done = matches!(outcome, Outcome::Done(()));
            assert_eq!(done, is_whole, "{more} {outcome:?}");
        }
    }
}

/// The report may be ours all the same: its id is not lost.
#[tokio::test]
async fn an_id_that_contradicts_the_request_is_kept_for_a_person() {
    for odd in [
        r#""id":"42","billingEndDate":"2026-10-01""#,
        r#""id":"42","type":"CUSTOMER""#,
        r#""id":"42","internal":true"#,
        r#""id":"42","subPartnerOrgId":"other""#,
        r#""id":42"#,
    ] {
        let body = format!("{{{odd}}}");
        let (answer, _server) = create_at(Reply::json(200, "", &body)).await;
        match answer.outcome {
            Outcome::InDoubt(Doubt::SaidYes, cause) => {
                assert_eq!(cause.report_id, "42".parse().ok(), "{odd}");
                assert!(cause.text.contains("42"), "{odd} {cause:?}");
            }
            other => panic!("{odd} {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_broken_connection_leaves_a_doubt_and_no_second_request() {
    for reply in [
        Reply::raw("", Then::Close),
        Reply::raw("", Then::Reset),
        Reply::raw("HTTP/1.1 20", Then::Close),
        Reply::raw("HTTP/1.1 20", Then::Reset),
        Reply::raw("SSH-2.0-nonsense\r\n", Then::Close),
    ] {
        let (answer, server) = create_at(reply).await;
        match &answer.outcome {
            Outcome::InDoubt(Doubt::Open, cause) => assert_eq!(cause.code, "reset", "{cause:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(answer.notice, Notice::default());
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_kept_connection_that_closes_under_a_request_is_not_tried_again() {
    let server = CannedServer::start([
        Reply::json(200, "", CREATED),
        Reply::raw("", Then::Close),
        Reply::json(200, "", CREATED),
    ])
    .await;
    let api = api(&server);
    assert!(matches!(create(&api).await.outcome, Outcome::Done(_)));
    assert!(matches!(create(&api).await.outcome, Outcome::InDoubt(Doubt::Open, _)));
    assert_eq!(server.requests().len(), 2);
    assert!(matches!(create(&api).await.outcome, Outcome::Done(_)));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn silence_is_a_doubt() {
    for bytes in ["", "HTTP/1.1 200 OK\r\n"] {
        let server = CannedServer::start([Reply::raw(bytes, Then::Hang)]).await;
        let api = api_at(&server.base_url(), Duration::from_millis(80));
        match create(&api).await.outcome {
            Outcome::InDoubt(Doubt::Open, cause) => {
                assert_eq!(cause.code, "timeout");
                assert_eq!(cause.text, "no answer within 80ms");
            }
            other => panic!("{other:?}"),
        }
    }
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{";
    let server = CannedServer::start([Reply::raw(half, Then::Hang)]).await;
    let api = api_at(&server.base_url(), Duration::from_millis(80));
    assert!(matches!(create(&api).await.outcome, Outcome::InDoubt(Doubt::SaidYes, _)));
}

#[tokio::test]
async fn what_never_connected_was_not_sent() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let api = api_at(&format!("http://127.0.0.1:{port}"), Duration::from_secs(5));
    match create(&api).await.outcome {
        Outcome::NotSent(cause) => {
            assert_eq!(cause.code, "connect");
            assert!(cause.text.contains("refused"), "{cause:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failed_handshake_was_not_sent() {
    for (reply, code) in [
        (Reply::raw("HTTP/1.1 400 Bad Request\r\n\r\n", Then::Close), "tls"),
        (Reply::raw("", Then::Close), "connect"),
        (Reply::raw("", Then::Hang), "connect"),
    ] {
        let server = CannedServer::start([reply]).await;
        let base = format!("https://127.0.0.1:{}", server.port());
        let api = api_at(&base, Duration::from_millis(200));
        match create(&api).await.outcome {
            Outcome::NotSent(cause) => assert_eq!(cause.code, code, "{cause:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn refusals_carry_their_cause() {
    let body = r#"{"message":"Bearer t0ken may not","errors":[{"code":77,"description":"ask"}],"trackingId":"B"}"#;
    for (status, headers, refusal, wait) in [
        (400, "", Refusal::Final, None),
        (401, "", Refusal::Unauthorized, None),
        (403, "", Refusal::Forbidden, None),
        (409, "", Refusal::Conflict, None),
        (423, "", Refusal::Locked, None),
        (423, "retry-after: 0\r\n", Refusal::Wait(WaitKind::Busy), Some(0)),
        (429, "", Refusal::Wait(WaitKind::RateLimit), None),
        (429, "retry-after: 7\r\n", Refusal::Wait(WaitKind::RateLimit), Some(7)),
        (503, "retry-after: 7\r\n", Refusal::Wait(WaitKind::Busy), Some(7)),
    ] {
        let (answer, _server) = create_at(Reply::json(status, headers, body)).await;
        let cause = Cause {
            http_status: Some(status),
            code: "77".to_owned(),
            text: "Bearer [secret] may not; ask".to_owned(),
            tracking_id: Some("B".to_owned()),
            report_id: None,
        };
        assert_eq!(answer.outcome, Outcome::Refused(refusal, cause));
        assert_eq!(answer.notice.retry_after, wait.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn an_error_is_an_error_even_with_half_a_body() {
    let half = "HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 99\r\n\r\n{";
    let (answer, _server) = create_at(Reply::raw(half, Then::Reset)).await;
    match answer.outcome {
        Outcome::Refused(Refusal::Wait(WaitKind::RateLimit), cause) => {
            assert_eq!(cause.code, "http_429");
            assert_eq!(cause.text, "the server answered 429, but its body broke off: {");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_head_is_heard_before_the_body_is_read() {
    let head = "HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n";
    let later = Duration::from_millis(300);
    let server = CannedServer::start([Reply::raw(head, Then::Later(later, "{}"))]).await;
    let began = Instant::now();
    let heard = RefCell::new(Vec::new());
    let on_head = |notice: &Notice| heard.borrow_mut().push((began.elapsed(), notice.clone()));
    let answer = api(&server).create(&token(), &request(), &on_head).await;
    let (answered, heard) = (began.elapsed(), heard.into_inner());
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].1, answer.notice, "the body adds nothing");
    assert_eq!(heard[0].1.wait_kind(), Some(WaitKind::RateLimit));
    assert_eq!(heard[0].1.retry_after, Some(Duration::from_secs(7)));
    assert!(heard[0].0 + later / 2 < answered, "{:?} {answered:?}", heard[0].0);
}

#[tokio::test]
async fn a_flood_of_an_error_is_cut_off() {
    let head = "HTTP/1.1 500 X\r\ncontent-length: 500000000\r\n\r\n";
    let (answer, server) = create_at(Reply::raw(head, Then::Flood)).await;
    match answer.outcome {
        Outcome::InDoubt(Doubt::Open, cause) => {
            let said = "the server answered 500 with a body too long to read: xxx";
            assert!(cause.text.starts_with(said) && cause.text.ends_with("xx…"), "{cause:?}");
        }
        other => panic!("{other:?}"),
    }
    // What the kernel's buffers take, and no more.
    assert!(server.flooded() < 50_000_000, "{}", server.flooded());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = CannedServer::start([Reply::json(200, "", CREATED)]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}\r\n", elsewhere.base_url());
        let (answer, server) = create_at(Reply::json(status, &location, "")).await;
        match answer.outcome {
            // It may have been processed: 303 says so.
            Outcome::InDoubt(Doubt::Open, cause) => assert_eq!(cause.code, "redirect"),
            other => panic!("{other:?}"),
        }
        assert_eq!(server.requests().len(), 1);
        // A read changes nothing, and would be sent elsewhere again.
        match api(&server).get(&token(), &"a".parse().unwrap(), &|_: &Notice| {}).await.outcome {
            Outcome::Refused(Refusal::Final, cause) => assert_eq!(cause.code, "redirect"),
            other => panic!("{other:?}"),
        }
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn lists_are_followed_page_by_page_and_only_at_home() {
    let elsewhere = CannedServer::start([Reply::json(200, "", "{}")]).await;
    let server = CannedServer::start([
        Reply::json(200, "link: <?cursor=2>; rel=\"next\"\r\n", r#"{"items":[{"id":"a"}]}"#),
        Reply::json(200, "", r#"{"items":[{"id":"b"}]}"#),
        Reply::json(
            200,
            &format!("link: <{}>; rel=next\r\n", elsewhere.base_url()),
            r#"{"items":[]}"#,
        ),
    ])
    .await;
    let api = api(&server);
    let query = ListQuery::default();
    let first = listed(
        api.list(&token(), ListPage { query: &query, max: 100, next: None }, &|_: &Notice| {})
            .await
            .outcome,
    );
    let second = api
        .list(
            &token(),
            ListPage { query: &query, max: 100, next: first.next.as_ref() },
            &|_: &Notice| {},
        )
        .await;
    let second = listed(second.outcome);
    assert_eq!((second.items[0].id.as_str(), &second.next), ("b", &None));
    assert!(server.requests()[0].starts_with("GET /v1/wholesale/billing/reports?max=100 "));
    assert!(server.requests()[1].starts_with("GET /v1/wholesale/billing/reports?cursor=2 "));
    // What a cache kept is no answer to "was it made?".
    for request in server.requests() {
        assert!(request.contains("\r\ncache-control: no-cache\r\n"), "{request}");
    }

    let foreign: Url = elsewhere.base_url().parse().unwrap();
    for next in [None, Some(&foreign)] {
        match api
            .list(&token(), ListPage { query: &query, max: 100, next }, &|_: &Notice| {})
            .await
            .outcome
        {
            Outcome::Refused(Refusal::Final, cause) => assert_eq!(cause.code, "bad_response"),
            other => panic!("{other:?}"),
        }
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_report_that_is_gone_is_an_answer() {
    let server = CannedServer::start([
        Reply::json(200, "", r#"{"id":"a/b","status":"COMPLETED"}"#),
        Reply::json(404, "", "{}"),
        Reply::json(410, "", ""),
        Reply::json(403, "", ""),
    ])
    .await;
    let (api, id) = (api(&server), "a/b".parse().unwrap());
    let found = api.get(&token(), &id, &|_: &Notice| {}).await.outcome;
    assert!(matches!(found, Outcome::Done(Some(report)) if report.id == id));
    assert_eq!(api.get(&token(), &id, &|_: &Notice| {}).await.outcome, Outcome::Done(None));
    assert_eq!(api.get(&token(), &id, &|_: &Notice| {}).await.outcome, Outcome::Done(None));
    assert!(matches!(
        api.get(&token(), &id, &|_: &Notice| {}).await.outcome,
        Outcome::Refused(Refusal::Forbidden, _)
    ));
    assert!(server.requests()[0].starts_with("GET /v1/wholesale/billing/reports/a%2Fb "));
}

#[tokio::test]
async fn sub_partners_are_paged_by_offset_where_no_link_says_so() {
    let entries = vec![r#"{"orgId":"o","provisioningState":"active"}"#; 100].join(",");
    let server = CannedServer::start([
        Reply::json(200, "", &format!(r#"{{"subPartners":[{entries}]}}"#)),
        Reply::json(200, "", r#"{"items":[]}"#),
    ])
    .await;
    let api = api(&server);
    let which = Discover::Active;
    let Outcome::Done(first) =
        api.sub_partners(&token(), which, None, &|_: &Notice| {}).await.outcome
    else {
        panic!("no page")
    };
    assert_eq!(first.items.len(), 100);
    let last = api.sub_partners(&token(), which, first.next.as_ref(), &|_: &Notice| {}).await;
    assert!(matches!(last.outcome, Outcome::Done(page) if page.next.is_none()));
    assert!(server.requests()[1].contains("?max=100&provisioningState=active&offset=100 "));
}

#[tokio::test]
async fn the_first_request_does_not_wait_for_certificates() {
    let server = CannedServer::start([Reply::json(200, "", CREATED)]).await;
    let start = Instant::now();
    let api = api(&server);
    let set_up = start.elapsed();
    create(&api).await;
    // A debug build on a busy machine; a release build takes a fraction of it.
    assert!(set_up < Duration::from_millis(100), "{set_up:?}");
}

#[test]
fn a_ca_file_must_hold_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let set_up = |path: &std::path::Path| {
        let settings = ApiSettings { ca_file: Some(path.to_owned()), ..ApiSettings::default() };
        http_client::build(&settings, NonZeroUsize::MIN)
    };
    assert!(matches!(set_up(&path), Err(HttpApiError::CaFile { .. })));
    std::fs::write(&path, "not PEM").unwrap();
    assert!(matches!(set_up(&path), Err(HttpApiError::NoCertificates { .. })));
}
