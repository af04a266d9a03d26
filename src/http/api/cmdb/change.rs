//! Changes to the CMDB: a whole file, some changes, one CI, one relation.
//!
//! All that takes long happens here, beside the engine: read, check, compare, build the next
//! topology and its indexes, foretell what it means for the alerts. The engine only takes it over.
//! Changes happen one after the other, each on what the one before left.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use bytes::Bytes;

use crate::cmdb::RelationRow;
use crate::cmdb::import::{Format, Mode};
use crate::engine::reply::Reply;
use crate::mailbox::{NewTopology, Work};

use super::super::super::audit::audit;
use super::super::super::auth::Caller;
use super::super::super::error::Problem;
use super::super::super::guard::{self, media_type, require_type};
use super::super::super::query::Pairs;
use super::super::super::wire::cmdb::{CiBody, CiPatch, FileSet, Import, Relation};
use super::super::super::{App, body, json_body};
use super::BODY_BYTES_MAX;
use super::plan::{
    Extent, NAME_BYTES_MAX, Plan, Terms, Upload, Want, Wish, agreed, foretell, plan,
};

/// The types that a file is sent as; none that a page's form can send.
const TYPES: [&str; 5] =
    ["application/yaml", "application/json", CSV, SEVERAL, "application/octet-stream"];

/// A table; without the parameter `format` it is taken for nothing else.
const CSV: &str = "text/csv";

/// Several files of one import, as one object of JSON.
const SEVERAL: &str = "application/vnd.incidentd.files+json";

/// Files of one import.
const FILES_MAX: usize = 100;

/// How often a change is made again when rules change under it.
const ATTEMPTS_MAX: usize = 3;

const TERMS: [&str; 4] = ["by", "dry_run", "expect_removed", "expect_version"];

impl Terms {
    fn read(pairs: &Pairs, caller: &Caller) -> Result<Self, Problem> {
        let by = caller.acting(pairs.one("by")?.unwrap_or(""));
        let by = if by.is_empty() { "api".into() } else { by };
        if by.len() > NAME_BYTES_MAX {
            let message = format!("by must name who says so, in at most {NAME_BYTES_MAX} bytes");
            return Err(Problem::bad_request(message));
        }
        Ok(Self {
            by,
            extent: if pairs.switch("dry_run")? { Extent::Look } else { Extent::Do },
            expect_removed: number(pairs, "expect_removed")?,
            expect_version: number(pairs, "expect_version")?,
        })
    }
}

fn number<T: core::str::FromStr>(pairs: &Pairs, name: &str) -> Result<Option<T>, Problem> {
    let refuse = |text| Problem::bad_request(format!("{name} is `{text}`, must be a number"));
    pairs.one(name)?.map(|text| text.parse().map_err(|_| refuse(text))).transpose()
}

type Read = Result<Bytes, BytesRejection>;

/// Replaces the whole CMDB.
#[utoipa::path(
    put,
    path = "/api/v1/cmdb",
    params(
        ("mode" = Option<String>, Query, pattern = "^(replace|merge)$"),
        ("format" = Option<String>, Query, pattern = "^(yaml|csv|kubernetes)$", description = "How the files are written; told by each when left out"),
        ("source" = Option<String>, Query, max_length = 128, description = "Whose word the files are: a replacement takes away only what this source said before"),
        ("cluster" = Option<String>, Query, max_length = 63, description = "The cluster that Kubernetes' objects are in; it becomes part of their CIs' names and labels"),
        ("file" = Option<String>, Query),
        ("by" = Option<String>, Query, max_length = 128),
        ("dry_run" = Option<bool>, Query),
        ("expect_removed" = Option<usize>, Query),
        ("expect_version" = Option<u64>, Query)
    ),
    request_body(content(
        (serde_json::Value = "application/yaml"),
        (serde_json::Value = "application/json",
         example = json!({"cis": {"srv-9": {"class": "server"}}})),
        (String = "text/csv"),
        (FileSet = "application/vnd.incidentd.files+json"),
        (String = "application/octet-stream")
    )),
    responses((status = 200, body = Import))
)]
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let pairs = Pairs::read(&uri, &FILE_TERMS)?;
    let terms = Terms::read(&pairs, &caller)?;
    change(app, file(&pairs, &headers, read, "replace", terms)?).await
}

