//! What every client of a cluster shares: settings → librdkafka's configuration, its lines in our log
//! without secrets, whether brokers answer, and errors as sentences with a remedy.
//!
//! Opens no connection by itself.

use core::fmt;
use std::error::Error;
use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::token::{TokenFile, Wrong};
use crate::clock;
use crate::settings::kafka::{Cluster, Mechanism, Sasl, Tls};

/// How brokers know us, in their logs and quotas.
pub(super) const CLIENT_ID: &str = "incidentd";

/// Options of librdkafka for every client of a cluster.
///
/// # Errors
/// When the settings name an option that librdkafka does not know, or a value it does not take.
pub fn configure(name: &str, cluster: &Cluster) -> Result<ClientConfig, ClientError> {
    let mut config = ClientConfig::new();
    let debugs = cluster.options.contains_key("debug");
    let level = if debugs { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info };
    config.set_log_level(level);
    config.set("log.connection.close", "false");
    for (option, value) in &cluster.options {
        config.set(option, value);
    }
    config.set("client.id", CLIENT_ID).set("bootstrap.servers", cluster.brokers.join(","));
    let protocol = match (&cluster.tls, &cluster.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &cluster.tls {
        set_tls(&mut config, tls);
    }
    match &cluster.sasl {
        None => {}
        Some(Sasl::Token(_)) => {
            config.set("sasl.mechanism", "OAUTHBEARER");
        }
        Some(Sasl::Password { mechanism, user, password }) => {
            config.set("sasl.mechanism", spelled(*mechanism));
            config.set("sasl.username", user).set("sasl.password", password.reveal());
        }
    }
    config.create_native_config().map_err(|error| ClientError::of_option(name, &error))?;
    Ok(config)
}

fn spelled(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Plain => "PLAIN",
        Mechanism::ScramSha256 => "SCRAM-SHA-256",
        Mechanism::ScramSha512 => "SCRAM-SHA-512",
    }
}

fn set_tls(config: &mut ClientConfig, tls: &Tls) {
    if let Some(ca) = &tls.ca {
        config.set("ssl.ca.location", ca.display().to_string());
    }
    let Some(client) = &tls.client else { return };
    config.set("ssl.certificate.location", client.cert.display().to_string());
    config.set("ssl.key.location", client.key.display().to_string());
    if let Some(password) = &client.password {
        config.set("ssl.key.password", password.reveal());
    }
}

/// Why a client cannot do its work, in words for the person who wrote the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(String);

impl ClientError {
    /// Says what is wrong with an option; never shows its value, which may be a secret.
    fn of_option(name: &str, error: &KafkaError) -> Self {
        let KafkaError::ClientConfig(_, what, option, _) = error else {
            return Self(format!("kafka.clusters.{name}: cannot be set up: {error}"));
        };
        let what = if what.is_empty() { "is not taken by librdkafka" } else { what };
        Self(format!(
            "kafka.clusters.{name}: option `{option}`: {what}; correct it, or leave it out"
        ))
    }

    /// Says why a client could not be made.
    pub fn of_creation(name: &str, error: &KafkaError) -> Self {
        if matches!(error, KafkaError::ClientConfig(..)) {
            return Self::of_option(name, error);
        }
        Self(format!(
            "kafka.clusters.{name}: the client cannot be made: {error}; look at the files of \
             certificates and at [kafka.clusters.{name}.options]"
        ))
    }

    /// Says what a broker or the way to it has against us; `topic` where it is about one.
    pub fn of(name: &str, topic: Option<&str>, error: &KafkaError, reason: &str) -> Self {
        let Some(code) = error.rdkafka_error_code() else {
            return Self(format!("kafka.clusters.{name}: {error}{}", aside(reason)));
        };
        let topic = topic.map_or("the topic".into(), |topic| format!("topic `{topic}`"));
        Self(format!("kafka.clusters.{name}: {}", sentence(code, &topic, reason)))
    }
}

