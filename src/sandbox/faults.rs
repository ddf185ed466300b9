//! What goes wrong, and when: rules chosen by the seed, not by accident.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Endpoint, ErrorBody, Span, call::Call, dice::Dice};
use crate::request::ReportType;

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
}

/// What happens to a request. `processed` says whether its effect takes place nevertheless.
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
        /// Its effect takes place.
        #[serde(default)]
        processed: bool,
    },
    /// The connection is reset.
    Reset {
        /// Its effect takes place.
        #[serde(default)]
        processed: bool,
    },
    /// No answer ever comes.
    Hang {
        /// Its effect takes place.
        #[serde(default)]
        processed: bool,
    },
    /// It is processed, and the good answer comes late.
    Slow {
        /// So much later.
        delay: Span,
    },
    /// It is processed, and a proxy puts a page in place of the good answer.
    Html {},
    /// It is processed, and the good answer has no body.
    Empty {},
    /// It is processed, and the good answer has no id.
    NoId {},
    /// It is processed, and the good answer ends in the middle.
    Truncated {},
}

/// The rules, with what they need to remember.
#[derive(Debug)]
pub(super) struct Faults {
    rules: Vec<FaultRule>,
    dice: Dice,
    /// How often each request was tried; kept only where there are rules.
    tries: HashMap<(Endpoint, String), u64>,
    /// How often each endpoint was called since the start.
    calls: HashMap<Endpoint, u64>,
}

impl Faults {
    pub(super) fn new(rules: Vec<FaultRule>, dice: Dice) -> Self {
        Faults {
            rules,
            dice,
            tries: HashMap::new(),
            calls: HashMap::new(),
        }
    }

    /// Whether tries have to be counted at all.
    pub(super) fn any(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Counts a try, and says which one it is of this request.
    pub(super) fn count_try(&mut self, endpoint: Endpoint, key: String) -> u64 {
        let tries = self.tries.entry((endpoint, key)).or_default();
        *tries += 1;
        *tries
    }

    /// What happens to this call, the `tries`-th of its request.
    pub(super) fn choose(&mut self, call: &Call, tries: u64) -> Option<Fault> {
        let number = self.calls.entry(call.endpoint).or_default();
        *number += 1;
        let (number, dice) = (*number, self.dice);
        let (position, rule) =
            self.rules.iter().enumerate().find(|(position, rule)| {
                matches(&rule.when, *position, call, tries, number, dice)
            })?;
        let purpose = format!("fault {position}");
        dice.pick(&purpose, &call.key, tries, &rule.then).cloned()
    }
}

fn matches(
    when: &FaultMatch,
    position: usize,
    call: &Call,
    tries: u64,
    number: u64,
    dice: Dice,
) -> bool {
    when.endpoint
        .is_none_or(|endpoint| endpoint == call.endpoint)
        && when
            .org
            .as_deref()
            .is_none_or(|text| call.org_contains(text))
        && when.report_type.is_none_or(|t| call.report_type == Some(t))
        && when.tries.is_none_or(|most| tries <= most)
        && when.first.is_none_or(|first| number >= first)
        && when.last.is_none_or(|last| number <= last)
        && when
            .probability
            .is_none_or(|share| dice.share(&format!("hit {position}"), &call.key, tries) < share)
}
