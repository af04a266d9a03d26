//! Kafka as a door and as a way out: records in, events about incidents out.
//!
//! `client` is what every client of a cluster shares: its configuration, its voice in the log, and
//! errors in words that say what to do. Out: `cloudevent` says what is written, `publisher` sees to it
//! that it arrives, `producer` hands records over.

pub mod client;
pub mod cloudevent;
pub mod producer;
pub mod publisher;
