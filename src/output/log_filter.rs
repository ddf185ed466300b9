use std::{env, str::FromStr};

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

/// The target of all our events. Libraries may log signed addresses and tokens, so nothing opens them.
const OURS: &str = "monthend";
/// Said even where only warnings are.
pub(super) const ALWAYS: &str = "monthend::always";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    Quiet,
    Verbose,
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

/// A level, or levels of our modules, such as `info,monthend::session=trace`.
#[derive(Debug, Clone, Default)]
pub struct LogFilter(Targets);

impl LogFilter {
    /// Empty where `MONTHEND_LOG` is not set, or empty.
    pub fn of_environment() -> Result<Self, LogFilterError> {
        let text = env::var_os("MONTHEND_LOG").unwrap_or_default();
        let text = text.to_string_lossy();
        match text.trim() {
            "" => Ok(LogFilter::default()),
            text => text.parse(),
        }
    }

    /// An option counts before a level without a module.
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
            Err(why) => Err(LogFilterError { text: text.to_owned(), why }),
        }
    }
}

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
        // An option counts before the environment; a module's level adds to it.
        assert!(opens("warn", Some(Verbosity::Verbose), session, Level::DEBUG));
        assert!(!opens("trace", Some(Verbosity::Quiet), session, Level::INFO));
        assert!(opens(
            "warn,monthend::session=debug",
            Some(Verbosity::Quiet),
            session,
            Level::DEBUG
        ));
        for filter in ["trace", "hyper_util=trace,trace", "hyper_util::client=trace"] {
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
