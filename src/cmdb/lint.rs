//! What looks wrong in a CMDB that is in order, and what a change to one would break.
//!
//! Warnings only: nothing here refuses a CMDB. Codes are in the table of `problem`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bind::{Binder, BindingKey};
use super::problem::{Place, Problem, shorten};
use super::relation::End;
use super::rows::{CiId, CiRow};
use super::topology::Topology;
use super::users::users;
use super::walk::Toward;

/// Findings of one code that are listed; the others are counted.
const LISTED_MAX: usize = 100;

/// CIs of a circle that are named.
const CIRCLE_NAMED_MAX: usize = 8;

/// Relations that a CI cannot do without: the word for what it would lack.
const SOURCES: [(&str, &str); 3] =
    [("powers", "no power source"), ("hosts", "no host"), ("runs", "nothing to run on")];

/// Attributes that every service should have: who to call, and how much it matters.
const SERVICE_NEEDS: [&str; 2] = ["owner", "tier"];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// By code and then by CI; no more than a hundred of each code.
    pub findings: Vec<Problem>,
    /// How many there are of each code.
    pub counts: BTreeMap<&'static str, usize>,
}

impl Lint {
    fn add(&mut self, code: &'static str, item: &str, message: impl FnOnce() -> (String, String)) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= LISTED_MAX {
            let (message, help) = message();
            let finding = Problem::new(Place::default(), code, item, message).help(help);
            self.findings.push(finding);
        }
    }

    /// Adds the services whose hours no calendar is named like; `known` knows those of the rules.
    pub fn unknown_hours(&mut self, topology: &Topology, known: impl Fn(&str) -> bool) {
        for (_, ci) in topology.cis() {
            let Some(hours) = ci.attribute("hours").filter(|hours| !known(hours)) else { continue };
            self.add("C033", &ci.name, || {
                let (name, hours) = (shorten(&ci.name), shorten(hours));
                let message = format!("`{name}` has the hours `{hours}`, which is no calendar");
                (message, "add it to `calendars:` of the rules, or correct `hours`".into())
            });
        }
    }

    /// Adds the services that name users who are not reached; `reached` knows contacts of the rules and
    /// addresses that they write to.
    pub fn unknown_users(&mut self, topology: &Topology, reached: impl Fn(&str) -> bool) {
        for (_, ci) in topology.cis() {
            for user in users(ci).filter(|user| !reached(user)) {
                self.add("C035", &ci.name, || {
                    let (name, user) = (shorten(&ci.name), shorten(user));
                    let message = format!("`{user}`, a user of `{name}`, is not reached");
                    let help = "name a contact of the rules, or an address that the section \
                                `reports` writes to";
                    (message, help.into())
                });
            }
        }
    }

    /// Returns how many findings there are, listed or not.
    pub fn count(&self) -> usize {
        self.counts.values().sum()
    }
}

/// Looks through a CMDB; alerts are bound by its labels and by `keys`.
pub fn lint(topology: &Topology, keys: &[BindingKey]) -> Lint {
    let mut lint = Lint::default();
    circles(topology, &mut lint);
    for (id, ci) in topology.cis() {
        one(topology, id, ci, &mut lint);
    }
    unmet_needs(topology, &mut lint);
    waiting(topology, &mut lint);
    like_names(topology, &mut lint);
    ambiguous(topology, keys, &mut lint);
    lint
}

/// Finds what putting `new` in the place of `old` would break: circles that were not there, and CIs
/// that lose their last source.
pub fn lint_change(old: &Topology, new: &Topology) -> Lint {
    let mut lint = Lint::default();
    lost_sources(old, new, &mut lint);
    let (mut before, mut after) = (Lint::default(), Lint::default());
    circles(old, &mut before);
    circles(new, &mut after);
    let known: BTreeSet<&str> = before.findings.iter().map(|known| &*known.message).collect();
    for circle in after.findings.iter().filter(|circle| !known.contains(&*circle.message)) {
        lint.add(circle.code, &circle.item, || (circle.message.clone(), circle.help.clone()));
    }
    lint
}

