//! Changes to the CMDB: a whole file, some changes, one CI, one relation.
//!
//! All that takes long happens here, beside the engine: read, check, compare, build the next
//! topology and its indexes, foretell what it means for the alerts. The engine only takes it over.
//! Changes happen one after the other, each on what the one before left.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cmdb::{
    self, Change, CiRow, Delta, Edit, Problem as Fault, RelationRow, Revision, Rows, Topology,
    diff, import,
};
use crate::engine::context::Context;
use crate::engine::event::Reply;
use crate::engine::rebind::{Forecast, Told};
use crate::mailbox::{NewTopology, Work};

use super::super::super::error::Problem;
use super::super::super::guard::require_type;
use super::super::super::query::Pairs;
use super::super::super::wire::cmdb::{CiBody, CiPatch, Finding, Import, Relation};
use super::super::super::{App, Reading, body};
use super::{BODY_BYTES_MAX, read, show};

/// The types that a file is sent as; none that a page's form can send.
const TYPES: [&str; 3] = ["application/yaml", "application/json", "application/octet-stream"];

/// Bytes of a name in the history: who, and which file or CI.
const NAME_BYTES_MAX: usize = 128;

/// Alerts that may be left for the engine to bind by itself, each some microseconds.
const UNTOLD_MAX: usize = 1_000;

/// Passes over the alerts until only so many are left; in a storm there are always new ones.
const PASSES_MAX: usize = 4;

/// How often a change is made again when rules change under it.
const ATTEMPTS_MAX: usize = 3;

/// What a request wants.
struct Wish {
    want: Want,
    /// What it is called in the history.
    what: String,
    terms: Terms,
}

enum Want {
    Replace { text: Bytes, file: String },
    Merge { text: Bytes, file: String },
    Put(String, CiBody),
    Patch(String, CiPatch),
    Remove(String),
    Relate(RelationRow),
    Unrelate(RelationRow),
}

/// On which terms it is done.
struct Terms {
    by: String,
    extent: Extent,
    expect_removed: Option<usize>,
    expect_version: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Look,
    Do,
}

const TERMS: [&str; 4] = ["by", "dry_run", "expect_removed", "expect_version"];

impl Terms {
    fn read(pairs: &Pairs) -> Result<Self, Problem> {
        let by = pairs.one("by")?.map_or("api", str::trim);
        if by.is_empty() || by.len() > NAME_BYTES_MAX {
            let message = format!("by must name who says so, in at most {NAME_BYTES_MAX} bytes");
            return Err(Problem::bad_request(message));
        }
        Ok(Self {
            by: by.into(),
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

pub(super) async fn replace(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let pairs = Pairs::read(&uri, &FILE_TERMS)?;
    let terms = Terms::read(&pairs)?;
    change(app, file(&pairs, &headers, read, "replace", terms)?).await
}

pub(super) async fn merge(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let pairs = Pairs::read(&uri, &FILE_TERMS)?;
    let terms = Terms::read(&pairs)?;
    change(app, file(&pairs, &headers, read, "merge", terms)?).await
}

pub(super) async fn compare(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let pairs = Pairs::read(&uri, &["mode", "file"])?;
    let terms = Terms { extent: Extent::Look, ..Terms::read(&pairs)? };
    change(app, file(&pairs, &headers, read, "replace", terms)?).await
}

const FILE_TERMS: [&str; 6] = ["mode", "file", TERMS[0], TERMS[1], TERMS[2], TERMS[3]];

/// Reads the wish for a file's contents; `usual` is the mode where none is asked for.
#[expect(clippy::too_many_arguments, reason = "the parts of one request")]
fn file(
    pairs: &Pairs,
    headers: &HeaderMap,
    read: Read,
    usual: &str,
    terms: Terms,
) -> Result<Wish, Problem> {
    require_type(headers, &TYPES)?;
    let file = pairs.one("file")?.unwrap_or("body").to_owned();
    let mode = pairs.one("mode")?.unwrap_or(usual);
    let what = format!("{mode} {file}");
    let text = body(read, BODY_BYTES_MAX)?;
    let want = match mode {
        "replace" => Want::Replace { text, file },
        "merge" => Want::Merge { text, file },
        other => {
            let message = format!("mode is `{other}`, must be replace or merge");
            return Err(Problem::bad_request(message));
        }
    };
    Ok(Wish { want, what, terms })
}

pub(super) async fn put(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let what = format!("put {name}");
    let want = Want::Put(name, json_body(&app, &headers, read)?);
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?)? }).await
}

pub(super) async fn patch(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let what = format!("change {name}");
    let want = Want::Patch(name, json_body(&app, &headers, read)?);
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?)? }).await
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Import>, Problem> {
    let what = format!("remove {name}");
    let want = Want::Remove(name);
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?)? }).await
}

