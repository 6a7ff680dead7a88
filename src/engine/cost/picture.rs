//! Draws docs/cost.svg: what both topologies cost by how many sign up, and where they cross.
//!
//! A part of the tests, which compare the file with what is drawn; `make picture` writes it anew. Nothing of it is in the
//! program.

use std::fmt::Write;

use super::month::items;
use super::others::elsewhere;
use super::prices::{self, Item, Prices, dollars, grouped};
use super::tests::spec;
use super::{Bill, evaluated};
use crate::engine::evaluate::Evaluated;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cost.svg");

/// Inside of the axes, in units of the picture.
const LEFT: f64 = 104.0;
const RIGHT: f64 = 696.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 404.0;

/// Ends of the axes: sign-ups, and dollars.
const SIGN_UPS: (f64, f64) = (1_000.0, 30_000_000.0);
const DOLLARS: (f64, f64) = (2.0, 5_000.0);

/// Of a curve.
const POINTS: u32 = 90;

/// The fronts that are compared, with all that belongs to them.
struct Curves {
    prices: Prices,
    serverless: Vec<Evaluated>,
    servers: Vec<Evaluated>,
}

impl Curves {
    fn new() -> Self {
        let here = spec("waitlist.yaml");
        Self { prices: Prices::read(), serverless: evaluated(&here), servers: evaluated(&elsewhere(&here)) }
    }

    fn serverless(&self, sign_ups: u32) -> f64 {
        prices::total(&items(&self.prices, &self.serverless, sign_ups))
    }

    fn servers(&self, sign_ups: u32) -> f64 {
        prices::total(&items(&self.prices, &self.servers, sign_ups))
    }

    /// What is the same behind both fronts: the mail, the table, and what goes out.
    fn shared(&self, sign_ups: u32) -> f64 {
        let Prices { mail, write, read, table, backup, traffic, .. } = &self.prices;
        let shared = [mail, write, read, table, backup, traffic];
        let items = items(&self.prices, &self.serverless, sign_ups);
        prices::total(items.iter().filter(|item: &&Item| shared.contains(&&item.price)))
    }

    /// From how many sign-ups on servers cost less.
    fn crossing(&self) -> u32 {
        let (mut below, mut above) = (0, SIGN_UPS.1 as u32);
        while above - below > 1 {
            let middle = below.midpoint(above);
            if self.servers(middle) < self.serverless(middle) { above = middle } else { below = middle }
        }
        above
    }
}

/// Where a value is on an axis on which each step multiplies.
fn along(value: f64, (first, last): (f64, f64), from: f64, to: f64) -> f64 {
    from + (value / first).ln() / (last / first).ln() * (to - from)
}

fn x(sign_ups: f64) -> f64 {
    along(sign_ups, SIGN_UPS, LEFT, RIGHT)
}

fn y(dollars: f64) -> f64 {
    along(dollars, DOLLARS, BOTTOM, TOP)
}

/// `3.1 million`, as many digits as mean something.
fn millions(sign_ups: u32) -> String {
    format!("{:.1} million", f64::from(sign_ups) / 1e6)
}

/// A curve as the path of a line, where it is within the axes.
fn path(cost: impl Fn(u32) -> f64) -> String {
    let step = |at: u32| SIGN_UPS.0 * (SIGN_UPS.1 / SIGN_UPS.0).powf(f64::from(at) / f64::from(POINTS));
    let points = (0..=POINTS).map(|at| step(at).round()).map(|sign_ups| (sign_ups, cost(sign_ups as u32)));
    let inside = points.filter(|(_, cost)| (DOLLARS.0..=DOLLARS.1).contains(cost));
    let points: Vec<String> = inside.map(|(sign_ups, cost)| format!("{:.1} {:.1}", x(sign_ups), y(cost))).collect();
    format!("M{}", points.join("L"))
}

