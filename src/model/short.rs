//! A text that is short for nearly all who have one: a severity is a word. Such a one lies in place; a
//! million alerts need no allocation each for it, and whoever reads one need not go there.

use core::fmt;
use core::ops::Deref;

/// Bytes that lie in place.
const HERE: usize = 14;

/// Read as a `str`.
#[derive(Clone)]
pub struct Short(Text);

#[derive(Clone)]
enum Text {
    /// Its length, then the text and nothing but zeros.
    Here(u8, [u8; HERE]),
    Elsewhere(Box<Box<str>>),
}

impl From<&str> for Short {
    fn from(text: &str) -> Self {
        let mut bytes = [0; HERE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(here), Ok(length)) => {
                here.copy_from_slice(text.as_bytes());
                Self(Text::Here(length, bytes))
            }
            _ => Self(Text::Elsewhere(Box::new(text.into()))),
        }
    }
}

impl Deref for Short {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Text::Here(length, bytes) => {
                let text = bytes.get(..usize::from(*length)).unwrap_or_default();
                // Cannot fail: it was a text before.
                core::str::from_utf8(text).unwrap_or_default()
            }
            Text::Elsewhere(text) => text,
        }
    }
}

impl PartialEq for Short {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Short {}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_comes_back() {
        for length in 0..40 {
            let text = "é".repeat(length / 2) + if length % 2 == 0 { "" } else { "x" };
            let short = Short::from(&*text);
            assert_eq!(*short, *text);
            assert_eq!(matches!(short.0, Text::Here(..)), length <= HERE, "{length}");
        }
        assert_eq!(size_of::<Option<Short>>(), 16);
    }
}
