//! The chart of sign-ups: how high each bar is, and where the lines and labels are.
//!
//! Bars are placed in parts of the width and lines in pixels of the height, so that the picture fills any screen and
//! its text keeps its size.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::number::{grouped, short};
use super::time::{brief, long};
use crate::census::{Census, Pair};

/// Over how long sign-ups are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// Thirty days, one bar for each.
    #[default]
    Month,
    /// The 365 days up to today, one bar for each week from Monday to Sunday that has one of them.
    Year,
}

impl Range {
    /// Reads the query's `days`: a year for `365`, and a month for anything else.
    pub fn parse(days: Option<&str>) -> Self {
        if days == Some("365") { Self::Year } else { Self::Month }
    }

    fn days_of_a_bar(self) -> i32 {
        match self {
            Self::Month => 1,
            Self::Year => 7,
        }
    }

    /// The first day of the first bar.
    fn start(self, today: Date) -> Date {
        match self {
            Self::Month => today.saturating_sub(29.days()),
            Self::Year => {
                let first = today.saturating_sub(364.days());
                first.saturating_sub(first.weekday().since(Weekday::Monday).days())
            }
        }
    }
}

/// What one bar stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Date,
    /// `22 Nov 2026`, or `Week of 16 Nov 2026`.
    pub(super) label: String,
    pub(super) pair: Pair,
}

/// The bars up to today, oldest first.
pub(super) fn spans(census: &Census, range: Range, today: Date) -> Vec<Span> {
    let days = range.days_of_a_bar();
    let mut spans = Vec::new();
    let mut start = range.start(today);
    while start <= today {
        let mut pair = Pair::default();
        for day in (0..days).map(|after| start.saturating_add(after.days())) {
            let of = census.days.get(&day.to_string()).copied().unwrap_or_default();
            pair.received = pair.received.saturating_add(of.received);
            pair.confirmed = pair.confirmed.saturating_add(of.confirmed);
        }
        let label = if range == Range::Month { long(start) } else { format!("Week of {}", long(start)) };
        spans.push(Span { start, label, pair });
        start = match start.checked_add(days.days()) {
            Ok(next) => next,
            Err(_) => break,
        };
    }
    spans
}

/// Both kinds of a list of bars.
pub(super) fn sum(spans: &[Span]) -> Pair {
    spans.iter().fold(Pair::default(), |sum, span| Pair {
        received: sum.received.saturating_add(span.pair.received),
        confirmed: sum.confirmed.saturating_add(span.pair.confirmed),
    })
}

/// Height of the bars' ground, and what is above and below it, in pixels.
const HEIGHT: u32 = 200;
const ABOVE: u32 = 12;
const BELOW: u32 = 28;

/// The picture.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// In pixels.
    pub(super) height: u32,
    pub(super) lines: Vec<Line>,
    pub(super) bars: Vec<Bar>,
    pub(super) ticks: Vec<Tick>,
    /// Where the labels below the bars stand.
    pub(super) foot: u32,
}

/// A line across, with its number beside it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) y: String,
    pub(super) label: String,
}

/// A bar of each kind, in percent of the width and pixels of the height.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) slot: Block,
    pub(super) received: Block,
    pub(super) confirmed: Block,
    /// What a pointer that rests on it is told.
    pub(super) told: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) y: String,
    pub(super) height: String,
}

/// A label below the bars.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub(super) x: String,
    /// Of SVG's `text-anchor`.
    pub(super) anchor: &'static str,
    pub(super) label: String,
    /// Left out where there is little room.
    pub(super) minor: bool,
}

/// A measure with two decimals: finer than any screen.
fn measure(value: f64) -> String {
    format!("{value:.2}")
}

