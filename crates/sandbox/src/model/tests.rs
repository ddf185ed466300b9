//! Each world plays what it says.

use std::time::Duration;

use serde_json::Value;

use super::*;
use request::{Period, ReportType, Request};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn calm() -> SandboxConfig {
    SandboxConfig {
        rate_limit: RateLimitConfig::unlimited(),
        reports: ReportsConfig {
            list_shows_created: true,
            completes_after: span("0s"),
            ..ReportsConfig::default()
        },
        ..SandboxConfig::default()
    }
}

fn request(org: Option<&str>) -> Request {
    Request {
        sub_partner: org.map(|org| org.parse().unwrap()),
        report_type: ReportType::User,
        period: Period::month(2026, 9).unwrap(),
        internal: false,
    }
}

/// A server with a client that waits for each answer.
struct World {
    server: Server,
    now: Duration,
}

impl World {
    fn new(config: SandboxConfig) -> Self {
        let started_at = "2026-11-03T10:00:00Z".parse().unwrap();
        let server = Server::new(config, started_at, "http://files".to_owned());
        let now = Duration::ZERO;
        World { server, now }
    }

    /// One in which nothing is unusual but this.
    fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let mut config = calm();
        change(&mut config);
        World::new(config)
    }

    fn meet(&mut self, what: What, fault: Option<Fault>) -> Ending {
        let chance = fault.map_or(Chance::Rules, |fault| Chance::Drawn(Some(fault)));
        self.ask(what, chance, false)
    }

    fn ask(&mut self, what: What, chance: Chance, no_cache: bool) -> Ending {
        let ask = ask(self.server.token(), no_cache, what);
        let mut visit = self.server.receive(self.now, ask, chance);
        loop {
            match self.server.next(self.now, &mut visit) {
                Step::Wait(wait) => self.now += wait,
                Step::End(ending) => return ending,
            }
        }
    }

    fn answer(&mut self, what: What, fault: Option<Fault>) -> Answer {
        match self.meet(what, fault) {
            Ending::Answer(answer) => *answer,
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, org: Option<&str>) -> Answer {
        self.answer(What::Create(request(org)), None)
    }

    fn made(&mut self, org: Option<&str>) -> String {
        id(&json(&self.create(org)))
    }

    fn list(&mut self, list: ListAsk) -> Answer {
        self.answer(What::List(list), None)
    }

    fn items(&mut self, list: ListAsk) -> Vec<Value> {
        items(&self.list(list))
    }

    fn ids(&mut self, list: ListAsk) -> Vec<String> {
        self.items(list).iter().map(id).collect()
    }

    fn get(&mut self, id: &str) -> Answer {
        self.answer(What::Get(id.to_owned()), None)
    }

    fn put(&mut self, org: Option<&str>, age: Duration, by: Person) {
        let made = self.server.clock(self.now) - age;
        self.server.put(OtherReport {
            request: request(org),
            made,
            listed_at_once: false,
            category: Category::Reconciliation,
            by,
        });
    }

    fn reports(&mut self) -> Vec<StoredReport> {
        self.server.reports(self.now).cloned().collect()
    }
}

fn ask(token: &str, no_cache: bool, what: What) -> Ask {
    let url = "http://sandbox/v1/reports".to_owned();
    Ask { url, query: Fields::new(), token: Some(token.to_owned()), no_cache, what }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body().bytes).unwrap()
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

fn items(answer: &Answer) -> Vec<Value> {
    json(answer)["items"].as_array().unwrap().clone()
}

fn all() -> ListAsk {
    ListAsk::default()
}

fn of(org: &str) -> ListAsk {
    ListAsk { org: Some(org.parse().unwrap()), ..all() }
}

fn status(status: u16, processed: bool, late: Span) -> Fault {
    Fault::Status {
        status,
        body: ErrorBody::Html,
        retry_after: None,
        location: None,
        processed,
        late,
    }
}

#[test]
fn dates_run_ahead_of_created_and_gateways_have_a_clock_of_their_own() {
    let mut world = World::with(|config| {
        config.clocks = ClocksConfig {
            date_ahead: "3s".parse().unwrap(),
            date_jitter: span("500ms"),
            date_ahead_on_5xx: "-20s".parse().unwrap(),
            dateless: 0.0,
        };
    });
    let mut offsets = Vec::new();
    for _ in 0..50 {
        let date = world.create(None).date.unwrap();
        let created = world.reports().pop().unwrap().made;
        offsets.push((date - created).num_milliseconds());
    }
    assert!(offsets.iter().all(|ms| (2_500..=3_500).contains(ms)), "{offsets:?}");
    assert!(offsets.iter().any(|ms| *ms < 2_900) && offsets.iter().any(|ms| *ms > 3_100));
    let gateway = world.answer(What::Create(request(None)), Some(status(504, false, span("0s"))));
    let behind = world.server.clock(world.now) - gateway.date.unwrap();
    assert!((16..=18).contains(&behind.num_seconds()), "{behind}");
}

