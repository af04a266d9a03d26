//! Keeps web pages of others away from the doors.
//!
//! A browser on the machine of the daemon can reach loopback. Three things stop a foreign page from
//! using that: the names this daemon answers to (a page cannot point its own name at us, DNS
//! rebinding), the `Origin` of requests that change something, and a content type that no form can
//! send. It knows no people and no tokens; machines send none of these headers wrongly.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Problem;
use crate::model::link;

/// The names under which this daemon is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any: it is bound to an address that others reach, under names it cannot know.
    Any,
    /// Bound to loopback: `localhost` and addresses.
    Loopback,
}

impl Hosts {
    /// True when a request that names `host` (with or without a port) is meant for us. Addresses
    /// are always ours: only a name can be pointed elsewhere by whoever owns it.
    fn answers_to(self, host: &str) -> bool {
        let name = name_of(host);
        match self {
            Self::Any => true,
            Self::Loopback => {
                name.eq_ignore_ascii_case("localhost")
                    || name.parse::<IpAddr>().is_ok()
                    || bracketed(name).is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
            }
        }
    }
}

/// Cuts the port off `host`; an IPv6 address keeps its brackets.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn bracketed(name: &str) -> Option<&str> {
    name.strip_prefix('[')?.strip_suffix(']')
}

/// Refuses what a foreign page made a browser send.
pub async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(link::PATH) {
        // A page elsewhere would need the token, and then it could do without a browser. Browsers send
        // no origin from a page whose policy is to send no referrer.
        return next.run(request).await;
    }
    let headers = request.headers();
    // HTTP/2 names the host in the address, HTTP/1.1 in a header; HTTP/1.0 not at all, and no
    // browser speaks that.
    let named = request.uri().authority().map(axum::http::uri::Authority::as_str);
    let host = named.or_else(|| text(headers, &header::HOST));
    match check(hosts, request.method(), host, text(headers, &header::ORIGIN)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(
    hosts: Hosts,
    method: &Method,
    host: Option<&str>,
    origin: Option<&str>,
) -> Result<(), Problem> {
    if let Some(host) = host.filter(|host| !hosts.answers_to(host)) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("on loopback only `localhost` and addresses are answered, not `{host}`"),
        ));
    }
    if let Some(origin) = origin.filter(|_| changes_something(method)) {
        let from = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        if !host.is_some_and(|host| host.eq_ignore_ascii_case(from)) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!("a page of `{origin}` may not change anything here"),
            ));
        }
    }
    Ok(())
}

fn changes_something(method: &Method) -> bool {
    !(method == Method::GET || method == Method::HEAD)
}

/// Refuses a body of another type than `allowed`; parameters such as the character set are ignored.
///
/// # Errors
/// 415 with the types that are taken.
pub fn require_type(headers: &HeaderMap, allowed: &[&str]) -> Result<(), Problem> {
    let given = text(headers, &header::CONTENT_TYPE).unwrap_or("");
    if allowed.iter().any(|kind| media_type(given).eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    let message = format!("content type is `{given}`, must be {}", allowed.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// Returns the type without its parameters.
pub fn media_type(content_type: &str) -> &str {
    content_type.split_once(';').map_or(content_type, |(kind, _)| kind).trim()
}

/// Returns the value of a header with this name, where it is text.
pub fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns a header's value, where it is text.
pub fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_localhost_and_addresses_are_answered() {
        for (host, ours) in [
            ("localhost", true),
            ("LocalHost:9494", true),
            ("127.0.0.1:9494", true),
            ("[::1]:9494", true),
            ("[::1]", true),
            ("evil.example:9494", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:9494", false),
            ("[evil]:9494", false),
            ("", false),
        ] {
            assert_eq!(Hosts::Loopback.answers_to(host), ours, "{host}");
            assert!(Hosts::Any.answers_to(host));
        }
    }

    #[test]
    fn a_foreign_page_may_look_but_not_touch() {
        let status = |method, origin| {
            let host = Some("127.0.0.1:9494");
            check(Hosts::Any, &method, host, origin).err().map(|problem| problem.status.as_u16())
        };
        assert_eq!(status(Method::POST, Some("https://evil.example")), Some(403));
        assert_eq!(status(Method::POST, Some("null")), Some(403));
        assert_eq!(status(Method::POST, Some("http://127.0.0.1:9494")), None);
        assert_eq!(status(Method::POST, None), None);
        assert_eq!(status(Method::GET, Some("https://evil.example")), None);
    }

    #[test]
    fn a_form_cannot_send_json() {
        let mut headers = HeaderMap::new();
        for (kind, taken) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonx", false),
        ] {
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(require_type(&headers, &["application/json"]).is_ok(), taken, "{kind}");
        }
        assert!(require_type(&HeaderMap::new(), &["application/json"]).is_err());
    }
}
