//! What a history plays in: servers, and the manifest, drawn from the seed.
//!
//! Within what the guarantees assume: whatever is made is listed within `retry.settle`. And nothing is drawn of which
//! nobody could know the truth, such as a colleague's report where the server never shows who made one.

use std::{fmt::Write as _, time::Duration};

use fastrand::Rng;

use crate::support::{own, partner, partners, partners_with};

/// `retry.settle`. The times of the servers below add up to less.
pub(crate) const SETTLE: Duration = Duration::from_millis(700);
const TYPES: [&str; 3] = ["PARTNER", "CUSTOMER", "USER"];

/// The periods that a plan can grow by.
const PERIODS: [&str; 4] =
    ["2026-09", "2026-08", "2026-07", "{ start: 2026-06-01, end: 2026-06-15 }"];

/// What the manifest asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    jobs: String,
    periods: usize,
    /// `--job=…`, `--type=…` and the like: selectors that match something.
    pub(crate) selectors: Vec<String>,
    orgs: Vec<String>,
    types: Vec<&'static str>,
    has_own: bool,
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let orgs: Vec<String> = (0..rng.usize(2..8)).map(|n| format!("p{n}")).collect();
        let mut types = TYPES.to_vec();
        rng.shuffle(&mut types);
        types.truncate(rng.usize(1..3));
        let (has_own, has_twins) = (rng.bool(), rng.bool());
        let named = || orgs.iter().map(String::as_str);
        let mut jobs = partners(named(), &types.join(", "), "PERIODS");
        let mut selectors = vec!["--job=partners".to_owned()];
        selectors.extend(types.iter().map(|t| format!("--type={t}")));
        selectors.extend(orgs.iter().map(|org| format!("--sub-partner={org}")));
        if has_twins {
            let some = named().take(rng.usize(1..=orgs.len()));
            jobs += &partners_with(some, types[0], "PERIODS", "internal: true")
                .replace("name: partners", "name: internal");
            selectors.push("--job=internal".to_owned());
        }
        if has_own {
            jobs += &own(&types.join(", "), "PERIODS");
            selectors.push("--job=own".to_owned());
        }
        Plan { jobs, periods: 1, selectors, orgs, types, has_own }
    }

    /// Two selectors that share all of it out, twins together: one for each of two people.
    pub(crate) fn parts(&self) -> [String; 2] {
        match self.types[..] {
            [one, other] => [one, other].map(|name| format!("--type={name}")),
            _ => [1, 2].map(|share| format!("--partition={share}/2")),
        }
    }

    /// What stands under `jobs:` now.
    pub(crate) fn jobs(&self) -> String {
        self.jobs.replace("PERIODS", &PERIODS[..self.periods].join(", "))
    }

    /// Another period is asked for from now on, where there is one.
    pub(crate) fn grow(&mut self) {
        self.periods = PERIODS.len().min(self.periods + 1);
    }

    /// A request of the first `orgs` sub-partners or of our own, as a report that is there from the beginning.
    fn existing(&self, rng: &mut Rng, orgs: usize, category: bool) -> String {
        let org = match rng.usize(0..orgs + usize::from(self.has_own)) {
            org if org < orgs => org,
            _ => self.orgs.len(),
        };
        let org = self
            .orgs
            .get(org)
            .map_or(String::new(), |org| format!("sub_partner: {}, ", partner(org)));
        let by = ["us", "colleague"][rng.usize(0..2)];
        let category = if category && rng.u8(0..3) == 0 { ", category: point_in_time" } else { "" };
        let report_type = self.types[rng.usize(0..self.types.len())];
        let age = ["3m", "10m", "2h", "40h"][rng.usize(0..4)];
        format!(
            "  - {{ {org}type: {report_type}, start: 2026-09-01, end: 2026-09-30, age: {age}, by: {by}{category} }}\n"
        )
    }
}

/// What stays the same in all servers of one history: they are one server that restarts.
#[derive(Debug)]
pub(crate) struct Nature {
    seed: u32,
    shows_created_by: bool,
    shows_category: bool,
    fixed: String,
    existing: String,
}

