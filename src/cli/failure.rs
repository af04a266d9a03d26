//! Why a command did not do what was asked, and the exit code that says so to scripts.

use std::process::ExitCode;

use crate::daemon::DaemonError;

/// Why a command failed; each kind has its exit code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Something was found, or a test failed, or the server did not do it.
    #[error("{0}")]
    Findings(String),
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The server cannot be reached or does not serve now.
    #[error("{server} cannot be reached: {cause}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why.
        cause: String,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The thing is in a state that forbids it.
    #[error("{0}")]
    Conflict(String),
    /// The credential is missing, not known, or does not allow it.
    #[error("{0}")]
    Denied(String),
    /// The store cannot be proven whole, or cannot be used.
    #[error("{0}")]
    Store(String),
    /// Configuration or rules are invalid.
    #[error("{0}")]
    Configuration(String),
}

impl Failure {
    /// Returns the exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Findings(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::NotFound(_) => 4,
            Self::Conflict(_) => 5,
            Self::Denied(_) => 6,
            Self::Store(_) => 65,
            Self::Configuration(_) => 78,
        }
    }

    /// Says how many problems the settings have; each was told.
    pub fn of_settings(problems: usize) -> Self {
        Self::Configuration(match problems {
            1 => "1 problem in the settings".into(),
            many => format!("{many} problems in the settings"),
        })
    }

    /// Says why the daemon did not start or go on.
    pub fn of_daemon(error: &DaemonError) -> Self {
        match error {
            DaemonError::Store(_) => Self::Store(error.to_string()),
            DaemonError::Channel(_) | DaemonError::Kafka(_) | DaemonError::Tls(_) => {
                Self::Configuration(error.to_string())
            }
            DaemonError::Listen { .. }
            | DaemonError::NoRoom { .. }
            | DaemonError::LinkKey { .. }
            | DaemonError::System(_)
            | DaemonError::Metrics(_)
            | DaemonError::Engine(_) => Self::Findings(error.to_string()),
        }
    }

    /// Reads a refusal of the server.
    pub fn of(server: &str, status: u16, message: String) -> Self {
        match status {
            400 => Self::Usage(message),
            401 => Self::Denied(format!("{message} (--token-file or INCIDENTD_TOKEN_FILE)")),
            403 => Self::Denied(message),
            404 => Self::NotFound(message),
            409 | 412 => Self::Conflict(message),
            503 => Self::Unreachable { server: server.into(), cause: message },
            _ => Self::Findings(message),
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        failure.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_can_tell_refusals_apart() {
        for (status, code) in [
            (400, 2),
            (401, 6),
            (403, 6),
            (404, 4),
            (409, 5),
            (412, 5),
            (413, 1),
            (415, 1),
            (422, 1),
            (500, 1),
            (503, 3),
        ] {
            assert_eq!(Failure::of("http://x", status, "no".into()).code(), code, "{status}");
        }
        assert_eq!(Failure::Configuration(String::new()).code(), 78);
    }
}
