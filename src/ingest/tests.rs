//! What holds for bodies as a whole; values are tested where they are read.

use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::alert::Signal;

/// 2026-11-21T10:00:00Z, when every body of these tests arrives.
const NOW: Timestamp = Timestamp::from_millis(1_795_255_200_000);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ingest/", $name))
    };
}

const FIXTURES: [(Format, &str); 10] = [
    (Format::Alertmanager, fixture!("alertmanager.good.json")),
    (Format::Alertmanager, fixture!("alertmanager.old.json")),
    (Format::Alertmanager, fixture!("alertmanager.minimal.json")),
    (Format::Alertmanager, fixture!("alertmanager.hostile.json")),
    (Format::Native, fixture!("native.good.json")),
    (Format::Native, fixture!("native.minimal.json")),
    (Format::Native, fixture!("native.hostile.json")),
    (Format::AlertmanagerApi, fixture!("alertmanager-api.good.json")),
    (Format::AlertmanagerApi, fixture!("alertmanager-api.minimal.json")),
    (Format::AlertmanagerApi, fixture!("alertmanager-api.hostile.json")),
];

fn limited(format: Format, body: &[u8], limits: &Limits) -> Result<Decoded, Reject> {
    let lease = match format {
        Format::Alertmanager | Format::Native => DAY,
        Format::AlertmanagerApi => 5 * MINUTE,
    };
    decode(format, body, &Terms { received: NOW, lease, limits })
}

fn read(format: Format, body: &str) -> Result<Decoded, Reject> {
    limited(format, body.as_bytes(), &Limits::default())
}

/// Writes what was taken, a line each: labels, signal, beginning, all relative to [`NOW`].
fn taken(decoded: &Decoded) -> Vec<String> {
    let seconds = |time: Timestamp| (time.millis() - NOW.millis()) / 1000;
    let lines = decoded.occurrences.iter().zip(&decoded.indexes).map(|(occurrence, index)| {
        let signal = match occurrence.signal {
            Signal::Firing { until, explicit } => {
                let word = if explicit { "ends" } else { "lapses" };
                format!("{word} {:+}", seconds(until))
            }
            Signal::Resolved { at } => format!("over {:+}", seconds(at)),
        };
        let severity = occurrence.severity.as_deref().unwrap_or("-");
        let begins = seconds(occurrence.starts_at);
        format!("{index} {} | {signal} begins {begins:+} {severity}", occurrence.labels)
    });
    lines.collect()
}

fn refused(decoded: &Decoded) -> Vec<String> {
    decoded.rejects.iter().map(|reject| format!("{} {}", reject.index, reject.reason)).collect()
}

