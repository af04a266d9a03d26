//! Invariants of the code itself: which folder may import what.

use std::path::{Path, PathBuf};

/// Folders of `src` with the folders they may import; a shell may import any pure folder.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("ingest", &["model"]),
    ("cmdb", &["model"]),
    ("rules", &["model", "cmdb", "ingest"]),
    ("engine", &["model", "cmdb", "rules", "ingest"]),
    ("lab", &["model", "cmdb", "rules", "ingest", "engine"]),
    ("store", &["model", "cmdb", "rules", "ingest", "engine"]),
    ("settings", &["model", "ingest"]),
    ("telemetry", &["model", "engine", "settings", "clock"]),
    ("notify", &["model", "engine", "rules", "settings", "telemetry", "clock", "kafka"]),
    (
        "kafka",
        &[
            "model",
            "cmdb",
            "ingest",
            "rules",
            "engine",
            "settings",
            "telemetry",
            "clock",
            "mailbox",
        ],
    ),
    (
        "http",
        &[
            "model",
            "cmdb",
            "rules",
            "ingest",
            "engine",
            "lab",
            "store",
            "telemetry",
            "clock",
            "mailbox",
            "notify",
            "kafka",
            "settings",
            "random",
        ],
    ),
    (
        "daemon",
        &[
            "model",
            "cmdb",
            "rules",
            "ingest",
            "engine",
            "store",
            "telemetry",
            "clock",
            "mailbox",
            "notify",
            "kafka",
            "http",
            "settings",
            "watch_folder",
        ],
    ),
];

const PURE: [&str; 6] = ["model", "ingest", "rules", "cmdb", "engine", "lab"];

/// What a pure folder must not name: I/O, other threads, and what depends on them.
const IMPURE: [&str; 17] = [
    "tokio",
    "rocksdb",
    "rdkafka",
    "axum",
    "reqwest",
    "tracing",
    "prometheus",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "SystemTime",
    "Instant",
    "rand",
    "crate::random",
    "crate::clock",
];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let mut left = vec![root];
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "src/{folder} has no source");
    found
}

/// Yields the lines of a file that are code of the program: no comments, no tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    let program = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    program.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for (folder, allowed) in MAY_IMPORT {
        for (path, text) in sources(folder) {
            for (n, line) in code(&text) {
                for named in line.split("crate::").skip(1) {
                    let name: String =
                        named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if name != folder && !name.is_empty() && !allowed.contains(&&*name) {
                        wrong.push(format!("{}:{n}: src/{folder} imports {name}", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_does_no_input_or_output() {
    let mut wrong = Vec::new();
    for folder in PURE {
        for (path, text) in sources(folder) {
            for (n, line) in code(&text) {
                for word in IMPURE.iter().filter(|word| names(line, word)) {
                    wrong.push(format!("{}:{n}: src/{folder} names {word}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// True when `word` stands in the line as a path, not as a part of another word.
fn names(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = (line.get(..at).unwrap(), line.get(at + word.len()..).unwrap());
        let before = before.chars().next_back().is_some_and(part_of_word);
        let after = rest.chars().next().is_some_and(part_of_word);
        let path =
            word.contains(':') || rest.starts_with("::") || word.starts_with(char::is_uppercase);
        !before && !after && path
    })
}

#[test]
fn the_engine_is_run_and_the_store_written_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let callers = |call: &str| {
        let mut files: Vec<String> = sources("")
            .into_iter()
            .filter(|(path, text)| {
                !["/lab/", "/tests", "/conformance.rs"]
                    .iter()
                    .any(|aside| path.strip_prefix(root).unwrap().to_string_lossy().contains(aside))
                    && code(text).any(|(_, l)| l.contains(call))
            })
            .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort();
        files
    };
    assert_eq!(callers("state.apply("), ["driver.rs"]);
    assert_eq!(callers("store.commit("), ["committer.rs"]);
}
