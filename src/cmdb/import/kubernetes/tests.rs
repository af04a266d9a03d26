use super::*;
use crate::cmdb::import::{File, Request, import};
use crate::cmdb::{Topology, yaml};
use crate::model::time::Timestamp;

const CLUSTER: &str = include_str!("../../../../tests/data/cmdb/kubernetes.json");
const WORKLOADS: &str = include_str!("../../../../tests/data/cmdb/kubernetes-workloads.json");
const MINIMAL: &str = include_str!("../../../../tests/data/cmdb/kubernetes-minimal.json");
const HOSTILE: &str = include_str!("../../../../tests/data/cmdb/kubernetes-hostile.json");

/// What the CMDB holds after an import into an empty one.
fn imported(texts: &[&str]) -> Result<String, Vec<String>> {
    let files: Vec<File<'_>> = texts.iter().map(|text| File { name: "k", text }).collect();
    let request = Request { files: &files, ..Request::default() };
    let rows = import(&request, &Topology::empty(), Timestamp::EPOCH);
    let rows = rows.map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(yaml(&Topology::new(1, rows).unwrap()))
}

#[test]
fn a_cluster_becomes_cis_and_what_they_stand_on() {
    let expected = r#"cis:
  node-1: {class: node, address: "10.0.0.11", location: fra-1, source: kubernetes, labels: {node: node-1}}
  "other/cart": {class: service, namespace: other, short_name: cart, source: kubernetes, labels: {namespace: other, service: cart}}
  "shop/cart": {class: service, namespace: shop, needs: "runs_on: any", short_name: cart, source: kubernetes, labels: {namespace: shop, service: cart}}
  "shop/cart-7d9c5b6f4-x1": {class: pod, address: "10.1.0.7", namespace: shop, short_name: cart-7d9c5b6f4-x1, source: kubernetes, labels: {namespace: shop, pod: cart-7d9c5b6f4-x1}}
  "shop/cart-7d9c5b6f4-x2": {class: pod, namespace: shop, short_name: cart-7d9c5b6f4-x2, source: kubernetes, labels: {namespace: shop, pod: cart-7d9c5b6f4-x2}}
  "shop/db": {class: service, namespace: shop, needs: "runs_on: any", short_name: db, source: kubernetes, labels: {namespace: shop, service: db}}
  "shop/db-0": {class: pod, namespace: shop, short_name: db-0, source: kubernetes, labels: {namespace: shop, pod: db-0}}
  "shop/deployment/cart": {class: deployment, namespace: shop, short_name: cart, source: kubernetes, labels: {deployment: cart, namespace: shop}}
  "shop/pod/db": {class: pod, namespace: shop, short_name: db, source: kubernetes, labels: {namespace: shop, pod: db}}
  "shop/replicaset/lone": {class: replicaset, namespace: shop, short_name: lone, source: kubernetes, labels: {namespace: shop, replicaset: lone}}
  "shop/statefulset/db": {class: statefulset, namespace: shop, short_name: db, source: kubernetes, labels: {namespace: shop, statefulset: db}}
"#;
    let relations = [
        ("node-1", "hosts", "shop/cart-7d9c5b6f4-x1"),
        ("node-1", "hosts", "shop/cart-7d9c5b6f4-x2"),
        ("node-1", "hosts", "shop/db-0"),
        ("shop/cart-7d9c5b6f4-x1", "runs", "shop/cart"),
        ("shop/cart-7d9c5b6f4-x2", "runs", "shop/cart"),
        ("shop/db-0", "runs", "shop/db"),
        ("shop/deployment/cart", "contains", "shop/cart-7d9c5b6f4-x1"),
        ("shop/deployment/cart", "contains", "shop/cart-7d9c5b6f4-x2"),
        ("shop/statefulset/db", "contains", "shop/db-0"),
    ];
    let found = imported(&[CLUSTER, WORKLOADS]).unwrap();
    let (cis, found_relations) = found.split_once("relations:\n").unwrap();
    let quote = |name: &str| if name.contains('/') { format!("\"{name}\"") } else { name.into() };
    let relations = relations.map(|(from, relation, to)| {
        let ends = format!("from: {}, type: {relation}, to: {}", quote(from), quote(to));
        format!("- {{{ends}, source: kubernetes, seen_at: \"1970-01-01T00:00:00.000Z\"}}")
    });
    let unquote = |text: &str| text.replace('"', "");
    assert_eq!(unquote(cis), unquote(expected));
    assert_eq!(unquote(found_relations.trim_end()), unquote(&relations.join("\n")));
    assert_eq!(imported(&[WORKLOADS, CLUSTER]).unwrap(), found, "the order says nothing");
}

#[test]
fn without_replica_sets_a_pod_still_knows_its_deployment() {
    let found = imported(&[MINIMAL]).unwrap();
    assert!(found.contains("shop/deployment/web"), "{found}");
    assert!(found.contains("type: contains"), "{found}");
    assert_eq!(found.matches("type: ").count(), 1, "{found}");
}

