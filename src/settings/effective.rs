//! The settings in force as TOML, each with where it was set. Secrets are not among them.

use core::fmt;

use config::{Value, ValueKind};

/// Stands for a value that is not shown.
const HIDDEN: &str = "***";

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its section, as in `channels.chat`.
    pub section: String,
    /// Its key.
    pub key: String,
    /// Its value as TOML; `"***"` for a secret.
    pub value: String,
    /// Where it was set: `default`, a file, `environment` or `command line`.
    pub origin: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

/// Lists the settings of a merged tree, but not the values of `secrets`, whose paths are given.
pub(super) fn entries(root: &Value, secrets: &[String]) -> Vec<Entry> {
    let mut found = Vec::new();
    collect(root, "", secrets, &mut found);
    found.sort_by(|a, b| (&a.section, &a.key).cmp(&(&b.section, &b.key)));
    found
}

fn collect(value: &Value, section: &str, secrets: &[String], into: &mut Vec<Entry>) {
    let ValueKind::Table(keys) = &value.kind else { return };
    #[expect(clippy::iter_over_hash_type, reason = "sorted by the caller")]
    for (key, value) in keys {
        let path = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        if matches!(value.kind, ValueKind::Table(_)) {
            collect(value, &path, secrets, into);
            continue;
        }
        let hidden = secrets.contains(&path);
        into.push(Entry {
            section: section.into(),
            key: key.clone(),
            value: if hidden { quoted(HIDDEN) } else { toml(value) },
            origin: origin(value),
        });
    }
}

fn origin(value: &Value) -> String {
    match value.origin() {
        None => "default".into(),
        Some("the environment") => "environment".into(),
        Some("the command line") => "command line".into(),
        Some(file) => file.into(),
    }
}

fn toml(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => quoted(text),
        ValueKind::Array(items) => {
            format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", "))
        }
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::Table(_) => value.kind.to_string(),
    }
}

/// JSON's strings are TOML's basic strings, but for U+007F.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
