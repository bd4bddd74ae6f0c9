//! Every check of the track refuses by itself.
