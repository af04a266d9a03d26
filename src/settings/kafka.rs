//! Sections `[kafka.clusters.NAME]`: where Kafka is, how it is spoken to, and as whom.
//!
//! What is needed everywhere has a key of its own; any other option of librdkafka goes into
//! `[kafka.clusters.NAME.options]`, except what would break a promise of ours or is a secret.

use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::reference::Reference;
use super::secret::Secret;
use super::section::Section;
use crate::model::priority::words;

/// How a cluster of Kafka is reached.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Some of its brokers as `host:port`; the others are learned from them.
    pub brokers: Vec<String>,
    /// How the connection is encrypted; `None` for not at all.
    pub tls: Option<Tls>,
    /// As whom; `None` where nobody asks.
    pub sasl: Option<Sasl>,
    /// Further options of librdkafka by name.
    pub options: BTreeMap<String, String>,
}

/// How connections to a cluster are encrypted.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificates that vouch for the brokers, PEM; the system's when `None`.
    pub ca: Option<PathBuf>,
    /// What proves who we are.
    pub client: Option<Certificate>,
}

/// A client's certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate with its chain, PEM.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// What the key is encrypted with.
    pub password: Option<Secret<String>>,
}

/// As whom a cluster is spoken to.
#[derive(Clone, Debug)]
pub enum Sasl {
    /// As a user with a password.
    Password {
        /// How it is shown that we know it.
        mechanism: Mechanism,
        /// The user.
        user: String,
        /// The password.
        password: Secret<String>,
    },
    /// With a token that somebody else renews: the file is read again before it ends.
    Token(PathBuf),
}

/// How it is shown that a user's password is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// By telling it (RFC 4616).
    Plain,
    /// By a challenge (RFC 7677).
    ScramSha256,
    /// The same with a longer hash.
    ScramSha512,
}

#[derive(Clone, Copy, Debug)]
enum SaslWord {
    None,
    Plain,
    ScramSha256,
    ScramSha512,
    OauthBearer,
}

