//! Plans messages to people, and takes them back while they are not out.
//!
//! Sends nothing: notices leave with the batch's changes. What became of them comes back as events:
//! [`super::receipts`].

use super::State;
use super::budget::{self, Verdict};
use super::context::Context;
use super::pending::Told;
use super::{overrides, receipts, threads};
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::{ALSO_MAX, Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::OnCall;

/// Bytes of several reasons in one message.
const BECAUSE_BYTES_MAX: usize = 500;

/// A message to plan.
pub(super) struct Plan<'a> {
    pub(super) kind: NoticeKind,
    pub(super) target: &'a Target,
    pub(super) because: String,
    /// Other incidents it tells of.
    pub(super) also: Vec<IncidentId>,
}

/// Plans a message; a target that is not to be found becomes the default contact.
pub(super) fn plan(state: &mut State, ctx: &Context, id: IncidentId, it: Plan<'_>, now: Timestamp) {
    let Some(record) = state.record(id) else { return };
    let Address { target, contact, hole } = address(state, ctx, (record, it.target), now);
    let because = explained(it.because, hole.as_deref());
    let to = Addressed { kind: it.kind, target, contact, because, also: it.also };
    send(state, ctx, id, to, now);
}

/// Returns the person that a target of an incident means now.
pub(super) fn person(
    state: &State,
    ctx: &Context,
    id: IncidentId,
    target: &Target,
    now: Timestamp,
) -> Box<str> {
    let record = state.record(id);
    let contact = |it| address(state, ctx, (it, target), now).contact;
    record.map_or_else(|| ctx.rules.default_contact.clone(), contact)
}

/// Notes that a target knows of an incident, from the message of another.
pub(super) fn note_told(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    target: &Target,
    now: Timestamp,
) {
    // Not: the person. Who has the shift may change, the target does not.
    let Some(case) = state.incidents.get(&id) else { return };
    let Address { target, .. } = address(state, ctx, (&case.record, target), now);
    note_target(state, id, &target);
}

struct Addressed {
    kind: NoticeKind,
    target: Box<str>,
    contact: Box<str>,
    because: String,
    also: Vec<IncidentId>,
}

/// Whom a target of an incident means now.
struct Address {
    /// The name the target goes by.
    target: Box<str>,
    contact: Box<str>,
    /// The rotation that has nobody.
    hole: Option<Box<str>>,
}

impl Address {
    fn person(name: &str) -> Self {
        Self { target: name.into(), contact: name.into(), hole: None }
    }

    fn team(state: &State, ctx: &Context, of: (&str, IncidentId), now: Timestamp) -> Self {
        let (name, _) = of;
        let OnCall { contact, hole } = overrides::called(state, ctx, of, now);
        Self { target: name.into(), contact: contact.into(), hole: hole.map(Box::from) }
    }
}

fn address(
    state: &State,
    ctx: &Context,
    (of, target): (&Incident, &Target),
    now: Timestamp,
) -> Address {
    let fallback = &*ctx.rules.default_contact;
    match target {
        Target::Assigned => {
            let assignee = of.assignee.as_deref();
            match (assignee.filter(|name| ctx.rules.contacts.contains_key(*name)), &of.team) {
                (Some(person), _) => Address::person(person),
                (None, Some(team)) => Address::team(state, ctx, (team, of.id), now),
                (None, None) => Address::person(fallback),
            }
        }
        Target::Manager => {
            let team = of.team.as_deref().and_then(|team| ctx.rules.teams.get(team));
            let manager = team.and_then(|team| team.manager.as_deref()).unwrap_or(fallback);
            Address::person(manager)
        }
        Target::Lead => {
            let team = of.team.as_deref().and_then(|team| ctx.rules.teams.get(team));
            let lead = team.and_then(|team| team.lead.as_deref().or(team.manager.as_deref()));
            Address::person(lead.unwrap_or(fallback))
        }
        Target::Team(name) => Address::team(state, ctx, (name, of.id), now),
        Target::Contact(name) => Address::person(name),
    }
}

/// Adds to a reason that nobody has the shift.
fn explained(because: String, hole: Option<&str>) -> String {
    match hole {
        Some(rotation) => {
            format!("{because}; nobody is on call in rotation {rotation}, you are the team's first")
        }
        None => because,
    }
}

fn send(state: &mut State, ctx: &Context, id: IncidentId, to: Addressed, now: Timestamp) {
    if unite(state, ctx, id, &to, now) {
        return;
    }
    let channels = channels(ctx, &to.contact, to.kind);
    let Addressed { kind, target, contact, because, also } = to;
    let mut post = Post { kind, target, contact, channels, because, also, more: 0, due_at: now };
    if kind == NoticeKind::Page {
        let Post { contact, because, also, .. } = &post;
        let wish = budget::Wish { incident: id, contact, kind, because, also };
        match budget::ask(state, ctx, wish, now) {
            Verdict::Now => {}
            Verdict::At(at, why) => {
                post.because = format!("{}; held back until {at}, {why}", post.because);
                post.also.sort_unstable();
                post.due_at = at;
            }
            Verdict::With(earlier) => {
                budget::join(state, earlier, wish, now);
                note_target(state, id, &post.target);
                threads::show_held_back(state, earlier, now);
                return;
            }
        }
    }
    let is_held = post.due_at > now;
    let planned = put(state, id, post, now);
    if let Some(digest) = planned.filter(|_| is_held) {
        threads::show_held_back(state, digest, now);
    }
}

