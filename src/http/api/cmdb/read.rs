//! What the CMDB holds and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{self, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};

use crate::cmdb::{self, CiId, CiRow, RelationRow, Table, Topology, Toward};
use crate::engine::changes::AlertRow;
use crate::model::alert::Path;
use crate::rules::matcher::Matcher;
use crate::rules::{Field, parser};
use crate::store::view::{AlertQuery, SCAN_MAX};

use super::super::super::error::Problem;
use super::super::super::query::Pairs;
use super::super::super::wire::cmdb::{
    Ci, CiRecord, CmdbCounts, Findings, History, Hop, Impact, Paths, ServiceHit, Weakened,
};
use super::super::super::wire::{Page, Time};
use super::super::super::{App, Reading};
use super::super::show as shown;
use super::show;

/// Relations in each direction, and alerts, that one answer shows at most.
const SHOWN_MAX: usize = 1_000;
const ALERTS_MAX: usize = 100;

/// Ways that are written out, and CIs named at one distance.
const LISTED_MAX: usize = 20;

/// Relations followed where nothing else is asked for, and the most that may be.
const HOPS_DEFAULT: u8 = 8;
const HOPS_MAX: u8 = 32;

/// CIs looked at for an impact.
const IMPACT_NODES_MAX: usize = 100_000;

/// Says how much the CMDB holds.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb",
    responses((status = 200, body = CmdbCounts))
)]
pub(super) async fn counts(State(app): State<Arc<App>>) -> Json<CmdbCounts> {
    let topology = Arc::clone(&app.doors.context.borrow().topology);
    let mut classes = BTreeMap::<String, usize>::new();
    for (_, ci) in topology.cis() {
        match classes.get_mut(&*ci.class) {
            Some(count) => *count += 1,
            None => _ = classes.insert(ci.class.to_string(), 1),
        }
    }
    Json(CmdbCounts {
        version: topology.version(),
        classes,
        cis: topology.ci_count(),
        relations: topology.relation_count(),
    })
}

/// Lists CIs.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/cis",
    params(
        ("filter" = Option<Vec<String>>, Query),
        ("class" = Option<String>, Query, description = "Only those of this class"),
        ("text" = Option<String>, Query,
         description = "Only those whose name or attributes hold this text"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, body = Page<Ci>))
)]
pub(super) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Page<Ci>>, Problem> {
    let pairs = Pairs::read(&uri, &["filter", "class", "text", "limit", "cursor"])?;
    let wanted = Wanted::read(&pairs)?;
    let (limit, after) = (pairs.limit()?, pairs.one("cursor")?.map(ToOwned::to_owned));
    let page = app.read(move |reading| {
        let topology = &reading.context.topology;
        let first = after.map_or(CiId(0), |name| topology.behind(&name));
        let mut items: Vec<Ci> = Vec::new();
        let mut next = None;
        for (seen, (_, ci)) in topology.cis_from(first).enumerate() {
            // Only where something is left is there a next page.
            if items.len() >= limit || seen >= SCAN_MAX {
                break;
            }
            next = Some(ci.name.to_string());
            items.extend(wanted.takes(ci).then(|| show::ci(ci)));
        }
        let rest = next.as_deref().map(|name| topology.behind(name));
        let more = rest.is_some_and(|rest| topology.cis_from(rest).next().is_some());
        Ok(Page { items, next: next.filter(|_| more), now: Time(reading.now) })
    });
    Ok(Json(page.await?))
}

/// Which CIs are asked for.
struct Wanted {
    matchers: Vec<Matcher>,
    class: Option<String>,
    /// In lower case.
    text: Option<String>,
}

impl Wanted {
    fn read(pairs: &Pairs) -> Result<Self, Problem> {
        let mut matchers = Vec::new();
        for text in pairs.all("filter") {
            let refuse = |error| Problem::bad_request(format!("filter `{text}`: {error}"));
            matchers.extend(parser::parse(text).map_err(refuse)?);
        }
        let class = pairs.one("class")?.map(ToOwned::to_owned);
        Ok(Self { matchers, class, text: pairs.one("text")?.map(str::to_lowercase) })
    }