/// Returns ` (reason)`, or nothing without one.
fn aside(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

/// Says what a code means for the person who wrote the settings, and what to do.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "there are 150 codes, few of them about settings"
)]
fn sentence(code: RDKafkaErrorCode, topic: &str, reason: &str) -> String {
    use RDKafkaErrorCode as C;
    let (what, remedy) = match code {
        C::AllBrokersDown
        | C::BrokerTransportFailure
        | C::OperationTimedOut
        | C::RequestTimedOut => (
            "no broker answers".to_owned(),
            "check `brokers`, the network, and that `tls` and `sasl` are what the listener speaks",
        ),
        C::Resolve => (
            "the name of a broker is not known".to_owned(),
            "check `brokers`, and the names under which the brokers advertise themselves",
        ),
        C::Authentication | C::SaslAuthenticationFailed | C::IllegalSASLState => (
            "the broker does not take our credential".to_owned(),
            "check `sasl`, `user` and the password or token",
        ),
        C::UnsupportedSASLMechanism => (
            "the broker does not speak this `sasl`".to_owned(),
            "write one that its listener has enabled",
        ),
        C::SSL => (
            "TLS fails".to_owned(),
            "check `ca_file`, `cert_file`, `key_file`, the names in the broker's certificate, and \
             that its listener speaks TLS",
        ),
        C::UnknownTopic | C::UnknownTopicOrPartition | C::UnknownPartition => {
            (format!("there is no {topic}"), "create it, or correct its name")
        }
        C::TopicAuthorizationFailed => {
            (format!("we may not use {topic}"), "let the user read or write it (an ACL)")
        }
        C::GroupAuthorizationFailed => (
            "we may not commit offsets, so that tools cannot show the lag".to_owned(),
            "let the user read the group (an ACL)",
        ),
        C::ClusterAuthorizationFailed => {
            ("we may not do that on this cluster".to_owned(), "give the user an ACL for it")
        }
        C::MessageSizeTooLarge => (
            format!("a record is larger than {topic} takes"),
            "raise max.message.bytes of the topic and message.max.bytes in the options",
        ),
        other => return format!("{other}{}", aside(reason)),
    };
    format!("{what}{}; {remedy}", aside(reason))
}

/// Whether the brokers of a cluster answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing is known yet.
    Connecting,
    /// They do.
    Up,
    /// They do not, or not to us.
    Down(String),
}

impl Link {
    /// The state with its reason, without what differs from one try to the next.
    fn gist(&self) -> (u8, &str) {
        match self {
            Self::Connecting => (0, ""),
            Self::Up => (1, ""),
            Self::Down(why) => (2, why.split_once(" (").map_or(why, |(gist, _)| gist)),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Up => f.write_str("connected"),
            Self::Down(why) => f.write_str(why),
        }
    }
}

/// Listens to a client: its lines go to our log, its errors become the state of its [`Link`].
#[derive(Clone)]
pub struct Watch {
    name: Arc<str>,
    /// What no line may show.
    secrets: Arc<[String]>,
    token: Option<TokenFile>,
    link: Arc<watch::Sender<Link>>,
}

impl Watch {
    /// Listens to a client of this cluster.
    pub fn new(name: &str, cluster: &Cluster) -> Self {
        let mut secrets = Vec::new();
        let mut token = None;
        match &cluster.sasl {
            None => {}
            Some(Sasl::Password { password, .. }) => secrets.push(password.reveal().clone()),
            Some(Sasl::Token(path)) => token = Some(TokenFile(path.clone())),
        }
        let key = cluster.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let key = key.and_then(|client| client.password.as_ref());
        secrets.extend(key.map(|password| password.reveal().clone()));
        let (link, _) = watch::channel(Link::Connecting);
        Self { name: name.into(), secrets: secrets.into(), token, link: Arc::new(link) }
    }

    /// Returns what the state of the link is told by.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// True while no broker answers us.
    pub fn is_down(&self) -> bool {
        matches!(*self.link.borrow(), Link::Down(_))
    }

    /// Notes that a broker answered.
    pub fn answered(&self) {
        self.turn(Link::Up);
    }

