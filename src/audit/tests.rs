//! An audit of an untouched world has nothing to say, and of a world with planted differences it says these and no
//! others.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use chrono::{TimeDelta, Utc};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use url::Url;

use super::*;
use crate::{
    api::{Answer, Api, Cause, ListPage, Listed, Notice, OnHead, Outcome, Page, Refusal},
    inventory::ServerReports,
    ledger::{Collected, Ledger, Reason, RecordedHashes, Row},
    manifest::{
        Discover, Discovered, FileRules, Job, Manifest, Rate, Settings, SubPartner,
        SubPartnerSource, SubPartners, Totals,
    },
    plan::Plan,
    sending::{Session, SystemClock},
};
use request::{OrgId, Period, ReportId, ReportType, Request, RequestId, RequestIds};

/// A report, and whose it is: no item of a list says that.
#[derive(Debug, Clone)]
struct Made {
    org: Option<OrgId>,
    internal: bool,
    report: Listed,
}

/// A server that only reads, and counts what it is asked.
#[derive(Debug, Default)]
struct Server {
    reports: Vec<Made>,
    partners: Vec<OrgId>,
    /// Whether a list without sub-partner shows the sub-partners' reports too.
    lists_all: bool,
    /// Whether items show `internal`, and who made them.
    shows_more: bool,
    refuses_partners: bool,
    /// So many single reads find nothing.
    lags: Cell<usize>,
    asked: Cell<usize>,
}

fn done<T>(value: T) -> Answer<T> {
    Answer { outcome: Outcome::Done(value), notice: Notice::default() }
}

impl Server {
    fn shown(&self, made: &Made) -> Listed {
        Listed { internal: self.shows_more.then_some(made.internal), ..made.report.clone() }
    }
}

impl Api for Server {
    type Token = ();

    async fn create(&self, (): &(), _: &Request, _: &dyn OnHead) -> Answer<ReportId> {
        unreachable!("an audit creates nothing")
    }

    async fn list(
        &self,
        (): &(),
        ListPage { query, max, next }: ListPage<'_>,
        _: &dyn OnHead,
    ) -> Answer<Page<Listed>> {
        self.asked.set(self.asked.get() + 1);
        let from = next.map_or(0, |url| url.path()[1..].parse().unwrap());
        let is_asked = |made: &&Made| {
            let whose = match &query.sub_partner {
                Some(org) => made.org.as_ref() == Some(org),
                None => self.lists_all || made.org.is_none(),
            };
            let period = |period: Period| {
                made.report.start == Some(period.start()) && made.report.end == Some(period.end())
            };
            let report_type = query.report_type.is_none_or(|t| made.report.report_type == Some(t));
            whose && report_type && query.period.is_none_or(period)
        };
        let all: Vec<Listed> =
            self.reports.iter().filter(is_asked).map(|m| self.shown(m)).collect();
        let next = format!("http://model.invalid/{}", from + max).parse().unwrap();
        done(Page {
            next: (all.len() > from + max).then_some(next),
            items: all.into_iter().skip(from).take(max).collect(),
        })
    }

    async fn get(&self, (): &(), id: &ReportId, _: &dyn OnHead) -> Answer<Option<Listed>> {
        self.asked.set(self.asked.get() + 1);
        let left = self.lags.get();
        self.lags.set(left.saturating_sub(1));
        let made = self.reports.iter().find(|made| left == 0 && made.report.id == *id);
        done(made.map(|made| self.shown(made)))
    }

    async fn sub_partners(
        &self,
        (): &(),
        _: Discover,
        _: Option<&Url>,
        _: &dyn OnHead,
    ) -> Answer<Page<OrgId>> {
        self.asked.set(self.asked.get() + 1);
        if self.refuses_partners {
            let cause = Cause { http_status: Some(404), ..Cause::default() };
            return Answer {
                outcome: Outcome::Refused(Refusal::Final, cause),
                notice: Notice::default(),
            };
        }
        done(Page { items: self.partners.clone(), next: None })
    }

