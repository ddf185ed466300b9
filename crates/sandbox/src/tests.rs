//! The sandbox through real HTTP.

use std::{num::NonZeroU32, time::Duration};

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::model::{Category, Person};

fn client() -> Client {
    // Fails from the second time on, when one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn calm() -> SandboxConfig {
    SandboxConfig {
        rate_limit: RateLimitConfig::unlimited(),
        now: Some("2026-11-03T10:00:00Z".parse().unwrap()),
        record: true,
        ..SandboxConfig::default()
    }
}

fn faulty(when: FaultMatch, then: Vec<Fault>) -> SandboxConfig {
    SandboxConfig { faults: vec![FaultRule { when, then }], ..calm() }
}

/// A sandbox with a client in front of it.
struct World {
    sandbox: RunningSandbox,
    client: Client,
}

impl World {
    async fn new(config: SandboxConfig) -> Self {
        World { sandbox: Sandbox::start(config).await.unwrap(), client: client() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.sandbox.base_url())
    }

    async fn create(&self, body: &Value) -> reqwest::Result<Response> {
        self.client
            .post(self.url("wholesale/billing/reports"))
            .bearer_auth(self.sandbox.token())
            .json(body)
            .send()
            .await
    }

    async fn get(&self, path: &str) -> Response {
        self.get_url(&self.url(path)).await
    }

    async fn get_url(&self, url: &str) -> Response {
        self.client.get(url).bearer_auth(self.sandbox.token()).send().await.unwrap()
    }

