//! Who gets in, and what is answered to who does not.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::super::auth::policy::{Access, TABLE};
use super::super::auth::{Gate, Line, Peer, Strangers};
use super::JSON;
use super::world::{Answer, World};
use crate::ingest::{Format, SourceFormat};
use crate::settings::secret::Secret;
use crate::settings::sources::{Auth, Source, Style};
use crate::settings::users::{Role, User};

const ALERT: &str = r#"{"labels": {"alertname": "A"}}"#;

fn secret(text: &str) -> Secret<Box<[u8]>> {
    Secret::new(text.as_bytes().into())
}

fn source(auth: Auth, rate_max: u32) -> Source {
    Source {
        format: SourceFormat::Known(Format::Native),
        lease: core::time::Duration::from_hours(1),
        auth,
        rate_max,
        kafka: None,
    }
}

fn user(name: &str, role: Role) -> User {
    User { name: name.into(), role, tokens: vec![secret(&format!("token-of-{name}"))] }
}

fn gate(native: Auth, strangers: Strangers) -> Gate {
    let sources = [
        ("native".into(), source(native, 0)),
        ("alertmanager".into(), source(Auth::Bearer(vec![secret("token-of-am")]), 0)),
        ("alertmanager-api".into(), source(Auth::None, 0)),
    ];
    let users =
        [user("vera", Role::Viewer), user("otto", Role::Operator), user("ada", Role::Admin)];
    Gate::new(sources.iter().map(|(name, source)| (name, source)), &users, strangers)
}

