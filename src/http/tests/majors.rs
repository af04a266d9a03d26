//! Major incidents and what their reviews want to be done, over HTTP.

use serde_json::{Value, json};

use super::world::{Answer, World};

const RULES: &str = "
version: 1
contacts: {ann: {channels: log}, dana: {channels: log}}
teams: {net: {members: [dana]}}
plans:
  - name: general
    roles: {incident_manager: 'contact:ann'}
    link: https://talk.example
    checklist: [open the call, tell support]
";

async fn order(world: &World, id: &str, command: &str, fields: Value) -> Answer {
    let mut body = json!({"by": "ann"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    world.post(&format!("/api/v1/incidents/{id}/{command}"), &body.to_string()).await
}

async fn declared() -> (World, String) {
    let world = World::with_rules(RULES);
    let id = world.fire(&[("alertname", "DiskFull")]).await.1;
    let declared = order(&world, &id, "declare-major", json!({"note": "all down"})).await;
    assert_eq!(declared.at("/sheet/major/plan/name"), "general", "{}", declared.text);
    (world, id)
}

#[tokio::test]
async fn a_plan_is_shown_ticked_and_its_roles_given() {
    let (world, id) = declared().await;
    let ticked = order(&world, &id, "check", json!({"item": 2, "note": "by chat"})).await;
    assert_eq!(ticked.at("/sheet/major/plan/checklist/1/done/note"), "by chat");
    assert_eq!(ticked.at("/sheet/major/plan/open"), "1");
    assert_eq!(ticked.at("/call"), "https://talk.example");
    let again = order(&world, &id, "check", json!({"item": 2})).await;
    assert_eq!((again.status, again.at("/code")), (409, "already".into()));
    let none = order(&world, &id, "check", json!({"item": 3})).await;
    assert_eq!((none.status, none.at("/code")), (422, "no_such_number".into()));
    let role = json!({"role": "communication", "to": "team:net"});
    let given = order(&world, &id, "role", role).await;
    assert_eq!(given.at("/sheet/major/roles/0/who"), "ann", "{}", given.text);
    assert_eq!(given.at("/sheet/major/roles/1/who"), "dana");
    assert_eq!(given.at("/sheet/major/roles/1/team"), "net");
    let boss = order(&world, &id, "role", json!({"role": "boss", "to": "contact:ann"})).await;
    assert!(boss.status == 400 && boss.text.contains("incident_manager"), "{}", boss.text);
    order(&world, &id, "stand-down", json!({"note": "half is up"})).await;
    let role = json!({"role": "communication", "to": "contact:ann"});
    let late = order(&world, &id, "role", role).await;
    assert_eq!((late.status, late.at("/code")), (409, "not_major".into()));
}

#[tokio::test]
async fn actions_are_listed_over_all_incidents_until_they_are_done() {
    let (world, id) = declared().await;
    for (text, owner, due) in
        [("later", "team:net", "2030-12-01"), ("sooner", "contact:dana", "2030-11-01")]
    {
        let action = json!({"text": text, "owner": owner, "due": due});
        let added = order(&world, &id, "action", action).await;
        assert_eq!(added.status, 200, "{}", added.text);
    }
    let list = world.get("/api/v1/actions").await;
    assert_eq!(list.at("/items/0/action/text"), "sooner", "{}", list.text);
    assert_eq!(
        (list.at("/items/0/incident"), list.at("/items/0/action/number")),
        (id.clone(), "2".into())
    );
    assert_eq!(list.at("/items/1/action/owner"), "team:net");
    assert_eq!(list.at("/items/1/action/due_at"), "2030-12-02T00:00:00.000Z");
    assert_eq!(world.get("/api/v1/actions?overdue=true").await.json()["items"], json!([]));
    assert_eq!(world.get("/api/v1/actions?overdue=maybe").await.status, 400);
    let past = json!({"text": "x", "owner": "contact:dana", "due": "2020-01-01"});
    let past = order(&world, &id, "action", past).await;
    assert_eq!((past.status, past.at("/code")), (422, "action_over".into()));
    let whose = json!({"text": "x", "owner": "contact:eva", "due": "2030-01-01"});
    let whose = order(&world, &id, "action", whose).await;
    assert_eq!((whose.status, whose.at("/code")), (422, "unknown_target".into()));
    let done = order(&world, &id, "action-done", json!({"number": 2, "note": "ok"})).await;
    assert_eq!(done.at("/sheet/actions/1/done/by"), "ann", "{}", done.text);
    assert_eq!(world.get("/api/v1/actions").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_closed_incident_takes_nothing_but_what_its_review_wants() {
    let (world, id) = declared().await;
    let action = json!({"text": "new strip", "owner": "contact:dana", "due": "2030-12-01"});
    order(&world, &id, "action", action.clone()).await;
    let fields = json!({"fields": {"review": "no strip"}});
    order(&world, &id, "set", fields).await;
    let cleared = json!({"labels": {"alertname": "DiskFull"}, "status": "resolved"});
    world.post("/ingest/native", &cleared.to_string()).await;
    order(&world, &id, "resolve", json!({})).await;
    let watched = order(&world, &id, "close", json!({})).await;
    assert_eq!((watched.status, watched.at("/code")), (409, "watched".into()), "{}", watched.text);
    order(&world, &id, "stand-down", json!({"note": "small"})).await;
    assert_eq!(order(&world, &id, "close", json!({})).await.at("/state"), "closed");
    let claim = order(&world, &id, "claim", json!({})).await;
    assert_eq!((claim.status, claim.at("/code")), (409, "closed".into()), "{}", claim.text);
    let more = order(&world, &id, "action", action).await;
    assert_eq!((more.status, more.at("/sheet/actions/1/number")), (200, "2".into()));
    assert_eq!(world.get("/api/v1/actions").await.at("/items/1/state"), "closed");
    for number in [1, 2] {
        let done = order(&world, &id, "action-done", json!({"number": number})).await;
        assert_eq!((done.status, done.at("/state")), (200, "closed".into()), "{}", done.text);
    }
    assert_eq!(world.get("/api/v1/actions").await.json()["items"], json!([]));
    let over = order(&world, &id, "action-done", json!({"number": 1})).await;
    assert_eq!((over.status, over.at("/code")), (409, "closed".into()));
}
