//! What the server of a history is like.

use std::{num::NonZeroU32, time::Duration};

use request::OrgId;
use sandbox::model::{
    ClocksConfig, CreatedIs, Duplicates, LatencyConfig, LimitScope, LimiterConfig, ListWithoutOrg,
    Paging, ProvisioningState, RateLimitConfig, RefusalStatus, ReportsConfig, RetryAfterForm,
    SandboxConfig, Shift, Span, Spelling, SubPartner, SubPartnersConfig,
};

use super::{
    misfortune::Misfortune,
    world::{Disturbances, World},
};

#[derive(Debug, Clone)]
pub(crate) struct ServerTraits {
    /// One exchange in so many goes wrong.
    pub fault_one_in: u32,
    /// What can go wrong in this history.
    pub faults: Vec<Misfortune>,
    /// `retry.settle` of the client.
    pub settle: Duration,
    pub request_timeout: Duration,
    /// How long a report may be missing from lists, as a share of `settle` in tenths.
    lag_tenths: u32,
    /// Sub-partners whose requests are refused for good.
    pub refused: Vec<OrgId>,
    /// From when to when nobody gets through, since the start.
    pub outage: Option<(Duration, Duration)>,
    /// From when to when every create gets a 503 with a wait, since the start.
    pub storm: Option<(Duration, Duration)>,
    /// All lists are refused with this.
    pub lists_refused_with: Option<u16>,
    /// What was made is listed within `settle`. Where it is not, nobody can keep a report from being made twice.
    pub keeps_settle: bool,
    /// Many reports were there before, and somebody is deleting them: one after every second page of a list.
    pub cleaned_up: bool,
    /// What happens to the computer's clocks while a process runs.
    pub disturbances: Disturbances,
    /// The sub-partners of the plan.
    pub orgs: [&'static str; 3],
    /// Some of the reports that were there before are our own.
    pub own_old_reports: bool,
    /// Half of the single reads are answered with an old report of somebody else, under another id.
    pub strays: bool,
    /// The clock that stamps `created` minus the true time.
    pub offset: chrono::Duration,
    pub config: SandboxConfig,
}

impl ServerTraits {
    pub(crate) fn makes_duplicates(&self) -> bool {
        self.config.reports.duplicates == Duplicates::Allow
    }

    /// The longest that a create is still worked on after the client stopped waiting.
    pub(crate) fn late(&self, world: &World) -> Duration {
        // Not all of `settle`: answers take their time on the way too.
        let share = f64::from(19 - 2 * self.lag_tenths.min(8)) / 20.0;
        let most = self.settle.mul_f64(share);
        // As late as it can be, half of the time.
        if world.one_in(2) { most } else { world.up_to(most) }
    }

    /// The longest from the arrival of a create to its effect.
    pub(crate) fn longest_work(&self) -> Duration {
        self.config.latency.jitter.0 / 2 + self.config.latency.work.0
    }

    /// How long something takes on its way.
    pub(crate) fn way(&self, world: &World) -> Duration {
        world.up_to(self.config.latency.jitter.0 / 2)
    }