    async fn made(&self, body: &Value) -> String {
        let answer = self.create(body).await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// The ids of a list, page by page.
    async fn listed(&self, query: &str) -> Vec<Vec<String>> {
        let mut url = Some(self.url(&format!("wholesale/billing/reports?{query}")));
        let mut pages = Vec::new();
        while let Some(this) = url {
            let answer = self.get_url(&this).await;
            assert_eq!(answer.status(), 200);
            url = next(&answer);
            let body: Value = answer.json().await.unwrap();
            let items = body["items"].as_array().unwrap();
            let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
            pages.push(items.iter().map(id).collect());
        }
        pages
    }
}

fn next(answer: &Response) -> Option<String> {
    let link = answer.headers().get("link")?.to_str().unwrap();
    let next = link.split(", ").find(|l| l.ends_with("rel=\"next\""))?;
    Some(next[1..next.find('>').unwrap()].to_owned())
}

fn september(org: Option<&str>) -> Value {
    let mut body = json!({
        "billingStartDate": "2026-09-01", "billingEndDate": "2026-09-30", "type": "USER",
    });
    if let Some(org) = org {
        body["subPartnerOrgId"] = json!(org);
    }
    body
}

#[tokio::test]
async fn a_report_is_made_completed_downloaded_and_deleted() {
    let mut config = calm();
    config.reports.completes_after = Span(Duration::ZERO);
    let world = World::new(config).await;
    let id = world.made(&september(Some("acme"))).await;
    let parsed: request::ReportId = id.parse().unwrap();
    assert!(parsed.is_from_sandbox());

    let path = format!("wholesale/billing/reports/{id}");
    let answer = world.get(&path).await;
    assert!(answer.headers().contains_key("trackingid"));
    let date = answer.headers()["date"].to_str().unwrap();
    assert!(date.starts_with("Tue, 03 Nov 2026 10:0"), "{date}");
    let report: Value = answer.json().await.unwrap();
    assert_eq!(report["status"], "COMPLETED");
    assert!(report["created"].as_str().unwrap().starts_with("2026-11-03T10:0"));

    let url = report["tempDownloadURL"].as_str().unwrap();
    assert!(url.starts_with(world.sandbox.files_origin()));
    let csv = world.client.get(url).send().await.unwrap();
    assert_eq!(csv.text().await.unwrap().lines().count(), 41);
    let forged = url.replace("Expires=1", "Expires=2");
    let forged = world.get_url(&forged).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let leaks: Vec<_> =
        world.sandbox.downloads().iter().map(|d| (d.status, d.leaked_authorization)).collect();
    assert_eq!(leaks, [(200, false), (403, true)]);

    let delete = world.client.delete(world.url(&path));
    let delete = delete.bearer_auth(ACCESS_TOKEN).send().await.unwrap();
    assert_eq!(delete.status(), 204);
    assert_eq!(world.get(&path).await.status(), 404);
    assert!(world.sandbox.reports().is_empty());
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_download_ends() {
    let mut config = calm();
    config.reports.completes_after = Span(Duration::ZERO);
    config.reports.download_expires_after = Span(Duration::ZERO);
    let world = World::new(config).await;
    let id = world.made(&september(None)).await;
    let answer = world.get(&format!("wholesale/billing/reports/{id}")).await;
    let report: Value = answer.json().await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    let url = report["tempDownloadURL"].as_str().unwrap();
    let answer = world.client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn bad_requests_are_refused_in_webex_words() {
    let world = World::new(calm()).await;
    let with = |key: &str, value: Value| {
        let mut body = september(None);
        body[key] = value;
        body
    };
    for (body, word) in [
        (json!({ "type": "USER" }), "billingStartDate is required"),
        (with("billingStartDate", json!("2026-9-01")), "calendar day"),
        (with("billingStartDate", json!("2026-10-01")), "before"),
        (with("type", json!("EVERYTHING")), "PARTNER"),
        (with("billingEndDate", json!("2026-11-03")), "in the past"),
        (with("billingStartDate", json!("2021-11-02")), "five years"),
        (with("subPartnerOrgId", json!("")), "subPartnerOrgId"),
    ] {
        let answer = world.create(&body).await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let tracking = answer.headers()["trackingid"].to_str().unwrap().to_owned();
        let error: Value = answer.json().await.unwrap();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
        assert_eq!(error["errors"][0]["description"], message);
        assert_eq!(error["trackingId"], tracking);
    }
    let url = world.url("wholesale/billing/reports");
    for (media_type, status) in [("text/plain", 415), ("application/json; charset=utf-8", 400)] {
        let post = world.client.post(&url).bearer_auth(ACCESS_TOKEN);
        let post = post.header("content-type", media_type).body("{oops");
        assert_eq!(post.send().await.unwrap().status(), status);
    }
    for (path, status) in [
        ("wholesale/nothing", 404),
        ("wholesale/billing/reports/unknown", 404),
        ("access_token", 405),
        ("wholesale/billing/reports?max=0", 400),
        ("wholesale/billing/reports?sortBy=colour", 400),
        ("wholesale/billing/reports?cursor=x", 400),
    ] {
        assert_eq!(world.get(path).await.status(), status, "{path}");
    }
    assert!(world.sandbox.reports().is_empty());

    let lenient = SandboxConfig {
        reports: ReportsConfig { check_calendar: false, ..ReportsConfig::default() },
        ..calm()
    };
    let world = World::new(lenient).await;
    world.made(&with("billingEndDate", json!("2030-01-01"))).await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let mut config = calm();
    config.reports.page_size = 2;
    let world = World::new(config).await;
    let mut ids = Vec::new();
    for org in [None, Some("a"), Some("b"), Some("a"), Some("a")] {
        ids.push(world.made(&september(org)).await);
    }
    let pages = world.listed("").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), ids);

    let period = "type=USER&billingStartDate=2026-09-01&billingEndDate=2026-09-30";
    let of_a = world.listed(&format!("{period}&subPartnerOrgId=a")).await;
    assert_eq!(of_a.concat(), [&ids[1], &ids[3], &ids[4]].map(String::clone));
    assert_eq!(world.listed(period).await.concat(), ids);
    assert!(world.listed("status=COMPLETED").await.concat().is_empty());
    assert!(world.listed("type=PARTNER").await.concat().is_empty());

    for sort_by in ["id", "status", "billingEndDate"] {
        let mut expected = ids.clone();
        if sort_by == "id" {
            expected.sort();
        }
        let found = world.listed(&format!("sortBy={sort_by}")).await;
        assert_eq!(found.concat(), expected, "{sort_by}");
    }
}

#[tokio::test]
async fn undocumented_ways_of_listing_are_configurable() {
    let mut config = calm();
    config.reports.list_without_org = ListWithoutOrg::Own;
    config.reports.list_shows_created = true;
    config.reports.get_shows_created = false;
    config.reports.list_lag = Span(Duration::from_secs(30));
    config.reports.duplicates = Duplicates::Conflict;
    config.existing = vec![ExistingReport {
        sub_partner: None,
        report_type: request::ReportType::User,
        start: "2026-09-01".parse().unwrap(),
        end: "2026-09-30".parse().unwrap(),
        internal: true,
        age: "24h".parse().unwrap(),
        by: Person::Colleague,
        category: Category::Reconciliation,
    }];
    let world = World::new(config).await;
    world.made(&september(Some("a"))).await;
    let own = world.made(&september(None)).await;
    assert_eq!(world.create(&september(None)).await.unwrap().status(), 409);

    let existing = world.sandbox.reports()[0].id.clone();
    assert_eq!(world.listed("").await, [[existing.as_str()]]);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    assert_eq!(world.listed("").await.concat(), [existing, own.clone()]);

    let list: Value = world.get("wholesale/billing/reports").await.json().await.unwrap();
    assert!(list["items"][0]["created"].as_str().unwrap().starts_with("2026-11-02"));
    let one = world.get(&format!("wholesale/billing/reports/{own}")).await;
    let one: Value = one.json().await.unwrap();
    assert!(one.get("created").is_none(), "{one}");
}

#[tokio::test]
async fn sub_partners_are_paged_under_either_name() {
    for (envelope, key) in [(Envelope::Items, "items"), (Envelope::SubPartners, "subPartners")] {
        let mut config = calm();
        config.sub_partners.envelope = envelope;
        let world = World::new(config).await;
        let mut url = Some(world.url("wholesale/subPartners?provisioningState=active&max=4"));
        let mut sizes = Vec::new();
        while let Some(this) = url {
            let answer = world.get_url(&this).await;
            url = next(&answer);
            let body: Value = answer.json().await.unwrap();
            sizes.push(body[key].as_array().unwrap().len());
        }
        assert_eq!(sizes, [4, 2]);
    }
}

#[tokio::test]
async fn a_token_ends_and_is_renewed() {
    let mut config = calm();
    config.token =
        TokenConfig { expires_after: Some(1), rotate_refresh: true, ..TokenConfig::default() };
    let world = World::new(config).await;
    world.made(&september(None)).await;
    assert_eq!(world.create(&september(None)).await.unwrap().status(), 401);
    let renew = async |refresh: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("refresh_token", refresh),
        ];
        let post = world.client.post(world.url("access_token")).form(&form);
        post.send().await.unwrap()
    };
    assert_eq!(renew("wrong").await.status(), 400);
    let renewed: Value = renew(REFRESH_TOKEN).await.json().await.unwrap();
    assert_eq!(renewed["access_token"], world.sandbox.token());
    assert_eq!(renew(REFRESH_TOKEN).await.status(), 400);
    world.made(&september(None)).await;
    let stale = world.client.get(world.url("wholesale/subPartners"));
    let stale = stale.bearer_auth(ACCESS_TOKEN).send().await.unwrap();
    assert_eq!(stale.status(), 401);
}

