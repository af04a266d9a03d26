//! incidentd stands between monitoring tools and the people on call.
#![forbid(unsafe_code)]

pub mod clock;
pub mod cmdb;
pub mod engine;
pub mod http;
pub mod ingest;
pub mod lab;
pub mod mailbox;
pub mod model;
pub mod notify;
pub mod rules;
pub mod settings;
pub mod store;
pub mod telemetry;
