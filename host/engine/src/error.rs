//! What can go wrong for those who hold an engine.

use jobyard_journal::JournalError;
use jobyard_kernel::{JobId, Rejection};
use jobyard_node::LinkError;
use jobyard_plugin::recovery::SwapError;
use jobyard_plugin::{ConfigureError, HostError, LoadError};
use jobyard_sim::forecast::ForecastError;

/// Why an engine could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The plugin host could not be set up.
    #[error("the plugin host cannot start: {0}")]
    PluginHost(#[from] HostError),
    /// A component could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The policy does not take its settings.
    #[error(transparent)]
    Policy(#[from] SwapError),
    /// A filter does not take its settings, or failed at them.
    #[error("filter \"{name}\": {error}")]
    Filter {
        /// Which.
        name: String,
        /// Why.
        error: ConfigureError,
    },
    /// A node could not be started.
    #[error(transparent)]
    Node(#[from] LinkError),
    /// A node cannot join the pool.
    #[error(transparent)]
    Pool(Rejection),
    /// The journal cannot be opened, read or written.
    #[error("the journal cannot be used: {0}")]
    Journal(#[from] JournalError),
    /// The system has no thread to give.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Why a call did not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The kernel refused; nothing changed.
    #[error("{0}")]
    Rejected(Rejection),
    /// The journal failed: what was asked was not acknowledged, and the engine has stopped.
    #[error("the journal failed: {0}")]
    Journal(String),
    /// The engine was shut down.
    #[error("the engine has stopped")]
    Stopped,
    /// There is no such job (any longer).
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// A new policy was not taken; the old one still decides.
    #[error("{0}")]
    Swap(String),
    /// Something else is being checked or proved, which takes a core: one at a time.
    #[error("a policy is being checked or proved already: one at a time")]
    Busy,
    /// What was to be simulated could not be.
    #[error("{0}")]
    Forecast(String),
}

impl From<ForecastError> for EngineError {
    fn from(error: ForecastError) -> Self {
        match error {
            ForecastError::UnknownJob(job) => EngineError::UnknownJob(job),
            ForecastError::Policy { .. } => EngineError::Forecast(error.to_string()),
        }
    }
}

impl From<Rejection> for EngineError {
    fn from(rejection: Rejection) -> Self {
        EngineError::Rejected(rejection)
    }
}