#[expect(clippy::cast_precision_loss, reason = "a bar is no more exact than a pixel")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The step between the lines: 1, 2 or 5 with zeros, so that at most four of them reach the highest bar.
fn step(highest: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [1, 2, 5].map(|digit| unit.saturating_mul(digit)) {
            if step.saturating_mul(4) >= highest {
                return step;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

pub(super) fn chart(spans: &[Span], range: Range) -> Chart {
    let highest = spans.iter().map(|span| span.pair.received.max(span.pair.confirmed)).max().unwrap_or_default();
    let step = step(highest);
    let steps = highest.div_ceil(step).max(1);
    let top = step.saturating_mul(steps);
    let ground = f64::from(ABOVE + HEIGHT);
    let y = |value: u64| ground - f64::from(HEIGHT) * ratio(value, top);
    let lines =
        (0..=steps).map(|at| step.saturating_mul(at)).map(|value| Line { y: measure(y(value)), label: short(value) });
    let count = u32::try_from(spans.len()).unwrap_or(u32::MAX).max(1);
    let slot = 100.0 / f64::from(count);
    let places = (0..count).map(|at| f64::from(at) * slot);
    let bars = spans.iter().zip(places.clone()).map(|(span, x)| {
        // From `inset` parts of the slot on both sides. What is not nothing can be seen.
        let block = |value: u64, inset: f64| {
            let height = if value == 0 { 0.0 } else { (ground - y(value)).max(2.0) };
            Block {
                x: measure(x + slot * inset),
                width: measure(slot * (1.0 - 2.0 * inset)),
                y: measure(ground - height),
                height: measure(height),
            }
        };
        let Pair { received, confirmed } = span.pair;
        Bar {
            slot: Block { y: ABOVE.to_string(), height: HEIGHT.to_string(), ..block(0, 0.0) },
            received: block(received, 0.12),
            confirmed: block(confirmed, 0.26),
            told: format!("{}: {} signed up, {} confirmed", span.label, grouped(received), grouped(confirmed)),
        }
    });
    Chart {
        height: ABOVE + HEIGHT + BELOW,
        lines: lines.collect(),
        bars: bars.collect(),
        ticks: ticks(spans, range, &places.map(|x| x + slot / 2.0).collect::<Vec<_>>()),
        foot: ABOVE + HEIGHT + BELOW - 8,
    }
}

/// Of a month every seventh day back from today; of a year the first week of each month.
fn ticks(spans: &[Span], range: Range, middles: &[f64]) -> Vec<Tick> {
    let places = spans.iter().zip(middles).enumerate();
    if range == Range::Month {
        let is_marked = |at: usize| (spans.len() - 1 - at).is_multiple_of(7);
        return places
            .filter(|(at, _)| is_marked(*at))
            .map(|(at, (span, middle))| {
                // The last one would reach beyond the edge.
                let last = at + 1 == spans.len();
                let x = if last { 100.0 } else { *middle };
                Tick {
                    x: measure(x),
                    anchor: if last { "end" } else { "middle" },
                    label: brief(span.start),
                    minor: false,
                }
            })
            .collect();
    }
    let begins_month = |span: &Span| span.start.day() <= 7;
    // A label at the very edge would reach beyond it.
    let marked = places.filter(|(at, (span, _))| begins_month(span) && *at + 1 < spans.len());
    let mut minor = true;
    marked
        .map(|(_, (span, middle))| {
            minor = !minor;
            let label = span.start.strftime("%b").to_string();
            Tick { x: measure(*middle), anchor: "middle", label, minor }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    fn census(days: &[(&str, u64, u64)]) -> Census {
        let pair = |&(day, received, confirmed): &(&str, u64, u64)| (day.to_owned(), Pair { received, confirmed });
        Census { days: days.iter().map(pair).collect(), ..Census::default() }
    }

    #[test]
    fn a_month_ends_today_and_a_year_holds_whole_weeks() {
        let census = census(&[("2026-11-22", 3, 1), ("2026-10-24", 2, 0), ("2026-10-23", 9, 9), ("2025-11-23", 5, 5)]);
        let month = spans(&census, Range::Month, day("2026-11-22"));
        assert_eq!((month.len(), month[0].start, month[29].start), (30, day("2026-10-24"), day("2026-11-22")));
        assert_eq!(sum(&month), Pair { received: 5, confirmed: 1 });
        let year = spans(&census, Range::Year, day("2026-11-22"));
        assert_eq!(year.len(), 53);
        assert_eq!(year[0].start, day("2025-11-17"), "the Monday before the first of 365 days");
        assert_eq!(year[52].start, day("2026-11-16"));
        assert_eq!(sum(&year), Pair { received: 19, confirmed: 15 });
        assert_eq!(year[52].label, "Week of 16 Nov 2026");
    }

    #[test]
    fn the_lines_are_round_numbers_that_reach_the_highest_bar() {
        assert_eq!([0, 1, 4, 5, 8, 9, 21, 1_000].map(step), [1, 1, 1, 2, 2, 5, 10, 500]);
        assert!(step(u64::MAX) > 0);
        let spans = spans(&census(&[("2026-11-22", 17, 20)]), Range::Month, day("2026-11-22"));
        let labels: Vec<String> = chart(&spans, Range::Month).lines.into_iter().map(|line| line.label).collect();
        assert_eq!(labels, ["0", "5", "10", "15", "20"]);
    }

    #[test]
    fn what_is_not_nothing_can_be_seen() {
        let spans =
            spans(&census(&[("2026-11-22", 1, 0), ("2026-11-21", 1_000_000, 0)]), Range::Month, day("2026-11-22"));
        let bars = chart(&spans, Range::Month).bars;
        assert_eq!(bars[29].received.height, "2.00");
        assert_eq!(bars[29].confirmed.height, "0.00");
    }

    proptest! {
        #[test]
        fn every_bar_stays_within_the_picture(
            counts in prop::collection::vec((any::<u64>(), any::<u64>()), 1..60), year: bool,
        ) {
            let today = day("2026-11-22");
            let days = counts.iter().zip(0_i32..).map(|((received, confirmed), back)| {
                let day = today.saturating_sub((back * 6).days()).to_string();
                (day, Pair { received: *received, confirmed: *confirmed })
            });
            let census = Census { days: days.collect(), ..Census::default() };
            let range = if year { Range::Year } else { Range::Month };
            let chart = chart(&spans(&census, range, today), range);
            for bar in &chart.bars {
                for block in [&bar.slot, &bar.received, &bar.confirmed] {
                    let [x, width, y, height] =
                        [&block.x, &block.width, &block.y, &block.height].map(|it| it.parse::<f64>().expect("a number"));
                    prop_assert!(x >= 0.0 && x + width <= 100.01, "{block:?}");
                    prop_assert!(y >= f64::from(ABOVE) - 0.01 && y + height <= f64::from(ABOVE + HEIGHT) + 0.01);
                }
            }
        }
    }
}