    /// A server as the documentation has it, with what may go wrong with any server.
    pub(crate) fn kind(world: &World, seed: u64) -> Self {
        let secs = |s: u32| Duration::from_secs(u64::from(s));
        let settle = secs(world.pick(&[5, 20, 60]));
        let request_timeout = secs(world.pick(&[10, 60]));
        let fault_one_in = world.pick(&[2, 3, 6]);
        let faults = if world.one_in(2) {
            Misfortune::DOUBTS.to_vec()
        } else {
            let all = Misfortune::KIND.into_iter();
            all.filter(|_| world.one_in(3)).collect()
        };
        let outage = world.one_in(5).then(|| {
            let from = world.up_to(secs(60));
            (from, from + world.up_to(secs(1800)))
        });
        let (tells_time, offset) = if world.one_in(10) {
            (false, 0)
        } else {
            (true, world.pick(&[-9_000, -2, 0, 0, 2, 9_000]))
        };
        let lag_tenths = world.below(9);
        let lag = Span(settle.mul_f64(f64::from(lag_tenths) / 10.0));
        let late_together = world.one_in(2);
        let refused: Vec<OrgId> = if world.one_in(4) {
            vec![world.pick(&["orgA", "orgB"]).parse().unwrap()]
        } else {
            Vec::new()
        };
        let limiter = if world.one_in(3) {
            let second = Span(secs(1));
            let (rate, per) = world.pick(&[(1, Span(secs(5))), (1, second), (5, second)]);
            LimiterConfig::TokenBucket {
                rate: NonZeroU32::new(rate).unwrap(),
                per,
                burst: NonZeroU32::new(world.pick(&[1, 5])).unwrap(),
            }
        } else {
            LimiterConfig::Unlimited {}
        };
        let config = SandboxConfig {
            seed,
            latency: LatencyConfig {
                fixed: Span::default(),
                jitter: Span(Duration::from_millis(world.pick(&[10, 160, 600]))),
                work: Span(world.pick(&[
                    Duration::from_millis(50),
                    secs(2),
                    request_timeout - secs(1),
                ])),
            },
            clocks: ClocksConfig {
                dateless: if tells_time { 0.0 } else { 1.0 },
                ..ClocksConfig::default()
            },
            rate_limit: RateLimitConfig {
                limiter,
                scope: LimitScope::Shared,
                retry_after: RetryAfterForm::WholeSeconds,
                penalty: None,
            },
            reports: ReportsConfig {
                duplicates: if world.one_in(3) { Duplicates::Conflict } else { Duplicates::Allow },
                list_without_org: if world.one_in(2) {
                    ListWithoutOrg::All
                } else {
                    ListWithoutOrg::Own
                },
                list_shows_created: world.one_in(2),
                get_shows_created: !world.one_in(3),
                created_in_whole_seconds: world.one_in(2),
                shows_internal: world.one_in(3),
                shows_org: world.one_in(4).then_some(Spelling::AsGiven),
                list_lag: if late_together { lag } else { Span::default() },
                list_lag_jitter: if late_together { Span::default() } else { lag },
                page_size: world.pick(&[1, 2, 100]),
                check_calendar: false,
                ..ReportsConfig::default()
            },
            sub_partners: SubPartnersConfig {
                list: sub_partners(&["orgA", "orgB", "orgC", "orgD"]),
                ..SubPartnersConfig::default()
            },
            refuse: refused
                .iter()
                .map(|org| (org.to_string(), RefusalStatus::BadRequest))
                .collect(),
            ..SandboxConfig::default()
        };
        ServerTraits {
            fault_one_in,
            faults,
            settle,
            request_timeout,
            lag_tenths,
            refused,
            outage,
            storm: None,
            lists_refused_with: None,
            keeps_settle: true,
            cleaned_up: false,
            disturbances: Disturbances::default(),
            orgs: ["orgA", "orgB", "orgC"],
            own_old_reports: false,
            strays: false,
            offset: chrono::Duration::seconds(offset),
            config,
        }
    }

    /// Turns the worse worlds on that `MONTHEND_SIM_WORLDS` names: `all` (each in some histories, as when nothing is
    /// named), `none`, or one or more of [`WORSE_WORLDS`], which are then in every history.
    pub(crate) fn with_worse_worlds(mut self, world: &World) -> Self {
        let named = std::env::var("MONTHEND_SIM_WORLDS").unwrap_or_else(|_| "all".to_owned());
        for name in named.split(',') {
            let known = matches!(name, "all" | "none") || WORSE_WORLDS.contains(&name);
            assert!(known, "there is no world {name}; there are {WORSE_WORLDS:?}");
        }
        for name in WORSE_WORLDS {
            let always = named.split(',').any(|one| one == name);
            if always || named == "all" && world.one_in(6) {
                world.trace(|| format!("WORLD {name}"));
                self.turn_on(name, world);
            }
        }
        self
    }

