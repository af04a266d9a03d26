//! Kubernetes: what `kubectl get … -A -o json` prints, as CIs and relations.
//!
//! Nodes, pods, services and the workloads that own pods become CIs, with the labels by which
//! Prometheus' alerts name them; a pod is hosted on its node, a service runs on its pods, and a pod
//! is part of its workload. Objects of other kinds are left out. `object` is what is read of each.
//!
//! Names are unique in one cluster. Where a cluster is named, it is part of every name and label set
//! (`eu:shop/cart`; no name in Kubernetes has a colon), so that several fit into one CMDB.

mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cmdb::check::Draft;
use crate::cmdb::problem::{Place, Problem, shorten};
use crate::cmdb::rows::{CiRow, RelationRow};
use crate::model::labels::Labels;
use object::{Head, Kind, Metadata, Object, Target};

/// Who says so, where an import names nobody.
const SOURCE: &str = "kubernetes";

/// The code of an object that cannot be read.
const OBJECT: &str = "C022";

/// The code of a cluster that cannot be meant.
const CLUSTER: &str = "C023";

/// The attribute and the label of the CIs of a named cluster.
const IN_CLUSTER: &str = "cluster";

/// Bytes of a cluster's name: a source that is named after it must have room.
const CLUSTER_LEN_MAX: usize = 63;

/// A pod that is over for good; it runs nowhere any more.
const OVER: &str = "Succeeded";

/// The label by which a replica set's pods know it, and the end of its name where a deployment made
/// it.
const HASH: &str = "pod-template-hash";

/// The label of an endpoint slice that names its service.
const SLICE_OF: &str = "kubernetes.io/service-name";

/// What a service needs of its pods: it is served as long as one of them is there.
const NEEDS: (&str, &str) = ("needs", "runs_on: any");

/// Kinds that become CIs, with their classes, which also are the labels that name them in alerts.
const KINDS: [(&str, &str); 7] = [
    ("Node", "node"),
    ("Pod", "pod"),
    ("Service", "service"),
    ("Deployment", "deployment"),
    ("StatefulSet", "statefulset"),
    ("DaemonSet", "daemonset"),
    ("ReplicaSet", "replicaset"),
];

/// An object's kind, namespace and name; nodes have no namespace.
type Key = (Box<str>, Box<str>, Box<str>);

/// The objects of several files.
#[derive(Debug, Default)]
pub(super) struct Objects {
    cis: BTreeMap<Key, (Place, Object)>,
    /// Services with the pods behind them.
    targets: Vec<(Key, Vec<Target>)>,
    problems: Vec<Problem>,
}

/// True when a text is what `kubectl` prints.
pub(super) fn is_kubernetes(text: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Signs {
        api_version: String,
        kind: String,
    }
    text.trim_start().starts_with('{')
        && serde_json::from_str::<Signs>(text)
            .is_ok_and(|it| !it.api_version.is_empty() && !it.kind.is_empty())
}

/// Says who says so, where an import names nobody: each cluster speaks for itself.
pub(super) fn source(cluster: Option<&str>) -> String {
    cluster.map_or_else(|| SOURCE.into(), |cluster| format!("{SOURCE}/{cluster}"))
}

/// Refuses what names cannot begin with, or what no Kubernetes is read for.
pub(super) fn check_cluster(cluster: &str) -> Result<(), Problem> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || [':', '/'].contains(&c);
    if (1..=CLUSTER_LEN_MAX).contains(&cluster.len()) && !cluster.contains(is_odd) {
        return Ok(());
    }
    let message = format!("{:?} is no name of a cluster", shorten(cluster));
    let help = format!("name it in 1 to {CLUSTER_LEN_MAX} bytes without `:`, `/` and spaces");
    Err(Problem::new(Place::default(), CLUSTER, IN_CLUSTER, message).help(help))
}

/// Refuses a cluster of files none of which is Kubernetes'.
pub(super) fn no_cluster(cluster: &str) -> Problem {
    let message = format!("cluster `{}` is named, and no file is Kubernetes'", shorten(cluster));
    let help = "leave the cluster out, or import what `kubectl get … -o json` prints".into();
    Problem::new(Place::default(), CLUSTER, IN_CLUSTER, message).help(help)
}

