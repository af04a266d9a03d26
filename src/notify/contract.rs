//! What every channel must do, against a receiver that behaves and misbehaves.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use reqwest::Url;

use super::channel::{Channel, Failure, Message, Purpose};
use super::kafkasink;
use super::mailsink::{Act, MailSink, Stage};
use super::receivers;
use super::tests::{briefing, page};
use super::text::Wording;
use crate::model::notice::Notice;
use crate::settings::address::Reach;
use crate::settings::channels::{Channel as Setting, Webhook};
use crate::settings::secret::Secret;

/// What a receiver does with one connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behaviour {
    /// Answers with these status line and headers.
    Answer(&'static str),
    /// Answers 200 and then sends a body without end.
    Endless,
    /// Never answers.
    Hang,
    /// Closes the connection.
    Close,
    /// Resets the connection once the request has come.
    Reset,
    /// Answers 200 with this body.
    Json(&'static str),
}

/// A receiver on loopback that takes one request for each behaviour, in order.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

impl Sink {
    pub(super) fn start(behaviours: Vec<Behaviour>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            let mut hanging = Vec::new();
            for behaviour in behaviours {
                let (mut stream, _) = listener.accept().unwrap();
                if matches!(behaviour, Behaviour::Reset) {
                    // What was not read when a socket is closed makes it a reset (RFC 9293, 3.6).
                    stream.peek(&mut [0]).unwrap();
                    continue;
                }
                let request = read_request(&mut stream);
                match behaviour {
                    Behaviour::Answer(head) => {
                        let answer = format!(
                            "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 6\r\n\r\ns3cret"
                        );
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                    Behaviour::Endless => {
                        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                        while stream.write_all(&[b'x'; 4_096]).is_ok() {}
                    }
                    Behaviour::Hang => hanging.push(stream),
                    Behaviour::Close | Behaviour::Reset => drop(stream),
                    Behaviour::Json(body) => {
                        let length = body.len();
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                        );
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                }
                if sender.send(request).is_err() {
                    return;
                }
            }
            // Connections that hang are kept until the test is over.
            while sender.send(String::new()).is_ok() {
                thread::park_timeout(Duration::from_millis(20));
            }
        });
        Self { address, requests }
    }

    pub(super) fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    /// The address of something here; its last part is a secret.
    pub(super) fn url(&self) -> Url {
        Url::parse(&format!("http://{}/t0ken", self.address)).unwrap()
    }

    /// A setting that leads here.
    pub(super) fn setting(&self, timeout: Duration) -> Setting {
        Setting::Webhook(Webhook {
            url: Secret::new(self.url()),
            keys: Vec::new(),
            timeout,
            reach: Reach::Anywhere,
        })
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let read = stream.read(&mut part).unwrap();
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length.split_once("content-length: ").map_or("0", |(_, rest)| rest);
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() >= length {
                return text.into_owned();
            }
        }
        assert_ne!(read, 0, "the request ended early: {text}");
    }
}

fn passing(error: &str, asked_s: Option<u64>) -> Result<(), Failure> {
    Err(Failure::Passing { error: error.into(), asked: asked_s.map(Duration::from_secs) })
}

fn refused(error: &str) -> Result<(), Failure> {
    Err(Failure::Refused(error.into()))
}

/// What receivers that hang are waited for.
pub(super) const SHORT: Duration = Duration::from_millis(300);

/// Sends a page by a channel.
pub(super) async fn send(setting: &Setting) -> Result<(), Failure> {
    send_notice(setting, &page(1042, 3)).await
}

/// Sends a notice by a channel.
pub(super) async fn send_notice(setting: &Setting, notice: &Notice) -> Result<(), Failure> {
    let briefing = briefing(1042);
    let text = Wording {
        subject: "[P2] INC-1042 Power lost\r\nBcc: eve@example.com".into(),
        text: "the text".into(),
        html: Some("<p>the text</p>".into()),
    };
    let message = Message {
        notice,
        briefing: Some(&briefing),
        text: &text,
        purpose: Purpose::Notice,
        address: None,
    };
    let channel = Channel::new("c", setting, "7e57").unwrap();
    channel.send(&message).await.map(|_| ())
}

