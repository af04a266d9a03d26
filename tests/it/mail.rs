//! A report by somebody who has an address and no login, through a mail server: what they hear from
//! first to last, and that no log has what only they may know.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::common::{Daemon, wait_for};

const BASE: &str = "https://incidents.example/x";
const PASSWORD: &str = "correct-horse-7";

/// A mail as the server got it.
#[derive(Clone, Debug)]
struct Mail {
    to: String,
    /// Headers and body, as text.
    text: String,
}

type Shelf = Arc<Mutex<Vec<Mail>>>;

/// Starts a mail server that takes everything.
fn server() -> (SocketAddr, Shelf) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Shelf::default();
    let shelf = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who hangs up early has sent nothing.
            drop(converse(&stream, &shelf));
        }
    });
    (address, taken)
}

/// Speaks SMTP with one client.
fn converse(stream: &TcpStream, shelf: &Shelf) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let say = |text: &str| (&mut &*stream).write_all(format!("{text}\r\n").as_bytes());
    let mut to = String::new();
    say("220 sink ESMTP")?;
    while let Some(line) = lines.next().transpose()? {
        match line.split([' ', ':']).next().unwrap_or("") {
            "EHLO" => say("250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN")?,
            "AUTH" => say("235 ok")?,
            "RCPT" => {
                to = line.replace("RCPT TO:", "");
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                let body = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".");
                let text = plain(&body.collect::<Vec<_>>());
                shelf.lock().unwrap().push(Mail { to: to.clone(), text });
                say("250 ok")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 ok")?,
        }
    }
    Ok(())
}

/// Takes back the line breaks and signs of quoted-printable (RFC 2045, 6.7).
fn plain(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        match line.strip_suffix('=') {
            Some(part) => text.push_str(part),
            None => text.extend([line, "\n"]),
        }
    }
    text.replace("=3D", "=")
}

/// Starts a daemon that writes to reporters by this server.
fn start(address: SocketAddr) -> (tempfile::TempDir, Daemon) {
    let dir = tempfile::tempdir().unwrap();
    let port = address.port();
    std::fs::write(dir.path().join("password"), PASSWORD).unwrap();
    let config = format!(
        "[http]\npublic_url = '{BASE}'\n[channels.mail]\nkind = 'email'\nhost = '127.0.0.1'\n\
         port = {port}\ntls = 'none'\nuser = 'us'\npassword_file = 'password'\n\
         from = 'Incidents <i@example.com>'\nallow_private = true\n"
    );
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    std::fs::create_dir_all(dir.path().join("rules")).unwrap();
    let rules = "version: 1\ncontacts: {ann: {channels: [log]}}\n\
                 teams: {shop: {members: [ann]}}\ndefaults: {team: shop}\n\
                 reports: {channel: mail, domains: [x.org]}\n";
    std::fs::write(dir.path().join("rules/t.yaml"), rules).unwrap();
    let daemon = Daemon::start(dir.path());
    (dir, daemon)
}

#[test]
fn who_reports_by_address_hears_all_by_mail_and_ends_it_by_the_link_in_it() {
    let (address, taken) = server();
    let (_dir, daemon) = start(address);
    let order = |path: &str, body: serde_json::Value| {
        let answer = daemon.client().post(&format!("/api/v1/incidents{path}"), &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    };
    let mail = |count: usize, says: &str| {
        let mails = wait_for(says, || {
            let taken = taken.lock().unwrap();
            (taken.len() >= count).then(|| taken.clone())
        });
        let mail = mails[count - 1].clone();
        assert!(mail.text.contains(says), "{says}: {}", mail.text);
        assert_eq!(mail.to, "<tom@x.org>");
        mail.text
    };
    order(
        "",
        json!({"title": "The shop is slow", "by": "mia", "reporter": "Tom",
        "contact": "tom@x.org"}),
    );
    let received = mail(1, "we have your report: it is INC-1, team shop has it");
    assert!(received.contains("X-Incidentd-Notice: INC-1/"), "{received}");
    assert!(!received.contains("/l/"), "nothing to answer yet: {received}");
    order("/INC-1/update", json!({"by": "ann", "note": "a disk is full"}));
    mail(2, "ann: a disk is full");
    order("/INC-1/resolve", json!({"by": "ann", "note": "a larger disk"}));
    let asked = mail(3, "is it over?");
    let link = |word: &str| {
        let line = asked.lines().find_map(|line| line.strip_prefix(word));
        let url = line.unwrap_or_else(|| panic!("no {word} in {asked}"));
        url.strip_prefix(BASE).unwrap().trim().to_owned()
    };
    let (fixed, not_fixed) = (link("Fixed: "), link("Not fixed: "));
    let shown = daemon.client().get(&not_fixed);
    assert!(shown.status == 200 && shown.body.contains("What is still wrong?"), "{}", shown.body);
    let shown = daemon.client().get(&fixed);
    assert!(shown.status == 200 && shown.body.contains("How content are you?"), "{}", shown.body);
    let state = || daemon.client().get("/api/v1/incidents/INC-1").json()["state"].clone();
    assert_eq!(state(), "resolved", "a look changes nothing");
    assert_eq!(daemon.client().post(&fixed, "satisfaction=4").status, 200);
    assert_eq!(state(), "closed");
    mail(4, "closed: confirmed by tom@x.org");
    let totals = daemon.client().get("/api/v1/satisfaction").json();
    assert_eq!(totals["items"][0]["mean"], 4.0, "{totals}");
    let log = daemon.log();
    assert!(log.contains("INC-1"), "there is a log: {log}");
    let token = |link: &str| link.trim_start_matches("/l/").to_owned();
    for secret in [PASSWORD.into(), token(&fixed), token(&not_fixed)] {
        assert!(!log.contains(&secret), "{secret} is in the log: {log}");
    }
}