    async fn renew(&self, _: Option<&()>, _: &dyn OnHead) -> Answer<()> {
        unreachable!("its token is taken")
    }
}

/// Plan, ledger, server and files that agree, until something is planted.
struct World {
    folder: TempDir,
    plan: Plan,
    rows: Vec<Row>,
    server: Server,
    totals: Totals,
    rules: FileRules,
    /// What a history says of the files.
    recorded: RecordedHashes,
}

fn org(number: usize) -> OrgId {
    format!("partner-{number}").parse().unwrap()
}

fn id(text: impl Into<String>) -> ReportId {
    text.into().parse().unwrap()
}

fn made(request: &Request, id: ReportId) -> Made {
    Made {
        org: request.sub_partner.clone(),
        internal: request.internal,
        report: Listed {
            start: Some(request.period.start()),
            end: Some(request.period.end()),
            report_type: Some(request.report_type),
            created: "2026-11-01T08:00:00Z".parse().ok(),
            created_by: Some("us".parse().unwrap()),
            status: Some("COMPLETED".to_owned()),
            ..Listed::bare(id)
        },
    }
}

fn job(name: &str, partners: usize, internal: bool, periods: &[&str]) -> Job {
    let listed = (1..=partners).map(|n| {
        SubPartnerSource::Named(SubPartner { id: org(n), label: (n == 1).then(|| "Acme".into()) })
    });
    Job {
        name: name.into(),
        sub_partners: match partners {
            0 => SubPartners::Own,
            _ => SubPartners::Listed(listed.collect()),
        },
        types: ReportType::ALL.to_vec(),
        internal,
        periods: periods.iter().map(|period| period.parse().unwrap()).collect(),
        exclude: Vec::new(),
    }
}

impl World {
    fn new(jobs: Vec<Job>) -> Self {
        let manifest = Manifest {
            path: PathBuf::new(),
            origin: Default::default(),
            name: "world".to_owned(),
            settings: Settings::default(),
            ledger: PathBuf::new(),
            jobs,
            labels: BTreeMap::new(),
            oddities: Vec::new(),
            is_relative: false,
            units: None,
            reconcile: Vec::new(),
        };
        let plan = Plan::expand(&manifest, &Discovered::new()).unwrap();
        let mut world = World {
            folder: tempfile::tempdir().unwrap(),
            rows: Vec::new(),
            recorded: RecordedHashes::new(),
            server: Server::default(),
            totals: Totals {
                column: "Q".to_owned(),
                by: vec!["SKU".to_owned()],
                ..Totals::default()
            },
            rules: FileRules::new(),
            plan,
        };
        for (n, planned) in world.plan.requests().iter().enumerate() {
            let report = id(format!("report-{n}"));
            world.server.reports.push(made(&planned.request, report.clone()));
            let row = Row::planned(planned.request.clone(), "j".into(), planned.label.clone());
            world.rows.push(row.created(report));
        }
        for place in 0..world.rows.len() {
            world.collect(place, "SKU,Q\nA,0.1\nB,\nA,0.2\n");
        }
        world.server.partners = (1..=9).map(org).collect();
        world
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Puts `content` on the disk as the row's collected file.
    fn collect(&mut self, place: usize, content: &str) {
        let file = format!("{place}.csv");
        fs::write(self.path(&file), content).unwrap();
        let digest = Sha256::digest(content.as_bytes());
        self.rows[place].collected = Collected {
            status: "COMPLETED".to_owned(),
            file,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            error: String::new(),
            rows: Some(content.lines().count() as u64 - 1),
        }
        .into();
        let row = &self.rows[place];
        let recorded = row.collected.sha256.clone();
        self.recorded.insert(row.id(), recorded);
    }

    fn report(&mut self, place: usize) -> &mut Made {
        &mut self.server.reports[place]
    }

    fn request(&self, place: usize) -> Request {
        self.rows[place].request().clone()
    }

    fn id(&self, place: usize) -> RequestId {
        self.rows[place].id()
    }

    fn audit_of(&self, selected: &RequestIds, folder: Option<&Path>) -> Audit {
        let mut ledger = Ledger::default();
        self.rows.iter().for_each(|row| ledger.fold(row.clone()));
        let scope = Scope::new(&self.plan, selected, &ledger);
        let held = self.ask(&scope);
        let recorded = &self.recorded;
        let files = folder.map(|folder| Files { folder, recorded, is_closed: false });
        scope.compare(Some(&held), files, self.checks(), None)
    }

    /// As without a server.
    fn audit_offline(&self) -> Audit {
        let mut ledger = Ledger::default();
        self.rows.iter().for_each(|row| ledger.fold(row.clone()));
        let files =
            Files { folder: self.folder.path(), recorded: &self.recorded, is_closed: false };
        let all = self.all();
        let scope = Scope::new(&self.plan, &all, &ledger);
        scope.compare(None, Some(files), self.checks(), None)
    }

    fn checks(&self) -> FileChecks<'_> {
        FileChecks { totals: Some(&self.totals), rules: &self.rules }
    }

