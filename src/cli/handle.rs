//! `incidentd incidents ack|claim|…`: what people do with incidents, one or all that matchers take.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::http::wire::Incident;
use crate::http::wire::change::Answered;
use crate::http::wire::handle::{
    Acknowledge, Assign, Bulk, BulkAnswer, Hold, Merge, Plain, Split, Wish,
};
use crate::model::incident::RecordId;

use super::client::Server;
use super::desk;
use super::failure::Failure;
use super::handled::said;
use super::handover::{self, Handover};
use super::incidents::at;
use super::major;
use super::name::Name;
use super::print;
use super::{Output, Session};

/// What is said where there is nothing to do.
const NO_MATCH: &str = "no open incident matches";

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Say that somebody is on it: stops its escalation until the acknowledgement lapses
    Ack {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// How long it holds, as in 30m; the priority's own time when left out
        #[arg(long = "for", value_name = "TIME")]
        hold: Option<String>,
        /// When those who were told hear next, as in 30m; the priority's own time when left out
        #[arg(long, value_name = "TIME")]
        update_in: Option<String>,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Give it back: nobody is on it, and its escalation begins anew
    Unack(Simple),
    /// Take it, to work on it
    Claim(Simple),
    /// Hand it to a team or a person, who have not answered yet
    Assign {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// team:NAME or contact:NAME
        #[arg(long, value_name = "TARGET")]
        to: String,
        /// What they have to know
        #[command(flatten)]
        handover: Handover,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Let it wait: its resolution clock stands meanwhile
    Hold {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// What it waits for: supplier, change or user
        #[arg(long, value_name = "WHAT")]
        waits_for: String,
        /// How long at most, as in 4h
        #[arg(long = "for", value_name = "TIME")]
        span: String,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Hand it on, say how it stands
    #[command(flatten)]
    Hand(handover::Command),
    /// Write something on its timeline; say it with -m
    Note(Simple),
    /// Say that service is restored
    Resolve(desk::Resolve),
    /// Say that it is not
    Reopen(Simple),
    /// Say that it is over for good
    Close(Simple),
    /// Make it and another one; the older number survives
    Merge {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// The other
        #[arg(long, value_name = "INC")]
        into: String,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Make some of its records an incident of their own, which no rule takes back
    Split {
        /// Its number, as in INC-1042
        incident: String,
        /// Numbers of its records, as `show` lists them
        #[arg(required = true, value_name = "RECORD")]
        records: Vec<String>,
        /// The version that was seen; with another one nothing is done
        #[arg(long, value_name = "VERSION")]
        expected: Option<u32>,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Respond to a major incident, and keep track of what its review wants
    #[command(flatten)]
    Major(major::Command),
    /// Write on its record, close it with those who suffered, or cancel it
    #[command(flatten)]
    Desk(desk::Command),
}

/// A command that needs nothing but a name.
#[derive(Clone, Debug, Args)]
pub struct Simple {
    #[command(flatten)]
    pub(super) which: Which,
    #[command(flatten)]
    pub(super) word: Word,
}

/// Which incidents.
#[derive(Clone, Debug, Args)]
pub struct Which {
    /// Numbers, as in INC-1042; or matchers on open incidents, as in 'site="fra1"'
    #[arg(required = true, value_name = "INC|MATCHERS")]
    what: Vec<String>,
    /// The version that was seen; with another one nothing is done
    #[arg(long, value_name = "VERSION")]
    pub(super) expected: Option<u32>,
    /// Do not ask, whatever the matchers take
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only say what the matchers take
    #[arg(long)]
    dry_run: bool,
}

impl Which {
    /// Means one incident by its number.
    pub(super) fn one(incident: String) -> Self {
        Self { what: vec![incident], expected: None, yes: false, dry_run: false }
    }

    /// Means it only while it is at the version that was seen.
    pub(super) fn at(self, expected: Option<u32>) -> Self {
        Self { expected, ..self }
    }
}

/// Who says something.
#[derive(Clone, Debug, Args)]
pub struct Word {
    #[command(flatten)]
    pub(super) name: Name,
    /// What there is to say
    #[arg(
        short,
        long = "message",
        visible_alias = "because",
        value_name = "TEXT",
        default_value = ""
    )]
    pub(super) message: String,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses, or when nobody agrees.
pub async fn run(session: &Session, server: &Server, command: Command) -> Result<(), Failure> {
    let (which, wish) = wish(command);
    match numbers(&which)? {
        Some(numbers) => each(session, server, numbers, &wish).await,
        None => many(session, server, which, wish).await,
    }
}

/// Returns what to handle and the wish as the API wants it.
pub(super) fn wish(command: Command) -> (Which, Wish) {
    let plain = |Simple { which, word }, kind: fn(Plain) -> Wish| {
        let (by, note, expected_version) = (word.name.by, word.message, which.expected);
        (which, kind(Plain { by, note, expected_version }))
    };
    match command {
        Command::Hand(command) => handover::wish(command),
        Command::Ack {
            which,
            hold,
            update_in,
            word: Word { name: Name { by }, message: note },
        } => {
            let expected_version = which.expected;
            (which, Wish::Acknowledge(Acknowledge { by, hold, update_in, note, expected_version }))
        }
        Command::Unack(it) => plain(it, Wish::Unacknowledge),
        Command::Note(it) => plain(it, Wish::Note),
        Command::Claim(it) => plain(it, Wish::Claim),
        Command::Resolve(it) => it.wish(),
        Command::Desk(command) => command.wish(),
        Command::Major(command) => command.wish(),
        Command::Reopen(it) => plain(it, Wish::Reopen),
        Command::Close(it) => plain(it, Wish::Close),
        Command::Assign {
            which,
            to,
            handover,
            word: Word { name: Name { by }, message: note },
        } => {
            let (handover, expected_version) = (handover.said(), which.expected);
            (which, Wish::Assign(Assign { by, to, handover, note, expected_version }))
        }
        Command::Hold {
            which,
            waits_for,
            span,
            word: Word { name: Name { by }, message: note },
        } => {
            let (span, expected_version) = (Some(span), which.expected);
            let hold = Hold { by, waits_for, span, until: None, note, expected_version };
            (which, Wish::Hold(hold))
        }
        Command::Merge { which, into, word: Word { name: Name { by }, message: note } } => {
            let expected_version = which.expected;
            (which, Wish::Merge(Merge { by, into, note, expected_version }))
        }
        Command::Split {
            incident,
            records,
            expected,
            word: Word { name: Name { by }, message: note },
        } => {
            let which = Which { expected, ..Which::one(incident) };
            (which, Wish::Split(Split { by, records, note, expected_version: expected }))
        }
    }
}

/// Returns the numbers that are meant, or nothing when matchers say which.
fn numbers(which: &Which) -> Result<Option<Vec<String>>, Failure> {
    let named = which.what.iter().filter(|text| text.parse::<RecordId>().is_ok()).count();
    if which.expected.is_some() && named != 1 {
        let message = "--expected is the version of one incident: name one by its number";
        return Err(Failure::Usage(message.into()));
    }
    match (named, which.what.len() - named) {
        (_, 0) if which.dry_run => {
            let message = "--dry-run says what matchers take; numbers say that themselves";
            Err(Failure::Usage(message.into()))
        }
        (_, 0) => Ok(Some(which.what.clone())),
        (0, _) => Ok(None),
        _ => Err(Failure::Usage("give either numbers or matchers, not both".into())),
    }
}

/// Handles incidents by number: one that refuses does not keep the others from being handled. All
/// refusals are told; the last of them says the exit code.
async fn each(
    session: &Session,
    server: &Server,
    numbers: Vec<String>,
    wish: &Wish,
) -> Result<(), Failure> {
    let (command, body) = parts(wish)?;
    let mut failed = None;
    for number in &numbers {
        match server.post(&at(number, &[&command]), &body).await {
            Ok(answer) => session.show(&answer, |answer| {
                let Answered { incident, now, .. } = answer.read()?;
                session.say(&said(wish, number, &incident, now));
                Ok(())
            })?,
            Err(failure @ Failure::Unreachable { .. }) => return Err(failure),
            Err(failure) => {
                if let Some(before) = failed.replace(failure) {
                    print::talk(format_args!("incidentd: {before}"));
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Returns the path's last part and the body that goes there.
fn parts(wish: &Wish) -> Result<(String, Value), Failure> {
    let refused = |error: serde_json::Error| Failure::Findings(error.to_string());
    let mut body = serde_json::to_value(wish).map_err(refused)?;
    let command = body.as_object_mut().and_then(|fields| fields.remove("command"));
    let command = command.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((command, body))
}

/// Handles all open incidents that matchers take, after asking once.
async fn many(session: &Session, server: &Server, which: Which, wish: Wish) -> Result<(), Failure> {
    let path = at("bulk", &[]);
    let verb = verb(&wish);
    let mut bulk =
        Bulk { order: wish, matchers: which.what, dry_run: !which.yes, expected_count: None };
    if bulk.dry_run {
        let answer = server.post(&path, &bulk).await?;
        if which.dry_run {
            return session.show(&answer, |answer| {
                let found: BulkAnswer = answer.read()?;
                lines(&found).iter().for_each(print::data);
                session.say(&format!("would {} {}", verb.to_lowercase(), counted(found.matched)));
                Ok(())
            });
        }
        let found: BulkAnswer = answer.read()?;
        if found.matched == 0 {
            session.say(NO_MATCH);
            return Ok(());
        }
        lines(&found).iter().for_each(print::talk);
        agree(&format!("{verb} {}?", counted(found.matched)))?;
        (bulk.dry_run, bulk.expected_count) = (false, Some(found.matched));
    }
    let answer = server.post(&path, &bulk).await?;
    if session.output == Output::Json {
        session.show(&answer, |_| Ok(()))?;
    }
    report(session, &bulk.order, &answer.read()?)
}

/// Returns a line for each incident that would be handled.
fn lines(found: &BulkAnswer) -> Vec<String> {
    let line = |incident: &Incident| print::clean(&format!("{}  {}", incident.id, incident.title));
    found.results.iter().map(|one| line(&one.incident)).collect()
}

fn counted(incidents: u32) -> String {
    if incidents == 1 { "1 incident".into() } else { format!("{incidents} incidents") }
}

fn agree(question: &str) -> Result<(), Failure> {
    match print::ask(question) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::Findings("nothing was changed".into())),
        None => Err(Failure::Usage(
            "nothing was changed; nobody to ask: add --yes, or --dry-run to look first".into(),
        )),
    }
}

fn report(session: &Session, wish: &Wish, answer: &BulkAnswer) -> Result<(), Failure> {
    for one in &answer.results {
        match &one.refused {
            Some(refused) => print::talk(format_args!("incidentd: {}", refused.message)),
            None if session.output == Output::Table => {
                session.say(&said(wish, &one.incident.id, &one.incident, answer.now));
            }
            None => {}
        }
    }
    if answer.matched == 0 && session.output == Output::Table {
        session.say(NO_MATCH);
    }
    match answer.refused {
        0 => Ok(()),
        refused => Err(Failure::Conflict(format!("{refused} of {} refused", answer.matched))),
    }
}

/// Returns the command's name, to ask by.
fn verb(wish: &Wish) -> &'static str {
    match wish {
        Wish::Acknowledge(_) => "Ack",
        Wish::Unacknowledge(_) => "Unack",
        Wish::Note(_) => "Note",
        Wish::Claim(_) => "Claim",
        Wish::Assign(_) => "Assign",
        Wish::Hold(_) => "Hold",
        Wish::Escalate(_) => "Escalate",
        Wish::Return(_) => "Return",
        Wish::Convene(_) => "Convene",
        Wish::Priority(_) => "Prioritise",
        Wish::Update(_) => "Update",
        Wish::Subscribe(_) => "Subscribe to",
        Wish::Unsubscribe(_) => "Unsubscribe from",
        Wish::Resolve(_) => "Resolve",
        Wish::Reopen(_) => "Reopen",
        Wish::Close(_) => "Close",
        Wish::Merge(_) => "Merge",
        Wish::Split(_) => "Split",
        Wish::Set(_) => "Set",
        Wish::Classify(_) => "Classify",
        Wish::Time(_) => "Time",
        Wish::Confirm(_) => "Confirm",
        Wish::Reject(_) => "Reject",
        Wish::Cancel(_) => "Cancel",
        Wish::DeclareMajor(_) => "Declare major",
        Wish::StandDown(_) => "Stand down",
        Wish::Check(_) => "Check",
        Wish::Role(_) => "Give a role in",
        Wish::Action(_) => "Add an action to",
        Wish::ActionDone(_) => "Finish an action of",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wished(text: &Value) -> Wish {
        serde_json::from_value(text.clone()).unwrap()
    }

    #[test]
    fn numbers_and_matchers_are_told_apart() {
        let which = |what: &[&str], expected, dry_run| Which {
            what: what.iter().map(|&it| it.into()).collect(),
            expected,
            yes: false,
            dry_run,
        };
        assert_eq!(numbers(&which(&["site=\"x\""], None, true)), Ok(None));
        assert_eq!(numbers(&which(&["INC-1", "2"], None, false)).unwrap().unwrap().len(), 2);
        assert!(numbers(&which(&["INC-1"], Some(3), false)).unwrap().is_some());
        for bad in [
            which(&["INC-1", "site=\"x\""], None, false),
            which(&["INC-1", "INC-2"], Some(3), false),
            which(&["site=\"x\""], Some(3), false),
            which(&["INC-1"], None, true),
        ] {
            assert_eq!(numbers(&bad).unwrap_err().code(), 2, "{bad:?}");
        }
    }

    #[test]
    fn the_path_says_the_command_and_the_body_the_rest() {
        let wish = wished(&json!({"command": "merge", "by": "ann", "into": "INC-1"}));
        let body = json!({"by": "ann", "into": "INC-1", "note": ""});
        assert_eq!(parts(&wish), Ok(("merge".into(), body)));
    }
}