#[test]
fn a_list_of_one_kind_and_a_single_object_are_read_too() {
    let pods = r#"{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"a","namespace":"n"}}]}"#;
    let node = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}}"#;
    let found = imported(&[pods, node]).unwrap();
    assert!(found.contains("class: pod") && found.contains("class: node"), "{found}");
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    let problems = imported(&[HOSTILE]).unwrap_err();
    for (problem, expected) in problems.iter().zip([
        "k:6:5: error[C022]: a Pod without a name",
        "k:9:46: error[C022]: invalid type: integer `7`, expected",
        "k:14:5: error[C003]: Service `n/twice` is given twice; print each kind once",
    ]) {
        assert!(problem.starts_with(expected), "{problem}, not {expected}");
    }
    assert_eq!(problems.len(), 3, "{problems:#?}");
    for (text, expected) in [
        (r#"{"apiVersion":"v1","kind":"List","items":{}}"#, "k:1:4"),
        (
            "{\"apiVersion\":\"v1\",\n \"kind\":\"List\",\"items\":[]}",
            "k: error[C011]: source `kubernetes` says nothing",
        ),
    ] {
        let problems = imported(&[text]).unwrap_err();
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}

#[test]
fn what_is_ours_is_not_taken_for_kubernetes() {
    for (text, is) in [
        (CLUSTER, true),
        (r#"{"kind":"Node","apiVersion":"v1"}"#, true),
        (r#"{"cis":{}}"#, false),
        (r#"{"kind":"Node"}"#, false),
        ("apiVersion: v1", false),
        ("{cis: {}}", false),
    ] {
        assert_eq!(is_kubernetes(text), is, "{text}");
    }
}

/// What the CMDB holds after each cluster was imported into it, in this order.
fn both(clusters: &[(&str, &str)]) -> Topology {
    let mut topology = Topology::empty();
    for (version, (cluster, text)) in (1..).zip(clusters) {
        let files = [File { name: "k", text }];
        let request = Request { files: &files, cluster: Some(cluster), ..Request::default() };
        let rows = import(&request, &topology, Timestamp::EPOCH).unwrap();
        topology = Topology::new(version, rows).unwrap();
    }
    topology
}

#[test]
fn equal_names_in_two_clusters_are_two_cis_and_each_import_takes_away_its_own() {
    let topology = both(&[("eu", CLUSTER), ("us", CLUSTER)]);
    let text = yaml(&topology);
    for line in [
        r#"  "eu:shop/cart": {class: service, cluster: eu, namespace: shop, needs: "runs_on: any", short_name: cart, source: kubernetes/eu, labels: {cluster: eu, namespace: shop, service: cart}}"#,
        r#"  "us:node-1": {class: node, address: "10.0.0.11", cluster: us, location: fra-1, short_name: node-1, source: kubernetes/us, labels: {cluster: us, node: node-1}}"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
    let crossing =
        |line: &&str| line.contains("from:") && line.contains("eu:") && line.contains("us:");
    assert_eq!(text.lines().find(crossing), None, "no relation leads from one to the other");
    let once = both(&[("eu", CLUSTER)]);
    assert_eq!(topology.ci_count(), 2 * once.ci_count());
    let again = crate::cmdb::import::read(&text, "t").unwrap();
    assert_eq!(yaml(&Topology::new(1, again).unwrap()), text, "it can be read again");
    let fewer = both(&[("eu", CLUSTER), ("us", CLUSTER), ("eu", MINIMAL)]);
    let of = |cluster: &str| fewer.cis().filter(|(_, ci)| ci.name.starts_with(cluster)).count();
    assert_eq!(of("us:"), once.ci_count(), "the other cluster is not spoken of");
    assert!(fewer.find("eu:shop/db").is_none() && fewer.find("eu:shop/deployment/web").is_some());
}

#[test]
fn a_cluster_that_cannot_be_meant_is_refused() {
    let [most, long] = [63, 64].map(|length| "x".repeat(length));
    let named = "C023]: \"{}\" is no name of a cluster; name it in 1 to 63 bytes without `:`, `/` and spaces";
    for (cluster, text, expected) in [
        ("", CLUSTER, Some(named.replace("{}", ""))),
        ("a:b", CLUSTER, Some(named.replace("{}", "a:b"))),
        ("a/b", CLUSTER, Some(named.replace("{}", "a/b"))),
        ("a b", CLUSTER, Some(named.replace("{}", "a b"))),
        (&*long, CLUSTER, Some("is no name of a cluster".into())),
        (&*most, CLUSTER, None),
        (
            "eu",
            "cis: {a: {class: vm}}",
            Some("C023]: cluster `eu` is named, and no file is Kubernetes'".into()),
        ),
    ] {
        let files = [File { name: "k", text }];
        let request = Request { files: &files, cluster: Some(cluster), ..Request::default() };
        let found = import(&request, &Topology::empty(), Timestamp::EPOCH).err();
        let found: Vec<String> = found.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(found.len(), usize::from(expected.is_some()), "{cluster}: {found:?}");
        assert!(expected.is_none_or(|it| found[0].contains(&it)), "{cluster}: {found:?}");
    }
}
