//! Senders that post deliveries one after the other, each on a connection of its own, and wait for
//! each answer.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::Client;
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
        let place = (self.answers.len() as f64 * share) as usize;
        self.answers.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
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
