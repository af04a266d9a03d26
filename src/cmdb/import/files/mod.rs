//! One import of one or more files, each in any form, by one source or as the whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::kubernetes::{self, Objects, is_kubernetes};
use super::{check, csv, in_file, merge, read, read_by, read_yaml, some_ci};
use crate::cmdb::check::Draft;
use crate::cmdb::facts::{Facts, SOURCE_LEN_MAX, is_topic};
use crate::cmdb::problem::{Place, Problem, shorten};
use crate::cmdb::rows::{CiRow, RelationRow, Rows};
use crate::cmdb::topology::Topology;
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// The attribute of a CI that says whose word it is.
pub const SOURCE: &str = "source";

/// A file as it was named to us.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name in the problems.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Ours: YAML or JSON.
    Yaml,
    /// A table of CIs, of relations or of relation types.
    Csv,
    /// What `kubectl get … -o json` prints.
    Kubernetes,
}

impl Format {
    /// All with their names.
    pub const ALL: [(&str, Self); 3] =
        [("yaml", Self::Yaml), ("csv", Self::Csv), ("kubernetes", Self::Kubernetes)];

    /// Returns the one with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, format)| format)
    }

    /// Tells by a text how it is written; what is nothing else is ours.
    pub fn of(text: &str) -> Self {
        if is_kubernetes(text) {
            Self::Kubernetes
        } else if csv::is_csv(text) {
            Self::Csv
        } else {
            Self::Yaml
        }
    }
}

/// What files are to the CMDB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All there is: what is not in them goes.
    #[default]
    Replace,
    /// Changes: nothing goes but what stands under `remove:`.
    Merge,
}

/// What is to be imported, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// At least one.
    pub files: &'a [File<'a>],
    /// How they are written; told by each text when missing.
    pub format: Option<Format>,
    /// What they are.
    pub mode: Mode,
    /// Whose word they are. A replacement then takes away only what this source said before.
    pub source: Option<&'a str>,
    /// The cluster that Kubernetes' objects are in; its name is part of theirs.
    pub cluster: Option<&'a str>,
}

/// Reads files and returns what `base` becomes with them, imported at `now`.
///
/// Of a source's files, CIs and relations that nobody names a source for are the source's; where
/// `base` has them from another source, or from none, that one's word stands, and only what it does
/// not say is added. Kubernetes' objects are always a source's: where none is named `kubernetes`, and
/// of a named cluster `kubernetes/CLUSTER`.
///
/// # Errors
/// Everything that is wrong with them, each with its file and place.
pub fn import(
    request: &Request<'_>,
    base: &Topology,
    now: Timestamp,
) -> Result<Rows, Vec<Problem>> {
    let formats: Vec<Format> = request
        .files
        .iter()
        .map(|file| request.format.unwrap_or_else(|| Format::of(file.text)))
        .collect();
    let only = |wanted| !formats.is_empty() && formats.iter().all(|format| *format == wanted);
    let kubernetes = kubernetes::source(request.cluster);
    let source = request.source.or(only(Format::Kubernetes).then_some(&kubernetes));
    let checked =
        [source.map(check_source), request.cluster.map(|cluster| check_cluster(cluster, &formats))];
    let wrong: Vec<Problem> = checked.into_iter().flatten().filter_map(Result::err).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let finish = |draft: Draft| match (request.mode, source) {
        (Mode::Replace, None) => Ok(beside_topics(base, draft)?.seen(&base.rows(), now)),
        (Mode::Replace, Some(source)) => of_source(base, draft, source, now),
        (Mode::Merge, source) => merge::merge(base, claimed(draft, source), now),
    };
    if let ([file], [Format::Yaml]) = (request.files, &*formats) {
        return read_by(file.text, file.name, &finish);
    }
    let files: Vec<(File<'_>, Format)> = request.files.iter().copied().zip(formats).collect();
    let all = |json| {
        let by = By { source, cluster: request.cluster };
        let (draft, starts) = gather(&files, json, by);
        finish(draft).map_err(|problems| placed(problems, &files, &starts))
    };
    match all(Json::Fast) {
        Err(problems) if problems.iter().any(|problem| problem.line == 0) => all(Json::Placed),
        done => done,
    }
}

/// Reads a whole CMDB from one file in any form, with nothing there before.
///
/// # Errors
/// As [`import`].
pub fn read_any(text: &str, name: &str) -> Result<Rows, Vec<Problem>> {
    match Format::of(text) {
        Format::Yaml => read(text, name),
        other @ (Format::Csv | Format::Kubernetes) => {
            let files = [(File { name, text }, other)];
            let (draft, starts) = gather(&files, Json::Fast, By::default());
            let rows = check(draft).and_then(some_ci);
            rows.map_err(|problems| placed(problems, &files, &starts))
        }
    }
}

/// How JSON of ours is read: only the YAML reader knows places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Json {
    Fast,
    Placed,
}

/// Who speaks, of which cluster.
#[derive(Clone, Copy, Default)]
struct By<'a> {
    source: Option<&'a str>,
    cluster: Option<&'a str>,
}

