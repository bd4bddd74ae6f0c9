//! A simulated estate with a known truth, and migrations on it that try to make `cutover-core` say a false go.
//!
//! [`model`] is the servers and what talks to them, [`sampler`] turns them into samples, [`agent`] is the real gate
//! around them, [`operator`] the person who migrates, [`truth`] what is safe, told from the servers alone. [`world`]
//! drives them all on one queue of events from one seed: the same seed, the same run. [`scenario`] is the language of
//! the files in `scenarios/`, [`random`] writes such scenarios, [`shrink`] makes a failing one small, [`mutate`] breaks
//! rules on purpose to show that the proof can fail.
//!
//! Left out: several positions of one consumer, partial assignments, share and streams groups, renames, pods. What else is
//! not shown is in `docs/proof.md`.

pub mod agent;
pub mod campaign;
pub mod long;
pub mod model;
pub mod mutate;
pub mod operator;
pub mod operator_mongodb;
pub mod operator_services;
pub mod random;
pub mod random_mongodb;
pub mod random_services;
pub mod report;
pub mod sampler;
pub mod sampler_mongodb;
pub mod scenario;
pub mod scenario_mongodb;
pub mod scenario_services;
pub mod script;
pub mod script_mongodb;
pub mod script_services;
pub mod shrink;
pub mod truth;
pub mod truth_mongodb;
pub mod truth_services;
pub mod vocabulary;
pub mod watch;
pub mod watch_services;
pub mod world;
pub mod world_mongodb;
pub mod world_services;

/// The wall clock's milliseconds at the start of every run.
pub const EPOCH: i64 = 1_790_000_000_000;

/// The scenarios of `scenarios/` by name, in order: part of the program, so that a rehearsal needs no file.
pub const SCENARIOS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));