fn one(topology: &Topology, id: CiId, ci: &CiRow, lint: &mut Lint) {
    let mut relations =
        topology.edges(id, Toward::Causes).chain(topology.edges(id, Toward::Sufferers));
    let name = shorten(&ci.name);
    if relations.next().is_none() {
        lint.add("C012", &ci.name, || {
            (format!("`{name}` has no relation"), "relate it, or leave it out".into())
        });
    }
    let lacks = SERVICE_NEEDS.iter().filter(|need| ci.attribute(need).is_none_or(str::is_empty));
    let lacks: Vec<&str> = lacks.copied().collect();
    if ci.is_service() && !lacks.is_empty() {
        lint.add("C013", &ci.name, || {
            let lacks = lacks.join(" and no ");
            let help = "its incidents are ranked and assigned by them".into();
            (format!("service `{name}` has no {lacks}"), help)
        });
    }
}

/// Finds needs that say nothing, because there are fewer causes than that.
fn unmet_needs(topology: &Topology, lint: &mut Lint) {
    for (ci, kind, least) in topology.needs() {
        let (legs, relation) = (topology.legs(ci, kind), topology.suffered(kind));
        if legs >= least {
            continue;
        }
        let ci = &topology.ci(ci).name;
        lint.add("C032", ci, || {
            let name = shorten(ci);
            let message = match legs {
                0 => format!("`{name}` needs {least} of `{relation}` and has no such relation"),
                _ => format!(
                    "`{name}` needs {least} of `{relation}` and has {legs}: losing one hits it"
                ),
            };
            (message, "add the relations that are missing, or correct `needs`".into())
        });
    }
}

/// Finds relations that came by topic before the CIs at their ends, or without them.
fn waiting(topology: &Topology, lint: &mut Lint) {
    for (row, lacks) in topology.waiting() {
        let item = row.to_string();
        lint.add("C034", &item, || {
            let message = format!("`{}` waits for {lacks}", shorten(&item));
            (
                message,
                "it is followed once that is there; correct its record if it never will be".into(),
            )
        });
    }
}

fn like_names(topology: &Topology, lint: &mut Lint) {
    let mut seen = BTreeMap::<String, CiId>::new();
    for (id, ci) in topology.cis().filter(|(_, ci)| ci.name.chars().any(char::is_alphabetic)) {
        let first = *seen.entry(ci.name.to_lowercase()).or_insert(id);
        if first != id {
            lint.add("C014", &ci.name, || {
                let (a, b) = (shorten(&topology.ci(first).name), shorten(&ci.name));
                let message = format!("`{b}` and `{a}` differ only in upper and lower case");
                (message, "join them if they are one".into())
            });
        }
    }
}

fn ambiguous(topology: &Topology, keys: &[BindingKey], lint: &mut Lint) {
    for (by, cis) in Binder::new(topology, keys).ambiguous(topology) {
        let Some(first) = cis.first().map(|ci| topology.ci(*ci)) else { continue };
        lint.add("C015", &first.name, || {
            let names = names(topology, cis.iter().copied().take(CIRCLE_NAMED_MAX), ", ");
            let message = format!("{} CIs are the same by {by}: {names}", cis.len());
            (message, "alerts with these values bind to none; give each its own".into())
        });
    }
}

fn names(topology: &Topology, cis: impl Iterator<Item = CiId>, between: &str) -> String {
    cis.map(|ci| shorten(&topology.ci(ci).name)).collect::<Vec<_>>().join(between)
}

