//! Timelines: a few lines of text against the rendered verdicts.

mod arrivals;
mod kafka;
mod properties;
mod rules;
mod world;
