//! Tries the ways to people: does the name resolve, does somebody listen? Nothing is sent.

use core::time::Duration;
use std::os::unix::fs::PermissionsExt;

use reqwest::Url;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::kafka::producer::{Producer, Promise};
use crate::settings::Settings;
use crate::settings::channels::Channel;
use crate::settings::receivers::SlackWay;
use crate::settings::topic::Topic;

use super::Finding;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to do where a topic cannot be written to.
const REMEDY_OF_TOPIC: &str =
    "mend [kafka.clusters]; events wait until then, and pages go to the contact's next channel";

/// Tries every channel and the monitor elsewhere, all at a time.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let channels = settings.channels.iter().filter_map(|(name, channel)| match channel {
        Channel::Log | Channel::Exec(_) | Channel::Kafka(_) => None,
        Channel::Webhook(webhook) => Some((format!("channel {name}"), place(webhook.url.reveal()))),
        Channel::Email(mail) => Some((format!("channel {name}"), (mail.host.clone(), mail.port))),
        Channel::Slack(slack) => {
            let url = match &slack.way {
                SlackWay::Hook(url) => url.reveal(),
                SlackWay::Bot { api, .. } => api,
            };
            Some((format!("channel {name}"), place(url)))
        }
        Channel::PagerDuty(it) => Some((format!("channel {name}"), place(&it.url))),
        Channel::Apprise(it) => Some((format!("channel {name}"), place(it.url.reveal()))),
    });
    let programs = settings.channels.iter().filter_map(|(name, channel)| match channel {
        Channel::Exec(exec) => Some(program(name, exec.command.first()?)),
        Channel::Log
        | Channel::Webhook(_)
        | Channel::Email(_)
        | Channel::Slack(_)
        | Channel::PagerDuty(_)
        | Channel::Kafka(_)
        | Channel::Apprise(_) => None,
    });
    let programs: Vec<Finding> = programs.collect();
    let heartbeat = settings.canary.heartbeat.iter();
    let heartbeat =
        heartbeat.map(|it| ("the heartbeat's monitor".to_owned(), place(it.url.reveal())));
    let tries = channels.chain(heartbeat).map(|(name, place)| attempt(name, place));
    let findings: Vec<Finding> = futures_util::future::join_all(tries).await;
    let topics = topics(settings).into_iter().map(|(check, name, to)| topic(check, name, to));
    let topics: Vec<Finding> = futures_util::future::join_all(topics).await;
    let findings: Vec<Finding> = findings.into_iter().chain(programs).chain(topics).collect();
    if settings.channels.values().all(|channel| matches!(channel, Channel::Log)) {
        let remedy = "add a section [channels.NAME] and name it in a contact of the rules";
        let alone = Finding::warning("channels", "notices go to the daemon's log only", remedy);
        return findings.into_iter().chain([alone]).collect();
    }
    findings
}

/// Returns the topics that are written to, each with who writes.
fn topics(settings: &Settings) -> Vec<(&'static str, String, Topic)> {
    let channels = settings.channels.iter().filter_map(|(name, channel)| match channel {
        Channel::Kafka(kafka) => Some(("channels", format!("channel {name}"), kafka.to.clone())),
        Channel::Log
        | Channel::Exec(_)
        | Channel::Webhook(_)
        | Channel::Email(_)
        | Channel::Slack(_)
        | Channel::PagerDuty(_)
        | Channel::Apprise(_) => None,
    });
    let events = settings.events.to.iter().map(|to| ("events", "events".to_owned(), to.clone()));
    channels.chain(events).collect()
}

/// Asks the brokers for a topic.
async fn topic(check: &'static str, name: String, to: Topic) -> Finding {
    let shown = format!("{name}: topic `{}` of {}", to.topic, to.cluster);
    let looked = spawn_blocking(move || {
        let producer = Producer::new(&to, Promise::Within(PATIENCE));
        producer.map_err(|error| error.to_string())?.look(PATIENCE)
    });
    match looked.await {
        Ok(Ok(())) => Finding::ok(check, format!("{shown} can be reached")),
        Ok(Err(error)) => Finding::error(check, format!("{shown}: {error}"), REMEDY_OF_TOPIC),
        Err(panic) => Finding::error(check, format!("{shown}: {panic}"), REMEDY_OF_TOPIC),
    }
}

/// Looks whether a channel's program is there and may be run.
fn program(channel: &str, path: &str) -> Finding {
    let remedy = "install it, or correct `command`; pages go to the contact's next channel";
    let failed = match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => {
            return Finding::ok("channels", format!("channel {channel}: {path} can be run"));
        }
        Ok(_) => "is no program".to_owned(),
        Err(error) => error.to_string(),
    };
    Finding::error("channels", format!("channel {channel}: {path}: {failed}"), remedy)
}

/// Returns host and port of an address; nothing else, because the path may be a credential.
fn place(url: &Url) -> (String, u16) {
    (url.host_str().unwrap_or("").into(), url.port_or_known_default().unwrap_or(443))
}

/// Connects to a host.
async fn attempt(name: String, (host, port): (String, u16)) -> Finding {
    // The brackets of an IPv6 address belong to the URL, not to the host.
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let failed = match timeout(PATIENCE, TcpStream::connect((plain, port))).await {
        Ok(Ok(_)) => {
            return Finding::ok("channels", format!("{name}: {host}:{port} can be reached"));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let remedy =
        "look at the name, the firewall and the receiver; pages go to the contact's next channel";
    Finding::error("channels", format!("{name}: {host}:{port}: {failed}"), remedy)
}