    /// Matchers ask for attributes: `rack="R12"` and `ci.rack="R12"` are the same here.
    fn takes(&self, ci: &CiRow) -> bool {
        let holds = |matcher: &Matcher| {
            let (Field::Label(name) | Field::Ci(name) | Field::Service(name)) = matcher.field();
            matcher.test().passes(ci.attribute(name).unwrap_or(""))
        };
        self.class.as_ref().is_none_or(|class| **class == *ci.class)
            && self.matchers.iter().all(holds)
            && self.text.as_ref().is_none_or(|text| says(ci, text))
    }
}

/// True when a text in lower case is in a CI's name or in the value of an attribute or a label.
fn says(ci: &CiRow, text: &str) -> bool {
    let attributes = ci.attributes.iter().map(|(_, value)| value);
    let labels = ci.labels.iter().map(|(_, value)| value);
    let mut values = [&*ci.name, &*ci.class].into_iter().chain(attributes).chain(labels);
    values.any(|value| value.to_lowercase().contains(text))
}

/// Returns the CI with a name.
pub(super) fn find(topology: &Topology, name: &str) -> Result<CiId, Problem> {
    let missing = || Problem::not_found(format!("no CI is named `{name}`"));
    topology.find(name).ok_or_else(missing)
}

/// Shows a CI with what hangs on it.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/cis/{name}",
    params(("name" = String, Path)),
    responses((status = 200, body = CiRecord))
)]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    extract::Path(name): extract::Path<String>,
) -> Result<Json<CiRecord>, Problem> {
    Ok(Json(app.read(move |reading| record(reading, &name)).await?))
}

fn record(reading: &Reading<'_>, name: &str) -> Result<CiRecord, Problem> {
    let context = &reading.context;
    let topology = &context.topology;
    let id = find(topology, name)?;
    let bound = |row: &AlertRow| {
        context.binder.bind(topology, &row.labels).is_some_and(|bound| bound.ci == id)
    };
    let query = AlertQuery { firing: Some(true), after: None, limit: ALERTS_MAX, filter: &bound };
    let page = reading.view.alerts(&query)?;
    let sources = reading.view.counters()?.sources;
    let alerts: Vec<_> =
        page.items.iter().map(|row| shown::alert(&reading.context, row, &sources)).collect();
    let [causes, sufferers] =
        [Toward::Causes, Toward::Sufferers].map(|toward| topology.relations_of(id, toward));
    let relations = causes.len() + sufferers.len();
    let [causes, sufferers] = [causes, sufferers]
        .map(|rows| rows.iter().take(SHOWN_MAX).map(show::relation).collect::<Vec<_>>());
    let incidents: BTreeSet<String> =
        alerts.iter().filter_map(|one| one.incident.clone()).collect();
    Ok(CiRecord {
        ci: show::ci(topology.ci(id)),
        version: topology.version(),
        causes,
        sufferers,
        relations,
        alerts,
        alerts_more: page.next.is_some(),
        incidents: incidents.into_iter().collect(),
        now: Time(reading.now),
    })
}

