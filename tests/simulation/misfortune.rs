//! What goes wrong in a history, as the dice say: names for what the model's faults do to the client.

use std::time::Duration;

use monthend::testing::Drawn;
use sandbox::{Ask, Category, Chance, Endpoint, ErrorBody, Fault, LinkForm, Person, Span};

use super::{traits::ServerTraits, world::World};

/// What a slow answer leaves for its way.
const WAY: Duration = Duration::from_secs(1);

/// Something that goes wrong with an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfortune {
    NotReached,
    TimeOut,
    Reset,
    /// 500, 502, 504, 408, or 503 without a wait.
    ServerError,
    /// A 5xx with a wait: the doubt stays, the wait binds.
    ErrorWithWait,
    BusyWithWait,
    LockedWithWait,
    Locked,
    RateLimited,
    RateLimitedNoWait,
    Unreadable,
    TokenEnds,
    RenewalFails,
    /// Processed well, answered with a wait.
    DoneWithWait,
    WaitTooLong,
    // Those of the worse worlds.
    /// 303, 499 or a 5xx that no table names.
    OddStatus,
    /// The head of a 429 at once, its body later.
    Trickle,
    /// The answer of an earlier create.
    Repeated,
    /// Somebody makes the same report when ours is lost.
    Rival,
    /// Somebody makes a report of another category when ours is lost.
    OtherCategory,
    /// Somebody makes a sub-partner's report when ours is lost.
    SubPartnersRival,
    /// Processed at once, and answered so late that the client has nearly stopped waiting.
    Slow,
    /// A part of a list comes as 206.
    Part,
    /// The `Link` of a page is written in a form that is seldom seen.
    OddLink,
    /// The `Link` of a page cannot be read.
    BrokenLink,
}

impl Misfortune {
    pub(crate) const KIND: [Misfortune; 15] = [
        Misfortune::NotReached,
        Misfortune::TimeOut,
        Misfortune::Reset,
        Misfortune::ServerError,
        Misfortune::ErrorWithWait,
        Misfortune::BusyWithWait,
        Misfortune::LockedWithWait,
        Misfortune::Locked,
        Misfortune::RateLimited,
        Misfortune::RateLimitedNoWait,
        Misfortune::Unreadable,
        Misfortune::TokenEnds,
        Misfortune::RenewalFails,
        Misfortune::DoneWithWait,
        Misfortune::WaitTooLong,
    ];

    /// Those after which nobody knows.
    pub(crate) const DOUBTS: [Misfortune; 5] = [
        Misfortune::TimeOut,
        Misfortune::Reset,
        Misfortune::ServerError,
        Misfortune::ErrorWithWait,
        Misfortune::Unreadable,
    ];