    fn ask(&self, scope: &Scope<'_>) -> Vec<ServerReports> {
        let mut settings = Settings::default();
        settings.limits.rate = Rate::Unlimited;
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let policies = (&settings.limits, &settings.retry);
            let session = Session::new(&self.server, Some(()), policies, &SystemClock, 1);
            scope.ask(&session, 4).await.unwrap()
        })
    }

    fn all(&self) -> RequestIds {
        self.plan.requests().iter().map(|planned| planned.id).collect()
    }

    fn audit(&self) -> Audit {
        self.audit_of(&self.all(), Some(self.folder.path()))
    }

    fn found(&self) -> BTreeSet<(DifferenceKind, RequestId)> {
        let audit = self.audit();
        let found: BTreeSet<_> =
            audit.differences.iter().map(|d| (d.kind, d.request_id.unwrap())).collect();
        assert_eq!(found.len(), audit.differences.len(), "{audit:#?}");
        found
    }
}

/// Own reports, three sub-partners with two periods, and twins.
fn world() -> World {
    World::new(vec![
        job("own", 0, false, &["2026-10"]),
        job("partners", 3, false, &["2026-10", "2026-09"]),
        job("twins", 1, true, &["2026-10"]),
    ])
}

/// Each group of three rows (the types of one sub-partner, period and `internal`) can have one of these.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    Nothing,
    Unknown,
    NotCreated,
    Gone,
    ServerFailed,
    Duplicate,
    NotCollected,
    /// The report is not ready, so there is no file.
    NotReady,
    FileMissing,
    FileChanged,
    /// The file and the ledger's hash were changed together; the history still has the hash of what was collected.
    BothChanged,
    TotalsDiffer,
    TotalsUnknown,
    /// What is no difference: a second report that failed, one of another category, one that a row has replaced.
    Decoys,
}

const PLANTS: [Plant; 14] = [
    Plant::Nothing,
    Plant::Unknown,
    Plant::NotCreated,
    Plant::Gone,
    Plant::ServerFailed,
    Plant::Duplicate,
    Plant::NotCollected,
    Plant::NotReady,
    Plant::FileMissing,
    Plant::FileChanged,
    Plant::BothChanged,
    Plant::TotalsDiffer,
    Plant::TotalsUnknown,
    Plant::Decoys,
];

