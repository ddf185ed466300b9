//! The figures of `docs/pacing.md`, for a few seeds: what is promised there may not get worse.

use crate::simulator::{
    reference::{Configured, Figures, announcing, figures, references, scenario},
    server::RetryAfter,
};

/// The worst of each figure over some seeds.
fn worst(server: &str, configured: Configured, requests: u32) -> Figures {
    let reference =
        references().into_iter().find(|reference| reference.name.starts_with(server)).unwrap();
    let all = (0..3).map(|seed| figures(&scenario(&reference, configured, requests, seed)));
    all.reduce(|a, b| Figures { ratio: a.ratio.max(b.ratio), limited: a.limited.max(b.limited) })
        .unwrap()
}

#[test]
fn a_ceiling_that_the_server_allows_is_used_up_without_a_429() {
    for reference in references() {
        let equal = worst(reference.name, Configured::Equal, 1000);
        assert!(equal.ratio <= 1.02, "{}: {equal:?}", reference.name);
        assert_eq!(equal.limited, 0.0, "{}", reference.name);
        let half = worst(reference.name, Configured::Half, 1000);
        assert!(half.ratio <= 1.01, "{}: {half:?}", reference.name);
        assert_eq!(half.limited, 0.0, "{}", reference.name);
    }
}

#[test]
fn a_ceiling_that_is_too_high_or_missing_is_found_out() {
    for (server, configured, ratio, limited) in [
        ("token bucket", Configured::FourTimes, 1.12, 15.0),
        ("token bucket", Configured::Unlimited, 1.12, 20.0),
        ("fixed window, 300", Configured::FourTimes, 1.12, 15.0),
        ("fixed window, 300", Configured::Unlimited, 1.12, 45.0),
        ("fixed window, 20", Configured::FourTimes, 1.20, 15.0),
        ("fixed window, 20", Configured::Unlimited, 1.20, 25.0),
        ("sliding window, 300", Configured::FourTimes, 1.10, 15.0),
        ("sliding window, 300", Configured::Unlimited, 1.12, 20.0),
        ("sliding window, 20", Configured::FourTimes, 1.15, 15.0),
        ("sliding window, 20", Configured::Unlimited, 1.15, 20.0),
    ] {
        let figures = worst(server, configured, 1000);
        assert!(
            figures.ratio <= ratio && figures.limited <= limited,
            "{server}, {}: {figures:?}, allowed {ratio} and {limited}",
            configured.name()
        );
    }
}

#[test]
fn a_long_run_loses_little() {
    for (server, ratio) in
        [("token bucket", 1.05), ("fixed window, 300", 1.05), ("sliding window, 300", 1.05)]
    {
        let reference =
            references().into_iter().find(|reference| reference.name.starts_with(server)).unwrap();
        let figures = figures(&scenario(&reference, Configured::FourTimes, 10_000, 1));
        assert!(figures.ratio <= ratio && figures.limited <= 8.0, "{server}: {figures:?}");
    }
}

/// In the median of the seeds that the page reports.
#[test]
fn short_runs_lose_a_tenth_and_a_fifth_where_waits_are_dates() {
    for reference in references().iter().filter(|r| r.per_minute == 1200) {
        for form in RetryAfter::ALL {
            let allowed = match form {
                RetryAfter::HttpDate => 1.20,
                // A run begins anywhere in a fixed window: the bound has the rest of the first one for nothing.
                RetryAfter::WholeSeconds if reference.name.starts_with("fixed") => 1.11,
                _ => 1.10,
            };
            let runs = (0..15).map(|seed| figures(&announcing(reference, form, 600, seed)));
            let mut ratios: Vec<f64> = runs.map(|figures| figures.ratio).collect();
            ratios.sort_by(f64::total_cmp);
            let median = ratios[ratios.len() / 2];
            assert!(median <= allowed, "{}, {}: {median:.3}", reference.name, form.name());
        }
    }
}
