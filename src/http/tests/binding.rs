//! Which CI an alert is bound to, and which alerts are bound to none.

use axum::http::Method;

use super::world::World;

const RULES: &str = r"
version: 1
namespace: t
binding:
  - {labels: [[instance, node]], attributes: [[name, fqdn]], strip_port: true}
";

const CMDB: &str = "
cis:
  web-1: {class: server, owner: shop}
  a: {class: vm, fqdn: x.example.com}
  b: {class: vm, fqdn: x.example.com}
  shop: {class: service}
relations: [web-1 -runs-> shop]
";

async fn world() -> World {
    let world = World::with_rules(RULES);
    let yaml = ("content-type", "application/yaml");
    let answer = world.call(Method::PUT, "/api/v1/cmdb", &[yaml], CMDB).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    world
}

#[tokio::test]
async fn a_binding_is_explained_with_every_step() {
    let world = world().await;
    let ask = "/api/v1/cmdb/bind?label=instance%3Ddb%3A1&label=node%3Dweb-1";
    let answer = world.get(ask).await;
    for (at, expected) in [
        ("/outcome", "bound"),
        ("/text", "web-1 by key node"),
        ("/binding/services/0", "shop"),
        ("/tried/0/lacks", "ci"),
        ("/tried/1/values/0", "db"),
        ("/tried/1/compared", "name or fqdn (strip_port)"),
        ("/tried/1/count", "0"),
        ("/tried/2/found/0", "web-1"),
        ("/version", "1"),
    ] {
        assert_eq!(answer.at(at), expected, "{at}: {}", answer.text);
    }
    let answer = world.get("/api/v1/cmdb/bind?label=node%3Dx.example.com").await;
    assert_eq!(
        answer.at("/text"),
        "ambiguous by key node: a, b; bound to none of them",
        "{}",
        answer.text
    );
    for (query, message) in [
        ("", "label: an alert has at least one, as in job=node"),
        ("?label=x", "label is `x`, must be like instance=web-1:9100"),
        ("?label=x%3D1&label=x%3D2", "label `x` is given twice"),
    ] {
        let answer = world.get(&format!("/api/v1/cmdb/bind{query}")).await;
        assert_eq!((answer.status, &*answer.at("/message")), (400, message));
    }
}

#[tokio::test]
async fn what_is_bound_to_none_is_reported_in_groups_with_what_would_bind_it() {
    let world = world().await;
    world.fire(&[("alertname", "A"), ("instance", "web-1:9100")]).await;
    let (unbound, _) = world.fire(&[("alertname", "A"), ("host", "WEB-1")]).await;
    world.fire(&[("alertname", "B"), ("host", "web-1.example.com")]).await;
    let (ambiguous, _) = world.fire(&[("alertname", "C"), ("node", "x.example.com")]).await;
    let report = world.get("/api/v1/alerts/unbound").await;
    for (at, expected) in [
        ("/bound", "1"),
        ("/ambiguous", "1"),
        ("/unbound", "2"),
        ("/more", "0"),
        ("/groups/0/outcome", "unbound"),
        ("/groups/0/count", "2"),
        ("/groups/0/labels/1", "host"),
        ("/groups/0/sources/0", "native"),
        ("/groups/0/sought/text", "no CI: it has no label by which CIs are recognised"),
        ("/groups/0/hints/0/ci", "web-1"),
        ("/groups/1/outcome", "ambiguous"),
        ("/groups/1/sought/among/1", "b"),
    ] {
        assert_eq!(report.at(at), expected, "{at}: {}", report.text);
    }
    assert!(report.at("/groups/0/remedy").contains("add to `binding:`  - {labels: [host]"));
    for (alert, outcome) in [(unbound, "unbound"), (ambiguous, "ambiguous")] {
        let shown = world.get(&format!("/api/v1/alerts/{alert}")).await;
        assert_eq!(shown.at("/sought/outcome"), outcome, "{}", shown.text);
        let explained = world.get(&format!("/api/v1/alerts/{alert}/explain")).await;
        assert_eq!(explained.at("/sought/text"), shown.at("/sought/text"));
    }
}

#[tokio::test]
async fn a_change_of_the_cmdb_binds_anew() {
    let world = world().await;
    let (alert, _) = world.fire(&[("alertname", "C"), ("node", "x.example.com")]).await;
    let shown = |what: &'static str| {
        let (world, alert) = (&world, alert.clone());
        async move { world.get(&format!("/api/v1/alerts/{alert}")).await.at(what) }
    };
    assert_eq!(shown("/sought/outcome").await, "ambiguous");
    assert_eq!(world.call(Method::DELETE, "/api/v1/cmdb/cis/b", &[], "").await.status, 200);
    assert_eq!(shown("/sought/text").await, "a by key node");
}
