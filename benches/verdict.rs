//! What was measured beside its bounds, as a table of Markdown, and whether all of them hold.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use std::process::ExitCode;

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
    Exactly(f64),
    /// It only informs.
    Free,
}

/// Lines as they were measured.
#[derive(Debug, Default)]
pub struct Verdict {
    lines: Vec<(String, f64, Bound)>,
}

impl Bound {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(bound) => figure <= bound,
            Self::AtLeast(bound) => figure >= bound,
            Self::Exactly(bound) => (figure - bound).abs() < 1e-9,
            Self::Free => true,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {}", number(bound)),
            Self::AtLeast(bound) => format!("≥ {}", number(bound)),
            Self::Exactly(bound) => number(bound),
            Self::Free => String::new(),
        }
    }
}

impl Verdict {
    pub fn add(&mut self, what: impl Into<String>, figure: f64, bound: Bound) {
        self.lines.push((what.into(), figure, bound));
    }

    /// Prints all lines; success when every bound holds.
    pub fn print(&self) -> ExitCode {
        println!("| | measured | bound | |\n|---|---|---|---|");
        for (what, figure, bound) in &self.lines {
            let word = match (bound, bound.holds(*figure)) {
                (Bound::Free, _) => "",
                (_, true) => "holds",
                (_, false) => "broken",
            };
            println!("| {what} | {} | {} | {word} |", number(*figure), bound.text());
        }
        let hold = self.lines.iter().all(|(_, figure, bound)| bound.holds(*figure));
        if hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Writes a figure for people: whole numbers whole, others with three digits.
pub fn number(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
