//! The doors of a broker that ask who is there: who has the key gets in, and who has not is told so in
//! words, by the daemon that runs on and by `doctor`.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use incidentd::clock;
use serde_json::json;

use crate::broker::{Broker, PASSWORD, USER};
use crate::common::{Daemon, free_address, incidentd, pause, wait_for};
use crate::intake::{alert, records};
use crate::producer::produce;
use crate::reader::{folder, source, wait_for_alert};

/// Settings of a cluster behind TLS and SCRAM, with what is in the file `password`.
fn scram(broker: &Broker, dir: &Path, password: &str) -> String {
    std::fs::write(dir.join("password"), format!("{password}\n")).unwrap();
    format!(
        "[kafka.clusters.main]\nbrokers = [\"{}\"]\nca_file = \"{}\"\nsasl = \"scram-sha-512\"\n\
         user = \"{USER}\"\npassword_file = \"{}\"\n",
        broker.scram,
        broker.file("ca.pem").display(),
        dir.join("password").display(),
    )
}

/// Settings of a cluster that asks for a certificate.
fn mutual(broker: &Broker, files: &str) -> String {
    let address = broker.mutual;
    format!("[kafka.clusters.main]\nbrokers = [\"{address}\"]\ntls = \"required\"\n{files}")
}

/// SCRAM over TLS, and a client's certificate: records come through both doors.
pub fn who_has_the_key_gets_in(broker: &Broker) {
    broker.make_topic("secure", 1);
    produce(broker, "secure", records(0, "Secret", 0..5));
    let secrets = tempfile::tempdir().unwrap();
    let file = |name: &str| broker.file(name).display().to_string();
    let files = format!(
        "ca_file = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
        file("ca.pem"),
        file("client.pem"),
        file("client.key")
    );
    for cluster in [scram(broker, secrets.path(), PASSWORD), mutual(broker, &files)] {
        let dir = folder(&format!("{cluster}{}", source("log", "main", "secure")));
        let daemon = Daemon::start(dir.path());
        wait_for_alert(&daemon, "Secret");
        assert!(!daemon.log().contains(PASSWORD), "a password is in the log");
    }
}

/// A wrong password, an authority that is not ours, no certificate, another language, a topic or a broker
/// that is not there: each is named with what to do, and web hooks are taken.
pub fn who_has_not_is_told_what_is_wrong(broker: &Broker) {
    broker.make_topic("closed", 1);
    let secrets = tempfile::tempdir().unwrap();
    let ca = broker.file("ca.pem").display().to_string();
    // A certificate of somebody else vouches for nobody here.
    let other = broker.file("client.pem").display().to_string();
    let open = format!("[kafka.clusters.main]\nbrokers = [\"{}\"]\n", broker.open);
    let cases = [
        (scram(broker, secrets.path(), "wrong"), "closed", "credential"),
        (mutual(broker, &format!("ca_file = \"{other}\"\n")), "closed", "certificate"),
        (mutual(broker, &format!("ca_file = \"{ca}\"\n")), "closed", "certificate"),
        (open.clone() + "tls = \"required\"\nca_file = \"" + &ca + "\"\n", "closed", "tls"),
        (open, "no-such-topic", "no-such-topic"),
        (
            format!("[kafka.clusters.main]\nbrokers = [\"{}\"]\n", free_address()),
            "closed",
            "no broker",
        ),
    ];
    for (cluster, topic, word) in cases {
        let dir = folder(&format!("{cluster}{}", source("log", "main", topic)));
        let daemon = Daemon::start(dir.path());
        wait_for(&format!("words about {word} in the log"), || {
            let log = daemon.log();
            let told = |line: &str| {
                line.contains("kafka.clusters.main") && line.to_lowercase().contains(word)
            };
            Some(()).filter(|()| log.lines().any(told))
        });
        let answer = daemon.client().post("/ingest/native", &alert("Hook", 0));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!daemon.log().contains("wrong\n"), "a password is in the log");
        drop(daemon);
        let (code, said, error) =
            incidentd(dir.path(), &["doctor", "--config", "config.toml", "--rules", "rules"]);
        let said = said + &error;
        assert!(code != 0 && said.contains("kafka.clusters.main"), "{code}: {said}");
        assert!(said.to_lowercase().contains(word), "{word}: {said}");
    }
}

/// Settings of a cluster that asks for a token, and the file that it is in.
fn token(broker: &Broker, file: &Path) -> String {
    format!(
        "[kafka.clusters.main]\nbrokers = [\"{}\"]\nsasl = \"oauthbearer\"\ntoken_file = \"{}\"\n",
        broker.token,
        file.display()
    )
}

/// Writes a token that nobody signed, which ends in so many seconds, in place of the one before.
fn write_token(file: &Path, ends_in_s: i64) {
    let now_s = clock::wall().millis() / 1_000;
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({"sub": USER, "iat": now_s - 100, "exp": now_s + ends_in_s});
    let token = format!("{}.{}.", part(json!({"alg": "none"})), part(claims));
    std::fs::write(file.with_extension("new"), token).unwrap();
    std::fs::rename(file.with_extension("new"), file).unwrap();
}

/// The broker ends a session with its token; whoever renews the file in time notices nothing.
pub fn a_token_is_read_anew_before_it_ends(broker: &Broker) {
    const LIFE_S: i64 = 8;
    const RENEWED: Duration = Duration::from_secs(2);
    broker.make_topic("token", 1);
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("token");
    write_token(&file, LIFE_S);
    let dir = folder(&format!("{}{}", token(broker, &file), source("log", "main", "token")));
    let daemon = Daemon::start(dir.path());
    produce(broker, "token", records(0, "First", 0..1));
    wait_for_alert(&daemon, "First");
    // Beside the rounds, as whoever renews it does: how long a round takes is up to the machine.
    std::thread::scope(|scope| {
        let (_rounds, over) = mpsc::channel::<()>();
        let file = &file;
        scope.spawn(move || {
            while over.recv_timeout(RENEWED) == Err(RecvTimeoutError::Timeout) {
                write_token(file, LIFE_S);
            }
        });
        for round in 0..6 {
            pause(Duration::from_secs(3));
            let name = format!("Round{round}");
            produce(broker, "token", records(0, &name, 0..1));
            wait_for_alert(&daemon, &name);
        }
    });
    assert!(!daemon.log().contains(" ended at "), "{}", daemon.log());
}

/// A token that has ended is named, by the daemon and by `doctor`; web hooks are taken meanwhile, and
/// with another in the file the topic is read.
pub fn a_token_that_has_ended_is_told_and_another_lets_in(broker: &Broker) {
    broker.make_topic("ended", 1);
    produce(broker, "ended", records(0, "Late", 0..5));
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("token");
    write_token(&file, -60);
    let dir = folder(&format!("{}{}", token(broker, &file), source("log", "main", "ended")));
    let daemon = Daemon::start(dir.path());
    let words = format!("the token in token_file {} ended at ", file.display());
    wait_for("words about the token", || Some(()).filter(|()| daemon.log().contains(&words)));
    let answer = daemon.client().post("/ingest/native", &alert("Hook", 0));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (code, said, error) =
        incidentd(dir.path(), &["doctor", "--config", "config.toml", "--rules", "rules"]);
    let said = said + &error;
    assert!(code != 0 && said.contains(&words), "{code}: {said}");
    write_token(&file, 600);
    wait_for_alert(&daemon, "Late");
}
