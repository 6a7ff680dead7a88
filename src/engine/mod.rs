//! The engine: from a spec to stacks that run, and back to nothing.
//!
//! `desired`, `plan`, `evaluate`, `compare`, `status`, `switch`, `advice`, `estimate`, `cost` and `permissions` are pure.
//! CloudFormation is spoken to in `stack`, `change_set`, `events`, `adopt`, `delete`, `settle` and `drift`, Lambda in
//! `versions`, SES in `account` and `identity`; `existing` and `doctor` only look; `artifacts`, `keys`, `lock` and
//! `erasure` hold what CloudFormation cannot.

pub mod account;
pub mod adopt;
pub mod advice;
pub mod artifacts;
pub mod change_set;
pub mod code_only;
pub mod collect;
pub mod compare;
pub mod cost;
pub mod data;
pub mod delete;
pub mod deploy;
pub mod desired;
pub mod doctor;
pub mod drift;
pub mod erasure;
pub mod estimate;
pub mod evaluate;
pub mod events;
pub mod existing;
pub mod identity;
pub mod key_versions;
pub mod keys;
pub mod listeners;
pub mod lock;
pub mod logs;
pub mod long_form;
pub mod mail;
pub mod notes;
pub mod permissions;
pub mod plan;
pub mod progress;
pub mod proof;
pub mod release;
pub mod rollback;
#[cfg(test)]
pub mod sample;
pub mod servers;
pub mod settle;
pub mod stack;
pub mod stage;
pub mod status;
pub mod switch;
pub mod template;
pub mod token;
pub mod versions;
pub mod watch;
