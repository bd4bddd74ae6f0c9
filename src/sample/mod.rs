//! Samplers: one place per kind of target. They know servers and nothing of steps.

pub(crate) mod kafka;
