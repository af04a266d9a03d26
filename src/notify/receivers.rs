//! What the channels slack, pagerduty, apprise and exec write, and what they make of answers that only
//! their receivers give.

use super::channel::{Channel, Failure, Message, Purpose, Taken};
use super::contract::{Behaviour, SHORT, Sink};
use super::tests::{briefing, page};
use super::text::Wording;
use crate::model::incident::Thread;
use crate::model::notice::{Notice, NoticeKind};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::settings::address::Reach;
use crate::settings::channels::Channel as Setting;
use crate::settings::receivers::{Apprise, AppriseTo, Exec, PagerDuty, Slack, SlackWay};
use crate::settings::secret::Secret;

pub(super) fn hook(sink: &Sink) -> Setting {
    let way = SlackWay::Hook(Secret::new(sink.url()));
    Setting::Slack(Slack { way, timeout: SHORT, reach: Reach::Anywhere })
}

pub(super) fn bot(sink: &Sink) -> Setting {
    let way = SlackWay::Bot {
        api: sink.url().join("api/").unwrap(),
        token: Secret::new("xoxb-t0ken".into()),
        to: "#ops".into(),
    };
    Setting::Slack(Slack { way, timeout: SHORT, reach: Reach::Anywhere })
}

pub(super) fn pagerduty(sink: &Sink) -> Setting {
    let (url, key) = (sink.url().join("/v2/enqueue").unwrap(), Secret::new("t0ken".into()));
    Setting::PagerDuty(PagerDuty { url, key, timeout: SHORT, reach: Reach::Anywhere })
}

pub(super) fn apprise(sink: &Sink) -> Setting {
    let to = AppriseTo::Stored { tag: Some("ops".into()) };
    let url = Secret::new(sink.url());
    Setting::Apprise(Apprise { url, to, timeout: SHORT, reach: Reach::Anywhere })
}

/// A program that does this.
pub(super) fn exec(script: &str) -> Setting {
    let command = ["/bin/sh", "-c", script, "t0ken"].map(Into::into).into();
    Setting::Exec(Exec { command, timeout: SHORT })
}

/// An incident's message, in whatever state.
struct Sent {
    notice: Notice,
    progress: Progress,
    address: Option<&'static str>,
    thread: Option<Thread>,
    purpose: Purpose,
}

impl Sent {
    fn page() -> Self {
        let notice = Notice { channels: vec!["c".into()], ..page(1042, 3) };
        let (progress, purpose) = (Progress::New, Purpose::Notice);
        Self { notice, progress, address: None, thread: None, purpose }
    }

    fn update(progress: Progress) -> Self {
        let page = Self::page();
        let because = "acknowledged by m.ito <now>".into();
        let notice = Notice { kind: NoticeKind::Update, because, ..page.notice };
        Self { notice, progress, ..page }
    }

    async fn by(&self, setting: &Setting) -> Result<Taken, Failure> {
        let mut briefing = briefing(1042);
        briefing.incident.progress = self.progress.clone();
        briefing.incident.threads.extend(self.thread.clone());
        let text = Wording {
            subject: "[P2] INC-1042 Power lost <!channel>".into(),
            text: "the text & more".into(),
            html: None,
        };
        let message = Message {
            notice: &self.notice,
            briefing: Some(&briefing),
            text: &text,
            purpose: self.purpose,
            address: self.address,
        };
        Channel::new("c", setting, "7e57").unwrap().send(&message).await
    }
}

fn by(name: &str) -> Box<str> {
    name.into()
}

fn acknowledged() -> Progress {
    Progress::Acknowledged { by: by("m.ito"), until: Timestamp::EPOCH }
}

fn resolved() -> Progress {
    Progress::Resolved { at: Timestamp::EPOCH, by: None, had: None }
}

fn thread(place: &str) -> Thread {
    let (place, message) = (place.into(), "C1:1.2".into());
    Thread { channel: "c".into(), contact: by("m.ito"), place, message }
}

