//! Bulletins as `CloudEvents` 1.0 in JSON, structured mode (the binding for Kafka, 3.3).
//!
//! Others build on it: in `v1` fields are added, never renamed and never taken away.
//! `config/incident-event.v1.json` describes `data`.

use serde::Serialize;

use crate::model::bulletin::{Bulletin, BulletinField, Happened, Outline};

/// What a record with an event in structured mode calls its content.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

/// Names the schema of `data`; `GET /api/v1/schemas/incident-event.v1.json` shows it.
pub const DATA_SCHEMA: &str = "urn:incidentd:schema:incident-event.v1";

/// The schema of `data` (JSON Schema 2020-12).
pub const SCHEMA: &str = include_str!("../../config/incident-event.v1.json");

/// What events say of the installation they come from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Names the installation, also after a restore.
    source: String,
    /// Where people reach it, with a slash at its end.
    base: Option<String>,
}

impl Origin {
    /// Names an installation; `public_url` is where people reach it.
    pub fn new(installation: &str, public_url: Option<&str>) -> Self {
        let base = public_url.map(|url| format!("{}/", url.trim_end_matches('/')));
        Self { source: format!("urn:incidentd:{installation}"), base }
    }
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    /// Incident, place, time: after a restore the places of what was lost are given again, but not at
    /// the same time.
    id: String,
    source: &'a str,
    r#type: String,
    time: String,
    subject: &'a str,
    datacontenttype: &'static str,
    dataschema: &'static str,
    /// Extension `sequence`: in the order of its bytes, and without a gap over all incidents.
    sequence: String,
    /// Extension `partitioning`.
    partitionkey: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    incident: IncidentData<'a>,
    changed: Vec<String>,
    by: Option<&'a str>,
    happened: Vec<HappenedData<'a>>,
}

#[derive(Serialize)]
struct IncidentData<'a> {
    id: &'a str,
    version: u32,
    revision: u32,
    state: String,
    title: &'a str,
    priority: String,
    impact: String,
    urgency: String,
    category: Option<&'a str>,
    team: Option<&'a str>,
    assignee: Option<&'a str>,
    holder: Option<&'a str>,
    ci: Option<&'a str>,
    parent: Option<String>,
    members: u32,
    firing: u32,
    major: bool,
    quiet: bool,
    known_error: Option<&'a str>,
    opened_at: String,
    url: Option<String>,
}

#[derive(Serialize)]
struct HappenedData<'a> {
    what: String,
    count: u32,
    text: &'a str,
}

/// Writes a bulletin; the same bytes each time.
pub fn write(bulletin: &Bulletin, origin: &Origin) -> Vec<u8> {
    let subject = bulletin.incident.to_string();
    let event = CloudEvent {
        specversion: "1.0",
        id: format!("{subject}/{}/{}", bulletin.seq, bulletin.at.millis()),
        source: &origin.source,
        r#type: format!("incidentd.incident.{}.v1", bulletin.kind),
        time: bulletin.at.to_string(),
        subject: &subject,
        datacontenttype: "application/json",
        dataschema: DATA_SCHEMA,
        sequence: format!("{:020}", bulletin.seq),
        partitionkey: &subject,
        data: Data {
            incident: incident(bulletin, &subject, origin),
            changed: bulletin.changed.iter().map(BulletinField::to_string).collect(),
            by: bulletin.by.as_deref(),
            happened: bulletin.happened.iter().map(happened).collect(),
        },
    };
    // Not: an error. Texts and numbers can always be written.
    serde_json::to_vec(&event).unwrap_or_default()
}

fn incident<'a>(bulletin: &'a Bulletin, id: &'a str, origin: &Origin) -> IncidentData<'a> {
    let Outline { title, flags, opened_at, .. } = &bulletin.outline;
    let outline = &bulletin.outline;
    IncidentData {
        id,
        version: bulletin.version,
        revision: bulletin.revision,
        state: outline.state.to_string(),
        title,
        priority: outline.priority.to_string(),
        impact: outline.impact.to_string(),
        urgency: outline.urgency.to_string(),
        category: outline.category.as_deref(),
        team: outline.team.as_deref(),
        assignee: outline.assignee.as_deref(),
        holder: outline.holder.as_deref(),
        ci: outline.ci.as_deref(),
        parent: outline.parent.map(|parent| parent.to_string()),
        members: outline.members,
        firing: outline.firing,
        major: flags.major,
        quiet: flags.quiet,
        known_error: outline.known_error.as_deref(),
        opened_at: opened_at.to_string(),
        url: origin.base.as_ref().map(|base| format!("{base}api/v1/incidents/{id}")),
    }
}