    /// A documented server of 500 sub-partners that loses a third of its answers, a third of those before anything was
    /// done. The clock of its answers is `apart` ahead of the one that stamps reports.
    pub(crate) fn losing_a_third(world: &World, seed: u64, apart: Shift) -> Self {
        let mut traits = ServerTraits::kind(world, seed);
        traits.faults = Misfortune::DOUBTS.to_vec();
        traits.fault_one_in = 3;
        traits.settle = Duration::from_secs(60);
        traits.request_timeout = Duration::from_secs(60);
        traits.lag_tenths = 3;
        (traits.refused, traits.outage) = (Vec::new(), None);
        traits.offset = chrono::Duration::zero();
        let partners = (0..500).map(|n| format!("org{n:03}"));
        let list = partners.map(|org_id| SubPartner { org_id, state: ProvisioningState::Active });
        traits.config = SandboxConfig {
            seed,
            clocks: ClocksConfig { date_ahead: apart, ..ClocksConfig::default() },
            reports: ReportsConfig {
                check_calendar: false,
                list_lag: Span(Duration::from_secs(18)),
                ..ReportsConfig::default()
            },
            sub_partners: SubPartnersConfig {
                list: list.collect(),
                ..SubPartnersConfig::default()
            },
            ..SandboxConfig::default()
        };
        traits
    }

