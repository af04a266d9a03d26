//! The witness outside of the daemon: it sends alerts, remembers what was answered 2xx, and looks at
//! the API and at the receiver of pages whether all of that is there, once.
//!
//! It lives in the process of the test, which nothing kills. Each request says its own number in an
//! annotation of its alerts, so that the last one that was answered is seen to be there, not just any
//! one of them; and each alert counts how often it was sent, so that what is taken twice is seen too.
//! A request without a 2xx may have been taken or not: both are right.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use incidentd::model::labels::Labels;
use serde_json::{Value, json};

use crate::common::{Answer, Client, Sink, all, get, pause, wait_for};
use crate::figures::Dice;

/// Alerts of a request, and of a service, whose alerts are one incident.
const BATCH: usize = 5;
const SERVICE: usize = 25;

/// Alerts of a lane; when it has so many it speaks of them again and again.
const LANE: usize = 1_000;

/// Alerts that are looked at after each start: those that were answered last.
const RECENT: usize = 60;

/// Steps of the policy: as many pages has an incident at most, each any number of times.
const STEPS: usize = 2;

/// What is known of an alert.
#[derive(Clone, Debug, Default)]
struct Said {
    /// The last request about it that was answered 2xx.
    answered: Option<usize>,
    /// Requests about it that were answered 2xx.
    answers: usize,
    /// Requests whose outcome is not known: those after the last answer may show, all may count.
    unknown: Vec<usize>,
}

#[derive(Debug, Default)]
struct Ledger {
    alerts: BTreeMap<usize, Said>,
    /// The alerts that were answered for last, the last one last.
    recent: Vec<usize>,
    /// Incidents that a person took, answered 2xx.
    taken: BTreeSet<String>,
}

/// What the daemon answered.
#[derive(Debug, Default)]
pub struct Tally {
    pub answered: AtomicUsize,
    /// Refused with 503 and a time to come again.
    pub put_off: AtomicUsize,
    /// Any other answer that is not 2xx.
    pub other: AtomicUsize,
}

/// Stops a load when it is dropped: a test that fails must not wait for it for ever.
#[derive(Debug)]
pub struct Halt<'a>(pub &'a AtomicBool);

impl Drop for Halt<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The load and what is known of it.
#[derive(Debug, Default)]
pub struct Oracle {
    ledger: Mutex<Ledger>,
    requests: AtomicUsize,
    pub tally: Tally,
}

