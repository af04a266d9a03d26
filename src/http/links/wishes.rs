//! What each link offers: what its form asks for, and the order that it becomes.

use crate::engine::context::Context;
use crate::engine::order::{Command, Ending, Order};
use crate::model::assignment::Handover;
use crate::model::incident::Incident;
use crate::model::link::{Action, Link};
use crate::model::on_call::Override;
use crate::model::sheet::{Edit, Field};
use crate::model::time::Timestamp;
use crate::rules::Closing;

use super::form::Form;
use super::page::{Ask, Input, InputKind, Need};

/// Bytes of a reason: enough for a paragraph, and short enough for a message.
const REASON_BYTES_MAX: usize = 1_000;

/// The longest line that a field of one line takes, in bytes.
const LINE_BYTES_MAX: usize = 256;

const REASON: &str = "reason";
const VERSION: &str = "version";

/// Says what a link's button does.
pub(super) fn verb(action: Action) -> &'static str {
    match action {
        Action::Acknowledge => "Acknowledge",
        Action::Escalate => "Escalate",
        Action::Resolve => "Resolve",
        Action::Confirm => "Fixed",
        Action::Reject => "Not fixed",
    }
}

/// Says what else is to be known before the button is pressed. `overrides` are all that are known, in
/// the order of their numbers.
pub(super) fn outlook(
    context: &Context,
    (action, incident): (Action, &Incident),
    (overrides, now): (&[Override], Timestamp),
) -> String {
    match action {
        Action::Escalate => match context.next_line(incident, overrides, now) {
            Some(next) => {
                format!(" It would go to team {}, which means {} now.", next.team, next.contact)
            }
            None => " No line follows the one that has it: it cannot go on by a link.".into(),
        },
        Action::Reject => " It would be opened again, with what you say.".into(),
        Action::Acknowledge | Action::Resolve | Action::Confirm => String::new(),
    }
}

/// Returns what the form of a link asks for.
pub(super) fn ask(closing: &Closing, action: Action, incident: &Incident) -> Ask {
    let reason = |need, label: &str| Input {
        name: REASON.into(),
        label: label.into(),
        need,
        kind: InputKind::Text(REASON_BYTES_MAX),
    };
    let inputs = match action {
        Action::Acknowledge => Vec::new(),
        // Who presses the button means the line that the page named.
        Action::Escalate => vec![
            reason(Need::Optional, "Why"),
            Input {
                name: VERSION.into(),
                label: String::new(),
                need: Need::Required,
                kind: InputKind::Carried(incident.version.to_string()),
            },
        ],
        Action::Resolve => missing(closing, incident).map(|field| input(closing, field)).collect(),
        Action::Confirm => vec![Input {
            name: Field::Satisfaction.to_string(),
            label: "How content are you?".into(),
            need: Need::Optional,
            kind: InputKind::Choice(satisfaction()),
        }],
        Action::Reject => vec![reason(Need::Required, "What is still wrong?")],
    };
    Ask { button: verb(action), inputs }
}

fn satisfaction() -> Vec<(String, String)> {
    let words = ["not at all", "a little", "so so", "content", "very content"];
    (1..)
        .zip(words)
        .map(|(number, word)| (number.to_string(), format!("{number}: {word}")))
        .collect()
}

/// Yields the fields that the rules want before an incident is resolved, and that say nothing yet.
fn missing<'a>(closing: &Closing, incident: &'a Incident) -> impl Iterator<Item = Field> + 'a {
    let sheet = &incident.sheet;
    let required = closing.required(incident.assessment.priority, sheet.nature());
    required.into_iter().filter(|field| sheet.get(*field).is_none())
}

fn input(closing: &Closing, field: Field) -> Input {
    let own = |words: &[&str]| {
        words.iter().map(|word| ((*word).to_owned(), (*word).to_owned())).collect()
    };
    let kind = match (closing.words(field), field.words(), field.text_bytes_max()) {
        (Some(words), _, _) => {
            let meaning = |word: &str| {
                closing.closure_codes.get(word).or_else(|| closing.root_causes.get(word))
            };
            let said = |word: &&str| {
                let meaning = meaning(word).map(|it| format!(": {it}")).unwrap_or_default();
                ((*word).to_owned(), format!("{word}{meaning}"))
            };
            InputKind::Choice(words.iter().map(said).collect())
        }
        (None, Some(words), _) => InputKind::Choice(own(words)),
        (None, None, Some(max)) => InputKind::Text(max),
        (None, None, None) => InputKind::Line(LINE_BYTES_MAX),
    };
    let label = field.to_string().replace('_', " ");
    Input { name: field.to_string(), label, need: Need::Required, kind }
}

/// Makes an order of a form.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn order(link: &Link, form: &Form, closing: &Closing) -> Result<Order, String> {
    let Link { notice, action, contact, .. } = link;
    let reason = form.get(REASON);
    if reason.len() > REASON_BYTES_MAX || reason.contains(|c: char| c.is_control() && c != '\n') {
        return Err(format!("The reason must be a text of at most {REASON_BYTES_MAX} bytes."));
    }
    let command = match action {
        Action::Acknowledge => Command::Acknowledge { hold: None, update_in: None },
        Action::Escalate => Command::Escalate { to: None, handover: Handover::default() },
        Action::Resolve => {
            let wanted: Vec<Field> =
                closing.require.iter().flat_map(|it| it.fields.iter().copied()).collect();
            Command::Resolve(Ending { edits: edits(form, &wanted)?, spent: None })
        }
        Action::Confirm => Command::Confirm(edits(form, &[Field::Satisfaction])?),
        Action::Reject if reason.is_empty() => {
            return Err("Say what is still wrong: whoever has it needs to know.".into());
        }
        Action::Reject => Command::Reject,
    };
    let expected = match (action, form.get(VERSION).parse()) {
        (Action::Escalate, Ok(version)) => Some(version),
        (Action::Escalate, Err(_)) => {
            return Err("Open the link first: its page says to whom it would go.".into());
        }
        (Action::Acknowledge | Action::Resolve | Action::Confirm | Action::Reject, _) => None,
    };
    let by_link = format!("by link of {notice} to {contact}");
    let note = if reason.is_empty() { by_link } else { format!("{reason} ({by_link})") };
    Ok(Order { incident: notice.incident, by: contact.clone(), expected, note, command })
}

/// Reads what a form says of these fields; an empty one says nothing.
fn edits(form: &Form, fields: &[Field]) -> Result<Vec<Edit>, String> {
    let mut read: Vec<Edit> = Vec::new();
    let mut wrong = Vec::new();
    for field in fields {
        let name = field.to_string();
        let text = form.get(&name);
        if text.is_empty() || read.iter().any(|edit| edit.field == *field) {
            continue;
        }
        match Edit::read(&name, text) {
            Ok(edit) => read.push(edit),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(wrong.join("; ")) }
}
