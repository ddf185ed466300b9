use super::journal::StateError;

/// Why a sandbox cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A port is in use, or not allowed.
    #[error(
        "the sandbox cannot listen on 127.0.0.1:{port}; name another port, or 0 for a free one"
    )]
    Bind {
        /// The configured port.
        port: u16,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// The configured reports could not be written to the state file.
    #[error("the sandbox cannot write its existing reports to its state")]
    Existing {
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A value that is out of range.
    #[error("the sandbox configuration has a bad {key}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SandboxError {
    pub(super) fn config(
        key: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        SandboxError::Config { key, source: source.into() }
    }
}