#[test]
fn some_answers_have_no_date() {
    let mut world = World::with(|config| config.clocks.dateless = 0.5);
    let without = (0..100).filter(|_| world.list(all()).date.is_none());
    assert!((30..70).contains(&without.count()));
}

#[test]
fn a_report_is_listed_and_not_found_by_its_id_or_the_other_way_round() {
    let mut world = World::with(|config| config.reports.get_lag = span("90s"));
    let made = world.made(None);
    assert_eq!(world.ids(all()), [made.as_str()]);
    assert_eq!(world.get(&made).reply.status, 404);
    world.now += secs(90);
    assert_eq!(world.get(&made).reply.status, 200);

    let mut world = World::with(|config| config.reports.list_lag = span("90s"));
    let made = world.made(None);
    assert_eq!(world.get(&made).reply.status, 200);
    assert!(world.ids(all()).is_empty());
    world.now += secs(90);
    assert_eq!(world.ids(all()), [made]);
}

#[test]
fn copies_disagree_read_by_read() {
    let mut world = World::with(|config| config.reports.replica_lag = span("90s"));
    let made = world.made(None);
    let listed = (0..40).filter(|_| !world.items(all()).is_empty()).count();
    assert!((10..30).contains(&listed), "{listed}");
    let found = (0..40).filter(|_| world.get(&made).reply.status == 200).count();
    assert!((10..30).contains(&found), "{found}");
    world.now += secs(90);
    assert!((0..40).all(|_| world.items(all()).len() == 1));
}

#[test]
fn a_cache_serves_stale_lists_unless_told_not_to() {
    let mut world = World::with(|config| config.reports.stale_for = span("30s"));
    assert!(world.ids(all()).is_empty());
    let made = world.made(None);
    assert!(world.ids(all()).is_empty());
    let Ending::Answer(fresh) = world.ask(What::List(all()), Chance::Rules, true) else {
        panic!("no answer");
    };
    assert_eq!(items(&fresh).len(), 1);
    world.now += secs(31);
    assert_eq!(world.ids(all()), [made]);
}

#[test]
fn lists_without_a_sub_partner_show_all_or_only_ones_own() {
    for (whose, shown) in [(ListWithoutOrg::All, 2), (ListWithoutOrg::Own, 1)] {
        let mut world = World::with(|config| config.reports.list_without_org = whose);
        world.made(None);
        world.made(Some("a"));
        assert_eq!(world.ids(all()).len(), shown);
        assert_eq!(world.ids(of("a")).len(), 1);
    }
}

#[test]
fn one_organisation_has_several_spellings() {
    let uuid = "0000576d-60a8-407a-b22c-47c515910000";
    let padded = org::spelled(uuid, Spelling::Padded);
    let mut world = World::with(|config| {
        config.reports.shows_org = Some(Spelling::Uuid);
        config.reports.duplicates = Duplicates::Conflict;
        config.sub_partners.spelling = Spelling::Uuid;
        config.sub_partners.list =
            vec![SubPartner { org_id: padded.clone(), state: ProvisioningState::Active }];
    });
    world.made(Some(&padded));
    let listed = world.items(of(uuid));
    assert_eq!(listed[0]["subPartnerOrgId"], uuid);
    assert_eq!(world.create(Some(uuid)).reply.status, 409);
    let page = world.answer(What::SubPartners(SubPartnersAsk::default()), None);
    assert_eq!(items(&page)[0]["orgId"], uuid);
}

#[test]
fn a_create_gets_the_answer_of_an_earlier_one() {
    for processed in [false, true] {
        let mut world = World::with(|_| {});
        let first = world.made(Some("a"));
        world.now += secs(1); // its client has it by then
        let fault = Fault::Repeat { processed };
        let mut repeated = Vec::new();
        for _ in 0..8 {
            let what = What::Create(request(Some("b")));
            repeated.push(id(&json(&world.answer(what, Some(fault.clone())))));
        }
        assert!(repeated.contains(&first), "{repeated:?}");
        assert_eq!(world.reports().len(), if processed { 9 } else { 1 });
    }
}

