//! Defence against bots without third parties: a signed age, a trap, and work to be proven.
//!
//! Pure: the time and the random bytes are passed in, and nothing is kept. Each part says what it saw; what
//! follows from it (a refusal, or only a smaller budget) is for `crate::web` to decide, and that a proof is
//! used once is for the store to see to.

mod difficulty;
mod honeypot;
pub mod proof;
pub mod stamp;

pub use difficulty::Difficulty;
pub use honeypot::{honeypot, is_filled};
