//! Progress as the operator sees it: on a terminal a moving line for each resource at work, elsewhere
//! a plain line for each that is done. Always on stderr.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::events::Event;
use super::plan::Change;
use crate::output::Output;

/// Draws what is under way. Shared by stacks that are deployed side by side.
#[derive(Debug)]
pub struct Progress {
    output: Output,
    bars: MultiProgress,
    running: Mutex<HashMap<(String, String), Running>>,
    planned: Mutex<HashMap<String, HashSet<String>>>,
}

#[derive(Debug)]
struct Running {
    bar: ProgressBar,
    since: Instant,
}

impl Progress {
    pub fn new(output: Output) -> Self {
        Self { output, bars: MultiProgress::new(), running: Mutex::default(), planned: Mutex::default() }
    }

    /// Begins a step of signupctl's own, such as building the function; it ends when dropped.
    pub fn step(&self, label: impl Into<String>) -> Step {
        let label = label.into();
        let bar = if self.output.terminal { self.bar(label.clone()) } else { ProgressBar::hidden() };
        Step { bar, label, output: self.output, bars: self.bars.clone(), since: Instant::now() }
    }

    /// Shows of an update only what was planned, and whatever fails or goes: the emulator reports every
    /// resource of the stack, changed or not.
    pub fn expect(&self, stack: &str, changes: &[Change]) {
        let planned = changes.iter().map(|change| change.logical_id.clone()).collect();
        lock(&self.planned).insert(stack.to_owned(), planned);
    }

    fn is_expected(&self, stack: &str, event: &Event) -> bool {
        let quiet = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "CREATE_COMPLETE"].contains(&event.status.as_str());
        !quiet || lock(&self.planned).get(stack).is_none_or(|planned| planned.contains(&event.logical_id))
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
