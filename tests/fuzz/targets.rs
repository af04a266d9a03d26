//! Everything that reads what others wrote, each with what its inputs begin as. A target says whether
//! the input was taken; what is promised of what was taken is asserted here.

use std::fmt::Display;
use std::hint::black_box;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use incidentd::cli::Cli;
use incidentd::cmdb::Topology;
use incidentd::cmdb::import::{self, File, Format as Form, Mode, Request};
use incidentd::engine::event::Content;
use incidentd::http::api::filter::Filter;
use incidentd::http::query::Pairs;
use incidentd::ingest::{
    self, Format, Limits, SourceFormat, Terms, cloudevents, planned, recorded,
};
use incidentd::kafka::record::{Raw, Reading};
use incidentd::model::incident::RecordId;
use incidentd::model::labels::{Fingerprint, Labels};
use incidentd::model::link::{Action, KEY_LEN, Links};
use incidentd::model::notice::NoticeId;
use incidentd::model::silence::SilenceId;
use incidentd::model::time::Timestamp;
use incidentd::rules::render::{Form as Look, render};
use incidentd::rules::{self, RuleSet, SourceFile, Subject, classic, parser};
use incidentd::settings::sources::{Carries, Envelope};
use incidentd::settings::{self, Overrides};
use incidentd::store::verify::examine;
use incidentd::store::view::Cursor;

use crate::mutate::Grammar;
use crate::seeds::{RECORDS, conditions, files, texts};

/// Takes an input; true when it was one that is read.
pub type Play = Box<dyn FnMut(&[u8]) -> bool>;

/// A reader.
pub struct Target {
    pub name: &'static str,
    /// Its part of all inputs: less for what takes long.
    pub share: u64,
    pub grammar: Grammar,
    pub seeds: fn() -> Vec<Vec<u8>>,
    pub play: fn() -> Play,
}

const fn text(
    name: &'static str,
    share: u64,
    seeds: fn() -> Vec<Vec<u8>>,
    play: fn() -> Play,
) -> Target {
    Target { name, share, grammar: Grammar::Text, seeds, play }
}

pub const TARGETS: &[Target] = &[
    text(
        "alertmanager",
        100,
        || files("tests/data/ingest", &["alertmanager."]),
        || body(Format::Alertmanager),
    ),
    text(
        "alertmanager-api",
        100,
        || files("tests/data/ingest", &["alertmanager-api"]),
        || body(Format::AlertmanagerApi),
    ),
    text("native", 100, || files("tests/data/ingest", &["native"]), || body(Format::Native)),
    text("mapping", 60, || files("tests/data/ingest", &["mapping"]), mapping),
    text("mapping-path", 60, || texts(PATHS), || taken(path)),
    text("cloudevents", 60, || texts(CLOUDEVENTS), cloudevents),
    text("kafka", 80, || texts(KAFKA), kafka),
    text("recorded", 40, || texts(RECORDED), recorded),
    text("planned", 40, || texts(PLANNED), planned),
    text("matchers", 100, conditions, matchers),
    text("rules", 12, rule_files, rules),
    text(
        "cmdb",
        12,
        || [files("tests/data/cmdb", &["topology"]), texts(CMDB)].concat(),
        || cmdb(Form::Yaml),
    ),
    text("cmdb-csv", 20, || files("tests/data/cmdb", &[".csv"]), || cmdb(Form::Csv)),
    text(
        "cmdb-kubernetes",
        20,
        || files("tests/data/cmdb", &["kubernetes"]),
        || cmdb(Form::Kubernetes),
    ),
    text("cmdb-record", 40, || texts(CMDB_RECORDS), cmdb_record),
    text("settings", 2, || [files("config", &["packaged"]), texts(SETTINGS)].concat(), settings),
    text("ids", 80, || texts(IDS), ids),
    text("links", 60, links_made, links),
    text("query", 60, || texts(QUERIES), query),
    text("command-line", 4, || texts(COMMANDS), command_line),
    Target {
        name: "stored",
        share: 100,
        grammar: Grammar::Record,
        seeds: || RECORDS.all.clone(),
        play: stored,
    },
];

/// When every input arrives: 2026-11-21T10:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_795_255_200_000);
const LEASE: Duration = Duration::from_mins(5);

fn taken(mut read: impl FnMut(&str) -> bool + 'static) -> Play {
    Box::new(move |input| std::str::from_utf8(input).is_ok_and(&mut read))
}