/// Finds the shortest ways on which harm spreads from one CI to another.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/path",
    params(
        ("from" = String, Query, description = "The cause"),
        ("to" = String, Query, description = "The sufferer"),
        ("max_hops" = Option<u8>, Query, minimum = 1, maximum = 32)
    ),
    responses((status = 200, body = Paths))
)]
pub(super) async fn path(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Paths>, Problem> {
    let pairs = Pairs::read(&uri, &["from", "to", "max_hops"])?;
    let end = |name: &str| {
        let missing = || Problem::bad_request(format!("parameter `{name}` names no CI"));
        pairs.one(name)?.map(ToOwned::to_owned).ok_or_else(missing)
    };
    let (from, to, hops) = (end("from")?, end("to")?, hops(&pairs)?);
    let paths = app.read(move |reading| {
        let topology = &reading.context.topology;
        let ends = [find(topology, &from)?, find(topology, &to)?];
        let ways = cmdb::ways(topology, ends[0], ends[1], hops, LISTED_MAX);
        let relations: BTreeSet<RelationRow> =
            ways.paths.iter().flat_map(|path| relations_on(topology, path)).collect();
        Ok(Paths {
            from,
            to,
            hops: ways.hops,
            count: ways.count,
            paths: ways.paths.iter().map(ToString::to_string).collect(),
            relations: relations.iter().map(show::relation).collect(),
            now: Time(reading.now),
            truncated: ways.truncated,
        })
    });
    Ok(Json(paths.await?))
}

/// Lists the relations on a way with what is known of them.
fn relations_on(topology: &Topology, path: &Path) -> Vec<RelationRow> {
    let mut cause = &path.from;
    let mut rows = Vec::with_capacity(path.steps.len());
    for (relation, sufferer) in &path.steps {
        let mut row = RelationRow::new(cause, relation, sufferer);
        let ends = topology.find(cause).zip(topology.find(sufferer));
        row.facts = ends.and_then(|(a, b)| topology.facts(a, relation, b).map(Arc::new));
        rows.push(row);
        cause = sufferer;
    }
    rows
}

fn hops(pairs: &Pairs) -> Result<u8, Problem> {
    let Some(text) = pairs.one("max_hops")? else { return Ok(HOPS_DEFAULT) };
    let hops = text.parse().ok().filter(|hops| (1..=HOPS_MAX).contains(hops));
    hops.ok_or_else(|| {
        Problem::bad_request(format!("max_hops is `{text}`, must be between 1 and {HOPS_MAX}"))
    })
}

/// CIs that may be asked to fail together.
const ALSO_MAX: usize = 100;

/// Says what fails when a CI fails, alone or with others, and what only loses redundancy.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/impact/{name}",
    params(
        ("name" = String, Path),
        ("also" = Option<Vec<String>>, Query,
         description = "A CI that fails with it; may be given again"),
        ("max_hops" = Option<u8>, Query, minimum = 1, maximum = 32)
    ),
    responses((status = 200, body = Impact))
)]
pub(super) async fn impact(
    State(app): State<Arc<App>>,
    extract::Path(name): extract::Path<String>,
    uri: Uri,
) -> Result<Json<Impact>, Problem> {
    let pairs = Pairs::read(&uri, &["also", "max_hops"])?;
    let hops = hops(&pairs)?;
    let also: Vec<String> = pairs.all("also").map(ToOwned::to_owned).collect();
    if also.len() > ALSO_MAX {
        let message = format!("also is given {} times, at most {ALSO_MAX} will do", also.len());
        return Err(Problem::bad_request(message));
    }
    let impact = app.read(move |reading| {
        let topology = &reading.context.topology;
        let mut failed = vec![find(topology, &name)?];
        for name in &also {
            let ci = find(topology, name)?;
            if !failed.contains(&ci) {
                failed.push(ci);
            }
        }
        Ok(impact_of(topology, &failed, hops))
    });
    Ok(Json(impact.await?))
}

