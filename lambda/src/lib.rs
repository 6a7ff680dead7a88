//! The sign-up service that `signupctl` deploys.
//!
//! ```text
//! request -> form::Checker -> Submission -> User::receive -> Store::save (one item, unless somebody was faster)
//!    |                             ^                              |
//!    +-> guard, budgets        ledger                     the table's stream
//!    |                                                            |
//! web::router <- page               mail <- User::take <- worker <- stream::changes
//!                                    |           |
//!                                 Mailer   counting::settle (users and counters, each change once)
//! ```
//!
//! In Lambda, [`gateway`] makes a request of what API Gateway sends, and of the response what it wants back.
//!
//! What a user is, and every change of one, is pure ([`user`]): values in, values out, the time and the random bits
//! passed in. A store keeps the value and decides nothing. What subscribers are to be told of a change is kept in the
//! user too ([`event`]), until the worker has told it ([`publisher`]).
//! [`admin`] is who may look at users, how they prove it and what they did.
//! One binary, `bootstrap`, holds four handlers: `web` answers requests, `worker` follows the stream,
//! `sweeper` sends what the stream lost, `feedback` hears what SES reports of the mail. [`openapi`] tells programs what
//! [`form`] checks. `signupctl` uses [`config`] for its spec, [`form`] and [`address`] for its checks, and [`store`]
//! for what it does with users.

pub mod address;
pub mod admin;
pub mod assemble;
pub mod aws;
pub mod census;
pub mod clock;
pub mod config;
pub mod counting;
#[cfg(feature = "try")]
pub mod dev;
pub mod digest;
pub mod env;
pub mod event;
pub mod export;
pub mod feedback;
pub mod form;
pub mod gateway;
pub mod guard;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod mail;
pub mod mailer;
pub mod notice;
pub mod openapi;
pub mod pace;
pub mod page;
pub mod publisher;
pub mod refusals;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod stream;
mod text;
pub mod token;
pub mod tombstone;
pub mod user;
pub mod web;
pub mod words;
pub mod worker;