#[test]
fn a_deleted_report_shifts_the_next_page() {
    let mut world = World::with(|config| {
        config.reports.paging = Paging::Offset;
        config.reports.page_size = 1;
    });
    world.put(None, secs(3600), Person::Colleague);
    let (shifted, last) = (world.made(None), world.made(None));
    let first = world.answer(What::List(all()), Some(Fault::Delete {}));
    assert_eq!(items(&first).len(), 1);
    let second = ListAsk { place: first.reply.next, ..all() };
    assert_eq!(world.ids(second), [last.as_str()]);
    assert_eq!(world.reports().len(), 2);
    assert_eq!(world.ids(all()), [shifted.as_str()]);
}

#[test]
fn reports_of_others_turn_up_in_mid_run() {
    let mut world = World::with(|_| {});
    world.made(None);
    world.put(None, Duration::ZERO, Person::Colleague);
    let people: Vec<_> = world.items(all());
    assert_ne!(people[0]["createdBy"], people[1]["createdBy"]);
    assert_eq!(world.reports()[1].origin, Origin::Elsewhere);
}

#[test]
fn odd_statuses_come_after_the_effect_or_without_it() {
    for code in [303, 499, 520, 529, 598] {
        for processed in [false, true] {
            let mut world = World::with(|_| {});
            let fault = status(code, processed, span("0s"));
            let answer = world.answer(What::Create(request(None)), Some(fault));
            assert_eq!(answer.reply.status, code);
            assert_eq!(world.reports().len(), usize::from(processed), "{code}");
        }
    }
}

#[test]
fn an_effect_comes_late_though_the_answer_is_gone() {
    for fault in [
        status(502, true, span("30s")),
        Fault::Reset { processed: true, late: span("30s") },
        Fault::Hang { processed: true, late: span("30s") },
    ] {
        let mut world = World::with(|_| {});
        world.meet(What::Create(request(None)), Some(fault));
        assert!(world.reports().is_empty());
        world.now += secs(31);
        let report = world.reports().remove(0);
        assert_eq!(report.made, world.server.clock(secs(30)));
    }
}

#[test]
fn a_429_comes_head_first() {
    let mut world = World::with(|_| {});
    let fault = Fault::Trickle { status: 429, retry_after: Some("5".to_owned()), over: span("4s") };
    let answer = world.answer(What::Create(request(None)), Some(fault));
    assert_eq!((answer.reply.status, world.now), (429, Duration::ZERO));
    assert_eq!(answer.reply.announced, Some(secs(5)));
    assert_eq!(answer.reply.trickles, secs(4));
    assert!(world.reports().is_empty());
}

#[test]
fn long_lists_time_out() {
    let mut world = World::with(|config| config.reports.list_504_above = Some(10));
    world.made(None);
    for (max, expected) in [(None, 504), (Some(11), 504), (Some(10), 200), (Some(1), 200)] {
        let answer = world.list(ListAsk { max, ..all() });
        assert_eq!(answer.reply.status, expected, "{max:?}");
    }
}

#[test]
fn lists_are_refused_for_ever() {
    let rule = FaultRule {
        when: FaultMatch { endpoint: Some(Endpoint::List), ..FaultMatch::default() },
        then: vec![status(403, false, span("0s"))],
    };
    let mut world = World::with(|config| config.faults = vec![rule]);
    let made = world.made(None);
    assert!((0..20).all(|_| world.list(all()).reply.status == 403));
    assert_eq!(world.get(&made).reply.status, 200);
}

#[test]
fn somebody_makes_a_report_when_ours_is_lost() {
    for (by, category, org) in [
        (Person::Colleague, Category::Reconciliation, None),
        (Person::Us, Category::PointInTime, None),
        (Person::Colleague, Category::Reconciliation, Some("b")),
    ] {
        let mut world = World::with(|_| {});
        let fault = Fault::Rival { by, category, org: org.map(str::to_owned), processed: false };
        let ending = world.meet(What::Create(request(Some("a"))), Some(fault));
        assert!(matches!(ending, Ending::Cut));
        let report = world.reports().remove(0);
        assert_eq!((report.by, report.category), (by, category));
        assert_eq!(report.request, request(org.or(Some("a"))));
        assert_eq!(report.origin, Origin::Elsewhere);
        let shown = world.items(all()).remove(0);
        assert_eq!(shown["category"], category.as_str());
    }
}

#[test]
fn created_by_is_shown_late_or_never() {
    let mut world = World::with(|config| config.reports.created_by_after = span("20s"));
    let made = world.made(None);
    assert!(json(&world.get(&made)).get("createdBy").is_none());
    world.now += secs(20);
    assert!(json(&world.get(&made)).get("createdBy").is_some());

    let mut world = World::with(|config| config.reports.shows_created_by = false);
    let made = world.made(None);
    world.now += secs(3600);
    let shown = json(&world.get(&made));
    assert!(shown.get("createdBy").is_none() && shown.get("created").is_some());
}

