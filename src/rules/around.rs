//! What is around an alert when it is matched: the time, the services it hurts, what else fires.
//!
//! Only asked when a condition asks for it, so that it costs nothing elsewhere. Whoever matches an
//! alert knows these things; the rules do not. Read `counter` and `line` for who asks.

use core::fmt;

use super::calendar::Times;
use super::counter::CounterId;
use crate::cmdb::CiRow;

/// Answers what an alert does not say itself.
pub trait Around: fmt::Debug {
    /// Says whether these times cover the moment; `None` when no moment is known.
    fn covers(&self, times: &Times) -> Option<bool>;

    /// Returns the services that suffer when the alert's CI fails, by name.
    fn services(&self) -> &[&CiRow];

    /// Returns how many different things a counter has under a key; `None` when that is not known.
    fn count(&self, counter: CounterId, key: &str) -> Option<usize>;
}
