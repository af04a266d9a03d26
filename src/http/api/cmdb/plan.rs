//! What a change of the CMDB would make of it, worked out beside the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;

use crate::cmdb::import::{File, Format, Mode, Request};
use crate::cmdb::{
    self, Change, CiRow, Delta, Edit, Problem as Fault, RelationRow, Revision, Rows, Topology,
    diff, import,
};
use crate::engine::context::Context;
use crate::engine::rebind::Forecast;
use crate::model::time::Timestamp;

use super::super::super::error::Problem;
use super::super::super::wire::cmdb::{CiBody, CiPatch, Finding, Import};
use super::super::super::{App, Reading};
use super::{read, show};

/// Bytes of a name in the history: who, and which file or CI.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// Alerts that may be left for the engine to bind by itself, each some microseconds.
const UNTOLD_MAX: usize = 1_000;

/// Passes over the alerts until only so many are left; in a storm there are always new ones.
const PASSES_MAX: usize = 4;

/// What a request wants.
pub(super) struct Wish {
    pub(super) want: Want,
    /// What it is called in the history.
    pub(super) what: String,
    pub(super) terms: Terms,
}

pub(super) enum Want {
    Import(Upload),
    Put(String, CiBody),
    Patch(String, CiPatch),
    Remove(String),
    Relate(RelationRow),
    Unrelate(RelationRow),
}

/// Files to be imported.
pub(super) struct Upload {
    /// Names and contents.
    pub(super) files: Vec<(String, Bytes)>,
    pub(super) format: Option<Format>,
    pub(super) mode: Mode,
    pub(super) source: Option<String>,
    pub(super) cluster: Option<String>,
}

/// On which terms it is done.
pub(super) struct Terms {
    pub(super) by: String,
    pub(super) extent: Extent,
    pub(super) expect_removed: Option<usize>,
    pub(super) expect_version: Option<u64>,
}

/// How far it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Look,
    Do,
}

/// The next version, not yet in force.
pub(super) struct Plan {
    pub(super) base: Arc<Context>,
    pub(super) topology: Topology,
    pub(super) revision: Revision,
    pub(super) answer: Import,
}

/// Works out what is wished for, on the version in force.
pub(super) fn plan(reading: &Reading<'_>, wish: &Wish) -> Result<Plan, Problem> {
    let base = Arc::clone(&reading.context);
    let version = base.topology.version();
    if let Some(expected) = wish.terms.expect_version.filter(|expected| *expected != version) {
        let message = format!(
            "the CMDB is at version {version} by now, not {expected}; look at the difference again"
        );
        return Err(Problem::conflict(message));
    }
    let old = base.topology.rows();
    let rows = rows(&base.topology, reading.now, &wish.want)?;
    let difference = diff(&old, &rows);
    let delta = Delta::between(&old, &rows);
    let topology = Topology::at(version + 1, rows, reading.now)
        .map_err(|faults| faulty("the CMDB as it would be", &faults))?;
    let what = shorten(&wish.what);
    let change = Change::new(version + 1, reading.now, &wish.terms.by, what).count(&difference);
    let revision = Revision { delta, change };
    let answer = show::import(&base.topology, &topology, &difference);
    Ok(Plan { base, topology, revision, answer })
}

/// Returns the rows as they are wished for.
fn rows(base: &Topology, now: Timestamp, want: &Want) -> Result<Rows, Problem> {
    let edit = match want {
        Want::Import(upload) => return imported(upload, base, now),
        Want::Put(name, CiBody { class, attributes, labels }) => {
            let attributes = attributes.iter().collect();
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
    cmdb::edit(base, edit, now).map_err(|faults| faulty("the change", &faults))
}

fn imported(wanted: &Upload, base: &Topology, now: Timestamp) -> Result<Rows, Problem> {
    let file = |(name, text)| Ok(File { name, text: utf8(text, name)? });
    let all = wanted.files.iter().map(|(name, text)| file((&**name, text)));
    let files = all.collect::<Result<Vec<_>, Problem>>()?;
    let names: Vec<&str> = files.iter().map(|file| file.name).collect();
    let Upload { format, mode, source, cluster, .. } = wanted;
    let (source, cluster) = (source.as_deref(), cluster.as_deref());
    let request = Request { files: &files, format: *format, mode: *mode, source, cluster };
    import::import(&request, base, now).map_err(|faults| faulty(&names.join(", "), &faults))
}

fn utf8<'a>(text: &'a [u8], file: &str) -> Result<&'a str, Problem> {
    core::str::from_utf8(text).map_err(|error| {
        Problem::bad_request(format!("{file} is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

fn patched(base: &Topology, name: &str, patch: &CiPatch) -> Result<CiRow, Problem> {
    let old = show::ci(base.ci(read::find(base, name)?));
    let attributes = over(old.attributes, &patch.attributes);
    let attributes = attributes.iter().collect();
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
pub(super) fn agreed(terms: &Terms, plan: &Plan) -> Result<(), Problem> {
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
    Err(Problem::conflict(message).with(vec![difference]))
}

/// Builds what is decided by with the new topology and foretells what that means for the alerts that
/// are committed; those that come in meanwhile are seen by the next pass.
pub(super) async fn foretell(
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
            let new = reading.view.foretell([&contexts[0], &contexts[1]], &mut forecast)?;
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
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        format!("{file} has {count} error{plural}; nothing was changed"),
    );
    problem.with(findings.map(|finding| json!(finding)).collect())
}
