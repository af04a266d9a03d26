//! A mail server on loopback for tests: takes one connection for each behaviour, in order.

use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use lettre::message::Mailboxes;

use crate::settings::address::Reach;
use crate::settings::channels::Channel as Setting;
use crate::settings::email::{Email, Tls};

/// Where in a conversation something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Greeting,
    Recipient,
    /// After the whole mail.
    Body,
}

/// What the server does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Takes the mail.
    Take,
    /// Answers so at a stage.
    Answer(Stage, &'static str),
    /// Says nothing any more.
    Hang(Stage),
    /// Closes the connection.
    Close(Stage),
}

/// The server; every conversation is told as the client's lines.
pub(super) struct MailSink {
    pub(super) address: SocketAddr,
    told: mpsc::Receiver<String>,
}

impl MailSink {
    pub(super) fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, told) = mpsc::channel();
        thread::spawn(move || {
            let mut open = Vec::new();
            for act in acts {
                let (stream, _) = listener.accept().unwrap();
                let lines = converse(&stream, act).unwrap_or_else(|error| format!("{error}"));
                if matches!(act, Act::Hang(_)) {
                    open.push(stream);
                }
                if sender.send(lines).is_err() {
                    return;
                }
            }
            // Connections that hang are kept until the test is over.
            while sender.send(String::new()).is_ok() {
                thread::park_timeout(Duration::from_millis(20));
            }
        });
        Self { address, told }
    }

    /// Returns the next conversation.
    pub(super) fn mail(&self) -> String {
        self.told.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    /// A setting that leads here.
    pub(super) fn setting(&self, timeout: Duration) -> Email {
        Email {
            host: "127.0.0.1".into(),
            port: self.address.port(),
            tls: Tls::None,
            login: None,
            from: "Incidents <incidentd@example.com>".parse().unwrap(),
            to: "ops@example.com".parse::<Mailboxes>().unwrap(),
            timeout,
            reach: Reach::Anywhere,
        }
    }

    /// The same as the setting of a channel.
    pub(super) fn channel(&self, timeout: Duration) -> Setting {
        Setting::Email(self.setting(timeout))
    }
}

/// Speaks SMTP until the client is content or `act` says otherwise; returns the client's lines.
fn converse(stream: &TcpStream, act: Act) -> std::io::Result<String> {
    let mut said = String::new();
    let mut lines = BufReader::new(stream).lines();
    let answer = |stage: Option<Stage>, usual: &str| -> std::io::Result<bool> {
        let text = match act {
            Act::Answer(at, text) if Some(at) == stage => text,
            Act::Hang(at) | Act::Close(at) if Some(at) == stage => return Ok(false),
            Act::Take | Act::Answer(..) | Act::Hang(_) | Act::Close(_) => usual,
        };
        (&mut &*stream).write_all(format!("{text}\r\n").as_bytes())?;
        Ok(true)
    };
    if !answer(Some(Stage::Greeting), "220 sink ESMTP")? {
        return Ok(said);
    }
    while let Some(line) = lines.next().transpose()? {
        said.push_str(&line);
        said.push('\n');
        let verb = line.split([' ', ':']).next().unwrap_or("").to_uppercase();
        let goes_on = match &*verb {
            "EHLO" => answer(None, "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN")?,
            "RCPT" => answer(Some(Stage::Recipient), "250 s3cret")?,
            "DATA" => {
                answer(None, "354 go on")?;
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    said.push_str(&line);
                    said.push('\n');
                }
                answer(Some(Stage::Body), "250 s3cret")?
            }
            "QUIT" => {
                answer(None, "221 bye")?;
                false
            }
            "AUTH" => answer(None, "235 ok")?,
            _ => answer(None, "250 ok")?,
        };
        if !goes_on {
            break;
        }
    }
    Ok(said)
}
