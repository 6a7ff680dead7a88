//! The service's tests that share a world: one binary, so that the compiler sees what of it nobody uses.

mod admin;
mod admins;
mod alike;
mod bots;
mod capacity;
mod conformance;
mod digests;
mod edge;
mod feedback;
mod folded;
mod keys;
mod known;
mod late;
mod notifications;
mod replay;
mod store;
mod store_counts;
mod store_news;
mod support;
mod web;
mod worker;
