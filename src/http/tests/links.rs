//! Links in messages: what a look and a click do.

use axum::http::Method;

use super::world::{Answer, World, links};
use crate::model::link::Action;
use crate::model::notice::NoticeId;
use crate::model::time::Timestamp;

/// A world with one incident, and the path of a link of its first notice.
async fn page(action: Action) -> (World, String) {
    let world = World::new();
    let (_, id) = world.fire(&[("alertname", "<b>Full</b>"), ("severity", "critical")]).await;
    let path = path(&format!("{id}/1"), action, world.now());
    (world, path)
}

fn path(notice: &str, action: Action, sent_at: Timestamp) -> String {
    let notice: NoticeId = notice.parse().unwrap();
    let url = links().url(notice, sent_at, action, "ann");
    url.strip_prefix("http://localhost").unwrap().to_owned()
}

async fn post(world: &World, path: &str) -> Answer {
    let form = ("content-type", "application/x-www-form-urlencoded");
    // What a browser sends from a page with the policy `no-referrer`.
    world.call(Method::POST, path, &[form, ("origin", "null")], "").await
}

async fn state(world: &World) -> String {
    world.get("/api/v1/incidents/INC-1").await.at("/state")
}

#[tokio::test]
async fn a_look_changes_nothing_and_a_click_does_what_the_link_says_once() {
    for (action, after) in [(Action::Acknowledge, "acknowledged"), (Action::Resolve, "resolved")] {
        let (world, path) = page(action).await;
        for _ in 0..10 {
            let shown = world.get(&path).await;
            assert_eq!(shown.status, 200, "{}", shown.text);
            assert!(shown.text.contains("<form method=\"post\"><button>"), "{}", shown.text);
            assert!(shown.text.contains("&lt;b&gt;Full") && !shown.text.contains("<b>Full"));
            assert_eq!(shown.headers["referrer-policy"], "no-referrer");
            assert!(
                shown.headers["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .starts_with("default-src 'none'")
            );
        }
        assert_eq!(state(&world).await, "new", "a look changed something");
        let done = post(&world, &path).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert_eq!(state(&world).await, after);
        let audit = world.get("/api/v1/audit").await.text;
        assert!(audit.contains("by link of INC-1/1 to ann"), "{audit}");
        for again in [post(&world, &path).await, world.get(&path).await] {
            assert_eq!(again.status, 410, "{}", again.text);
            assert!(again.text.contains("Used before") && !again.text.contains("<form"));
        }
    }
}

#[tokio::test]
async fn a_link_that_was_changed_or_is_too_old_says_so_and_does_nothing() {
    let (world, good) = page(Action::Acknowledge).await;
    let old = path("INC-1/1", Action::Acknowledge, Timestamp::EPOCH);
    let other = path("INC-99/1", Action::Acknowledge, world.now());
    let forged = format!("{good}A");
    for (path, status, says) in [
        (&forged, 404, "Not a link of ours"),
        (&"/l/x".to_owned(), 404, "Not a link of ours"),
        (&old, 410, "Expired"),
    ] {
        for answer in [world.get(path).await, post(&world, path).await] {
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            assert!(
                answer.text.contains(says) && !answer.text.contains("<form"),
                "{}",
                answer.text
            );
        }
    }
    assert_eq!(world.get(&other).await.status, 410);
    let refused = post(&world, &other).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(state(&world).await, "new");
}

#[tokio::test]
async fn links_are_answered_at_a_bounded_rate() {
    let world = World::new();
    let mut statuses = Vec::new();
    for _ in 0..60 {
        statuses.push(world.get("/l/x").await.status);
    }
    assert_eq!(statuses[0], 404);
    assert!(statuses.contains(&429), "{statuses:?}");
}
