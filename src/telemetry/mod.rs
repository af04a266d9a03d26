//! What the daemon tells about itself: metrics for monitoring, logs for people.
//!
//! Nothing here decides anything, and no alert's text ever becomes a label of a metric.

pub mod doors;
pub mod events;
pub mod kafka;
pub mod logging;
pub mod metrics;
pub mod stream;
pub mod upkeep;
