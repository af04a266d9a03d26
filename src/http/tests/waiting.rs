//! Deliveries beyond what may wait at a time.

use std::task::{Context, Waker};

use super::world::World;

const ALERT: &str = r#"{"labels": {"alertname": "A"}}"#;

#[tokio::test]
async fn what_is_more_than_may_wait_is_put_off_and_whoever_hangs_up_gives_his_room_back() {
    // Room for three deliveries of up to a KiB each.
    let world = World::silent().with_room(3 << 10);
    let mut nobody = Context::from_waker(Waker::noop());
    let doors = ["/ingest/native", "/api/v2/alerts", "/ingest/alertmanager-api"];
    for round in 0..2 {
        let mut waiting: Vec<_> = doors
            .map(|path| Box::pin(async { world.post(path, &format!("[{ALERT}]")).await }))
            .into();
        for one in &mut waiting {
            assert!(one.as_mut().poll(&mut nobody).is_pending(), "it waits for its commit");
        }
        for path in doors {
            let answer = world.post(path, &format!("[{ALERT}]")).await;
            assert_eq!(answer.status, 503, "{round} {path}: {}", answer.text);
            assert!(answer.text.contains("waiting_max_bytes"), "{}", answer.text);
            assert!(answer.headers.contains_key("retry-after"), "{path}");
        }
        // People are let in: only the engine of this world says nothing.
        let note = r#"{"by": "mia", "note": "on it"}"#;
        let mut order = Box::pin(world.post("/api/v1/incidents/INC-1/note", note));
        assert!(order.as_mut().poll(&mut nobody).is_pending());
        assert_eq!(world.get("/api/v2/alerts").await.status, 200);
    }
}
