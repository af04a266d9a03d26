//! What clients can rely on of overrides of who is on call.

use axum::http::Method;
use serde_json::json;

use super::world::World;

const RULES: &str = "
version: 1
contacts: {anna: {channels: log}, bert: {channels: log}, carla: {channels: log}}
rotations:
  shop:
    zone: Europe/Berlin
    layers: [{members: [anna, bert], handover: {day: mon, at: '09:00'}, start: 2020-01-06}]
teams:
  shop: {members: [bert, anna], on_call: shop}
  web: {members: carla, line: 2}
";

const PATH: &str = "/api/v1/oncall/overrides";
const SWAPS: &str = "/api/v1/oncall/swaps";

#[tokio::test]
async fn an_override_is_made_shown_beside_the_rotation_and_taken_back() {
    let world = World::with_rules(RULES);
    let body = json!({"by": "mia", "team": "shop", "contact": "carla", "note": "ill",
        "from": "2090-03-29T12:00:00+02:00", "to": "2090-03-29T18:00:00+02:00"});
    let made = world.post(PATH, &body.to_string()).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let number = made.at("/items/0/number");
    assert_eq!(made.at("/items/0/from_local"), "2090-03-29 12:00 CEST");
    let shown = world.get("/api/v1/oncall?at=2090-03-29T12:00:00%2B02:00&team=shop&days=1").await;
    for (place, value) in [
        ("/items/0/contact", "carla".to_owned()),
        ("/items/0/because", format!("stands in by override {number} of mia: ill")),
        ("/items/0/shifts/0/contact", "carla".into()),
        ("/items/0/shifts/0/until_local", "2090-03-29 18:00 CEST".into()),
        ("/items/0/shifts/1/from_local", "2090-03-29 18:00 CEST".into()),
    ] {
        assert_eq!(shown.at(place), value, "{place}: {}", shown.text);
    }
    let web = json!({"by": "mia", "team": "web", "contact": "anna", "to": "2095-01-01T00:00:00Z"});
    assert_eq!(world.post(PATH, &web.to_string()).await.status, 200);
    let now = world.get("/api/v1/oncall?team=web").await;
    assert_eq!(now.at("/items/0/contact"), "anna", "a team without a rotation has overrides, too");
    assert_eq!(world.get(&format!("{PATH}?team=shop")).await.at("/items/0/number"), number);
    let gone = world.call(Method::DELETE, &format!("{PATH}/{number}?by=mia"), &[], "").await;
    assert_eq!((gone.status, gone.at("/items/0/contact")), (200, "carla".into()));
    assert_eq!(world.get(&format!("{PATH}?team=shop")).await.at("/items"), "[]");
    let again = world.call(Method::DELETE, &format!("{PATH}/{number}?by=mia"), &[], "").await;
    assert_eq!(again.status, 404, "{}", again.text);
    let trail = world.get("/api/v1/audit").await.text;
    for said in ["override on call", "carla from 2090-03-29T10:00:00.000Z", "drop override"] {
        assert!(trail.contains(said), "{said}: {trail}");
    }
}

#[tokio::test]
async fn a_swap_trades_the_two_shifts_that_are_meant() {
    let world = World::with_rules(RULES);
    // Weeks from Monday to Monday; in that of 2 April 2090 it is one of both.
    let shifts = world.get("/api/v1/oncall?team=shop&at=2090-04-05T12:00:00Z&days=14").await;
    let (first, second) =
        (shifts.at("/items/0/shifts/0/contact"), shifts.at("/items/0/shifts/1/contact"));
    let far = json!({"by": "mia", "team": "shop", "contact": first, "with": second,
        "shift": "2090-04-05T12:00:00Z", "for_shift": "2090-04-12T12:00:00Z"});
    let refused = world.post(SWAPS, &far.to_string()).await;
    assert_eq!((refused.status, refused.at("/code")), (422, "no_shift".into()), "{}", refused.text);
    let next = json!({"by": "mia", "team": "shop", "contact": "anna", "with": "bert"});
    let traded = world.post(SWAPS, &next.to_string()).await;
    assert_eq!(traded.status, 200, "{}", traded.text);
    assert_eq!(traded.at("/items/0/contact"), "bert");
    assert_eq!(traded.at("/items/1/contact"), "anna");
    assert_eq!(traded.at("/items/0/to"), traded.at("/items/1/from"), "their next one after it");
    let at = traded.at("/items/0/from");
    let shown = world.get(&format!("/api/v1/oncall?team=shop&at={at}")).await;
    assert_eq!(shown.at("/items/0/contact"), "bert");
}

#[tokio::test]
async fn an_override_that_makes_no_sense_is_refused_with_the_remedy() {
    let world = World::with_rules(RULES);
    let body = |team: &str, contact: &str, to: &str| {
        json!({"by": "mia", "team": team, "contact": contact, "to": to}).to_string()
    };
    for (body, status, says) in [
        (body("shpo", "anna", "2090-01-01T00:00:00Z"), 422, "known: shop, web"),
        (body("shop", "ana", "2090-01-01T00:00:00Z"), 422, "known: anna, bert, carla"),
        (body("shop", "anna", "2000-01-01T00:00:00Z"), 422, "would end at 2000-01-01"),
        (body("shop", "anna", "noon"), 400, "body: "),
        (
            json!({"team": "shop", "contact": "anna", "to": "2090-01-01T00:00:00Z"}).to_string(),
            400,
            "by must name",
        ),
    ] {
        let refused = world.post(PATH, &body).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
        assert!(refused.at("/message").contains(says), "{body}: {}", refused.text);
    }
    let odd = world.get(&format!("{PATH}?past=perhaps")).await;
    assert!(odd.at("/message").contains("must be true or false"), "{}", odd.text);
}