/// Finds CIs that had a source of some kind and have none of it any more, by the source they lost.
fn lost_sources(old: &Topology, new: &Topology, lint: &mut Lint) {
    for (relation, lack) in SOURCES {
        let kind = |topology: &Topology| topology.relations([relation].into_iter());
        let (before, after) = (kind(old), kind(new));
        // By the cause: relations lost, and CIs without any source now.
        let mut lost = BTreeMap::<CiId, (usize, Vec<CiId>)>::new();
        for (id, ci) in old.cis() {
            let mut causes = old.edges(id, Toward::Causes).filter(|(_, kind)| before.has(*kind));
            let Some(there) = new.find(&ci.name) else { continue };
            let has = new.edges(there, Toward::Causes).any(|(_, kind)| after.has(kind));
            if !has {
                causes.by_ref().for_each(|(cause, _)| {
                    let entry = lost.entry(cause).or_default();
                    entry.0 += 1;
                    entry.1.push(there);
                });
            }
        }
        for (cause, (count, cis)) in lost {
            let cause = &old.ci(cause).name;
            lint.add("C004", cause, || {
                let what = hit(new, &cis);
                let s = if count == 1 { "" } else { "s" };
                let message = format!(
                    "{} loses {count} `{relation}` relation{s}: {what} would have {lack}",
                    shorten(cause)
                );
                (message, "add the relations, or remove the CIs as well".into())
            });
        }
    }
}

/// Says how many CIs, with their class where they have one in common: `6 servers`, `1 vm`.
fn hit(topology: &Topology, cis: &[CiId]) -> String {
    let classes: BTreeSet<&Arc<str>> = cis.iter().map(|ci| &topology.ci(*ci).class).collect();
    let class = match classes.first() {
        Some(class) if classes.len() == 1 => shorten(class),
        _ => "CI".into(),
    };
    let s = if cis.len() == 1 { "" } else { "s" };
    format!("{} {class}{s}", cis.len())
}

/// Finds circles, each set of CIs that all suffer from each other once for each relation type.
fn circles(topology: &Topology, lint: &mut Lint) {
    for kind in 0..topology.type_count() {
        for members in components(topology, kind) {
            let Some(written) = topology.relation_type(kind) else { continue };
            let toward = match written.suffers {
                End::From => Toward::Causes,
                End::To => Toward::Sufferers,
            };
            let circle = circle(topology, kind, toward, &members);
            let Some(first) = circle.first() else { continue };
            let item = &topology.ci(*first).name;
            lint.add("C002", item, || {
                let way = names(topology, circle.iter().copied().take(CIRCLE_NAMED_MAX), " -> ");
                let more = circle.len().saturating_sub(CIRCLE_NAMED_MAX);
                let more = if more > 0 { format!(" -> … {more} more") } else { String::new() };
                let close = shorten(item);
                let message = format!("circle through `{}`: {way}{more} -> {close}", written.name);
                (message, "one of these relations is the wrong way round, or not true".into())
            });
        }
    }
}