impl Objects {
    /// Reads a file; its first line has the number `line`.
    pub(super) fn read(&mut self, text: &str, line: u32) {
        let mut place = Place { line, column: 1 };
        let head: Head<'_> = match serde_json::from_str(text) {
            Ok(head) => head,
            Err(error) => return self.problems.push(refuse(place, &error)),
        };
        // A list of one kind names it once: `PodList`.
        let kind = head.kind.as_deref().and_then(|kind| kind.strip_suffix("List")).unwrap_or("");
        let Some(items) = head.items else { return self.add(place, text, "") };
        let mut seen = 0;
        for item in items {
            // Each goes on from the one before: no byte is counted twice.
            let at = offset(text, item);
            place = further(place, text.get(seen..at).unwrap_or_default());
            seen = at;
            self.add(place, item.get(), kind);
        }
    }

    /// Adds one object; `kind` is that of its list.
    fn add(&mut self, place: Place, text: &str, kind: &str) {
        let kind = match serde_json::from_str::<Kind>(text) {
            Ok(own) => own.kind.unwrap_or_else(|| kind.into()),
            Err(error) => return self.problems.push(refuse(place, &error)),
        };
        let is_known = KINDS.iter().any(|(known, _)| *known == &*kind);
        if !is_known && !["Endpoints", "EndpointSlice"].contains(&&*kind) {
            return;
        }
        let object: Object = match serde_json::from_str(text) {
            Ok(object) => object,
            Err(error) => return self.problems.push(refuse(place, &error)),
        };
        let Some(name) = object.metadata.name.clone().filter(|name| !name.is_empty()) else {
            let message = format!("a {} without a name", shorten(&kind));
            let help = "print it with `kubectl get … -o json`".into();
            return self.problems.push(Problem::new(place, OBJECT, "", message).help(help));
        };
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        if is_known {
            self.insert((kind, namespace, name), (place, object));
            return;
        }
        let slice_of = object.metadata.label(SLICE_OF);
        let of = if *kind == *"Endpoints" { Some(&*name) } else { slice_of };
        if let Some(service) = of.map(Box::from) {
            self.targets.push((("Service".into(), namespace, service), object.targets()));
        }
    }

    fn insert(&mut self, key: Key, new: (Place, Object)) {
        let over = new.1.status.phase.as_deref() == Some(OVER);
        if *key.0 == *"Pod" && over {
            return;
        }
        if self.cis.contains_key(&key) {
            let (kind, namespace, name) = &key;
            let message = format!("{kind} `{}` is given twice", shorten(&named(namespace, name)));
            let help = "print each kind once".into();
            self.problems.push(Problem::new(new.0, "C003", name, message).help(help));
            return;
        }
        self.cis.insert(key, new);
    }

    /// Turns them into rows to be checked, of a cluster by this name if it has one.
    pub(super) fn draft(self, cluster: Option<&str>) -> Draft {
        let mut draft = Draft { problems: self.problems, ..Draft::default() };
        let all = Names::of(&self.cis, cluster);
        let mut served = BTreeSet::new();
        for (service, targets) in &self.targets {
            let Some((place, _)) = self.cis.get(service) else { continue };
            for target in targets.iter().filter(|target| target.kind.as_deref() == Some("Pod")) {
                let namespace = target.namespace.clone().unwrap_or_else(|| service.1.clone());
                let pod = ("Pod".into(), namespace, target.name.clone().unwrap_or_default());
                let ends = [all.name(service), all.name(&pod)];
                if ends.iter().all(Option::is_some) {
                    served.insert(service);
                }
                relate(&mut draft, *place, ends, "runs_on");
            }
        }
        for (key, (place, object)) in &self.cis {
            let Some(name) = all.name(key) else { continue };
            let mut row = ci(key, (name, cluster), object, &mut draft.problems);
            if served.contains(key) {
                row.attributes = row.attributes.iter().chain([NEEDS]).collect();
            }
            draft.cis.push((*place, Arc::new(row)));
            if *key.0 == *"Pod" {
                all.relate_pod(key, object, (*place, &mut draft));
            }
        }
        draft
    }
}

/// Adds a relation. Lists are printed one after the other, so an end may be gone by then: what is not
/// in any of the files is not related.
fn relate(draft: &mut Draft, place: Place, ends: [Option<&str>; 2], relation: &str) {
    if let [Some(from), Some(to)] = ends {
        draft.relations.push((place, RelationRow::new(from, relation, to)));
    }
}

fn ci(
    key: &Key,
    (name, cluster): (&str, Option<&str>),
    object: &Object,
    problems: &mut Vec<Problem>,
) -> CiRow {
    let (kind, namespace, short) = key;
    let class = KINDS.iter().find(|(known, _)| *known == &**kind).map_or("", |(_, class)| *class);
    let mut labels = vec![(class, &**short)];
    let mut attributes = Vec::new();
    if !namespace.is_empty() {
        labels.push(("namespace", namespace));
        attributes.push(("namespace", &**namespace));
    }
    if let Some(cluster) = cluster {
        labels.push((IN_CLUSTER, cluster));
        attributes.push((IN_CLUSTER, cluster));
    }
    if name != &**short {
        attributes.push(("short_name", &**short));
    }
    attributes.extend(object.address().map(|address| ("address", address)));
    let zone = object.metadata.label("topology.kubernetes.io/zone");
    attributes.extend(zone.map(|zone| ("location", zone)));
    let labels = Labels::build(&mut labels).unwrap_or_else(|error| {
        problems.push(Problem::new(Place::default(), "C009", name, error.to_string()));
        Labels::empty()
    });
    let attributes = attributes.into_iter().collect();
    CiRow { name: name.into(), class: class.into(), attributes, labels }
}