fn happened(it: &Happened) -> HappenedData<'_> {
    HappenedData { what: it.what.to_string(), count: it.count, text: &it.text }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::cmdb::Topology;
    use crate::engine::bulletins::BulletinLimits;
    use crate::engine::context::{Context, Limits};
    use crate::engine::event::Event;
    use crate::engine::order::{Command, Ending, Order};
    use crate::engine::own;
    use crate::lab::world::World;
    use crate::model::assignment::Handover;
    use crate::model::bulletin::{BulletinKind, Flags};
    use crate::model::incident::RecordId;
    use crate::model::priority::{Impact, Priority, Urgency};
    use crate::model::progress::StateName;
    use crate::model::time::Timestamp;
    use crate::model::timeline::Happening;
    use crate::rules::RuleSet;

    fn bulletin() -> Bulletin {
        Bulletin {
            seq: 42,
            incident: RecordId(1042),
            kind: BulletinKind::Acknowledged,
            at: Timestamp::from_millis(1_767_603_600_000),
            by: Some("m.ito".into()),
            changed: vec![BulletinField::State, BulletinField::Holder],
            happened: vec![Happened {
                what: Happening::Acknowledged,
                count: 1,
                text: "by m.ito".into(),
            }],
            version: 3,
            revision: 7,
            outline: Outline {
                state: StateName::Acknowledged,
                title: "Power lost in rack R12".into(),
                priority: Priority::P2,
                impact: Impact::High,
                urgency: Urgency::Medium,
                category: None,
                team: Some("dc-ops".into()),
                assignee: None,
                holder: Some("m.ito".into()),
                ci: Some("pdu-r12a".into()),
                parent: None,
                members: 38,
                firing: 37,
                flags: Flags::default(),
                known_error: None,
                opened_at: Timestamp::from_millis(1_767_603_000_000),
            },
        }
    }

    fn written(bulletin: &Bulletin, public_url: Option<&str>) -> Value {
        let origin = Origin::new("7e57", public_url);
        serde_json::from_slice(&write(bulletin, &origin)).unwrap()
    }

    #[test]
    fn an_event_is_written_so() {
        let found = written(&bulletin(), Some("https://i.example/base"));
        insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap(), @r#"
        {
          "data": {
            "by": "m.ito",
            "changed": [
              "state",
              "holder"
            ],
            "happened": [
              {
                "count": 1,
                "text": "by m.ito",
                "what": "acknowledged"
              }
            ],
            "incident": {
              "assignee": null,
              "category": null,
              "ci": "pdu-r12a",
              "firing": 37,
              "holder": "m.ito",
              "id": "INC-1042",
              "impact": "high",
              "known_error": null,
              "major": false,
              "members": 38,
              "opened_at": "2026-01-05T08:50:00.000Z",
              "parent": null,
              "priority": "P2",
              "quiet": false,
              "revision": 7,
              "state": "acknowledged",
              "team": "dc-ops",
              "title": "Power lost in rack R12",
              "urgency": "medium",
              "url": "https://i.example/base/api/v1/incidents/INC-1042",
              "version": 3
            }
          },
          "datacontenttype": "application/json",
          "dataschema": "urn:incidentd:schema:incident-event.v1",
          "id": "INC-1042/42/1767603600000",
          "partitionkey": "INC-1042",
          "sequence": "00000000000000000042",
          "source": "urn:incidentd:7e57",
          "specversion": "1.0",
          "subject": "INC-1042",
          "time": "2026-01-05T09:00:00.000Z",
          "type": "incidentd.incident.acknowledged.v1"
        }
        "#);
        assert_eq!(written(&bulletin(), None)["data"]["incident"]["url"], Value::Null);
    }

    /// Says what of `value` is not as the schema says: as much of JSON Schema as ours uses, and a
    /// word of it that is not known here is a fault, too.
    fn judge(schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for (word, says) in schema.as_object().unwrap() {
            match &**word {
                "$schema" | "$id" | "title" | "description" | "format" => {}
                "type" => {
                    let types = says.as_array().cloned().unwrap_or_else(|| vec![says.clone()]);
                    if !types.iter().any(|name| is_a(value, name.as_str().unwrap())) {
                        wrong.push(format!("{at}: {value} is not {says}"));
                    }
                }
                "enum" => {
                    if !says.as_array().unwrap().contains(value) {
                        wrong.push(format!("{at}: {value} is none of {says}"));
                    }
                }
                "minimum" => {
                    if value.as_u64() < says.as_u64() {
                        wrong.push(format!("{at}: {value} is below {says}"));
                    }
                }
                "required" => {
                    let missing = says.as_array().unwrap().iter().filter(|name| {
                        value
                            .as_object()
                            .is_none_or(|all| !all.contains_key(name.as_str().unwrap()))
                    });
                    wrong.extend(missing.map(|name| format!("{at}: {name} is missing")));
                }
                "properties" => {
                    for (name, inner) in value.as_object().into_iter().flatten() {
                        let at = format!("{at}/{name}");
                        match says.get(name) {
                            Some(says) => wrong.extend(judge(says, inner, &at)),
                            None => wrong.push(format!("{at} is not described")),
                        }
                    }
                }
                "items" => {
                    for inner in value.as_array().into_iter().flatten() {
                        wrong.extend(judge(says, inner, at));
                    }
                }
                _ => wrong.push(format!("{at}: the schema says {word}")),
            }
        }
        wrong
    }

    fn is_a(value: &Value, name: &str) -> bool {
        match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => false,
        }
    }

    /// What the engine tells of three incidents in which a lot happens.
    fn story() -> Vec<Bulletin> {
        let limits = Limits {
            bulletins: Some(BulletinLimits {
                waiting_max: 1_000,
                waiting_for: Duration::from_hours(1_000),
            }),
            ..Limits::default()
        };
        let rules = Arc::new(RuleSet::builtin());
        let ctx = Context::new(rules, Arc::new(Topology::empty()), limits);
        let mut at = Timestamp::from_millis(1_767_603_600_000);
        let mut world = World::new(ctx, at);
        for name in ["A", "B", "C", "D"] {
            let occurrences = vec![own::occurrence(name, ("host", "a"), "summary", at)];
            world.event(&Event::Received { source: "t".into(), occurrences }, at);
        }
        let handover = Handover::default();
        let hold = Some(Duration::from_mins(5));
        for (incident, command) in [
            (1, Command::Acknowledge { hold, update_in: None }),
            (1, Command::Note),
            (1, Command::DeclareMajor),
            (1, Command::Escalate { to: None, handover }),
            (1, Command::Prioritise { priority: Some(Priority::P1) }),
            (2, Command::Merge { into: RecordId(1) }),
            (3, Command::Cancel),
            (4, Command::Claim),
            (4, Command::Resolve(Ending::default())),
            (4, Command::Reopen),
        ] {
            at = at.plus(Duration::from_secs(1));
            let (incident, by, note) = (RecordId(incident), "mia".into(), "because".into());
            let order = Order { incident, by, expected: None, note, command };
            world.event(&Event::Handle(order), at);
        }
        world.advance(at.plus(Duration::from_hours(24 * 20)));
        world.image().bulletins.values().cloned().collect()
    }

    #[test]
    fn every_event_is_as_the_schema_says() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(schema["$id"], DATA_SCHEMA);
        let told = story();
        let kinds: BTreeSet<_> = told.iter().map(|bulletin| bulletin.kind.to_string()).collect();
        assert!(kinds.len() >= 8, "a dull story: {kinds:?}");
        for bulletin in told.iter().chain([&bulletin()]) {
            for public_url in [None, Some("https://i.example")] {
                let event = written(bulletin, public_url);
                assert_eq!(judge(&schema, &event["data"], "data"), Vec::<String>::new());
            }
        }
        for (place, wrong) in [
            ("/incident/state", json!("asleep")),
            ("/incident/members", json!(-1)),
            ("/incident/team", json!(7)),
            ("/changed", json!(["mood"])),
            ("/happened", json!([{"what": "opened", "count": 1}])),
            ("/by", json!({})),
        ] {
            let mut event = written(&bulletin(), None);
            *event["data"].pointer_mut(place).unwrap() = wrong;
            assert!(!judge(&schema, &event["data"], "data").is_empty(), "{place}");
        }
        let mut event = written(&bulletin(), None);
        event["data"]["incident"]["mood"] = json!("good");
        assert!(!judge(&schema, &event["data"], "data").is_empty(), "what is not described");
    }
}
