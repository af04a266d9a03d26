//! How many pages one person gets: what goes beyond the budget waits and is told in one message.
//!
//! The pages of the last hour stand in the records of their incidents, so that a restart forgets
//! none. A page about an incident of the highest priority that is new to its person is never spared.
//! While a message waits it grows by what is spared meanwhile; people's answers withdraw it as any
//! other.
//!
//! Updates for those outside, who are written to within a limit as well, have accounts of their own:
//! they must not use up what a person's pages may.

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use super::context::Context;
use super::notices;
use super::pending::Told;
use crate::model::incident::{IncidentId, Paged};
use crate::model::notice::{ALSO_MAX, Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::priority::Priority;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
use crate::rules::PageBudget;

/// Who got how many pages when.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// By account: when, and which; the one that waits is in the future.
    got: BTreeMap<Box<str>, BTreeSet<(Timestamp, NoticeId)>>,
    /// By account: the message that waits, or waited last.
    waiting: BTreeMap<Box<str>, NoticeId>,
}

/// A message that is to be planned.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) incident: IncidentId,
    pub(super) contact: &'a str,
    pub(super) kind: NoticeKind,
    pub(super) because: &'a str,
    pub(super) also: &'a [IncidentId],
}

impl Wish<'_> {
    fn account(&self) -> Box<str> {
        account(self.kind, self.contact)
    }
}

/// Returns on which account of a person a message is.
fn account(kind: NoticeKind, contact: &str) -> Box<str> {
    match kind {
        NoticeKind::Page => contact.into(),
        NoticeKind::Ticket | NoticeKind::Update => format!("{contact} (updates)").into(),
    }
}

/// When a page may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// At once.
    Now,
    /// Then, with what comes until then; and why, in words.
    At(Timestamp, String),
    /// With this one, which waits already.
    With(NoticeId),
}

/// Derives the index from the records.
pub(super) fn reindex(state: &mut State) {
    let mut pages = Pages::default();
    for case in state.incidents.values() {
        for Paged { contact, at, seq } in &case.record.paged {
            let notice = NoticeId { incident: case.record.id, seq: *seq };
            pages.got.entry(contact.clone()).or_default().insert((*at, notice));
        }
    }
    // Of two that wait for one person the later holds, as when they were planned.
    let waiting = state.notices.values().filter(|it| waits(it) && is_counted(state, it));
    let mut waiting: Vec<&Notice> = waiting.collect();
    waiting.sort_by_key(|notice| (notice.created_at, notice.id));
    for notice in waiting {
        pages.waiting.insert(account(notice.kind, &notice.contact), notice.id);
    }
    state.pages = pages;
}

/// True for a message that a budget counts: a page, and what a reporter without a login gets. An update
/// that waits for others of its incident is none.
fn is_counted(state: &State, notice: &Notice) -> bool {
    let noted = |paged: &Paged| paged.seq == notice.id.seq;
    notice.kind == NoticeKind::Page
        || state
            .incidents
            .get(&notice.id.incident)
            .is_some_and(|case| case.record.paged.iter().any(noted))
}

/// True for a message that was held back and of which no attempt was made yet.
fn waits(notice: &Notice) -> bool {
    notice.state == NoticeState::Pending
        && notice.attempts == 0
        && notice.due_at > notice.created_at
}

/// Decides when a page goes out.
pub(super) fn ask(state: &State, ctx: &Context, wish: Wish<'_>, now: Timestamp) -> Verdict {
    let budget = ctx
        .rules
        .contacts
        .get(wish.contact)
        .map_or_else(PageBudget::default, |contact| contact.page_budget);
    ask_within(state, wish, budget, now)
}

/// Decides when something goes out to somebody with this budget.
pub(super) fn ask_within(
    state: &State,
    wish: Wish<'_>,
    budget: PageBudget,
    now: Timestamp,
) -> Verdict {
    let account = wish.account();
    let Some(free_at) = free_at(state, &account, budget, now) else { return Verdict::Now };
    if wish.kind == NoticeKind::Page && is_new_and_urgent(state, wish) {
        return Verdict::Now;
    }
    let waiting = state.pages.waiting.get(&account).and_then(|id| state.notices.get(id));
    if let Some(notice) = waiting.filter(|notice| waits(notice) && notice.due_at > now) {
        return Verdict::With(notice.id);
    }
    let PageBudget { pages, within } = budget;
    let why = format!("{pages} pages in {} are the most", Brief(within));
    Verdict::At(free_at, why)
}

/// Returns when there is room for a page again; `None` when there is room now.
fn free_at(state: &State, contact: &str, budget: PageBudget, now: Timestamp) -> Option<Timestamp> {
    let got = state.pages.got.get(contact)?;
    // Half-open: a page exactly that long ago counts no more. One that waits is to come.
    let sent = got.iter().rev().map(|(at, _)| *at).skip_while(|at| *at > now);
    let mut counted = sent.take_while(|at| now < at.plus(budget.within));
    let nth = (budget.pages as usize).checked_sub(1)?;
    counted.nth(nth).map(|at| at.plus(budget.within))
}