/// What the CIs are called, and which object owns which.
struct Names<'a> {
    names: BTreeMap<Key, Box<str>>,
    cis: &'a BTreeMap<Key, (Place, Object)>,
}

impl<'a> Names<'a> {
    /// Names nodes as themselves, services and pods `namespace/name`, workloads with their kind in
    /// between: a deployment mostly has the name of its service. A pod with the name of a service
    /// has its kind in it too. A deployment's replica sets are no CIs.
    fn of(cis: &'a BTreeMap<Key, (Place, Object)>, cluster: Option<&str>) -> Self {
        let mut all = Self { names: BTreeMap::new(), cis };
        for (key, (_, object)) in cis {
            let (kind, namespace, short) = key;
            let is_service = |name| {
                let service = ("Service".into(), namespace.clone(), name);
                cis.contains_key(&service)
            };
            let name = match &**kind {
                "Node" => short.clone(),
                "Service" => named(namespace, short),
                "Pod" if !is_service(short.clone()) => named(namespace, short),
                "ReplicaSet" if all.deployment(key, &object.metadata).is_some() => continue,
                other => named(namespace, &format!("{}/{short}", other.to_lowercase())),
            };
            let name = cluster.map_or(name.clone(), |cluster| format!("{cluster}:{name}").into());
            all.names.insert(key.clone(), name);
        }
        all
    }

    /// Returns what an object's CI is called, if it has one.
    fn name(&self, key: &Key) -> Option<&str> {
        self.names.get(key).map(|name| &**name)
    }

    /// Relates a pod to its node and to its workload.
    fn relate_pod(&self, pod: &Key, object: &Object, (place, draft): (Place, &mut Draft)) {
        let node = object.spec.node_name.clone();
        let node = node.map(|node| ("hosted_on", ("Node".into(), Box::default(), node)));
        let owner = self.owner(pod, &object.metadata).map(|owner| ("part_of", owner));
        for (relation, above) in node.into_iter().chain(owner) {
            relate(draft, place, [self.name(pod), self.name(&above)], relation);
        }
    }

    /// Returns the deployment that made a replica set.
    fn deployment(&self, (_, namespace, _): &Key, of: &Metadata) -> Option<Key> {
        let owner = of.controller().filter(|owner| owner.kind.as_deref() == Some("Deployment"))?;
        let key = ("Deployment".into(), namespace.clone(), owner.name.clone()?);
        self.cis.contains_key(&key).then_some(key)
    }

    /// Returns the workload that a pod belongs to: a deployment rather than its replica set.
    fn owner(&self, pod: &Key, of: &Metadata) -> Option<Key> {
        let owner = of.controller()?;
        let namespace = &pod.1;
        let key = (owner.kind.clone()?, namespace.clone(), owner.name.clone()?);
        if *key.0 != *"ReplicaSet" {
            return Some(key);
        }
        if let Some((_, set)) = self.cis.get(&key) {
            return self.deployment(&key, &set.metadata).or(Some(key));
        }
        // Replica sets were not printed: the pod knows the end of its replica set's name.
        let name = key.2.strip_suffix(of.label(HASH)?)?.strip_suffix('-')?;
        Some(("Deployment".into(), namespace.clone(), name.into()))
    }
}

/// Returns `namespace/name`.
fn named(namespace: &str, name: &str) -> Box<str> {
    format!("{namespace}/{name}").into()
}

/// Returns the place behind a stretch of text that begins at a place.
fn further(place: Place, text: &str) -> Place {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (lines, last) = (text.matches('\n').count(), text.rsplit('\n').next().unwrap_or(""));
    let before = if lines == 0 { place.column } else { 1 };
    Place {
        line: place.line.saturating_add(small(lines)),
        column: before.saturating_add(small(last.chars().count())),
    }
}

/// Reports what cannot be read of a text that begins at a place.
fn refuse(begins: Place, error: &serde_json::Error) -> Problem {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (lines, column) = (small(error.line().saturating_sub(1)), small(error.column()));
    let before = if lines == 0 { begins.column.saturating_sub(1) } else { 0 };
    let place =
        Place { line: begins.line.saturating_add(lines), column: before.saturating_add(column) };
    let message = error.to_string();
    let placed = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&placed).unwrap_or(&message).to_owned();
    let help = "print it with `kubectl get nodes,pods,services,endpoints -A -o json`".into();
    Problem::new(place, OBJECT, "", message).help(help)
}

/// Returns at which byte of a text a part of it begins.
fn offset(text: &str, part: &RawValue) -> usize {
    (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests;