pub(super) async fn relate(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let row = relation(json_body(&app, &headers, read)?);
    let (what, want) = (format!("relate {row}"), Want::Relate(row));
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?)? }).await
}

pub(super) async fn unrelate(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    read: Read,
) -> Result<Json<Import>, Problem> {
    let row = relation(json_body(&app, &headers, read)?);
    let (what, want) = (format!("unrelate {row}"), Want::Unrelate(row));
    change(app, Wish { want, what, terms: Terms::read(&Pairs::read(&uri, &TERMS)?)? }).await
}

fn relation(Relation { from, relation, to }: Relation) -> RelationRow {
    RelationRow { from: from.into(), relation: relation.into(), to: to.into() }
}

fn json_body<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    read: Read,
) -> Result<T, Problem> {
    require_type(headers, &["application/json"])?;
    let body = body(read, app.doors.limits.body_bytes)?;
    serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("body: {error}")))
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
        let new = NewTopology { base, context, forecast, revision };
        match app.submit(Work::Topology(Box::new(new))).await? {
            Reply::Done => {
                answer.dry_run = false;
                return Ok(Json(answer));
            }
            Reply::Outdated => {}
            Reply::Refused(refusal) => return Err(Problem::conflict(refusal.to_string())),
            other @ (Reply::Received(_) | Reply::Acknowledged { .. }) => {
                let what = format!("the engine answered a change of the CMDB with {other:?}");
                return Err(Problem::internal(&what));
            }
        }
    }
    Err(Problem::conflict("the rules change faster than the CMDB can follow; try again"))
}

/// The next version, not yet in force.
struct Plan {
    base: Arc<Context>,
    topology: Topology,
    revision: Revision,
    answer: Import,
}

fn plan(reading: &Reading<'_>, wish: &Wish) -> Result<Plan, Problem> {
    let base = Arc::clone(&reading.context);
    let version = base.topology.version();
    if let Some(expected) = wish.terms.expect_version.filter(|expected| *expected != version) {
        let message = format!(
            "the CMDB is at version {version} by now, not {expected}; look at the difference again"
        );
        return Err(Problem::conflict(message));
    }
    let rows = rows(&base.topology, &wish.want)?;
    let old = base.topology.rows();
    let difference = diff(&old, &rows);
    let delta = Delta::between(&old, &rows);
    let topology = Topology::new(version + 1, rows)
        .map_err(|faults| faulty("the CMDB as it would be", &faults))?;
    let what = shorten(&wish.what);
    let change = Change::new(version + 1, reading.now, &wish.terms.by, what).count(&difference);
    let revision = Revision { delta, change };
    let answer = show::import(&base.topology, &topology, &difference);
    Ok(Plan { base, topology, revision, answer })
}

/// Returns the rows as they are wished for.
fn rows(base: &Topology, want: &Want) -> Result<Rows, Problem> {
    let edit = match want {
        Want::Replace { text, file } => {
            return import::read(utf8(text, file)?, file).map_err(|faults| faulty(file, &faults));
        }
        Want::Merge { text, file } => {
            let read = import::read_changes(utf8(text, file)?, file, base);
            return read.map_err(|faults| faulty(file, &faults));
        }
        Want::Put(name, CiBody { class, attributes, labels }) => {
            let attributes = attributes.iter().map(|(n, v)| ((**n).into(), (**v).into())).collect();
            Edit::Put(CiRow::of(name, class, attributes, labels).map_err(Problem::bad_request)?)
        }
        Want::Patch(name, patch) => Edit::Put(patched(base, name, patch)?),
        Want::Remove(name) => {
            read::find(base, name)?;
            Edit::Remove((**name).into())
        }
        Want::Relate(row) => Edit::Relate(row.clone()),
        Want::Unrelate(row) => {
            for end in [&row.from, &row.to] {
                read::find(base, end)?;
            }
            Edit::Unrelate(row.clone())
        }
    };
    cmdb::edit(base, edit).map_err(|faults| faulty("the change", &faults))
}

