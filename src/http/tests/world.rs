//! The doors with the real engine and a real store behind them, in one process without a socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use axum::{Extension, Router};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

use crate::clock::Clock;
use crate::cmdb::{Revision, Topology};
use crate::engine::State;
use crate::engine::changes::Saved;
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::reply::Reply;
use crate::ingest::{self, SourceFormat};
use crate::mailbox::{Letter, Letters, Mailbox, Work, mailbox};
use crate::model::link::Links;
use crate::model::time::Timestamp;
use crate::notify::{Parts, Tester};
use crate::rules::{RuleSet, SourceFile, load};
use crate::store::{Options, Store};
use crate::telemetry::metrics::Metrics;

use super::super::auth::{Gate, Line, Peer, Strangers};
use super::super::guard::Hosts;
use super::super::operate::{Operations, Readiness};
use super::super::stream::{Teller, feed};
use super::super::{Doors, Source, router};

/// An answer as a client sees it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    /// Reads the body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// Returns the field at a JSON pointer as text.
    pub(super) fn at(&self, pointer: &str) -> String {
        match self.json().pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => panic!("nothing at {pointer}: {}", self.text),
        }
    }
}

/// A whole daemon without its wiring.
pub(super) struct World {
    doors: Doors,
    pub(super) router: Router,
    pub(super) readiness: watch::Sender<Readiness>,
    /// Says that the daemon stops.
    pub(super) stop: watch::Sender<bool>,
    /// The engine's own door.
    mailbox: Option<Mailbox>,
    engine: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl World {
    /// Starts with the built-in rules and no CMDB.
    pub(super) fn new() -> Self {
        Self::build(RuleSet::builtin(), nobody(), |mailbox, _| mailbox)
    }

    /// Starts with the rules of a file and no CMDB.
    pub(super) fn with_rules(text: &str) -> Self {
        let loaded = load(&[SourceFile { name: "rules/t.yaml".into(), text: text.into() }]);
        let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        Self::build(rules, nobody(), |mailbox, _| mailbox)
    }

    /// Starts with an engine that takes no work.
    pub(super) fn clogged() -> Self {
        // Dropping the receiver would say `stopped`; one letter that nobody reads fills this one.
        Self::build(RuleSet::builtin(), nobody(), |_, _| {
            let (clogged, letters) = mailbox(1);
            let filler = clogged.clone();
            let mut filling =
                Box::pin(async move { filler.submit(Work::Event(Event::Tick)).await });
            let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(filling.as_mut().poll(&mut nobody).is_pending());
            std::mem::forget((filling, letters));
            clogged
        })
    }

    /// Starts with an engine that takes work and never answers.
    pub(super) fn silent() -> Self {
        Self::build(RuleSet::builtin(), nobody(), |_, _| {
            let (silent, letters) = mailbox(16);
            std::mem::forget(letters);
            silent
        })
    }

    /// Starts with a gate of one's own.
    pub(super) fn behind(gate: Gate) -> Self {
        Self::build(RuleSet::builtin(), gate, |mailbox, _| mailbox)
    }

    fn build(rules: RuleSet, gate: Gate, wrap: impl FnOnce(Mailbox, &Store) -> Mailbox) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), &Options::default()).unwrap());
        let context = Context::new(Arc::new(rules), Arc::new(Topology::empty()), Limits::default());
        let (contexts, context) = watch::channel(Arc::new(context));
        let (readiness, ready) = watch::channel(Readiness::ready());
        let clock = Arc::new(Clock::start(None));
        let (mailbox, letters) = mailbox(16);
        let (stop, stopped) = watch::channel(false);
        let (teller, feed) = feed(0, stopped);
        let sources = [
            ("alertmanager", SourceFormat::Known(ingest::Format::Alertmanager)),
            ("alertmanager-api", SourceFormat::Known(ingest::Format::AlertmanagerApi)),
            ("foreign", SourceFormat::Mapped("foreign".into())),
            ("native", SourceFormat::Known(ingest::Format::Native)),
        ];
        let lease = core::time::Duration::from_hours(1);
        let mailbox = wrap(mailbox, &store);
        let doors = Doors {
            mailbox: mailbox.clone(),
            tester: tester(&context, &clock),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            context,
            sources: Arc::new(BTreeMap::from(
                sources.clone().map(|(name, format)| (Arc::from(name), Source { format, lease })),
            )),
            gate: Arc::new(gate),
            limits: ingest::Limits { body_bytes: 64 << 10, ..ingest::Limits::default() },
            waiting_max_bytes: 16 << 20,
            request_timeout: core::time::Duration::from_secs(10),
            hosts: Hosts::Loopback,
            metrics: Arc::new(Metrics::new(&sources.clone().map(|(name, _)| name), &[]).unwrap()),
            readiness: ready,
            operations: Operations::unmanned(),
            feed,
            links: Some(Arc::new(links())),
        };
        let engine =
            std::thread::spawn(move || engine(letters, &store, &clock, (&contexts, &teller)));
        let mailbox = Some(mailbox);
        let router = router(doors.clone());
        Self { router, doors, readiness, stop, mailbox, engine: Some(engine), _dir: dir }
    }

    /// Sends a request with these headers.
    pub(super) async fn call(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        send(self.router.clone(), method, uri, headers, body).await
    }

    /// Sends a request that comes from another machine.
    pub(super) async fn call_from(
        &self,
        peer: Peer,
        (method, uri): (Method, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let router = self.router.clone().layer(Extension(peer));
        send(router, method, uri, headers, body).await
    }

    /// Returns the time that the doors tell.
    pub(super) fn now(&self) -> Timestamp {
        self.doors.clock.now()
    }

    /// The same world with another limit on depth.
    pub(super) fn with_depth(mut self, depth: usize) -> Self {
        self.doors.limits.depth = depth;
        self.router = router(self.doors.clone());
        self
    }

    /// The same world with room for fewer deliveries at a time.
    pub(super) fn with_room(mut self, bytes: usize) -> Self {
        self.doors.waiting_max_bytes = bytes;
        self.router = router(self.doors.clone());
        self
    }

    /// Returns what a server needs to serve this world.
    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(super) async fn get(&self, uri: &str) -> Answer {
        self.call(Method::GET, uri, &[], "").await
    }

    pub(super) async fn post(&self, uri: &str, body: &str) -> Answer {
        self.call(Method::POST, uri, &[("content-type", "application/json")], body).await
    }

    /// Lets an event happen for which these tests use no door.
    pub(super) async fn event(&self, event: Event) -> Reply {
        self.mailbox.as_ref().unwrap().submit(Work::Event(event)).await.unwrap()
    }

    /// Has the channel of a notice refuse it for good.
    pub(super) async fn give_up(&self, notice: &str) {
        let failed = Event::Failed {
            notice: notice.parse().unwrap(),
            channel: "log".into(),
            error: "answered 404".into(),
            retry_in: None,
        };
        assert_eq!(self.event(failed).await, Reply::Done);
    }

    /// Fires an alert with these labels and returns its fingerprint and its incident's number.
    pub(super) async fn fire(&self, labels: &[(&str, &str)]) -> (String, String) {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        let body = serde_json::json!({"labels": labels}).to_string();
        let answer = self.post("/ingest/native", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut pairs: Vec<(&str, &str)> = labels.into_iter().collect();
        let labels = crate::model::labels::Labels::build(&mut pairs).unwrap();
        let fingerprint = labels.fingerprint().to_string();
        let alert = self.get(&format!("/api/v1/alerts/{fingerprint}")).await;
        (fingerprint, alert.at("/incident"))
    }
}

/// Sends test messages where no channel is configured.
fn tester(context: &watch::Receiver<Arc<Context>>, clock: &Arc<Clock>) -> Tester {
    let parts = Parts {
        channels: &BTreeMap::new(),
        installation: "7e57",
        context: context.clone(),
        reader: Arc::new(|_| None),
        reports: mpsc::channel(1).0,
        held: watch::channel(false).1,
        canary: watch::channel(Timestamp::EPOCH).0,
        links: None,
        clock: Arc::clone(clock),
        metrics: Arc::new(Metrics::new(&[], &[]).unwrap()),
        seed: 1,
    };
    Tester::new(&parts).unwrap()
}

/// Makes the links that a world knows again.
pub(super) fn links() -> Links {
    let day = core::time::Duration::from_hours(24);
    Links::new("http://localhost", [7; 32], day)
}

/// A gate that lets everybody in.
fn nobody() -> Gate {
    Gate::new([], [], Strangers::Welcome)
}

/// Sends a request with these headers to a router.
pub(super) async fn send(
    router: Router,
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let local = Peer { ip: [127, 0, 0, 1].into(), line: Line::Plain };
    let request = request.extension(local).body(Body::from(body.to_owned())).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.into()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A server of the test may still hold the doors; nobody waits for it.
            return;
        }
        self.router = Router::new();
        self.mailbox = None;
        // The engine ends when nobody can bring it work.
        self.doors.mailbox = mailbox(1).0;
        let joined = self.engine.take().map(JoinHandle::join);
        assert!(matches!(joined, Some(Ok(()))), "the engine panicked");
    }
}

