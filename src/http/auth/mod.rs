//! Who is asking, and whether they may: one layer before every handler.
//!
//! A credential is looked for in headers alone, compared in constant time, and never logged. `policy`
//! has the table of paths and roles, `signature` what senders sign, `failures` slows guessing down.

pub mod failures;
pub mod policy;
pub mod rate;
pub mod signature;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::clock;
use crate::settings::secret::Secret;
use crate::settings::sources::{self, Auth};
use crate::settings::users::{Role, User};
use crate::telemetry::doors::Refusal;

use super::App;
use super::error::Problem;
use failures::Failures;
use policy::Access;
use rate::Rate;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub ip: IpAddr,
    /// Whether others can listen in.
    pub line: Line,
}

/// What a connection runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Plain TCP.
    Plain,
    /// TLS.
    Tls,
}

impl Peer {
    /// Nobody known: what a request has that came over no connection.
    pub const UNKNOWN: Self = Self { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), line: Line::Plain };

    /// True for this machine.
    pub fn is_local(&self) -> bool {
        self.ip.to_canonical().is_loopback()
    }
}

/// Who made a request; every handler behind the layer can have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody where nobody has to prove who they are.
    Anonymous,
    /// Somebody with a token.
    Person {
        /// The name that goes on timelines.
        name: Arc<str>,
        /// What they may do.
        role: Role,
    },
    /// A source that proved who it is.
    Source(Arc<str>),
}

impl Caller {
    /// Returns the proven name, if any.
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Anonymous => None,
            Self::Person { name, .. } | Self::Source(name) => Some(name),
        }
    }

    /// Returns the name to keep for what they do, who say that they are `said`. A proven name cannot
    /// be left out: whoever speaks for somebody else, as a chat's bot does, is named beside them.
    pub fn acting(&self, said: &str) -> String {
        let said = said.trim();
        match self.name() {
            Some(name) if said.is_empty() || said == &**name => name.to_string(),
            Some(name) => format!("{said} by {name}"),
            None => said.to_owned(),
        }
    }

    /// Returns what they may do beside sending alerts.
    pub fn role(&self) -> Option<Role> {
        match self {
            // Let in at all only where no user is set up.
            Self::Anonymous => Some(Role::Admin),
            Self::Person { role, .. } => Some(*role),
            Self::Source(_) => None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get().cloned();
        caller.ok_or_else(|| Problem::internal(&"a handler is not behind the layer of `auth`"))
    }
}

/// Whether those without a credential are let in where none is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// The doors can be reached from this machine alone, or the operator allowed it.
    Welcome,
    /// Others can reach the doors.
    Refused,
}

/// Knows every credential.
#[derive(Debug)]
pub struct Gate {
    sources: BTreeMap<Arc<str>, (Auth, Rate)>,
    /// Hashes of the tokens of all users.
    users: Vec<(Secret<[u8; 32]>, Arc<str>, Role)>,
    strangers: Strangers,
    failures: Failures,
}

/// What a request shows in its header `Authorization`.
enum Shown {
    Nothing,
    Bearer(Vec<u8>),
    Basic {
        user: String,
        password: Vec<u8>,
    },
    /// Something that cannot be read.
    Broken,
}

