//! Templates that are text with labels put in, which most are: `desk-{{ labels.cluster }}`.
//!
//! What rules add is rendered for each alert whose episode begins; the template engine takes longer for
//! one such line than all else that is decided of the alert. Never says what a template means: one that
//! is anything but text and labels is left to `template`, and so is finding what is wrong with it.

/// Text and labels in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain(Box<[Part]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Label(Box<str>),
}

impl Plain {
    /// Takes a source apart that compiles; `None` when there is more in it than text and labels.
    pub(super) fn of(source: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, behind)) = rest.split_once("{{") {
            let (inside, after) = behind.split_once("}}")?;
            parts.push(Part::Text(text.into()));
            parts.push(Part::Label(label(inside)?.into()));
            rest = after;
        }
        parts.push(Part::Text(rest.into()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        let is_text = |part: &Part| match part {
            Part::Text(text) => !text.contains("{%") && !text.contains("{#"),
            Part::Label(_) => true,
        };
        parts.iter().all(is_text).then(|| Self(parts.into()))
    }

    /// Puts the labels in; `value` gives `""` for one that is not there.
    pub(super) fn render<'v>(&'v self, value: impl Fn(&str) -> &'v str) -> String {
        let texts = self.0.iter().map(|part| match part {
            Part::Text(text) => &**text,
            Part::Label(name) => value(name),
        });
        texts.collect()
    }
}

/// Reads ` labels.cluster `.
fn label(inside: &str) -> Option<&str> {
    let name = inside.trim_matches(' ').strip_prefix("labels.")?;
    let is_name = |(at, c): (usize, char)| {
        c == '_' || c.is_ascii_alphabetic() || at > 0 && c.is_ascii_digit()
    };
    (!name.is_empty() && name.char_indices().all(is_name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_and_labels_are_plain() {
        for (source, text) in [
            ("", Some("")),
            ("desk", Some("desk")),
            ("desk-{{ labels.cluster }}", Some("desk-<cluster>")),
            ("{{labels.a}}{{  labels._b2 }} ü", Some("<a><_b2> ü")),
            ("} }} {", Some("} }} {")),
            ("{{ labels.a | upper }}", None),
            ("{{ labels.a.b }}", None),
            ("{{ labels['a'] }}", None),
            ("{{- labels.a }}", None),
            ("{{ labels.2 }}", None),
            ("{{ labels. }}", None),
            ("{{ ci.name }}", None),
            ("{{ 'labels.a' }}", None),
            ("a {# not a {{ labels.b }} #}", None),
            ("{% if labels.a %}{{ labels.a }}{% endif %}", None),
            ("{{ labels.a", None),
        ] {
            let names = ["cluster", "a", "_b2"].map(|name| (name, format!("<{name}>")));
            let value = |wanted: &str| {
                let known = names.iter().find(|(name, _)| *name == wanted);
                known.map_or("", |(_, value)| &**value)
            };
            let plain = Plain::of(source);
            assert_eq!(plain.as_ref().map(|it| it.render(value)).as_deref(), text, "{source}");
        }
    }
}
