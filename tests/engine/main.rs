//! The engine against an AWS that misbehaves: stacks in every state, and calls that fail in every way. A proxy before
//! the real emulator does what the emulator cannot.

mod adoption;
mod faults;
mod frugal;
mod proxy;
mod releases;
mod statuses;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod watching;