impl Gate {
    /// Learns the credentials of all sources and users.
    pub fn new<'a>(
        sources: impl IntoIterator<Item = (&'a Arc<str>, &'a sources::Source)>,
        users: impl IntoIterator<Item = &'a User>,
        strangers: Strangers,
    ) -> Self {
        let source = |(name, it): (&Arc<str>, &sources::Source)| {
            (Arc::clone(name), (it.auth.clone(), Rate::new(it.rate_max)))
        };
        let tokens = |user: &'a User| {
            let row = |token: &Secret<Box<[u8]>>| {
                (Secret::new(hash(token.reveal())), Arc::clone(&user.name), user.role)
            };
            user.tokens.iter().map(row).collect::<Vec<_>>()
        };
        Self {
            sources: sources.into_iter().map(source).collect(),
            users: users.into_iter().flat_map(tokens).collect(),
            strangers,
            failures: Failures::new(),
        }
    }

    /// Counts a delivery of a source; false when it is one too many for this second.
    pub fn has_room(&self, source: &str) -> bool {
        let rate = self.sources.get(source).map(|(_, rate)| rate);
        rate.is_none_or(|rate| rate.take(clock::monotonic()))
    }

    /// True when nobody has any credential: then a header that shows one means nothing.
    fn is_open(&self) -> bool {
        let open = |(auth, _): &(Auth, Rate)| matches!(auth, Auth::None);
        self.users.is_empty() && self.sources.values().all(open)
    }

    /// Finds whose credential this is. All are compared, so that the time tells nothing.
    fn whose(&self, shown: &Shown) -> Option<Caller> {
        let (user, secret) = match shown {
            Shown::Bearer(token) => (None, token),
            Shown::Basic { user, password } => (Some(&**user), password),
            Shown::Nothing | Shown::Broken => return None,
        };
        let hashed = hash(secret);
        let mut found = None;
        for (name, (auth, _)) in &self.sources {
            let fits = match (auth, user) {
                (Auth::Bearer(tokens), None) => fits(tokens, &hashed),
                (Auth::Basic { user, passwords }, Some(given)) => {
                    let fits = fits(passwords, &hashed);
                    if given == &**user { fits } else { Choice::from(0) }
                }
                (Auth::None | Auth::Bearer(_) | Auth::Basic { .. } | Auth::Signed { .. }, _) => {
                    Choice::from(0)
                }
            };
            if bool::from(fits) {
                found = Some(Caller::Source(Arc::clone(name)));
            }
        }
        for (token, name, role) in &self.users {
            let named = user.is_none_or(|given| given == &**name);
            if bool::from(token.reveal().ct_eq(&hashed)) && named {
                found = Some(Caller::Person { name: Arc::clone(name), role: *role });
            }
        }
        found
    }
}

fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn fits(secrets: &[Secret<Box<[u8]>>], hashed: &[u8; 32]) -> Choice {
    let each = secrets.iter().map(|secret| hash(secret.reveal()).ct_eq(hashed));
    each.fold(Choice::from(0), |any, one| any | one)
}

fn shown(headers: &HeaderMap) -> Shown {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Shown::Nothing };
    let Some((scheme, rest)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return Shown::Broken;
    };
    if scheme.eq_ignore_ascii_case("bearer") {
        return Shown::Bearer(rest.trim().into());
    }
    let pair = STANDARD.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
    let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok());
    match pair.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((user, password)) => Shown::Basic { user: user.into(), password: password.into() },
        None => Shown::Broken,
    }
}

/// Lets a request in or turns it away; what gets in carries its [`Caller`].
pub(super) async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match admit(&app, request).await {
        Ok(request) => next.run(request).await,
        Err((why, problem)) => {
            app.doors.metrics.doors.refused(why);
            problem.into_response()
        }
    }
}

type Turned = (Refusal, Problem);

async fn admit(app: &App, request: Request) -> Result<Request, Turned> {
    let gate = &app.doors.gate;
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let access = policy::access(request.method(), path.as_deref().unwrap_or_default());
    if access == Access::Open {
        return Ok(with(request, Caller::Anonymous));
    }
    let peer = request.extensions().get().copied().unwrap_or(Peer::UNKNOWN);
    let now = clock::monotonic();
    if gate.failures.is_blocked(peer.ip, now) {
        let message = "too many wrong credentials from this address; wait a minute";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, message);
        return Err((Refusal::Guessing, problem));
    }
    let admitted = identify(app, access, peer, request).await;
    if let Err((Refusal::WrongCredential, _)) = &admitted {
        gate.failures.note(peer.ip, now);
    }
    admitted
}

