//! `cargo bench --bench pacing`: how close the gate comes to what a server's limit allows, and what it costs in
//! 429s, with the law that a run goes by and with the plainest one. Simulated time: the figures are the same on every
//! machine. `-- 1000` takes seeds from 1000 on: constants are tuned on others than those that are reported.

#![expect(clippy::unwrap_used, reason = "the figures are constants")]

mod plain;
#[path = "../../tests/pacing/simulator/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod simulator;

use simulator::{
    Scenario,
    client::NewPacePolicy,
    reference::{
        Configured, Figures, announcing, figures, references, refusing_at_random, scenario,
    },
    server::RetryAfter,
};

/// What is measured in a run: the time that it takes, and the 429s per 1,000 requests.
type Measure = fn(&Scenario) -> Figures;

/// The time as a multiple of the bound.
const RATIO: Measure = figures;

/// The time in seconds, where no bound is known.
const SECONDS: Measure = |scenario| {
    let trace = scenario.run();
    Figures {
        ratio: trace.makespan.as_secs_f64(),
        limited: trace.limited() as f64 * 1000.0 / f64::from(scenario.requests),
    }
};

/// The median and the worst of several runs.
fn cells(all: &[Figures]) -> String {
    let cell = |by: fn(&Figures) -> f64, digits: usize| {
        let mut values: Vec<f64> = all.iter().map(by).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (median, worst) = (values[values.len() / 2], values[values.len() - 1]);
        format!("{median:.digits$} / {worst:.digits$}")
    };
    let time = cell(|f| f.ratio, 3);
    format!("{time} | {}", cell(|f| f.limited, 1))
}

/// A line of a table: the law that a run goes by, and the plainest one.
fn row(what: &str, measure: Measure, seeds: u64, make: impl Fn(u64) -> Scenario) {
    let first = std::env::args().find_map(|argument| argument.parse().ok());
    let first = first.unwrap_or(0);
    let plain: NewPacePolicy = || Box::new(plain::Plain::default());
    let by_law = |law: Option<NewPacePolicy>| {
        let runs = (first..first + seeds).map(|seed| {
            let mut scenario = make(seed);
            scenario.pace_policy = law.unwrap_or(scenario.pace_policy);
            measure(&scenario)
        });
        cells(&runs.collect::<Vec<_>>())
    };
    let (ours, plain) = (by_law(None), by_law(Some(plain)));
    let requests = make(first).requests;
    println!("| {what} | {requests} | {ours} | {plain} |");
}

fn head(server: &str, of: &str, time: &str) {
    println!("\n| {server} | {of} | requests | {time} | 429s | plain: {time} | 429s |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
}

fn main() {
    head("server", "rate", "ratio");
    for reference in references() {
        let what = |configured: Configured| format!("{} | {}", reference.name, configured.name());
        for configured in
            [Configured::Equal, Configured::Half, Configured::FourTimes, Configured::Unlimited]
        {
            row(&what(configured), RATIO, 15, |seed| scenario(&reference, configured, 1000, seed));
        }
        row(&what(Configured::FourTimes), RATIO, 5, |seed| {
            scenario(&reference, Configured::FourTimes, 10_000, seed)
        });
    }

    head("server", "`Retry-After`", "ratio");
    for reference in references().into_iter().filter(|r| r.per_minute == 1200) {
        for form in RetryAfter::ALL {
            let what = format!("{} | {}", reference.name, form.name());
            for requests in [600, 300] {
                row(&what, RATIO, 15, |seed| announcing(&reference, form, requests, seed));
            }
        }
    }

    head("429 at random", "`Retry-After`", "seconds");
    for share in [0.04, 0.25] {
        for form in [RetryAfter::Zero, RetryAfter::WholeSeconds] {
            let what = format!("{} % | {}", share * 100.0, form.name());
            row(&what, SECONDS, 15, |seed| refusing_at_random(share, form, 300, seed));
        }
    }
}
