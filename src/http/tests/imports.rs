//! Imports in several forms, of several files and sources, and their exports.

use axum::http::Method;
use serde_json::json;

use super::world::{Answer, World};

const CIS: &str = "name,class\na,vm\nb,vm\n";
const RELATIONS: &str = "from,relation,to\na,hosts,b\n";

async fn put(world: &World, query: &str, kind: &str, body: &str) -> Answer {
    let path = format!("/api/v1/cmdb{query}");
    world.call(Method::PUT, &path, &[("content-type", kind)], body).await
}

#[tokio::test]
async fn a_body_is_one_file_or_several() {
    let world = World::new();
    let one = put(&world, "", "text/csv; charset=utf-8", CIS).await;
    assert_eq!((one.status, one.at("/cis")), (200, "2".into()), "{}", one.text);
    let set =
        json!({"files": [{"name": "c.csv", "text": CIS}, {"name": "r.csv", "text": RELATIONS}]});
    let kind = "application/vnd.incidentd.files+json";
    let two = put(&world, "?source=netbox", kind, &set.to_string()).await;
    assert_eq!((two.status, two.at("/relations")), (200, "1".into()), "{}", two.text);
    // The CIs are nobody's, as the first import has said them, and stay so.
    let ci = world.get("/api/v1/cmdb/cis/a").await;
    assert_eq!(ci.json()["attributes"], json!({}), "{}", ci.text);
    let history = world.get("/api/v1/cmdb/history").await;
    assert_eq!(history.at("/items/0/what"), "replace of netbox c.csv, r.csv");
    let bad = json!({"files": [{"name": "c.csv", "text": CIS}, {"name": "r.csv", "text": "from,relation,to\na,hosts,x\n"}]});
    let refused = put(&world, "", kind, &bad.to_string()).await;
    assert_eq!((refused.status, refused.at("/problems/0/file")), (422, "r.csv".into()));
    assert_eq!(refused.at("/problems/0/line"), "2");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_by_name() {
    let world = World::new();
    let several = "application/vnd.incidentd.files+json";
    for (query, kind, body, status, message) in [
        (
            "?format=xml",
            "text/csv",
            CIS,
            400,
            "format is `xml`, must be one of yaml, csv, kubernetes",
        ),
        ("", "text/csv", "cis: {}", 422, "body has 1 error; nothing was changed"),
        (
            "?format=csv",
            "application/yaml",
            "cis: {}",
            422,
            "body has 1 error; nothing was changed",
        ),
        ("?source=", "text/csv", CIS, 422, "body has 1 error; nothing was changed"),
        ("", several, r#"{"files": []}"#, 400, "body: 0 files, must be 1 to 100"),
        ("", several, r#"{"file": []}"#, 400, "body: unknown field `file`"),
        ("", "text/plain", CIS, 415, "content type is `text/plain`"),
    ] {
        let answer = put(&world, query, kind, body).await;
        assert_eq!(answer.status, status, "{query} {body}: {}", answer.text);
        assert!(answer.at("/message").starts_with(message), "{query}: {}", answer.text);
    }
    for (query, message) in [
        ("?format=xml", "format is `xml`, must be yaml, json or csv"),
        ("?format=csv&table=x", "table is `x`, must be cis, relations or types"),
        ("?table=cis", "only format csv has tables"),
    ] {
        let answer = world.get(&format!("/api/v1/cmdb/export{query}")).await;
        assert_eq!((answer.status, &*answer.at("/message")), (400, message));
    }
}

#[tokio::test]
async fn tables_are_exported_one_at_a_time() {
    let world = World::new();
    put(&world, "", "application/yaml", "{relation_types: {feeds: {converse: fed_by, suffers: to}}, cis: {a: {class: vm, x: 1}, b: {class: vm}}}").await;
    for (query, text) in [
        ("", "name,class,x\na,vm,1\nb,vm,\n"),
        ("&table=cis", "name,class,x\na,vm,1\nb,vm,\n"),
        ("&table=types", "relation_type,converse,suffers\nfeeds,fed_by,to\n"),
        ("&table=relations", "from,relation,to,source,valid_from,valid_until,seen_at\n"),
    ] {
        let answer = world.get(&format!("/api/v1/cmdb/export?format=csv{query}")).await;
        assert_eq!((answer.status, &*answer.text), (200, text), "{query}");
    }
}
