//! How much work a client is asked for: little while all is quiet, more for those who come often, and for
//! everybody while the service is near its ceiling.

/// Attempts at the base level, at most; half of them on average. With the cost of one attempt (see
/// `super::proof`) that is about half a second on a mid-range phone.
const BASE: u32 = 2_000;

/// Levels above the base, each twice the one below: the last is about 8 seconds on the same phone. More
/// would shut out people with old phones before it would stop anybody with a rented machine.
const LEVELS: u32 = 4;

/// Attempts, at most, until a challenge is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difficulty(u32);

impl Difficulty {
    /// Follows from what a client has `spent` of its hourly `limit`, and from the service's `load`: the
    /// fraction of its daily ceiling that is used up, 1.0 at the ceiling. More of either never asks for less.
    pub fn of(spent: u32, limit: u32, load: f64) -> Self {
        // One level for each quarter of the budget; a client without a budget has spent it.
        let quarters = u64::from(spent).saturating_mul(4).checked_div(u64::from(limit)).unwrap_or(u64::MAX);
        let client = u32::try_from(quarters).unwrap_or(LEVELS).min(LEVELS);
        // Half a day's ceiling may well be a good day; the rest is for people more than for programs.
        let service = match load {
            ..0.5 => 0,
            0.5..0.75 => 1,
            0.75..0.9 => 2,
            0.9..1.0 => 3,
            // At the ceiling, beyond it, or with no ceiling that could be compared with.
            _ => LEVELS,
        };
        Self(BASE << client.saturating_add(service).min(LEVELS))
    }

    /// Attempts, at most; half of them on average.
    pub fn attempts(self) -> u32 {
        self.0
    }

    /// So easy that a test may solve it.
    #[cfg(test)]
    pub(super) fn easy(attempts: u32) -> Self {
        Self(attempts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quiet_service_asks_a_newcomer_for_little() {
        assert_eq!(Difficulty::of(0, 60, 0.0).attempts(), BASE);
        assert_eq!(Difficulty::of(14, 60, 0.49).attempts(), BASE);
    }

    #[test]
    fn budget_and_load_add_up_to_a_ceiling() {
        assert_eq!(Difficulty::of(15, 60, 0.0).attempts(), BASE * 2);
        assert_eq!(Difficulty::of(30, 60, 0.5).attempts(), BASE * 8);
        for (spent, limit, load) in [(60, 60, 0.0), (0, 60, 1.0), (0, 0, 0.0), (u32::MAX, 1, 9.9), (0, 60, f64::NAN)] {
            assert_eq!(Difficulty::of(spent, limit, load).attempts(), BASE * 16);
        }
    }

    proptest! {
        #[test]
        fn more_is_never_easier(
            (spent, more) in (any::<u32>(), any::<u32>()), limit: u32, (load, heavier) in (-0.5..2.0, 0.0..2.0)
        ) {
            let easy = Difficulty::of(spent, limit, load);
            prop_assert!(Difficulty::of(spent.saturating_add(more), limit, load) >= easy);
            prop_assert!(Difficulty::of(spent, limit, load + heavier) >= easy);
        }
    }
}
