//! `doctor` finds nothing wrong where nothing is, and names what is, each with its remedy.

use serde_json::Value;

use super::story::folder;
use crate::common::{Daemon, Sink, free_address, incidentd};

const RULES: &str = "
version: 1
namespace: it
contacts: {oncall: {channels: [sink]}}
defaults: {contact: oncall}
";

/// Returns exit code and, for each finding that is not ok, its check and remedy.
fn doctor(dir: &std::path::Path, server: &str) -> (i32, Vec<(String, String)>) {
    let args =
        ["-s", server, "doctor", "--config", "config.toml", "--rules", "rules", "-o", "json"];
    let (code, out, errors) = incidentd(dir, &args);
    let found: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{errors}"));
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or("").to_owned();
    let bad = found["items"].as_array().unwrap().iter().filter(|item| item["level"] != "ok");
    (code, bad.map(|item| (text(item, "check"), text(item, "remedy"))).collect())
}

#[test]
fn what_is_wrong_is_named_with_its_remedy_and_nothing_else_is() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let mut daemon = Daemon::start(dir.path());
    let server = format!("http://{}", daemon.address);
    let cmdb = std::fs::read_to_string("config/demo/cmdb.yaml").unwrap();
    assert_eq!(daemon.client().try_send("PUT", "/api/v1/cmdb", &cmdb).unwrap().status, 200);
    let (code, found) = doctor(dir.path(), &server);
    assert_eq!((code, found), (0, vec![]));

    // Rules and a channel go bad under a running daemon.
    std::fs::write(dir.path().join("rules/it.yaml"), RULES.replace("sink", "pager")).unwrap();
    assert_eq!(daemon.client().post("/-/reload", "").status, 422);
    let path = dir.path().join("config.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, settings.replace(&sink.address.to_string(), &free_address().to_string()))
        .unwrap();
    let (code, found) = doctor(dir.path(), &server);
    let checks: Vec<&str> = found.iter().map(|(check, _)| &**check).collect();
    assert_eq!((code, checks), (1, vec!["rules", "rules", "channels"]), "{found:?}");
    assert!(found.iter().all(|(_, remedy)| !remedy.is_empty()), "{found:?}");

    // Nobody answers, and the store is open to all.
    assert_eq!(daemon.stop(), Some(0));
    std::fs::write(dir.path().join("rules/it.yaml"), RULES).unwrap();
    std::fs::write(&path, settings).unwrap();
    let store = dir.path().join("data/store");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&store, open).unwrap();
    let (code, found) = doctor(dir.path(), &server);
    assert_eq!(code, 1);
    assert!(found.iter().any(|(check, _)| check == "server"), "{found:?}");
    assert!(
        found.iter().any(|(check, remedy)| check == "data" && remedy.starts_with("chmod 700")),
        "{found:?}"
    );

    // The store is gone, and the settings have a typing error.
    std::fs::remove_dir_all(&store).unwrap();
    let (_, found) = doctor(dir.path(), &server);
    assert!(
        found.iter().any(|(check, remedy)| check == "store" && remedy.contains("db restore")),
        "{found:?}"
    );
    std::fs::write(&path, "[http]\nlitsen = 1\n").unwrap();
    let (code, out, _) =
        incidentd(dir.path(), &["-s", &server, "doctor", "--config", "config.toml"]);
    assert!(
        code == 1 && out.contains("ERROR   settings") && out.contains("did you mean `listen`?"),
        "{out}"
    );
}
