//! What the template of a message sees: the incident and why this person gets it, as plain texts.
//!
//! Whoever fills it has made every text one printable line.

use std::collections::BTreeMap;

use minijinja::Value;

use super::super::scope::{open, specimen_suspect, suspect};
use crate::model::incident::Suspect;

/// The fields of a message.
pub(super) const FIELDS: &[&str] = &[
    "kind",
    "contact",
    "because",
    "id",
    "state",
    "open",
    "title",
    "priority",
    "sum",
    "team",
    "rule",
    "since",
    "age",
    "known_error",
    "workaround",
    "cause",
    "runbook",
    "fixed_in",
    "links",
    "services",
    "members",
    "firing",
    "labels",
    "alerts",
    "more",
    "suspects",
    "last_time",
    "ack_url",
    "escalate_url",
    "resolve_url",
    "asked",
    "confirm_url",
    "reject_url",
    "reporter",
    "call",
    "also",
    "also_more",
];

/// What the fields of the lists are, for those who ask for another.
pub(super) const LISTS: &str = "one of `alerts` has labels and summary; one of `links` has \
                                name and url; one of `also` has id, priority, state, title, \
                                since and age; one of `suspects` has name, explains and of";

/// What a message says. Texts that do not apply are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageScope {
    /// `page`, `ticket` or `update`.
    pub kind: String,
    /// Who gets it.
    pub contact: String,
    /// Why that person gets it.
    pub because: String,
    /// The incident.
    pub incident: IncidentLine,
    /// Whether it waits for an answer or for its end.
    pub open: bool,
    /// The sum behind the priority.
    pub sum: String,
    /// The team that has it.
    pub team: String,
    /// The rule that made it.
    pub rule: String,
    /// What people call the known error that it is taken for.
    pub known_error: String,
    /// What helps until that is mended.
    pub workaround: String,
    /// Why it happens.
    pub cause: String,
    /// Where to read on.
    pub runbook: String,
    /// What it will be gone with.
    pub fixed_in: String,
    /// Links: name and address.
    pub links: Vec<(String, String)>,
    /// The services that suffer.
    pub services: Vec<String>,
    /// How many alerts it has.
    pub members: u32,
    /// How many of them fire.
    pub firing: u32,
    /// Labels of the root's alert.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// The most telling alerts: labels and one line of text.
    pub alerts: Vec<(String, String)>,
    /// How many alerts are not among `alerts`.
    pub more: u32,
    /// CIs that explain most of it, the likeliest first.
    pub suspects: Vec<Suspect>,
    /// How the same trouble ended the last time.
    pub last_time: String,
    /// Where a reader acknowledges it.
    pub ack_url: String,
    /// Where a reader hands it to the next line.
    pub escalate_url: String,
    /// Where a reader resolves it.
    pub resolve_url: String,
    /// Whether the reader is asked if it is over.
    pub asked: bool,
    /// Where a reader says that it is over.
    pub confirm_url: String,
    /// Where a reader says that it is not.
    pub reject_url: String,
    /// Who reads it.
    pub reader: Audience,
    /// Where those who were convened talk.
    pub call: String,
    /// Incidents told together with it.
    pub also: Vec<IncidentLine>,
    /// How many of these are not among `also`.
    pub also_more: u32,
}

/// Who reads a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// A contact of the rules.
    #[default]
    Contact,
    /// Somebody who reported it and is no contact.
    Reporter,
}

/// An incident in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentLine {
    /// Its number.
    pub id: String,
    /// Its state.
    pub state: String,
    /// Its title.
    pub title: String,
    /// Its priority.
    pub priority: String,
    /// When it was opened.
    pub since: String,
    /// How long ago that is.
    pub age: String,
}

