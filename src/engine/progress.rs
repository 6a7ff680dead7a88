//! Progress as the operator sees it: on a terminal a moving line for each resource at work, elsewhere
//! a plain line for each that is done. Always on stderr.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::estimate::{self, Estimate};
use super::events::Event;
use super::plan::{Change, Verb};
use crate::output::Output;

/// Draws what is under way. Shared by stacks that are deployed side by side.
#[derive(Debug)]
pub struct Progress {
    output: Output,
    bars: MultiProgress,
    running: Mutex<HashMap<(String, String), Running>>,
    planned: Mutex<HashMap<String, Planned>>,
    /// The line that tells how long it will still take; only on a terminal.
    left: ProgressBar,
}

/// What an operation on a stack is to do.
#[derive(Debug)]
struct Planned {
    template: String,
    /// Logical IDs and types.
    changes: Vec<(String, String)>,
    /// Whether all that happens is shown, or only what was planned.
    all: bool,
    estimate: Estimate,
    learnt: bool,
}

#[derive(Debug)]
struct Running {
    bar: ProgressBar,
    since: Instant,
}

impl Progress {
    pub fn new(output: Output) -> Self {
        let (bars, left) = (MultiProgress::new(), ProgressBar::hidden());
        Self { output, bars, running: Mutex::default(), planned: Mutex::default(), left }
    }

    /// Begins a step of signupctl's own, such as building the function; it ends when dropped.
    pub fn step(&self, label: impl Into<String>) -> Step {
        let label = label.into();
        let bar = if self.output.terminal { self.bar(label.clone()) } else { ProgressBar::hidden() };
        Step { bar, label, output: self.output, bars: self.bars.clone(), since: Instant::now() }
    }

    /// Tells what an operation is to do. Of an update only what was planned is shown, and whatever fails or goes: the
    /// emulator reports every resource of the stack, changed or not.
    pub fn expect(&self, stack: &str, template: &str, changes: &[Change], all: bool) {
        let named = |change: &Change| (change.logical_id.clone(), change.resource_type.clone());
        let changes = changes.iter().filter(|change| change.verb != Verb::Remove).map(named).collect();
        let (template, estimate) = (template.to_owned(), Estimate::default());
        lock(&self.planned).insert(stack.to_owned(), Planned { template, changes, all, estimate, learnt: false });
    }

    /// Learns from the events before an operation how long its resources take here.
    pub fn learn(&self, stack: &str, earlier: &[Event]) {
        let mut planned = lock(&self.planned);
        let Some(planned) = planned.get_mut(stack).filter(|planned| !planned.learnt) else { return };
        planned.learnt = true;
        let changes = planned.changes.iter().map(|(id, kind)| (id.as_str(), kind.as_str()));
        planned.estimate = Estimate::of(&planned.template, changes, &estimate::took(earlier));
    }

    /// Shows how long it will still take: the stacks are at work side by side.
    fn tell_left(&self) {
        let left = lock(&self.planned).values().map(|planned| planned.estimate.left()).fold(0.0, f64::max);
        let text = time_left(left);
        if !self.output.terminal || (text.is_none() && self.left.is_hidden()) {
            return;
        }
        match text {
            Some(text) => {
                let bar = self.bars.add(self.left.clone());
                bar.set_style(
                    ProgressStyle::with_template("  {msg:.dim}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
                );
                bar.set_message(text);
                bar.tick();
            }
            None => self.left.finish_and_clear(),
        }
    }

    fn is_expected(&self, stack: &str, event: &Event) -> bool {
        let quiet = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "CREATE_COMPLETE"].contains(&event.status.as_str());
        let planned = lock(&self.planned);
        let planned = planned.get(stack).filter(|planned| !planned.all);
        !quiet || planned.is_none_or(|planned| planned.changes.iter().any(|(id, _)| *id == event.logical_id))
    }

    /// A line that stays, above whatever moves.
    pub fn line(&self, line: impl AsRef<str>) {
        print_line(&self.bars, &self.output, line.as_ref());
    }

