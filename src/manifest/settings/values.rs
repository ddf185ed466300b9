use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use super::{
    BaseUrl, Rate, RateUnit,
    base_url::base_url,
    duration::{duration, span},
    exact::tolerance,
    file_rules::file_rules,
    rate::rate,
};
use crate::manifest::{
    columns::{cells, column, columns, twice},
    names::report_type,
    reconciling::FileRules,
    yaml::{Form, Located, Mistake, count, keys, mapping, named, or, or_none, path, required},
};
use reconcile::Tolerance;
use request::ReportType;

keys! {
    /// How the API is reached.
    pub struct ApiSettings: "`api`", "a mapping such as { request_timeout: 60s }" {
        /// The address of the API. `http://` is accepted for loopback hosts only.
        pub base_url: BaseUrl = or(base_url(), BaseUrl::webex()),
        /// How long a connection may take to be made, TLS included.
        pub connect_timeout: Duration = or(span(), Duration::from_secs(10)),
        /// How long one exchange may take, from the first byte sent to the last byte read.
        pub request_timeout: Duration = or(span(), Duration::from_secs(60)),
        /// A PEM file of root certificates that are trusted besides the system's, relative to the manifest.
        pub ca_file: Option<PathBuf> = or_none(path("the path of a PEM file")),
    }

    /// The ceilings on what is sent.
    pub struct Limits: "`limits`", "a mapping such as { rate: 300/min }" {
        /// Requests per time: `5/s`, `300/min`, `1000/h`; or `unlimited`.
        pub rate: Rate = or(rate(), Rate::Limited {
            count: const { NonZeroU32::new(300).unwrap() },
            per: RateUnit::Minute,
        }),
        /// How many requests may leave at once: in any stretch of time t at most burst + rate * t leave.
        pub burst: NonZeroU32 = or(count(u32::MAX), const { NonZeroU32::new(10).unwrap() }),
        /// How many requests may be in flight together. At most 1024: more connections do not help, and a server
        /// could take them for an attack.
        pub concurrency: NonZeroUsize = or(count(1024), const { NonZeroUsize::new(16).unwrap() }),
        /// A plan with more requests is refused.
        pub max_requests: usize = or(count(u32::MAX), 100_000),
    }

    /// How long and how often a request is tried.
    pub struct RetryPolicy: "`retry`", "a mapping such as { max_attempts: 8 }" {
        /// Attempts per request and run, the first included. Answers that announce a wait do not count.
        pub max_attempts: NonZeroU32 = or(count(u32::MAX), const { NonZeroU32::new(8).unwrap() }),
        /// The longest wait before the second attempt; doubled for each further one. A random part of it is waited.
        pub base_delay: Duration = or(duration(), Duration::from_secs(1)),
        /// No wait between attempts is longer.
        pub max_delay: Duration = or(span(), Duration::from_secs(60)),
        /// A server that asks for a longer wait stops the run. The next command keeps at most a day of it.
        pub max_retry_after: Duration = or(span(), Duration::from_secs(15 * 60)),
        /// This many refused connections, time-outs, 5xx and answers that are not the API's in a row stop the run.
        pub max_consecutive_failures: NonZeroU32 = or(count(u32::MAX), const { NonZeroU32::new(50).unwrap() }),
        /// A run stops if nothing is accepted for this long, waits included (but not the waiting for `settle`).
        pub max_stall: Duration = or(span(), Duration::from_secs(3600)),
        /// The server lists a report within this time after it was made.
        pub settle: Duration = or(duration(), Duration::from_secs(60)),
    }

    /// How reports are collected. An option or its variable in the environment counts before these.
    pub struct CollectSettings: "`collect`", "a mapping such as { wait: 30m }" {
        /// How long reports are waited for; `0s` takes what is ready.
        pub wait: Duration = or(duration(), Duration::from_secs(30 * 60)),
        /// The folder of the collected files, relative to the manifest; the ledger's path with `.reports` for `.csv`
        /// where it is left out.
        pub output: Option<PathBuf> = or_none(path("the path of a folder")),
    }

    /// What an audit compares besides ids, states and files.
    pub struct AuditSettings: "`audit`", "a mapping such as { totals: { column: CONSUMPTION } }" {
        /// Which sums of the collected files have to agree; none are compared where it is left out.
        pub totals: Option<Totals> = or_none(totals()),
    }

    /// What a run needs to know of a manifest besides its requests.
    pub struct Settings: "the manifest", "a mapping" {
        /// How the API is reached.
        pub api: ApiSettings = or(mapping(), ApiSettings::default()),
        /// The ceilings on what is sent.
        pub limits: Limits = or(mapping(), Limits::default()),
        /// How long and how often a request is tried.
        pub retry: RetryPolicy = or(mapping(), RetryPolicy::default()),
        /// How reports are collected.
        pub collect: CollectSettings = or(mapping(), CollectSettings::default()),
        /// What an audit compares.
        pub audit: AuditSettings = or(mapping(), AuditSettings::default()),
        /// What the collected files of a type look like.
        pub files: FileRules = or(file_rules(), FileRules::new()),
    }

    /// Which sums are compared.
    pub(super) struct TotalsText: "`totals`", "a mapping such as { column: CONSUMPTION }" {
        /// The column of the collected files that is summed up.
        column: Option<String> = required(column(), "column: CONSUMPTION"),
        /// A sum for each value of these columns; one sum of all where it is left out.
        by: Vec<String> = or(columns("name a column, or leave `by` out"), Vec::new()),
        /// By how much sums may differ and still agree: a number, a percentage of the larger sum (`1%`), or a list of
        /// both, of which one is enough. If it is left out, only equal sums agree.
        tolerance: Tolerance = or(tolerance(), Tolerance::default()),
        /// Values of the first column of `by` that a type does not contain: they are not compared with that type.
        not_in: Option<Located<Vec<(ReportType, Vec<String>)>>> = or_none(not_in().located()),
    }
}

