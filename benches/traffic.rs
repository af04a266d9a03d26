//! Senders on connections of their own: `post` waits for each answer before it sends the next (closed
//! loop: what can be taken), `offer` sends what falls due at a steady rate (open loop: what is taken
//! of it).
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{Client, pause};
use incidentd::clock;

/// What was sent.
#[derive(Debug)]
pub struct Sent {
    pub seconds: f64,
    pub deliveries: usize,
    /// How long each answer took, in order of size.
    answers: Vec<Duration>,
}

impl Sent {
    /// Returns the time in milliseconds that this share of the answers took at most.
    pub fn milliseconds(&self, share: f64) -> f64 {
        quantile(&self.answers, share)
    }
}

/// Posts every body once, and goes round again while `at_least` has not passed. Each connection takes
/// the next one.
///
/// # Panics
/// When an answer is not 200.
pub fn post(
    address: SocketAddr,
    path: &'static str,
    bodies: &Arc<Vec<String>>,
    connections: usize,
    at_least: Duration,
) -> Sent {
    let next = Arc::new(AtomicUsize::new(0));
    let began = clock::monotonic();
    let send = |_| {
        let (next, bodies) = (Arc::clone(&next), Arc::clone(bodies));
        std::thread::spawn(move || {
            let mut client = Client::new(address);
            let mut answers = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let began_this = clock::monotonic();
                if n >= bodies.len() && began_this.saturating_sub(began) >= at_least {
                    return answers;
                }
                let answer = client.post(path, bodies.get(n % bodies.len()).unwrap());
                assert_eq!(answer.status, 200, "{}", answer.body);
                answers.push(clock::monotonic().saturating_sub(began_this));
            }
        })
    };
    let senders: Vec<_> = (0..connections).map(send).collect();
    let mut answers: Vec<Duration> =
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    let seconds = clock::monotonic().saturating_sub(began).as_secs_f64();
    answers.sort_unstable();
    Sent { seconds, deliveries: answers.len(), answers }
}

/// What is offered at a steady rate, whether or not answers come.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub path: &'static str,
    /// Deliveries a second.
    pub rate: f64,
    pub connections: usize,
    pub span: Duration,
    /// How long a delivery waits for a connection, from when it falls due, until its sender gives up.
    pub patience: Duration,
}

/// How a delivery that fell due ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered(u16),
    /// The connection was refused, cut or silent: whether it was taken is not known.
    Broken,
    /// No connection was free for as long as its sender waits.
    Unsent,
}

/// A delivery that fell due: which, how it ended, how long that took from when it fell due.
pub type Dealt = (usize, Fate, Duration);

/// Sends the deliveries that fall due, each at its time and with its body; how long one takes counts
/// from then. Returns all that fell due, in no order.
pub fn offer<'b>(
    address: SocketAddr,
    offer: Offer,
    body: &(impl Fn(usize) -> Cow<'b, str> + Sync),
) -> Vec<Dealt> {
    let next = AtomicUsize::new(0);
    let began = clock::monotonic();
    let passed = || clock::monotonic().saturating_sub(began);
    let send = || {
        let mut client = Client::new(address);
        let mut dealt = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let due = Duration::from_secs_f64(n as f64 / offer.rate);
            if due >= offer.span {
                return dealt;
            }
            pause(due.saturating_sub(passed()));
            let fate = if passed().saturating_sub(due) > offer.patience {
                Fate::Unsent
            } else {
                let answer = client.exchange("POST", offer.path, &body(n));
                answer.map_or(Fate::Broken, |answer| Fate::Answered(answer.status))
            };
            dealt.push((n, fate, passed().saturating_sub(due)));
        }
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..offer.connections).map(|_| scope.spawn(send)).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    })
}

/// Counts those of these ends.
pub fn count(dealt: &[Dealt], mut of: impl FnMut(Fate) -> bool) -> usize {
    dealt.iter().filter(|(_, fate, _)| of(*fate)).count()
}

/// Returns the time in milliseconds that this share of those answered 200 took at most.
pub fn milliseconds(dealt: &[Dealt], share: f64) -> f64 {
    let taken = dealt.iter().filter(|(_, fate, _)| *fate == Fate::Answered(200));
    let mut answers: Vec<Duration> = taken.map(|(_, _, took)| *took).collect();
    answers.sort_unstable();
    quantile(&answers, share)
}

/// Returns the time in milliseconds that this share of sorted spans take at most; 0 of none.
pub fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    let span = sorted.get(place.min(sorted.len().saturating_sub(1)));
    span.map_or(0.0, |took| took.as_secs_f64() * 1e3)
}
