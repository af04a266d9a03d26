//! The doors of a broker that ask who is there: who has the key gets in, and who has not is told so in
//! words, by the daemon that runs on and by `doctor`.

use std::path::Path;

use crate::broker::{Broker, PASSWORD, USER};
use crate::common::{Daemon, incidentd, wait_for};
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

/// A wrong password, an authority that is not ours, no certificate, another language, a topic that is
/// not there: each is named with what to do, and web hooks are taken.
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
