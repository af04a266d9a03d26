//! Section `[log]`: what is logged.

use core::fmt;

use super::section::Section;
use crate::model::priority::words;

/// What is logged.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The least severe messages that are written.
    pub level: Level,
    /// How they are written.
    pub format: LogFormat,
}

/// How severe a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Data was lost or a person must act.
    Error,
    /// Something failed and is made good.
    Warn,
    /// What was started, stopped and refused.
    Info,
    /// What was decided.
    Debug,
    /// Everything.
    Trace,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For collectors: one object a line.
    Json,
}

words!(Level, Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace");
words!(LogFormat, Auto = "auto", Text = "text", Json = "json");

pub(super) fn read(section: &mut Section<'_>) -> Log {
    Log {
        level: section.word("level", Level::Info),
        format: section.word("format", LogFormat::Auto),
    }
}
