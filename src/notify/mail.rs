//! The channel `email`: a notice as mail, text and HTML, by SMTP. One incident is one thread.
//!
//! A connection for each mail: pages are few, and one that was kept open may be dead when it is
//! needed. The name of the server is resolved here, so that what is checked is what is connected to.

use core::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;
use tracing::debug;

use super::channel::{Failure, Message, Purpose, Taken};
use crate::model::time::Timestamp;
use crate::settings::address::{Reach, Refused, is_public};
use crate::settings::email::{Email as Setting, Tls};

/// How long saying good-bye may take: the mail is delivered by then.
const QUIT_TIME: core::time::Duration = core::time::Duration::from_secs(1);

/// A mail server.
pub(super) struct Mail {
    setting: Setting,
    tls: Option<TlsParameters>,
    hello: ClientId,
    /// What ends the ids of messages: this installation at the sender's domain.
    suffix: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("setting", &self.setting).finish_non_exhaustive()
    }
}

impl Mail {
    pub(super) fn new(setting: &Setting, installation: &str) -> Result<Self, smtp::Error> {
        let tls = match setting.tls {
            Tls::Required | Tls::Starttls => Some(TlsParameters::new(setting.host.clone())?),
            Tls::None => None,
        };
        Ok(Self {
            tls,
            hello: ClientId::default(),
            suffix: format!("{installation}@{}", setting.from.email.domain()),
            setting: setting.clone(),
        })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        let mail = self.compose(message)?;
        match timeout(self.setting.timeout, self.hand_over(&mail)).await {
            Ok(done) => done,
            Err(_) => Err(passing(format!("no answer within {:?}", self.setting.timeout))),
        }
    }

    async fn hand_over(&self, mail: &lettre::Message) -> Result<Taken, Failure> {
        let mut server = self.connect().await?;
        let sent = server.send(mail.envelope(), &mail.formatted()).await;
        let sent = sent.map_err(|error| failure(&error))?;
        // Not: its error. The mail is the server's.
        if timeout(QUIT_TIME, server.quit()).await.is_err() {
            debug!("a mail server did not say good-bye");
        }
        Ok(Taken::said(format!("answered {}", sent.code())))
    }

    /// Connects, encrypts and logs in as the settings say.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let Setting { tls, timeout, .. } = self.setting;
        let addresses = self.addresses().await?;
        let at_once = self.tls.clone().filter(|_| tls == Tls::Required);
        let connecting = AsyncSmtpConnection::connect_tokio1(
            &*addresses,
            Some(timeout),
            &self.hello,
            at_once,
            None,
        );
        let mut server = connecting.await.map_err(|error| failure(&error))?;
        if let Some(parameters) = self.tls.clone().filter(|_| tls == Tls::Starttls) {
            if !server.can_starttls() {
                return Err(passing("the server offers no STARTTLS; nothing was sent".into()));
            }
            server.starttls(parameters, &self.hello).await.map_err(|error| failure(&error))?;
        }
        if let Some((user, password)) = &self.setting.login {
            let login = Credentials::new(user.clone(), password.reveal().clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            server.auth(&mechanisms, &login).await.map_err(|error| failure(&error))?;
        }
        Ok(server)
    }

