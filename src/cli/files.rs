//! Finds and reads the rule files that a command is given.

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
    found.iter().map(|path| file(path)).collect()
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
    let size = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if size > FILE_BYTES_MAX {
        let message = format!("is {size} bytes long, must be at most {FILE_BYTES_MAX}");
        return Err(unreadable(path, &message));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(SourceFile { name: path.display().to_string(), text })
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
}
