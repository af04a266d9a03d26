//! Writes diagnostics for people, for editors (one line each) and for machines (JSON). See `sarif`
//! for the form that code hosts read.

use std::collections::{BTreeMap, BTreeSet};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::diagnostics::{Diagnostic, Fix, Related, Severity, Span};
use super::lines::Lines;
use super::sarif;
use super::source::SourceFile;

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With the line they are about, for people.
    Human,
    /// The same in colour.
    Coloured,
    /// `file:line:column: error[R0103]: message`, for editors.
    Short,
    /// A list of objects, for machines.
    Json,
    /// One document in SARIF 2.1.0, for code hosts.
    Sarif,
}

/// Writes all findings, each with its line end.
pub fn render(form: Form, diagnostics: &[Diagnostic], files: &[SourceFile]) -> String {
    match form {
        Form::Human => all_human(diagnostics, files, &Renderer::plain()),
        Form::Coloured => all_human(diagnostics, files, &Renderer::styled()),
        Form::Short => diagnostics.iter().map(short).collect(),
        Form::Json => {
            let list: Vec<_> = diagnostics.iter().map(json).collect();
            format!("{:#}\n", serde_json::Value::from(list))
        }
        Form::Sarif => {
            format!("{:#}\n", sarif::document(diagnostics, &Sources::of(diagnostics, files)))
        }
    }
}

/// Returns a finding as one line, with its line end.
pub fn short(d: &Diagnostic) -> String {
    let help = if d.help.is_empty() { String::new() } else { format!("; {}", d.help) };
    let related = d.related.as_ref().map_or(String::new(), |other| {
        format!("; {}: {}:{}:{}", other.label, other.file, other.line, other.column)
    });
    let Diagnostic { file, line, column, message, .. } = d;
    let text = format!("{message}{help}{related}").replace('\n', " ");
    format!("{file}:{line}:{column}: {}[{}]: {text}\n", d.severity.name(), d.code.id)
}

/// Returns a finding for machines.
pub fn json(d: &Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "code": d.code.id,
        "severity": d.severity.name(),
        "file": d.file,
        "line": d.line,
        "column": d.column,
        "span": [d.span.start, d.span.end],
        "message": d.message,
        "label": d.label,
        "help": d.help,
        "fix": d.fix.as_ref().map(|Fix { span, replacement }| serde_json::json!({
            "span": [span.start, span.end], "replacement": replacement,
        })),
        "related": d.related.as_ref().map(|r| serde_json::json!({
            "file": r.file, "line": r.line, "column": r.column, "label": r.label,
        })),
    })
}

/// The texts of the files that findings are about, with what is needed to find places in them.
#[derive(Debug)]
pub(super) struct Sources<'f>(BTreeMap<&'f str, (&'f str, Lines<'f>)>);

impl<'f> Sources<'f> {
    fn of(diagnostics: &[Diagnostic], files: &'f [SourceFile]) -> Self {
        let related = diagnostics.iter().filter_map(|d| d.related.as_ref()).map(|r| &*r.file);
        let named: BTreeSet<&str> = diagnostics.iter().map(|d| &*d.file).chain(related).collect();
        let files = files.iter().filter(|file| named.contains(&*file.name));
        Self(files.map(|file| (&*file.name, (&*file.text, Lines::of(&file.text)))).collect())
    }

    /// Returns the text of a file and its lines.
    pub(super) fn get(&self, name: &str) -> Option<(&'f str, &Lines<'f>)> {
        self.0.get(name).map(|(text, lines)| (*text, lines))
    }
}

/// The longest line, or stretch between two places, that is shown to people, in bytes.
const SHOWN_BYTES_MAX: usize = 4_096;

fn all_human(diagnostics: &[Diagnostic], files: &[SourceFile], renderer: &Renderer) -> String {
    let sources = Sources::of(diagnostics, files);
    let mut explained = BTreeSet::new();
    let mut written = String::new();
    for d in diagnostics {
        let mut group = shown(d, &sources);
        if let Some(help) = help(d, &sources) {
            group = group.element(Level::HELP.message(help));
        }
        if explained.insert(d.code.id) {
            let see = format!("incidentd explain-code {}", d.code.id);
            group = group.element(Level::HELP.with_name("see").message(see));
        }
        written.push_str(&renderer.render(&[group]));
        written.push_str("\n\n");
    }
    written
}