    fn name(self) -> &'static str {
        match self {
            Misfortune::NotReached => "server: not reached",
            Misfortune::TimeOut => "server: time-out",
            Misfortune::Reset => "server: reset",
            Misfortune::ServerError => "server: 5xx, 408",
            Misfortune::ErrorWithWait => "server: 500 with wait",
            Misfortune::BusyWithWait => "server: 503 with wait",
            Misfortune::LockedWithWait => "server: 423 with wait",
            Misfortune::Locked => "server: 423",
            Misfortune::RateLimited => "server: 429 with wait",
            Misfortune::RateLimitedNoWait => "server: 429",
            Misfortune::Unreadable => "server: 2xx unreadable",
            Misfortune::TokenEnds => "server: token ends",
            Misfortune::RenewalFails => "server: renewal fails",
            Misfortune::DoneWithWait => "server: 200 with wait",
            Misfortune::WaitTooLong => "server: wait too long",
            Misfortune::OddStatus => "worse: 303, 499, 520",
            Misfortune::Trickle => "worse: 429 in drops",
            Misfortune::Repeated => "worse: earlier answer",
            Misfortune::Rival => "worse: rival",
            Misfortune::OtherCategory => "worse: other category",
            Misfortune::SubPartnersRival => "worse: sub-partner's rival",
            Misfortune::Slow => "worse: slow answer",
            Misfortune::Part => "worse: 206, a part of a list",
            Misfortune::OddLink => "worse: Link in another form",
            Misfortune::BrokenLink => "worse: Link that cannot be read",
        }
    }

    /// Whether it can happen at this endpoint.
    fn happens_at(self, endpoint: Endpoint) -> bool {
        use Misfortune as M;
        match endpoint {
            Endpoint::Token => matches!(self, M::RenewalFails | M::NotReached | M::TimeOut),
            Endpoint::Create => {
                !matches!(self, M::RenewalFails | M::Part | M::OddLink | M::BrokenLink)
            }
            Endpoint::List => !matches!(
                self,
                M::RenewalFails
                    | M::Repeated
                    | M::Rival
                    | M::OtherCategory
                    | M::SubPartnersRival
                    | M::Slow
            ),
            _ => {
                M::KIND.contains(&self) && self != M::RenewalFails
                    || matches!(self, M::OddStatus | M::Trickle)
                    || endpoint == Endpoint::SubPartners
                        && matches!(self, M::Part | M::OddLink | M::BrokenLink)
            }
        }
    }

    /// What goes wrong with this request.
    pub(crate) fn draw(world: &World, traits: &ServerTraits, at: Duration, ask: &Ask) -> Drawn {
        let endpoint = ask.endpoint();
        if endpoint == Endpoint::List
            && let Some(status) = traits.lists_refused_with
        {
            return reached(Some(refusal(status, None)));
        }
        let within = |span: Option<(Duration, Duration)>| {
            span.is_some_and(|(from, to)| from <= at && at < to)
        };
        if within(traits.storm) && endpoint == Endpoint::Create {
            world.count("worse: storm of 503");
            return reached(Some(refusal(503, Some("7"))));
        }
        if world.is_calm() {
            return reached(None);
        }
        if endpoint == Endpoint::List && traits.cleaned_up && world.one_in(2) {
            world.count("worse: deleted after a page");
            return reached(Some(Fault::Delete {}));
        }
        if traits.faults.is_empty() {
            return reached(None);
        }
        let misfortune = if within(traits.outage) {
            world.count("server: outage");
            world.pick(&[
                Misfortune::NotReached,
                Misfortune::NotReached,
                Misfortune::TimeOut,
                Misfortune::ServerError,
            ])
        } else {
            if !world.one_in(traits.fault_one_in) {
                return reached(None);
            }
            let misfortune = world.pick(&traits.faults);
            if !misfortune.happens_at(endpoint) || !world.spend_fault(misfortune.name()) {
                return reached(None);
            }
            misfortune
        };
        match misfortune {
            Misfortune::NotReached => Drawn::NotReached(traits.way(world)),
            other => reached(Some(other.fault(world, traits, endpoint))),
        }
    }

    fn fault(self, world: &World, traits: &ServerTraits, endpoint: Endpoint) -> Fault {
        // Before it was processed, after, or while it is still at work.
        let lost = || match world.below(3) {
            _ if endpoint != Endpoint::Create => (false, Span::default()),
            0 => (false, Span::default()),
            1 => (true, Span::default()),
            _ => (true, Span(traits.late(world))),
        };
        let error = |status: u16, wait: Option<&str>| {
            let (processed, late) = lost();
            Fault::Status {
                status,
                body: ErrorBody::Classic,
                retry_after: wait.map(str::to_owned),
                location: None,
                processed,
                late,
            }
        };
        let wait = world.pick(&["1", "1", "2.5", "7", "30"]);
        let rival = |by, category, org: Option<&str>| Fault::Rival {
            by,
            category,
            org: org.map(str::to_owned),
            processed: false,
        };
        match self {
            Misfortune::NotReached | Misfortune::Reset => {
                let (processed, late) = lost();
                Fault::Reset { processed, late }
            }
            Misfortune::TimeOut => {
                let (processed, mut late) = lost();
                if late != Span::default() {
                    // Late counts from when the client gave up.
                    let busy = traits.longest_work();
                    late = Span(late.0 + traits.request_timeout.saturating_sub(busy));
                }
                Fault::Hang { processed, late }
            }
            Misfortune::ServerError => error(world.pick(&[500, 502, 503, 504, 408]), None),
            Misfortune::ErrorWithWait => error(500, Some(wait)),
            Misfortune::BusyWithWait => refusal(503, Some(wait)),
            Misfortune::LockedWithWait => refusal(423, Some(wait)),
            Misfortune::Locked => refusal(423, None),
            Misfortune::RateLimited => refusal(429, Some(wait)),
            Misfortune::RateLimitedNoWait => refusal(429, None),
            Misfortune::WaitTooLong => refusal(429, Some("3600")),
            Misfortune::Unreadable if endpoint == Endpoint::Create => {
                world.pick(&[Fault::Html {}, Fault::Empty {}, Fault::NoId {}, Fault::Truncated {}])
            }
            Misfortune::Unreadable => {
                world.pick(&[Fault::Html {}, Fault::Empty {}, Fault::Truncated {}])
            }
            Misfortune::TokenEnds => Fault::EndToken {},
            Misfortune::RenewalFails => refusal(400, None),
            Misfortune::DoneWithWait => Fault::Wait { retry_after: wait.to_owned() },
            Misfortune::OddStatus => error(world.pick(&[303, 499, 520, 529, 598]), None),
            Misfortune::Trickle => Fault::Trickle {
                status: 429,
                retry_after: Some("5".to_owned()),
                over: Span(Duration::from_secs(4)),
            },
            Misfortune::Repeated => Fault::Repeat { processed: world.one_in(2) },
            Misfortune::Rival => rival(Person::Colleague, Category::Reconciliation, None),
            Misfortune::OtherCategory => {
                let by = world.pick(&[Person::Us, Person::Colleague]);
                rival(by, Category::PointInTime, None)
            }
            Misfortune::SubPartnersRival => {
                // With our own token too, in another ledger: for one of whom this plan knows nothing.
                let (by, org) = world.pick(&[
                    (Person::Colleague, "orgA"),
                    (Person::Colleague, "orgX"),
                    (Person::Us, "orgD"),
                ]);
                rival(by, Category::Reconciliation, Some(org))
            }
            Misfortune::Part => Fault::Part {},
            Misfortune::OddLink => Fault::Link {
                form: world.pick(&[LinkForm::EmptyElement, LinkForm::Bytes, LinkForm::Uri]),
            },
            Misfortune::BrokenLink => Fault::Link {
                form: world.pick(&[LinkForm::Unclosed, LinkForm::Garbage, LinkForm::NoRelation]),
            },
            Misfortune::Slow => Fault::Slow {
                delay: Span((traits.request_timeout).saturating_sub(traits.longest_work() + WAY)),
            },
        }
    }
}

fn reached(fault: Option<Fault>) -> Drawn {
    Drawn::Reached(Chance::Drawn(fault))
}

/// An answer that says no before anything is done.
fn refusal(status: u16, wait: Option<&str>) -> Fault {
    Fault::Status {
        status,
        body: ErrorBody::Classic,
        retry_after: wait.map(str::to_owned),
        location: None,
        processed: false,
        late: Span::default(),
    }
}
