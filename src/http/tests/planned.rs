//! What clients can rely on of planned changes.

use serde_json::json;

use super::world::World;

const PATH: &str = "/api/v1/changes";

#[tokio::test]
async fn changes_are_planned_listed_shown_and_taken_back() {
    let world = World::new();
    let change = |number: &str, state: &str| {
        json!({"number": number, "cis": ["sw-1"], "from": "2020-01-01T00:00:00Z",
            "to": "2100-01-01T00:00:00Z", "state": state, "owner": "net", "summary": "cable"})
    };
    let both =
        json!({"by": "mia", "changes": [change("CHG-1", "approved"), change("CHG-2", "done")]});
    let mut dry = both.clone();
    dry["dry_run"] = json!(true);
    let looked = world.post(PATH, &dry.to_string()).await;
    assert_eq!((looked.status, looked.at("/added")), (200, "2".into()), "{}", looked.text);
    assert_eq!(looked.at("/unknown_cis"), "[\"sw-1\"]");
    assert!(looked.at("/difference/0").starts_with("+ CHG-1 approved on sw-1 from 2020"));
    assert_eq!(world.get(&format!("{PATH}/CHG-1")).await.status, 404, "it was only a look");
    assert_eq!(world.post(PATH, &both.to_string()).await.at("/added"), "2");
    for (query, numbers) in [
        ("", "CHG-1 CHG-2"),
        ("?state=approved,planned", "CHG-1"),
        ("?ci=sw-2", ""),
        ("?limit=1", "CHG-1"),
        ("?cursor=CHG-1", "CHG-2"),
    ] {
        let list = world.get(&format!("{PATH}{query}")).await.json();
        let items = list["items"].as_array().unwrap();
        let found: Vec<&str> = items.iter().map(|one| one["number"].as_str().unwrap()).collect();
        assert_eq!(found.join(" "), numbers, "{query}");
    }
    let shown = world.get(&format!("{PATH}/CHG-1")).await;
    assert_eq!((shown.at("/active"), shown.at("/change/owner")), ("true".into(), "net".into()));
    let all = json!({"by": "mia", "replace": true, "changes": [change("CHG-2", "planned")]});
    let replaced = world.post(PATH, &all.to_string()).await;
    assert_eq!((replaced.at("/changed"), replaced.at("/removed")), ("1".into(), "1".into()));
}

#[tokio::test]
async fn all_that_is_wrong_with_changes_is_told_at_once() {
    let world = World::new();
    let body = json!({"by": "mia", "changes": [
        {"number": " ", "cis": [], "from": "2020-01-01T00:00:00Z", "to": "2020-01-01T00:00:00Z"},
        {"number": "A", "cis": [], "from": "2020-01-01T00:00:00Z", "to": "2021-01-01T00:00:00Z", "state": "open"},
        {"number": "A", "cis": [], "from": "2020-01-01T00:00:00Z", "to": "2021-01-01T00:00:00Z"},
    ]});
    let refused = world.post(PATH, &body.to_string()).await;
    assert_eq!(refused.status, 400);
    for part in [
        "changes[0]: number is empty",
        "changes[0]: to is 2020-01-01T00:00:00.000Z, which is not after from",
        "changes[1]: state: `open` is none of",
        "changes[2]: number A is given twice",
    ] {
        assert!(refused.text.contains(part), "{part}: {}", refused.text);
    }
}
