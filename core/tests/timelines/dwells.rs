//! Dwells.