fn is_new_and_urgent(state: &State, wish: Wish<'_>) -> bool {
    let is = |id: &IncidentId| {
        state.incidents.get(id).is_some_and(|case| {
            case.record.assessment.priority == Priority::P1
                && case.record.paged.iter().all(|paged| *paged.contact != *wish.contact)
        })
    };
    is(&wish.incident) || wish.also.iter().any(is)
}

/// Returns the incident of the last page that a person got.
pub(super) fn last(state: &State, contact: &str, now: Timestamp) -> Option<IncidentId> {
    let mut got = state.pages.got.get(contact)?.iter().rev();
    got.find(|(at, _)| *at <= now).map(|(_, notice)| notice.incident)
}

/// Notes that a page was planned.
pub(super) fn note(state: &mut State, notice: &Notice, now: Timestamp) {
    let (id, contact, at) = (notice.id, account(notice.kind, &notice.contact), notice.due_at);
    let still = |at: Timestamp| now < at.plus(PageBudget::WITHIN_MAX);
    let got = state.pages.got.entry(contact.clone()).or_default();
    while got.first().is_some_and(|(at, _)| !still(*at)) {
        got.pop_first();
    }
    got.insert((at, id));
    if waits(notice) {
        state.pages.waiting.insert(contact.clone(), id);
    }
    if let Some(case) = state.change(id.incident) {
        case.record.paged.retain(|paged| still(paged.at));
        case.record.paged.push(Paged { contact: contact.clone(), at, seq: id.seq });
    }
}

/// Lets a message that waits tell of one more incident.
pub(super) fn join(state: &mut State, digest: NoticeId, wish: Wish<'_>, now: Timestamp) {
    let Some(notice) = state.notices.get_mut(&digest) else { return };
    for id in core::iter::once(&wish.incident).chain(wish.also) {
        if *id == digest.incident {
            continue;
        }
        // Kept in order, so that each is looked for fast. Of one that is not named nobody knows
        // whether it was counted: then what is counted is messages.
        match notice.also.binary_search(id) {
            Ok(_) => {}
            Err(at) if notice.also.len() < ALSO_MAX => notice.also.insert(at, *id),
            Err(_) => notice.also_more = notice.also_more.saturating_add(1),
        }
    }
    let also = u64::try_from(notice.also.len()).unwrap_or(u64::MAX);
    let (due_at, also) = (notice.due_at, also.saturating_add(notice.also_more.into()));
    let what = if notice.kind == NoticeKind::Page { "page" } else { "message" };
    if notice.kind == NoticeKind::Update {
        // What asks is asked again; what is told is told here or never.
        let incident = wish.incident;
        notices::join(&mut notice.because, &format!("{incident}: {}", wish.because));
    }
    state.pending.notices.insert(digest);
    let Wish { contact, because, .. } = wish;
    let text = format!(
        "{what} to {contact} spared, told with {digest} and {also} others at {due_at}: {because}"
    );
    let told = Told { what: Happening::Notice, text, path: None };
    state.pending.tell(wish.incident, now, told);
}

/// Takes a page back that was never sent: it was not got.
pub(super) fn forget(state: &mut State, notice: &Notice) {
    // Not by the time of the notice: an attempt that failed put it off. Its incident knows the first.
    let Some(case) = state.change(notice.id.incident) else { return };
    let all = core::mem::take(&mut case.record.paged);
    let (gone, rest) = all.into_iter().partition(|paged| paged.seq == notice.id.seq);
    case.record.paged = rest;
    drop_incident(&mut state.pages, notice.id.incident, &Vec::<Paged>::from_iter(gone));
}

/// Forgets what no budget counts any more, so that whoever wrote to us once takes no room for good.
pub(super) fn prune(state: &mut State, now: Timestamp) {
    let still = |at: Timestamp| now < at.plus(PageBudget::WITHIN_MAX);
    state.pages.got.retain(|_, got| {
        got.retain(|(at, _)| still(*at));
        !got.is_empty()
    });
    let waits = |id: &NoticeId| state.notices.get(id).is_some_and(waits);
    state.pages.waiting.retain(|_, id| waits(id));
}

/// Forgets the pages about an incident that is no longer held.
pub(super) fn drop_incident(of: &mut Pages, id: IncidentId, paged: &[Paged]) {
    for Paged { contact, at, seq } in paged {
        if let Some(got) = of.got.get_mut(contact) {
            got.remove(&(*at, NoticeId { incident: id, seq: *seq }));
        }
    }
}