    /// Shows an event of `stack`. Those of the stack itself only end what is shown of its resources.
    pub fn event(&self, stack: &str, event: &Event) {
        if event.of_stack || !self.is_expected(stack, event) {
            return;
        }
        if event.status.ends_with("_COMPLETE")
            && let Some(planned) = lock(&self.planned).get_mut(stack)
        {
            planned.estimate.done(&event.logical_id);
        }
        self.tell_left();
        let mut running = lock(&self.running);
        let key = (stack.to_owned(), event.logical_id.clone());
        let kind = event.resource_type.trim_start_matches("AWS::");
        if event.status.ends_with("_IN_PROGRESS") {
            running.entry(key).or_insert_with(|| {
                let label = format!("{stack}  {} {}", event.logical_id, self.output.dim(kind));
                let bar = if self.output.terminal { self.bar(label) } else { ProgressBar::hidden() };
                Running { bar, since: Instant::now() }
            });
            return;
        }
        let elapsed = running.remove(&key).map(|shown| {
            shown.bar.finish_and_clear();
            self.bars.remove(&shown.bar);
            shown.since.elapsed()
        });
        let sign = match event.status.as_str() {
            status if status.ends_with("_FAILED") => self.output.red("✗"),
            "DELETE_SKIPPED" => self.output.green("="),
            status if status.starts_with("DELETE") => self.output.dim("-"),
            _ => self.output.green("✓"),
        };
        let took = elapsed.filter(|elapsed| *elapsed >= Duration::from_secs(1));
        let took = took.map(|elapsed| self.output.dim(&format!(" {} s", elapsed.as_secs()))).unwrap_or_default();
        let skipped = match (event.status.as_str(), event.resource_type.as_str()) {
            ("DELETE_SKIPPED", "AWS::Lambda::Version") => " kept",
            // What holds data is taken away by itself, after its stack.
            ("DELETE_SKIPPED", _) => " follows",
            _ => "",
        };
        let reason = match (&event.reason, event.status.ends_with("_FAILED")) {
            (Some(reason), true) => format!("\n      {reason}"),
            _ => String::new(),
        };
        print_line(
            &self.bars,
            &self.output,
            &format!("  {sign} {stack}  {} {}{skipped}{took}{reason}", event.logical_id, self.output.dim(kind)),
        );
    }

    fn bar(&self, label: String) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(label);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // What still moves belongs to work that goes on elsewhere; nothing may be left on the screen.
        for (_, shown) in lock(&self.running).drain() {
            shown.bar.finish_and_clear();
        }
        self.left.finish_and_clear();
    }
}

/// How long it will still take, in words; nothing for a few seconds.
fn time_left(seconds: f64) -> Option<String> {
    const WORTH_TELLING: f64 = 5.0;
    match seconds {
        seconds if seconds < WORTH_TELLING => None,
        seconds if seconds < 90.0 => Some(format!("about {:.0} s left", (seconds / 5.0).ceil() * 5.0)),
        seconds => Some(format!("about {:.0} minutes left", (seconds / 60.0).ceil())),
    }
}

/// A step that is under way.
#[derive(Debug)]
pub struct Step {
    bar: ProgressBar,
    label: String,
    output: Output,
    bars: MultiProgress,
    since: Instant,
}

impl Step {
    /// Shows what the step is busy with.
    pub fn detail(&self, detail: &str) {
        self.bar.set_message(format!("{} {}", self.label, self.output.dim(detail)));
    }

    /// Ends the step well.
    pub fn done(self, result: &str) {
        self.bar.finish_and_clear();
        let seconds = self.since.elapsed().as_secs();
        let took = if seconds > 0 { self.output.dim(&format!(" {seconds} s")) } else { String::new() };
        print_line(&self.bars, &self.output, &format!("  {} {result}{took}", self.output.green("✓")));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What is shown stays right even if a thread that showed something panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print_line(bars: &MultiProgress, output: &Output, line: &str) {
    if output.terminal {
        bars.suspend(|| output.note(line));
    } else {
        output.note(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_roughly() {
        assert_eq!(
            [3.0, 7.0, 61.0, 100.0].map(time_left),
            [
                None,
                Some("about 10 s left".to_owned()),
                Some("about 65 s left".to_owned()),
                Some("about 2 minutes left".to_owned())
            ]
        );
    }
}
