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
    let help = "Selected requests of the last run by their status.";
    let requests = GaugeVec::new(Opts::new("monthend_requests", help), &["status"])?;
    for (status, n) in
        [("created", created), ("failed", failed), ("pending", pending), ("sending", sending)]
    {
        requests.with_label_values(&[status]).set(n as f64);
    }
    registry.register(Box::new(requests))?;
    let pace = &ending.pace;
    let elapsed = (ending.ended_at - ending.about.began_at).to_std().unwrap_or_default();
    let ended_at = ending.ended_at.timestamp_millis() as f64 / 1000.0;
    for (name, meaning, value) in [
        ("http_requests_total", "Requests that left in the last run.", pace.sent as f64),
        ("rate_limited_total", "Answers 429 in the last run.", pace.rate_limited as f64),
        (
            "paused_seconds_total",
            "Time in pauses that the server asked for in the last run.",
            pace.paused.as_secs_f64(),
        ),
        (
            "requests_collected",
            "Selected requests of the last run whose file is there.",
            collected as f64,
        ),
        (
            "requests_empty",
            "Collected requests of the last run whose report has no rows.",
            empty as f64,
        ),
        ("run_duration_seconds", "How long the last run took.", elapsed.as_secs_f64()),
        ("last_run_timestamp_seconds", "When the last run ended, since 1970.", ended_at),
        ("last_run_exit_code", "The exit code of the last run.", f64::from(ending.exit_code)),
    ] {
        let name = format!("monthend_{name}");
        if name.ends_with("_total") {
            let counter = Counter::new(name, meaning)?;
            counter.inc_by(value);
            registry.register(Box::new(counter))?;
        } else {
            let gauge = Gauge::new(name, meaning)?;
            gauge.set(value);
            registry.register(Box::new(gauge))?;
        }
    }
    TextEncoder::new().encode_to_string(&registry.gather())
}