impl Limits {
    /// The ceilings of one of `shares` runs, which together keep these; at least enough for one request.
    pub fn share(&self, shares: NonZeroU32) -> Limits {
        let concurrency = self.concurrency.get() / shares.get() as usize;
        Limits {
            rate: self.rate.share(shares),
            burst: NonZeroU32::new(self.burst.get() / shares).unwrap_or(NonZeroU32::MIN),
            concurrency: NonZeroUsize::new(concurrency).unwrap_or(NonZeroUsize::MIN),
            max_requests: self.max_requests,
        }
    }
}

/// `audit.totals`: which sums an audit compares. Webex publishes no column names, so the manifest names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// The column to sum up.
    pub column: String,
    /// One sum for each value of these columns; empty for one sum of all.
    pub by: Vec<String>,
    /// By how much sums may differ and still agree.
    pub tolerance: Tolerance,
    /// Values of the first column of `by` that a type does not contain: they are not compared with it.
    pub not_in: BTreeMap<ReportType, Vec<String>>,
}

fn totals() -> Form<Totals> {
    mapping().then(|TotalsText { column, by, tolerance, not_in }, node| {
        if let Some(not_in) = &not_in
            && by.is_empty()
        {
            let mistake = Mistake::new("`not_in` needs `by`: its values are those of a column");
            not_in.report::<()>(
                node.sink,
                mistake.help("add `by` with that column first: `by: [SKU]`"),
            );
        }
        let column = column?;
        if by.contains(&column) {
            return node.report(twice(&column));
        }
        let not_in = not_in.into_iter().flat_map(|not_in| not_in.value).collect();
        Some(Totals { column, by, tolerance, not_in })
    })
}

fn not_in() -> Form<Vec<(ReportType, Vec<String>)>> {
    const EXPECTED: &str = "a mapping such as { USER: [A-CALLING-COMMON-AREA] }";
    named(EXPECTED, "name a type, or leave `not_in` out", report_type(), cells())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_goes_on_however_small_the_share() {
        let limits = Limits::default();
        let of = |shares| limits.share(NonZeroU32::new(shares).unwrap());
        assert_eq!(of(1), limits);
        assert_eq!((of(4).burst.get(), of(4).concurrency.get()), (2, 4));
        assert_eq!(of(4).rate.to_string(), "75/min");
        assert_eq!((of(100).burst.get(), of(100).concurrency.get()), (1, 1));
        assert_eq!(of(100).rate.to_string(), "3/min");
    }
}
