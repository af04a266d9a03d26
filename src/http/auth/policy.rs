//! Who may do what: the one table of paths and roles. What is not in it, only an admin may.

use axum::http::Method;

use crate::settings::users::Role;

/// What a request needs to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// The credential of the source that the path names, or an operator's.
    Source,
    /// The credential of this source, or an operator's.
    Of(&'static str),
    /// The token of a person or tool with this role or a higher one.
    Role(Role),
}

const VIEWER: Access = Access::Role(Role::Viewer);
const OPERATOR: Access = Access::Role(Role::Operator);
const ADMIN: Access = Access::Role(Role::Admin);

/// Every path with what its methods need. `HEAD` is as `GET`.
pub const TABLE: &[(&str, &str, Access)] = &[
    ("GET", "/healthz", Access::Open),
    ("GET", "/readyz", Access::Open),
    ("GET", "/metrics", VIEWER),
    ("GET", "/l/{token}", Access::Open),
    ("POST", "/l/{token}", Access::Open),
    ("POST", "/ingest/{source}", Access::Source),
    ("POST", "/api/v2/alerts", Access::Of("alertmanager-api")),
    ("GET", "/-/healthy", Access::Open),
    ("GET", "/-/ready", Access::Open),
    ("GET", "/api/v2/status", VIEWER),
    ("GET", "/api/v2/receivers", VIEWER),
    ("GET", "/api/v2/alerts", VIEWER),
    ("GET", "/api/v2/alerts/groups", VIEWER),
    ("GET", "/api/v2/silences", VIEWER),
    ("POST", "/api/v2/silences", OPERATOR),
    ("GET", "/api/v2/silence/{id}", VIEWER),
    ("DELETE", "/api/v2/silence/{id}", OPERATOR),
    ("GET", "/api/v1/silences", VIEWER),
    ("POST", "/api/v1/silences", OPERATOR),
    ("GET", "/api/v1/silences/{id}", VIEWER),
    ("DELETE", "/api/v1/silences/{id}", OPERATOR),
    ("GET", "/api/v1/incidents", VIEWER),
    ("POST", "/api/v1/incidents", OPERATOR),
    ("GET", "/api/v1/incidents/{id}", VIEWER),
    ("GET", "/api/v1/incidents/{id}/explain", VIEWER),
    ("GET", "/api/v1/incidents/{id}/clocks", VIEWER),
    ("POST", "/api/v1/incidents/{id}/ack", OPERATOR),
    ("POST", "/api/v1/incidents/bulk", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/acknowledge", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/unacknowledge", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/note", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/claim", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/assign", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/escalate", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/return", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/convene", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/priority", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/update", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/subscribe", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/unsubscribe", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/hold", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/resolve", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/reopen", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/close", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/merge", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/split", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/set", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/classify", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/time", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/confirm", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/reject", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/cancel", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/declare-major", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/stand-down", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/check", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/role", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/action", OPERATOR),
    ("POST", "/api/v1/incidents/{id}/action-done", OPERATOR),
    ("GET", "/api/v1/actions", VIEWER),
    ("GET", "/api/v1/audit", VIEWER),
    ("GET", "/api/v1/transfers", VIEWER),
    ("GET", "/api/v1/satisfaction", VIEWER),
    ("GET", "/api/v1/journal", VIEWER),
    ("GET", "/api/v1/openapi.json", Access::Open),
    ("GET", "/api/v1/schemas/incident-event.v1.json", Access::Open),
    ("GET", "/api/v1/stream", VIEWER),
    ("GET", "/api/v1/alerts", VIEWER),
    ("GET", "/api/v1/alerts/unbound", VIEWER),
    ("GET", "/api/v1/alerts/{fingerprint}", VIEWER),
    ("GET", "/api/v1/alerts/{fingerprint}/explain", VIEWER),
    ("GET", "/api/v1/notices", VIEWER),
    ("GET", "/api/v1/oncall", VIEWER),
    ("GET", "/api/v1/oncall/overrides", VIEWER),
    ("POST", "/api/v1/oncall/overrides", OPERATOR),
    ("DELETE", "/api/v1/oncall/overrides/{number}", OPERATOR),
    ("POST", "/api/v1/oncall/swaps", OPERATOR),
    ("GET", "/api/v1/changes", VIEWER),
    ("POST", "/api/v1/changes", OPERATOR),
    ("GET", "/api/v1/changes/{number}", VIEWER),
    ("POST", "/api/v1/explain", VIEWER),
    ("GET", "/api/v1/rules", VIEWER),
    ("GET", "/api/v1/rules/{name}", VIEWER),
    ("GET", "/api/v1/cmdb", VIEWER),
    ("PUT", "/api/v1/cmdb", ADMIN),
    ("POST", "/api/v1/cmdb", ADMIN),
    ("POST", "/api/v1/cmdb/diff", VIEWER),
    ("GET", "/api/v1/cmdb/bind", VIEWER),
    ("GET", "/api/v1/cmdb/cis", VIEWER),
    ("GET", "/api/v1/cmdb/cis/{name}", VIEWER),
    ("PUT", "/api/v1/cmdb/cis/{name}", ADMIN),
    ("PATCH", "/api/v1/cmdb/cis/{name}", ADMIN),
    ("DELETE", "/api/v1/cmdb/cis/{name}", ADMIN),
    ("POST", "/api/v1/cmdb/relations", ADMIN),
    ("DELETE", "/api/v1/cmdb/relations", ADMIN),
    ("GET", "/api/v1/cmdb/path", VIEWER),
    ("GET", "/api/v1/cmdb/impact/{name}", VIEWER),
    ("GET", "/api/v1/cmdb/lint", VIEWER),
    ("GET", "/api/v1/cmdb/export", VIEWER),
    ("GET", "/api/v1/cmdb/history", VIEWER),
    ("POST", "/api/v1/notices/test", OPERATOR),
    ("POST", "/api/v1/notices/retry", OPERATOR),
    ("POST", "/api/v1/outbox/release", ADMIN),
    ("POST", "/api/v1/backup", ADMIN),
    ("POST", "/-/reload", ADMIN),
    ("GET", "/api/v1/kafka", VIEWER),
    ("POST", "/api/v1/kafka/seek", OPERATOR),
    ("GET", "/api/v1/quarantine", VIEWER),
    ("GET", "/api/v1/quarantine/{id}", VIEWER),
    ("DELETE", "/api/v1/quarantine/{id}", OPERATOR),
    ("POST", "/api/v1/quarantine/{id}/replay", OPERATOR),
];

/// Returns what a method of a path of the router needs.
pub fn access(method: &Method, path: &str) -> Access {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let row = TABLE.iter().find(|(m, p, _)| *m == method && *p == path);
    row.map_or(ADMIN, |(_, _, access)| *access)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The paths that the sources of this folder give to a router.
    fn routed(dir: &Path, into: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    routed(&path, into);
                }
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let program = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let squeezed: String = program.split_whitespace().collect();
            let literals = squeezed.split(".route(\"").skip(1);
            into.extend(literals.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }

    #[test]
    fn every_path_of_the_router_has_its_row_and_no_row_is_left_over() {
        let mut paths = BTreeSet::new();
        routed(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"), &mut paths);
        let rows: BTreeSet<String> = TABLE.iter().map(|(_, path, _)| (*path).into()).collect();
        assert_eq!(paths, rows);
    }

    #[test]
    fn what_is_not_in_the_table_is_for_admins_alone() {
        assert_eq!(access(&Method::POST, "/nowhere"), ADMIN);
        assert_eq!(access(&Method::DELETE, "/api/v1/incidents"), ADMIN);
        assert_eq!(access(&Method::HEAD, "/api/v1/incidents"), VIEWER);
    }
}