#[tokio::test]
async fn a_limit_is_kept_and_told() {
    let mut config = calm();
    config.rate_limit = RateLimitConfig {
        limiter: LimiterConfig::SlidingWindow {
            max: NonZeroU32::new(2).unwrap(),
            window: Span(Duration::from_secs(30)),
        },
        ..RateLimitConfig::default()
    };
    let world = World::new(config).await;
    world.made(&september(None)).await;
    world.made(&september(None)).await;
    let refused = world.create(&september(None)).await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "30");
    let exchange = world.sandbox.exchanges().pop().unwrap();
    assert_eq!(exchange.announced, Some(Duration::from_secs(30)));
    assert_eq!(exchange.endpoint, Some(Endpoint::Create));
}

#[tokio::test]
async fn partners_refuse_until_they_are_mended() {
    let encoded = "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi9yZWZ1c2VkLTQwNC0x"; // …/refused-404-1
    let mut config = calm();
    config.refuse.insert("acme".to_owned(), RefusalStatus::BadRequest);
    for fixed in [false, true] {
        config.fixed = fixed;
        let world = World::new(config.clone()).await;
        for (org, status) in [
            ("refused-401-x", 401),
            ("refused-403-x", 403),
            (encoded, 404),
            ("acme-1", 400),
            ("b", 200),
        ] {
            let answer = world.create(&september(Some(org))).await.unwrap();
            let expected = if fixed { 200 } else { status };
            assert_eq!(answer.status().as_u16(), expected, "{org}");
        }
    }
}

