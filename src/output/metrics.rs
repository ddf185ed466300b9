//! `--metrics`: the end of a command for Prometheus, by its node exporter's textfile collector.

use std::collections::HashMap;

use prometheus::{Counter, Gauge, GaugeVec, Opts, Registry, TextEncoder};

use super::ending::Ending;
use crate::{ledger::StatusCounts, text::one_line};

/// Every sample has the label `manifest`.
pub(super) fn metrics(ending: &Ending<'_>) -> prometheus::Result<String> {
    let manifest = one_line(&ending.about.manifest);
    let labels = HashMap::from([("manifest".to_owned(), manifest)]);
    let registry = Registry::new_custom(None, Some(labels))?;
    let StatusCounts { created, failed, pending, sending, collected, empty } = ending.standing();
    let requests = GaugeVec::new(
        Opts::new("monthend_requests", "Selected requests of the last run by their status."),
        &["status"],
    )?;
    for (status, n) in
        [("created", created), ("failed", failed), ("pending", pending), ("sending", sending)]
    {
        requests.with_label_values(&[status]).set(n as f64);
    }
    registry.register(Box::new(requests))?;
    let pace = &ending.pace;
    for (name, help, value) in [
        ("monthend_http_requests_total", "Requests that left in the last run.", pace.sent as f64),
        ("monthend_rate_limited_total", "Answers 429 in the last run.", pace.rate_limited as f64),
        (
            "monthend_paused_seconds_total",
            "Time in pauses that the server asked for in the last run.",
            pace.paused.as_secs_f64(),
        ),
    ] {
        let counter = Counter::new(name, help)?;
        counter.inc_by(value);
        registry.register(Box::new(counter))?;
    }
    let elapsed = (ending.ended_at - ending.about.began_at).to_std();
    for (name, help, value) in [
        (
            "monthend_requests_collected",
            "Selected requests of the last run whose file is there.",
            collected as f64,
        ),
        (
            "monthend_requests_empty",
            "Collected requests of the last run whose report has no rows.",
            empty as f64,
        ),
        (
            "monthend_run_duration_seconds",
            "How long the last run took.",
            elapsed.unwrap_or_default().as_secs_f64(),
        ),
        (
            "monthend_last_run_timestamp_seconds",
            "When the last run ended, since 1970.",
            ending.ended_at.timestamp_millis() as f64 / 1000.0,
        ),
        (
            "monthend_last_run_exit_code",
            "The exit code of the last run.",
            f64::from(ending.exit_code),
        ),
    ] {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        registry.register(Box::new(gauge))?;
    }
    TextEncoder::new().encode_to_string(&registry.gather())
}