/// Returns a finding with the lines it is about, as far as they can be shown.
fn shown<'d>(d: &'d Diagnostic, sources: &Sources<'d>) -> Group<'d> {
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let group = Group::with_title(level.primary_title(&*d.message).id(d.code.id));
    let Some(primary) = excerpt(sources, &d.file, [d.span]).filter(|_| d.span.start < d.span.end)
    else {
        let place = Origin::path(&*d.file).line(d.line as usize).char_column(d.column as usize);
        return group.element(place);
    };
    let marked = |shown: &Excerpt<'d>| shown.mark(AnnotationKind::Primary, d.span, &d.label);
    let Some(other) = &d.related else {
        return group.element(primary.snippet().annotation(marked(&primary)));
    };
    let context =
        |shown: &Excerpt<'d>| shown.mark(AnnotationKind::Context, other.span, &other.label);
    if let Some(both) = together(d, other, sources) {
        return group.element(both.snippet().annotation(marked(&both)).annotation(context(&both)));
    }
    let group = group.element(primary.snippet().annotation(marked(&primary)));
    match excerpt(sources, &other.file, [other.span]) {
        Some(shown) => group.element(shown.snippet().annotation(context(&shown))),
        None => group,
    }
}

fn together<'d>(d: &'d Diagnostic, other: &Related, sources: &Sources<'d>) -> Option<Excerpt<'d>> {
    if other.file != d.file {
        return None;
    }
    excerpt(sources, &d.file, [d.span, other.span])
}

/// Some lines of a file. Only these are handed to the renderer, which reads all it is given.
struct Excerpt<'d> {
    path: &'d str,
    text: &'d str,
    /// Where the text begins in the file, in bytes and as a line.
    offset: usize,
    line: u32,
}

impl<'d> Excerpt<'d> {
    fn snippet<T: Clone>(&self) -> Snippet<'d, T> {
        Snippet::source(self.text).path(self.path).line_start(self.line as usize)
    }

    /// Marks a stretch up to the end of its first line: what goes on for lines is known by its
    /// beginning.
    fn mark(&self, kind: AnnotationKind, span: Span, label: &'d str) -> Annotation<'d> {
        let start = span.start.saturating_sub(self.offset);
        let span = Span { start, end: span.end.saturating_sub(self.offset) };
        let line = span.of(self.text).lines().next().unwrap_or("").trim_end();
        kind.span(start..start + line.len()).label(label)
    }
}

/// Returns the first lines of all these stretches and what lies between them, unless it is much.
fn excerpt<'d, const N: usize>(
    sources: &Sources<'d>,
    file: &'d str,
    spans: [Span; N],
) -> Option<Excerpt<'d>> {
    let (text, lines) = sources.get(file)?;
    let ranges = spans.map(|span| lines.line(span.start));
    let start = ranges.iter().map(|range| range.start).min()?;
    let end = ranges.iter().map(|range| range.end).max()?;
    let text = text.get(start..end).filter(|text| text.len() <= SHOWN_BYTES_MAX)?;
    Some(Excerpt { path: file, text, offset: start, line: lines.position(start).0 })
}

/// The longest mended line that is shown, in characters.
const MENDED_CHARS_MAX: usize = 100;

/// Returns what to do, with the mended line where there is a fix: it can be pasted.
fn help(d: &Diagnostic, sources: &Sources<'_>) -> Option<String> {
    let mended = d.fix.as_ref().and_then(|fix| mended(fix, sources.get(&d.file)?));
    match (&*d.help, mended) {
        ("", None) => None,
        (help, None) => Some(help.into()),
        ("", Some(line)) => Some(format!("write   {line}")),
        (help, Some(line)) => Some(format!("{help}   write   {line}")),
    }
}

fn mended(fix: &Fix, (text, lines): (&str, &Lines<'_>)) -> Option<String> {
    let line = lines.line(fix.span.start);
    let before = text.get(line.start..fix.span.start)?;
    let after = text.get(fix.span.end..line.end.max(fix.span.end))?;
    let mended = format!("{before}{}{after}", fix.replacement);
    let mended = mended.trim();
    // A change of nothing but blanks cannot be seen.
    let seen = !fix.replacement.trim().is_empty();
    let fits = seen && mended.chars().count() <= MENDED_CHARS_MAX && !mended.contains('\n');
    fits.then(|| mended.to_owned())
}