const STYLE: &str = "
    svg { color-scheme: light dark; font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
    text { font-size: 15px; fill: #3d4551; }
    .title { font-size: 20px; font-weight: 600; fill: #14181f; }
    .paper { fill: #ffffff; stroke: #dfe3e8; }
    .grid { stroke: #e8ebef; }
    .line { fill: none; stroke-width: 3; stroke-linejoin: round; stroke-linecap: round; }
    .serverless { stroke: #0a7d73; }
    .servers { stroke: #b4530a; }
    .shared { stroke: #8a929e; stroke-width: 2; stroke-dasharray: 1 6; }
    .drop { stroke: #8a929e; stroke-dasharray: 4 4; }
    .dot { fill: #ffffff; stroke: #14181f; stroke-width: 3; }
    text.serverless { stroke: none; fill: #0a6b63; font-weight: 600; }
    text.servers { stroke: none; fill: #9a4507; font-weight: 600; }
    text.here { fill: #14181f; font-weight: 600; }
    .narrow { display: none; }
    @media (max-width: 560px) {
      text { font-size: 23px; }
      .title { font-size: 28px; }
      .line { stroke-width: 4; }
      .shared { stroke-width: 3; }
      .wide { display: none; }
      .narrow { display: inline; }
    }
    @media (prefers-color-scheme: dark) {
      text { fill: #aeb6c2; }
      .title, text.here { fill: #f0f3f6; }
      .paper { fill: #11161d; stroke: #2b323c; }
      .grid { stroke: #232a33; }
      .serverless { stroke: #3fc4b6; }
      .servers { stroke: #f0a04b; }
      .dot { fill: #11161d; stroke: #f0f3f6; }
      text.serverless { fill: #5ed3c7; }
      text.servers { fill: #f4b26b; }
    }
  ";

fn draw(curves: &Curves) -> String {
    let crossing = curves.crossing();
    let (here, both) = (f64::from(crossing), curves.serverless(crossing));
    let (nobody, standing) = (dollars(curves.serverless(0)), dollars(curves.servers(0)));
    let million = millions(crossing);
    let mut marks = String::new();
    let mut mark = |line: String| writeln!(marks, "  {line}").expect("text takes text");
    for amount in [10.0, 100.0, 1_000.0] {
        let at = y(amount);
        mark(format!(r#"<path class="grid" d="M{LEFT} {at:.1}H{RIGHT}"/>"#));
        let label = format!("${}", grouped(amount));
        mark(format!(r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{label}</text>"#, LEFT - 10.0, at + 6.0));
    }
    for (sign_ups, label) in [(1e3, "1,000"), (1e4, "10,000"), (1e5, "100,000"), (1e6, "1 M"), (1e7, "10 M")] {
        let at = x(sign_ups);
        mark(format!(r#"<path class="grid" d="M{at:.1} {TOP}V{BOTTOM}"/>"#));
        mark(format!(r#"<text x="{at:.1}" y="{:.0}" text-anchor="middle">{label}</text>"#, BOTTOM + 28.0));
    }
    mark(format!(r#"<path class="line shared" d="{}"/>"#, path(|it| curves.shared(it))));
    mark(format!(r#"<path class="line servers" d="{}"/>"#, path(|it| curves.servers(it))));
    mark(format!(r#"<path class="line serverless" d="{}"/>"#, path(|it| curves.serverless(it))));
    mark(format!(r#"<path class="drop" d="M{:.1} {:.1}V{BOTTOM}"/>"#, x(here), y(both)));
    mark(format!(r#"<circle class="dot" cx="{:.1}" cy="{:.1}" r="6"/>"#, x(here), y(both)));
    let text = |class: &str, at: (f64, f64), anchor: &str, text: &str| {
        format!(r#"<text class="{class}" x="{:.0}" y="{:.0}" text-anchor="{anchor}">{text}</text>"#, at.0, at.1)
    };
    // A curve is named above its flat beginning, and what it begins at stands below.
    let left = LEFT + 12.0;
    for (class, cost) in [("servers", curves.servers(0)), ("serverless", curves.serverless(0))] {
        let (name, from) = (if class == "servers" { "high-performance" } else { class }, dollars(cost));
        mark(text(class, (left, y(cost) - 12.0), "start", name));
        mark(text("wide", (left, y(cost) + 24.0), "start", &format!("{from} if nobody comes")));
        mark(text("narrow", (left, y(cost) + 30.0), "start", &format!("from {from}")));
    }
    let beside = (x(here) - 18.0, y(both) - 10.0);
    mark(text("here", beside, "end", &format!("{million}: both {}", dollars(both.round()).trim_end_matches(".00"))));
    let shared = (x(5.2e4), y(4.0));
    mark(text("wide", shared, "start", "mail, table and data out,"));
    mark(text("wide", (shared.0, shared.1 + 20.0), "start", "the same in both"));
    mark(text("narrow", shared, "start", "mail and table"));
    mark(text("wide", (RIGHT, BOTTOM + 56.0), "end", "sign-ups a month"));
    mark(text("narrow", (RIGHT, BOTTOM + 62.0), "end", "sign-ups a month"));
    let (region, date) = (&curves.prices.region, &curves.prices.as_of);
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 480" role="img" aria-labelledby="title desc">
  <title id="title">What a month costs in both topologies, by how many sign up</title>
  <desc id="desc">Two curves on logarithmic axes. With nobody coming serverless costs {nobody} and high-performance {standing}. They cross at {million} sign-ups a month, where both cost {}; above, high-performance costs less. Prices of {region}, {date}.</desc>
  <style>{STYLE}</style>
  <rect class="paper" x="0.5" y="0.5" width="719" height="479" rx="12"/>
  <text class="title" x="24" y="44">What a month costs</text>
  <text class="wide" x="696" y="44" text-anchor="end">{region}, {date}</text>
{marks}</svg>
"#,
        dollars(both)
    )
}

#[test]
fn the_picture_is_what_the_prices_draw() {
    let drawn = draw(&Curves::new());
    if std::env::var_os("UPDATE_PICTURE").is_some() {
        std::fs::write(FILE, &drawn).expect("a file");
    }
    let kept = std::fs::read_to_string(FILE).expect("the picture");
    assert!(kept == drawn, "docs/cost.svg is not what the prices draw: `make picture` draws it anew");
}

#[test]
fn the_curves_cross_once_and_where_the_picture_and_the_readme_tell() {
    let curves = Curves::new();
    let crossing = curves.crossing();
    let dearer = |sign_ups| curves.serverless(sign_ups) > curves.servers(sign_ups);
    for part in 1..=40 {
        assert_eq!(dearer(crossing / 20 * part), part > 20, "{part}");
    }
    // As the command tells it.
    let tells_less = |sign_ups| {
        let bill = Bill::of(&spec("waitlist.yaml"), sign_ups);
        bill.others[0].amount < bill.total
    };
    assert!(!tells_less(crossing - 10_000) && tells_less(crossing + 10_000));
    let (million, nobody) = (millions(crossing), dollars(curves.serverless(0)));
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let told = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!("cross at {million} sign-ups a month")), "{million}");
    assert!(told.contains(&format!("with nobody coming serverless costs {nobody}")), "{nobody}");
    assert!(draw(&curves).contains(&format!("cross at {million} sign-ups a month")));
}
