//! How a value is written into a file.

use super::{Entry, Item};

/// Writes a text in the quotes of the one it takes the place of, where it can be written so.
pub(super) fn respelt(old: &str, new: &str) -> String {
    let is_printable = !new.contains(char::is_control);
    match old.chars().next() {
        Some('\'') if is_printable => single(new),
        Some('"') => double(new),
        _ => plain(new),
    }
}

/// Writes a text without quotes if it is read as itself so, in every context, else with.
pub(super) fn plain(new: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || "_-./@ ".contains(c);
    let is_word = new.starts_with(char::is_alphanumeric)
        && new.chars().all(harmless)
        && !new.ends_with(' ')
        && !["null", "true", "false"].contains(&&*new.to_lowercase());
    if is_word {
        new.into()
    } else if new.contains(char::is_control) {
        double(new)
    } else {
        single(new)
    }
}

/// Writes a list of texts in brackets.
pub(super) fn list(names: &[Box<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
    format!("[{}]", names.join(", "))
}

/// Writes a mapping in braces.
pub(super) fn item(item: &Item) -> String {
    let entry = |(key, value): &(&str, Entry)| match value {
        Entry::Text(text) => format!("{key}: {}", plain(text)),
        Entry::Names(names) => format!("{key}: {}", list(names)),
    };
    format!("{{{}}}", item.iter().map(entry).collect::<Vec<_>>().join(", "))
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.extend([format!("\\u{:04x}", u32::from(c))]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