impl Nature {
    pub(crate) fn draw(rng: &mut Rng, plan: &Plan) -> Self {
        let shows_created_by = rng.u8(0..10) > 0;
        let shows_category = rng.u8(0..6) > 0;
        let mut fixed = String::new();
        let mut set = |name: &str, value: &str| {
            let _ = write!(fixed, ", {name}: {value}");
        };
        if rng.u8(0..6) == 0 {
            set("duplicates", "conflict");
        }
        set("list_without_org", ["all", "own"][rng.usize(0..2)]);
        set("created_is", ["asked", "asked", "ready"][rng.usize(0..3)]);
        set("shows_internal", ["false", "false", "true"][rng.usize(0..3)]);
        if rng.u8(0..4) == 0 {
            set("shows_org", ["as_given", "padded", "uuid"][rng.usize(0..3)]);
        }
        if rng.u8(0..4) == 0 {
            set("created_in_whole_seconds", "true");
        }
        // Of twins, an item that shows the opposite of `internal` is the other's, for all that anyone knows.
        if rng.u8(0..5) == 0 && !plan.jobs.contains("internal: true") {
            set("contradicting", "0.3");
        }
        let shifts = rng.u8(0..4) == 0;
        if shifts {
            set("paging", "offset");
        }
        // Pages shift where there is something to delete, and more than one page of it.
        let (existing, orgs) = match rng.u8(0..3) {
            _ if shifts => (rng.usize(10..40), 2),
            0 => (rng.usize(1..8), plan.orgs.len()),
            _ => (0, 0),
        };
        let existing = (0..existing).map(|_| plan.existing(rng, orgs, shows_category));
        let existing = existing.collect();
        Nature { seed: rng.u32(..), shows_created_by, shows_category, fixed, existing }
    }

    /// Whether a report that is deleted between two pages of a list shifts the rest.
    fn shifts(&self) -> bool {
        self.fixed.contains("offset")
    }

    /// Whether a second identical create is answered with 409.
    pub(crate) fn refuses_duplicates(&self) -> bool {
        self.fixed.contains("conflict")
    }

