//! `cargo bench --bench pacing`: how close the gate comes to what a server's limit allows, and what it costs in
//! 429s. Simulated time: the figures are the same on every machine.

#![expect(clippy::unwrap_used, reason = "the figures are constants")]

#[path = "../tests/pacing/simulator/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod simulator;

use simulator::reference::{Configured, Figures, Reference, figures, references, scenario};

/// The median and the worst of several seeds.
fn row(reference: &Reference, configured: Configured, requests: u32, seeds: u64) {
    let all: Vec<Figures> = (0..seeds)
        .map(|seed| figures(&scenario(reference, configured, requests, seed)))
        .collect();
    let sorted = |by: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = all.iter().map(by).collect();
        values.sort_unstable_by(f64::total_cmp);
        (values[values.len() / 2], values[values.len() - 1])
    };
    let (ratio, worst_ratio) = sorted(|f| f.ratio);
    let (limited, worst_limited) = sorted(|f| f.limited);
    println!(
        "| {:<28} | {:<9} | {requests:>6} | {ratio:.3} | {worst_ratio:.3} | {limited:>4.1} | {worst_limited:>4.1} |",
        reference.name,
        configured.name(),
    );
}

fn main() {
    println!("| server | rate | requests | makespan / bound | worst | 429s per 1,000 | worst |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for reference in references() {
        for configured in [
            Configured::Equal,
            Configured::Half,
            Configured::FourTimes,
            Configured::Unlimited,
        ] {
            row(&reference, configured, 1000, 15);
        }
        row(&reference, Configured::FourTimes, 10_000, 5);
    }
}