#[test]
fn one_organisation_gets_401_with_a_good_token() {
    let refuse = ("a".to_owned(), RefusalStatus::Unauthorized);
    let mut world = World::with(|config| config.refuse = [refuse].into());
    assert_eq!(world.create(Some("a")).reply.status, 401);
    assert_eq!(world.create(Some("b")).reply.status, 200);
    assert_eq!(world.list(of("a")).reply.status, 200);
}

#[test]
fn a_storm_of_503_hits_all_who_come_within_it() {
    let storm = FaultRule {
        when: FaultMatch {
            from: Some(span("5s")),
            until: Some(span("8s")),
            ..FaultMatch::default()
        },
        then: vec![Fault::Status {
            status: 503,
            body: ErrorBody::Classic,
            retry_after: Some("7".to_owned()),
            location: None,
            processed: false,
            late: span("0s"),
        }],
    };
    let mut world = World::with(|config| config.faults = vec![storm]);
    assert_eq!(world.create(None).reply.status, 200);
    for second in [5, 6, 7] {
        world.now = secs(second);
        let answer = world.create(None);
        let wait = answer.reply.announced;
        assert_eq!((answer.reply.status, wait), (503, Some(secs(7))));
    }
    world.now = secs(8);
    assert_eq!(world.create(None).reply.status, 200);
}

#[test]
fn our_own_old_reports_look_like_ours() {
    let mut world = World::with(|_| {});
    world.put(None, secs(600), Person::Us);
    let ours = world.made(None);
    let listed = world.items(all());
    assert_eq!(listed[0]["createdBy"], listed[1]["createdBy"]);
    assert_eq!(id(&listed[1]), ours);
    assert!(listed[0]["created"].as_str() < listed[1]["created"].as_str());
}

#[test]
fn created_is_when_the_report_was_ready_and_hidden_until_then() {
    let mut world = World::with(|config| {
        config.reports.created_is = CreatedIs::Ready;
        config.reports.completes_after = span("40s");
    });
    let made = world.made(None);
    let shown = json(&world.get(&made));
    assert!(shown.get("created").is_none() && shown.get("createdBy").is_none());
    world.now += secs(40);
    let shown = json(&world.get(&made));
    assert_eq!(shown["created"], "2026-11-03T10:00:40Z");
}

#[test]
fn a_token_ends_in_mid_run() {
    let mut world = World::with(|_| {});
    let ended = world.answer(What::Create(request(None)), Some(Fault::EndToken {}));
    assert_eq!(ended.reply.status, 401);
    assert_eq!(world.create(None).reply.status, 401);
    let renewal = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("refresh_token", REFRESH_TOKEN),
    ];
    let renewal = renewal.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(world.answer(What::Renew(renewal.into()), None).reply.status, 200);
    assert_eq!(world.create(None).reply.status, 200);
}

#[test]
fn the_effect_takes_place_though_the_client_is_gone() {
    for (kept, reports) in [(true, 1), (false, 0)] {
        let mut world = World::with(|config| config.latency.fixed = span("20s"));
        let ask = ask(world.server.token(), false, What::Create(request(None)));
        drop(world.server.receive(secs(0), ask, Chance::Rules));
        world.server.client_died(secs(1), secs(3), || kept);
        assert_eq!(world.server.reports(secs(2)).count(), 0);
        assert_eq!(world.server.reports(secs(3)).count(), reports);
    }
}

#[test]
fn a_seed_says_all() {
    let play = |seed| {
        let mut world = World::with(|config| {
            config.seed = seed;
            config.latency.jitter = span("3s");
            config.clocks.date_jitter = span("3s");
            config.reports.list_lag_jitter = span("9s");
        });
        let answers = (0..20).map(|_| {
            let created = world.create(None);
            (id(&json(&created)), created.date, world.now, world.ids(all()))
        });
        answers.collect::<Vec<_>>()
    };
    assert_eq!(play(1), play(1));
    assert_ne!(play(1), play(2));
}

/// As it is with real servers: a row cannot hold the id of a report that another server has.
#[test]
fn servers_that_start_at_different_times_give_different_ids() {
    let ids = |started_at: &str| {
        let started_at = started_at.parse().unwrap();
        let server = Server::new(calm(), started_at, String::new());
        let now = Duration::ZERO;
        let mut world = World { server, now };
        (0..3).map(|_| id(&json(&world.create(None)))).collect()
    };
    let first: Vec<String> = ids("2026-11-03T10:00:00Z");
    assert_eq!(first, ids("2026-11-03T10:00:00Z"));
    let later = ids("2026-11-03T10:00:00.000001Z");
    assert!(first.iter().all(|id| !later.contains(id)), "{first:?}");
}
