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
    path_of(notice, action, (sent_at, "ann"))
}

fn path_of(notice: NoticeId, action: Action, (sent_at, contact): (Timestamp, &str)) -> String {
    let url = links().url(notice, sent_at, action, contact);
    url.strip_prefix("http://localhost").unwrap().to_owned()
}

async fn post(world: &World, path: &str) -> Answer {
    send(world, path, "").await
}

/// Sends a form.
async fn send(world: &World, path: &str, fields: &'static str) -> Answer {
    let form = ("content-type", "application/x-www-form-urlencoded");
    // What a browser sends from a page with the policy `no-referrer`.
    world.call(Method::POST, path, &[form, ("origin", "null")], fields).await
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

const LINES: &str = "
version: 1
contacts: {ann: {channels: [log]}, bob: {channels: [log]}, eva: {channels: [log]}}
teams:
  one: {members: ann, next: two}
  two: {members: bob, line: 2, next: three}
  three: {members: eva, line: 3}
defaults: {team: one}
closing: {require: [{fields: [solution, closure_code, attendance]}]}
";

#[tokio::test]
async fn a_link_escalates_to_the_line_that_its_page_named_and_no_further() {
    let world = World::with_rules(LINES);
    world.fire(&[("alertname", "Full"), ("severity", "critical")]).await;
    let first = path("INC-1/1", Action::Escalate, world.now());
    let second = path("INC-1/2", Action::Escalate, world.now());
    let shown = world.get(&first).await;
    assert!(shown.text.contains("go to team two, which means bob now"), "{}", shown.text);
    assert_eq!(post(&world, &first).await.status, 409, "nobody has seen where it would go");
    let version = shown.text.split("name=\"version\" value=\"").nth(1).unwrap();
    let version = version.split('"').next().unwrap();
    let fields: &'static str = format!("reason=needs+a+%3Cdba%3E&version={version}").leak();
    let done = send(&world, &first, fields).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let team = || async { world.get("/api/v1/incidents/INC-1").await.at("/team") };
    assert_eq!(team().await, "two");
    assert_eq!(send(&world, &first, fields).await.status, 410, "once");
    let late = send(&world, &second, fields).await;
    assert_eq!(late.status, 409, "{}", late.text);
    assert!(late.text.contains("changed meanwhile") && late.text.contains("team three"));
    assert_eq!(team().await, "two", "the page of the other named line two");
    let audit = world.get("/api/v1/audit").await.text;
    assert!(audit.contains("needs a <dba> (by link of INC-1/1 to ann)"), "{audit}");
}

#[tokio::test]
async fn a_link_names_who_stands_in_where_it_would_go() {
    let world = World::with_rules(LINES);
    world.fire(&[("alertname", "Full"), ("severity", "critical")]).await;
    let link = path("INC-1/1", Action::Escalate, world.now());
    let says = |who: &'static str| format!("go to team two, which means {who} now");
    for (contact, to, who) in
        [("eva", "2000-01-02", "bob"), ("eva", "2095-01-01", "eva"), ("ann", "2095-01-01", "ann")]
    {
        let body = format!(
            r#"{{"by": "mia", "team": "two", "contact": "{contact}", "from": "2000-01-01T00:00:00Z",
                "to": "{to}T00:00:00Z"}}"#
        );
        // One that is over is refused; the last that was made counts.
        world.post("/api/v1/oncall/overrides", &body).await;
        let shown = world.get(&link).await.text;
        assert!(shown.contains(&says(who)), "{contact} until {to}: {shown}");
    }
}