    /// Notes that no broker answered; what is known already of the reason stays.
    pub fn failed(&self, error: &ClientError) {
        if !self.is_down() {
            self.turn(Link::Down(error.to_string()));
        }
    }

    /// Takes a line of librdkafka's log.
    pub fn line(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let (cluster, text) = (&*self.name, self.redacted(text));
        // It tries several times a second: what it fails at is told once, by the state of the link.
        let is_told = facility == "FAIL" && self.is_down();
        match level {
            _ if is_told => debug!(cluster, facility, "librdkafka: {text}"),
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => warn!(cluster, facility, "librdkafka: {text}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                info!(cluster, facility, "librdkafka: {text}");
            }
            RDKafkaLogLevel::Debug => debug!(cluster, facility, "librdkafka: {text}"),
        }
    }

    /// Takes an error that is about the client as a whole.
    pub fn trouble(&self, error: &KafkaError, reason: &str) {
        use RDKafkaErrorCode as C;
        let told = ClientError::of(&self.name, None, error, &self.redacted(reason));
        if matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            return;
        }
        let code = error.rdkafka_error_code();
        // Where the token is the reason, that is what helps.
        if code == Some(C::Authentication)
            && let Some(wrong) = self.wrong_token()
        {
            return self.turn(Link::Down(self.told(&wrong)));
        }
        match code {
            // A broker that asks for a certificate says so when the connection stands already
            // (TLS 1.3), which looks as if it had gone.
            Some(C::BrokerTransportFailure) if reason.contains("SSL routines") => {
                let error = KafkaError::Global(C::SSL);
                let told = ClientError::of(&self.name, None, &error, &self.redacted(reason));
                self.turn(Link::Down(told.to_string()));
            }
            // These say why.
            Some(C::Authentication | C::SSL | C::Resolve) => {
                self.turn(Link::Down(told.to_string()));
            }
            // This follows them.
            Some(C::AllBrokersDown) => self.failed(&told),
            Some(_) | None => debug!(cluster = &*self.name, error = %told, "Kafka"),
        }
    }

    /// Reads the token that shows who we are; what is wrong with it becomes the state of the link.
    ///
    /// # Errors
    /// When the file cannot be read or is empty, or the token has ended.
    pub fn token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let Some(token) = &self.token else { return Err("no token_file is set".into()) };
        let read = token.read(clock::wall());
        read.map_err(|wrong| {
            self.turn(Link::Down(self.told(&wrong)));
            wrong.to_string().into()
        })
    }

    /// True when brokers ask for a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    fn told(&self, wrong: &Wrong) -> String {
        format!(
            "kafka.clusters.{}: {wrong}; have it written anew, it is read again soon",
            self.name
        )
    }

    /// Logs a change of the link, and only a change: librdkafka tries several times a second.
    fn turn(&self, to: Link) {
        let cluster = &*self.name;
        let changed = |link: &mut Link| {
            if link.gist() != to.gist() {
                match &to {
                    Link::Connecting => {}
                    Link::Up => info!(cluster, "connected to Kafka"),
                    Link::Down(why) => warn!(cluster, "{why}"),
                }
            }
            let differs = *link != to;
            *link = to;
            differs
        };
        self.link.send_if_modified(changed);
    }

    fn wrong_token(&self) -> Option<Wrong> {
        self.token.as_ref()?.read(clock::wall()).err()
    }

    fn redacted(&self, text: &str) -> String {
        let hide = |text: String, secret: &String| text.replace(secret.as_str(), "***");
        self.secrets.iter().filter(|secret| !secret.is_empty()).fold(text.to_owned(), hide)
    }
}

/// Not: the secrets.
impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ClientContext for Watch {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.token()
    }
}

impl ConsumerContext for Watch {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::secret::Secret;

    fn cluster() -> Cluster {
        Cluster {
            brokers: vec!["localhost:1".into()],
            tls: None,
            sasl: Some(Sasl::Password {
                mechanism: Mechanism::ScramSha512,
                user: "u".into(),
                password: Secret::new("s3cret".into()),
            }),
            options: [("socket.timeout.ms".to_owned(), "5000".to_owned())].into(),
        }
    }

