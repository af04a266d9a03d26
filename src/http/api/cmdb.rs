//! `/api/v1/cmdb`: how much it holds, and its replacement as a whole.
//!
//! A file is checked and compared here; with `dry_run` that is all. Otherwise the engine gets the
//! new rows and answers when they are stored and in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::json;

use crate::cmdb::{Problem as Fault, Rows, Topology, diff, import};
use crate::engine::event::Reply;
use crate::mailbox::Work;

use super::super::audit::audit;
use super::super::error::Problem;
use super::super::guard::require_type;
use super::super::query::Pairs;
use super::super::wire::change::{CmdbCounts, Import};
use super::super::{App, Reading, body};

/// A CMDB comes as a whole; 64 MiB hold some 300,000 CIs.
const BODY_BYTES_MAX: usize = 64 << 20;

/// The types that a file is sent as; none that a page's form can send.
const TYPES: [&str; 3] = ["application/yaml", "application/json", "application/octet-stream"];

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    let methods = get(counts).put(replace).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    Router::new().route("/api/v1/cmdb", methods)
}

async fn counts(State(app): State<Arc<App>>) -> Json<CmdbCounts> {
    let topology = Arc::clone(&app.doors.context.borrow().topology);
    let mut classes = BTreeMap::<String, usize>::new();
    for (_, ci) in topology.cis() {
        *classes.entry(ci.class.to_string()).or_default() += 1;
    }
    Json(CmdbCounts {
        version: topology.version(),
        classes,
        cis: topology.ci_count(),
        relations: topology.relation_count(),
    })
}

async fn replace(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Import>, Problem> {
    require_type(&headers, &TYPES)?;
    let pairs = Pairs::read(&uri, &["dry_run", "file"])?;
    let dry_run = pairs.switch("dry_run")?;
    let file = pairs.one("file")?.unwrap_or("body").to_owned();
    let body = body(read, BODY_BYTES_MAX)?;
    let (rows, mut answer) = app.read(move |reading| compare(reading, &body, &file)).await?;
    if dry_run || answer.same {
        return Ok(Json(answer));
    }
    match app.submit(Work::Topology(rows)).await? {
        Reply::Done => {
            audit(&app, "api", "cmdb import", "", answer.difference.trim_end().into()).await?;
            answer.dry_run = false;
            Ok(Json(answer))
        }
        Reply::Refused(refusal) => Err(Problem::conflict(refusal.to_string())),
        other @ (Reply::Received(_) | Reply::Handled(_) | Reply::Silenced(_)) => {
            Err(Problem::internal(&format!("the engine answered an import with {other:?}")))
        }
    }
}

/// Checks a file and tells how it differs from what is stored.
fn compare(reading: &Reading<'_>, body: &[u8], file: &str) -> Result<(Arc<Rows>, Import), Problem> {
    let text = core::str::from_utf8(body).map_err(|error| {
        Problem::bad_request(format!("{file} is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let rows = import::read(text, file).map_err(|faults| faulty(file, &faults))?;
    let topology = Topology::build(0, &rows).map_err(|faults| faulty(file, &faults))?;
    let old = reading.view.topology_rows()?.map(|(_, rows)| rows).unwrap_or_default();
    let difference = diff(&old, &rows);
    let answer = Import {
        dry_run: true,
        same: difference.is_empty(),
        difference: difference.to_string(),
        cis: topology.ci_count(),
        relations: topology.relation_count(),
    };
    Ok((Arc::new(rows), answer))
}

fn faulty(file: &str, faults: &[Fault]) -> Problem {
    let count = faults.len();
    let plural = if count == 1 { "" } else { "s" };
    let message = format!("{file} has {count} error{plural}; nothing was changed");
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message);
    problem.with(faults.iter().map(fault).collect())
}

fn fault(fault: &Fault) -> serde_json::Value {
    json!({
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "code": fault.code,
        "item": fault.item,
        "message": fault.message,
        "help": fault.help,
        "text": fault.to_string(),
    })
}
