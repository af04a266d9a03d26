//! incidentd stands between monitoring tools and the people on call: alerts come in, numbered
//! incidents with their members come out, and somebody is called until somebody answers.
//!
//! ```text
//!  webhook ─> http ─> ingest ─> mailbox ─> engine ─> one commit ─┬─> reply (2xx)
//!  person  ─> http ─────────────────┘     (pure)    (synced)     ├─> notify ─> people, tools
//!  clock   ─────────────────────────┘                            └─> store ─> API, CLI, metrics
//!                      delivered / failed (an event again) <───────────┘
//! ```
//!
//! In reading order:
//!
//! | folder | what | pure |
//! |---|---|---|
//! | [`model`] | the words of the domain as plain data | yes |
//! | [`ingest`] | bytes → alerts, one file per format | yes |
//! | [`cmdb`] | topology: import, immutable graph, binding, walks | yes |
//! | [`rules`] | rule files → checked, compiled rule set; one file per kind in `kinds`; matchers, templates, diagnostics | yes |
//! | [`engine`] | decides: `apply` one event, `drain` what changed; one file per stage | yes |
//! | [`lab`] | the engine on a virtual clock: rule tests, replays, the image the simulator stores in | yes |
//! | [`store`] | RocksDB: keys, codec, the one commit, queries on snapshots | |
//! | [`notify`] | sends committed notices, one file per channel | |
//! | [`http`] | the doors: ingestion, Alertmanager's API, our API, operation | |
//! | [`kafka`] | records in: clients of clusters, one thread each; events about incidents out | |
//! | [`daemon`] | wiring, the engine's thread, the committer, start and stop, upkeep | |
//! | [`settings`], [`telemetry`], [`clock`], [`random`], [`mailbox`], [`watch_folder`] | what the shells share | |
//! | [`cli`] | one file per command | |
//!
//! What always holds, and which test says so:
//! - Pure folders do no I/O and read no clock; imports go one way (`tests/it/tidy.rs`).
//! - One caller of `apply`, one writer of the store (`tests/it/tidy.rs`).
//! - Nothing is answered, sent or shown before it is on disk (`daemon::committer`).
//! - The same events give the same bytes, also across a crash between any two steps (`tests/sim`).
//! - What was answered 2xx is there after `kill -9`, once (`tests/it/crash.rs`).
//! - A store that lost what was committed is refused, not gone on with (`tests/it/db.rs`).
//! - The engine has no errors: bad input is stopped before it.
#![forbid(unsafe_code)]

#[macro_use]
mod planted;

mod allocator;
pub mod cli;
pub mod clock;
pub mod cmdb;
pub mod daemon;
pub mod engine;
pub mod http;
pub mod ingest;
pub mod kafka;
pub mod lab;
pub mod mailbox;
pub mod model;
pub mod notify;
pub mod random;
pub mod rules;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod watch_folder;