/// Puts what is in the files together. Lines are counted through all of them; returned is how many
/// there are before each file.
fn gather(files: &[(File<'_>, Format)], json: Json, by: By<'_>) -> (Draft, Vec<u32>) {
    let (mut draft, mut objects) = (Draft::default(), Objects::default());
    let (mut starts, mut line) = (Vec::with_capacity(files.len()), 0u32);
    for (file, format) in files {
        starts.push(line);
        match format {
            Format::Kubernetes => objects.read(file.text, line.saturating_add(1)),
            Format::Csv => append(&mut draft, csv::read(file.text), line),
            Format::Yaml => append(&mut draft, own(file.text, json), line),
        }
        let lines = file.text.lines().count().saturating_add(1);
        line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
    }
    let usual = kubernetes::source(by.cluster);
    let objects = claimed(objects.draft(by.cluster), by.source.or(Some(&usual)));
    append(&mut draft, objects, 0);
    (draft, starts)
}

/// Reads a file of ours.
fn own(text: &str, json: Json) -> Draft {
    let read = match json {
        Json::Fast => read_by(text, "", &Ok),
        Json::Placed => read_yaml(text, &Ok),
    };
    read.unwrap_or_else(|problems| Draft { problems, ..Draft::default() })
}

/// Adds a draft to another; its places are so many lines further on.
fn append(draft: &mut Draft, mut more: Draft, lines: u32) {
    let further = |place: &mut Place| {
        if place.line > 0 {
            place.line = place.line.saturating_add(lines);
        }
    };
    more.types.iter_mut().for_each(|(place, _)| further(place));
    more.cis.iter_mut().for_each(|(place, _)| further(place));
    more.relations.iter_mut().for_each(|(place, _)| further(place));
    more.cis_gone.iter_mut().for_each(|(place, _)| further(place));
    more.relations_gone.iter_mut().for_each(|(place, _)| further(place));
    for problem in more.problems.iter_mut().filter(|problem| problem.line > 0) {
        problem.line = problem.line.saturating_add(lines);
    }
    draft.types.append(&mut more.types);
    draft.cis.append(&mut more.cis);
    draft.relations.append(&mut more.relations);
    draft.cis_gone.append(&mut more.cis_gone);
    draft.relations_gone.append(&mut more.relations_gone);
    draft.problems.append(&mut more.problems);
}

/// Says of problems in which file they are, and in which of its lines.
fn placed(problems: Vec<Problem>, files: &[(File<'_>, Format)], starts: &[u32]) -> Vec<Problem> {
    let all: Vec<&str> = files.iter().map(|(file, _)| file.name).collect();
    let mut placed = in_file(problems, &all.join(", "));
    for problem in placed.iter_mut().filter(|problem| problem.line > 0) {
        let at = starts.partition_point(|start| *start < problem.line).saturating_sub(1);
        if let Some((start, (file, _))) = starts.get(at).zip(files.get(at)) {
            problem.line -= start;
            file.name.clone_into(&mut problem.file);
        }
    }
    placed
}

fn check_cluster(cluster: &str, formats: &[Format]) -> Result<(), Problem> {
    if formats.contains(&Format::Kubernetes) {
        kubernetes::check_cluster(cluster)
    } else {
        Err(kubernetes::no_cluster(cluster))
    }
}

fn check_source(source: &str) -> Result<(), Problem> {
    let fits =
        (1..=SOURCE_LEN_MAX).contains(&source.len()) && !source.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    let message = format!("{:?} is no name of a source", shorten(source));
    let help = format!("name it in 1 to {SOURCE_LEN_MAX} bytes, such as `netbox`");
    Err(Problem::new(Place::default(), "C030", "source", message).help(help))
}

/// Names the source of what does not tell whose word it is.
fn claimed(mut draft: Draft, source: Option<&str>) -> Draft {
    let Some(source) = source else { return draft };
    for (_, ci) in &mut draft.cis {
        if ci.attributes.get(SOURCE).is_none() {
            let attributes = ci.attributes.iter().chain([(SOURCE, source)]).collect();
            Arc::make_mut(ci).attributes = attributes;
        }
    }
    let bare = Arc::new(Facts { source: source.into(), ..Facts::default() });
    for (_, row) in &mut draft.relations {
        row.facts = Some(match row.facts.take() {
            None => Arc::clone(&bare),
            Some(facts) if facts.source.is_empty() => {
                Arc::new(Facts { source: source.into(), ..(*facts).clone() })
            }
            Some(facts) => facts,
        });
    }
    draft
}

/// Returns whose word a CI is; nothing where nobody is named.
pub(in crate::cmdb) fn source_of(ci: &CiRow) -> &str {
    ci.attributes.get(SOURCE).unwrap_or("")
}

/// Puts a whole in the place of all but what came by topics: that stands there still, and would not
/// come again. Where the whole speaks of it too, the whole counts.
fn beside_topics(base: &Topology, mut draft: Draft) -> Result<Rows, Vec<Problem>> {
    if draft.cis.is_empty() {
        return check(draft).and_then(some_ci);
    }
    let here = base.rows();
    let is_of_topic = |ci: &Arc<CiRow>| is_topic(source_of(ci));
    if !here.cis.iter().any(is_of_topic) && !here.relations.iter().any(RelationRow::can_wait) {
        return check(draft);
    }
    let here = Draft::from(here);
    let types = merge::types(&here, &draft);
    let said: BTreeSet<&str> = draft.cis.iter().map(|(_, ci)| &*ci.name).collect();
    let is_kept = |ci: &CiRow| is_topic(source_of(ci)) && !said.contains(&*ci.name);
    let cis: Vec<_> = here.cis.into_iter().filter(|(_, ci)| is_kept(ci)).collect();
    let said: BTreeSet<RelationRow> = draft
        .relations
        .iter()
        .map(|(_, row)| RelationRow { facts: None, ..merge::normal(&types, row.clone()) })
        .collect();
    let is_kept = |row: &RelationRow| {
        row.can_wait() && !said.contains(&RelationRow { facts: None, ..row.clone() })
    };
    let relations: Vec<_> = here.relations.into_iter().filter(|(_, row)| is_kept(row)).collect();
    draft.cis.extend(cis);
    draft.relations.extend(relations);
    check(draft)
}

/// Puts what a source says in the place of what it said before.
fn of_source(
    base: &Topology,
    draft: Draft,
    source: &str,
    now: Timestamp,
) -> Result<Rows, Vec<Problem>> {
    if draft.cis.is_empty() && draft.relations.is_empty() && draft.problems.is_empty() {
        let message = format!("source `{}` says nothing: no CI and no relation", shorten(source));
        let help = "look at what it exported; remove its CIs by hand if that is meant".into();
        return Err(vec![Problem::new(Place::default(), "C011", "cis", message).help(help)]);
    }
    let mut new = claimed(draft, Some(source));
    let mut whole = Draft::from(base.rows());
    let types = merge::types(&whole, &new);
    for (_, row) in &mut new.relations {
        *row = merge::normal(&types, row.clone());
        yield_relation(&whole, row, source);
    }
    let said: BTreeSet<&str> = new.cis.iter().map(|(_, ci)| &*ci.name).collect();
    let mine = whole.cis.iter().filter(|(_, ci)| source_of(ci) == source);
    let gone = mine.filter(|(_, ci)| !said.contains(&*ci.name));
    new.cis_gone.extend(gone.map(|(place, ci)| (*place, Box::from(&*ci.name))));
    let said: BTreeSet<_> = new.relations.iter().map(|(_, row)| row.ends()).collect();
    let mine = whole.relations.iter().filter(|(_, row)| row.said_by() == source);
    let gone = mine.filter(|(_, row)| !said.contains(&row.ends())).cloned().collect::<Vec<_>>();
    new.relations_gone.extend(gone);
    merge::take_away(&mut whole, &mut new, &types);
    merge::relate(&mut whole, &mut new, &types, now);
    let over = |old: &CiRow, new: &CiRow| {
        if source_of(old) == source { renewed(old, new) } else { filled_in(old, new) }
    };
    merge::put(&mut whole, core::mem::take(&mut new.cis), &over);
    whole.types.append(&mut new.types);
    whole.problems.append(&mut new.problems);
    check(whole)
}

/// Leaves a relation to another source that has said it before; it is confirmed all the same.
fn yield_relation(whole: &Draft, row: &mut RelationRow, source: &str) {
    // Checked rows are in this order.
    let at = whole.relations.binary_search_by(|(_, known)| known.ends().cmp(&row.ends()));
    let known = at.ok().and_then(|at| whole.relations.get(at));
    if known.is_some_and(|(_, known)| known.said_by() != source) {
        let seen_at = row.facts.as_ref().and_then(|facts| facts.seen_at);
        row.facts = Some(Arc::new(Facts { seen_at, ..Facts::default() }));
    }
}

/// Returns a CI with what its source says of it now. What it does not speak of any more stays, for
/// somebody else may have said that; labels are one thing, which it says as a whole.
fn renewed(old: &CiRow, new: &CiRow) -> CiRow {
    let mut ci = merge::over(old, new);
    if !new.labels.is_empty() {
        ci.labels = new.labels.clone();
    }
    ci
}

/// Returns a CI of another source with what that one does not say of it.
pub(in crate::cmdb) fn filled_in(old: &CiRow, new: &CiRow) -> CiRow {
    let mut more = new.clone();
    more.class = Arc::from("");
    let is_new = |name: &str| name != SOURCE && old.attributes.get(name).is_none();
    more.attributes = new.attributes.iter().filter(|(name, _)| is_new(name)).collect();
    // More labels would make it harder to recognise, not easier: an alert has to carry all of them.
    if !old.labels.is_empty() {
        more.labels = Labels::empty();
    }
    merge::over(old, &more)
}

#[cfg(test)]
mod tests;