    /// A server of this nature that does its worst.
    pub(crate) fn worst(&self, rng: &mut Rng, plan: &Plan) -> String {
        let mut one = |choices: &[&str]| choices[rng.usize(0..choices.len())].to_owned();
        let get_lag = one(&["0ms", "0ms", "150ms", "1h"]);
        let list_shows_created = one(&["true", "false"]);
        let tells_people =
            self.shows_created_by && (get_lag != "1h" || list_shows_created == "true");
        let mut yaml = format!(
            "latency: {{ fixed: {}, jitter: {}, work: {} }}
clocks: {{ date_ahead: {}, date_jitter: {}, date_ahead_on_5xx: {}, dateless: {} }}
reports: {{ list_lag: {}, list_lag_jitter: {}, get_lag: {}, replica_lag: {}, stale_for: {}, created_by_after: {}, list_shows_created: {}, completes_after: {}, page_size: {}",
            one(&["0ms", "3ms", "15ms"]),
            one(&["0ms", "10ms", "40ms"]),
            one(&["0ms", "0ms", "60ms"]),
            one(&["0s", "0s", "500ms", "3s", "-3s", "1h", "-1h"]),
            one(&["0s", "0s", "200ms"]),
            one(&["0s", "0s", "40s", "-40s"]),
            one(&["0", "0", "0.3", "1"]),
            one(&["0ms", "0ms", "60ms", "150ms"]),
            one(&["0ms", "0ms", "100ms"]),
            get_lag,
            one(&["0ms", "0ms", "100ms"]),
            one(&["0ms", "0ms", "5s"]),
            one(&["0ms", "0ms", "200ms"]),
            list_shows_created,
            one(&["0ms", "200ms", "500ms"]),
            if self.shifts() {
one(&["2", "1"])
} else {
one(&["100", "100", "3", "1"])
},
        );
        if rng.u8(0..8) == 0 {
            yaml += &format!(", list_504_above: {}", [40, 10, 1][rng.usize(0..3)]);
        }
        yaml += &self.common(plan);
        if rng.u8(0..4) == 0 {
            yaml += &format!(
                "token: {{ expires_after: {}, changes_person: {} }}\n",
                rng.u8(5..60),
                rng.bool()
            );
        }
        if rng.u8(0..4) == 0 {
            yaml += "rate_limit: { limiter: { kind: token_bucket, rate: 150, burst: 20 }, retry_after: fractional }\n";
        }
        yaml += "faults:\n";
        // Rare: whoever is told to wait goes slower each time, and a history has to end.
        let waits = ["429, retry_after: '0'", "503, retry_after: '0'"];
        yaml += &format!(
            "  - {{ when: {{ probability: {} }}, then: [{{ kind: status, status: {} }}] }}\n",
            [0.0, 0.01, 0.04][rng.usize(0..3)],
            waits[rng.usize(0..2)]
        );
        let creates = self.create_faults(rng, plan, tells_people);
        yaml += &format!(
            "  - {{ when: {{ endpoint: create, probability: {} }}, then: [{creates}] }}\n",
            [0.1, 0.3, 0.5][rng.usize(0..3)]
        );
        if self.shifts() {
            yaml += &format!(
                "  - {{ when: {{ endpoint: list, probability: {} }}, then: [{{ kind: delete }}] }}\n",
                [0.3, 1.0][rng.usize(0..2)]
            );
        }
        let reads = one_of(
            rng,
            &[
                "{ kind: reset }",
                "{ kind: hang }",
                "{ kind: html }",
                "{ kind: truncated }",
                "{ kind: status, status: 500 }",
                "{ kind: status, status: 504, body: html }",
                "{ kind: status, status: 403 }",
                "{ kind: end_token }",
                "{ kind: part }",
                "{ kind: link, form: empty_element }",
                "{ kind: link, form: bytes }",
                "{ kind: link, form: unclosed }",
                "{ kind: link, form: garbage }",
            ],
        );
        yaml += &format!(
            "  - {{ when: {{ probability: {} }}, then: [{reads}] }}\n",
            [0.02, 0.1, 0.25][rng.usize(0..3)]
        );
        yaml
    }

    fn create_faults(&self, rng: &mut Rng, plan: &Plan, tells_people: bool) -> String {
        let late = ["0ms", "0ms", "50ms", "150ms"][rng.usize(0..4)];
        let processed = format!("processed: true, late: {late}");
        let mut faults = vec![
            format!("{{ kind: reset, {processed} }}"),
            format!("{{ kind: hang, {processed} }}"),
            format!("{{ kind: status, status: 500, {processed} }}"),
            format!("{{ kind: status, status: 504, body: html, {processed} }}"),
            format!("{{ kind: status, status: 303, location: /elsewhere, {processed} }}"),
            format!("{{ kind: status, status: 408, {processed} }}"),
        ];
        let others = [
            "{ kind: reset }",
            "{ kind: hang }",
            "{ kind: status, status: 502 }",
            "{ kind: status, status: 503 }",
            "{ kind: status, status: 400 }",
            "{ kind: status, status: 423 }",
            "{ kind: trickle, status: 500, over: 300ms }",
            "{ kind: slow, delay: 200ms }",
            "{ kind: wait, retry_after: '0' }",
            "{ kind: html }",
            "{ kind: empty }",
            "{ kind: no_id }",
            "{ kind: truncated }",
            "{ kind: end_token }",
            "{ kind: repeat, processed: true }",
            "{ kind: repeat, processed: false }",
        ];
        faults.extend(others.map(str::to_owned));
        if tells_people {
            // With a twin where there are any: of a request that nobody plans lists do not tell whose it is.
            let org = partner(&plan.orgs[0]);
            for processed in [true, false] {
                faults.push(format!("{{ kind: rival, by: colleague, processed: {processed} }}"));
                faults.push(format!(
                    "{{ kind: rival, by: colleague, org: {org}, processed: {processed} }}"
                ));
            }
        }
        if self.shows_category {
            for by in ["us", "colleague"] {
                faults.push(format!("{{ kind: rival, by: {by}, category: point_in_time }}"));
            }
        }
        one_of(rng, &faults)
    }

    /// A server of this nature that is well: whatever is still to be done can be.
    pub(crate) fn calm(&self, plan: &Plan) -> String {
        format!("reports: {{ list_shows_created: true{}", self.common(plan))
    }

    /// Ends `reports:`, and what all servers have in common.
    fn common(&self, plan: &Plan) -> String {
        let orgs: String =
            plan.orgs.iter().map(|org| format!("    - {{ org_id: {} }}\n", partner(org))).collect();
        let existing = if self.existing.is_empty() {
            String::new()
        } else {
            format!("existing:\n{}", self.existing)
        };
        format!(
            ", shows_created_by: {}, shows_category: {}{} }}\nseed: {}\nsub_partners:\n  list:\n{orgs}{existing}",
            self.shows_created_by, self.shows_category, self.fixed, self.seed
        )
    }
}

/// Some of `choices`, as a list.
fn one_of<T: AsRef<str>>(rng: &mut Rng, choices: &[T]) -> String {
    let most = choices.len();
    let some = (0..rng.usize(1..6)).map(|_| choices[rng.usize(0..most)].as_ref());
    some.collect::<Vec<_>>().join(", ")
}
