//! What the command line says of an order that was carried out: one line for each incident.

use std::collections::BTreeMap;

use crate::http::wire::handle::Wish;
use crate::http::wire::{Incident, Time};

use super::print::{self, NOTHING};

/// Says in one line what was done to the incident `named`, which is now `incident`.
pub fn said(wish: &Wish, named: &str, incident: &Incident, now: Time) -> String {
    let id = &incident.id;
    // Who it was the answer says: a token may prove another name than the one that was given.
    let (by, until) = match &incident.acknowledged {
        Some(holder) => (&*holder.by, format!("{} UTC", print::clock(holder.until, now))),
        None => ("nobody", NOTHING.into()),
    };
    let line = match wish {
        Wish::Acknowledge(_) => {
            let paused = incident.next.iter().find(|step| step.at.is_none());
            let paused = paused.map(|step| format!(" · escalation to {} paused", step.action));
            format!("{id} acked by {by} until {until}{}", paused.unwrap_or_default())
        }
        Wish::Unacknowledge(_) => format!("{id} given back{}", next(incident, now)),
        Wish::Note(_) => format!("{id} noted"),
        Wish::Claim(_) => format!("{id} claimed by {by} until {until}"),
        Wish::Assign(it) => format!("{id} assigned to {}{}", it.to, next(incident, now)),
        Wish::Escalate(_) | Wish::Return(_) => {
            let team = incident.team.as_deref().unwrap_or(NOTHING);
            format!("{id} handed to {team}{}", next(incident, now))
        }
        Wish::Convene(it) => format!("{id} called {} to help", it.teams.join(", ")),
        Wish::Priority(_) => format!("{id} {}", incident.sum),
        Wish::Update(_) => match incident.promise.as_ref() {
            Some(promise) => {
                let due_at = print::clock(promise.due_at, now);
                format!("{id} told · next update by {due_at} UTC")
            }
            None => format!("{id} told"),
        },
        Wish::Subscribe(it) => format!("{id} will be told to {}", it.who),
        Wish::Unsubscribe(it) => format!("{id} will be told to {} no more", it.who),
        Wish::Hold(it) => format!("{id} on hold for a {} until {until}", it.waits_for),
        Wish::Resolve(_) => resolved(incident),
        Wish::Reopen(_) => format!("{id} reopened · {by} has it"),
        Wish::Close(_) => format!("{id} closed"),
        Wish::Merge(it) => {
            let other = if named.eq_ignore_ascii_case(id) { &it.into } else { named };
            format!("{other} is part of {id} now · {}", alerts(incident.members))
        }
        Wish::Set(it) => format!("{id} written: {}", names(&it.fields)),
        Wish::Classify(it) => format!("{id} is {} now", it.category),
        Wish::Time(it) => format!("{id} · {} noted", it.spent),
        Wish::Confirm(_) if incident.state == "closed" => format!("{id} closed: it is over"),
        Wish::Confirm(_) => format!("{id} confirmed · {}", incident.state),
        Wish::Reject(_) => format!("{id} reopened: it is not over · {by} has it"),
        Wish::DeclareMajor(_) => format!("{id} is a major incident now"),
        Wish::StandDown(_) => format!("{id} is no major incident any more"),
        Wish::Check(it) => {
            let plan = incident.sheet.major.as_ref().and_then(|major| major.plan.as_ref());
            let (open, all) = plan.map_or((0, 0), |plan| (plan.open, plan.checklist.len()));
            format!("{id} item {} is done · {open} of {all} open", it.item)
        }
        Wish::Role(it) => {
            let holders = incident.sheet.major.iter().flat_map(|major| &major.roles);
            let holder = holders.rev().find(|holder| holder.role == it.role);
            let who = holder.map_or(&*it.to, |holder| &*holder.who);
            format!("{id} {} is {who} now", it.role.replace('_', " "))
        }
        Wish::Action(it) => {
            format!("{id} action {}: {}, until {}", incident.sheet.actions.len(), it.owner, it.due)
        }
        Wish::ActionDone(it) => {
            let open = incident.sheet.actions.iter().filter(|action| action.done.is_none()).count();
            format!("{id} action {} is done · {open} open", it.number)
        }
        Wish::Cancel(_) => format!("{id} cancelled: a false alarm"),
        Wish::Split(_) => format!("{id} split off {named} · {}", alerts(incident.members)),
    };
    print::clean(&line)
}

fn names(fields: &BTreeMap<String, String>) -> String {
    fields.keys().map(|name| &**name).collect::<Vec<_>>().join(", ")
}

fn next(incident: &Incident, now: Time) -> String {
    let step = incident.next.iter().find_map(|step| Some((step.at?, &step.action)));
    step.map(|(at, action)| format!(" · next {action} {}", print::until(at, now)))
        .unwrap_or_default()
}

fn alerts(count: u32) -> String {
    if count == 1 { "1 alert".into() } else { format!("{count} alerts") }
}