/// Returns by what a person hears of something; a person who is not known by what the default
/// contact does.
pub(super) fn channels(ctx: &Context, contact: &str, kind: NoticeKind) -> Vec<Box<str>> {
    let known = ctx.rules.contacts.get(contact);
    match known.or_else(|| ctx.rules.contacts.get(&ctx.rules.default_contact)) {
        Some(contact) => contact.channels_for(kind).to_vec(),
        None => vec!["log".into()],
    }
}

fn note_target(state: &mut State, id: IncidentId, target: &str) {
    let Some(case) = state.change(id) else { return };
    if !case.record.told.iter().any(|known| **known == *target) {
        case.record.told.push(target.into());
    }
}

/// A notice with nothing left to be decided.
pub(super) struct Post {
    pub(super) kind: NoticeKind,
    pub(super) target: Box<str>,
    pub(super) contact: Box<str>,
    pub(super) channels: Vec<Box<str>>,
    pub(super) because: String,
    pub(super) also: Vec<IncidentId>,
    /// Further ones that are counted only.
    pub(super) more: u32,
    pub(super) due_at: Timestamp,
}

/// Puts a notice into the outbox.
pub(super) fn put(
    state: &mut State,
    id: IncidentId,
    post: Post,
    now: Timestamp,
) -> Option<NoticeId> {
    let record = state.change_record(id)?;
    record.notices += 1;
    let notice = NoticeId { incident: id, seq: record.notices };
    let Post { kind, target, contact, channels, because, mut also, more, due_at } = post;
    let more = bound(&mut also, more);
    if kind != NoticeKind::Update {
        note_target(state, id, &target);
    }
    let text = format!("{kind} {notice} to {target} ({contact}): {because}");
    state.pending.tell(id, now, Told { what: Happening::Notice, text, path: None });
    let planned = Notice {
        id: notice,
        kind,
        target,
        contact,
        channels,
        channel: 0,
        because,
        also,
        also_more: more,
        created_at: now,
        state: NoticeState::Pending,
        due_at,
        attempts: 0,
        last_error: String::new(),
    };
    if kind == NoticeKind::Page {
        budget::note(state, &planned, now);
    }
    state.notices.insert(notice, planned);
    state.pending.notices.insert(notice);
    Some(notice)
}

/// Keeps the first of what a message tells of by number, and returns how many more there are: it is
/// stored with whatever adds to it, and nobody reads a thousand.
fn bound(also: &mut Vec<IncidentId>, more: u32) -> u32 {
    let beyond = also.len().saturating_sub(ALSO_MAX);
    also.truncate(ALSO_MAX);
    more.saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX))
}

/// Says an update, and what it is an update of, in one message where both are of one batch: a storm
/// must not write to anybody twice in a moment. True when there was something to say it with.
fn unite(state: &mut State, ctx: &Context, id: IncidentId, to: &Addressed, now: Timestamp) -> bool {
    let Some(earlier) = fresh(state, id, &to.target).and_then(|it| state.notices.get_mut(&it))
    else {
        return false;
    };
    match (earlier.kind, to.kind) {
        (_, NoticeKind::Update) => join(&mut earlier.because, &to.because),
        (NoticeKind::Update, kind) => {
            // What asks for an answer comes first.
            earlier.kind = kind;
            earlier.channels = channels(ctx, &earlier.contact, kind);
            let update = core::mem::replace(&mut earlier.because, to.because.clone());
            join(&mut earlier.because, &update);
            earlier.also.clone_from(&to.also);
            earlier.also_more = bound(&mut earlier.also, 0);
        }
        // Not: two pages. Each is a step of a policy.
        (NoticeKind::Page | NoticeKind::Ticket, NoticeKind::Page | NoticeKind::Ticket) => {
            return false;
        }
    }
    let (united, raised) = (earlier.clone(), to.kind == NoticeKind::Page);
    if raised {
        budget::note(state, &united, now);
    }
    let text = format!("{} {} to {}: {}", to.kind, united.id, to.target, to.because);
    state.pending.tell(id, now, Told { what: Happening::Notice, text, path: None });
    true
}

/// Adds something to what a batch tells an address anyway; true when there is such a notice.
pub(super) fn add(state: &mut State, id: IncidentId, (target, because): (&str, &str)) -> bool {
    let earlier = fresh(state, id, target).and_then(|it| state.notices.get_mut(&it));
    let Some(earlier) = earlier else { return false };
    join(&mut earlier.because, because);
    true
}

/// Says something with what a batch tells the same person anyway; true when there is such a notice.
pub(super) fn say_with(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (target, because): (&Target, &str),
    now: Timestamp,
) -> bool {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return false };
    let Address { target, .. } = address(state, ctx, (record, target), now);
    let Some(earlier) = fresh(state, id, &target).and_then(|it| state.notices.get_mut(&it)) else {
        return false;
    };
    join(&mut earlier.because, because);
    earlier.kind != NoticeKind::Update
}