async fn identify(
    app: &App,
    access: Access,
    peer: Peer,
    request: Request,
) -> Result<Request, Turned> {
    let gate = &app.doors.gate;
    let (request, source) = named_source(access, request).await;
    let auth = source.as_deref().and_then(|name| Some(&gate.sources.get(name)?.0));
    let shown = if gate.is_open() { Shown::Nothing } else { shown(request.headers()) };
    if matches!(shown, Shown::Basic { .. }) && peer.line == Line::Plain && !peer.is_local() {
        let message = "a password over plain HTTP can be read on the way; use https";
        return Err((Refusal::Plain, Problem::new(StatusCode::FORBIDDEN, message)));
    }
    if !matches!(shown, Shown::Nothing) {
        let Some(caller) = gate.whose(&shown) else {
            return Err((Refusal::WrongCredential, unauthorized("the credential is not known")));
        };
        may(&caller, access, source.as_deref())?;
        return Ok(with(request, caller));
    }
    if let (Some(Auth::Signed { style, keys }), Some(source)) = (auth, &source) {
        let keys: Vec<&[u8]> = keys.iter().map(|key| &**key.reveal()).collect();
        let request = signed(app, *style, &keys, request).await?;
        return Ok(with(request, Caller::Source(Arc::clone(source))));
    }
    let locked = match access {
        Access::Role(_) => !gate.users.is_empty(),
        Access::Source | Access::Of(_) => auth.is_some_and(|auth| !matches!(auth, Auth::None)),
        Access::Open => false,
    };
    if locked || gate.strangers == Strangers::Refused {
        let message = "no credential; send `Authorization: Bearer` with a token";
        return Err((Refusal::NoCredential, unauthorized(message)));
    }
    Ok(with(request, Caller::Anonymous))
}

/// Returns the source that a request speaks for, as its path names it.
async fn named_source(access: Access, request: Request) -> (Request, Option<Arc<str>>) {
    match access {
        Access::Of(name) => (request, Some(name.into())),
        Access::Source => {
            let (mut parts, body) = request.into_parts();
            let params = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
            let named = |params: &RawPathParams| {
                params.iter().find(|(key, _)| *key == "source").map(|(_, name)| name.into())
            };
            let source = params.as_ref().and_then(named);
            (Request::from_parts(parts, body), source)
        }
        Access::Open | Access::Role(_) => (request, None),
    }
}

/// Says whether a known caller may.
fn may(caller: &Caller, access: Access, source: Option<&str>) -> Result<(), Turned> {
    let refuse =
        |message: String| Err((Refusal::Forbidden, Problem::new(StatusCode::FORBIDDEN, message)));
    match (caller, access) {
        (_, Access::Open) => Ok(()),
        (Caller::Source(own), Access::Source | Access::Of(_)) => {
            let named = source.unwrap_or_default();
            if named == &**own {
                return Ok(());
            }
            refuse(format!("this credential is of the source `{own}`, not of `{named}`"))
        }
        (Caller::Source(own), Access::Role(_)) => {
            refuse(format!("the credential of the source `{own}` is for sending alerts alone"))
        }
        (Caller::Person { .. } | Caller::Anonymous, _) => {
            let needed = match access {
                Access::Role(role) => role,
                Access::Open | Access::Source | Access::Of(_) => Role::Operator,
            };
            if caller.role() >= Some(needed) || planted!("any role may") {
                return Ok(());
            }
            let role = caller.role().map_or("nobody".into(), |role| role.to_string());
            refuse(format!("this needs the role {needed}, and yours is {role}"))
        }
    }
}

/// Reads the body of a signed request and checks its signature before anything else looks at it.
async fn signed(
    app: &App,
    style: sources::Style,
    keys: &[&[u8]],
    request: Request,
) -> Result<Request, Turned> {
    let (parts, body) = request.into_parts();
    let limit = app.doors.limits.body_bytes;
    let bytes = to_bytes(body, limit).await.map_err(|error| {
        let longer = error.to_string().contains("length limit exceeded");
        let problem = if longer { super::too_large(limit) } else { super::unread(&error) };
        (Refusal::Unread, problem)
    })?;
    signature::check(style, keys, &parts.headers, &bytes, clock::wall())
        .map_err(|why| (Refusal::WrongCredential, unauthorized(why)))?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn unauthorized(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, message)
}

fn with(mut request: Request, caller: Caller) -> Request {
    request.extensions_mut().insert(caller);
    request
}