fn bearers() -> Auth {
    Auth::Bearer(vec![secret("token-of-native"), secret("next-of-native")])
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

async fn with(world: &World, method: &str, path: &str, authorization: &str) -> Answer {
    let method: Method = method.parse().unwrap();
    let headers = [JSON, ("authorization", authorization)];
    let headers = if authorization.is_empty() { &headers[..1] } else { &headers[..] };
    world.call(method, path, headers, ALERT).await
}

#[tokio::test]
async fn each_route_lets_in_who_the_table_says_and_nobody_else() {
    let world = World::behind(gate(bearers(), Strangers::Welcome));
    // Or the answer of the stream would have no end.
    world.stop.send_replace(true);
    for (method, path, access) in TABLE {
        let path = path.replace("{source}", "native").replace("{id}", "INC-7");
        let path = path.replace("{fingerprint}", "0000000000000007");
        for (who, role) in [
            ("", None),
            ("Bearer token-of-am", None),
            ("Bearer token-of-vera", Some(Role::Viewer)),
            ("Bearer token-of-otto", Some(Role::Operator)),
            ("Bearer token-of-ada", Some(Role::Admin)),
        ] {
            let status = with(&world, method, &path, who).await.status;
            let let_in = match access {
                Access::Open => true,
                // Its source has no credential, so on loopback it is open.
                Access::Of(_) => who.is_empty() || role >= Some(Role::Operator),
                Access::Source => role >= Some(Role::Operator),
                Access::Role(needed) => role >= Some(*needed),
            };
            let expected = if who.is_empty() { 401 } else { 403 };
            assert_eq!(![401, 403].contains(&status), let_in, "{method} {path} {who:?}: {status}");
            assert!(let_in || status == expected, "{method} {path} {who:?}: {status}");
        }
    }
}

#[tokio::test]
async fn a_source_is_known_by_either_of_its_tokens_and_by_no_other() {
    let world = World::behind(gate(bearers(), Strangers::Welcome));
    for (path, authorization, status) in [
        ("/ingest/native", "Bearer token-of-native", 200),
        ("/ingest/native", "bearer next-of-native", 200),
        ("/ingest/native", "Bearer token-of-am", 403),
        ("/ingest/native", "Bearer token-of-nobody", 401),
        ("/ingest/native", "Bearer", 401),
        ("/ingest/native", "Basic !", 401),
        ("/ingest/native", "", 401),
        ("/ingest/native?token=token-of-native", "", 401),
        ("/ingest/native?access_token=token-of-native", "", 401),
        ("/ingest/nobody", "Bearer token-of-native", 403),
        ("/api/v2/alerts", "Bearer token-of-native", 403),
        ("/api/v1/incidents/INC-1/ack", "Bearer token-of-native", 403),
    ] {
        let answer = with(&world, "POST", path, authorization).await;
        assert_eq!(answer.status, status, "{path} {authorization}: {}", answer.text);
        let asks = answer.headers.contains_key("www-authenticate");
        assert_eq!(asks, status == 401, "{path} {authorization}");
        assert!(!answer.text.contains("token-of"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_password_is_taken_from_this_machine_or_over_tls_alone() {
    let auth = Auth::Basic { user: "shop".into(), passwords: vec![secret("pass word")] };
    let world = World::behind(gate(auth, Strangers::Welcome));
    let remote = |line| Peer { ip: [192, 0, 2, 7].into(), line };
    let local = Peer { ip: [127, 0, 0, 1].into(), line: Line::Plain };
    for (peer, authorization, status) in [
        (local, basic("shop", "pass word"), 200),
        (remote(Line::Tls), basic("shop", "pass word"), 200),
        (remote(Line::Plain), basic("shop", "pass word"), 403),
        (local, basic("shop", "pass"), 401),
        (local, basic("other", "pass word"), 401),
        (local, basic("otto", "token-of-otto"), 200),
        (local, "Bearer pass word".into(), 401),
    ] {
        let headers = [JSON, ("authorization", &*authorization)];
        let answer = world.call_from(peer, (Method::POST, "/ingest/native"), &headers, ALERT).await;
        assert_eq!(answer.status, status, "{peer:?} {authorization}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_signed_body_is_checked_before_it_is_read() {
    let auth = Auth::Signed { style: Style::Github, keys: vec![secret("key")] };
    let world = World::behind(gate(auth, Strangers::Welcome));
    let sign = |body: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        mac.update(body.as_bytes());
        let digits = mac.finalize().into_bytes();
        let digits = digits.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits: String =
            digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect();
        format!("sha256={digits}")
    };
    let other = ALERT.replace('A', "B");
    let large = "x".repeat(100 << 10);
    for (body, signature, status) in [
        (ALERT, sign(ALERT), 200),
        (&*other, sign(ALERT), 401),
        (ALERT, "sha256=00".into(), 401),
        ("{", sign("{"), 400),
        (&*large, sign(&large), 413),
    ] {
        let headers = [("x-hub-signature-256", &*signature)];
        let answer = world.call(Method::POST, "/ingest/native", &headers, body).await;
        assert_eq!(answer.status, status, "{body:.40}: {}", answer.text);
    }
    assert_eq!(with(&world, "POST", "/ingest/native", "").await.status, 401);
}

#[tokio::test]
async fn who_guesses_is_shut_out_and_others_are_not() {
    let world = World::behind(gate(bearers(), Strangers::Welcome));
    let guesser = Peer { ip: [192, 0, 2, 7].into(), line: Line::Tls };
    let neighbour = Peer { ip: [192, 0, 2, 8].into(), line: Line::Tls };
    let mut seen = Vec::new();
    for token in 0..150 {
        let wrong = format!("Bearer wrong-{token}");
        let headers = [("authorization", &*wrong)];
        let answer = world.call_from(guesser, (Method::GET, "/api/v1/alerts"), &headers, "").await;
        seen.push(answer.status);
        if answer.status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            break;
        }
    }
    // A minute may have begun meanwhile, and the count with it.
    assert_eq!(seen.last(), Some(&429), "{seen:?}");
    assert!(seen.len() > 100 && seen[..100].iter().all(|status| *status == 401), "{seen:?}");
    let good = [("authorization", "Bearer token-of-vera")];
    let answer = world.call_from(neighbour, (Method::GET, "/api/v1/alerts"), &good, "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn without_a_credential_only_this_machine_gets_in() {
    for (strangers, status) in [(Strangers::Welcome, 200), (Strangers::Refused, 401)] {
        let world = World::behind(Gate::new([], [], strangers));
        assert_eq!(with(&world, "POST", "/ingest/native", "").await.status, status);
        assert_eq!(with(&world, "GET", "/api/v1/alerts", "").await.status, status);
        assert_eq!(with(&world, "GET", "/healthz", "").await.status, 200);
    }
}

#[tokio::test]
async fn whoever_shows_a_token_is_named_on_the_timeline() {
    let world = World::behind(gate(Auth::None, Strangers::Welcome));
    assert_eq!(with(&world, "POST", "/ingest/native", "").await.status, 200);
    let headers = [JSON, ("authorization", "Bearer token-of-otto")];
    let path = "/api/v1/incidents/INC-1/ack";
    for (body, by) in [(json!({}), "otto"), (json!({"by": "mia"}), "mia by otto")] {
        let answer = world.call(Method::POST, path, &headers, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.at("/acknowledged/by"), by);
    }
}

#[tokio::test]
async fn a_source_that_sends_too_many_is_asked_to_wait() {
    for (name, format, status) in
        [("native", Format::Native, 429), ("alertmanager", Format::Alertmanager, 503)]
    {
        let sources = [(
            name.into(),
            Source { format: SourceFormat::Known(format), ..source(Auth::None, 1) },
        )];
        let world = World::behind(Gate::new(
            sources.iter().map(|(name, source)| (name, source)),
            [],
            Strangers::Welcome,
        ));
        let path = format!("/ingest/{name}");
        let mut answer = world.post(&path, "{").await;
        for _ in 0..50 {
            answer = world.post(&path, "{").await;
            if answer.status == status {
                break;
            }
        }
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.headers.contains_key("retry-after"));
    }
}
