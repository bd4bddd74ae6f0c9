//! The sans-I/O core of `cutover-agent`: what was measured, what it means, and whether a step may be taken.
//!
//! One way through: samples enter the [`estate`], the [`gate`] evaluates the [`playbook`] over it and over the
//! [`facts`], and a [`gate::board::Board`] comes out. Nothing here reads a clock, a file or a socket; time is an
//! argument. The compiler keeps the direction: this crate knows neither the samplers nor the surfaces.

mod code;
pub mod estate;
pub mod facts;
pub mod gate;
pub mod hint;
pub mod journal;
pub mod looked;
pub mod measures;
pub mod pattern;
pub mod playbook;
pub mod reading;
pub mod render;
pub mod settings;
pub mod time;
pub mod view;

/// A name shared by many readings: topic, group, producer, client id.
pub type Name = std::sync::Arc<str>;
