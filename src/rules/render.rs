//! Writes diagnostics for people, for editors (one line each) and for machines (JSON).

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::diagnostics::{Diagnostic, Severity, Span};
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
}

/// Writes all findings, each with its line end.
pub fn render(form: Form, diagnostics: &[Diagnostic], files: &[SourceFile]) -> String {
    match form {
        Form::Human => diagnostics.iter().map(|d| human(d, files, &Renderer::plain())).collect(),
        Form::Coloured => {
            diagnostics.iter().map(|d| human(d, files, &Renderer::styled())).collect()
        }
        Form::Short => diagnostics.iter().map(short).collect(),
        Form::Json => {
            let list: Vec<_> = diagnostics.iter().map(json).collect();
            format!("{:#}\n", serde_json::Value::from(list))
        }
    }
}

/// Returns a finding as one line, with its line end.
pub fn short(d: &Diagnostic) -> String {
    let help = if d.help.is_empty() { String::new() } else { format!("; {}", d.help) };
    let Diagnostic { file, line, column, message, .. } = d;
    let text = format!("{message}{help}").replace('\n', " ");
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
        "related": d.related.as_ref().map(|r| serde_json::json!({
            "file": r.file, "line": r.line, "column": r.column, "label": r.label,
        })),
    })
}

fn human(d: &Diagnostic, files: &[SourceFile], renderer: &Renderer) -> String {
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&*d.message).id(d.code.id));
    let text_of = |name: &str| files.iter().find(|file| file.name == name).map(|file| &*file.text);
    let text = text_of(&d.file).filter(|text| !d.span.of(text).is_empty());
    let Some(text) = text else {
        let place = Origin::path(&*d.file).line(d.line as usize).char_column(d.column as usize);
        return write(renderer, helped(group.element(place), d));
    };
    let primary = AnnotationKind::Primary.span(first_line(d.span, text)).label(&*d.label);
    let mut snippet = Snippet::source(text).path(&*d.file).annotation(primary);
    if let Some(other) = &d.related {
        let context = |span| AnnotationKind::Context.span(span).label(&*other.label);
        if other.file == d.file {
            snippet = snippet.annotation(context(first_line(other.span, text)));
            group = group.element(snippet);
        } else {
            group = group.element(snippet);
            if let Some(text) = text_of(&other.file) {
                let span = first_line(other.span, text);
                group = group
                    .element(Snippet::source(text).path(&*other.file).annotation(context(span)));
            }
        }
    } else {
        group = group.element(snippet);
    }
    write(renderer, helped(group, d))
}

fn helped<'a>(group: Group<'a>, d: &'a Diagnostic) -> Group<'a> {
    if d.help.is_empty() { group } else { group.element(Level::HELP.message(&*d.help)) }
}

fn write(renderer: &Renderer, group: Group<'_>) -> String {
    format!("{}\n\n", renderer.render(&[group]))
}

/// Cuts a stretch at the end of its first line: what goes on for lines is known by its beginning.
fn first_line(span: Span, text: &str) -> core::ops::Range<usize> {
    let line = span.of(text).lines().next().unwrap_or("").trim_end();
    span.start..span.start + line.len()
}
