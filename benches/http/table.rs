//! What was measured, as a table: the median of the rounds with the least and the most, how many times
//! better than Alertmanager, and whether the target was reached.

/// Who was measured, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Alertmanager,
    /// Through the API that Alertmanager has, with the same bytes.
    SameApi,
    Native,
}

/// In which direction a figure is better.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Better {
    More,
    Less,
}

struct Row {
    name: String,
    better: Better,
    target: Option<f64>,
    figures: [Vec<f64>; 3],
}

/// Rows in the order in which they were first measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a figure of one round.
    pub(crate) fn add(&mut self, what: (&str, Better, Option<f64>), column: Column, figure: f64) {
        let (name, better, target) = what;
        let row = if let Some(at) = self.rows.iter().position(|row| row.name == name) {
            self.rows.get_mut(at).unwrap()
        } else {
            self.rows.push(Row {
                name: name.to_owned(),
                better,
                target,
                figures: Default::default(),
            });
            self.rows.last_mut().unwrap()
        };
        row.figures.get_mut(column as usize).unwrap().push(figure);
    }

    /// Prints it as Markdown.
    pub(crate) fn print(&mut self, alertmanager: &str) {
        println!(
            "| | {alertmanager} | incidentd, same API | times better | incidentd, own form | target |"
        );
        println!("|---|---|---|---|---|---|");
        for row in &mut self.rows {
            for figures in &mut row.figures {
                figures.sort_unstable_by(f64::total_cmp);
            }
            let [theirs, same, native] = &row.figures;
            let ratio = match (median(theirs), median(same), row.better) {
                (Some(theirs), Some(ours), Better::More) => format!("{:.1}", ours / theirs),
                (Some(theirs), Some(ours), Better::Less) => format!("{:.1}", theirs / ours),
                _ => String::new(),
            };
            println!(
                "| {} | {} | {} | {ratio} | {} | {} |",
                row.name,
                cell(theirs),
                cell(same),
                cell(native),
                row.verdict()
            );
        }
    }
}

impl Row {
    /// Compares the target with the worse of our two columns.
    fn verdict(&self) -> String {
        let [_, same, native] = &self.figures;
        let ours = [median(same), median(native)].into_iter().flatten();
        let (worst, sign) = match self.better {
            Better::More => (ours.fold(f64::INFINITY, f64::min), "≥"),
            Better::Less => (ours.fold(0.0, f64::max), "≤"),
        };
        let Some(target) = self.target else { return String::new() };
        let reached = match self.better {
            Better::More => worst >= target,
            Better::Less => worst <= target,
        };
        let word = if reached { "reached" } else { "missed" };
        format!("{sign} {}: {word}", number(target))
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

fn cell(sorted: &[f64]) -> String {
    match (sorted.first(), median(sorted), sorted.last()) {
        (Some(least), Some(middle), Some(most)) if sorted.len() > 1 => {
            format!("{} ({}–{})", number(middle), number(*least), number(*most))
        }
        (_, Some(middle), _) => number(middle),
        _ => String::new(),
    }
}

fn number(value: f64) -> String {
    match value {
        _ if value >= 10_000.0 => format!("{:.0}k", value / 1e3),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