/// Merges changes into the CMDB.
#[utoipa::path(
    post,
    path = "/api/v1/cmdb",
    params(
        ("mode" = Option<String>, Query, pattern = "^(replace|merge)$"),
        ("format" = Option<String>, Query, pattern = "^(yaml|csv|kubernetes)$", description = "How the files are written; told by each when left out"),
        ("source" = Option<String>, Query, max_length = 128, description = "Whose word the files are: a replacement takes away only what this source said before"),
        ("cluster" = Option<String>, Query, max_length = 63, description = "The cluster that Kubernetes' objects are in; it becomes part of their CIs' names and labels"),
        ("file" = Option<String>, Query),
        ("by" = Option<String>, Query, max_length = 128),
        ("dry_run" = Option<bool>, Query),
        ("expect_removed" = Option<usize>, Query),
        ("expect_version" = Option<u64>, Query)
    ),
    request_body(content(
        (serde_json::Value = "application/yaml"),
        (serde_json::Value = "application/json",
         example = json!({"cis": {"srv-9": {"class": "server"}}})),
        (String = "text/csv"),
        (FileSet = "application/vnd.incidentd.files+json"),
        (String = "application/octet-stream")
    )),
    responses((status = 200, body = Import))
)]
pub(super) async fn merge(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let pairs = Pairs::read(&uri, &FILE_TERMS)?;
    let terms = Terms::read(&pairs, &caller)?;
    change(app, file(&pairs, &headers, read, "merge", terms)?).await
}

/// Says what a file would change.
#[utoipa::path(
    post,
    path = "/api/v1/cmdb/diff",
    params(
        ("mode" = Option<String>, Query, pattern = "^(replace|merge)$"),
        ("format" = Option<String>, Query, pattern = "^(yaml|csv|kubernetes)$", description = "How the files are written; told by each when left out"),
        ("source" = Option<String>, Query, max_length = 128, description = "Whose word the files are: a replacement takes away only what this source said before"),
        ("cluster" = Option<String>, Query, max_length = 63, description = "The cluster that Kubernetes' objects are in; it becomes part of their CIs' names and labels"),
        ("file" = Option<String>, Query)
    ),
    request_body(content(
        (serde_json::Value = "application/yaml"),
        (serde_json::Value = "application/json",
         example = json!({"cis": {"srv-9": {"class": "server"}}})),
        (String = "text/csv"),
        (FileSet = "application/vnd.incidentd.files+json"),
        (String = "application/octet-stream")
    )),
    responses((status = 200, body = Import))
)]
pub(super) async fn compare(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let pairs = Pairs::read(&uri, &["mode", "format", "source", "cluster", "file"])?;
    let terms = Terms { extent: Extent::Look, ..Terms::read(&pairs, &caller)? };
    change(app, file(&pairs, &headers, read, "replace", terms)?).await
}

const FILE_TERMS: [&str; 9] =
    ["mode", "format", "source", "cluster", "file", TERMS[0], TERMS[1], TERMS[2], TERMS[3]];

