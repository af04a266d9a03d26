//! The pages behind links: plain HTML, nothing loaded from elsewhere, no script, every text escaped.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// What a browser may do with the page: show it, and post its form back to where it came from.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What a page says.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) title: String,
    pub(super) text: String,
    /// What the button does, and what it needs for that.
    pub(super) form: Option<Ask>,
}

/// A form with one button.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) button: &'static str,
    pub(super) inputs: Vec<Input>,
}

/// Something that a form asks for, or carries.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) need: Need,
    pub(super) kind: InputKind,
}

/// Whether a form goes without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Optional,
    Required,
}

/// How something is put in.
#[derive(Debug)]
pub(super) enum InputKind {
    /// Not shown: sent back as it is.
    Carried(String),
    /// One line of at most so many characters.
    Line(usize),
    /// Several lines of at most so many characters.
    Text(usize),
    /// One of these: what is sent, and what it means.
    Choice(Vec<(String, String)>),
}

impl Page {
    pub(super) fn of(
        status: StatusCode,
        title: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self { status, title: title.into(), text: text.into(), form: None }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { status, title, text, form } = self;
        let form = form.map_or_else(String::new, |form| form.html());
        let (title, text) = (escape(&title), escape(&text));
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
             <style>body{{font-family:sans-serif;max-width:40em;margin:2em auto;padding:0 1em}}\
             label{{display:block;margin:1em 0}}\
             input,select,textarea{{display:block;width:100%;font:inherit;box-sizing:border-box}}\
             button{{font-size:1.5em;padding:.5em 1em}}</style></head>\
             <body><h1>{title}</h1><p>{text}</p>{form}</body></html>\n"
        );
        let headers = [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (status, headers, Html(page)).into_response()
    }
}

impl Ask {
    fn html(&self) -> String {
        let inputs: String = self.inputs.iter().map(Input::html).collect();
        format!("<form method=\"post\">{inputs}<button>{}</button></form>", escape(self.button))
    }
}

impl Input {
    fn html(&self) -> String {
        let name = escape(&self.name);
        let required = if self.need == Need::Required { " required" } else { "" };
        let field = match &self.kind {
            InputKind::Carried(value) => {
                return format!(
                    "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                    escape(value)
                );
            }
            InputKind::Line(max) => {
                format!("<input name=\"{name}\" maxlength=\"{max}\"{required}>")
            }
            InputKind::Text(max) => format!(
                "<textarea name=\"{name}\" rows=\"4\" maxlength=\"{max}\"{required}></textarea>"
            ),
            InputKind::Choice(words) => {
                let options: String = words.iter().map(option).collect();
                format!(
                    "<select name=\"{name}\"{required}><option value=\"\"></option>{options}</select>"
                )
            }
        };
        format!("<label>{} {field}</label>", escape(&self.label))
    }
}

fn option((word, meaning): &(String, String)) -> String {
    format!("<option value=\"{}\">{}</option>", escape(word), escape(meaning))
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
