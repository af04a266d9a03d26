//! Numbers in matchers: what counts as one, and how values compare with it.

use core::fmt;

/// How a value must compare with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Order {
    /// Returns it as it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// A decimal number as it was written. Equal when written alike.
#[derive(Clone, Debug)]
pub struct Number {
    text: Box<str>,
    value: f64,
}

impl Number {
    /// Reads a number: a sign, digits, a fraction and an exponent, as in `-1.5e3`. Not: `inf`,
    /// `NaN`, hexadecimal digits, blanks, units.
    pub fn read(text: &str) -> Option<Self> {
        value(text).map(|value| Self { text: text.into(), value })
    }

    /// Returns it as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when `text` is a number and compares with this one as asked. Both are taken for 64-bit
    /// floating-point numbers: whole ones are exact up to 2^53.
    pub fn admits(&self, order: Order, text: &str) -> bool {
        value(text).is_some_and(|value| match order {
            Order::Less => value < self.value,
            Order::AtMost => value <= self.value,
            Order::More => value > self.value,
            Order::AtLeast => value >= self.value,
        })
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn value(text: &str) -> Option<f64> {
    // The standard library also reads `inf`, `infinity` and `nan`; digits leave none of them.
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|value: &f64| decimal && value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_finite_decimal() {
        for (text, number) in [
            ("0", true),
            ("1000", true),
            ("-1.5e3", true),
            ("+.5", true),
            ("", false),
            ("inf", false),
            ("-infinity", false),
            ("NaN", false),
            ("e", false),
            ("1e999", false),
            ("0x10", false),
            (" 1", false),
            ("5%", false),
            ("1,000", false),
            ("٣", false),
        ] {
            assert_eq!(Number::read(text).is_some(), number, "{text:?}");
        }
    }

    #[test]
    fn values_compare_as_numbers_and_what_is_none_never_does() {
        use Order::{AtLeast, AtMost, Less, More};
        for (order, bound, value, holds) in [
            (More, "9", "10", true),
            (More, "10", "9", false),
            (More, "10", "10.0", false),
            (AtLeast, "10", "1e1", true),
            (AtLeast, "10", "9.99", false),
            (Less, "3", "-4", true),
            (Less, "3", "3", false),
            (AtMost, "3", "3", true),
            (AtMost, "3", "3.1", false),
            (Less, "3", "", false),
            (AtLeast, "-1", "", false),
            (Less, "3", "two", false),
            (Less, "3", "-inf", false),
        ] {
            let number = Number::read(bound).unwrap();
            assert_eq!(number.admits(order, value), holds, "{value:?} {} {bound}", order.sign());
        }
    }
}
