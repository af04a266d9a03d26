//! A mapping over good, small and hostile documents, and over any JSON at all.

use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::ingest::Limits;

/// Names of fields that the mappings look at, and some that they do not.
const NAMES: [&str; 10] =
    ["alerts", "title", "state", "level", "tags", "host", "groups", "since", "until", "org"];

/// 2026-11-21T10:00:00Z, when every body of these tests arrives.
const NOW: Timestamp = Timestamp::from_millis(1_795_255_200_000);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ingest/", $name))
    };
}

fn at(path: &str) -> Pick {
    Pick::At { path: Path::parse(path).unwrap(), default: None }
}

fn words(words: &[&str]) -> Vec<Box<str>> {
    words.iter().map(|word| Box::from(*word)).collect()
}

/// What an old Grafana might post, with everything that a mapping can say.
fn mapping() -> Mapping {
    let or = |path: &str, default: &str| Pick::At {
        path: Path::parse(path).unwrap(),
        default: Some(default.into()),
    };
    Mapping {
        alerts: Path::parse("$.alerts").unwrap(),
        labels: vec![
            ("alertname".into(), at("title")),
            ("host".into(), or("tags.host", "nowhere")),
            ("team".into(), at("tags[\"team.name\"]")),
            ("groups".into(), at("groups[*]")),
            ("org".into(), at("$.org.name")),
            ("from".into(), Pick::Always("grafana".into())),
        ],
        required: words(&["alertname"]),
        annotations: vec![("text".into(), at("message")), ("value".into(), at("value"))],
        status: Some(Status {
            pick: at("state"),
            firing: words(&["alerting", "ALARM"]),
            resolved: words(&["OK"]),
        }),
        severity: Some(Severity {
            pick: at("level"),
            map: [("CRIT".into(), "critical".into())].into(),
            other: Some("minor".into()),
        }),
        starts_at: Some(at("since")),
        ends_at: Some(at("until")),
        generator_url: Some(at("url")),
    }
}

fn plain() -> Mapping {
    let Mapping { labels, status, .. } = mapping();
    Mapping {
        alerts: Path::document(),
        labels: labels.into_iter().take(1).collect(),
        required: Vec::new(),
        annotations: Vec::new(),
        status,
        severity: None,
        starts_at: None,
        ends_at: None,
        generator_url: None,
    }
}

fn read(mapping: &Mapping, body: &str, limits: &Limits) -> Result<Decoded, Reject> {
    let terms = Terms { received: NOW, lease: Duration::from_hours(24), limits };
    mapping.decode(body.as_bytes(), &terms)
}

fn taken(decoded: &Decoded) -> Vec<String> {
    let seconds = |time: Timestamp| (time.millis() - NOW.millis()) / 1000;
    let lines = decoded.occurrences.iter().zip(&decoded.indexes).map(|(it, index)| {
        let signal = match it.signal {
            Signal::Firing { until, explicit: true } => format!("ends {:+}", seconds(until)),
            Signal::Firing { until, explicit: false } => format!("lapses {:+}", seconds(until)),
            Signal::Resolved { at } => format!("over {:+}", seconds(at)),
        };
        let severity = it.severity.as_deref().unwrap_or("-");
        format!("{index} {} | {signal} begins {:+} {severity}", it.labels, seconds(it.starts_at))
    });
    lines.collect()
}

