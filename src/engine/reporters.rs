//! What those who reported an incident hear of it: that we have it, what people say of it, how it
//! stands as often as its rule says, that it is resolved and whether they agree, that it is closed.
//!
//! Whoever can be reached is a contact of the rules, or an address that the section `reports` has
//! written to. An address gets so many messages in a while; what goes beyond is told in one, except
//! for questions, which wait for an answer.

use super::budget::{self, Verdict, Wish};
use super::context::Context;
use super::notices::{self, Plan, Post};
use super::report::tree;
use super::{State, users};
use crate::model::closure::Reached;
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::NoticeKind;
use crate::model::report::Reporter;
use crate::model::time::Timestamp;
use crate::rules::PageBudget;

/// What reporters are told.
#[derive(Clone, Copy, Debug)]
pub(super) enum News<'a> {
    /// How it stands.
    Plain(&'a str),
    /// Something that waits for their answer.
    Question(&'a str),
}

impl<'a> News<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Plain(text) | Self::Question(text) => text,
        }
    }
}

/// Returns where those who reported an incident are reached, as far as they are: each once.
pub(super) fn reached(state: &State, ctx: &Context, id: IncidentId) -> Vec<Reached> {
    let mut found: Vec<Reached> = Vec::new();
    for id in tree(state, id) {
        let reports = state.incidents.get(&id).map(|case| &*case.record.reports);
        for report in reports.unwrap_or_default() {
            let Reporter { name, contact, .. } = &report.reporter;
            let Some(contact) = contact.as_ref().filter(|it| ctx.rules.reaches(it)) else {
                continue;
            };
            let one = Reached { contact: contact.clone(), name: name.clone() };
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// Tells those who reported an incident, where they are reached.
pub(super) fn tell(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    news: News<'_>,
    now: Timestamp,
) {
    let mut contacts: Vec<Box<str>> = Vec::new();
    for Reached { contact, .. } in reached(state, ctx, id) {
        if !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }
    for contact in contacts {
        to(state, ctx, id, (&contact, news), now);
    }
}

/// Tells those who reported an incident how it stands, and the users of what it hurts.
pub(super) fn tell_all(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    text: &str,
    now: Timestamp,
) {
    tell(state, ctx, id, News::Plain(text), now);
    users::tell(state, ctx, id, text, now);
}

/// Notes that somebody reported an incident; they hear that once it is known who has it.
pub(super) fn note(state: &mut State, ctx: &Context, id: IncidentId, reporter: &Reporter) {
    if let Some(contact) = reporter.contact.as_ref().filter(|it| ctx.rules.reaches(it)) {
        state.pending.received.push((id, contact.clone()));
    }
}

/// Tells each who reported something within this event that we have it, and who works on it.
pub(super) fn settle(state: &mut State, ctx: &Context, now: Timestamp) {
    for (id, contact) in core::mem::take(&mut state.pending.received) {
        let top = state.top(id).unwrap_or(id);
        let Some(record) = state.incidents.get(&top).map(|case| &case.record) else { continue };
        let text = format!("we have your report: it is {top}, {}", who_has(record));
        to(state, ctx, top, (&contact, News::Plain(&text)), now);
    }
}

/// Says who works on an incident, else which team has it.
pub(super) fn who_has(record: &Incident) -> String {
    let holder = record.progress.holder().map(|(by, _)| format!("{by} works on it"));
    let team = || record.team.as_ref().map(|team| format!("team {team} has it"));
    holder.or_else(team).unwrap_or_else(|| "nobody has it yet".into())
}

fn to(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (contact, news): (&str, News<'_>),
    now: Timestamp,
) {
    if !ctx.rules.contacts.contains_key(contact) {
        return write(state, ctx, id, (contact, news), now);
    }
    let target = &Target::Contact(contact.into());
    let because = news.text().into();
    let plan = Plan { kind: NoticeKind::Update, target, because, also: Vec::new() };
    notices::plan(state, ctx, id, plan, now);
}

/// Writes to somebody within the limit of the section `reports`.
pub(super) fn write(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (who, news): (&str, News<'_>),
    now: Timestamp,
) {
    let reporting = &ctx.rules.reporting;
    let is_contact = ctx.rules.contacts.contains_key(who);
    let kind = NoticeKind::Update;
    let channels = match reporting.channel_to(who).filter(|_| !is_contact) {
        Some(channel) => vec![channel.into()],
        None if is_contact => notices::channels(ctx, who, kind),
        None => return,
    };
    if notices::add(state, id, (who, news.text())) {
        return;
    }
    let mut post = Post {
        kind,
        target: who.into(),
        contact: who.into(),
        channels,
        because: news.text().into(),
        also: Vec::new(),
        more: 0,
        due_at: now,
    };
    if matches!(news, News::Plain(_)) {
        let budget = PageBudget { pages: reporting.messages, within: reporting.within };
        let because = news.text();
        let wish = Wish { incident: id, contact: who, kind, because, also: &[] };
        match budget::ask_within(state, wish, budget, now) {
            Verdict::Now => {}
            Verdict::At(at, _) => post.due_at = at,
            Verdict::With(earlier) => return budget::join(state, earlier, wish, now),
        }
    }
    let planned = notices::put(state, id, post, now).and_then(|it| state.notices.get(&it));
    if let Some(notice) = planned.cloned() {
        budget::note(state, &notice, now);
    }
}