fn labels(n: usize) -> [(&'static str, String); 4] {
    let service = format!("s-{}", n / SERVICE);
    let of = |text: &str| text.to_owned();
    [
        ("alertname", of("Load")),
        ("n", n.to_string()),
        ("service", service),
        ("severity", of("critical")),
    ]
}

fn fingerprint(n: usize) -> String {
    let labels = labels(n);
    let mut pairs = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
    Labels::build(&mut pairs).unwrap().fingerprint().to_string()
}

impl Oracle {
    /// Sends with `lanes` connections until `stop`, the daemon is gone, or `requests` were sent.
    pub fn load(&self, address: SocketAddr, lanes: usize, stop: &AtomicBool, requests: usize) {
        std::thread::scope(|scope| {
            for lane in 0..lanes {
                scope.spawn(move || self.send_lane(address, lane, stop, requests / lanes));
            }
        });
    }

    fn send_lane(&self, address: SocketAddr, lane: usize, stop: &AtomicBool, requests: usize) {
        let mut client = Client::new(address);
        let mut dice = Dice((lane + self.requests.load(Ordering::Relaxed)) as u64);
        for _ in 0..requests {
            if stop.load(Ordering::Relaxed) || !self.send(&mut client, lane, &mut dice) {
                return;
            }
        }
    }

    /// Sends one request; false when the daemon is gone or will be.
    fn send(&self, client: &mut Client, lane: usize, dice: &mut Dice) -> bool {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let first = self.choose(lane, dice);
        let alerts: Vec<usize> = (first..first + BATCH).collect();
        {
            let mut ledger = self.ledger.lock().unwrap();
            for n in &alerts {
                ledger.alerts.entry(*n).or_default().unknown.push(request);
            }
        }
        let body: Vec<Value> = alerts
            .iter()
            .map(|n| json!({"labels": BTreeMap::from(labels(*n)), "annotations": {"request": request.to_string()}}))
            .collect();
        let answer = client.exchange("POST", "/ingest/native", &json!(body).to_string());
        self.note(request, &alerts, answer)
    }

    /// Something new every third time until the lane is full, else something known.
    fn choose(&self, lane: usize, dice: &mut Dice) -> usize {
        let from = lane * LANE;
        let known = self.ledger.lock().unwrap().alerts.range(from..from + LANE).count();
        let is_new = known == 0 || (known < LANE && dice.below(3) == 0);
        if is_new { from + known } else { from + dice.below(known / BATCH) * BATCH }
    }

    fn note(&self, request: usize, alerts: &[usize], answer: std::io::Result<Answer>) -> bool {
        let Ok(answer) = answer else { return false };
        if answer.status != 200 {
            let later = answer.headers.iter().any(|(name, _)| name == "retry-after");
            let put_off = answer.status == 503 && later;
            let count = if put_off { &self.tally.put_off } else { &self.tally.other };
            count.fetch_add(1, Ordering::Relaxed);
            pause(Duration::from_millis(5));
            return true;
        }
        self.tally.answered.fetch_add(1, Ordering::Relaxed);
        let mut ledger = self.ledger.lock().unwrap();
        for n in alerts {
            let said = ledger.alerts.get_mut(n).unwrap();
            said.unknown.retain(|other| *other != request);
            said.answered = Some(request);
            said.answers += 1;
        }
        ledger.recent.extend(alerts);
        true
    }

    /// Requests that were answered 2xx.
    pub fn answered(&self) -> usize {
        self.tally.answered.load(Ordering::Relaxed)
    }

    /// Requests that were answered otherwise.
    pub fn refused(&self) -> usize {
        self.tally.put_off.load(Ordering::Relaxed) + self.tally.other.load(Ordering::Relaxed)
    }

    /// The last request about each alert that was answered 2xx until now.
    pub fn answered_so_far(&self) -> BTreeMap<usize, usize> {
        let ledger = self.ledger.lock().unwrap();
        ledger.alerts.iter().filter_map(|(n, said)| Some((*n, said.answered?))).collect()
    }

    /// Takes an incident whose page has come, for a person; true when that was answered 2xx.
    pub fn acknowledge_one(&self, client: &mut Client, sink: &Sink) -> bool {
        let pages = sink.taken("page");
        let taken = self.ledger.lock().unwrap().taken.clone();
        let mut ids = pages.iter().filter_map(|page| page["incident"]["id"].as_str());
        let Some(id) = ids.rfind(|id| !taken.contains(*id)) else { return false };
        let path = format!("/api/v1/incidents/{id}/ack");
        let answer = client.exchange("POST", &path, r#"{"by": "mia"}"#);
        let is_taken = answer.is_ok_and(|answer| answer.status == 200);
        if is_taken {
            self.takes(id);
        }
        is_taken
    }

    /// Notes that a person took an incident, answered 2xx.
    pub fn takes(&self, incident: &str) {
        self.ledger.lock().unwrap().taken.insert(incident.to_owned());
    }

    /// Looks at what was answered for last.
    pub fn check_recent(&self, client: &mut Client) -> Result<(), String> {
        let (recent, alerts) = {
            let mut ledger = self.ledger.lock().unwrap();
            let recent = std::mem::take(&mut ledger.recent);
            (recent, ledger.alerts.clone())
        };
        let recent: BTreeSet<usize> = recent.into_iter().rev().take(RECENT).collect();
        for n in recent {
            let shown = get(client, &format!("/api/v1/alerts/{}", fingerprint(n)))?;
            agree(n, &alerts[&n], Some(&shown))?;
        }
        Ok(())
    }

    /// Looks at everything: alerts, incidents, what people did.
    pub fn check(&self, client: &mut Client) -> Result<(), String> {
        let ledger = self.ledger.lock().unwrap();
        let mut shown = BTreeMap::new();
        for alert in all(client, "/api/v1/alerts")? {
            let n = alert["labels"]["n"].as_str().and_then(|text| text.parse::<usize>().ok());
            let n = n.ok_or_else(|| format!("nobody sent {alert}"))?;
            if shown.insert(n, alert).is_some() {
                return Err(format!("alert {n} is there twice"));
            }
        }
        if let Some(n) = shown.keys().find(|n| !ledger.alerts.contains_key(n)) {
            return Err(format!("nobody sent alert {n}"));
        }
        for (n, said) in &ledger.alerts {
            agree(*n, said, shown.get(n))?;
        }
        let mut members: BTreeMap<String, u64> = BTreeMap::new();
        for n in shown.keys() {
            *members.entry(format!("service=\"s-{}\"", n / SERVICE)).or_default() += 1;
        }
        check_incidents(&all(client, "/api/v1/incidents")?, members, &ledger.taken)
    }

    /// Waits until each incident's page has come, and looks that none has two.
    pub fn check_pages(client: &mut Client, sink: &Sink) -> Result<(), String> {
        let incidents = all(client, "/api/v1/incidents")?;
        let ids: BTreeSet<&str> = incidents.iter().filter_map(|it| it["id"].as_str()).collect();
        let pages = wait_for("a page for each incident", || {
            let pages = sink.taken("page");
            let of = pages.iter().filter_map(|page| page["incident"]["id"].as_str());
            let of: BTreeSet<&str> = of.collect();
            ids.is_subset(&of).then_some(pages)
        });
        let mut notices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for page in &pages {
            let (of, id) = (page["incident"]["id"].as_str(), page["id"].as_str());
            let (of, id) = of.zip(id).ok_or_else(|| format!("a page without ids: {page}"))?;
            notices.entry(of).or_default().insert(id);
        }
        match notices.iter().find(|(_, ids)| ids.len() > STEPS) {
            Some((of, ids)) => Err(format!("{of} has more pages than steps: {ids:?}")),
            None => Ok(()),
        }
    }
}

/// Looks whether all alerts are at least as far as this.
pub fn check_at_least(
    client: &mut Client,
    answered: &BTreeMap<usize, usize>,
) -> Result<(), String> {
    let mut shown = BTreeMap::new();
    for alert in all(client, "/api/v1/alerts")? {
        let number = |text: &Value| text.as_str().and_then(|text| text.parse::<usize>().ok());
        shown.insert(number(&alert["labels"]["n"]), number(&alert["annotations"]["request"]));
    }
    for (n, request) in answered {
        let there = shown.get(&Some(*n)).copied().flatten();
        if there < Some(*request) {
            return Err(format!("alert {n} is as of request {there:?}, not {request}"));
        }
    }
    Ok(())
}

/// Compares what is shown of an alert with what was answered.
fn agree(n: usize, said: &Said, shown: Option<&Value>) -> Result<(), String> {
    let Some(shown) = shown else {
        return match said.answered {
            Some(request) => Err(format!("alert {n} is lost; request {request} was answered 2xx")),
            None => Ok(()),
        };
    };
    let request = shown["annotations"]["request"].as_str().and_then(|text| text.parse().ok());
    let request: usize = request.ok_or_else(|| format!("alert {n} has no request: {shown}"))?;
    let later = said.unknown.iter().any(|other| *other == request && said.answered < Some(*other));
    if said.answered != Some(request) && !later {
        let Said { answered, unknown, .. } = said;
        return Err(format!(
            "alert {n} is as request {request} said; {answered:?} was answered 2xx, {unknown:?} not"
        ));
    }
    let times = usize::try_from(shown["occurrences"].as_u64().unwrap_or(0)).unwrap();
    let most = said.answers + said.unknown.len();
    if times < said.answers || times > most {
        let least = said.answers;
        return Err(format!("alert {n} was sent {least} to {most} times and counts {times}"));
    }
    Ok(())
}

fn check_incidents(
    incidents: &[Value],
    mut members: BTreeMap<String, u64>,
    taken: &BTreeSet<String>,
) -> Result<(), String> {
    for incident in incidents {
        let (id, key) = (&incident["id"], incident["key"].as_str().unwrap_or(""));
        let Some(count) = members.remove(key) else {
            return Err(format!("{id} is about {key}, which is taken already or nobody sent"));
        };
        if incident["members"].as_u64() != Some(count) {
            return Err(format!("{id} has {} members of {count}", incident["members"]));
        }
        let acknowledged = incident["state"] == "acknowledged";
        if taken.contains(id.as_str().unwrap_or("")) && !acknowledged {
            return Err(format!("{id} was taken by a person and is {}", incident["state"]));
        }
    }
    match members.first_key_value() {
        Some((key, count)) => Err(format!("{count} alerts of {key} have no incident")),
        None => Ok(()),
    }
}
