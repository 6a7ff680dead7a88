//! Histories of the service, each the same whenever it is told: one seed decides who does what, what fails, and in
//! which order.
//!
//! The store is the one in memory, SES is a fake, and the time is made up; all else is what runs in AWS. What must
//! hold is written in `simulation/witness.rs`. `SIMULATION_SEED=n` tells one history again, with its steps;
//! `SIMULATION_SEEDS=n` tells more of them than the tests do by default.

#[path = "simulation/faults.rs"]
mod faults;
#[path = "simulation/history.rs"]
mod history;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/witness.rs"]
mod witness;
#[path = "simulation/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use history::History;

pub const BASE_URL: &str = "https://join.example.com";

/// How many histories are told by default, by both tests together.
const SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Tells every second history; the other half is told by another thread.
fn tell(half: u64) {
    if let Some(seed) = number("SIMULATION_SEED") {
        if seed % 2 == half {
            History::new(seed, true).run();
        }
        return;
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    for seed in (0..seeds).filter(|seed| seed % 2 == half) {
        if catch_unwind(AssertUnwindSafe(|| History::new(seed, false).run())).is_err() {
            // Told once more, with its steps.
            let again = catch_unwind(AssertUnwindSafe(|| History::new(seed, true).run()));
            let why = again.expect_err("a history is the same whenever it is told");
            let why = why.downcast::<String>().map_or_else(|_| "a panic".to_owned(), |why| *why);
            panic!("{why}\nreplay: SIMULATION_SEED={seed} cargo test -p signup-service --test simulation");
        }
    }
}

#[test]
fn five_thousand_even_seeds_hold() {
    tell(0);
}

#[test]
fn five_thousand_odd_seeds_hold() {
    tell(1);
}