fn utf8<'a>(text: &'a [u8], file: &str) -> Result<&'a str, Problem> {
    core::str::from_utf8(text).map_err(|error| {
        Problem::bad_request(format!("{file} is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

fn patched(base: &Topology, name: &str, patch: &CiPatch) -> Result<CiRow, Problem> {
    let old = show::ci(base.ci(read::find(base, name)?));
    let attributes = over(old.attributes, &patch.attributes);
    let attributes = attributes.iter().map(|(n, v)| ((**n).into(), (**v).into())).collect();
    let labels = over(old.labels, &patch.labels);
    let class = patch.class.as_deref().unwrap_or(&old.class);
    CiRow::of(name, class, attributes, &labels).map_err(Problem::bad_request)
}

fn over(
    mut old: BTreeMap<String, String>,
    patch: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, String> {
    for (name, value) in patch {
        match value {
            Some(value) => _ = old.insert(name.clone(), value.clone()),
            None => _ = old.remove(name),
        }
    }
    old
}

/// Refuses what removes much, or other than was said.
fn agreed(terms: &Terms, plan: &Plan) -> Result<(), Problem> {
    let removed = plan.answer.removed;
    match (terms.expect_removed, plan.answer.expect_removed) {
        (Some(expected), _) if expected == removed => return Ok(()),
        (None, None) => return Ok(()),
        (Some(_), _) | (None, Some(_)) => {}
    }
    let topology = &plan.base.topology;
    let of = topology.ci_count() + topology.relation_count();
    let message = format!(
        "this removes {removed} of {of} CIs and relations; \
         if that is meant, say so with expect_removed={removed} (--expect-removed {removed})"
    );
    let difference = json!({"expect_removed": removed, "text": plan.answer.difference});
    Err(Problem { status: StatusCode::CONFLICT, message, problems: vec![difference] })
}

/// Builds what is decided by with the new topology and foretells what that means for the alerts that
/// are committed; those that come in meanwhile are seen by the next pass.
async fn foretell(
    app: &Arc<App>,
    base: &Arc<Context>,
    topology: Topology,
) -> Result<(Arc<Context>, Forecast), Problem> {
    let old = Arc::clone(base);
    let built = app.read(move |_| {
        let rules = Arc::clone(&old.rules);
        let context = Context::new(rules, Arc::new(topology), old.limits);
        let forecast = Forecast::new(&old.topology, &context.topology);
        Ok((Arc::new(context), forecast))
    });
    let (context, mut forecast) = built.await?;
    for _ in 0..PASSES_MAX {
        let contexts = [Arc::clone(base), Arc::clone(&context)];
        let passed = app.read(move |reading| {
            let mut new = 0;
            reading.view.each_alert(&mut |labels, state| {
                let alert = labels.fingerprint();
                if !forecast.knows(alert) {
                    let told = Told { labels, severity: state.severity.as_deref() };
                    forecast.foretell([&contexts[0], &contexts[1]], alert, told);
                    new += 1;
                }
            })?;
            Ok((forecast, new))
        });
        let new;
        (forecast, new) = passed.await?;
        if new <= UNTOLD_MAX {
            break;
        }
    }
    Ok((context, forecast))
}

/// Cuts what is remembered of a request.
fn shorten(what: &str) -> &str {
    let mut end = what.len().min(2 * NAME_BYTES_MAX);
    while !what.is_char_boundary(end) {
        end -= 1;
    }
    what.get(..end).unwrap_or_default()
}

fn faulty(file: &str, faults: &[Fault]) -> Problem {
    let count = faults.len();
    let plural = if count == 1 { "" } else { "s" };
    let findings = faults.iter().map(Finding::from);
    Problem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        message: format!("{file} has {count} error{plural}; nothing was changed"),
        problems: findings.map(|finding| json!(finding)).collect(),
    }
}