fn impact_of(topology: &Topology, failed: &[CiId], hops_max: u8) -> Impact {
    let outage = topology.outage_within(failed, hops_max, IMPACT_NODES_MAX);
    let walk = outage.walk();
    let mut hops: Vec<Hop> = Vec::new();
    let mut services = Vec::new();
    for (index, step) in walk.steps().iter().enumerate() {
        let ci = topology.ci(step.ci);
        if step.hops > 0 {
            if hops.last().is_none_or(|hop| hop.hops != step.hops) {
                hops.push(Hop { hops: step.hops, count: 0, cis: Vec::new() });
            }
            if let Some(hop) = hops.last_mut() {
                hop.count += 1;
                hop.cis.extend((hop.cis.len() < LISTED_MAX).then(|| ci.name.to_string()));
            }
        }
        if ci.is_service() {
            services.push(ServiceHit {
                name: ci.name.to_string(),
                tier: ci.attribute("tier").and_then(|tier| tier.parse().ok()),
                users: ci.attribute("users").and_then(|users| users.parse().ok()),
                owner: ci.attribute("owner").map(ToOwned::to_owned),
                hops: step.hops,
                path: walk.path(topology, index).to_string(),
            });
        }
    }
    let rank = |hit: &ServiceHit| (hit.tier.unwrap_or(u32::MAX), hit.name.clone());
    services.sort_by_cached_key(rank);
    let mut names = failed.iter().map(|ci| topology.ci(*ci).name.to_string());
    let weakened = outage.weakened().iter().map(|it| Weakened {
        name: topology.ci(it.ci).name.to_string(),
        relation: it.relation.to_string(),
        left: it.left,
        of: it.of,
    });
    Impact {
        ci: names.next().unwrap_or_default(),
        also: names.collect(),
        cis: walk.steps().iter().filter(|step| step.hops > 0).count(),
        hops,
        weakened: weakened.take(SHOWN_MAX).collect(),
        users: services.iter().filter_map(|hit| hit.users).fold(0, u64::saturating_add),
        services,
        truncated: walk.truncated(),
    }
}

/// Says what looks wrong in the CMDB.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/lint",
    responses((status = 200, body = Findings))
)]
pub(super) async fn lint(State(app): State<Arc<App>>) -> Result<Json<Findings>, Problem> {
    let found = app.read(|reading| {
        let topology = &reading.context.topology;
        let rules = &reading.context.rules;
        let mut lint = cmdb::lint(topology, &rules.binding);
        lint.unknown_hours(topology, |hours| rules.calendars.contains_key(hours));
        lint.unknown_users(topology, |user| rules.reaches(user));
        Ok(show::findings(&lint, topology.version()))
    });
    Ok(Json(found.await?))
}

/// Writes the CMDB as a file that can be imported.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/export",
    params(
        ("format" = Option<String>, Query, description = "YAML when left out", pattern = "^(yaml|json|csv)$"),
        ("table" = Option<String>, Query, description = "Which table of CSV; the CIs when left out", pattern = "^(cis|relations|types)$")
    ),
    responses((status = 200, content(
        (serde_json::Value = "application/yaml"),
        (serde_json::Value = "application/json"),
        (String = "text/csv")
    )))
)]
pub(super) async fn export(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let pairs = Pairs::read(&uri, &["format", "table"])?;
    let table = pairs.one("table")?;
    let (kind, write): (_, fn(&Topology) -> String) = match (pairs.one("format")?, table) {
        (None | Some("yaml"), None) => ("application/yaml", cmdb::yaml),
        (Some("json"), None) => ("application/json", cmdb::json),
        (Some("csv"), None | Some("cis")) => ("text/csv", |it| cmdb::csv(it, Table::Cis)),
        (Some("csv"), Some("relations")) => ("text/csv", |it| cmdb::csv(it, Table::Relations)),
        (Some("csv"), Some("types")) => ("text/csv", |it| cmdb::csv(it, Table::Types)),
        (Some("csv"), Some(other)) => {
            let message = format!("table is `{other}`, must be cis, relations or types");
            return Err(Problem::bad_request(message));
        }
        (None | Some("yaml" | "json"), Some(_)) => {
            return Err(Problem::bad_request("only format csv has tables"));
        }
        (Some(other), _) => {
            let message = format!("format is `{other}`, must be yaml, json or csv");
            return Err(Problem::bad_request(message));
        }
    };
    let text = app.read(move |reading| Ok(write(&reading.context.topology))).await?;
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Lists the last changes of the CMDB.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/history",
    responses((status = 200, body = History))
)]
pub(super) async fn history(State(app): State<Arc<App>>) -> Result<Json<History>, Problem> {
    let history = app.read(|reading| {
        let items = reading.view.topology_history()?.into_iter().map(show::change).collect();
        Ok(History { items, now: Time(reading.now) })
    });
    Ok(Json(history.await?))
}