    #[test]
    fn settings_become_options_of_librdkafka() {
        let config = configure("c", &cluster()).unwrap();
        for (option, value) in [
            ("bootstrap.servers", "localhost:1"),
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "u"),
            ("sasl.password", "s3cret"),
            ("socket.timeout.ms", "5000"),
            ("client.id", "incidentd"),
        ] {
            assert_eq!(config.get(option), Some(value), "{option}");
        }
    }

    #[test]
    fn an_option_that_librdkafka_does_not_take_is_named_without_its_value() {
        for (option, value) in [("socket.timout.ms", "s3cret"), ("socket.timeout.ms", "s3cret")] {
            let mut cluster = cluster();
            cluster.options = [(option.to_owned(), value.to_owned())].into();
            let told = configure("c", &cluster).unwrap_err().to_string();
            assert!(told.contains("kafka.clusters.c") && told.contains(option), "{told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn an_error_says_what_to_do() {
        use RDKafkaErrorCode as C;
        for (code, says) in [
            (C::AllBrokersDown, "check `brokers`"),
            (C::Authentication, "check `sasl`, `user`"),
            (C::SSL, "check `ca_file`"),
            (C::UnknownTopicOrPartition, "there is no topic `t` (why); create it"),
            (C::TopicAuthorizationFailed, "we may not use topic `t`"),
        ] {
            let told = ClientError::of("c", Some("t"), &KafkaError::Global(code), "why");
            let told = told.to_string();
            assert!(told.starts_with("kafka.clusters.c: ") && told.contains(says), "{told}");
            assert!(told.contains("(why)"), "{told}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_and_a_link_that_is_down_says_why() {
        let watch = Watch::new("c", &cluster());
        assert!(!format!("{watch:?}").contains("s3cret"));
        assert_eq!(watch.redacted("user u, password s3cret."), "user u, password ***.");
        let link = watch.link();
        let refused = KafkaError::Global(RDKafkaErrorCode::Authentication);
        assert_eq!(*link.borrow(), Link::Connecting);
        watch.trouble(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 with s3cret");
        let told = link.borrow().to_string();
        assert!(told.contains("no broker answers (1/1 with ***)"), "{told}");
        watch.trouble(&refused, "");
        watch.trouble(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "");
        let told = link.borrow().to_string();
        assert!(told.contains("does not take our credential"), "{told}");
        watch.answered();
        assert_eq!(*link.borrow(), Link::Up);
        let gone = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        watch.trouble(&gone, "Disconnected");
        assert_eq!(*link.borrow(), Link::Up, "another broker may answer");
        watch.trouble(&gone, "Receive failed: SSL routines::sslv3 alert bad certificate");
        assert!(link.borrow().to_string().contains("check `ca_file`, `cert_file`"));
    }

    #[test]
    fn a_reason_is_told_when_it_changes_and_not_with_every_try() {
        let down = |why: &str| Link::Down(why.to_owned());
        assert_eq!(down("no (after 5 ms); do").gist(), down("no (after 7 ms); do").gist());
        assert_ne!(down("no (after 5 ms); do").gist(), down("other (after 5 ms); do").gist());
        assert_ne!(down("").gist(), Link::Up.gist());
    }

    #[test]
    fn a_token_that_is_wrong_is_the_reason_that_is_told() {
        let mut cluster = cluster();
        cluster.sasl = Some(Sasl::Token("/nowhere/token".into()));
        let watch = Watch::new("c", &cluster);
        assert!(watch.token().is_err());
        let told = watch.link().borrow().to_string();
        assert!(told.starts_with("kafka.clusters.c: token_file /nowhere/token: "), "{told}");
        watch.trouble(&KafkaError::Global(RDKafkaErrorCode::Authentication), "refused");
        assert_eq!(watch.link().borrow().to_string(), told, "and stays so");
    }
}
