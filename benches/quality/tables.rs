//! Measures groups of recordings and prints what came out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use incidentd::engine::weights::Weights;
use incidentd::rules::{RuleSet, SourceFile, load};

use crate::groups::{Group, Target};
use crate::score::Figures;
use crate::session;
use crate::set::Set;

/// What is measured: the shipped rules with these constants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) odds: f64,
    pub(crate) weights: Weights,
}

impl Default for Policy {
    fn default() -> Self {
        Self { odds: 7.0, weights: Weights::default() }
    }
}

/// A constant by its name.
type Knob = (&'static str, fn(&mut Policy) -> &mut f64);

const KNOBS: [Knob; 16] = [
    ("odds", |it| &mut it.odds),
    ("pace", |it| &mut it.weights.pace),
    ("tail", |it| &mut it.weights.tail),
    ("spread", |it| &mut it.weights.spread),
    ("distance", |it| &mut it.weights.distance),
    ("age", |it| &mut it.weights.age),
    ("hold", |it| &mut it.weights.hold),
    ("calm", |it| &mut it.weights.calm),
    ("role", |it| &mut it.weights.role),
    ("familiarity", |it| &mut it.weights.familiarity),
    ("system", |it| &mut it.weights.system),
    ("caller", |it| &mut it.weights.caller),
    ("common_value", |it| &mut it.weights.common_value),
    ("blame", |it| &mut it.weights.blame),
    ("repeated", |it| &mut it.weights.repeated),
    ("informs", |it| &mut it.weights.informs),
];

impl Policy {
    /// Sets a constant by its name, `pace=2`.
    ///
    /// # Panics
    /// When there is none of this name, or the value is no number.
    pub(crate) fn change(&mut self, change: &str) {
        let (name, value) = change.split_once('=').unwrap();
        let (_, knob) = KNOBS.into_iter().find(|(known, _)| *known == name).unwrap();
        *knob(self) = value.parse().unwrap();
    }

    /// Loads the shipped rules with its odds.
    pub(crate) fn rules(&self) -> Arc<RuleSet> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/base");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let read = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            let odds = format!("related: {{odds: {}, scope", self.odds);
            let text = text.replace("related: {scope", &odds);
            SourceFile { name: path.display().to_string(), text }
        };
        let mut files: Vec<SourceFile> = files.map(read).collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Arc::new(load(&files).set.unwrap())
    }
}

/// The mean of the figures of a group's sets, and the standard deviation of their F1.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    of: Figures,
    f1_sd: f64,
}

impl Mean {
    fn of(figures: &[Figures]) -> Self {
        let count = number(figures.len().max(1));
        let mean = |figure: fn(&Figures) -> f64| figures.iter().map(figure).sum::<f64>() / count;
        let of = Figures {
            f1: mean(|it| it.f1),
            ari: mean(|it| it.ari),
            compression: mean(|it| it.compression),
            top_1: mean(|it| it.top_1),
            top_3: mean(|it| it.top_3),
        };
        let squares: f64 = figures.iter().map(|it| (it.f1 - of.f1).powi(2)).sum();
        Self { of, f1_sd: (squares / count).sqrt() }
    }
}

/// How many of the groups are the recordings as given.
const GIVEN: usize = 3;

/// What was measured of each group.
#[derive(Debug)]
pub(crate) struct Tables {
    groups: Vec<Group>,
    chosen_by: Vec<Mean>,
    kept_back: Vec<Mean>,
    yardstick: Vec<Mean>,
}

impl Tables {
    /// Measures every group.
    pub(crate) fn measure(groups: Vec<Group>, policy: &Policy) -> Self {
        let chosen_by = measured(&groups, std::slice::from_ref(policy), |group| &group.sets);
        let kept_back = measured(&groups, std::slice::from_ref(policy), |group| &group.kept_back);
        let by_session = |group: &Group| {
            let figures = group.sets.iter().map(|set| set.score(&session::play(set)));
            Mean::of(&figures.collect::<Vec<_>>())
        };
        let yardstick = groups.iter().map(by_session).collect();
        let only = |of: Vec<Vec<Mean>>| of.into_iter().next().unwrap_or_default();
        Self { chosen_by: only(chosen_by), kept_back: only(kept_back), yardstick, groups }
    }

