//! Chance, time and tasks: everything that could differ between two runs comes from one seed.
//!
//! A task is polled only here, so that any order of the calls of stores, mailers and clocks can happen, and a task
//! can be dropped wherever it waits, as a function is ended in the middle. Nothing here knows the service.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use signup_service::clock::{Clock, Entropy};

/// Steps that are shown of a history that went wrong.
const SHOWN: usize = 60;

/// When every history begins, in milliseconds since 1970: 2026-11-22T10:00:00Z.
const BEGINNING: i64 = 1_795_341_600_000;

/// A generator of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to `count - 1`.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).expect("a count");
        usize::try_from(self.next() % count).expect("below a count")
    }

    /// Whether something happens that happens in so many of a thousand cases.
    pub fn in_thousand(&mut self, cases: usize) -> bool {
        self.below(1_000) < cases
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { Some(&of[self.below(of.len())]) }
    }
}

/// Time and chance of one history.
#[derive(Debug)]
pub struct World {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    chance: Chance,
    /// Milliseconds since the beginning, which only grow.
    passed: i64,
    /// By how much the clock on the wall is off, in milliseconds.
    off: i64,
    /// Until when the task that is polled sleeps.
    sleeps: i64,
    /// Whether that task is ended where it waits next.
    doomed: bool,
    loud: bool,
    trace: VecDeque<String>,
}

impl World {
    /// `loud` keeps the trace, which takes time.
    pub fn new(seed: u64, loud: bool) -> Arc<Self> {
        let trace = VecDeque::new();
        let inner = Inner { chance: Chance::of(seed), passed: 0, off: 0, sleeps: 0, doomed: false, loud, trace };
        Arc::new(Self { inner: Mutex::new(inner) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn chance<T>(&self, ask: impl FnOnce(&mut Chance) -> T) -> T {
        ask(&mut self.inner().chance)
    }

    pub fn in_thousand(&self, cases: usize) -> bool {
        self.chance(|chance| chance.in_thousand(cases))
    }

    pub fn below(&self, count: usize) -> usize {
        self.chance(|chance| chance.below(count))
    }

    /// Lets the clock on the wall jump; nobody who waits notices.
    pub fn jump(&self, milliseconds: i64) {
        self.inner().off += milliseconds;
    }

    /// Ends whoever asks, where it waits next.
    pub fn doom(&self) {
        self.inner().doomed = true;
    }

    /// Milliseconds since the beginning, whatever the clock on the wall says.
    pub fn passed(&self) -> i64 {
        self.inner().passed
    }

    /// Notes a step for whoever reads the history.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if !self.inner().loud {
            return;
        }
        let line = format!("{:.3} {}", self.now(), line());
        let mut inner = self.inner();
        if inner.trace.len() == SHOWN {
            inner.trace.pop_front();
        }
        inner.trace.push_back(line);
    }

    /// Ends the history: what was promised does not hold.
    ///
    /// # Panics
    /// Always, with the last steps where they were kept.
    pub fn broken(&self, promise: &str) -> ! {
        let trace: Vec<String> = self.inner().trace.iter().cloned().collect();
        panic!("{}\nBROKEN: {promise}", trace.join("\n"))
    }

    pub fn check(&self, holds: bool, promise: impl FnOnce() -> String) {
        if !holds {
            self.broken(&promise());
        }
    }

    /// Lets others go first, and up to so many milliseconds pass.
    pub fn pause(&self, most: usize) -> Parked<'_> {
        let milliseconds = i64::try_from(self.below(most + 1)).expect("short");
        Parked { world: self, milliseconds, until: None }
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        let inner = self.inner();
        Timestamp::from_millisecond(BEGINNING + inner.passed + inner.off).expect("a time")
    }

    async fn sleep(&self, pause: Duration) {
        let milliseconds = i64::try_from(pause.as_millis()).expect("short");
        Parked { world: self, milliseconds, until: None }.await;
    }
}

