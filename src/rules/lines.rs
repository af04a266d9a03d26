//! Lines and columns of a text, found without reading it from its beginning each time.
//!
//! A rule file may hold four megabytes in one line and have twenty thousand findings in it.

use core::ops::Range;

/// Bytes between two counts; a look-up reads at most twice as many.
const BLOCK: usize = 1024;

/// A text with what is needed to find lines and columns in it.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    /// Where each line begins.
    starts: Vec<usize>,
    /// Characters that begin before each block.
    counts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Reads a text.
    pub fn of(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at);
        let starts = core::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        let mut sum = 0;
        let mut counts = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            sum += begun(block);
            counts.push(sum);
        }
        Self { text, starts, counts }
    }

    /// Returns line and column of a byte, both counted from 1, columns in characters. Behind the end
    /// of the text it is the end.
    pub fn position(&self, byte: usize) -> (u32, u32) {
        let byte = byte.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).and_then(|at| self.starts.get(at)).copied().unwrap_or(0);
        let column = self.chars_before(byte) - self.chars_before(start) + 1;
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        (number(line), number(column))
    }

    /// Returns the bytes of the line that holds a byte, without its end.
    pub(super) fn line(&self, byte: usize) -> Range<usize> {
        let next = self.starts.partition_point(|start| *start <= byte.min(self.text.len()));
        let start = next.checked_sub(1).and_then(|at| self.starts.get(at)).copied().unwrap_or(0);
        let end = self.starts.get(next).map_or(self.text.len(), |next| next - 1);
        start..end
    }

    fn chars_before(&self, byte: usize) -> usize {
        let block = byte / BLOCK;
        let rest = self.text.as_bytes().get(block * BLOCK..byte).unwrap_or_default();
        self.counts.get(block).copied().unwrap_or(0) + begun(rest)
    }
}

/// Counts the characters that begin in these bytes of UTF-8.
fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_count_characters_and_lines_from_one() {
        let text = "a: ü\nb: \"x\"\n";
        let lines = Lines::of(text);
        for (byte, place, line) in [
            (0, (1, 1), "a: ü"),
            (5, (1, 5), "a: ü"),
            (6, (2, 1), "b: \"x\""),
            (9, (2, 4), "b: \"x\""),
            (99, (3, 1), ""),
        ] {
            assert_eq!(lines.position(byte), place, "byte {byte}");
            assert_eq!(text.get(lines.line(byte)), Some(line), "byte {byte}");
        }
    }

    proptest! {
        #[test]
        fn places_are_those_that_counting_from_the_beginning_finds(
            parts in prop::collection::vec(prop_oneof!["[a-zü🙂]{0,9}", Just("\n".to_owned()), Just("é".repeat(900))], 0..12),
            at in any::<prop::sample::Index>(),
        ) {
            let text = parts.concat();
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let byte = *at.get(&ends);
            let before = text.get(..byte).unwrap();
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            let (line, found) = Lines::of(&text).position(byte);
            prop_assert_eq!((line as usize, found as usize), (before.matches('\n').count() + 1, column));
        }
    }
}
