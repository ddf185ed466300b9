use std::{collections::HashMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ask::{Ask, Endpoint},
    dice::Dice,
    reply::{ErrorBody, LinkForm},
    report::{Category, Person},
    span::Span,
};
use request::ReportType;

/// One rule of `faults:`. The first rule that matches a request counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Which requests it is for.
    #[serde(default)]
    pub when: FaultMatch,
    /// What happens to them: one of these, chosen by the seed. Empty: nothing, and no later rule counts.
    pub then: Vec<Fault>,
}

/// Which requests a rule is for; every key that is given must match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FaultMatch {
    /// What is asked for.
    pub endpoint: Option<Endpoint>,
    /// A part of `subPartnerOrgId`, or of what it decodes to.
    pub org: Option<String>,
    /// The report type.
    #[serde(rename = "type")]
    pub report_type: Option<ReportType>,
    /// Only the first so many tries of the same request.
    pub tries: Option<u64>,
    /// The share of tries that are hit, from 0 to 1; left out: all.
    pub probability: Option<f64>,
    /// Only from this call of the endpoint on, counted from 1 since the sandbox started.
    pub first: Option<u64>,
    /// Only up to this call of the endpoint, counted from 1 since the sandbox started.
    pub last: Option<u64>,
    /// Only from this time on, counted from the start.
    pub from: Option<Span>,
    /// Only before this time, counted from the start.
    pub until: Option<Span>,
}

/// What happens to a request. `processed` says whether its effect takes place nevertheless, and `late` how
/// long after its time: the client may have stopped waiting by then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It is answered with an error, or with a redirect.
    Status {
        /// The HTTP status.
        status: u16,
        /// What the error looks like.
        #[serde(default)]
        body: ErrorBody,
        /// `Retry-After`, as it is.
        #[serde(default)]
        retry_after: Option<String>,
        /// `Location`, as it is.
        #[serde(default)]
        location: Option<String>,
        /// Whether the request takes effect even so.
        #[serde(default)]
        processed: bool,
        /// How long after its time it takes effect.
        #[serde(default)]
        late: Span,
    },
    /// The connection is reset.
    Reset {
        /// Whether the request takes effect even so.
        #[serde(default)]
        processed: bool,
        /// How long after its time it takes effect.
        #[serde(default)]
        late: Span,
    },
    /// No answer ever comes.
    Hang {
        /// Whether the request takes effect even so.
        #[serde(default)]
        processed: bool,
        /// How long after its time it takes effect.
        #[serde(default)]
        late: Span,
    },
    /// The head of an error comes at once, and its body in drops.
    Trickle {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, as it is.
        #[serde(default)]
        retry_after: Option<String>,
        /// How long the body takes.
        over: Span,
    },
    /// It is processed, and the good answer comes late.
    Slow {
        /// So much later.
        delay: Span,
    },
    /// It is processed, and the good answer asks to stay away all the same.
    Wait {
        /// `Retry-After`, as it is.
        retry_after: String,
    },
    /// It is processed, and a proxy puts a page in place of the good answer.
    Html {},
    /// It is processed, and the good answer has no body.
    Empty {},
    /// It is processed, and the good answer has no id.
    NoId {},
    /// It is processed, and the good answer ends in the middle.
    Truncated {},
    /// A create is answered with the answer that an earlier create got, if there is one.
    Repeat {
        /// Whether the request takes effect even so.
        #[serde(default)]
        processed: bool,
    },
    /// A create is lost, and somebody makes a report with the same parameters at that moment.
    Rival {
        /// Whose token makes it.
        #[serde(default)]
        by: Person,
        /// What kind of report it is.
        #[serde(default)]
        category: Category,
        /// Another organisation than the one of the create.
        #[serde(default)]
        org: Option<String>,
        /// The effect of the create takes place as well.
        #[serde(default)]
        processed: bool,
    },
    /// A list is answered with 206 and a part of its first page.
    Part {},
    /// A page of a list is answered well, and its `Link` has another form.
    Link {
        /// The form.
        form: LinkForm,
    },
    /// A page of a list is answered well, and then the first report on it that is not ours is deleted.
    Delete {},
    /// The token has ended before this request.
    EndToken {},
}

impl Fault {
    /// How long after its time the request takes effect; `None`: it has no effect.
    pub(super) fn effect(&self) -> Option<Duration> {
        match self {
            Fault::Status { processed, late, .. }
            | Fault::Reset { processed, late }
            | Fault::Hang { processed, late } => processed.then_some(late.0),
            Fault::Repeat { processed } | Fault::Rival { processed, .. } => {
                processed.then_some(Duration::ZERO)
            }
            Fault::Trickle { .. } => None,
            _ => Some(Duration::ZERO),
        }
    }

    /// The status of the answer, if it is an error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Fault::Status { status, .. } | Fault::Trickle { status, .. } => Some(*status),
            _ => None,
        }
    }
}

pub(super) fn announced(retry_after: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(retry_after.parse().ok()?).ok()
}

#[derive(Debug)]
pub(super) struct Faults {
    rules: Vec<FaultRule>,
    dice: Dice,
    /// Tries of each request; counted only if there are rules.
    tries: HashMap<(Endpoint, String), u64>,
    calls: HashMap<Endpoint, u64>,
}

impl Faults {
    pub(super) fn new(rules: Vec<FaultRule>, dice: Dice) -> Self {
        Faults { rules, dice, tries: HashMap::new(), calls: HashMap::new() }
    }

    pub(super) fn any(&self) -> bool {
        !self.rules.is_empty()
    }

    pub(super) fn count_try(&mut self, endpoint: Endpoint, key: String) -> u64 {
        let tries = self.tries.entry((endpoint, key)).or_default();
        *tries += 1;
        *tries
    }

    pub(super) fn choose(&mut self, now: Duration, ask: &Ask, tries: u64) -> Option<Fault> {
        let number = self.calls.entry(ask.endpoint()).or_default();
        *number += 1;
        let (number, dice) = (*number, self.dice);
        let key = ask.key();
        let (position, rule) = self.rules.iter().enumerate().find(|(position, rule)| {
            rule.when.fits(now, ask, tries, number)
                && rule
                    .when
                    .probability
                    .is_none_or(|share| dice.share(&format!("hit {position}"), &key, tries) < share)
        })?;
        let purpose = format!("fault {position}");
        dice.pick(&purpose, &key, tries, &rule.then).cloned()
    }
}

impl FaultMatch {
    /// Everything but `probability`. `number`: the number of the call of its endpoint.
    fn fits(&self, now: Duration, ask: &Ask, tries: u64, number: u64) -> bool {
        self.endpoint.is_none_or(|one| one == ask.endpoint())
            && self.org.as_deref().is_none_or(|text| ask.org_contains(text))
            && (self.report_type).is_none_or(|one| ask.report_type() == Some(one))
            && self.tries.is_none_or(|most| tries <= most)
            && self.first.is_none_or(|first| number >= first)
            && self.last.is_none_or(|last| number <= last)
            && self.from.is_none_or(|from| now >= from.0)
            && self.until.is_none_or(|until| now < until.0)
    }
}