impl IncidentLine {
    fn fields(&self) -> [(&'static str, Value); 6] {
        [
            ("id", Value::from(&*self.id)),
            ("state", Value::from(&*self.state)),
            ("title", Value::from(&*self.title)),
            ("priority", Value::from(&*self.priority)),
            ("since", Value::from(&*self.since)),
            ("age", Value::from(&*self.age)),
        ]
    }
}

impl MessageScope {
    /// Returns the scope as the template engine takes it.
    pub(super) fn value(&self) -> Value {
        let alert = |(labels, summary): &(String, String)| {
            let fields = [("labels", Value::from(&**labels)), ("summary", Value::from(&**summary))];
            Value::from(BTreeMap::from(fields))
        };
        let named = |(name, url): &(String, String)| {
            let fields = [("name", Value::from(&**name)), ("url", Value::from(&**url))];
            Value::from(BTreeMap::from(fields))
        };
        let line = |line: &IncidentLine| Value::from(BTreeMap::from(line.fields()));
        let own = [
            ("kind", Value::from(&*self.kind)),
            ("contact", Value::from(&*self.contact)),
            ("because", Value::from(&*self.because)),
            ("open", Value::from(self.open)),
            ("sum", Value::from(&*self.sum)),
            ("team", Value::from(&*self.team)),
            ("rule", Value::from(&*self.rule)),
            ("known_error", Value::from(&*self.known_error)),
            ("workaround", Value::from(&*self.workaround)),
            ("cause", Value::from(&*self.cause)),
            ("runbook", Value::from(&*self.runbook)),
            ("fixed_in", Value::from(&*self.fixed_in)),
            ("links", self.links.iter().map(named).collect()),
            ("services", Value::from(self.services.clone())),
            ("members", Value::from(self.members)),
            ("firing", Value::from(self.firing)),
            ("labels", open(self.labels.clone(), None)),
            ("alerts", self.alerts.iter().map(alert).collect()),
            ("more", Value::from(self.more)),
            ("suspects", self.suspects.iter().map(suspect).collect()),
            ("last_time", Value::from(&*self.last_time)),
            ("ack_url", Value::from(&*self.ack_url)),
            ("escalate_url", Value::from(&*self.escalate_url)),
            ("resolve_url", Value::from(&*self.resolve_url)),
            ("asked", Value::from(self.asked)),
            ("confirm_url", Value::from(&*self.confirm_url)),
            ("reject_url", Value::from(&*self.reject_url)),
            ("reporter", Value::from(self.reader == Audience::Reporter)),
            ("call", Value::from(&*self.call)),
            ("also", self.also.iter().map(line).collect()),
            ("also_more", Value::from(self.also_more)),
        ];
        Value::from(own.into_iter().chain(self.incident.fields()).collect::<BTreeMap<_, _>>())
    }
}

/// Returns messages to try templates out with: one that has everything, one that has nothing.
pub(super) fn specimens() -> [MessageScope; 2] {
    let text = String::from;
    let incident = IncidentLine {
        id: text("INC-1"),
        state: text("new"),
        title: text("Power lost in rack R12"),
        priority: text("P2"),
        since: text("2026-01-05T09:00:00.000Z"),
        age: text("4m"),
    };
    let full = MessageScope {
        kind: text("page"),
        contact: text("m.ito"),
        because: text("new incident, assigned to you"),
        open: true,
        sum: text("P2 = impact high × urgency medium"),
        team: text("dc-ops"),
        rule: text("datacenter/rack-power"),
        known_error: text("KE-0142"),
        workaround: text("systemctl restart ledger"),
        cause: text("metaspace leaks"),
        runbook: text("https://wiki.example/ke-0142"),
        fixed_in: text("ledger 7.4"),
        links: vec![(text("dashboard"), text("https://graphs.example/ledger"))],
        services: vec![text("checkout")],
        members: 3,
        firing: 2,
        labels: vec![("alertname".into(), "PduOutputOff".into())],
        alerts: vec![(text("alertname=\"PduOutputOff\""), text("Output 3 is off"))],
        more: 2,
        suspects: vec![specimen_suspect()],
        last_time: text("INC-977, 12d ago: resolved after 42m: by m.ito: strip replaced"),
        ack_url: text("https://incidents.example.com/l/a"),
        escalate_url: text("https://incidents.example.com/l/e"),
        resolve_url: text("https://incidents.example.com/l/r"),
        asked: true,
        confirm_url: text("https://incidents.example.com/l/c"),
        reject_url: text("https://incidents.example.com/l/n"),
        reader: Audience::Reporter,
        call: text("https://meet.example.com/inc-1"),
        also: vec![incident.clone()],
        also_more: 1,
        incident: incident.clone(),
    };
    let kind = text("update");
    [full, MessageScope { kind, incident, ..MessageScope::default() }]
}