#[tokio::test]
async fn a_link_to_resolve_asks_for_what_the_rules_require() {
    let world = World::with_rules(LINES);
    world.fire(&[("alertname", "Full"), ("severity", "critical")]).await;
    let link = path("INC-1/1", Action::Resolve, world.now());
    let shown = world.get(&link).await.text;
    for part in [
        "<textarea name=\"solution\" rows=\"4\" maxlength=\"4096\" required>",
        "<select name=\"closure_code\" required>",
        "<option value=\"fixed\">fixed: the cause is gone</option>",
        "<option value=\"on_site\">on_site</option>",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for (fields, says) in [
        ("", "INC-1 needs attendance, solution, closure_code before it is resolved"),
        ("solution=x&attendance=moon&closure_code=fixed", "attendance is `moon`, expected one of"),
        ("solution=x&attendance=remote&closure_code=y", "closure_code is `y`, expected one of"),
    ] {
        let refused = send(&world, &link, fields).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert!(refused.text.contains(says), "{}", refused.text);
        assert!(refused.text.contains("<textarea name=\"solution\""), "it is asked once more");
        assert_eq!(state(&world).await, "new");
    }
    let fields = "solution=%3Cb%3Enew+disk&attendance=remote&closure_code=fixed";
    let done = send(&world, &link, fields).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let record = world.get("/api/v1/incidents/INC-1").await;
    assert_eq!(record.at("/sheet/fields/solution"), "<b>new disk");
}

const REPORTS: &str = "
version: 1
reports: {channel: mail}
contacts: {ann: {channels: [log]}}
teams: {one: {members: ann}}
defaults: {team: one}
";

#[tokio::test]
async fn who_reported_it_says_by_link_whether_it_is_over() {
    let world = World::with_rules(REPORTS);
    let report = r#"{"title": "Slow", "by": "mia", "reporter": "Tom", "contact": "tom@x.org"}"#;
    assert_eq!(world.post("/api/v1/incidents", report).await.status, 200);
    let link = |seq: u32, action| {
        let notice = NoticeId { incident: crate::model::incident::RecordId(1), seq };
        path_of(notice, action, (world.now(), "tom@x.org"))
    };
    let resolve = || world.post("/api/v1/incidents/INC-1/resolve", r#"{"by": "ann"}"#);
    let early = send(&world, &link(1, Action::Reject), "reason=x").await;
    assert_eq!(early.status, 409, "{}", early.text);
    assert_eq!(resolve().await.status, 200);

    let shown = world.get(&link(2, Action::Reject)).await;
    let area = "<textarea name=\"reason\" rows=\"4\" maxlength=\"1000\" required>";
    assert!(shown.text.contains(area), "{}", shown.text);
    let long: &'static str = format!("reason={}", "x".repeat(1_001)).leak();
    for fields in ["", "reason=++%0D%0A", long, "reason=a%00b"] {
        let refused = send(&world, &link(2, Action::Reject), fields).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert_eq!(state(&world).await, "resolved");
    }
    let fields = "reason=%3Cscript%3E+still+down";
    let done = send(&world, &link(2, Action::Reject), fields).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(state(&world).await, "new", "nobody had it");
    let record = world.get("/api/v1/incidents/INC-1").await;
    let said = record.at("/sheet/confirmation/disagreement/because");
    assert!(said.starts_with("<script> still down (by link of INC-1/2"), "{said}");
    assert_eq!(send(&world, &link(2, Action::Reject), fields).await.status, 410, "once");

    assert_eq!(resolve().await.status, 200);
    let close = world.post("/api/v1/incidents/INC-1/close", r#"{"by": "ann"}"#).await;
    assert_eq!(close.status, 409, "{}", close.text);
    assert!(!close.text.contains("<script>") || close.text.contains("not over"), "{}", close.text);
    let notice = "INC-1/3".parse().unwrap();
    let stranger = path_of(notice, Action::Confirm, (world.now(), "eve@x.org"));
    let refused = post(&world, &stranger).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("eve@x.org is not asked"), "{}", refused.text);
    let done = send(&world, &link(3, Action::Confirm), "satisfaction=4").await;
    assert_eq!(done.status, 200, "{}", done.text);
    let record = world.get("/api/v1/incidents/INC-1").await;
    assert_eq!(record.at("/state"), "closed");
    assert_eq!(record.at("/sheet/fields/satisfaction"), "4");
    assert_eq!(record.at("/sheet/confirmation/confirmed/0"), "Tom");
}
