//! What must be true of all that is stored, after every step.

use std::collections::{BTreeMap, BTreeSet};

use incidentd::engine::changes::MemberOf;
use incidentd::engine::context::Context;
use incidentd::lab::image::Image;
use incidentd::model::assignment::Part;
use incidentd::model::audit::Seal;
use incidentd::model::incident::{Incident, IncidentId};
use incidentd::model::progress::Progress;
use incidentd::model::silence::SilenceState;
use incidentd::rules::Kind;

type Checked = Result<(), String>;

/// Incidents as they were stored before the step.
type Before = BTreeMap<IncidentId, Incident>;

/// Checks everything; `before` is what was stored before the step.
pub fn check(ctx: &Context, before: &Before, image: &Image) -> Checked {
    parents(image)?;
    firing(image)?;
    alerts(image)?;
    deadlines(image)?;
    assignments(image)?;
    notices(image)?;
    silences(image)?;
    numbers(before, image)?;
    keys(ctx, before, image)
}

#[expect(clippy::fn_params_excessive_bools, reason = "reads as a sentence")]
fn refuse(broken: bool, text: impl FnOnce() -> String) -> Checked {
    if broken { Err(text()) } else { Ok(()) }
}

/// A subordinate's incident is older and there, and no way of parents leads back.
fn parents(image: &Image) -> Checked {
    for it in image.incidents.values() {
        if let Some(parent) = it.parent {
            refuse(parent >= it.id, || format!("{} is part of the younger {parent}", it.id))?;
            let there = image.incidents.contains_key(&parent);
            refuse(!there, || format!("{} is part of {parent}, which is not there", it.id))?;
            let key = (parent, it.id);
            let row = image.members.get(&key).map(|row| row.what);
            refuse(row != Some(MemberOf::Incident), || {
                format!("{parent} has no row for {}", it.id)
            })?;
        }
    }
    Ok(())
}

/// Every incident counts its firing members rightly; one that is clear knows since when.
fn firing(image: &Image) -> Checked {
    for it in image.incidents.values().filter(|it| !it.progress.name().is_over()) {
        let members = image.members_of(it.id);
        let firing = members
            .iter()
            .filter(|row| row.state.fires() && is_in(image, it.id, row.state.incident));
        let count = u32::try_from(firing.count()).unwrap();
        refuse(count != it.firing, || {
            format!("{} counts {} firing members, {count} fire", it.id, it.firing)
        })?;
        refuse((it.firing == 0) != it.clear_since.is_some(), || {
            format!("{}: {} fire, clear since {:?}", it.id, it.firing, it.clear_since)
        })?;
    }
    Ok(())
}

fn is_in(image: &Image, top: IncidentId, incident: Option<IncidentId>) -> bool {
    let mut next = incident;
    while let Some(id) = next {
        if id == top {
            return true;
        }
        next = image.incidents.get(&id).and_then(|it| it.parent);
    }
    false
}

/// A firing alert has an incident somebody has work with, unless a person resolved it by hand or a
/// silence holds it back; and it is held by a lease.
fn alerts(image: &Image) -> Checked {
    for row in image.alerts.values().filter(|row| row.state.fires()) {
        let name = &row.labels;
        refuse(row.state.leases.is_empty(), || format!("{name} fires without a lease"))?;
        let sources: BTreeSet<_> = row.state.leases.iter().map(|lease| lease.source).collect();
        let twice = sources.len() != row.state.leases.len();
        refuse(twice, || format!("{name} has two leases of one source"))?;
        let mut top = row.state.incident.and_then(|id| image.incidents.get(&id));
        while let Some(parent) = top.and_then(|it| it.parent) {
            top = image.incidents.get(&parent);
        }
        let Some(top) = top else {
            refuse(row.state.is_audible(), || format!("{name} fires without an incident"))?;
            continue;
        };
        let held = top.progress.is_open() || top.awaiting_verification;
        refuse(!held, || format!("{name} fires in {}, which is {}", top.id, top.progress.name()))?;
    }
    Ok(())
}