fn resolved(incident: &Incident) -> String {
    let by = incident.resolved.as_ref().and_then(|resolved| resolved.by.as_deref());
    let line = format!("{} {} by {}", incident.id, incident.state, by.unwrap_or(NOTHING));
    if !incident.awaiting_verification {
        return line;
    }
    let (firing, members) = (incident.firing, incident.members);
    format!("{line} · {firing} of {members} alerts still fire: awaiting verification")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::incidents::tests::sample;
    use super::*;
    use crate::http::wire::change::Answered;

    fn read(changes: &Value) -> Answered {
        serde_json::from_value(sample(changes)).unwrap()
    }

    fn wished(text: &Value) -> Wish {
        serde_json::from_value(text.clone()).unwrap()
    }

    #[test]
    fn an_answer_is_confirmed_with_what_it_did() {
        let held = json!({"by": "m.ito", "until": "2026-11-21T03:46:00.000Z"});
        let paused = json!([{"ladder": "hierarchical", "at": null, "action": "dc-lead"}]);
        let resolution = json!({"at": "2026-11-21T03:16:00.000Z", "by": "m.ito"});
        for (command, more, after, line) in [
            (
                "acknowledge",
                json!({}),
                json!({"acknowledged": held, "next": paused}),
                "INC-1042 acked by m.ito until 03:46:00 UTC · escalation to dc-lead paused",
            ),
            ("unacknowledge", json!({}), json!({}), "INC-1042 given back · next dc-lead in 6m"),
            ("note", json!({}), json!({}), "INC-1042 noted"),
            (
                "claim",
                json!({}),
                json!({"acknowledged": held}),
                "INC-1042 claimed by m.ito until 03:46:00 UTC",
            ),
            (
                "assign",
                json!({"to": "team:linux"}),
                json!({}),
                "INC-1042 assigned to team:linux · next dc-lead in 6m",
            ),
            (
                "hold",
                json!({"waits_for": "supplier", "for": "30m"}),
                json!({"acknowledged": held}),
                "INC-1042 on hold for a supplier until 03:46:00 UTC",
            ),
            (
                "resolve",
                json!({}),
                json!({"state": "resolved", "resolved": resolution}),
                "INC-1042 resolved by m.ito",
            ),
            (
                "resolve",
                json!({}),
                json!({"state": "resolved", "resolved": resolution, "awaiting_verification": true}),
                "INC-1042 resolved by m.ito · 3 of 3 alerts still fire: awaiting verification",
            ),
            ("reopen", json!({}), json!({}), "INC-1042 reopened · nobody has it"),
            ("close", json!({}), json!({}), "INC-1042 closed"),
            (
                "merge",
                json!({"into": "INC-1042"}),
                json!({}),
                "INC-1050 is part of INC-1042 now · 3 alerts",
            ),
            (
                "split",
                json!({"records": ["INC-1044"]}),
                json!({}),
                "INC-1042 split off INC-1050 · 3 alerts",
            ),
        ] {
            let mut wish = json!({"command": command, "by": "m.ito"});
            wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let Answered { incident, now, .. } = read(&after);
            assert_eq!(said(&wished(&wish), "INC-1050", &incident, now), line);
        }
    }

    #[test]
    fn what_is_written_on_a_record_is_confirmed() {
        for (command, more, after, line) in [
            (
                "set",
                json!({"fields": {"location": "fra1", "solution": ""}}),
                json!({}),
                "INC-1042 written: location, solution",
            ),
            ("classify", json!({"category": "net"}), json!({}), "INC-1042 is net now"),
            ("time", json!({"spent": "45m"}), json!({}), "INC-1042 · 45m noted"),
            ("confirm", json!({}), json!({"state": "closed"}), "INC-1042 closed: it is over"),
            ("confirm", json!({}), json!({"state": "resolved"}), "INC-1042 confirmed · resolved"),
            ("reject", json!({}), json!({}), "INC-1042 reopened: it is not over · nobody has it"),
            ("declare-major", json!({}), json!({}), "INC-1042 is a major incident now"),
            ("stand-down", json!({}), json!({}), "INC-1042 is no major incident any more"),
            ("check", json!({"item": 2}), json!({}), "INC-1042 item 2 is done · 0 of 0 open"),
            (
                "role",
                json!({"role": "incident_manager", "to": "contact:ann"}),
                json!({}),
                "INC-1042 incident manager is contact:ann now",
            ),
            (
                "action",
                json!({"text": "x", "owner": "contact:ann", "due": "2026-12-01"}),
                json!({}),
                "INC-1042 action 0: contact:ann, until 2026-12-01",
            ),
            ("action-done", json!({"number": 1}), json!({}), "INC-1042 action 1 is done · 0 open"),
            ("cancel", json!({}), json!({}), "INC-1042 cancelled: a false alarm"),
        ] {
            let mut wish = json!({"command": command, "by": "m.ito"});
            wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let Answered { incident, now, .. } = read(&after);
            assert_eq!(said(&wished(&wish), "INC-1042", &incident, now), line);
        }
    }

    #[test]
    fn what_is_handed_on_or_said_is_confirmed() {
        for (command, more, after, line) in [
            (
                "escalate",
                json!({"note": "why"}),
                json!({}),
                "INC-1042 handed to dc-ops · next dc-lead in 6m",
            ),
            (
                "convene",
                json!({"teams": ["net", "db"]}),
                json!({}),
                "INC-1042 called net, db to help",
            ),
            (
                "priority",
                json!({"priority": "P2"}),
                json!({"sum": "P2 (set by mia: x; else P1) = y"}),
                "INC-1042 P2 (set by mia: x; else P1) = y",
            ),
            (
                "update",
                json!({}),
                json!({"promise": {"by": "ann", "due_at": "2026-11-21T03:46:00.000Z",
                    "every_ms": 1_800_000}}),
                "INC-1042 told · next update by 03:46:00 UTC",
            ),
            (
                "subscribe",
                json!({"who": "team:net"}),
                json!({}),
                "INC-1042 will be told to team:net",
            ),
        ] {
            let mut wish = json!({"command": command, "by": "m.ito"});
            wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let Answered { incident, now, .. } = read(&after);
            assert_eq!(said(&wished(&wish), "INC-1050", &incident, now), line);
        }
    }
}
