//! What is said on stderr: by the options, and by `MONTHEND_LOG`.

use std::{env, str::FromStr};

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

/// All that this program says has a target below this one. What libraries say may hold signed addresses and tokens, so
/// nothing opens it.
const OURS: &str = "monthend";
/// What is said under this target is said also where only warnings are.
pub(super) const ALWAYS: &str = "monthend::always";

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Every retry and every report too.
    Verbose,
    /// Every exchange too.
    Everything,
}

impl Verbosity {
    fn level(self) -> LevelFilter {
        match self {
            Verbosity::Quiet => LevelFilter::WARN,
            Verbosity::Verbose => LevelFilter::DEBUG,
            Verbosity::Everything => LevelFilter::TRACE,
        }
    }
}

/// `MONTHEND_LOG`: a level, or levels of single modules of this program, such as `info,monthend::session=trace`.
#[derive(Debug, Clone, Default)]
pub struct LogFilter(Targets);

impl LogFilter {
    /// What the environment says; nothing where it is not set, or empty.
    ///
    /// # Errors
    /// It is no filter.
    pub fn of_environment() -> Result<Self, LogFilterError> {
        let text = env::var_os("MONTHEND_LOG").unwrap_or_default();
        let text = text.to_string_lossy();
        match text.trim() {
            "" => Ok(LogFilter::default()),
            text => text.parse(),
        }
    }

    /// The filter where an option asks for `verbosity`, or none does: then what stands here without a module counts.
    pub(super) fn targets(&self, verbosity: Option<Verbosity>) -> Targets {
        let general = match verbosity {
            Some(verbosity) => verbosity.level(),
            None => self.0.default_level().unwrap_or(LevelFilter::INFO),
        };
        let is_ours = |target: &str| target == OURS || target.starts_with("monthend::");
        Targets::new()
            .with_target(OURS, general)
            .with_targets(self.0.iter().filter(|(target, _)| is_ours(target)))
            .with_target(ALWAYS, LevelFilter::INFO)
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        match text.parse() {
            Ok(targets) => Ok(LogFilter(targets)),
            Err(why) => Err(LogFilterError {
                text: text.to_owned(),
                why,
            }),
        }
    }
}

/// `MONTHEND_LOG` is no filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "MONTHEND_LOG: {text:?} is not a valid filter ({why}); write a level (error, warn, info, debug, trace, off), or levels of modules: info,monthend::session=trace"
)]
pub struct LogFilterError {
    text: String,
    why: ParseError,
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    /// Whether `filter` with `-v` and so on lets through what `target` says at `level`.
    fn opens(filter: &str, verbosity: Option<Verbosity>, target: &str, level: Level) -> bool {
        let filter: LogFilter = filter.parse().unwrap();
        filter.targets(verbosity).would_enable(target, &level)
    }

    #[test]
    fn levels_and_modules_count_and_no_library_is_opened() {
        let session = "monthend::session::conversation";
        for filter in ["trace", "monthend::session=trace", "5"] {
            assert!(opens(filter, None, session, Level::TRACE), "{filter}");
        }
        assert!(!opens("info", None, session, Level::DEBUG));
        assert!(!opens("warn", None, session, Level::INFO));
        assert!(opens("off", None, ALWAYS, Level::INFO));
        // An option counts before the environment, as everywhere; what is said of a module adds to it.
        assert!(opens(
            "warn",
            Some(Verbosity::Verbose),
            session,
            Level::DEBUG
        ));
        assert!(!opens(
            "trace",
            Some(Verbosity::Quiet),
            session,
            Level::INFO
        ));
        assert!(opens(
            "warn,monthend::session=debug",
            Some(Verbosity::Quiet),
            session,
            Level::DEBUG
        ));
        for filter in [
            "trace",
            "hyper_util=trace,trace",
            "hyper_util::client=trace",
        ] {
            for library in ["hyper_util::client::legacy", "reqwest", "rustls"] {
                assert!(
                    !opens(filter, Some(Verbosity::Everything), library, Level::ERROR),
                    "{filter}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for filter in ["monthend=loud", "a=b=c"] {
            let error = filter.parse::<LogFilter>().unwrap_err().to_string();
            assert!(error.starts_with("MONTHEND_LOG: "), "{error}");
        }
    }
}
