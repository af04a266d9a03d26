//! The CMDB on the command line, and that alerts are taken while a large one is changed.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use incidentd::clock;

use crate::common::{Daemon, incidentd, wait_for};

const RACK: &str = "\
cis:
  pdu: {class: pdu}
  srv-1: {class: server, owner: linux}
  srv-2: {class: server, owner: linux}
  web: {class: service, owner: shop, tier: 1}
relations:
- pdu -powers-> srv-1
- pdu -powers-> srv-2
- srv-1 -runs-> web
- srv-2 -runs-> web
";

#[test]
fn an_operator_compares_imports_asks_and_exports() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let server = format!("http://{}", daemon.address);
    let run = |args: &str| {
        let all = ["-s", &server, "cmdb"].into_iter().chain(args.split(' '));
        incidentd(dir.path(), &all.collect::<Vec<_>>())
    };
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("rack.yaml", RACK);
    let (code, out, errors) = run("import rack.yaml --yes --as mia");
    assert_eq!(code, 0, "{errors}");
    assert!(out.ends_with("the CMDB holds 4 CIs, 4 relations (version 1)\n"), "{out}");

    let (code, out, _) = run("path pdu web");
    // Below it is when its relations were confirmed, which is now.
    let way = "pdu -powers-> srv-1 -runs-> web    2 hops, 1 of 2 paths";
    assert_eq!((code, out.lines().next()), (0, Some(way)));
    assert!(out.contains("\n  pdu -powers-> srv-1  (confirmed "), "{out}");
    assert_eq!(run("path web pdu").1.lines().next(), Some(way), "in either order");
    assert!(run("impact pdu").1.starts_with("when pdu fails, 3 CIs suffer: 1 services"));
    assert!(run("show srv-1").1.contains("pdu -powers-> srv-1"));
    assert_eq!((run("show nobody").0, run("path pdu nobody").0), (4, 4));
    assert_eq!(run("lint").0, 0);
    assert!(run("log").1.contains("mia"), "{}", run("log").1);

    let cis: Vec<String> = (0..15).map(|i| format!("  vm-{i}: {{class: vm}}\n")).collect();
    write("more.yaml", &format!("cis:\n{}", cis.concat()));
    assert_eq!(run("import more.yaml --mode merge --yes").0, 0);
    write("less.yaml", "cis:\n  srv-1: {class: server}\n  web: {class: service}\n");
    let (code, out, _) = run("diff less.yaml");
    assert_eq!(code, 0);
    let begin = "+ 0 CIs    - 17 CIs    ~ 3 attributes    + 0 relations    - 4 relations\n";
    assert!(out.starts_with(begin), "{out}");
    let lost = "! pdu loses 1 `powers` relation: 1 server would have no power source (C004)\n";
    assert!(out.contains(lost), "{out}");
    assert!(out.ends_with("apply with:  incidentd cmdb import less.yaml --expect-removed 21\n"));
    assert_eq!(run("import less.yaml --yes").0, 5);
    assert_eq!(run("import less.yaml").0, 5);
    assert_eq!(run("import less.yaml --yes --expect-removed 21").0, 0);
    let (code, out, _) = run("lint");
    assert_eq!((code, out.lines().count()), (1, 3), "{out}");
    let (code, out, _) = run("lint less.yaml");
    assert_eq!(code, 1);
    assert!(out.contains("less.yaml:3:3: warning[C013]: service `web` has no owner"), "{out}");

    for format in ["yaml", "json"] {
        let (_, text, _) = run(&format!("export --format {format}"));
        write("again", &text);
        assert_eq!(run("import again --yes").1, "the CMDB holds this already\n", "{format}");
    }
    // It is there again after a restart.
    let before = run("export").1;
    let mut daemon = daemon;
    daemon.crash();
    assert_eq!(run("export").1, before);
    assert!(run("log").1.contains("replace less.yaml"));
}