words!(
    SaslWord,
    None = "none",
    Plain = "plain",
    ScramSha256 = "scram-sha-256",
    ScramSha512 = "scram-sha-512",
    OauthBearer = "oauthbearer"
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TlsWord {
    Required,
    None,
}

words!(TlsWord, Required = "required", None = "none");

const PASSWORD: Reference = Reference { file: "password_file", credential: "password_credential" };
const KEY_PASSWORD: Reference =
    Reference { file: "key_password_file", credential: "key_password_credential" };

/// Options that a key of ours sets: the key, or what sets it.
const SAID_BY_KEY: [(&str, &str); 13] = [
    ("bootstrap.servers", "write `brokers`"),
    ("metadata.broker.list", "write `brokers`"),
    ("security.protocol", "write `tls` and `sasl`"),
    ("sasl.mechanism", "write `sasl`"),
    ("sasl.mechanisms", "write `sasl`"),
    ("sasl.username", "write `user`"),
    ("sasl.password", "write `password_file` or `password_credential`"),
    ("ssl.ca.location", "write `ca_file`"),
    ("ssl.certificate.location", "write `cert_file`"),
    ("ssl.key.location", "write `key_file`"),
    ("ssl.key.password", "write `key_password_file` or `key_password_credential`"),
    ("group.id", "incidentd commits to the group `incidentd.SOURCE`, for tools that show the lag"),
    ("client.id", "it is `incidentd`, for the brokers' logs and quotas"),
];

/// Options whose other values would break what incidentd promises, and why.
const OWNED: [(&str, &str); 12] = [
    ("enable.auto.commit", "offsets are kept with the state they caused"),
    ("enable.auto.offset.store", "offsets are kept with the state they caused"),
    ("auto.offset.reset", "a record that is gone halts its partition and is never jumped over"),
    ("enable.partition.eof", "it is needed to know when a backlog is read"),
    ("acks", "an event is gone only when every replica has it"),
    ("request.required.acks", "an event is gone only when every replica has it"),
    ("enable.idempotence", "events of one incident stay in order"),
    ("transactional.id", "what leaves is sent at least once, with an id of its own"),
    ("statistics.interval.ms", "the lag is learned by it"),
    ("log_level", "librdkafka's warnings go to the log of incidentd"),
    ("log.queue", "librdkafka's warnings go to the log of incidentd"),
    ("plugin.library.paths", "a library that is loaded could do anything"),
];

/// Starts of the names of options that hold a secret, which does not belong into settings.
const SECRET: [&str; 9] = [
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion",
    "ssl.key.pem",
    "ssl_key",
    "ssl.keystore.",
    "ssl.certificate.pem",
    "ssl.truststore.",
    "https.ca.pem",
];

pub(super) fn read(section: &mut Section<'_>) -> Option<Cluster> {
    let brokers = read_brokers(section);
    let tls_is_wanted = ["ca_file", "cert_file", "key_file"].map(|key| section.has(key));
    let wanted = if tls_is_wanted.contains(&true) { TlsWord::Required } else { TlsWord::None };
    let word = if section.has("tls") { section.word("tls", wanted) } else { wanted };
    let tls = if word == TlsWord::Required { Some(read_tls(section)) } else { None };
    if word == TlsWord::None && wanted == TlsWord::Required {
        let message = "found `none` beside a certificate, which is for TLS only".to_owned();
        section.refuse("K005", "tls", message, "write tls = \"required\", or leave the files out");
        section.drop(&["ca_file", "cert_file", "key_file"]);
    }
    let sasl = read_sasl(section);
    let options = read_options(section);
    let (brokers, sasl) = (brokers?, sasl?);
    let tells = |sasl: &Sasl| match sasl {
        Sasl::Password { mechanism, .. } => *mechanism == Mechanism::Plain,
        Sasl::Token(_) => true,
    };
    let remote = brokers.iter().any(|broker| !is_loopback(broker));
    if tls.is_none() && remote && sasl.as_ref().is_some_and(tells) {
        let message = "found neither TLS nor a mechanism that keeps the secret to itself, so that \
                       everybody on the way can read it";
        let help = "write tls = \"required\", or sasl = \"scram-sha-512\"";
        section.refuse("K005", "sasl", message.into(), help);
    }
    Some(Cluster { brokers, tls: tls.flatten(), sasl, options })
}

fn read_brokers(section: &mut Section<'_>) -> Option<Vec<String>> {
    let listed = section.list("brokers")?;
    let brokers: Vec<String> =
        listed.iter().flat_map(|text| text.split(',')).map(|one| one.trim().to_owned()).collect();
    let wrong = brokers.iter().find(|broker| !is_broker(broker));
    if brokers.is_empty() || wrong.is_some() {
        let found = wrong.map_or("an empty list".into(), |broker| format!("`{broker}`"));
        let message = format!("found {found}, expected the name of a host and its port");
        section.refuse("K004", "brokers", message, "write brokers = [\"kafka-1:9092\"]");
        return None;
    }
    Some(brokers)
}

/// True for `host:port`, `1.2.3.4:port` and `[::1]:port`.
fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let named = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.len() <= 253 && host.chars().all(plain),
    };
    named && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_loopback(broker: &str) -> bool {
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Reads files of certificates; `None` when one cannot be read.
fn read_tls(section: &mut Section<'_>) -> Option<Tls> {
    let ca = section.has("ca_file").then(|| pem(section, "ca_file"));
    let has = ["cert_file", "key_file"].map(|key| section.has(key));
    let encrypted = KEY_PASSWORD.is_given(section);
    let client = match has {
        [false, false] => None,
        [true, true] => {
            let (cert, key) = (pem(section, "cert_file"), pem(section, "key_file"));
            let password = encrypted.then(|| secret(section, KEY_PASSWORD));
            Some((cert, key, password))
        }
        [cert, _] => {
            let missing = if cert { "key_file" } else { "cert_file" };
            let message = "missing, expected both cert_file and key_file or neither".into();
            section.refuse("K003", missing, message, "write both; each is a PEM file");
            section.drop(&["cert_file", "key_file"]);
            return None;
        }
    };
    let client = match client {
        None => None,
        Some((cert, key, password)) => {
            let password = match password {
                None => None,
                Some(read) => Some(read?),
            };
            Some(Certificate { cert: cert?, key: key?, password })
        }
    };
    let ca = match ca {
        None => None,
        Some(read) => Some(read?),
    };
    Some(Tls { ca, client })
}

/// Reads the path of a PEM file and makes sure that it is one.
fn pem(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    section.text(key, "a readable PEM file", |path| {
        let text = std::fs::read_to_string(path).ok()?;
        text.contains("-----BEGIN ").then(|| PathBuf::from(path))
    })
}

fn secret(section: &mut Section<'_>, reference: Reference) -> Option<Secret<String>> {
    let first = |content: &str| {
        let line = content.lines().next()?.trim_end();
        (!line.is_empty()).then(|| line.to_owned())
    };
    reference.read(section, "the password in its first line", first).map(Secret::new)
}

#[expect(clippy::option_option, reason = "nobody asking is an answer, a wrong one is none")]
fn read_sasl(section: &mut Section<'_>) -> Option<Option<Sasl>> {
    let word =
        if section.has("sasl") { section.word("sasl", SaslWord::None) } else { SaslWord::None };
    let mechanism = match word {
        SaslWord::None => return Some(None),
        SaslWord::OauthBearer => {
            let readable = |path: &str| {
                let text = std::fs::read_to_string(path).ok()?;
                (!text.trim().is_empty()).then(|| Path::new(path).to_owned())
            };
            let token = section.text("token_file", "a readable file with a token", readable);
            return Some(Some(Sasl::Token(token?)));
        }
        SaslWord::Plain => Mechanism::Plain,
        SaslWord::ScramSha256 => Mechanism::ScramSha256,
        SaslWord::ScramSha512 => Mechanism::ScramSha512,
    };
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let user = section.text("user", "a user name", named);
    let password = secret(section, PASSWORD);
    Some(Some(Sasl::Password { mechanism, user: user?, password: password? }))
}

fn read_options(section: &mut Section<'_>) -> BTreeMap<String, String> {
    let options = section.table("options");
    for name in options.keys() {
        let key = format!("options.{name}");
        let said = SAID_BY_KEY.iter().find(|(option, _)| option == name);
        let owned = OWNED.iter().find(|(option, _)| option == name);
        if let Some((_, instead)) = said {
            let message = "found an option that has its own key".to_owned();
            section.refuse("K005", &key, message, instead);
        } else if let Some((_, why)) = owned {
            let message = format!("found an option that incidentd sets itself: {why}");
            section.refuse("K005", &key, message, "leave it out");
        } else if SECRET.iter().any(|start| name.starts_with(start)) {
            let message = "found an option that holds a secret or replaces one".to_owned();
            let help = "name files of certificates and secrets by the keys of the section itself";
            section.refuse("K005", &key, message, help);
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::from_file;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for (text, is_one) in [
            ("kafka-1:9092", true),
            ("10.0.0.1:9092", true),
            ("[::1]:9092", true),
            ("kafka_1.example.com:1", true),
            ("kafka-1", false),
            (":9092", false),
            ("kafka-1:0", false),
            ("kafka-1:99999", false),
            ("::1:9092", false),
            ("kafka://kafka-1:9092", false),
            ("", false),
        ] {
            assert_eq!(is_broker(text), is_one, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, is_one) in [
            ("localhost:9092", true),
            ("127.0.0.1:9092", true),
            ("[::1]:9092", true),
            ("kafka-1:9092", false),
            ("10.0.0.1:9092", false),
        ] {
            assert_eq!(is_loopback(text), is_one, "{text}");
        }
    }

    const HERE: &str = "brokers = 'localhost:9092'\n";
    const THERE: &str = "brokers = ['kafka-1:9092', 'kafka-2:9092']\n";

    /// Returns what is said of a cluster with these keys, as `code key`, and no secret.
    fn said(keys: &str) -> Vec<String> {
        let read = from_file(&format!("[kafka.clusters.c]\n{keys}"));
        let told = format!("{read:?}");
        assert!(!told.contains("s3cret"), "{told}");
        let problems = read.err().into_iter().flatten();
        problems
            .map(|it| {
                let key = it.key.trim_start_matches("kafka.clusters.c.").to_owned();
                format!("{} {key}", it.code)
            })
            .collect()
    }

    #[test]
    fn a_cluster_is_refused_by_the_key_that_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let password = format!("user = 'u'\npassword_file = '{}'", file("password", "s3cret\n"));
        let pem = file("pem", "-----BEGIN CERTIFICATE-----");
        let empty = file("empty", "\n");
        for (keys, refused) in [
            (THERE.to_owned(), &[][..]),
            ("brokers = 'kafka-1:9092, kafka-2:9092'".into(), &[]),
            (String::new(), &["K003 brokers"]),
            ("brokers = 'kafka-1'".into(), &["K004 brokers"]),
            ("brokers = []".into(), &["K004 brokers"]),
            (format!("{THERE}tls = 'required'\nca_file = '{pem}'"), &[]),
            (format!("{THERE}ca_file = '{pem}'"), &[]),
            (format!("{THERE}tls = 'none'\nca_file = '{pem}'"), &["K005 tls"]),
            (format!("{THERE}ca_file = '/nowhere'"), &["K004 ca_file"]),
            (format!("{THERE}ca_file = '{empty}'"), &["K004 ca_file"]),
            (format!("{THERE}cert_file = '{pem}'"), &["K003 key_file"]),
            (format!("{THERE}cert_file = '{pem}'\nkey_file = '{pem}'"), &[]),
            (format!("{THERE}sasl = 'scram-sha-512'\n{password}"), &[]),
            (format!("{THERE}sasl = 'scram-sha-512'\nuser = 'u'"), &["K003 password_file"]),
            (format!("{THERE}sasl = 'plain'\n{password}"), &["K005 sasl"]),
            (format!("{HERE}sasl = 'plain'\n{password}"), &[]),
            (format!("{THERE}tls = 'required'\nsasl = 'plain'\n{password}"), &[]),
            (format!("{THERE}tls = 'required'\nsasl = 'oauthbearer'\ntoken_file = '{pem}'"), &[]),
            (format!("{THERE}sasl = 'oauthbearer'\ntoken_file = '{pem}'"), &["K005 sasl"]),
            (format!("{HERE}sasl = 'oauthbearer'\ntoken_file = '{empty}'"), &["K004 token_file"]),
            (format!("{HERE}sasl = 'gssapi'"), &["K004 sasl"]),
            (format!("{HERE}password = 's3cret'"), &["K002 password"]),
        ] {
            assert_eq!(said(&keys), refused, "{keys}");
        }
    }

    #[test]
    fn options_are_passed_through_but_not_those_that_are_ours_or_secret() {
        const HERE: &str = "brokers = 'localhost:9092'\n[kafka.clusters.c.options]\n";
        for (option, refused) in [
            ("'socket.keepalive.enable' = true", None),
            ("socket.timeout.ms = 5000", None),
            ("'security.protocol' = 'ssl'", Some("K005 options.security.protocol")),
            ("'enable.auto.commit' = true", Some("K005 options.enable.auto.commit")),
            ("'group.id' = 'x'", Some("K005 options.group.id")),
            ("'sasl.password' = 's3cret'", Some("K005 options.sasl.password")),
            ("'ssl.key.pem' = 's3cret'", Some("K005 options.ssl.key.pem")),
            ("'debug' = ['s3cret']", Some("K004 options.debug")),
        ] {
            assert_eq!(said(&format!("{HERE}{option}")), Vec::from_iter(refused), "{option}");
        }
        let text = format!("[kafka.clusters.c]\n{HERE}socket.timeout.ms = 5000\n'debug' = 'fetch'");
        let settings = from_file(&text).unwrap();
        let options: Vec<_> = settings.clusters["c"].options.iter().collect();
        let expected = [("debug", "fetch"), ("socket.timeout.ms", "5000")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(options, expected.iter().map(|(n, v)| (n, v)).collect::<Vec<_>>());
    }

    #[test]
    fn a_misspelt_section_is_told() {
        let said = from_file("[kafka.cluster.c]\nbrokers = 'localhost:9092'").unwrap_err();
        let said: Vec<_> = said.iter().map(|it| (it.code, &*it.key, &*it.help)).collect();
        assert_eq!(said, [("K002", "kafka.cluster", "did you mean `clusters`?")]);
    }
}
