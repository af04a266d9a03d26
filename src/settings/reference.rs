//! Secrets by reference: a key `…_file` names a file, a key `…_credential` one that systemd hands
//! over (`LoadCredential=`). The text itself is never in the settings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::section::Section;

/// The two keys that may name one secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) file: &'static str,
    pub(super) credential: &'static str,
}

impl Reference {
    /// True when the section names the secret.
    pub(super) fn is_given(self, section: &mut Section<'_>) -> bool {
        // Both are asked for, so that both are known keys.
        let (file, credential) = (section.has(self.file), section.has(self.credential));
        file || credential
    }

    /// Reads the secret that the section names, one of both ways; says what is wrong without it.
    pub(super) fn read<T>(
        self,
        section: &mut Section<'_>,
        content: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let Self { file, credential } = self;
        match (section.has(file), section.has(credential)) {
            (true, false) => {
                let expected = format!("a readable file with {content}");
                section.text(file, &expected, |path| parse(&std::fs::read_to_string(path).ok()?))
            }
            (false, true) => {
                let expected = format!("the name of a systemd credential with {content}");
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
                section.text(credential, &expected, |name| {
                    parse(&std::fs::read_to_string(place(folder, name)?).ok()?)
                })
            }
            (both, _) => {
                let or = format!("`{file}` and `{credential}`");
                let found = if both { format!("both {or}") } else { format!("neither of {or}") };
                let help = "write one of them; the secret itself stays out of the settings";
                section.refuse("K003", file, format!("found {found}, expected one"), help);
                section.drop(&[file, credential]);
                None
            }
        }
    }
}

/// Returns where systemd puts a credential; a name cannot lead out of its folder.
fn place(folder: Option<OsString>, name: &str) -> Option<PathBuf> {
    let is_name = !name.is_empty() && name != ".." && name != "." && !name.contains('/');
    is_name.then(|| Some(Path::new(&folder?).join(name)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_lies_in_its_folder_and_nowhere_else() {
        let folder = || Some(OsString::from("/run/credentials/incidentd"));
        let found = place(folder(), "smtp").unwrap();
        assert_eq!(found, Path::new("/run/credentials/incidentd/smtp"));
        for name in ["", ".", "..", "../x", "/etc/passwd", "a/b"] {
            assert_eq!(place(folder(), name), None, "{name}");
        }
        assert_eq!(place(None, "smtp"), None, "not started by systemd");
    }
}
