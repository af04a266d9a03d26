//! Speaks with the daemon over its API.

use core::time::Duration;
use std::path::Path;

use reqwest::{Certificate, Client, Method, RequestBuilder, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::error::Body;
use crate::settings::secret::Secret;

use super::failure::Failure;
use super::print;

/// How long an answer may take. Longer than the daemon's own limit, so that its word is heard.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long a list of lines may take: a month of them.
const LINES_TIMEOUT: Duration = Duration::from_hours(1);

/// A daemon's address and the connection to it.
#[derive(Debug)]
pub struct Server {
    base: Url,
    client: Client,
    token: Option<Secret<String>>,
}

/// What it takes to be let in and to trust the other side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys<'a> {
    /// File with the token.
    pub token: Option<&'a Path>,
    /// File with certificates to trust beside the system's.
    pub ca: Option<&'a Path>,
}

/// What the daemon answered: the JSON as it came.
#[derive(Debug)]
pub struct Answer(pub String);

impl Answer {
    /// Reads the answer.
    ///
    /// # Errors
    /// When it has another shape: the daemon is of another version.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.0).map_err(|error| {
            Failure::Findings(format!("the daemon's answer is not understood: {error}"))
        })
    }
}

impl Server {
    /// Prepares to speak with the daemon at `base`.
    ///
    /// # Errors
    /// When that is no HTTP address, or a file cannot be used.
    pub fn new(base: &str, keys: &Keys<'_>) -> Result<Self, Failure> {
        let refuse = |cause: &dyn core::fmt::Display| {
            let example = "expected one like http://127.0.0.1:9494";
            Failure::Usage(format!("--server `{base}` is no address ({cause}), {example}"))
        };
        let url = Url::parse(base).map_err(|error| refuse(&error))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(refuse(&"neither http nor https"));
        }
        let mut client = Client::builder().timeout(TIMEOUT).no_proxy();
        if let Some(path) = keys.ca {
            let unusable = |error: reqwest::Error| unusable("--ca-file", path, &error);
            let certificates = Certificate::from_pem_bundle(read("--ca-file", path)?.as_bytes());
            client = client.tls_certs_merge(certificates.map_err(unusable)?);
        }
        let token = keys.token.map(|path| read("--token-file", path)).transpose()?;
        let token = token.map(|text| Secret::new(text.trim().to_owned()));
        let client = client.build().map_err(|error| refuse(&innermost(&error)))?;
        Ok(Self { base: url, client, token })
    }

    /// Asks for the thing at `path`, whose parts may hold any character.
    ///
    /// # Errors
    /// As the daemon refuses, or when it cannot be reached.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.send(self.request(Method::GET, path).query(query)).await
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// As for [`Server::get`].
    pub async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<Answer, Failure> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Asks for the lines at `path` and shows each, without its end, as soon as it came.
    ///
    /// # Errors
    /// As for [`Server::get`]; lines may have been shown before.
    pub async fn lines(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        show: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Failure> {
        let unreachable = |error: reqwest::Error| Failure::Unreachable {
            server: self.base.to_string(),
            cause: innermost(&error),
        };
        let request = self.request(Method::GET, path).query(query).timeout(LINES_TIMEOUT);
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let text = response.text().await.map_err(unreachable)?;
            let message = message(status.as_u16(), &text);
            return Err(Failure::of(self.base.as_str(), status.as_u16(), message));
        }
        let mut rest: Vec<u8> = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            rest.extend_from_slice(&chunk);
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { continue };
            let whole = rest.drain(..=end).collect::<Vec<u8>>();
            whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(&mut *show);
        }
        if !rest.is_empty() {
            show(&rest);
        }
        Ok(())
    }

    /// Takes away what is at `path`.
    ///
    /// # Errors
    /// As for [`Server::get`].
    pub async fn delete(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.send(self.request(Method::DELETE, path).query(query)).await
    }

    /// Puts what is in a file, or in several, at `path`; `kind` is its content type.
    ///
    /// # Errors
    /// As for [`Server::get`].
    pub async fn put(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        (kind, body): (&str, Vec<u8>),
    ) -> Result<Answer, Failure> {
        let request = self.request(Method::PUT, path).query(query).body(body);
        self.send(request.header("content-type", kind)).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token.reveal()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let unreachable = |error: reqwest::Error| Failure::Unreachable {
            server: self.base.to_string(),
            cause: innermost(&error),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(Answer(text));
        }
        Err(Failure::of(self.base.as_str(), status.as_u16(), message(status.as_u16(), &text)))
    }
}

/// Returns the daemon's own words, or what came instead of them.
fn message(status: u16, text: &str) -> String {
    let Ok(body) = serde_json::from_str::<Body>(text) else {
        let begin: String = text.chars().take(200).collect();
        return format!("status {status}: {}", print::clean(&begin));
    };
    let mut lines = vec![body.message];
    if let Some(id) = body.quarantined {
        lines.push(format!("  it is kept: `quarantine show {id}`"));
    }
    for problem in &body.problems {
        let text = |name| problem.get(name).and_then(serde_json::Value::as_str);
        let Some(what) = text("text").or_else(|| text("reason")) else { continue };
        match problem.get("index") {
            Some(index) => lines.push(format!("  alert {index}: {what}")),
            None => lines.push(what.into()),
        }
    }
    lines.join("\n")
}

fn read(option: &str, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| unusable(option, path, &error))
}

fn unusable(option: &str, path: &Path, error: &dyn core::fmt::Display) -> Failure {
    Failure::Usage(format!("{option} {} cannot be used: {error}", path.display()))
}

/// Returns what lies at the bottom of an error: `Connection refused` rather than `error sending`.
fn innermost(error: &dyn core::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_cannot_leave_it() {
        let server = Server::new("http://127.0.0.1:9494/sub/", &Keys::default()).unwrap();
        let request = server.request(Method::GET, &["api", "v1", "alerts", "a/b?c"]);
        let url = request.build().unwrap().url().to_string();
        assert_eq!(url, "http://127.0.0.1:9494/sub/api/v1/alerts/a%2Fb%3Fc");
    }

    #[test]
    fn a_refusal_is_told_in_the_daemons_words() {
        let json = r#"{"code":"conflict","message":"INC-7 is resolved","request_id":"1-2"}"#;
        assert_eq!(message(409, json), "INC-7 is resolved");
        let json = r#"{"code":"unprocessable","message":"none","request_id":"1-2",
            "problems":[{"index":3,"reason":"no labels"}]}"#;
        assert_eq!(message(422, json), "none\n  alert 3: no labels");
        let json = r#"{"code":"bad_request","message":"no","request_id":"1-2","quarantined":7}"#;
        assert_eq!(message(400, json), "no\n  it is kept: `quarantine show 7`");
        assert_eq!(message(502, "<html>\nbad gateway"), "status 502: <html> bad gateway");
    }

    #[test]
    fn an_address_needs_a_scheme_we_speak() {
        for bad in ["127.0.0.1:9494", "ftp://x", "http://"] {
            assert_eq!(Server::new(bad, &Keys::default()).unwrap_err().code(), 2, "{bad}");
        }
    }
}
