//! The engine against an AWS that misbehaves: stacks in every state, and calls that fail in every way. A proxy before
//! the real emulator does what the emulator cannot.

mod adoption;
mod faults;
mod frugal;
mod releases;
mod statuses;
mod together;
mod watching;