/// Whoever has to answer is reminded: a new incident has a next step or has taken all of them.
fn deadlines(image: &Image) -> Checked {
    for it in image.incidents.values().filter(|it| it.parent.is_none()) {
        let runs = matches!(it.progress, Progress::New) && !it.quiet;
        let policy = image.policies.get(&it.policy);
        let Some(policy) = policy else { return Err(format!("{} has no policy", it.id)) };
        let steps = [(&policy.functional, it.functional), (&policy.hierarchical, it.hierarchical)];
        for (ladder, rung) in steps {
            let left = (rung.step as usize) < ladder.len();
            refuse(rung.due_at.is_some() != (runs && left), || {
                format!("{} is {}: {rung:?} of {} steps", it.id, it.progress.name(), ladder.len())
            })?;
            refuse(rung.due_at.is_some_and(|due| due <= image.counters.now), || {
                format!("{} has an overdue step: {rung:?}", it.id)
            })?;
        }
        let resolving = (it.resolving.step as usize) < policy.resolution.len();
        let counts = it.progress.is_open() && it.resolution.stands_since.is_none() && !it.quiet;
        refuse(it.resolving.due_at.is_some() != (counts && resolving), || {
            format!("{} is {}: {:?}", it.id, it.progress.name(), it.resolving)
        })?;
        let is_new = matches!(it.progress, Progress::New);
        refuse(is_new == it.response.stopped_at.is_some(), || {
            format!("{} is {} and its clock {:?}", it.id, it.progress.name(), it.response)
        })?;
    }
    Ok(())
}

/// Whoever was handed an incident is held to confirm it, and nobody else is; and an open incident is
/// not forgotten: something falls due for it, or it says why nobody is told.
fn assignments(image: &Image) -> Checked {
    for it in image.incidents.values().filter(|it| it.parent.is_none()) {
        let Some(policy) = image.policies.get(&it.policy) else { continue };
        let is_open = it.progress.is_open();
        let holder = it.assignments.holder();
        refuse(is_open && holder.is_none_or(|holder| holder.team != it.team), || {
            format!("{} of {:?} was handed to {holder:?}", it.id, it.team)
        })?;
        let is_new = matches!(it.progress, Progress::New);
        for one in &it.assignments.list {
            let asked = one.part == Part::Convened || is_new;
            let runs = is_open && asked && one.until.is_none() && one.accepted.is_none();
            let left = (one.rung.step as usize) < policy.acceptance.len();
            refuse(one.rung.due_at.is_some() != (runs && left && !it.quiet), || {
                format!("{} is {}: {one:?}", it.id, it.progress.name())
            })?;
        }
        let steps = [it.functional.due_at, it.hierarchical.due_at, it.resolving.due_at];
        let holds = it.progress.holder().map(|(_, until)| until);
        let due = [holds, it.assignments.next_due(), it.clear_since, it.update_at];
        let none = steps.into_iter().chain(due).all(|at| at.is_none());
        refuse(is_open && none && !it.quiet, || format!("nothing falls due for {}", it.id))?;
    }
    Ok(())
}

/// Nobody is called for what is answered, over, or part of something else.
fn notices(image: &Image) -> Checked {
    use incidentd::model::notice::{NoticeKind, NoticeState};
    for notice in image.notices.values() {
        let Some(it) = image.incidents.get(&notice.id.incident) else {
            return Err(format!("{} is about no incident", notice.id));
        };
        let asks = notice.kind != NoticeKind::Update && notice.state == NoticeState::Pending;
        let answered = it.response.stopped_at.is_some_and(|at| at > notice.created_at);
        let open = it.parent.is_none() && it.progress.is_open();
        let target = Some(&*notice.target);
        let called = it.assignments.called().any(|one| one.team.as_deref() == target);
        let needed = open && (called || !answered) || !notice.also.is_empty();
        refuse(asks && !needed, || format!("{} asks for {:?}", notice.id, it.progress))?;
        refuse(notice.id.seq > it.notices, || format!("{} has no number yet", notice.id))?;
    }
    Ok(())
}

