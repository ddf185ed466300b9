//! `api`, `limits` and `retry`.

use std::path::Path;

use super::scalar::{Zero, duration, line, number_of_at_least, positive, positive_up_to, rate};
use crate::{
    manifest::{
        kind::ProblemKind,
        yaml::{Fields, Node},
    },
    settings::{ApiSettings, Limits, RetryPolicy, Settings},
};

/// More connections than this help nobody, and a server could take them for an attack.
pub(in crate::manifest) const MAX_CONCURRENCY: u32 = 1024;

pub(in crate::manifest) const API_KEYS: &[&str] =
    &["base_url", "connect_timeout", "request_timeout", "ca_file"];
pub(in crate::manifest) const LIMITS_KEYS: &[&str] =
    &["rate", "burst", "concurrency", "max_requests"];
pub(in crate::manifest) const RETRY_KEYS: &[&str] = &[
    "max_attempts",
    "base_delay",
    "max_delay",
    "max_retry_after",
    "max_consecutive_failures",
    "max_stall",
    "settle",
];

/// The settings of a manifest whose top level is `fields`.
pub(in crate::manifest) fn settings(fields: &Fields<'_>, folder: &Path) -> Settings {
    let default = Settings::default();
    Settings {
        api: fields.read_or("api", default.api, |node| api(node, folder)),
        limits: fields.read_or("limits", default.limits, limits),
        retry: fields.read_or("retry", default.retry, retry),
    }
}

fn api(node: Node<'_>, folder: &Path) -> Option<ApiSettings> {
    let fields = node.fields(
        "`api`",
        API_KEYS,
        "a mapping such as { request_timeout: 60s }",
    )?;
    let default = ApiSettings::default();
    let time = |key, default| fields.read_or(key, default, |node| duration(node, Zero::Refused));
    Some(ApiSettings {
        base_url: fields.read_or("base_url", default.base_url, |node| {
            let text = line(node, "a URL")?;
            match text.parse() {
                Ok(url) => Some(url),
                Err(error) => node.report(ProblemKind::BaseUrl(error)),
            }
        }),
        connect_timeout: time("connect_timeout", default.connect_timeout),
        request_timeout: time("request_timeout", default.request_timeout),
        ca_file: fields.read_or("ca_file", None, |node| {
            Some(Some(folder.join(line(node, "the path of a PEM file")?)))
        }),
    })
}

fn limits(node: Node<'_>) -> Option<Limits> {
    let fields = node.fields(
        "`limits`",
        LIMITS_KEYS,
        "a mapping such as { rate: 300/min }",
    )?;
    let default = Limits::default();
    Some(Limits {
        rate: fields.read_or("rate", default.rate, rate),
        burst: fields.read_or("burst", default.burst, positive),
        concurrency: fields.read_or("concurrency", default.concurrency, |node| {
            positive_up_to(node, MAX_CONCURRENCY)
        }),
        max_requests: fields.read_or("max_requests", default.max_requests, |node| {
            usize::try_from(number_of_at_least(node, 1, u32::MAX.into())?).ok()
        }),
    })
}

fn retry(node: Node<'_>) -> Option<RetryPolicy> {
    let fields = node.fields(
        "`retry`",
        RETRY_KEYS,
        "a mapping such as { max_attempts: 8 }",
    )?;
    let default = RetryPolicy::default();
    let time = |key, default, zero| fields.read_or(key, default, |node| duration(node, zero));
    Some(RetryPolicy {
        max_attempts: fields.read_or("max_attempts", default.max_attempts, positive),
        base_delay: time("base_delay", default.base_delay, Zero::Allowed),
        max_delay: time("max_delay", default.max_delay, Zero::Refused),
        max_retry_after: time("max_retry_after", default.max_retry_after, Zero::Refused),
        max_consecutive_failures: fields.read_or(
            "max_consecutive_failures",
            default.max_consecutive_failures,
            positive,
        ),
        max_stall: time("max_stall", default.max_stall, Zero::Refused),
        settle: time("settle", default.settle, Zero::Allowed),
    })
}
