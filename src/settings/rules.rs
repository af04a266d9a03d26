//! Section `[rules]`: where the rule files are.

use std::path::PathBuf;

use super::section::Section;

/// Where the rule files are.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Their folder.
    pub dir: PathBuf,
}

pub(super) fn read(section: &mut Section<'_>) -> Rules {
    Rules { dir: section.path("dir") }
}
