//! Timelines: a few lines of text against the rendered verdicts.

mod arrivals;
mod audit;
mod kafka;
mod mongo;
mod mongo_truth;
mod mongodb;
mod mongodb_found;
mod probes;
mod properties;
mod rules;
mod services;
mod services_found;
mod services_truth;
mod words;
mod world;
