//! Finds and reads the rule files that a command is given.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::rules::SourceFile;

use super::failure::Failure;

/// The most a rule file may hold, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads files, and of folders every `.yaml` and `.yml` below them, each once in order of the names.
/// What is hidden is left out: editors put their copies there, and Kubernetes the folders that its
/// links point into.
///
/// # Errors
/// When one cannot be read, or a folder holds none.
pub fn read(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            walk(path, &mut found)?;
            if found.len() == before {
                let message = format!("{} holds no .yaml or .yml file", path.display());
                return Err(Failure::Usage(message));
            }
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    let (read, failed): (Vec<_>, Vec<_>) =
        found.iter().map(|path| file(path)).partition(Result::is_ok);
    let failed: Vec<String> =
        failed.into_iter().filter_map(Result::err).map(|failure| failure.to_string()).collect();
    if failed.is_empty() {
        return Ok(read.into_iter().flatten().collect());
    }
    Err(Failure::Usage(failed.join("\n")))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let refuse = |error: std::io::Error| unreadable(folder, &error);
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // Not: links to folders, which could lead round in a circle.
        if entry.file_type().map_err(refuse)?.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.push(path);
        }
    }
    Ok(())
}

fn file(path: &Path) -> Result<SourceFile, Failure> {
    let mut bytes = Vec::new();
    // Not: the size that the disk gives, which a pipe has none of and which may change meanwhile.
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("is larger than {FILE_BYTES_MAX} bytes; split it");
        return Err(unreadable(path, &message));
    }
    let text = String::from_utf8(bytes).map_err(|error| not_text(path, error.as_bytes()))?;
    Ok(SourceFile { name: path.display().to_string(), text })
}

/// Names the first byte that is no UTF-8.
fn not_text(path: &Path, bytes: &[u8]) -> Failure {
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let byte = bytes.get(valid.len()).copied().unwrap_or_default();
    let line = valid.matches('\n').count() + 1;
    let column = valid.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    let path = path.display();
    Failure::Usage(format!(
        "{path}:{line}:{column}: the byte 0x{byte:02X} is no UTF-8; save the file as UTF-8"
    ))
}

fn unreadable(path: &Path, cause: &dyn core::fmt::Display) -> Failure {
    Failure::Usage(format!("{}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_searched_and_a_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("sub")).unwrap();
        std::fs::create_dir(path("..2026")).unwrap();
        for name in ["b.yaml", "sub/a.yml", "notes.txt", ".#b.yaml", "..2026/b.yaml"] {
            std::fs::write(path(name), name).unwrap();
        }
        let read = read(&[dir.path().to_owned(), path("b.yaml")]).unwrap();
        let texts: Vec<&str> = read.iter().map(|file| &*file.text).collect();
        assert_eq!(texts, ["b.yaml", "sub/a.yml"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let empty = read(&[dir.path().to_owned()]).unwrap_err();
        assert!(empty.to_string().contains("holds no .yaml"), "{empty}");
        let missing = read(&[dir.path().join("x.yaml")]).unwrap_err();
        assert!(missing.to_string().contains("x.yaml"), "{missing}");
        assert_eq!(missing.code(), 2);
    }

    #[test]
    fn all_files_that_are_no_text_are_named_with_their_places() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("a.yaml", &b"version: 1\n# Gr\xfc\xdfe\n"[..]),
            ("b.yaml", b"version: 1\n"),
            ("c.yaml", &vec![b'#'; (4 << 20) + 1]),
            ("d.yaml", b"\xff\xfev\0"),
        ] {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let refused = read(&[dir.path().to_owned()]).unwrap_err().to_string();
        let told: Vec<&str> = refused.lines().filter_map(|line| line.rsplit('/').next()).collect();
        assert_eq!(
            told,
            [
                "a.yaml:2:5: the byte 0xFC is no UTF-8; save the file as UTF-8",
                "c.yaml: is larger than 4194304 bytes; split it",
                "d.yaml:1:1: the byte 0xFF is no UTF-8; save the file as UTF-8",
            ]
        );
    }
}