/// What a client sees of a create: a status with its body, or no answer.
async fn seen(world: &World) -> Result<(u16, Vec<u8>), ()> {
    let answer = world.create(&september(None)).await.map_err(drop)?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(drop)?;
    Ok((status, body.to_vec()))
}

#[tokio::test]
async fn every_fault_loses_the_answer_its_own_way() {
    let status = |processed| Fault::Status {
        status: 502,
        body: ErrorBody::Html,
        retry_after: None,
        location: None,
        processed,
        late: Span::default(),
    };
    type Expected = fn(&Result<(u16, Vec<u8>), ()>) -> bool;
    let cases: [(Fault, usize, Expected); 9] = [
        (status(false), 0, |s| matches!(s, Ok((502, _)))),
        (status(true), 1, |s| matches!(s, Ok((502, _)))),
        (Fault::Reset { processed: false, late: Span::default() }, 0, |s| s.is_err()),
        (Fault::Reset { processed: true, late: Span::default() }, 1, |s| s.is_err()),
        (Fault::Slow { delay: "5ms".parse().unwrap() }, 1, |s| matches!(s, Ok((200, _)))),
        (Fault::Html {}, 1, |s| matches!(s, Ok((200, b)) if b.starts_with(b"<!DOCTYPE"))),
        (Fault::Empty {}, 1, |s| matches!(s, Ok((200, b)) if b.is_empty())),
        (
            Fault::NoId {},
            1,
            |s| matches!(s, Ok((200, b)) if !b.is_empty() && !b.windows(4).any(|w| w == b"\"id\"")),
        ),
        (Fault::Truncated {}, 1, |s| s.is_err()),
    ];
    for (fault, made, expected) in cases {
        let once = FaultMatch {
            endpoint: Some(Endpoint::Create),
            tries: Some(1),
            ..FaultMatch::default()
        };
        let world = World::new(faulty(once, vec![fault.clone()])).await;
        let first = seen(&world).await;
        assert!(expected(&first), "{fault:?}: {first:?}");
        assert_eq!(world.sandbox.reports().len(), made, "{fault:?}");
        assert!(matches!(seen(&world).await, Ok((200, _))), "{fault:?}");
    }
}

#[tokio::test]
async fn a_truncated_answer_begins_before_it_ends() {
    let world = World::new(faulty(FaultMatch::default(), vec![Fault::Truncated {}])).await;
    let answer = world.create(&september(None)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn stopping_ends_a_hang() {
    let world = World::new(faulty(
        FaultMatch::default(),
        vec![Fault::Hang { processed: true, late: Span::default() }],
    ))
    .await;
    let World { sandbox, client } = world;
    let post = client
        .post(format!("{}/wholesale/billing/reports", sandbox.base_url()))
        .bearer_auth(ACCESS_TOKEN)
        .json(&september(None));
    let answer = tokio::spawn(post.send());
    while sandbox.reports().is_empty() {
        tokio::task::yield_now().await;
    }
    sandbox.stop().await;
    assert!(answer.await.unwrap().is_err());
}

#[tokio::test]
async fn errors_come_in_every_shape() {
    for (body, part) in [
        (ErrorBody::Classic, "\"message\":\"A fault"),
        (ErrorBody::Keyed, "{\"error\":{\"key\":\"403\""),
        (ErrorBody::KeyedList, "{\"error\":[{\"key\":\"403\""),
        (ErrorBody::Coded, "{\"errors\":[{\"code\":2024"),
        (ErrorBody::CodedText, "\"errorCode\":\"E2024\""),
        (ErrorBody::Hostile, "=HYPERLINK"),
        (ErrorBody::Html, "<html>"),
        (ErrorBody::Empty, ""),
        (ErrorBody::NotUtf8, "\u{fffd}"),
        (ErrorBody::Huge, "xxxx"),
    ] {
        let fault = Fault::Status {
            status: 403,
            body,
            retry_after: Some("1.5".to_owned()),
            location: None,
            processed: false,
            late: Span::default(),
        };
        let world = World::new(faulty(FaultMatch::default(), vec![fault])).await;
        let answer = world.create(&september(None)).await.unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.headers()["retry-after"], "1.5");
        if body == ErrorBody::Huge {
            continue; // fifty megabytes are not read here
        }
        let bytes = answer.bytes().await.unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(part), "{body:?}");
    }
}

