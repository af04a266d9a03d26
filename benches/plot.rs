//! Curves as SVG, both axes logarithmic.

use core::fmt::Write;

/// The drawing, and where its axes lie in it.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 350.0;

const COLOURS: [&str; 4] = ["#1b6ca8", "#1b6ca8", "#b3541e", "#b3541e"];
const DASHES: [&str; 4] = ["none", "6 4", "none", "6 4"];

/// What belongs together, by growing x; all figures are above 0.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Curve {
    /// How many times the least the most is.
    pub(crate) fn ratio(&self) -> f64 {
        let heights = || self.points.iter().map(|(_, y)| *y);
        heights().fold(0.0, f64::max) / heights().fold(f64::INFINITY, f64::min)
    }
}

/// An axis: from a power of ten to another, drawn between two places.
#[derive(Clone, Copy)]
struct Axis {
    from: f64,
    to: f64,
    begin: f64,
    end: f64,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64>, begin: f64, end: f64) -> Self {
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), it| {
            (least.min(it.log10()), most.max(it.log10()))
        });
        // The tenth of a thousandth is what a logarithm of a power of ten may be off.
        let (from, to) = ((least + 1e-4).floor(), (most - 1e-4).ceil());
        Self { from, to: to.max(from + 1.0), begin, end }
    }

    fn place(self, value: f64) -> f64 {
        let share = (value.log10() - self.from) / (self.to - self.from);
        self.begin + share * (self.end - self.begin)
    }

    /// The powers of ten on it.
    fn decades(self) -> impl Iterator<Item = f64> {
        core::iter::successors(Some(self.from), move |it| (it + 1.0 <= self.to).then_some(it + 1.0))
            .map(|power| 10_f64.powf(power))
    }
}

/// Returns a drawing of the curves over `x_name`.
pub(crate) fn svg(x_name: &str, y_name: &str, curves: &[Curve]) -> String {
    let all = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let x = Axis::around(all().map(|(x, _)| x), LEFT, RIGHT);
    let y = Axis::around(all().map(|(_, y)| y), BOTTOM, TOP);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    for value in x.decades() {
        let at = x.place(value);
        line(&mut text, (at, TOP), (at, BOTTOM));
        label(&mut text, (at, BOTTOM + 18.0), "middle", &value.to_string());
    }
    for value in y.decades() {
        let at = y.place(value);
        line(&mut text, (LEFT, at), (RIGHT, at));
        label(&mut text, (LEFT - 8.0, at + 4.0), "end", &value.to_string());
    }
    label(&mut text, (f64::midpoint(LEFT, RIGHT), BOTTOM + 38.0), "middle", x_name);
    label(&mut text, (LEFT, TOP - 22.0), "start", y_name);
    for ((curve, colour), (place, dash)) in
        curves.iter().zip(COLOURS).zip(DASHES.into_iter().enumerate())
    {
        let points: Vec<String> = curve
            .points
            .iter()
            .map(|(at, value)| format!("{:.1},{:.1}", x.place(*at), y.place(*value)))
            .collect();
        let points = points.join(" ");
        let written = writeln!(
            text,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>"
        );
        assert!(written.is_ok(), "a string takes everything");
        let legend = LEFT + 10.0 + 145.0 * f64::from(u32::try_from(place).unwrap());
        let name = format!("{} {}", if dash == "none" { "──" } else { "╌╌" }, curve.name);
        coloured(&mut text, (legend, TOP - 6.0), colour, &name);
    }
    text + "</svg>\n"
}

fn line(text: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let written = writeln!(
        text,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"
    );
    assert!(written.is_ok(), "a string takes everything");
}

fn label(text: &mut String, (x, y): (f64, f64), anchor: &str, what: &str) {
    let written = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333\">{what}</text>"
    );
    assert!(written.is_ok(), "a string takes everything");
}

fn coloured(text: &mut String, (x, y): (f64, f64), colour: &str, what: &str) {
    let written = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{what}</text>");
    assert!(written.is_ok(), "a string takes everything");
}