#[test]
fn files_of_several_forms_and_sources_are_one_cmdb() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| {
        let all: Vec<&str> = ["-s", &server].into_iter().chain(args.iter().copied()).collect();
        incidentd(dir.path(), &all)
    };
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cmdb");
    for name in ["cis.csv", "relations.csv", "hostile.csv", "kubernetes.json"] {
        std::fs::copy(format!("{data}/{name}"), dir.path().join(name)).unwrap();
    }
    let (code, out, errors) = run(&["cmdb", "diff", "cis.csv", "relations.csv"]);
    let apply = "apply with:  incidentd cmdb import cis.csv relations.csv\n";
    assert!(code == 0 && out.ends_with(apply), "{out}{errors}");
    let (code, out, errors) = run(&["cmdb", "import", "cis.csv", "relations.csv", "--yes"]);
    assert!(code == 0 && out.ends_with("3 CIs, 2 relations (version 1)\n"), "{out}{errors}");
    // Without a word the Kubernetes' objects are a source's own, and take nothing else away.
    let (code, out, errors) = run(&["cmdb", "import", "kubernetes.json", "--yes"]);
    assert!(code == 0 && out.contains("- 0 CIs"), "{out}{errors}");
    for (option, value, says) in [
        ("--source", "x", "hostile.csv:3:4: error[C021]"),
        ("--format", "yaml", "expected a mapping"),
        ("--format", "kubernetes", "hostile.csv:1:2: error[C022]"),
    ] {
        let (code, out, errors) = run(&["cmdb", "import", "hostile.csv", option, value, "--yes"]);
        let text = format!("{out}{errors}");
        assert!(code == 1 && text.contains(says), "{value}: {text}");
    }
    // What is exported is imported as the same.
    let tables = ["cis", "relations", "types"].map(|table| {
        let (code, text, _) = run(&["cmdb", "export", "--format", "csv", "--table", table]);
        assert_eq!(code, 0);
        let name = format!("{table}-again.csv");
        std::fs::write(dir.path().join(&name), text).unwrap();
        name
    });
    let [cis, relations, types] = &tables;
    let (_, out, errors) = run(&["cmdb", "import", cis, relations, types, "--yes"]);
    assert_eq!(out, "the CMDB holds this already\n", "{errors}");
    assert_eq!(run(&["cmdb", "export", "--table", "types"]).0, 2);

    assert_eq!(
        run(&["alerts", "send", "alertname=A", "namespace=shop", "pod=cart-7d9c5b6f4-x1"]).0,
        0
    );
    assert_eq!(run(&["alerts", "send", "alertname=B", "host=NODE-1.example.com"]).0, 0);
    let (_, out, _) = run(&["cmdb", "bind", "namespace=\"shop\",pod=\"cart-7d9c5b6f4-x1\""]);
    // Its service has another pod.
    assert!(out.ends_with("(by labels namespace, pod)\n"), "{out}");
    let (code, out, _) = run(&["alerts", "unbound"]);
    assert!(code == 0 && out.starts_with("1 unbound from native with alertname, host\n"), "{out}");
    let key = "- {labels: [host], attributes: [name], strip_domain: true, ignore_case: true}";
    assert!(out.contains(key), "{out}");
    assert!(
        out.ends_with("1 unbound, 0 ambiguous, 1 bound firing alerts (CMDB version 2)\n"),
        "{out}"
    );
}

#[test]
fn a_relation_is_followed_no_more_when_its_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path());
    let until = clock::wall().plus(Duration::from_secs(2));
    let text = format!(
        "{{cis: {{pdu: {{class: pdu}}, srv: {{class: server}}}}, relations: [{{relation: \
         pdu -powers-> srv, source: netbox, valid_until: '{until}'}}]}}"
    );
    std::fs::write(dir.path().join("a.yaml"), text).unwrap();
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| incidentd(dir.path(), &[&["-s", &server, "cmdb"], args].concat());
    assert_eq!(run(&["import", "a.yaml", "--yes"]).0, 0);
    assert_eq!(run(&["path", "pdu", "srv"]).0, 0);
    wait_for("the relation to cease", || (run(&["path", "pdu", "srv"]).0 != 0).then_some(()));
    let history = run(&["log"]).1;
    assert!(history.contains("pdu -powers-> srv: holds no more"), "{history}");
    assert!(run(&["export"]).1.contains("valid_until"), "it is kept");
    daemon.crash();
    assert_eq!(run(&["path", "pdu", "srv"]).0, 1, "nor after a restart");
    assert!(run(&["show"]).1.contains("(version 2)"), "{}", run(&["show"]).1);
}

#[test]
fn alerts_are_taken_while_a_large_cmdb_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let mut text = String::from(r#"{"cis":{"#);
    for i in 0..20_000 {
        let comma = if i == 0 { "" } else { "," };
        let rack = i / 20;
        write!(text, r#"{comma}"srv-{i:05}":{{"class":"server","rack":"R{rack}"}}"#).unwrap();
    }
    text.push_str("}}");
    let done = AtomicBool::new(false);
    let (taken, slowest) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut client = daemon.client();
            let (mut taken, mut slowest) = (0, Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let body = format!(r#"{{"labels":{{"alertname":"A","ci":"srv-{taken:05}"}}}}"#);
                let began = clock::monotonic();
                let answer = client.post("/ingest/native", &body);
                slowest = slowest.max(clock::monotonic().saturating_sub(began));
                assert_eq!(answer.status, 200, "{}", answer.body);
                taken += 1;
            }
            (taken, slowest)
        });
        let answer = daemon.client().try_send("PUT", "/api/v1/cmdb", &text).unwrap();
        done.store(true, Ordering::Relaxed);
        assert_eq!(answer.status, 200, "{}", answer.body);
        sender.join().unwrap()
    });
    assert!(taken > 10, "{taken} alerts, the slowest in {slowest:?}");
    let mut client = daemon.client();
    let bound = client.get("/api/v1/cmdb/cis/srv-00000").json();
    assert_eq!(bound["alerts"][0]["labels"]["ci"], "srv-00000", "{bound:#}");
}