/// A firing alert is held back by silences that hold now, and an incident is quiet when all that
/// fires of it is, or while its known error keeps it so.
fn silences(image: &Image) -> Checked {
    let now = image.counters.now;
    for row in image.alerts.values().filter(|row| row.state.fires()) {
        for id in &row.state.silenced_by {
            let holds = image.silences.get(id).map(|silence| silence.state(now));
            refuse(holds != Some(SilenceState::Active), || {
                format!("{} is held back by {id}, which is {holds:?}", row.labels)
            })?;
        }
    }
    for row in image.alerts.values().filter(|row| row.state.fires()) {
        for by in &row.state.inhibited_by {
            let fires = image.alerts.get(&by.alert).is_some_and(|source| source.state.fires());
            refuse(!fires, || {
                format!("{} is inhibited by {}, which is over", row.labels, by.alert)
            })?;
        }
    }
    let open = image.incidents.values().filter(|it| it.parent.is_none() && it.progress.is_open());
    for it in open.filter(|it| it.firing > 0) {
        let members = image.members_of(it.id);
        let mut firing = members.iter().filter(|row| row.state.fires());
        let audible = firing.any(|row| row.state.is_audible());
        let until = it.known_error.as_ref().and_then(|known| known.quiet_until);
        refuse(it.quiet == (audible && until.is_none()), || {
            format!("{}: audible {audible}, known until {until:?}, quiet {}", it.id, it.quiet)
        })?;
        refuse(until.is_some_and(|until| until <= now), || {
            format!("{} is kept quiet beyond its bound", it.id)
        })?;
    }
    let mut seal = Seal::default();
    for entry in image.audit.values() {
        let expected = entry.seal_after(seal);
        refuse(entry.seal != expected, || format!("audit entry {} is not sealed", entry.seq))?;
        seal = expected;
    }
    refuse(seal != image.counters.seal, || "the last seal is another".into())
}

/// Numbers are given in order and never again; what is over for good stays as it is.
fn numbers(before: &Before, image: &Image) -> Checked {
    let highest = image.members.keys().map(|(_, record)| record.0).max().unwrap_or(0);
    refuse(highest > image.counters.next_record, || format!("{highest} was not counted"))?;
    for (id, it) in before {
        let Some(now) = image.incidents.get(id) else { return Err(format!("{id} is gone")) };
        let closed = it.progress.name().is_over();
        refuse(closed && now.progress != it.progress, || format!("{id} was closed and is not"))?;
    }
    Ok(())
}

/// No incident is opened for a key while an open one takes its alerts.
fn keys(ctx: &Context, before: &Before, image: &Image) -> Checked {
    let taking: BTreeMap<_, &Incident> =
        before.values().filter(|it| takes(ctx, it, image)).map(|it| (key(it), it)).collect();
    for (id, it) in image.incidents.iter().filter(|(id, _)| !before.contains_key(id)) {
        if it.key.is_none() {
            continue;
        }
        if let Some(other) = taking.get(&key(it)) {
            // It may have become part of one that is too old to take any more.
            let top = top(image, other.id);
            let still =
                top.is_some_and(|it| it.progress.is_open() && is_young(ctx, other, it, image));
            refuse(still, || format!("{id} and {} are both for {:?}", other.id, it.key))?;
        }
    }
    Ok(())
}

fn top(image: &Image, id: IncidentId) -> Option<&Incident> {
    let mut it = image.incidents.get(&id)?;
    while let Some(parent) = it.parent {
        it = image.incidents.get(&parent)?;
    }
    Some(it)
}

/// True while the group of `of` may take alerts into `it`.
fn is_young(ctx: &Context, of: &Incident, it: &Incident, image: &Image) -> bool {
    let rule = of.group_rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    let Some(Kind::Group(group)) = rule.map(|rule| &rule.kind) else { return false };
    image.counters.now < it.active_at.plus(group.window)
        && image.counters.now < it.opened_at.plus(group.max_age)
}

fn key(it: &Incident) -> (Option<&str>, Option<&str>) {
    (it.group_rule.as_deref(), it.key.as_deref())
}

fn takes(ctx: &Context, it: &Incident, image: &Image) -> bool {
    let free = it.parent.is_none() && it.key.is_some() && it.progress.is_open();
    free && is_young(ctx, it, it, image)
}