/// Returns a notice about an incident to a target that no batch has stored yet.
fn fresh(state: &State, id: IncidentId, target: &str) -> Option<NoticeId> {
    let first = NoticeId { incident: id, seq: 0 };
    let last = NoticeId { incident: id, seq: u32::MAX };
    let mut changed = state.pending.notices.range(first..=last).copied();
    changed.find(|it| {
        state.notices.get(it).is_some_and(|notice| {
            &*notice.target == target
                && notice.attempts == 0
                && notice.state == NoticeState::Pending
                // Not: one that is held back. What is new must not wait with it.
                && notice.due_at <= notice.created_at
        })
    })
}

/// Adds a reason to others, once, as long as it can still be read on a phone.
pub(super) fn join(because: &mut String, more: &str) {
    if !because.contains(more) && because.len() + more.len() <= BECAUSE_BYTES_MAX {
        because.push_str("; ");
        because.push_str(more);
    }
}

/// People who were called for an incident that is part of another now.
pub(super) struct Amendment {
    pub(super) told: Vec<Box<str>>,
    pub(super) from: IncidentId,
}

/// Notes that people are to learn where their incident went; [`send_amendments`] tells them.
pub(super) fn amend(state: &mut State, parent: IncidentId, it: Amendment) {
    for target in it.told {
        if let Some(case) = state.change(parent).filter(|c| !c.record.told.contains(&target)) {
            case.record.told.push(target.clone());
        }
        state.amendments.entry((parent, target)).or_default().push(it.from);
    }
}

/// Tells each person once where the incidents went for which they were called.
pub(super) fn send_amendments(state: &mut State, ctx: &Context, now: Timestamp) {
    for ((parent, target), children) in core::mem::take(&mut state.amendments) {
        let parent = state.top(parent).unwrap_or(parent);
        for child in &children {
            threads::follow(state, *child, &format!("part of {parent} now"), now);
        }
        let because = match children.as_slice() {
            [one] => format!("{one} is now part of {parent}"),
            [first, rest @ ..] => {
                format!("{first} and {} more are now part of {parent}", rest.len())
            }
            [] => continue,
        };
        let to = update_for(state, ctx, (parent, &target, because), now);
        send(state, ctx, parent, to, now);
    }
}

/// Tells everybody who was called for an incident, or wants to hear of it, what became of it.
pub(super) fn update(state: &mut State, ctx: &Context, id: IncidentId, text: &str, now: Timestamp) {
    let told = hearers(state, id);
    update_some(state, ctx, (id, told), text, now);
}

/// Returns who was called for an incident, or wants to hear of it.
pub(super) fn hearers(state: &State, id: IncidentId) -> Vec<Box<str>> {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return Vec::new() };
    let mut told = record.told.clone();
    for subscriber in &record.terms.subscribers {
        if !told.contains(subscriber) {
            told.push(subscriber.clone());
        }
    }
    told
}

/// Tells some people what became of an incident.
pub(super) fn update_some(
    state: &mut State,
    ctx: &Context,
    (id, told): (IncidentId, Vec<Box<str>>),
    text: &str,
    now: Timestamp,
) {
    for target in told {
        let to = update_for(state, ctx, (id, &target, text.into()), now);
        send(state, ctx, id, to, now);
    }
    threads::follow(state, id, text, now);
}

fn update_for(
    state: &State,
    ctx: &Context,
    (of, target, because): (IncidentId, &str, String),
    now: Timestamp,
) -> Addressed {
    let is_person = ctx.rules.contacts.contains_key(target);
    let team = || Address::team(state, ctx, (target, of), now);
    let to = if is_person { Address::person(target) } else { team() };
    let Address { target, contact, hole } = to;
    let because = explained(because, hole.as_deref());
    Addressed { kind: NoticeKind::Update, target, contact, because, also: Vec::new() }
}

/// Takes back pages and tickets that are not out yet: nobody needs them any more.
pub(super) fn withdraw(state: &mut State, id: IncidentId, why: &str, now: Timestamp) {
    let first = NoticeId { incident: id, seq: 0 };
    let last = NoticeId { incident: id, seq: u32::MAX };
    // A digest goes out: somebody may still need what it says of the others.
    let is_ask = |notice: &&Notice| {
        notice.kind != NoticeKind::Update
            && notice.state == NoticeState::Pending
            && notice.also.is_empty()
    };
    // So does what calls a team to help, or people to a major incident: nobody answers for them.
    let record = state.incidents.get(&id).map(|case| &case.record);
    let is_called = |target: &str| record.is_some_and(|record| record.is_called(target));
    let is_ask = |notice: &&Notice| is_ask(notice) && !is_called(&notice.target);
    let range = state.notices.range(first..=last).map(|(_, notice)| notice);
    let asks: Vec<NoticeId> = range.filter(is_ask).map(|notice| notice.id).collect();
    for notice in asks {
        receipts::withheld(state, notice, why, now);
    }
}