impl Entropy for World {
    fn bytes(&self) -> [u8; 16] {
        let (high, low) = self.chance(|chance| (chance.next(), chance.next()));
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }
}

/// Waits once at least, and until the time has come.
pub struct Parked<'a> {
    world: &'a World,
    milliseconds: i64,
    until: Option<i64>,
}

impl Future for Parked<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.world.inner();
        if self.until.is_some_and(|until| until <= inner.passed) {
            return Poll::Ready(());
        }
        let until = self.until.unwrap_or(inner.passed + self.milliseconds);
        inner.sleeps = until;
        drop(inner);
        self.until = Some(until);
        Poll::Pending
    }
}

/// What a future that never waits comes to.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the store in memory never waits"),
    }
}

struct Task {
    name: u64,
    future: Pin<Box<dyn Future<Output = ()>>>,
    wakes: i64,
    ends: i64,
}

/// Tasks that run side by side.
pub struct Tasks {
    world: Arc<World>,
    tasks: Vec<Task>,
    names: u64,
    /// Those that were ended in the middle, until somebody asks.
    pub killed: Vec<u64>,
}

impl Tasks {
    pub fn new(world: Arc<World>) -> Self {
        Self { world, tasks: Vec::new(), names: 0, killed: Vec::new() }
    }

    pub fn next_name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    /// Begins a task, which is ended in the middle when it has not come to its end after so many seconds.
    pub fn begin(&mut self, name: u64, seconds: i64, future: impl Future<Output = ()> + 'static) {
        let wakes = self.world.passed();
        self.tasks.push(Task { name, future: Box::pin(future), wakes, ends: wakes + seconds * 1_000 });
    }

    /// Those that have not come to their end.
    pub fn names(&self) -> Vec<u64> {
        self.tasks.iter().map(|task| task.name).collect()
    }

    /// Ends any task in the middle.
    pub fn kill_one(&mut self) {
        if !self.tasks.is_empty() {
            let at = self.world.below(self.tasks.len());
            self.kill(at);
        }
    }

    fn kill(&mut self, at: usize) {
        let task = self.tasks.swap_remove(at);
        self.world.note(|| format!("task {} is ended in the middle", task.name));
        self.killed.push(task.name);
    }

    /// Takes so many steps of any tasks that are ready; waits for the next where none is.
    pub fn step(&mut self, count: usize) {
        for _ in 0..count {
            let Some(next) = self.tasks.iter().map(|task| task.wakes).min() else { return };
            self.poll_one(next);
        }
    }

    /// Lets so many milliseconds pass, and everything happen that happens meanwhile.
    pub fn pass(&mut self, milliseconds: i64) {
        let end = self.world.passed() + milliseconds;
        while let Some(next) = self.tasks.iter().map(|task| task.wakes).min().filter(|next| *next <= end) {
            self.poll_one(next);
        }
        let mut inner = self.world.inner();
        inner.passed = inner.passed.max(end);
    }

    pub fn run(&mut self) {
        while !self.tasks.is_empty() {
            self.step(1);
        }
    }

    fn poll_one(&mut self, next: i64) {
        let passed = {
            let mut inner = self.world.inner();
            inner.passed = (inner.passed + 1).max(next);
            inner.passed
        };
        let ready = self.tasks.iter().filter(|task| task.wakes <= passed).count();
        let which = self.world.below(ready);
        let at = (0..self.tasks.len()).filter(|at| self.tasks[*at].wakes <= passed).nth(which).expect("one is ready");
        if self.tasks[at].ends <= passed {
            return self.kill(at);
        }
        let polled = self.tasks[at].future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let doomed = std::mem::take(&mut self.world.inner().doomed);
        match polled {
            Poll::Pending if doomed => self.kill(at),
            Poll::Ready(()) => drop(self.tasks.swap_remove(at)),
            Poll::Pending => self.tasks[at].wakes = self.world.inner().sleeps,
        }
    }
}
