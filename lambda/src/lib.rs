//! The sign-up service that `signupctl` deploys.
//!
//! ```text
//! request -> form::Checker -> Submission -> sign_up::plan -> NewSignUp -> Store::sign_up (one transaction)
//!                                                                            |
//!            web::router <- page                                     the table's stream
//!                                                                            |
//!                 mail <- Store::lease_mail <- worker <- stream::changes <---+
//!                  |                             |
//!               Mailer                 Store::record_events
//! ```
//!
//! Before all that, [`event`] makes what API Gateway sends fit for a request.
//!
//! Left of the store everything is pure: values in, values out, the time and the random bits passed in.
//! One binary, `bootstrap`, holds three handlers: `web` answers requests, `worker` follows the stream,
//! `sweeper` sends what the stream lost. `signupctl` uses [`config`] for its spec, [`form::compile_pattern`]
//! and [`address::Address`] for its checks, and [`store`] for its lists.

pub mod address;
pub mod aws;
pub mod census;
pub mod clock;
pub mod config;
pub mod env;
pub mod event;
pub mod form;
pub mod guard;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod mail;
pub mod mailer;
pub mod openapi;
pub mod pace;
pub mod page;
pub mod store;
pub mod stream;
mod text;
pub mod token;
pub mod user;
pub mod web;
pub mod words;
pub mod worker;