/// What was read says where it stood, and what is written of it is read again as the same alerts.
fn body(format: Format) -> Play {
    let limits = Limits::default();
    Box::new(move |input| {
        let terms = Terms { received: NOW, lease: LEASE, limits: &limits };
        let Ok(decoded) = ingest::decode(format, input, &terms) else { return false };
        assert_eq!(decoded.occurrences.len(), decoded.indexes.len());
        assert!(decoded.occurrences.len() + decoded.rejects.len() <= limits.alerts);
        for it in &decoded.occurrences {
            assert!(it.labels.len() <= limits.labels && it.fingerprint == it.labels.fingerprint());
            assert_eq!(Labels::from_packed(&it.labels.packed()).as_ref(), Some(&it.labels));
        }
        if decoded.occurrences.is_empty() {
            return false;
        }
        // Signs are longer when they are written again.
        let roomy = Limits { body_bytes: 64 << 20, alert_bytes: 1 << 20, ..limits.clone() };
        let written = ingest::write(&decoded.occurrences);
        let again = Terms { limits: &roomy, ..terms };
        let again = ingest::decode(Format::Native, &written, &again).unwrap();
        assert_eq!(again.rejects, []);
        let labels = |of: &[incidentd::model::alert::Occurrence]| -> Vec<Labels> {
            of.iter().map(|it| it.labels.clone()).collect()
        };
        assert_eq!(labels(&again.occurrences), labels(&decoded.occurrences));
        true
    })
}

const MAPPING: &str = r#"
version: 1
namespace: fuzz
mappings:
  old:
    alerts: $.alerts
    labels:
      alertname: title
      host: {path: tags.host, default: nowhere}
      team: 'tags["team.name"]'
      groups: 'groups[*]'
      org: $.org.name
      from: {value: grafana}
    required: [alertname]
    annotations: {text: message, value: value}
    status: {path: state, firing: [alerting, ALARM], resolved: [OK]}
    severity: {path: level, map: {CRIT: critical}, other: minor}
    starts_at: since
    ends_at: until
"#;

