//! Reads rule files as they were at a revision, by running `git`. No shell is asked, and a revision
//! is never an option.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rules::SourceFile;

use super::super::failure::Failure;

/// Reads what stood in `path`, a file or folder of a working copy, at a revision.
///
/// # Errors
/// When there is no git, no such revision, or no rule file in it.
pub(super) fn read(revision: &str, path: &Path) -> Result<Vec<SourceFile>, Failure> {
    if revision.is_empty() || revision.starts_with('-') {
        let message = format!("--against git:{revision} names no revision, expected git:HEAD~1");
        return Err(Failure::Usage(message));
    }
    let (folder, name) = if path.is_dir() {
        (path.to_owned(), ".".to_owned())
    } else {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (path.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new(".")).into(), name)
    };
    let git = Git { folder, revision };
    let listed = git.run(&["ls-tree", "-r", "-z", "--name-only", revision, "--", &name])?;
    let mut found: Vec<&str> = listed.split('\0').filter(|name| is_rules(name)).collect();
    found.sort_unstable();
    if found.is_empty() {
        let message = format!("{} holds no .yaml or .yml file at {revision}", path.display());
        return Err(Failure::Usage(message));
    }
    found.into_iter().map(|name| git.file(name)).collect()
}

fn is_rules(name: &str) -> bool {
    let hidden = name.split('/').any(|part| part.starts_with('.'));
    let end = Path::new(name).extension();
    !hidden && end.is_some_and(|end| end == "yaml" || end == "yml")
}

struct Git<'a> {
    folder: PathBuf,
    revision: &'a str,
}

impl Git<'_> {
    fn file(&self, name: &str) -> Result<SourceFile, Failure> {
        // `./` takes the name from the folder that git is run in.
        let text = self.run(&["show", &format!("{}:./{name}", self.revision)])?;
        let name = format!("git:{}:{}", self.revision, self.folder.join(name).display());
        Ok(SourceFile { name, text })
    }

    fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        let refuse = |why: &str| Failure::Usage(format!("--against git:{}: {why}", self.revision));
        let output = Command::new("git").current_dir(&self.folder).args(arguments).output();
        let output = output.map_err(|error| refuse(&format!("git cannot be run: {error}")))?;
        if !output.status.success() {
            return Err(refuse(String::from_utf8_lossy(&output.stderr).trim_end()));
        }
        String::from_utf8(output.stdout).map_err(|_| refuse("a file is no UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let done = Command::new("git").current_dir(folder).args(who).args(arguments).output();
        assert!(done.unwrap().status.success(), "{arguments:?}");
    }

    #[test]
    fn a_folder_is_read_as_it_was_at_a_revision() {
        let dir = tempfile::tempdir().unwrap();
        let rules = dir.path().join("rules");
        std::fs::create_dir_all(rules.join("sub")).unwrap();
        git(dir.path(), &["init", "-q"]);
        for (name, text) in [("a.yaml", "old"), ("sub/b.yml", "b"), (".x.yaml", "x"), ("n", "n")] {
            std::fs::write(rules.join(name), text).unwrap();
        }
        git(dir.path(), &["add", "."]);
        git(dir.path(), &["commit", "-qm", "first"]);
        std::fs::write(rules.join("a.yaml"), "new").unwrap();
        std::fs::remove_file(rules.join("sub/b.yml")).unwrap();
        let texts = |path: &Path| {
            let files = read("HEAD", path).unwrap();
            files.into_iter().map(|file| file.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(&rules), ["old", "b"]);
        assert_eq!(texts(&rules.join("a.yaml")), ["old"]);
        for (revision, path, says) in [
            ("nowhere", &rules, "--against git:nowhere: fatal: "),
            ("--output=x", &rules, "names no revision, expected git:HEAD~1"),
            ("HEAD", &rules.join("n"), "n holds no .yaml or .yml file at HEAD"),
            ("HEAD", &PathBuf::from("/"), "--against git:HEAD: fatal: "),
        ] {
            let error = read(revision, path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