/// Reads the wish for a file's contents; `usual` is the mode where none is asked for.
fn file(
    pairs: &Pairs,
    headers: &HeaderMap,
    read: Read,
    usual: &str,
    terms: Terms,
) -> Result<Wish, Problem> {
    require_type(headers, &TYPES)?;
    let name = pairs.one("file")?.unwrap_or("body").to_owned();
    let given = pairs.one("mode")?.unwrap_or(usual);
    let mode = match given {
        "replace" => Mode::Replace,
        "merge" => Mode::Merge,
        other => {
            let message = format!("mode is `{other}`, must be replace or merge");
            return Err(Problem::bad_request(message));
        }
    };
    let format = pairs.one("format")?.map(format_of).transpose()?;
    let source = pairs.one("source")?.map(ToOwned::to_owned);
    let cluster = pairs.one("cluster")?.map(ToOwned::to_owned);
    let text = body(read, BODY_BYTES_MAX)?;
    let kind = guard::text(headers, &header::CONTENT_TYPE).unwrap_or("");
    let is = |wanted| media_type(kind).eq_ignore_ascii_case(wanted);
    let format = format.or(is(CSV).then_some(Format::Csv));
    let several = is(SEVERAL);
    let files = if several { several_files(&text)? } else { vec![(name, text)] };
    let names: Vec<&str> = files.iter().map(|(name, _)| &**name).collect();
    let of = source.as_ref().map(|source| format!(" of {source}")).unwrap_or_default();
    let within = cluster.as_ref().map(|cluster| format!(" in {cluster}")).unwrap_or_default();
    let what = format!("{given}{of}{within} {}", names.join(", "));
    Ok(Wish { want: Want::Import(Upload { files, format, mode, source, cluster }), what, terms })
}

fn format_of(name: &str) -> Result<Format, Problem> {
    Format::find(name).ok_or_else(|| {
        let known = Format::ALL.map(|(name, _)| name).join(", ");
        Problem::bad_request(format!("format is `{name}`, must be one of {known}"))
    })
}

fn several_files(text: &Bytes) -> Result<Vec<(String, Bytes)>, Problem> {
    let set: FileSet = serde_json::from_slice(text)
        .map_err(|error| Problem::bad_request(format!("body: {error}")))?;
    let count = set.files.len();
    if !(1..=FILES_MAX).contains(&count) {
        let message = format!("body: {count} files, must be 1 to {FILES_MAX}");
        return Err(Problem::bad_request(message));
    }
    Ok(set.files.into_iter().map(|file| (file.name, file.text.into())).collect())
}

/// Puts a whole CI in the place of what there is.
#[utoipa::path(
    put,
    path = "/api/v1/cmdb/cis/{name}",
    params(
        ("name" = String, Path),
        ("by" = Option<String>, Query, max_length = 128),
        ("dry_run" = Option<bool>, Query),
        ("expect_removed" = Option<usize>, Query),
        ("expect_version" = Option<u64>, Query)
    ),
    request_body = CiBody,
    responses((status = 200, body = Import))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    (Path(name), uri): (Path<String>, Uri),
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let what = format!("put {name}");
    let want = Want::Put(name, json_body(&app, &headers, read)?);
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?, &caller)? })
        .await
}

/// Changes a CI in parts.
#[utoipa::path(
    patch,
    path = "/api/v1/cmdb/cis/{name}",
    params(
        ("name" = String, Path),
        ("by" = Option<String>, Query, max_length = 128),
        ("dry_run" = Option<bool>, Query),
        ("expect_removed" = Option<usize>, Query),
        ("expect_version" = Option<u64>, Query)
    ),
    request_body = CiPatch,
    responses((status = 200, body = Import))
)]
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller,
    (Path(name), uri): (Path<String>, Uri),
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let what = format!("change {name}");
    let want = Want::Patch(name, json_body(&app, &headers, read)?);
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?, &caller)? })
        .await
}

/// Removes a CI with its relations.
#[utoipa::path(
    delete,
    path = "/api/v1/cmdb/cis/{name}",
    params(
        ("name" = String, Path),
        ("by" = Option<String>, Query, max_length = 128),
        ("dry_run" = Option<bool>, Query),
        ("expect_removed" = Option<usize>, Query),
        ("expect_version" = Option<u64>, Query)
    ),
    responses((status = 200, body = Import))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Import>, Problem> {
    let what = format!("remove {name}");
    let want = Want::Remove(name);
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?, &caller)? })
        .await
}