    /// Resolves the server's name to addresses that may be connected to.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        let Setting { host, port, reach, .. } = &self.setting;
        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
        let found =
            found.map_err(|_| passing("the name of the mail server is not found".into()))?;
        let may = |address: &SocketAddr| *reach == Reach::Anywhere || is_public(address.ip());
        let addresses: Vec<SocketAddr> = found.filter(may).collect();
        if addresses.is_empty() {
            return Err(Failure::Refused(Refused::Private(host.clone()).to_string()));
        }
        Ok(addresses)
    }

    /// Writes the mail; the same notice gives the same ids, so that a second copy is known as one.
    fn compose(&self, message: &Message<'_>) -> Result<lettre::Message, Failure> {
        let notice = message.notice;
        let mut builder = lettre::Message::builder()
            .from(self.setting.from.clone())
            .date(date(notice.created_at))
            .subject(line(&message.text.subject))
            .message_id(Some(self.message_id(message)))
            .raw_header(marker("Auto-Submitted", "auto-generated"))
            .raw_header(marker("X-Incidentd-Notice", &notice.id.to_string()));
        if message.purpose == Purpose::Notice && notice.id.seq > 1 {
            let thread = self.thread(message);
            builder = builder.in_reply_to(thread.clone()).references(thread);
        }
        let to = self.recipients(message)?;
        let addresses = to.iter().map(|mailbox| mailbox.email.clone()).collect();
        let envelope = Envelope::new(Some(self.setting.from.email.clone()), addresses);
        let refuse = |error: &dyn fmt::Display| Failure::Refused(format!("no mail: {error}"));
        builder = to.into_iter().fold(builder, lettre::message::MessageBuilder::to);
        builder = builder.envelope(envelope.map_err(|error| refuse(&error))?);
        let text = message.text.text.clone();
        let mail = match message.text.html.clone() {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            None => builder.singlepart(SinglePart::plain(text)),
        };
        mail.map_err(|error| refuse(&error))
    }

    fn recipients(&self, message: &Message<'_>) -> Result<Mailboxes, Failure> {
        let contact = &message.notice.contact;
        match message.address {
            Some(mailbox) => mailbox
                .parse::<Mailbox>()
                .map(Mailboxes::from)
                .map_err(|error| Failure::Refused(format!("the email of {contact}: {error}"))),
            None if self.setting.to.iter().next().is_some() => Ok(self.setting.to.clone()),
            None => Err(Failure::Refused(format!(
                "{contact} has no `email` in the rule files, and the channel no `to`"
            ))),
        }
    }

    /// Returns the id of the first message of an incident, which all others refer to.
    fn thread(&self, message: &Message<'_>) -> String {
        format!("<{}.{}>", message.notice.id.incident, self.suffix)
    }

    fn message_id(&self, message: &Message<'_>) -> String {
        let id = message.notice.id;
        match message.purpose {
            Purpose::Notice if id.seq == 1 => self.thread(message),
            Purpose::Notice => format!("<{}.{}.{}>", id.incident, id.seq, self.suffix),
            Purpose::Test => {
                format!("<test.{}.{}>", message.notice.created_at.millis(), self.suffix)
            }
        }
    }
}

/// Makes one line of a header's text: the library folds and encodes, and no break of ours may begin
/// another header.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[expect(clippy::expect_used, reason = "the names are ours")]
fn marker(name: &'static str, value: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii(name.into()).expect("a name in ASCII without a colon");
    HeaderValue::new(name, line(value))
}

fn date(at: Timestamp) -> SystemTime {
    let since = Timestamp::EPOCH;
    SystemTime::UNIX_EPOCH + at.since(since)
}

fn passing(error: String) -> Failure {
    Failure::Passing { error, asked: None }
}