fn rule_set(text: &str) -> RuleSet {
    let loaded = rules::load(&[SourceFile { name: "fuzz.yaml".into(), text: text.into() }]);
    loaded.set.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn mapping() -> Play {
    let (rules, limits) = (rule_set(MAPPING), Limits::default());
    let format = SourceFormat::Mapped("old".into());
    Box::new(move |input| {
        let terms = Terms { received: NOW, lease: LEASE, limits: &limits };
        rules.decode(&format, input, &terms).is_ok_and(|it| !it.occurrences.is_empty())
    })
}

const PATHS: &[&str] = &[
    "$",
    "title",
    "tags.host",
    "hosts[0].name",
    "tags[*]",
    "meta[\"a.b\"]",
    "$.org.name",
    "$.a[*].b[17][*].c",
];

fn path(text: &str) -> bool {
    let Ok(path) = ingest::mapping::path::Path::parse(text) else { return false };
    let again = ingest::mapping::path::Path::parse(path.text());
    assert_eq!(again.as_ref(), Ok(&path));
    true
}

const CLOUDEVENTS: &[&str] = &[
    r#"{"specversion": "1.0", "id": "7", "source": "/a", "type": "t", "datacontenttype": "application/json; charset=utf-8", "data": {"labels": {"alertname": "X"}}}"#,
    r#"{"specversion": "1.0", "id": "7", "source": "/a", "type": "t", "data_base64": "e30=", "subject": "x", "traceparent": "00-1-2-3"}"#,
];

fn cloudevents() -> Play {
    let limits = Limits::default();
    Box::new(move |input| {
        let enclosed = cloudevents::structured(input, &limits);
        enclosed.is_ok_and(|it| it.identity.contains('\n') && it.data.len() <= input.len())
    })
}

/// Headers, a line each, then an empty line, the key, a line's end, and the value.
const KAFKA: &[&str] = &[
    "content-type: application/json\nidempotency-key: 7\n\nk\n{\"labels\": {\"alertname\": \"X\"}}",
    "content-type: application/cloudevents+json\n\nk\n{\"specversion\": \"1.0\", \"id\": \"7\", \"source\": \"/a\", \"type\": \"t\", \"data\": [{\"labels\": {\"alertname\": \"X\"}}]}",
    "ce_specversion: 1.0\nce_id: 7\nce_source: /a\nce_type: t\ncontent-type: application/json\n\nk\n{\"labels\": {\"alertname\": \"X\"}, \"status\": \"resolved\"}",
    "\n\nCHG-1\n{\"cis\": [\"db-1\"], \"from\": \"2026-11-21T10:00:00Z\", \"to\": \"2026-11-21T12:00:00Z\", \"state\": \"approved\", \"owner\": \"mia\"}",
    "\n\nsrv-1 -hosts-> vm-1\n{\"source\": \"netbox\", \"confidence\": 0.5}",
    "\n\nvm-1\n{\"class\": \"vm\", \"owner\": \"linux\", \"labels\": {\"node\": \"vm-1\"}}",
];

fn kafka() -> Play {
    let rules = rule_set(MAPPING);
    let readings: Vec<Reading> = [
        (Envelope::None, Carries::Alerts),
        (Envelope::CloudEvents, Carries::Alerts),
        (Envelope::None, Carries::Changes),
        (Envelope::None, Carries::Cmdb),
    ]
    .into_iter()
    .map(|(envelope, carries)| Reading {
        source: "s".into(),
        format: SourceFormat::Known(Format::Native),
        envelope,
        carries,
        lease: LEASE,
        limits: Limits::default(),
    })
    .collect();
    Box::new(move |input| {
        let split = input.windows(2).position(|two| two == b"\n\n");
        let (head, rest) = split.map_or((&b""[..], input), |at| (&input[..at], &input[at + 2..]));
        let headers: Vec<(&str, &[u8])> = head
            .split(|byte| *byte == b'\n')
            .filter_map(|line| {
                let at = line.windows(2).position(|two| two == b": ")?;
                Some((std::str::from_utf8(&line[..at]).ok()?, &line[at + 2..]))
            })
            .collect();
        let at = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (key, value) = (&rest[..at], rest.get(at + 1..).unwrap_or(b""));
        let (topic, is_null) = ("t", value == b"null");
        let raw = Raw {
            topic,
            partition: 0,
            offset: 1,
            at: Some(NOW),
            key,
            value,
            is_null,
            headers: &headers,
        };
        let mut is_taken = false;
        for reading in &readings {
            is_taken |= match reading.carries {
                Carries::Cmdb => reading.row(&raw).is_ok(),
                Carries::Alerts | Carries::Changes => {
                    let content = reading.read(&rules, &raw, NOW).content;
                    matches!(content, Content::Alerts { .. } | Content::Planned { .. })
                }
            };
        }
        is_taken
    })
}

const RECORDED: &[&str] = &[
    r#"{"at": "2026-11-21T10:00:00Z", "source": "prometheus", "labels": {"alertname": "X", "severity": "critical"}, "starts_at": "2026-11-21T09:59:00Z"}"#,
    r#"{"labels": {"alertname": "X"}, "startsAt": "2026-11-21T10:00:00Z", "endsAt": "2026-11-21T11:00:00Z", "status": {"state": "active"}}"#,
    r#"{"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "X"}, "startsAt": "2026-11-21T10:00:00Z"}]}"#,
];

fn recorded() -> Play {
    taken(|text| recorded::read(text).is_ok_and(|it| !it.occurrences.is_empty()))
}

const PLANNED: &[&str] = &[
    r#"{"number": "CHG-1", "cis": ["db-1", "db-2"], "from": "2026-11-21T10:00:00Z", "to": "2026-11-21T12:00:00+01:00", "state": "approved", "owner": "mia", "summary": "new disks"}"#,
    r#"{"cis": ["db-1"], "from": "2026-11-21T10:00:00Z", "to": "2026-11-21T12:00:00Z", "state": "in_progress"}"#,
];

fn planned() -> Play {
    let limits = Limits::default();
    Box::new(move |input| planned::read("CHG-1", input, &limits).is_ok())
}

/// Matchers, in all three grammars; what is read is written as what is read again, and tried.
fn matchers() -> Play {
    let mut pairs = [
        ("alertname", "DiskFull"),
        ("instance", "db-1.example.org:9100"),
        ("mountpoint", "/var/lib/postgresql"),
        ("n", "0.93"),
        ("text", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
    ];
    let labels = Labels::build(&mut pairs).unwrap();
    taken(move |text| {
        let subject = Subject::new(&labels, "critical", None);
        let mut is_taken = classic::parse_one(text).map(|it| it.holds(&subject)).is_ok();
        for read in [parser::parse, parser::parse_rules] {
            let Ok(matchers) = read(text) else { continue };
            for matcher in &matchers {
                let holds = matcher.holds(&subject);
                let written = matcher.to_string();
                let again = read(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
                assert_eq!(
                    again.iter().map(|it| it.holds(&subject)).collect::<Vec<_>>(),
                    [holds],
                    "{written}"
                );
            }
            is_taken = true;
        }
        is_taken
    })
}

fn rule_files() -> Vec<Vec<u8>> {
    let small = |file: &Vec<u8>| file.len() < 6_000;
    let base = files("rules/base", &[".yaml"]).into_iter().filter(small);
    let more =
        [files("rules/examples", &[".yaml"]), files("tests/data/rules", &[".yaml"])].concat();
    base.chain(more).collect()
}

/// Rule files, and what is said of their mistakes.
fn rules() -> Play {
    taken(|text| {
        let files = [SourceFile { name: "fuzz.yaml".into(), text: text.into() }];
        let loaded = rules::load(&files);
        assert!(loaded.set.is_some() || !loaded.diagnostics.is_empty());
        for look in [Look::Human, Look::Short, Look::Json] {
            black_box(render(look, &loaded.diagnostics, &files));
        }
        loaded.set.is_some()
    })
}

const CMDB: &[&str] = &[
    "cis:\n  pdu-1: {class: pdu, owner: dc-ops}\n  srv-1: {class: server, owner: linux}\n  shop: {class: service, tier: 1, users: 1200, labels: {service: shop}}\nrelations:\n  - pdu-1 -powers-> srv-1\n  - {from: srv-1, type: runs, to: shop, source: netbox, confidence: 0.5, valid_from: 2026-01-01T00:00:00Z}\nrelation_types:\n  feeds: {converse: fed_by, suffers: to}\nremove: {cis: [old-1]}\n",
    "cis:\n  - {id: a, class: server}\n  - id: b\n    class: vm\n    needs: {any: 1}\nrelations: [a -hosts-> b]\n",
];

/// Imports as the whole and as changes, and what is said of their mistakes; what is taken becomes a
/// topology.
fn cmdb(form: Form) -> Play {
    let rows =
        import::read(CMDB[1].replace("    needs: {any: 1}\n", "").as_str(), "base.yaml").unwrap();
    let base = Topology::build(1, &rows).unwrap();
    taken(move |text| {
        let files = [File { name: "fuzz", text }];
        let mut is_taken = false;
        for mode in [Mode::Replace, Mode::Merge] {
            let request = Request { files: &files, format: Some(form), mode, ..Request::default() };
            match import::import(&request, &base, NOW) {
                Ok(rows) => is_taken |= Topology::build(2, &rows).is_ok(),
                Err(problems) => assert!(!problems.iter().any(|it| it.to_string().is_empty())),
            }
        }
        is_taken
    })
}

const CMDB_RECORDS: &[&str] = &[
    "vm-1\n{\"class\": \"vm\", \"owner\": \"linux\", \"labels\": {\"node\": \"vm-1\"}}",
    "srv-1 -hosts-> vm-1\n{\"source\": \"netbox\", \"confidence\": 0.5, \"valid_from\": \"2026-01-01T00:00:00Z\"}",
    "srv-1 -hosts-> vm-1\n\"srv-1 -hosts-> vm-1\"",
];

fn cmdb_record() -> Play {
    taken(|text| {
        let (key, value) = text.split_once('\n').unwrap_or((text, ""));
        let value = (value != "null").then_some(value);
        import::read_record(key.as_bytes(), value, "topic").is_ok()
    })
}

const SETTINGS: &[&str] = &[
    "[http]\nlisten = \"127.0.0.1:9494\"\nallowed_hosts = [\"a.example\"]\nheader_timeout = \"10s\"\n[storage]\nwrite_buffer = \"1MiB\"\n[limits]\nalerts_per_source = 1000\n[sources.prom]\nformat = \"alertmanager\"\nlease = \"5m\"\n[channels.sink]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\nallow_private = true\n",
    "[kafka.clusters.main]\nbrokers = 'a:9092,b:9092'\n[sources.metrics]\nformat = 'native'\ncluster = 'main'\ntopics = ['alerts', '^logs-.*']\nstart = 'beginning'\n[users.mia]\nrole = 'operator'\n[events]\ntopic = 'incidents'\ncluster = 'main'\n[retention]\nincidents = '90d'\n[disk]\nsoft_free = '1GiB'\n",
];

fn settings() -> Play {
    // In memory, where there is such a place.
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    Box::new(move |input| {
        let file = dir.path().join("config.toml");
        std::fs::write(&file, input).unwrap();
        match settings::load(Some(&file), &Overrides::default()) {
            Ok(_) => true,
            Err(problems) => {
                assert!(
                    !problems.is_empty() && problems.iter().all(|it| !it.to_string().is_empty())
                );
                false
            }
        }
    })
}

const IDS: &[&str] = &[
    "INC-1042",
    "INC-1042/3",
    "1042",
    "0223b772b51c29e1",
    "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b",
    "009fff",
    "2026-11-21T10:00:00.123+05:30",
    "2026-11-21 10:00:00Z",
    "1h30m",
    "500ms",
    "5124095576030431h",
    "mapping:grafana",
    "alertmanager-api",
];

fn same<T: FromStr + Display + PartialEq>(text: &str) -> bool {
    let Ok(read) = text.parse::<T>() else { return false };
    let written = read.to_string();
    assert!(written.parse::<T>().is_ok_and(|again| again == read), "{written}");
    true
}

/// Numbers, places, times and spans; what is read is written as what is read again.
fn ids() -> Play {
    taken(|text| {
        let format = SourceFormat::parse(text);
        if let Some(format) = &format {
            assert_eq!(SourceFormat::parse(&format.to_string()).as_ref(), Some(format));
        }
        let found = [
            same::<RecordId>(text),
            same::<Fingerprint>(text),
            same::<NoticeId>(text),
            same::<SilenceId>(text),
            same::<Cursor>(text),
            ingest::date_time(text).is_some(),
            rules::duration(text).is_some(),
            format.is_some(),
        ];
        found.contains(&true)
    })
}

fn all_links() -> Links {
    Links::new("https://i.example", [7; KEY_LEN], Duration::from_hours(1))
}

fn links_made() -> Vec<Vec<u8>> {
    let notice = NoticeId { incident: RecordId(1042), seq: 3 };
    let url = |contact| all_links().url(notice, NOW, Action::Acknowledge, contact);
    let token = |url: String| url.rsplit('/').next().unwrap().as_bytes().to_vec();
    ["mia", "m|ito"].map(|contact| token(url(contact))).to_vec()
}

/// Links: none is taken but those that were made.
fn links() -> Play {
    let (links, made) = (all_links(), links_made());
    Box::new(move |input| {
        let taken = std::str::from_utf8(input).is_ok_and(|text| links.read(text, NOW).is_ok());
        assert!(!taken || made.iter().any(|it| it == input), "a link was forged");
        taken
    })
}

const QUERIES: &[&str] = &[
    "state=open&filter=alertname%3D%22DiskFull%22&limit=7&cursor=009fff",
    "filter=ci.name%3D~%22db-.*%22&filter=severity%21%3Dinfo&dry_run&limit=1000",
];

fn query() -> Play {
    taken(|text| {
        let Ok(uri) = format!("/api/v1/alerts?{text}").parse::<axum::http::Uri>() else {
            return false;
        };
        let Ok(pairs) = Pairs::read(&uri, &["state", "filter", "limit", "cursor", "dry_run"])
        else {
            return false;
        };
        let cursor =
            pairs.one("cursor").is_ok_and(|it| it.is_none_or(|it| it.parse::<Cursor>().is_ok()));
        let rest = pairs.limit().is_ok() && pairs.switch("dry_run").is_ok();
        Filter::read(&pairs).is_ok() && cursor && rest
    })
}

const COMMANDS: &[&str] = &[
    "incidents ls --state open --filter a=\"b\" -o json",
    "incidents ack INC-1042 --for 30m --note x",
    "alerts send --labels alertname=X,severity=critical",
    "cmdb import a.yaml --format csv --yes",
    "quiet add --matcher a=b --for 2h --comment x",
    "check rules --format json",
    "db verify --data data",
    "replay a.jsonl --rules rules --against HEAD~1",
    "-s http://127.0.0.1:9494 explain INC-1042",
];

/// The command line, read, not done.
fn command_line() -> Play {
    taken(|text| Cli::try_parse_from(std::iter::once("incidentd").chain(text.split(' '))).is_ok())
}

/// A record of the store, whose family is its first byte.
fn stored() -> Play {
    let families = &RECORDS.families;
    Box::new(move |input| {
        let [family, len, rest @ ..] = input else { return false };
        let (key, value) = rest.split_at(usize::from(*len).min(rest.len()));
        let family = &families[usize::from(*family) % families.len()];
        examine(family, key, value).is_ok()
    })
}