/// Returns a shortest circle through the first of `members`, which all reach each other.
fn circle(topology: &Topology, kind: u8, toward: Toward, members: &[CiId]) -> Vec<CiId> {
    let Some(first) = members.first().copied() else { return Vec::new() };
    let inside: BTreeSet<CiId> = members.iter().copied().collect();
    let mut parents = BTreeMap::from([(first, first)]);
    let mut queue = std::collections::VecDeque::from([first]);
    while let Some(ci) = queue.pop_front() {
        for (next, _) in topology.edges(ci, toward).filter(|(_, other)| *other == kind) {
            if next == first {
                let mut way = vec![ci];
                while let Some(parent) =
                    way.last().filter(|ci| **ci != first).and_then(|ci| parents.get(ci))
                {
                    way.push(*parent);
                }
                way.reverse();
                return way;
            }
            if inside.contains(&next) && !parents.contains_key(&next) {
                parents.insert(next, ci);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

/// Finds the sets of several CIs that reach each other through relations of one type, each sorted
/// (Tarjan's algorithm with a stack of its own: a chain may be a million long).
fn components(topology: &Topology, kind: u8) -> Vec<Vec<CiId>> {
    const UNSEEN: u32 = u32::MAX;
    let next = |ci: CiId| topology.edges(ci, Toward::Sufferers).filter(move |(_, k)| *k == kind);
    let mut low = vec![UNSEEN; topology.ci_count()];
    let mut index = low.clone();
    let mut on_stack = vec![false; topology.ci_count()];
    let (mut count, mut stack, mut found) = (0, Vec::new(), Vec::new());
    let get = |list: &[u32], ci: CiId| list.get(ci.0 as usize).copied().unwrap_or(UNSEEN);
    for (root, _) in topology.cis() {
        if get(&index, root) != UNSEEN || next(root).next().is_none() {
            continue;
        }
        let mut work = vec![(root, None)];
        while let Some((ci, edges)) = work.last_mut() {
            let ci = *ci;
            let edges = edges.get_or_insert_with(|| {
                let at = ci.0 as usize;
                if let (Some(i), Some(l), Some(on)) =
                    (index.get_mut(at), low.get_mut(at), on_stack.get_mut(at))
                {
                    (*i, *l, *on) = (count, count, true);
                }
                count += 1;
                stack.push(ci);
                next(ci)
            });
            if let Some((end, _)) = edges.next() {
                let reached = get(&index, end);
                if reached == UNSEEN {
                    work.push((end, None));
                } else if on_stack.get(end.0 as usize) == Some(&true) {
                    lower(&mut low, ci, reached);
                }
                continue;
            }
            work.pop();
            let own = get(&low, ci);
            if let Some((parent, _)) = work.last() {
                lower(&mut low, *parent, own);
            }
            if own == get(&index, ci) {
                let from = stack.iter().rposition(|other| *other == ci).unwrap_or(0);
                let mut members = stack.split_off(from);
                for member in &members {
                    if let Some(on) = on_stack.get_mut(member.0 as usize) {
                        *on = false;
                    }
                }
                if members.len() > 1 {
                    members.sort_unstable();
                    found.push(members);
                }
            }
        }
    }
    found.sort();
    found
}

fn lower(low: &mut [u32], ci: CiId, to: u32) {
    if let Some(low) = low.get_mut(ci.0 as usize) {
        *low = to.min(*low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lint: &Lint) -> Vec<String> {
        lint.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_weakness_is_named_with_its_ci() {
        let topology = Topology::of(
            "cis:
  web: {class: service, owner: shop}
  mail: {class: service, owner: shop, tier: 2, labels: {service: mail}}
  Mail: {class: pod, labels: {service: mail}}
  a: {class: server, address: 10.0.0.1}
  b: {class: server, address: 10.0.0.1}
  c: {class: server}
  lone: {class: vm}
relations: [a -hosts-> b, b -hosts-> c, c -hosts-> a, c -hosts-> b, mail -depends_on-> web,
            web -runs_on-> a, Mail -runs_on-> a]",
        );
        let key = BindingKey {
            labels: vec![vec!["instance".into()]],
            class: None,
            attributes: vec![vec!["address".into()]],
            normalise: BTreeSet::new(),
        };
        let lint = lint(&topology, &[key]);
        assert_eq!(
            found(&lint),
            [
                "warning[C002]: circle through `hosted_on`: a -> c -> b -> a; \
                 one of these relations is the wrong way round, or not true",
                "warning[C012]: `lone` has no relation; relate it, or leave it out",
                "warning[C013]: service `web` has no tier; \
                 its incidents are ranked and assigned by them",
                "warning[C014]: `mail` and `Mail` differ only in upper and lower case; \
                 join them if they are one",
                "warning[C015]: 2 CIs are the same by label service: Mail, mail; \
                 alerts with these values bind to none; give each its own",
                "warning[C015]: 2 CIs are the same by key instance: a, b; \
                 alerts with these values bind to none; give each its own",
            ]
        );
        assert_eq!(lint.count(), 6);
    }

    #[test]
    fn needs_that_cannot_be_met_and_hours_without_a_calendar_are_named() {
        let topology = Topology::of(
            "cis:
  a: {class: server, needs: {powered_by: any}}
  b: {class: server, needs: {powered_by: 2, runs_on: 3}}
  p: {class: pdu}
  q: {class: pdu}
  web: {class: service, owner: shop, tier: 1, hours: office}
  mail: {class: service, owner: shop, tier: 1, hours: night}
relations: [b -powered_by-> p, b -powered_by-> q, b -runs_on-> p, b -runs_on-> q, a -runs_on-> b,
            web -runs_on-> a, mail -runs_on-> a]",
        );
        let mut lint = lint(&topology, &[]);
        lint.unknown_hours(&topology, |hours| hours == "office");
        assert_eq!(
            found(&lint),
            [
                "warning[C032]: `a` needs 1 of `powered_by` and has no such relation; \
                 add the relations that are missing, or correct `needs`",
                "warning[C032]: `b` needs 3 of `runs_on` and has 2: losing one hits it; \
                 add the relations that are missing, or correct `needs`",
                "warning[C033]: `mail` has the hours `night`, which is no calendar; \
                 add it to `calendars:` of the rules, or correct `hours`",
            ]
        );
    }

    #[test]
    fn users_who_are_not_reached_are_named() {
        let topology = Topology::of(
            "cis:
  web: {class: service, owner: shop, tier: 1, contact: sue, subscribers: 'bob, ghost'}
  box: {class: server, contact: ghost}
relations: [web -runs_on-> box]",
        );
        let mut lint = Lint::default();
        lint.unknown_users(&topology, |user| ["sue", "bob"].contains(&user));
        assert_eq!(
            found(&lint),
            [
                "warning[C035]: `ghost`, a user of `web`, is not reached; name a contact of the rules, \
              or an address that the section `reports` writes to"
            ]
        );
    }

    #[test]
    fn a_change_is_told_by_what_it_breaks() {
        let old = Topology::of(
            "cis: {pdu: {class: pdu}, ups: {class: pdu}, s1: {class: server}, s2: {class: server}, \
                   s3: {class: server}, x: {class: service}, y: {class: service}}\n\
             relations: [pdu -powers-> s1, pdu -powers-> s2, pdu -powers-> s3, ups -powers-> s3, \
                         s1 -runs-> x, y -depends_on-> x]",
        );
        let new = Topology::of(
            "cis: {ups: {class: pdu}, s1: {class: server}, s2: {class: server}, \
                   s3: {class: server}, x: {class: service}, y: {class: service}}\n\
             relations: [ups -powers-> s3, y -depends_on-> x, x -depends_on-> y]",
        );
        let lint = lint_change(&old, &new);
        let messages: Vec<&str> = lint.findings.iter().map(|one| &*one.message).collect();
        assert_eq!(
            messages,
            [
                "pdu loses 2 `powers` relations: 2 servers would have no power source",
                "s1 loses 1 `runs` relation: 1 service would have nothing to run on",
                "circle through `depends_on`: x -> y -> x",
            ]
        );
        assert_eq!(found(&lint_change(&new, &new)), <[String; 0]>::default());
    }

    #[test]
    fn a_long_chain_is_no_circle_and_costs_no_stack() {
        let cis: Vec<String> = (0..50_000).map(|i| format!("c{i:05}: {{class: vm}}")).collect();
        let relations: Vec<String> =
            (1..50_000).map(|i| format!("c{:05} -hosts-> c{i:05}", i - 1)).collect();
        let text =
            format!("{{cis: {{{}}}, relations: [{}]}}", cis.join(", "), relations.join(", "));
        assert_eq!(lint(&Topology::of(&text), &[]).count(), 0);
    }

    #[test]
    fn the_rest_of_many_findings_is_counted() {
        let cis: Vec<String> = (0..150).map(|i| format!("c{i:03}: {{class: vm}}")).collect();
        let lint = lint(&Topology::of(&format!("cis: {{{}}}", cis.join(", "))), &[]);
        assert_eq!((lint.findings.len(), lint.counts["C012"]), (100, 150));
    }
}
