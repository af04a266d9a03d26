//! Says in words why an alert belongs to its incident.

use core::fmt;
use core::time::Duration;

use crate::model::alert::{Join, expected};
use crate::model::time::Brief;

/// Writes a reason as it stands on timelines.
pub(super) struct Reason<'a>(pub(super) &'a Join);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = self.0;
        match join {
            Join::Own => f.write_str("nothing open explained it"),
            Join::Group { rule, key } => write!(f, "rule {rule}, same {key}"),
            Join::Dependant { rule, path, after_ms, expected_ms, confidence } => {
                let span = Brief(Duration::from_millis(after_ms.unsigned_abs()));
                let order = if *after_ms < 0 { "before" } else { "after" };
                let expected = expected(*expected_ms).unwrap_or_default();
                write!(f, "rule {rule}, {path}, {span} {order} the cause{expected}, ")?;
                write!(f, "{confidence} % likely")
            }
            Join::Cause { rule, confidence } => {
                write!(f, "rule {rule}, it explains the others, {confidence} % likely")
            }
            Join::LastLeg { rule, .. } | Join::Related { rule, .. } => {
                write!(f, "rule {rule}, {join}")
            }
            Join::Storm { .. } | Join::Reported { .. } => join.fmt(f),
            Join::Sequence { rule, steps } => write!(f, "rule {rule}: {steps}"),
            Join::ByHand { by, note } if note.is_empty() => write!(f, "by hand: {by}"),
            Join::ByHand { by, note } => write!(f, "by hand: {by} \"{note}\""),
            Join::Outlived { former } => write!(f, "it still fired when {former} was resolved"),
        }
    }
}
