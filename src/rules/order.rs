//! The order in which rules are asked.

use std::collections::{BTreeMap, BTreeSet};

use super::codes;
use super::diagnostics::Diagnostic;
use super::reader::Reader;
use super::rule::Draft;
use super::source::SourceFile;
use super::text::listed;

/// Settles the order, as places in the list: by name, except where `before` or `after` says
/// otherwise. Rules of a circle are left out and noted.
pub(super) fn settle(reader: &mut Reader<'_>, rules: &[(&SourceFile, Draft)]) -> Vec<usize> {
    across_kinds(reader, rules);
    let mut waiting: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for (at, (_, draft)) in rules.iter().enumerate() {
        waiting.entry(&draft.rule.name).or_insert((at, BTreeSet::new()));
    }
    for (_, draft) in rules {
        let name = &*draft.rule.name;
        let mut comes_after = |later: &str, earlier| {
            if let Some((_, earlier_ones)) = waiting.get_mut(later) {
                earlier_ones.insert(earlier);
            }
        };
        draft.before.iter().for_each(|(later, _)| comes_after(later, name));
        draft.after.iter().for_each(|(earlier, _)| comes_after(name, earlier));
    }
    // A rule that is not there is waited for by nobody; its absence has been noted.
    let known: BTreeSet<&str> = waiting.keys().copied().collect();
    for (_, earlier) in waiting.values_mut() {
        earlier.retain(|name| known.contains(name));
    }
    let mut behind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, (_, earlier)) in &waiting {
        for earlier in earlier {
            behind.entry(earlier).or_default().push(name);
        }
    }
    let free = waiting.iter().filter(|(_, (_, earlier))| earlier.is_empty());
    let mut free: BTreeSet<&str> = free.map(|(name, _)| *name).collect();
    let mut order = Vec::with_capacity(rules.len());
    while let Some(next) = free.pop_first() {
        order.extend(waiting.remove(next).map(|(at, _)| at));
        for later in behind.remove(next).unwrap_or_default() {
            let Some((_, earlier)) = waiting.get_mut(later) else { continue };
            earlier.remove(next);
            if earlier.is_empty() {
                free.insert(later);
            }
        }
    }
    let stuck: Vec<&str> = waiting.keys().copied().collect();
    let first = waiting.values().next().and_then(|(at, _)| rules.get(*at));
    if let Some((file, draft)) = first {
        let said = draft.before.iter().chain(&draft.after).next();
        let span = said.map_or(draft.span, |(_, span)| *span);
        let message = "`before` and `after` form a circle";
        reader.diagnostics.push(
            Diagnostic::error(codes::ORDER, file, span, message)
                .label(format!("part of it, or behind it: {}", listed(&stuck)))
                .help("take away one of the `before` and `after` of these rules"),
        );
    }
    order
}

/// Refuses `before` and `after` between rules of different kinds: which kind applies first is not up
/// to a rule.
fn across_kinds(reader: &mut Reader<'_>, rules: &[(&SourceFile, Draft)]) {
    let known: BTreeMap<&str, &(&SourceFile, Draft)> =
        rules.iter().map(|it| (&*it.1.rule.name, it)).collect();
    for (file, draft) in rules {
        let own = &draft.rule.kind;
        let said = draft.before.iter().map(|other| ("before", other));
        for (word, (name, span)) in said.chain(draft.after.iter().map(|other| ("after", other))) {
            let Some((other_file, other)) = known.get(&**name) else { continue };
            let kind = &other.rule.kind;
            if kind.rank() == own.rank() {
                continue;
            }
            let (first, then) = if kind.rank() < own.rank() { (kind, own) } else { (own, kind) };
            let message = format!(
                "`{word}` names a rule of kind `{}`, and this one is of kind `{}`",
                kind.name(),
                own.name()
            );
            reader.diagnostics.push(
                Diagnostic::error(codes::ACROSS_KINDS, file, *span, message)
                    .label("expected a rule of the same kind")
                    .help(format!(
                        "kinds apply in an order of their own, `{}` before `{}`: leave this out",
                        first.name(),
                        then.name()
                    ))
                    .related(other_file, other.span, "the other rule"),
            );
        }
    }
}
