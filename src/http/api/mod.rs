//! Our own API under `/api/v1`, and Alertmanager's under `/api/v2`.

pub mod alertmanager;
pub mod alerts;
mod around;
pub mod audit;
pub mod binding;
pub mod bulk;
pub mod clocks;
pub mod cmdb;
pub mod commands;
mod desk;
pub mod explain;
pub mod filter;
pub mod handle;
pub mod incidents;
pub mod journal;
pub mod kafka;
pub mod left_out;
pub mod major;
pub mod notices;
pub mod on_call;
mod order;
mod outcome;
pub mod overrides;
pub mod planned;
pub mod quarantine;
mod report;
pub mod rules;
pub mod satisfaction;
pub mod show;
pub mod silences;
mod silencing;
pub mod transfers;
pub mod what_if;

use std::sync::Arc;

use axum::Router;

use crate::store::view::{Cursor, NotACursor};

use super::App;
use super::error::Problem;
use super::query::Pairs;

/// Returns all paths below `/api`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(alertmanager::routes())
        .merge(incidents::routes())
        .merge(handle::routes())
        .merge(clocks::routes())
        .merge(audit::routes())
        .merge(journal::routes())
        .merge(major::routes())
        .merge(alerts::routes())
        .merge(kafka::routes())
        .merge(notices::routes())
        .merge(on_call::routes())
        .merge(overrides::routes())
        .merge(planned::routes())
        .merge(quarantine::routes())
        .merge(rules::routes())
        .merge(what_if::routes())
        .merge(cmdb::routes())
        .merge(silences::routes())
        .merge(transfers::routes())
        .merge(satisfaction::routes())
}

/// Reads where a page begins.
fn cursor(pairs: &Pairs) -> Result<Option<Cursor>, Problem> {
    let refuse = |error: NotACursor| Problem::bad_request(error.to_string());
    pairs.one("cursor")?.map(|text| text.parse().map_err(refuse)).transpose()
}