    /// Prints a line for each group; returns how many targets were missed.
    pub(crate) fn print(&self, policy: &Policy) -> usize {
        println!("\n{policy:?}\n");
        println!(
            "{:34}{:>3}{:>14}{:>8}{:>8}{:>7}{:>7}{:>14}{:>9}  target",
            "recording",
            "n",
            "pair F1",
            "ARI",
            "per inc",
            "top-1",
            "top-3",
            "kept back F1",
            "session",
        );
        let mut missed = 0;
        for (at, group) in self.groups.iter().enumerate() {
            let (mean, kept) = (self.chosen_by[at], self.kept_back[at]);
            let Figures { f1, ari, compression, top_1, top_3 } = mean.of;
            let spread = |mean: Mean, sets: &[Set]| match sets.len() {
                0 => String::new(),
                1 => format!("{:.3}      ", mean.of.f1),
                _ => format!("{:.3} ±{:.3}", mean.of.f1, mean.f1_sd),
            };
            println!(
                "{:34}{:>3}{:>14}{ari:>8.3}{compression:>8.1}{top_1:>7.2}{top_3:>7.2}{:>14}{:>9.3}  {}",
                group.name,
                group.sets.len(),
                spread(mean, &group.sets),
                spread(kept, &group.kept_back),
                self.yardstick[at].of.f1,
                self.verdict(at, f1, top_1, &mut missed),
            );
        }
        let [shown, kept, session] = [&self.chosen_by, &self.kept_back, &self.yardstick]
            .map(|means| self.mean_of_variants(means));
        println!(
            "mean of the variants: F1 {:.4}, first suspect {:.3}; kept back {:.4}, {:.3}; session {:.4}",
            shown.f1, shown.top_1, kept.f1, kept.top_1, session.f1,
        );
        missed
    }

    fn verdict(&self, at: usize, f1: f64, top_1: f64, missed: &mut usize) -> String {
        let needed = match self.groups[at].target {
            Target::Nothing => return String::new(),
            Target::AtLeast(needed) => needed,
            Target::Near(other, less) => self.chosen_by[other].of.f1 - less,
        };
        let mut word = |good: bool| {
            *missed += usize::from(!good);
            if good { "reached" } else { "MISSED" }
        };
        let text = format!("F1 {needed:.3} {}", word(f1 >= needed));
        match self.groups[at].top_1 {
            Some(needed) => format!("{text}, top-1 {needed:.2} {}", word(top_1 >= needed)),
            None => text,
        }
    }

    /// Returns the mean over the groups of variants, each counting the same.
    fn mean_of_variants(&self, means: &[Mean]) -> Figures {
        let variants = means.iter().zip(&self.groups).skip(GIVEN);
        // Groups without anything kept back say nothing there.
        let counted = variants.filter(|(mean, _)| mean.of != Figures::default());
        Mean::of(&counted.map(|(mean, _)| mean.of).collect::<Vec<_>>()).of
    }

    /// Prints how the figures move with each constant.
    pub(crate) fn print_sensitivity(&self, policy: &Policy) {
        println!(
            "\n{:24}{:>9}{:>9}{:>11}{:>10}{:>8}{:>18}{:>10}",
            "constant",
            "ob",
            "overlay",
            "concurrent",
            "variants",
            "move",
            "top-1 of the three",
            "variants"
        );
        let mut policies = vec![*policy];
        let mut names = vec!["as it is".to_owned()];
        for (name, knob) in KNOBS {
            for (factor, word) in [(0.5, "×0.5"), (2.0, "×2")] {
                let mut changed = *policy;
                *knob(&mut changed) *= factor;
                names.push(format!("{name} {} {word}", *knob(&mut changed) / factor));
                policies.push(changed);
            }
        }
        let all = measured(&self.groups, &policies, |group| &group.sets);
        let usual = self.mean_of_variants(&all[0]).f1;
        for (name, means) in names.iter().zip(&all) {
            let [ob, overlay, concurrent] = [0, 1, 2].map(|at| means[at].of);
            let variants = self.mean_of_variants(means);
            println!(
                "{name:24}{:>9.3}{:>9.3}{:>11.3}{:>10.3}{:>+8.3}    {:.2} {:.2} {:.2}{:>10.3}",
                ob.f1,
                overlay.f1,
                concurrent.f1,
                variants.f1,
                variants.f1 - usual,
                ob.top_1,
                overlay.top_1,
                concurrent.top_1,
                variants.top_1,
            );
        }
    }
}

/// Measures sets of every group under every policy, on all processors.
fn measured(
    groups: &[Group],
    policies: &[Policy],
    sets: impl Fn(&Group) -> &Vec<Set>,
) -> Vec<Vec<Mean>> {
    let rules: Vec<Arc<RuleSet>> = policies.iter().map(Policy::rules).collect();
    let mut jobs = Vec::new();
    for policy in 0..policies.len() {
        for (group, it) in groups.iter().enumerate() {
            jobs.extend(sets(it).iter().map(|set| (policy, group, set)));
        }
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((policy, group, set)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let figures = set.figures(&rules[*policy], policies[*policy].weights);
            done.lock().unwrap().push((*policy, *group, set.name.clone(), figures));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let done = done.into_inner().unwrap();
    let of = |policy: usize, group: usize| {
        let mine = done.iter().filter(|(p, g, _, _)| (*p, *g) == (policy, group));
        let mut figures: Vec<Figures> = mine.map(|(_, _, _, figures)| *figures).collect();
        // Whoever was done first: sums must not depend on it.
        figures.sort_by(|a, b| a.f1.total_cmp(&b.f1).then(a.top_1.total_cmp(&b.top_1)));
        Mean::of(&figures)
    };
    (0..policies.len())
        .map(|policy| (0..groups.len()).map(|group| of(policy, group)).collect())
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn number(count: usize) -> f64 {
    count as f64
}