#[tokio::test]
async fn faults_follow_the_seed_alone() {
    let when = FaultMatch { probability: Some(0.5), ..FaultMatch::default() };
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let mut config = faulty(when.clone(), vec![Fault::Empty {}, Fault::NoId {}]);
        config.seed = seed;
        let world = World::new(config).await;
        let mut sizes = Vec::new();
        for _ in 0..20 {
            sizes.push(seen(&world).await.unwrap().1.len());
        }
        runs.push(sizes);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn the_state_outlives_the_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    let once =
        FaultMatch { tries: Some(1), endpoint: Some(Endpoint::Create), ..FaultMatch::default() };
    let mut config = faulty(once, vec![Fault::Reset { processed: true, late: Span::default() }]);
    config.state = Some(dir.path().join("october.sandbox.csv.state"));

    let first = World::new(config.clone()).await;
    assert!(seen(&first).await.is_err());
    first.made(&september(None)).await;
    let before = first.sandbox.reports();
    let second = Sandbox::start(config.clone()).await;
    assert!(matches!(second, Err(SandboxError::State(StateError::InUse(_)))));
    let gone =
        first.client.delete(first.url(&format!("wholesale/billing/reports/{}", before[0].id)));
    let gone = gone.bearer_auth(ACCESS_TOKEN).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    first.sandbox.stop().await;

    let again = World::new(config).await;
    assert_eq!(again.sandbox.reports(), before[1..]);
    again.made(&september(None)).await; // its first try was counted by the process before
    assert_eq!(again.sandbox.reports()[1].number, 3);
}

#[tokio::test]
async fn nonsense_in_the_configuration_is_refused() {
    let mut config = calm();
    config.reports.accepted_with = vec![404];
    assert!(matches!(
        Sandbox::start(config).await,
        Err(SandboxError::Config { key: "accepted_with", .. })
    ));
}

#[tokio::test]
async fn the_head_of_an_answer_comes_before_its_body() {
    let fault = Fault::Trickle {
        status: 429,
        retry_after: Some("5".to_owned()),
        over: "200ms".parse().unwrap(),
    };
    let world = World::new(faulty(FaultMatch::default(), vec![fault])).await;
    let answer = world.create(&september(None)).await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "5");
    let head = std::time::Instant::now();
    assert!(answer.bytes().await.unwrap().ends_with(b"}"));
    assert!(head.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn an_answer_without_a_date_shows_none() {
    let mut config = calm();
    config.clocks.dateless = 1.0;
    let world = World::new(config).await;
    let answer = world.get("wholesale/billing/reports").await;
    let dates: Vec<_> = answer.headers().get_all("date").iter().collect();
    assert_eq!(dates, [""]);
}

#[tokio::test]
async fn a_list_asked_for_with_no_cache_is_fresh() {
    let mut config = calm();
    config.reports.stale_for = "1h".parse().unwrap();
    let world = World::new(config).await;
    assert!(world.listed("").await.concat().is_empty());
    world.made(&september(None)).await;
    assert!(world.listed("").await.concat().is_empty());
    let get = world.client.get(world.url("wholesale/billing/reports?"));
    let get = get.bearer_auth(ACCESS_TOKEN).header("cache-control", "no-cache");
    let fresh: Value = get.send().await.unwrap().json().await.unwrap();
    assert_eq!(fresh["items"].as_array().unwrap().len(), 1);
}