/// Returns the path and the body of the next request.
fn request(sink: &Sink) -> (String, serde_json::Value) {
    let request = sink.request();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    (path, serde_json::from_str(body).unwrap())
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

const POSTED: Behaviour = Behaviour::Json(r#"{"ok":true,"channel":"C1","ts":"1.2"}"#);
const UNKNOWN: Behaviour = Behaviour::Json(r#"{"ok":false,"error":"message_not_found"}"#);

#[tokio::test]
async fn a_chat_gets_text_in_which_nobody_else_is_called() {
    let sink = Sink::start(vec![Behaviour::Answer("200 OK")]);
    Sent::page().by(&hook(&sink)).await.unwrap();
    insta::assert_snapshot!(pretty(&request(&sink).1), @r##"
    {
      "text": "*[P2] INC-1042 Power lost &lt;!channel&gt;*\nthe text &amp; more"
    }
    "##);
}

#[tokio::test]
async fn the_first_message_of_an_incident_in_a_room_is_edited_and_what_follows_stands_below_it() {
    let sink = Sink::start(vec![POSTED; 3]);
    let taken = Sent::page().by(&bot(&sink)).await.unwrap();
    assert_eq!(taken.thread, Some(("#ops".into(), "C1:1.2".into())));
    let (path, body) = request(&sink);
    assert_eq!(path, "/api/chat.postMessage");
    insta::assert_snapshot!(pretty(&body), @r##"
    {
      "channel": "#ops",
      "metadata": {
        "event_payload": {
          "id": "INC-1042/3"
        },
        "event_type": "incidentd_notice"
      },
      "text": "*[P2] INC-1042 Power lost &lt;!channel&gt;*\nthe text &amp; more",
      "unfurl_links": false,
      "unfurl_media": false
    }
    "##);
    let update = Sent { thread: Some(thread("#ops")), ..Sent::update(acknowledged()) };
    assert_eq!(update.by(&bot(&sink)).await.unwrap().thread, None);
    let (edit, reply) = (request(&sink), request(&sink));
    assert_eq!((&*edit.0, &*reply.0), ("/api/chat.update", "/api/chat.postMessage"));
    insta::assert_snapshot!(pretty(&edit.1), @r##"
    {
      "channel": "C1",
      "text": "*[P2] INC-1042 Power lost &lt;!channel&gt;*\nthe text &amp; more",
      "ts": "1.2"
    }
    "##);
    insta::assert_snapshot!(pretty(&reply.1), @r##"
    {
      "channel": "C1",
      "metadata": {
        "event_payload": {
          "id": "INC-1042/3"
        },
        "event_type": "incidentd_notice"
      },
      "reply_broadcast": false,
      "text": "update for m.ito: acknowledged by m.ito &lt;now&gt;",
      "thread_ts": "1.2",
      "unfurl_links": false
    }
    "##);
}

#[tokio::test]
async fn a_head_that_is_gone_is_written_anew_and_a_person_has_a_thread_of_their_own() {
    let sink = Sink::start(vec![UNKNOWN, POSTED, POSTED]);
    let update = Sent { thread: Some(thread("#ops")), ..Sent::update(acknowledged()) };
    let taken = update.by(&bot(&sink)).await.unwrap();
    assert_eq!(taken.thread, Some(("#ops".into(), "C1:1.2".into())));
    let mine = Sent { address: Some("U7"), thread: Some(thread("#ops")), ..Sent::page() };
    assert_eq!(mine.by(&bot(&sink)).await.unwrap().thread, Some(("U7".into(), "C1:1.2".into())));
    let paths = [request(&sink), request(&sink), request(&sink)];
    assert_eq!(paths[2].1["channel"], "U7");
    assert!(paths[2].1.get("thread_ts").is_none(), "{:?}", paths[2]);
}

#[tokio::test]
async fn no_word_of_a_chat_is_repeated_that_we_do_not_know() {
    let refused = |error: &str| Err(Failure::Refused(error.into()));
    for (error, expected) in [
        (r#"{"ok":false,"error":"is_archived"}"#, refused("answered is_archived")),
        (r#"{"ok":false,"error":"s3cret"}"#, refused("answered an error")),
    ] {
        let sink = Sink::start(vec![Behaviour::Json(error)]);
        assert_eq!(Sent::page().by(&bot(&sink)).await, expected);
    }
    let sink = Sink::start(vec![Behaviour::Answer("429 Too Many Requests\r\nretry-after: 30")]);
    let Err(Failure::Passing { asked, .. }) = Sent::page().by(&bot(&sink)).await else {
        panic!("a limit is not final")
    };
    assert_eq!(asked, Some(core::time::Duration::from_secs(30)));
}

#[tokio::test]
async fn pagerduty_is_told_of_an_incident_under_one_key_from_its_first_page_to_its_end() {
    let sink = Sink::start(vec![Behaviour::Answer("202 Accepted"); 5]);
    let setting = pagerduty(&sink);
    let taken = Sent::page().by(&setting).await.unwrap();
    assert_eq!(taken.thread, Some(("".into(), "alert".into())), "it has to follow the state");
    insta::assert_snapshot!(pretty(&request(&sink).1), @r##"
    {
      "client": "incidentd",
      "dedup_key": "incidentd/7e57/INC-1042",
      "event_action": "trigger",
      "links": [],
      "payload": {
        "class": "power",
        "component": "pdu-r12a",
        "custom_details": {
          "because": "on call for dc-ops",
          "notice": "INC-1042/3",
          "text": "the text & more"
        },
        "group": "checkout",
        "severity": "error",
        "source": "pdu-r12a",
        "summary": "[P2] INC-1042 Power lost <!channel>",
        "timestamp": "1970-01-01T00:00:00.000Z"
      },
      "routing_key": "t0ken"
    }
    "##);
    for (progress, action) in
        [(acknowledged(), "acknowledge"), (resolved(), "resolve"), (Progress::New, "trigger")]
    {
        Sent::update(progress).by(&setting).await.unwrap();
        let (_, body) = request(&sink);
        assert_eq!(body["event_action"], action);
        assert_eq!(body["dedup_key"], "incidentd/7e57/INC-1042");
        assert_eq!(body.get("payload").is_some(), action == "trigger", "{body}");
    }
    let test = Sent { purpose: Purpose::Test, address: Some("other"), ..Sent::page() };
    assert_eq!(test.by(&setting).await.unwrap().thread, None);
    let (_, body) = request(&sink);
    assert_eq!(body["dedup_key"], "incidentd/7e57/test-3");
    assert_eq!(
        (&body["routing_key"], &body["payload"]["severity"]),
        (&"other".into(), &"info".into())
    );
}

#[tokio::test]
async fn apprise_passes_a_notice_on_by_tag_or_to_the_addresses_sent_along() {
    let sink = Sink::start(vec![Behaviour::Answer("200 OK"); 5]);
    Sent::page().by(&apprise(&sink)).await.unwrap();
    insta::assert_snapshot!(pretty(&request(&sink).1), @r##"
    {
      "body": "the text & more",
      "format": "text",
      "tag": "ops",
      "title": "[P2] INC-1042 Power lost <!channel>",
      "type": "failure"
    }
    "##);
    let urls = AppriseTo::Addresses(Secret::new("mailto://t0ken@a.example".into()));
    let (url, reach) = (Secret::new(sink.url()), Reach::Anywhere);
    let stateless = Setting::Apprise(Apprise { url, to: urls, timeout: SHORT, reach });
    for (sent, setting, key, value, kind) in [
        (Sent { address: Some("ann"), ..Sent::page() }, apprise(&sink), "tag", "ann", "failure"),
        (
            Sent::update(resolved()),
            stateless.clone(),
            "urls",
            "mailto://t0ken@a.example",
            "success",
        ),
        (
            Sent { address: Some("tgram://1"), ..Sent::update(acknowledged()) },
            stateless,
            "urls",
            "tgram://1",
            "info",
        ),
    ] {
        sent.by(&setting).await.unwrap();
        let (_, body) = request(&sink);
        assert_eq!((body[key].as_str(), body["type"].as_str()), (Some(value), Some(kind)));
    }
    let sink = Sink::start(vec![Behaviour::Answer("204 No Content")]);
    let refused = Sent::page().by(&apprise(&sink)).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "nobody hears of it: {refused:?}");
}

#[tokio::test]
async fn a_program_gets_the_notice_on_its_input_and_none_of_our_environment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("got");
    let script = format!("cat > {0}; env >> {0}; pwd >> {0}", path.display());
    let sent = Sent { address: Some("+49 151 1"), ..Sent::page() };
    assert_eq!(sent.by(&exec(&script)).await, Ok(Taken::said("ended with 0".into())));
    let got = std::fs::read_to_string(path).unwrap();
    let (body, rest) = got.split_once("}LANG").or_else(|| got.split_once("}P")).unwrap();
    let body: serde_json::Value = serde_json::from_str(&format!("{body}}}")).unwrap();
    assert_eq!((&body["address"], &body["id"]), (&"+49 151 1".into(), &"INC-1042/3".into()));
    assert!(!rest.contains("CARGO") && rest.ends_with("\n/\n"), "{rest}");
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_all_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", path.display());
    let killed = Sent::page().by(&exec(&script)).await;
    let error = "not done within 300ms, killed".into();
    assert_eq!(killed, Err(Failure::Passing { error, asked: None }));
    let child: i32 = std::fs::read_to_string(path).unwrap().trim().parse().unwrap();
    // A process that was killed takes a moment to die, and may stay until its new parent looks.
    for _ in 0..500 {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map_or("gone", |(_, rest)| rest);
        if state == "gone" || state.starts_with(['Z', 'X']) {
            return;
        }
        tokio::time::sleep(core::time::Duration::from_millis(10)).await;
    }
    panic!("the program's own child lives on");
}

#[tokio::test]
async fn a_program_that_is_not_there_or_no_program_is_never_tried_again() {
    for program in ["/nowhere/send-sms", "/etc/passwd"] {
        let setting = Setting::Exec(Exec { command: vec![program.into()], timeout: SHORT });
        let Err(Failure::Refused(error)) = Sent::page().by(&setting).await else {
            panic!("{program} was started")
        };
        assert!(error.starts_with("cannot be started: ") && !error.contains(program), "{error}");
    }
}