/// Words a failure in our words: the server's may hold addresses and more. 4xx is tried again, 5xx
/// is final (RFC 5321, 4.2.1).
fn failure(error: &smtp::Error) -> Failure {
    if let Some(code) = error.status() {
        let answered = format!("answered {code}");
        return if error.is_permanent() { Failure::Refused(answered) } else { passing(answered) };
    }
    if error.is_client() {
        return Failure::Refused(
            "the server lacks what the mail needs: a way to log in, 8BITMIME or SMTPUTF8".into(),
        );
    }
    passing(
        if error.is_tls() {
            "no encrypted connection: the certificate, or the TLS version"
        } else if error.is_response() {
            "no answer, or none of a mail server"
        } else if error.is_timeout() {
            "no answer in time"
        } else {
            "no connection, or it broke before an answer"
        }
        .into(),
    )
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::model::notice::{Notice, NoticeKind};
    use crate::notify::contract::{send, send_notice};
    use crate::notify::mailsink::{Act, MailSink, Stage};
    use crate::notify::tests::page;
    use crate::settings::channels::Channel as Channels;
    use crate::settings::secret::Secret;

    const SHORT: Duration = Duration::from_millis(300);

    /// Returns the headers of a mail that begin with this name, unfolded.
    fn header(mail: &str, name: &str) -> Vec<String> {
        let mail = mail.replace("\n ", " ");
        let found = mail.lines().filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.map(Into::into).collect()
    }

    #[tokio::test]
    async fn the_mails_of_an_incident_are_one_thread_and_a_second_copy_is_the_same_mail() {
        let sink = MailSink::start(vec![Act::Take; 3]);
        let channel = sink.channel(SHORT);
        let first = "<INC-1042.7e57@example.com>";
        for (seq, kind, id, thread) in [
            (1, NoticeKind::Page, first, &[][..]),
            (3, NoticeKind::Update, "<INC-1042.3.7e57@example.com>", &[first][..]),
            (3, NoticeKind::Update, "<INC-1042.3.7e57@example.com>", &[first]),
        ] {
            let notice = Notice { kind, ..page(1042, seq) };
            assert_eq!(send_notice(&channel, &notice).await, Ok(()));
            let mail = sink.mail();
            assert_eq!(header(&mail, "Message-ID"), [id]);
            assert_eq!(header(&mail, "In-Reply-To"), thread);
            assert_eq!(header(&mail, "References"), thread);
            assert_eq!(header(&mail, "Date"), ["Thu, 01 Jan 1970 00:00:00 +0000"]);
        }
    }

    #[tokio::test]
    async fn a_mail_has_text_and_html_and_no_header_of_anybody_else() {
        let sink = MailSink::start(vec![Act::Take]);
        assert_eq!(send(&sink.channel(SHORT)).await, Ok(()));
        let mail = sink.mail();
        assert_eq!(header(&mail, "Subject"), ["[P2] INC-1042 Power lost  Bcc: eve@example.com"]);
        assert_eq!(header(&mail, "To"), ["ops@example.com"]);
        assert_eq!(header(&mail, "Auto-Submitted"), ["auto-generated"]);
        assert!(header(&mail, "Bcc").is_empty() && !mail.contains("RCPT TO:<eve"), "{mail}");
        assert!(mail.contains("RCPT TO:<ops@example.com>"), "{mail}");
        let (text, html) = (mail.find("text/plain"), mail.find("text/html"));
        assert!(text.is_some() && text < html, "the last part is the one to be shown: {mail}");
        assert!(mail.contains("<p>the text</p>"), "{mail}");
    }

    #[tokio::test]
    async fn what_the_server_answers_decides_whether_the_mail_is_tried_again() {
        let passing = |error: &str| Err(passing(error.into()));
        let refused = |error: &str| Err(Failure::Refused(error.into()));
        for (act, expected) in [
            (Act::Answer(Stage::Greeting, "421 busy"), passing("answered 421")),
            (Act::Answer(Stage::Greeting, "554 no"), refused("answered 554")),
            (
                Act::Answer(Stage::Greeting, "HTTP/1.1 400"),
                passing("no answer, or none of a mail server"),
            ),
            (Act::Answer(Stage::Recipient, "451 later"), passing("answered 451")),
            (Act::Answer(Stage::Recipient, "550 nobody"), refused("answered 550")),
            (Act::Answer(Stage::Body, "452 full"), passing("answered 452")),
            (Act::Answer(Stage::Body, "554 spam"), refused("answered 554")),
            (Act::Hang(Stage::Greeting), passing("no answer within 300ms")),
            (Act::Hang(Stage::Body), passing("no answer within 300ms")),
            (Act::Close(Stage::Greeting), passing("no answer, or none of a mail server")),
            (Act::Close(Stage::Body), passing("no answer, or none of a mail server")),
        ] {
            let sink = MailSink::start(vec![act]);
            assert_eq!(send(&sink.channel(SHORT)).await, expected, "{act:?}");
        }
    }

    #[tokio::test]
    async fn no_password_and_no_mail_goes_to_a_server_without_the_encryption_asked_for() {
        let login = Some(("incidentd".into(), Secret::new("pa55word".into())));
        for (tls, error) in [
            (Tls::Starttls, "the server offers no STARTTLS; nothing was sent"),
            (Tls::Required, "no connection, or it broke before an answer"),
        ] {
            let sink = MailSink::start(vec![Act::Take]);
            let setting = Setting { tls, login: login.clone(), ..sink.setting(SHORT) };
            let Err(Failure::Passing { error: found, .. }) = send(&Channels::Email(setting)).await
            else {
                panic!("{tls} was passed over")
            };
            assert!(found == error || tls == Tls::Required, "{found}");
            let said = sink.mail();
            assert!(!said.contains("AUTH") && !said.contains("DATA"), "{said}");
        }
        let sink = MailSink::start(vec![Act::Take]);
        let setting = Setting { login, ..sink.setting(SHORT) };
        assert_eq!(send(&Channels::Email(setting)).await, Ok(()));
        assert!(sink.mail().contains("AUTH PLAIN"), "the way was allowed to be in the clear");
    }

    #[tokio::test]
    async fn no_mail_server_of_a_private_address_is_spoken_to_unless_it_is_allowed() {
        let sink = MailSink::start(vec![Act::Take]);
        for host in ["127.0.0.1", "localhost"] {
            let setting =
                Setting { reach: Reach::Public, host: host.into(), ..sink.setting(SHORT) };
            let error = format!("`{host}` is not an address on the public internet");
            assert_eq!(send(&Channels::Email(setting)).await, Err(Failure::Refused(error)));
        }
    }

    #[tokio::test]
    async fn a_mail_without_a_recipient_says_where_to_name_one() {
        let sink = MailSink::start(vec![]);
        let setting = Setting { to: Mailboxes::new(), ..sink.setting(SHORT) };
        let error = "m.ito has no `email` in the rule files, and the channel no `to`";
        assert_eq!(send(&Channels::Email(setting)).await, Err(Failure::Refused(error.into())));
    }
}