/// What a receiver may do, whatever it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    Takes,
    PutsOff,
    Refuses,
    Hangs,
    Closes,
    Resets,
    IsNotThere,
}

/// The settings of every channel with a receiver, each meeting one that does this.
fn channels(meeting: Meeting) -> Vec<(&'static str, Setting)> {
    let http = match meeting {
        Meeting::Takes => vec![Behaviour::Answer("200 OK")],
        Meeting::PutsOff => vec![Behaviour::Answer("503 Service Unavailable")],
        Meeting::Refuses => vec![Behaviour::Answer("404 Not Found")],
        Meeting::Hangs => vec![Behaviour::Hang],
        Meeting::Closes => vec![Behaviour::Close],
        Meeting::Resets => vec![Behaviour::Reset],
        Meeting::IsNotThere => vec![],
    };
    let mail = match meeting {
        Meeting::Takes => vec![Act::Take],
        Meeting::PutsOff => vec![Act::Answer(Stage::Body, "451 s3cret")],
        Meeting::Refuses => vec![Act::Answer(Stage::Recipient, "550 s3cret")],
        Meeting::Hangs => vec![Act::Hang(Stage::Body)],
        Meeting::Closes | Meeting::Resets => vec![Act::Close(Stage::Body)],
        Meeting::IsNotThere => vec![],
    };
    let bot = match meeting {
        Meeting::Takes => vec![Behaviour::Json(r#"{"ok":true,"channel":"C1","ts":"1.2"}"#)],
        Meeting::Refuses => vec![Behaviour::Json(r#"{"ok":false,"error":"channel_not_found"}"#)],
        Meeting::PutsOff => vec![Behaviour::Json(r#"{"ok":false,"error":"internal_error"}"#)],
        Meeting::Hangs | Meeting::Closes | Meeting::Resets | Meeting::IsNotThere => http.clone(),
    };
    let (mut sinks, mut mail) = ([0; 4].map(|_| Sink::start(http.clone())), MailSink::start(mail));
    let mut bot = Sink::start(bot);
    if meeting == Meeting::IsNotThere {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = free.local_addr().unwrap();
        sinks.iter_mut().chain([&mut bot]).for_each(|sink| sink.address = nobody);
        mail.address = nobody;
    }
    let [webhook, hook, pagerduty, apprise] = &sinks;
    // A record that is taken needs a connection and some questions before.
    let patience = if meeting == Meeting::Takes { Duration::from_secs(20) } else { SHORT };
    vec![
        ("webhook", webhook.setting(SHORT)),
        ("email", mail.channel(SHORT)),
        ("slack by webhook", receivers::hook(hook)),
        ("slack by token", receivers::bot(&bot)),
        ("pagerduty", receivers::pagerduty(pagerduty)),
        ("apprise", receivers::apprise(apprise)),
        ("exec", receivers::exec(meeting_of_a_program(meeting))),
        ("kafka", kafkasink::channel(meeting, patience).0),
    ]
}

/// What a program does that meets a notice so.
fn meeting_of_a_program(meeting: Meeting) -> &'static str {
    match meeting {
        Meeting::Takes => "cat; exit 0",
        Meeting::PutsOff | Meeting::IsNotThere => "echo s3cret >&2; exit 75",
        Meeting::Refuses => "echo s3cret; exit 1",
        Meeting::Hangs => "cat; sleep 60",
        Meeting::Closes => "kill -9 $$",
        Meeting::Resets => "exec 0<&-; kill $$",
    }
}

#[tokio::test]
async fn every_channel_tells_what_is_final_from_what_is_not_and_keeps_secrets() {
    for (meeting, expected) in [
        (Meeting::Takes, "delivered"),
        (Meeting::PutsOff, "again"),
        (Meeting::Refuses, "never"),
        (Meeting::Hangs, "again"),
        (Meeting::Closes, "again"),
        (Meeting::Resets, "again"),
        (Meeting::IsNotThere, "again"),
    ] {
        for (kind, setting) in channels(meeting) {
            let (found, error) = match send(&setting).await {
                Ok(()) => ("delivered", String::new()),
                Err(Failure::Passing { error, .. }) => ("again", error),
                Err(Failure::Refused(error)) => ("never", error),
            };
            assert_eq!(found, expected, "{kind} {meeting:?}: {error}");
            for secret in ["s3cret", "t0ken", "127.0.0.1"] {
                assert!(!error.contains(secret), "{kind} {meeting:?}: {error}");
            }
            let channel = Channel::new("c", &setting, "7e57").unwrap();
            for shown in [format!("{setting:?}"), format!("{channel:?}")] {
                assert!(!shown.contains("t0ken"), "{kind} shows its secret: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_topic_gets_what_a_webhook_gets_under_the_incident_as_its_key() {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::{Headers, Message as _};
    let (setting, address) = kafkasink::channel(Meeting::Takes, Duration::from_secs(20));
    assert_eq!(send(&setting).await, Ok(()));
    let sink = Sink::start(vec![Behaviour::Answer("200 OK")]);
    assert_eq!(send(&sink.setting(Duration::from_secs(5))).await, Ok(()));
    let posted = sink.request();
    let consumer: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "t")
        .create()
        .unwrap();
    let mut from = rdkafka::TopicPartitionList::new();
    from.add_partition_offset(kafkasink::TOPIC, 0, rdkafka::Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    let record = consumer.poll(Duration::from_secs(20)).unwrap().unwrap();
    assert_eq!(record.key(), Some(&b"INC-1042"[..]));
    let (_, body) = posted.split_once("\r\n\r\n").unwrap();
    assert_eq!(String::from_utf8_lossy(record.payload().unwrap()), body);
    let headers: Vec<String> = record
        .headers()
        .unwrap()
        .iter()
        .map(|it| format!("{}: {}", it.key, String::from_utf8_lossy(it.value.unwrap())))
        .collect();
    assert_eq!(headers, ["content-type: application/json", "idempotency-key: INC-1042/3"]);
}

#[tokio::test]
async fn a_channel_that_has_no_receiver_delivers() {
    assert_eq!(send(&Setting::Log).await, Ok(()));
}

#[tokio::test]
async fn a_channel_says_whether_to_try_again_and_when() {
    use Behaviour::{Answer, Close, Endless, Hang};
    for (behaviour, expected) in [
        (Answer("200 OK"), Ok(())),
        (Answer("204 No Content"), Ok(())),
        (Endless, Ok(())),
        (
            Answer("429 Too Many Requests\r\nretry-after: 7"),
            passing("answered 429 Too Many Requests", Some(7)),
        ),
        (
            Answer("503 Service Unavailable\r\nretry-after: 120"),
            passing("answered 503 Service Unavailable", Some(120)),
        ),
        (Answer("500 Internal Server Error"), passing("answered 500 Internal Server Error", None)),
        (Answer("422 Unprocessable Entity"), passing("answered 422 Unprocessable Entity", None)),
        (Answer("400 Bad Request"), refused("answered 400 Bad Request")),
        (Answer("401 Unauthorized"), refused("answered 401 Unauthorized")),
        (Answer("403 Forbidden"), refused("answered 403 Forbidden")),
        (Answer("404 Not Found"), refused("answered 404 Not Found")),
        (Answer("410 Gone"), refused("answered 410 Gone")),
        (
            Answer("302 Found\r\nlocation: http://169.254.169.254/"),
            refused("answered 302 Found; redirects are not followed, name the final address"),
        ),
        (Hang, passing("no answer within 200ms", None)),
        (Close, passing("the connection broke before an answer", None)),
    ] {
        let sink = Sink::start(vec![behaviour]);
        assert_eq!(
            send(&sink.setting(Duration::from_millis(200))).await,
            expected,
            "{behaviour:?}"
        );
    }
}

#[tokio::test]
async fn a_channel_whose_receiver_is_not_there_is_tried_again() {
    let mut sink = Sink::start(vec![]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    sink.address = free.local_addr().unwrap();
    drop(free);
    assert_eq!(send(&sink.setting(Duration::from_secs(5))).await, passing("no connection", None));
}

#[tokio::test]
async fn a_webhook_gets_the_notice_with_its_stable_id() {
    let sink = Sink::start(vec![Behaviour::Answer("200 OK")]);
    assert_eq!(send(&sink.setting(Duration::from_secs(5))).await, Ok(()));
    let request = sink.request();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    for header in
        ["idempotency-key: INC-1042/3", "webhook-id: INC-1042/3", "content-type: application/json"]
    {
        assert!(
            head.lines().any(|line| line.eq_ignore_ascii_case(header)),
            "{header} is not in {head}"
        );
    }
    assert!(head.starts_with("POST /t0ken HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("\r\nwebhook-timestamp: "), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
    {
      "also": [],
      "also_more": 0,
      "attempt": 1,
      "because": "on call for dc-ops",
      "contact": "m.ito",
      "created_at": "1970-01-01T00:00:00.000Z",
      "id": "INC-1042/3",
      "incident": {
        "alerts": [
          {
            "labels": {
              "alertname": "PduOutputOff",
              "ci": "pdu-r12a"
            },
            "summary": "Output 3 of pdu-r12a is off"
          }
        ],
        "category": "power",
        "firing": 37,
        "id": "INC-1042",
        "impact": "high",
        "known_error": null,
        "last_time": "INC-977, 12d ago: resolved after 42m: by m.ito: strip replaced",
        "links": {},
        "members": 38,
        "opened_at": "1970-01-01T00:00:00.000Z",
        "parent": null,
        "priority": "P2",
        "priority_because": "P2 = impact high (service checkout, tier 1) × urgency medium",
        "root": {
          "ci": "pdu-r12a",
          "fingerprint": "6575df0b1581aa45"
        },
        "rule": "datacenter/rack-power",
        "runbook": null,
        "services": [
          "checkout"
        ],
        "state": "new",
        "team": "dc-ops",
        "title": "Power lost in rack R12",
        "urgency": "medium",
        "workaround": null
      },
      "kind": "page",
      "subject": "[P2] INC-1042 Power lost\r\nBcc: eve@example.com",
      "target": "team:dc-ops",
      "text": "the text"
    }
    "#);
}

#[tokio::test]
async fn nothing_is_sent_to_a_private_target_unless_the_channel_allows_it() {
    let sink = Sink::start(vec![Behaviour::Answer("200 OK")]);
    let port = sink.address.port();
    for (host, error) in [
        (format!("127.0.0.1:{port}"), "`127.0.0.1` is not an address on the public internet"),
        (format!("2130706433:{port}"), "`127.0.0.1` is not an address on the public internet"),
        (
            format!("[::ffff:127.0.0.1]:{port}"),
            "`[::ffff:7f00:1]` is not an address on the public internet",
        ),
        // Known to be private only once it is resolved.
        (format!("localhost:{port}"), "`localhost` is not an address on the public internet"),
    ] {
        let url = Url::parse(&format!("https://{host}/t0ken")).unwrap();
        let setting = Webhook {
            url: Secret::new(url),
            keys: Vec::new(),
            timeout: Duration::from_secs(5),
            reach: Reach::Public,
        };
        assert_eq!(send(&Setting::Webhook(setting)).await, refused(error), "{host}");
    }
    assert!(sink.requests.try_recv().is_err(), "a request went out");
}
