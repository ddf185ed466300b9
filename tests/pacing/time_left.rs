//! The time left that a run shows, against what it then takes: the figures of `docs/pacing.md`.

use monthend::testing::Left;

use crate::simulator::reference::{Configured, references, scenario};

/// When it is asked, as a share of the run.
const MOMENTS: [f64; 3] = [0.25, 0.5, 0.75];
const SEEDS: u64 = 5;

/// By how much the time left is wrong, as a share of the whole run: for each moment, over all seeds, the smallest first.
/// None where nothing is told.
fn errors(server: &str, configured: Configured, requests: u32) -> [Vec<Option<f64>>; 3] {
    let all = references();
    let reference = all.iter().find(|r| r.name.starts_with(server)).unwrap();
    let mut errors = [(); 3].map(|()| Vec::new());
    for seed in 0..SEEDS {
        let mut scenario = scenario(reference, configured, requests, seed);
        scenario.watched = true;
        let trace = scenario.run();
        for (moment, errors) in MOMENTS.iter().zip(&mut errors) {
            let at = trace.makespan.mul_f64(*moment);
            let look = trace.looks.iter().rev().find(|look| look.at <= at);
            let told = look.and_then(|look| match look.left? {
                Left::About(left) | Left::UpTo(left) => Some((look.at + left).as_secs_f64()),
            });
            let whole = trace.makespan.as_secs_f64();
            errors.push(told.map(|told| (told - whole).abs() / whole));
        }
    }
    for errors in &mut errors {
        errors.sort_by(|a, b| a.partial_cmp(b).unwrap());
    }
    errors
}

#[test]
fn the_time_left_is_honest() {
    let mut table = String::new();
    for (server, configured, median, worst) in [
        ("token bucket", Configured::FourTimes, 0.12, 0.12),
        ("token bucket", Configured::Unlimited, 0.12, 0.12),
        // A run that begins at the end of a window takes two at once.
        ("fixed window, 300", Configured::FourTimes, 0.05, 0.55),
        ("fixed window, 300", Configured::Unlimited, 0.05, 0.05),
        ("sliding window, 300", Configured::FourTimes, 0.05, 0.05),
        ("sliding window, 300", Configured::Unlimited, 0.05, 0.05),
        ("fixed window, 20", Configured::FourTimes, 0.15, 0.25),
        ("fixed window, 20", Configured::Unlimited, 0.15, 0.25),
    ] {
        let errors = errors(server, configured, 2000);
        table += &format!("| {server} | {} |", configured.name());
        for errors in errors {
            let percent = |error: Option<f64>| error.map_or(f64::NAN, |error| 100.0 * error);
            let (middle, last) = (errors[errors.len() / 2], errors[errors.len() - 1]);
            table += &format!(" {:.0} / {:.0} |", percent(middle), percent(last));
            assert!(middle.is_some_and(|e| e <= median), "{server}: {errors:?}");
            assert!(last.is_some_and(|e| e <= worst), "{server}: {errors:?}");
        }
        table += "\n";
    }
    println!("{table}");
}