#[test]
fn a_webhook_gives_its_alerts_whatever_else_it_holds() {
    let decoded = read(Format::Alertmanager, FIXTURES[0].1).unwrap();
    assert_eq!(
        taken(&decoded),
        [
            r#"0 alertname="alert1", severity="critical" | lapses +86400 begins -89 -"#,
            r#"1 alertname="InstanceDown", instance="db-7:9100", job="node" | over -60 begins -1200 -"#,
        ]
    );
    assert_eq!((decoded.truncated, decoded.rejects.len()), (3, 0));
    let first = &decoded.occurrences[0];
    assert_eq!(first.starts_at.millis(), NOW.millis() - 89_877, "finer than ms is cut off");
    let details = &first.details;
    assert_eq!(
        &*details.generator_url,
        "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
    );
    assert_eq!(details.annotations.get("description"), Some("queue > 1000 & rising"));
    assert_eq!(details.annotations.get("summary"), Some(""), "an empty annotation stays");

    let old = read(Format::Alertmanager, FIXTURES[1].1).unwrap();
    assert_eq!(
        taken(&old),
        [r#"0 alertname="alert1", severity="critical" | over +0 begins -3600 -"#]
    );
    assert_eq!(old.occurrences[0].fingerprint, first.fingerprint);
    let minimal = read(Format::Alertmanager, FIXTURES[2].1).unwrap();
    assert_eq!(taken(&minimal), [r#"0 alertname="X" | lapses +86400 begins +0 -"#]);
}

#[test]
fn the_fingerprint_is_computed_and_equals_the_one_sent() {
    // The first alert is Alertmanager's own test vector; the second one's is made up.
    let decoded = read(Format::Alertmanager, FIXTURES[0].1).unwrap();
    for (occurrence, same) in decoded.occurrences.iter().zip([true, false]) {
        assert_eq!(occurrence.fingerprint, occurrence.labels.fingerprint());
        let sent = format!("\"fingerprint\":\"{}\"", occurrence.fingerprint);
        assert_eq!(FIXTURES[0].1.contains(&sent), same, "{sent}");
    }
}

#[test]
fn bad_alerts_of_a_webhook_are_named_and_cost_no_good_one() {
    let decoded = read(Format::Alertmanager, FIXTURES[3].1).unwrap();
    assert_eq!(
        taken(&decoded),
        [
            r#"0 alertname="Good" | lapses +86400 begins +0 -"#,
            r#"14 alertname="Good" | over +30676888800 begins +30645352800 -"#,
        ]
    );
    let expected: Vec<&str> = fixture!("alertmanager.hostile.txt").lines().collect();
    assert_eq!(refused(&decoded), expected);
}

#[test]
fn our_own_json_is_one_alert_or_a_list() {
    let good = read(Format::Native, FIXTURES[4].1).unwrap();
    assert_eq!(
        taken(&good),
        [
            r#"0 alertname="DiskFull", host="db-7" | lapses +600 begins -90 critical"#,
            r#"1 alertname="DiskFull", host="db-8" | over -60 begins +0 -"#,
            r#"2 alertname="DiskFull", host="db-9" | ends +300 begins +0 -"#,
            r#"3 alertname="DiskFull", host="db-10" | over -3600 begins +0 -"#,
        ]
    );
    assert_eq!(&*good.occurrences[0].details.generator_url, "df -h");
    let minimal = read(Format::Native, FIXTURES[5].1).unwrap();
    assert_eq!(taken(&minimal), [r#"0 alertname="X" | lapses +86400 begins +0 -"#]);
    let instant = r#"{"labels":{"a":"b"},"starts_at":"2026-11-21T10:01:00Z","ends_at":"2026-11-21T10:01:00Z"}"#;
    let instant = read(Format::Native, instant).unwrap();
    assert_eq!(taken(&instant), [r#"0 a="b" | ends +60 begins +60 -"#]);
    assert_eq!(read(Format::Native, "[]"), Ok(Decoded::default()));
}

#[test]
fn bad_alerts_of_our_own_json_are_named_with_a_remedy() {
    let decoded = read(Format::Native, FIXTURES[6].1).unwrap();
    assert_eq!(taken(&decoded), [r#"0 alertname="Good" | lapses +86400 begins +0 -"#]);
    let expected: Vec<&str> = fixture!("native.hostile.txt").lines().collect();
    assert_eq!(refused(&decoded), expected);
}

#[test]
fn a_single_bad_alert_is_refused_without_an_index() {
    for (body, reason) in [
        (
            r#"{"labels":{"alertname":7}}"#,
            r#"0 labels."alertname": invalid type: integer `7`, expected a string in quotes"#,
        ),
        (r#"{"label":{}}"#, r#"0 unknown field "label", did you mean `labels`?"#),
        (r"{}", r#"0 labels: is missing; give at least one label, as in {"alertname":"X"}"#),
    ] {
        assert_eq!(refused(&read(Format::Native, body).unwrap()), [reason]);
    }
}

#[test]
fn the_api_fills_in_times_as_alertmanager_does() {
    let decoded = read(Format::AlertmanagerApi, FIXTURES[7].1).unwrap();
    assert_eq!(
        taken(&decoded),
        [
            r#"0 alertname="alert1", severity="critical" | ends +240 begins -89 -"#,
            r#"1 alertname="Over" | over +0 begins -3600 -"#,
            r#"2 alertname="NoTimes" | lapses +300 begins +0 -"#,
            r#"3 alertname="EndOnly" | ends +1800 begins +1800 -"#,
            r#"4 alertname="DateOnly" | lapses +300 begins -36000 -"#,
        ]
    );
    let minimal = read(Format::AlertmanagerApi, FIXTURES[8].1).unwrap();
    assert_eq!(taken(&minimal), [r#"0 alertname="X" | lapses +300 begins +0 -"#]);
    for empty in ["[]", "null", " [ ] "] {
        assert_eq!(read(Format::AlertmanagerApi, empty), Ok(Decoded::default()), "{empty}");
    }
}

#[test]
fn an_api_alert_is_over_exactly_when_its_end_is_not_later_than_its_receipt() {
    for (end, firing) in [("09:59:59.999", false), ("10:00:00.000", false), ("10:00:00.001", true)]
    {
        let body = format!(r#"[{{"labels":{{"a":"b"}},"endsAt":"2026-11-21T{end}Z"}}]"#);
        let decoded = read(Format::AlertmanagerApi, &body).unwrap();
        let fires = matches!(decoded.occurrences[0].signal, Signal::Firing { .. });
        assert_eq!(fires, firing, "{end}");
    }
}

#[test]
fn what_alertmanagers_handler_refuses_is_refused_in_its_words() {
    let decoded = read(Format::AlertmanagerApi, FIXTURES[9].1).unwrap();
    assert_eq!(
        refused(&decoded),
        [
            "1 at least one label pair required",
            "2 at least one label pair required",
            "3 invalid label set: invalid name \"\"",
            "4 invalid annotations: invalid name \"\"",
            "5 start time must be before end time",
            "6 start time must be before end time",
            "7 invalid alert.labels.\"a\": is given twice, send it once",
        ]
    );
    assert_eq!(decoded.indexes, [0, 8]);
    assert_eq!(decoded.occurrences[1].starts_at, Timestamp::EPOCH, "as strfmt reads \"\"");
}

#[test]
fn what_alertmanagers_framework_refuses_costs_the_whole_body() {
    const GOOD: &str = r#"{"labels":{"alertname":"Good"}}"#;
    let parse = "parsing alerts body from \\\"\\\" failed, because ";
    for (body, status, code, message) in [
        ("", 422, 602, "alerts in body is required".to_owned()),
        (" \n", 422, 602, "alerts in body is required".to_owned()),
        (&format!("[{GOOD},{{}}]"), 422, 602, "1.labels in body is required".into()),
        (&format!("[{GOOD},{{\"labels\":null}}]"), 422, 602, "1.labels in body is required".into()),
        (
            &format!("[{GOOD},{{\"labels\":{{}},\"generatorURL\":\"not a uri\"}},{{}}]"),
            422,
            601,
            "1.generatorURL in body must be of type uri: \\\"not a uri\\\"".into(),
        ),
        (
            &format!("[{GOOD},{{}},{{\"startsAt\":\"soon\"}}]"),
            400,
            400,
            format!("{parse}[2].startsAt: \\\"soon\\\" is no date-time, expected RFC 3339"),
        ),
        (
            &format!("[{GOOD},{{}},{{\"labels\":{{\"a\":1}}}}]"),
            400,
            400,
            format!(
                "{parse}[2].labels.\\\"a\\\": invalid type: integer `1`, expected a string in quotes"
            ),
        ),
        (
            &format!("[{GOOD},null]"),
            400,
            400,
            format!(
                "{parse}[1]: invalid type: null, expected an object with the labels of an alert"
            ),
        ),
        (
            &format!("[{GOOD},"),
            400,
            400,
            format!("{parse}EOF while parsing a value at line 1 column 33"),
        ),
        (
            "{}",
            400,
            400,
            format!("{parse}invalid type: map, expected a list of alerts at line 1 column 2"),
        ),
    ] {
        let reject = read(Format::AlertmanagerApi, body).unwrap_err();
        assert_eq!(reject.status(), status, "{body}");
        assert_eq!(
            reject.framework_body(),
            format!(r#"{{"code":{code},"message":"{message}"}}"#),
            "{body}"
        );
    }
}

#[test]
fn a_body_that_is_no_message_is_refused_by_field() {
    for (format, body, status, message) in [
        (Format::Native, &b""[..], 422, "body is empty, expected JSON"),
        (Format::Native, b"null", 422, "body is null, expected an alert or a list of them"),
        (
            Format::Native,
            b"{\"labels\":{\"a\":\"b\xFF\"}}",
            400,
            "body is not UTF-8 at byte 17, expected JSON in UTF-8",
        ),
        (
            Format::Native,
            b"{\"labels\":{\"a\":\"b\"}} x",
            400,
            "body cannot be read: trailing characters at line 1 column 22",
        ),
        (
            Format::Native,
            b"alertname=X",
            400,
            "body cannot be read: expected value at line 1 column 1",
        ),
        (
            Format::Alertmanager,
            b"{\"version\":\"3\",\"alerts\":[]}",
            422,
            "version: \"3\" is not supported, expected \"4\"",
        ),
        (
            Format::Alertmanager,
            b"{\"version\":4}",
            400,
            "body cannot be read: version: invalid type: integer `4`, expected a string in quotes at line 1 column 12",
        ),
        (
            Format::Alertmanager,
            b"{\"text\":\"hello\"}",
            422,
            "alerts: is missing, expected the list of alerts; is this an Alertmanager webhook without a payload of its own?",
        ),
        (
            Format::Alertmanager,
            b"{\"alerts\":[],\"truncatedAlerts\":-1}",
            400,
            "body cannot be read: truncatedAlerts: invalid value: integer `-1`, expected u64 at line 1 column 33",
        ),
        (
            Format::Alertmanager,
            b"{\"alerts\":[],\"alerts\":[]}",
            400,
            "body cannot be read: alerts: is given twice, send it once at line 1 column 21",
        ),
    ] {
        let reject = limited(format, body, &Limits::default()).unwrap_err();
        assert_eq!((reject.status(), &*reject.to_string()), (status, message));
    }
}

#[test]
fn every_limit_holds_at_its_value_and_is_named_beyond_it() {
    let open = Limits { alerts: 2, labels: 2, name_bytes: 4, value_bytes: 6, ..Limits::default() };
    let alert = |labels: &str| format!(r#"{{"labels":{{{labels}}}}}"#);
    let whole = [
        (format!("[{0},{0}]", alert(r#""a":"b""#)), None),
        (format!("[{0},{0},{0}]", alert(r#""a":"b""#)), Some((413, "limits.alerts"))),
        (format!("[{0},{0},7]", alert(r#""a":"b""#)), Some((413, "limits.alerts"))),
    ];
    for (body, refused) in whole {
        for format in [Format::Native, Format::AlertmanagerApi] {
            let reject = limited(format, body.as_bytes(), &open).err();
            assert_eq!(reject.as_ref().map(Reject::status), refused.map(|(status, _)| status));
            if let (Some(reject), Some((_, name))) = (reject, refused) {
                assert!(reject.to_string().contains(name), "{reject}");
            }
        }
    }
    for (labels, name) in [
        (r#""a":"1","b":"2","c":"""#, None),
        (r#""a":"1","b":"2","c":"3""#, Some("limits.labels")),
        (r#""name":"123456""#, None),
        (r#""names":"123456""#, Some("limits.name_bytes")),
        (r#""name":"1234567""#, Some("limits.value_bytes")),
    ] {
        for format in [Format::Native, Format::AlertmanagerApi] {
            let body = format!("[{}]", alert(labels));
            let decoded = limited(format, body.as_bytes(), &open).unwrap();
            let reasons = refused(&decoded).join("\n");
            assert_eq!(reasons.is_empty(), name.is_none(), "{labels} {reasons}");
            assert!(reasons.contains(name.unwrap_or_default()), "{labels} {reasons}");
        }
    }
    let body = r#"{"labels":{"a":"b"},"annotations":{"c":"d"},"generator_url":"url"}"#;
    for (alert_bytes, taken) in [(11, 1), (10, 0)] {
        let limits = Limits { alert_bytes, ..Limits::default() };
        let decoded = limited(Format::Native, body.as_bytes(), &limits).unwrap();
        assert_eq!(decoded.occurrences.len(), taken, "{:?}", refused(&decoded));
    }
    let len = body.len();
    for (body_bytes, status) in [(len, None), (len - 1, Some(413))] {
        let limits = Limits { body_bytes, ..Limits::default() };
        let reject = limited(Format::Native, body.as_bytes(), &limits).err();
        assert_eq!(reject.map(|reject| reject.status()), status);
    }
}

#[test]
fn nesting_beyond_the_limit_is_refused_wherever_it_stands() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let webhook = |levels| {
        let value = nested(levels);
        [
            format!(r#"{{"alerts":[{{"status":"firing","labels":{{"a":"b"}},"new":{value}}}]}}"#),
            format!(r#"{{"new":[[{value}]],"alerts":[]}}"#),
        ]
    };
    for (levels, refused) in [(61, false), (62, true), (200, true), (20_000, true)] {
        for body in webhook(levels) {
            let reject = read(Format::Alertmanager, &body).err();
            let expected = refused.then_some(Reject::TooDeep { limit: 64 });
            assert_eq!(reject, expected, "{levels}");
        }
        let reject = read(Format::Native, &nested(levels + 3)).err();
        assert_eq!(reject.is_some(), refused, "{levels}");
    }
}

#[test]
fn a_bad_alert_changes_nothing_for_the_others() {
    // Read at one go and read one by one, the good alerts are the same.
    for (format, body, list) in [
        (Format::Alertmanager, FIXTURES[0].1, "\"alerts\":["),
        (Format::Native, FIXTURES[4].1, "["),
    ] {
        let clean = read(format, body).unwrap();
        let spoilt = read(format, &body.replacen(list, &format!("{list}7,"), 1)).unwrap();
        assert_eq!(spoilt.occurrences, clean.occurrences);
        assert_eq!(spoilt.truncated, clean.truncated);
        assert_eq!(spoilt.rejects.len(), 1);
    }
}

#[test]
fn a_format_is_named_as_in_the_settings() {
    for format in [Format::Alertmanager, Format::Native, Format::AlertmanagerApi] {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert!("grafana".parse::<Format>().is_err());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic_or_lose_an_alert(
        which in 0..FIXTURES.len(),
        edits in proptest::collection::vec((0.0..1.0_f64, 0..5_u8, any::<u8>()), 1..8),
    ) {
        let mut body = FIXTURES[which].1.as_bytes().to_vec();
        for (place, kind, byte) in edits {
            #[expect(
                clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                reason = "a place in the body, whichever"
            )]
            let at = (body.len() as f64 * place) as usize;
            match kind {
                0 => body.truncate(at),
                1 => body.insert(at, byte),
                2 => body.insert(at, b"{}[]\",:\\0-en"[byte as usize % 12]),
                3 => drop(body.drain(at..(at + byte as usize).min(body.len()))),
                _ => if let Some(here) = body.get_mut(at) { *here = byte },
            }
        }
        for format in [Format::Alertmanager, Format::Native, Format::AlertmanagerApi] {
            match limited(format, &body, &Limits::default()) {
                Ok(decoded) => {
                    prop_assert_eq!(decoded.occurrences.len(), decoded.indexes.len());
                    let mut indexes = decoded.indexes.clone();
                    indexes.extend(decoded.rejects.iter().map(|reject| reject.index));
                    indexes.sort_unstable();
                    let all: Vec<u32> = (0..).take(indexes.len()).collect();
                    prop_assert_eq!(indexes, all, "every alert is taken or refused, once");
                    for occurrence in &decoded.occurrences {
                        prop_assert!(!occurrence.labels.is_empty());
                        prop_assert_eq!(occurrence.fingerprint, occurrence.labels.fingerprint());
                    }
                    for reject in &decoded.rejects {
                        prop_assert!(!reject.reason.is_empty());
                    }
                }
                Err(reject) => {
                    prop_assert!(matches!(reject.status(), 400 | 413 | 422));
                    prop_assert!(reject.to_string().len() < 2000);
                }
            }
        }
    }
}
