//! Logs to standard error: text on a terminal, one JSON object a line otherwise.

use core::fmt;
use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::clock;
use crate::settings::log::{Level, Log, LogFormat};

/// Starts logging for the whole process.
///
/// # Errors
/// When it was started before.
pub fn start(log: &Log) -> Result<(), TryInitError> {
    let base = tracing_subscriber::fmt().with_writer(stderr).with_timer(Wall);
    let base = base.with_env_filter(filter(log.level));
    let json = match log.format {
        LogFormat::Auto => !stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    if json {
        base.json().flatten_event(true).with_current_span(false).finish().try_init()
    } else {
        base.with_ansi(stderr().is_terminal()).finish().try_init()
    }
}

/// Lets through what incidentd says at `level` and what its libraries warn of. They are held at
/// `warn` because at lower levels they write whole addresses, and those may hold a credential.
fn filter(level: Level) -> EnvFilter {
    let (ours, theirs) = match level {
        Level::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        Level::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        Level::Info => (LevelFilter::INFO, LevelFilter::WARN),
        Level::Debug => (LevelFilter::DEBUG, LevelFilter::WARN),
        Level::Trace => (LevelFilter::TRACE, LevelFilter::WARN),
    };
    EnvFilter::new(format!("{theirs},incidentd={ours}"))
}

/// The wall clock in RFC 3339, because `crate::clock` alone reads clocks.
struct Wall;

impl FormatTime for Wall {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", clock::wall())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_never_log_below_warn() {
        for (level, directives) in [
            (Level::Error, ["incidentd=error", "error"]),
            (Level::Info, ["incidentd=info", "warn"]),
            (Level::Trace, ["incidentd=trace", "warn"]),
        ] {
            let filter = filter(level).to_string();
            let mut told: Vec<&str> = filter.split(',').collect();
            told.sort_by_key(|directive| !directive.contains('='));
            assert_eq!(told, directives);
        }
    }
}