/// Adds a relation.
#[utoipa::path(
    post,
    path = "/api/v1/cmdb/relations",
    params(
        ("by" = Option<String>, Query, max_length = 128),
        ("dry_run" = Option<bool>, Query),
        ("expect_removed" = Option<usize>, Query),
        ("expect_version" = Option<u64>, Query)
    ),
    request_body = Relation,
    responses((status = 200, body = Import))
)]
pub(super) async fn relate(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let row = relation(&json_body(&app, &headers, read)?);
    let (what, want) = (format!("relate {row}"), Want::Relate(row));
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?, &caller)? })
        .await
}

/// Removes a relation.
#[utoipa::path(
    delete,
    path = "/api/v1/cmdb/relations",
    params(
        ("by" = Option<String>, Query, max_length = 128),
        ("dry_run" = Option<bool>, Query),
        ("expect_removed" = Option<usize>, Query),
        ("expect_version" = Option<u64>, Query)
    ),
    request_body = Relation,
    responses((status = 200, body = Import))
)]
pub(super) async fn unrelate(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let row = relation(&json_body(&app, &headers, read)?);
    let (what, want) = (format!("unrelate {row}"), Want::Unrelate(row));
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?, &caller)? })
        .await
}

fn relation(wire: &Relation) -> RelationRow {
    let mut row = RelationRow::new(&wire.from, &wire.relation, &wire.to);
    let facts = wire.facts();
    row.facts = (!facts.is_empty()).then(|| Arc::new(facts));
    row
}

/// Does what is wished for, or only tells what it would be.
async fn change(app: Arc<App>, wish: Wish) -> Result<Json<Import>, Problem> {
    let wish = Arc::new(wish);
    if wish.terms.extent == Extent::Look {
        return Ok(Json(app.read(move |reading| Ok(plan(reading, &wish)?.answer)).await?));
    }
    let _turn = app.imports.acquire().await.map_err(|error| Problem::internal(&error))?;
    for _ in 0..ATTEMPTS_MAX {
        let this = Arc::clone(&wish);
        let planned = app.read(move |reading| {
            let plan = plan(reading, &this)?;
            agreed(&this.terms, &plan)?;
            Ok(plan)
        });
        let Plan { base, topology, revision, mut answer } = planned.await?;
        if answer.same {
            return Ok(Json(answer));
        }
        let (context, forecast) = foretell(&app, &base, topology).await?;
        let (forecast, revision) = (Arc::new(forecast), Arc::new(revision));
        // Held until the engine is done with them, so that it is not the one to free them.
        let used = (Arc::clone(&base), Arc::clone(&forecast));
        let new = NewTopology { base, context, forecast, revision, read: Vec::new() };
        let reply = app.submit(Work::Topology(Box::new(new))).await?;
        app.read(move |_| {
            drop(used);
            Ok(())
        })
        .await?;
        if reply == Reply::Done {
            answer.dry_run = false;
            let done = format!("{}: {}", wish.what, left(&answer));
            audit(&app, &wish.terms.by, "changed", "cmdb", done).await?;
            return Ok(Json(answer));
        }
        if let Reply::Refused(refusal) = reply {
            return Err(Problem::conflict(refusal.to_string()));
        }
        if reply != Reply::Outdated {
            let what = format!("the engine answered a change of the CMDB with {reply:?}");
            return Err(Problem::internal(&what));
        }
    }
    Err(Problem::conflict("the rules or the CMDB change faster than this can follow; try again"))
}

/// Says in a line, for the audit trail, what a change left behind.
fn left(answer: &Import) -> String {
    let Import { version, removed, cis, relations, .. } = answer;
    format!("version {version}, {cis} CIs, {relations} relations, {removed} removed")
}