/// Plants it at a row, and gives the difference that it has to be.
fn plant(world: &mut World, plant: Plant, place: usize) -> Option<DifferenceKind> {
    let request = world.request(place);
    let unmade = |row: &Row| {
        let planned = Row::planned(row.request().clone(), "j".into(), None);
        planned.failed(Reason { code: "x".to_owned(), text: "refused".to_owned() })
    };
    match plant {
        Plant::Nothing => None,
        Plant::Unknown => {
            world.rows[place] = unmade(&world.rows[place]);
            Some(DifferenceKind::Unknown)
        }
        Plant::NotCreated => {
            world.rows[place] = unmade(&world.rows[place]);
            world.report(place).report.start = "2020-01-01".parse().ok();
            Some(DifferenceKind::NotCreated)
        }
        Plant::Gone => {
            world.report(place).report.id = id(format!("nobodys-{place}"));
            world.report(place).report.start = "2020-01-01".parse().ok();
            Some(DifferenceKind::Gone)
        }
        Plant::ServerFailed => {
            world.report(place).report.status = Some("FAILED".to_owned());
            world.rows[place].collected = Collected::default().into();
            Some(DifferenceKind::ServerFailed)
        }
        Plant::Duplicate => {
            let second = made(&request, id(format!("second-{place}")));
            world.server.reports.push(second);
            Some(DifferenceKind::Duplicate)
        }
        Plant::NotCollected => {
            world.rows[place].collected = Collected::default().into();
            Some(DifferenceKind::NotCollected)
        }
        Plant::NotReady => {
            world.report(place).report.status = Some("IN_PROGRESS".to_owned());
            world.rows[place].collected = Collected::default().into();
            Some(DifferenceKind::NotCollected)
        }
        Plant::FileMissing => {
            fs::remove_file(world.path(&format!("{place}.csv"))).unwrap();
            Some(DifferenceKind::FileMissing)
        }
        Plant::FileChanged => {
            fs::write(world.path(&format!("{place}.csv")), "SKU,Q\nA,0.3\n").unwrap();
            Some(DifferenceKind::FileChanged)
        }
        Plant::BothChanged => {
            let recorded = world.recorded.clone();
            world.collect(place, "SKU,Q\nA,0.3\n");
            world.recorded = recorded;
            Some(DifferenceKind::FileChanged)
        }
        Plant::TotalsDiffer => {
            world.collect(place, "SKU,Q\nA,0.3\nC,0.00001\n");
            Some(DifferenceKind::TotalsDiffer)
        }
        Plant::TotalsUnknown => {
            world.collect(place, "SKU,Q\nA,0.3\nB,n/a\n");
            Some(DifferenceKind::TotalsUnknown)
        }
        Plant::Decoys => {
            let mut failed = made(&request, id(format!("failed-{place}")));
            failed.report.status = Some("FAILED".to_owned());
            let mut of_the_moment = made(&request, id(format!("moment-{place}")));
            of_the_moment.report.category = Some("POINT_IN_TIME".to_owned());
            let given_up = made(&request, id(format!("given-up-{place}")));
            world.rows[place].replaces.push(given_up.report.id.clone());
            world.server.reports.extend([failed, of_the_moment, given_up]);
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What is planted is found, and nothing else.
    #[test]
    fn each_planted_difference_gives_exactly_its_kind(
        plants in prop::collection::vec((prop::sample::select(&PLANTS[..]), 0..3_usize), 8),
        lists_all: bool, shows_more: bool, stranger: bool,
    ) {
        let mut world = world();
        (world.server.lists_all, world.server.shows_more) = (lists_all, shows_more);
        prop_assert_eq!(world.rows.len(), 24);
        let mut expected = BTreeSet::new();
        for (group, (what, member)) in plants.into_iter().enumerate() {
            let place = 3 * group + member;
            let Some(kind) = plant(&mut world, what, place) else { continue };
            if kind == DifferenceKind::Duplicate && group == 0 && lists_all {
                continue; // nobody can say that it is not a sub-partner's
            }
            let first = if kind == DifferenceKind::TotalsDiffer { 3 * group } else { place };
            expected.insert((kind, world.id(first)));
        }
        // Of twins without `internal` shown, a second report may be either's.
        if !shows_more {
            for (kind, found) in expected.clone() {
                let place = (0..24).find(|place| world.id(*place) == found).unwrap();
                let mut twin = world.request(place);
                twin.internal = !twin.internal;
                let twin = world.rows.iter().find(|row| *row.request() == twin);
                if let (DifferenceKind::Duplicate, Some(twin)) = (kind, twin)
                    && twin.state.report_id().is_some()
                    && !expected.iter().any(|(kind, id)| *id == twin.id() && matches!(kind, DifferenceKind::Gone | DifferenceKind::ServerFailed))
                {
                    expected.insert((kind, twin.id()));
                }
            }
        }
        // A report of a sub-partner that nobody plans is not the partner's own.
        if stranger {
            let mut request = world.request(0);
            request.sub_partner = Some(org(9));
            world.server.reports.push(made(&request, id("strangers")));
        }
        prop_assume!(!has_free_twins(&world, shows_more));
        prop_assert_eq!(world.found(), expected);
    }
}

/// Whether twins without a report of their own make it unclear to whom another belongs: that has tests of its own.
fn has_free_twins(world: &World, shows_more: bool) -> bool {
    !shows_more
        && world.rows.iter().any(|row| {
            row.state.report_id().is_none()
                && world.rows.iter().any(|other| {
                    other.request().is_twin_of(row.request())
                        && other.request().sub_partner == row.request().sub_partner
                })
        })
}

#[test]
fn an_untouched_world_has_no_differences() {
    for lists_all in [false, true] {
        let mut world = world();
        world.server.lists_all = lists_all;
        let audit = world.audit();
        assert_eq!(audit.differences, []);
        let checked = Checked {
            requests: 24,
            reports: 24,
            files: 24,
            empty: 0,
            totals: 8,
            ..Checked::default()
        };
        assert_eq!(audit.checked, checked);
        assert_eq!(audit.totals.len(), 16);
        let total = &audit.totals[2];
        assert_eq!(total.label.as_deref(), Some("Acme"));
        assert_eq!(total.by, [("SKU".to_owned(), "A".to_owned())]);
        assert!(total.sums.values().all(|sum| sum.to_string() == "0.3"), "{total:?}");
    }
}

#[test]
fn without_a_ledger_every_request_is_a_difference() {
    let mut world = world();
    world.rows.clear();
    world.server.reports.truncate(3);
    let audit = world.audit();
    let kinds: Vec<DifferenceKind> = audit.differences.iter().map(|d| d.kind).collect();
    assert_eq!(kinds.len(), 24);
    assert_eq!(kinds[..3], [DifferenceKind::Unknown; 3]);
    assert_eq!(kinds[3..], [DifferenceKind::NotCreated; 21]);
    assert_eq!(audit.differences[0].report_id, Some(id("report-0")));
    assert_eq!(
        audit.differences[3].message(),
        "Acme PARTNER 2026-10: it has no row in the ledger; `monthend run` creates it"
    );
}

/// One report, two requests that a list cannot tell apart: it is the one's who has none.
#[test]
fn a_report_that_a_twin_lacks_is_no_second_one() {
    let mut world = world();
    let (plain, twin) = (3, 21);
    assert!(world.request(plain).is_twin_of(&world.request(twin)));
    let row = &world.rows[twin];
    world.rows[twin] = Row::planned(row.request().clone(), "j".into(), None);
    assert_eq!(world.found(), BTreeSet::from([(DifferenceKind::Unknown, world.id(twin))]));
    let said = &world.audit().differences[0].what;
    assert!(said.ends_with("lists report-21 (may be one without `internal`)"), "{said}");
    // Two are one too many, whosever they are.
    let second = made(&world.request(plain), id("second"));
    world.server.reports.push(second);
    let expected =
        [(DifferenceKind::Duplicate, world.id(plain)), (DifferenceKind::Unknown, world.id(twin))];
    assert_eq!(world.found(), BTreeSet::from(expected));
}

/// What a list without sub-partner shows is the partner's own only where it was seen to leave the others' out: one that
/// has left is in no list.
#[test]
fn what_may_be_a_sub_partners_is_no_second_report_of_ours() {
    let mut world = world();
    let second = made(&world.request(0), id("second"));
    world.server.reports.push(second);
    assert_eq!(world.found(), BTreeSet::from([(DifferenceKind::Duplicate, world.id(0))]));
    world.server.lists_all = true;
    assert_eq!(world.found(), BTreeSet::new());
    // Of a row that has no report all are named, with what they may be, also where nobody knows the sub-partners.
    world.server.partners.clear();
    world.rows[0] = Row::planned(world.request(0), "j".into(), None);
    for refuses_partners in [false, true] {
        world.server.refuses_partners = refuses_partners;
        assert_eq!(world.found(), BTreeSet::from([(DifferenceKind::Unknown, world.id(0))]));
        let said = &world.audit().differences[0].what;
        assert!(said.contains("second (may be a sub-partner's, may be one"), "{said}");
    }
}

#[test]
fn what_someone_else_made_is_shown_as_such() {
    let mut world = world();
    let mut second = made(&world.request(4), id("second"));
    second.report.created_by = Some("somebody".parse().unwrap());
    world.server.reports.push(second);
    let audit = world.audit();
    let said = audit.differences[0].message();
    assert_eq!(
        said,
        "Acme CUSTOMER 2026-10: its report is report-4, and the server also lists second (made by someone else, \
         may be one with `internal`); look at both: nothing is deleted for you"
    );
    assert_eq!(audit.differences[0].report_id, Some(id("report-4")));
}

/// A report of a moment ago, which the list does not show yet and the first reads do not find.
#[test]
fn a_new_report_is_sought_more_than_once_before_it_is_gone() {
    let mut world = world();
    world.report(4).org = Some(org(8)); // it is in no list that is asked for
    for (age, lags, gone) in [(5, 2, false), (5, 3, true), (3_600, 0, false), (3_600, 1, true)] {
        world.server.lags.set(lags);
        world.rows[4].updated_at = Some(Utc::now() - TimeDelta::seconds(age));
        let expected = gone.then_some((DifferenceKind::Gone, world.id(4)));
        assert_eq!(world.found(), BTreeSet::from_iter(expected), "{age} s, {lags} reads");
    }
}

#[test]
fn only_what_is_selected_is_compared() {
    let mut world = world();
    plant(&mut world, Plant::Gone, 0);
    plant(&mut world, Plant::FileMissing, 5);
    let selected = RequestIds::from_iter([world.id(5), world.id(6)]);
    let audit = world.audit_of(&selected, Some(world.folder.path()));
    assert_eq!(audit.differences.len(), 1);
    // What is missing was not read.
    assert_eq!((audit.checked.requests, audit.checked.files), (2, 1));
    let audit = world.audit_of(&selected, None);
    assert_eq!(audit.differences, []);
    assert_eq!((audit.checked.reports, audit.checked.files, audit.totals.len()), (2, 0, 0));
}

#[test]
fn sums_that_differ_are_told_with_whom_and_how_much() {
    let mut world = world();
    world.collect(4, "SKU,Q\nA,0.30001\nB,7\n");
    let audit = world.audit();
    assert_eq!(
        audit.differences[0].message(),
        "Acme 2026-10: the sums of Q differ: SKU A: PARTNER 0.3, CUSTOMER 0.30001, USER 0.3; \
         SKU B: PARTNER 0, CUSTOMER 7, USER 0; compare them with the invoice, and ask whoever sends it"
    );
    assert_eq!(audit.differences[0].request_id, Some(world.id(3)));
    // A file without the column is no zero, and the others still agree.
    world.collect(4, "SKU,Qty\nA,1\n");
    let audit = world.audit();
    let [unknown] = &audit.differences[..] else { panic!("{audit:#?}") };
    assert_eq!(
        (unknown.kind, unknown.request_id),
        (DifferenceKind::TotalsUnknown, Some(world.id(4)))
    );
    assert_eq!(unknown.file.as_deref(), Some("4.csv"));
    assert_eq!(unknown.what, "it has no column Q; its columns are SKU, Qty");
    assert_eq!(audit.checked.totals, 8);
    // One file alone has nothing to agree with.
    for place in [3, 5] {
        world.rows[place].collected = Collected::default().into();
    }
    let kinds: Vec<DifferenceKind> = world.audit().differences.iter().map(|d| d.kind).collect();
    assert_eq!(kinds, [DifferenceKind::NotCollected; 2]);
}

/// Without a server the same is found, but for what only a server knows.
#[test]
fn an_audit_without_a_server_compares_all_else() {
    let mut world = world();
    let plants = [
        Plant::NotCreated,
        Plant::Gone,
        Plant::Duplicate,
        Plant::NotCollected,
        Plant::FileMissing,
        Plant::FileChanged,
        Plant::BothChanged,
        Plant::TotalsUnknown,
    ];
    let places = (0..plants.len()).map(|group| 3 * group + 1);
    let mut expected = Vec::new();
    for (what, place) in plants.into_iter().zip(places) {
        let kind = plant(&mut world, what, place);
        let kind =
            kind.filter(|kind| !matches!(kind, DifferenceKind::Gone | DifferenceKind::Duplicate));
        expected.extend(kind.map(|kind| (kind, world.id(place))));
    }
    let audit = world.audit_offline();
    let found = audit.differences.iter().map(|d| (d.kind, d.request_id.unwrap()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let not_collected = audit.differences.iter().find(|d| d.kind == DifferenceKind::NotCollected);
    assert!(not_collected.unwrap().what.contains("it is not known whether"));
    assert_eq!(world.server.asked.get(), 0);
}

/// Whether the report is complete by now is for whoever decides what to do.
#[test]
fn a_missing_file_is_told_with_the_state_of_its_report() {
    let mut world = world();
    for (place, status) in [(3, "COMPLETED"), (4, "IN_PROGRESS"), (5, "REQUESTED")] {
        world.rows[place].collected = Collected::default().into();
        world.report(place).report.status = Some(status.to_owned());
    }
    let audit = world.audit();
    let said: Vec<&str> = audit.differences.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "its report is complete, and it is not collected",
            "its report is not complete (IN_PROGRESS), and so it is not collected",
            "its report is not complete (REQUESTED), and so it is not collected",
        ]
    );
    // What was known of it when it was last asked for.
    for (place, status) in [(3, "COMPLETED"), (4, "IN_PROGRESS"), (5, "FAILED")] {
        world.rows[place].collected_mut().status = status.to_owned();
    }
    let audit = world.audit_offline();
    let said: Vec<String> = audit.differences.iter().map(Difference::advice).collect();
    assert_eq!(
        said,
        [
            "its report was, when the server was last asked, complete, and it is not collected; `monthend collect` \
             downloads it",
            "its report was, when the server was last asked, not complete (IN_PROGRESS), and so it is not collected; \
             `monthend collect` downloads it",
            "the server could not generate its report, and so it is not collected; `monthend retry --recreate-failed` \
             recreates it",
        ]
    );
}

/// A thousand rows, and what asking about them takes: the figures of docs/audit.md.
#[test]
fn lists_are_used_well() {
    for (partners, periods, lists_all, most) in [
        (334, &["2026-10"][..], true, 22),
        (334, &["2026-10"], false, 335),
        (10, &["2026-10"], true, 1),
        (10, &["2026-10"], false, 11),
        (
            34,
            &[
                "2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06", "2026-07",
                "2026-08", "2026-09", "2026-10",
            ],
            true,
            34,
        ),
    ] {
        let mut world = World::new(vec![job("partners", partners, false, periods)]);
        world.server.lists_all = lists_all;
        let audit = world.audit_of(&world.all(), None);
        assert_eq!(audit.differences, []);
        let asked = world.server.asked.get();
        assert!(asked <= most, "{} rows took {asked} requests", world.rows.len());
        println!("{} rows, all in one list: {lists_all}: {asked} requests", world.rows.len());
    }
}
