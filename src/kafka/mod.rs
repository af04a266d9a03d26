//! Kafka as a door: records in.
//!
//! `client` is what every client of a cluster shares: its configuration, its voice in the log, and
//! errors in words that say what to do.

pub mod client;
