//! Names for people: the first few of many.

use core::borrow::Borrow;

/// Joins the names that are shown of `count` things, and says how many others there are:
/// `a, b and 3 more`.
pub fn few<T: Borrow<str>>(shown: &[T], count: usize) -> String {
    let names = shown.join(", ");
    match count.saturating_sub(shown.len()) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_counted() {
        for (shown, count, words) in [
            (&["a", "b"][..], 2, "a, b"),
            (&["a", "b"], 5, "a, b and 3 more"),
            (&["a"], 1, "a"),
            (&[], 0, ""),
        ] {
            assert_eq!(few(shown, count), words);
        }
    }
}