#[test]
fn alerts_are_found_where_the_mapping_says() {
    let decoded = read(&mapping(), fixture!("mapping.good.json"), &Limits::default()).unwrap();
    assert_eq!(decoded.rejects, []);
    assert_eq!(
        taken(&decoded),
        [
            r#"0 alertname="Disk full", from="grafana", groups="linux,prod", host="db-7", org="acme", team="dba" | lapses +86400 begins -120 critical"#,
            r#"1 alertname="Ping", from="grafana", host="sw-1", org="acme" | over -100 begins -1200 minor"#,
            r#"2 alertname="Load", from="grafana", host="nowhere", org="acme" | ends +1800 begins +0 -"#,
            r#"3 alertname="Stale", from="grafana", host="nowhere", org="acme" | lapses +86400 begins +0 -"#,
        ]
    );
    let first = &decoded.occurrences[0];
    assert_eq!(first.fingerprint, first.labels.fingerprint());
    assert_eq!(first.details.annotations.to_string(), r#"text="97 %", value="97.5""#);
    assert_eq!(&*first.details.generator_url, "http://grafana/d/1");
}

#[test]
fn a_document_can_be_the_alert_or_the_list() {
    let limits = Limits::default();
    let body = fixture!("mapping.minimal.json");
    let expected = r#"0 alertname="X" | lapses +86400 begins +0 -"#;
    assert_eq!(taken(&read(&plain(), body, &limits).unwrap()), [expected]);
    assert_eq!(taken(&read(&plain(), &format!("[{body}]"), &limits).unwrap()), [expected]);
    assert_eq!(read(&plain(), "[]", &limits), Ok(Decoded::default()));
    let without_status = Mapping { status: None, ends_at: Some(at("until")), ..plain() };
    for (body, expected) in [
        (r#"{"title": "X"}"#, "0 alertname=\"X\" | lapses +86400 begins +0 -"),
        (r#"{"title": "X", "until": 1795255100}"#, "0 alertname=\"X\" | over -100 begins +0 -"),
        (r#"{"title": "X", "until": "1795255300"}"#, "0 alertname=\"X\" | ends +100 begins +0 -"),
    ] {
        assert_eq!(taken(&read(&without_status, body, &limits).unwrap()), [expected], "{body}");
    }
}

#[test]
fn a_bad_alert_names_path_and_value_and_costs_no_good_one() {
    let decoded = read(&mapping(), fixture!("mapping.hostile.json"), &Limits::default()).unwrap();
    assert_eq!(decoded.indexes, [0, 15]);
    let told: Vec<String> =
        decoded.rejects.iter().map(|it| format!("{} {}", it.index, it.reason)).collect();
    let expected: Vec<&str> = fixture!("mapping.hostile.txt").lines().collect();
    assert_eq!(told, expected);
    let one = read(&plain(), r#"{"title": "T", "state": 5}"#, &Limits::default()).unwrap();
    let reason = "status: `state` is \"5\", the mapping has alerting, ALARM, OK";
    assert_eq!(one.rejects[0].reason, reason, "a single alert has no index");
}

#[test]
fn a_severity_that_is_not_mapped_is_refused_unless_the_mapping_says_what_it_is() {
    let severity = |other: Option<&str>| Mapping {
        severity: Some(Severity { other: other.map(Into::into), ..mapping().severity.unwrap() }),
        ..plain()
    };
    let body = r#"{"title": "T", "state": "OK", "level": "HIGH"}"#;
    let refused = read(&severity(None), body, &Limits::default()).unwrap();
    let reason = "severity: `level` is \"HIGH\", the mapping has CRIT";
    assert_eq!(refused.rejects[0].reason, reason);
    let taken = read(&severity(Some("major")), body, &Limits::default()).unwrap();
    assert_eq!(taken.occurrences[0].severity.as_deref(), Some("major"));
}

#[test]
fn a_body_that_has_no_alerts_is_refused_with_what_was_expected() {
    let small = Limits { alerts: 2, depth: 3, body_bytes: 60, ..Limits::default() };
    let nothing = "`$.alerts` finds nothing, expected a list of alerts";
    for (body, status, says) in [
        ("", 422, "body is empty"),
        ("{", 400, "cannot be read"),
        ("{}", 422, nothing),
        (r#"{"alerts": null}"#, 422, nothing),
        ("[[[[]]]]", 400, "nested more than 3 levels"),
        (r#"{"alerts": [1,2,3]}"#, 413, "more than 2 alerts"),
        (
            r#"{"alerts": [], "more": "0123456789012345678901234567890123456789"}"#,
            413,
            "at most 60",
        ),
    ] {
        let refused = read(&mapping(), body, &small).unwrap_err();
        assert_eq!(refused.status(), status, "{body}");
        assert!(refused.to_string().contains(says), "{body}: {refused}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![".{0,8}", Just("alerting".to_owned()), Just("OK".to_owned())]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let name = proptest::sample::select(&NAMES[..]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_it_panic_or_lose_an_alert(document in any_json(), listed in any::<bool>()) {
        let document = if listed { serde_json::json!({ "alerts": document }) } else { document };
        for mapping in [mapping(), plain()] {
            match read(&mapping, &document.to_string(), &Limits::default()) {
                Ok(decoded) => {
                    let mut indexes = decoded.indexes.clone();
                    indexes.extend(decoded.rejects.iter().map(|reject| reject.index));
                    indexes.sort_unstable();
                    let all: Vec<u32> = (0..).take(indexes.len()).collect();
                    prop_assert_eq!(indexes, all, "every alert is taken or refused, once");
                    for it in &decoded.occurrences {
                        prop_assert!(!it.labels.is_empty());
                        prop_assert_eq!(it.fingerprint, it.labels.fingerprint());
                    }
                    for reject in &decoded.rejects {
                        prop_assert!(!reject.reason.is_empty() && reject.reason.len() < 4_000);
                    }
                }
                Err(reject) => prop_assert!(matches!(reject.status(), 400 | 413 | 422)),
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(cut in 0..700_usize, byte in any::<u8>()) {
        let mut body = fixture!("mapping.good.json").as_bytes().to_vec();
        if let Some(here) = body.get_mut(cut) {
            *here = byte;
        }
        let limits = Limits::default();
        let terms = Terms { received: NOW, lease: Duration::from_hours(24), limits: &limits };
        drop(mapping().decode(&body, &terms));
        body.truncate(cut);
        drop(mapping().decode(&body, &terms));
    }
}
