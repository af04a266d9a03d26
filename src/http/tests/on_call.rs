//! Who is called, as the API says it.

use super::world::World;

const RULES: &str = "
version: 1
contacts: {anna: {channels: log}, bert: {channels: log}}
rotations:
  shop:
    zone: Europe/Berlin
    layers: [{members: [anna, bert], handover: {day: mon, at: '09:00'}, start: 2026-01-05}]
teams:
  shop: {members: [bert, anna], on_call: shop}
  web: {members: anna, line: 2}
";

#[tokio::test]
async fn the_api_says_who_is_called_and_who_comes_next() {
    let world = World::with_rules(RULES);
    let page = world.get("/api/v1/oncall?at=2026-03-29T12:00:00%2B02:00&days=14").await;
    assert_eq!(page.status, 200, "{}", page.text);
    for (place, value) in [
        ("/at", "2026-03-29T10:00:00.000Z"),
        ("/items/0/team", "shop"),
        ("/items/0/contact", "bert"),
        ("/items/0/because", "has the shift in rotation shop"),
        ("/items/0/zone", "Europe/Berlin"),
        ("/items/0/shifts/0/until", "2026-03-30T07:00:00.000Z"),
        ("/items/0/shifts/1/contact", "anna"),
        ("/items/0/shifts/1/from_local", "2026-03-30 09:00 CEST"),
        ("/items/0/shifts/2/until", "2026-04-12T10:00:00.000Z"),
        ("/items/1/team", "web"),
        ("/items/1/contact", "anna"),
        ("/items/1/because", "first member of the team, which has no rotation"),
        ("/items/1/shifts", "[]"),
    ] {
        assert_eq!(page.at(place), value, "{place}: {}", page.text);
    }
    let hole = world.get("/api/v1/oncall?at=2026-01-01T00:00:00Z&team=shop").await;
    assert_eq!(hole.at("/items/0/contact"), "bert");
    assert!(hole.at("/items/0/because").starts_with("nobody is on call"), "{}", hole.text);
    assert_eq!(hole.at("/items/0/shifts/0/contact"), "null");
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_with_the_remedy() {
    let world = World::with_rules(RULES);
    for (query, status, says) in [
        ("at=noon", 400, "must be a time such as 2026-11-21T09:00:00+01:00"),
        ("days=0", 400, "must be between 1 and 366"),
        ("team=shpo", 404, "no team is called shpo"),
        ("who=me", 400, "unknown parameter `who`"),
    ] {
        let refused = world.get(&format!("/api/v1/oncall?{query}")).await;
        assert_eq!(refused.status, status, "{query}");
        assert!(refused.at("/message").contains(says), "{query}: {}", refused.text);
    }
}