    fn turn_on(&mut self, name: &str, world: &World) {
        let shift = |text: &str| text.parse::<Shift>().unwrap();
        let settle = self.settle;
        let reports = &mut self.config.reports;
        let clocks = &mut self.config.clocks;
        match name {
            "clocks" => {
                clocks.date_ahead = shift(world.pick(&["500ms", "3s", "-500ms", "-3s"]));
                clocks.date_jitter = Span(Duration::from_millis(world.pick(&[0, 300])));
            }
            "gateway_clock" => {
                clocks.date_ahead_on_5xx = shift(world.pick(&["20s", "-20s", "2s"]));
            }
            // Where no answer has told the time yet, all depends on our clock.
            "dateless" => {
                clocks.dateless = 0.5;
                self.offset = chrono::Duration::zero();
            }
            "sleeps" => {
                self.disturbances.sleeps = 1 + world.below(3);
                self.disturbances.one_in = world.pick(&[4, 20, 80]);
            }
            // Where the server tells no time, all depends on our clock.
            "clock_set" if clocks.dateless == 0.0 => {
                self.disturbances.settings = 1 + world.below(3);
                self.disturbances.one_in = world.pick(&[4, 20, 80]);
            }
            "clock_set" => {}
            "get_404" => reports.get_lag = Span(world.pick(&[settle / 2, settle * 3])),
            "replicas" => {
                reports.replica_lag = Span(world.pick(&[settle / 2, settle * 2]));
                // What was made is listed everywhere within `settle` all the same, or is not.
                (reports.list_lag, reports.list_lag_jitter) = (Span::default(), Span::default());
                self.lag_tenths = 5;
                self.keeps_settle &= reports.replica_lag.0 < settle;
            }
            "late_lists" => {
                reports.list_lag = Span(settle * 2);
                self.keeps_settle = false;
            }
            "stale_lists" => reports.stale_for = Span(world.pick(&[settle / 2, settle * 3])),
            "refused_lists" => self.lists_refused_with = Some(world.pick(&[403, 500])),
            "spelling" => {
                reports.shows_org = Some(world.pick(&[Spelling::Padded, Spelling::Uuid]));
                self.orgs = REAL_ORGS;
                self.config.sub_partners.list = sub_partners(&REAL_ORGS);
            }
            "page_shift" => {
                reports.paging = Paging::Offset;
                reports.page_size = world.pick(&[1, 2]);
                self.cleaned_up = true;
            }
            "long_lists" => reports.list_504_above = Some(world.pick(&[1, 10, 50])),
            "created_when_ready" => {
                reports.created_is = CreatedIs::Ready;
                reports.completes_after = Span(world.pick(&[settle / 2, settle * 2]));
            }
            "stamps_apart" => {
                reports.created_jitter = Span(Duration::from_millis(world.pick(&[500, 4_000])));
            }
            "slow_answers" => self.faults.extend([Misfortune::Slow; 3]),
            "created_by_late" => reports.created_by_after = Span(settle / 2),
            "created_by_never" => reports.shows_created_by = false,
            "own_old" => self.own_old_reports = true,
            "org_401" => {
                let refused = world.pick(&["orgA", "orgB"]);
                self.refused = vec![refused.parse().unwrap()];
                let refused = (refused.to_owned(), RefusalStatus::Unauthorized);
                self.config.refuse = [refused].into();
            }
            "storm" => {
                let from = world.up_to(Duration::from_secs(5));
                self.storm = Some((from, from + Duration::from_secs(3)));
            }
            "odd_status" => self.faults.extend([Misfortune::OddStatus; 3]),
            "lists_in_part" => {
                self.faults.extend([Misfortune::Part; 3]);
                self.faults.extend([Misfortune::OddLink, Misfortune::BrokenLink].repeat(2));
                reports.page_size = world.pick(&[1, 2]);
            }
            "contradictions" => reports.contradicting = world.pick(&[0.2, 0.6]),
            "another_token" => {
                self.config.token.changes_person = true;
                self.faults.extend([Misfortune::TokenEnds; 3]);
            }
            "trickle" => self.faults.push(Misfortune::Trickle),
            "repeated" => self.faults.extend([Misfortune::Repeated; 3]),
            "coarse_stamps" => {
                reports.created_rounded_to =
                    Span(Duration::from_secs(world.pick(&[60, 3_600, 86_400])));
            }
            "strays" => self.strays = true,
            "rival" => self.faults.extend([Misfortune::Rival; 3]),
            "other_category" => self.faults.extend([Misfortune::OtherCategory; 3]),
            "sub_partners_rival" => {
                reports.list_without_org = ListWithoutOrg::All;
                self.faults.extend([Misfortune::SubPartnersRival; 3]);
            }
            other => panic!("there is no world {other}"),
        }
    }
}

fn sub_partners(orgs: &[&str]) -> Vec<SubPartner> {
    let partner =
        |org: &&str| SubPartner { org_id: (*org).to_owned(), state: ProvisioningState::Active };
    orgs.iter().map(partner).collect()
}

/// Organisations in the API's own form, and one as a bare UUID.
const REAL_ORGS: [&str; 3] = [
    "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8wMDAwNTc2ZC02MGE4LTQwN2EtYjIyYy00N2M1MTU5MTAwMDA",
    "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8wMDAxNTc2ZC02MGE4LTQwN2EtYjIyYy00N2M1MTU5MTAwMDE",
    "0002576d-60a8-407a-b22c-47c515910002",
];

/// The worlds that are not as the documentation has them; what each is stands in [`ServerTraits::turn_on`].
pub(crate) const WORSE_WORLDS: [&str; 32] = [
    "clocks",
    "gateway_clock",
    "dateless",
    "sleeps",
    "clock_set",
    "get_404",
    "replicas",
    "late_lists",
    "stale_lists",
    "refused_lists",
    "spelling",
    "page_shift",
    "long_lists",
    "created_when_ready",
    "created_by_late",
    "created_by_never",
    "own_old",
    "org_401",
    "storm",
    "odd_status",
    "trickle",
    "repeated",
    "rival",
    "other_category",
    "sub_partners_rival",
    "stamps_apart",
    "slow_answers",
    "lists_in_part",
    "contradictions",
    "another_token",
    "coarse_stamps",
    "strays",
];
