//! Timelines: a few lines of text against the rendered verdicts.

mod kafka;
mod mongo;
mod mongo_truth;
mod mongodb;
mod probes;
mod properties;
mod rules;
mod services;
mod world;
