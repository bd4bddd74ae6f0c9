//! Timelines: a few lines of text against the rendered verdicts.

mod kafka;
mod mongo;
mod mongodb;
mod properties;
mod rules;
mod world;
