//! The real binary on loopback: started, talked to, killed, restarted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../common/mod.rs"]
mod common;

mod alive;
mod bad_input;
mod chaos;
mod cli;
mod cmdb;
mod crash;
mod db;
mod disk;
mod doctor;
mod doors;
mod events;
mod handling;
mod kafka;
mod kafka_faults;
mod kafka_tables;
mod links;
mod monitoring;
mod on_call;
mod quality;
mod reload;
mod replay;
mod rule_tests;
mod story;
mod stream;
mod tidy;