/// The engine's thread: one commit for each letter, and the answer after it.
fn engine(
    mut letters: Letters,
    store: &Store,
    clock: &Clock,
    (contexts, teller): (&watch::Sender<Arc<Context>>, &Teller),
) {
    let mut state = State::restore(Saved::default(), &contexts.borrow(), clock.now());
    while let Some(Letter { work, reply }) = letters.blocking_recv() {
        let in_force = Arc::clone(&contexts.borrow());
        let (event, context, revision) = match work {
            Work::Event(event) => (event, in_force, None),
            Work::Rules(_) => panic!("no door brings rules"),
            Work::Topology(new) => {
                assert!(new.base.is_alike(&in_force), "changes come one after the other");
                (Event::TopologyChanged(new.forecast), new.context, Some(new.revision))
            }
        };
        let now = clock.now();
        let answer = state.apply(&context, &event, now);
        // What another topology touches is decided on in turns that are due at once.
        while state.next_due().is_some_and(|due| due <= now) {
            state.apply(&context, &Event::Tick, now);
        }
        let revisions: Vec<&Revision> = revision.iter().map(|revision| &**revision).collect();
        let changes = state.drain(&context);
        store.commit(&changes, &revisions).unwrap();
        teller.committed(&changes);
        contexts.send_replace(context);
        // Not: an error. The client may have gone.
        drop::<Result<(), Reply>>(reply.send(answer));
    }
}
