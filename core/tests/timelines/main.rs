//! Timelines: a few lines of text against the rendered verdicts.

mod arrivals;
mod audit;
mod dwells;
mod kafka;
mod lockstep;
mod lockstep_found;
mod mongo;
mod mongo_truth;
mod mongodb;
mod mongodb_found;
mod probes;
mod properties;
mod refused;
mod refused_kafka;
mod refused_mongodb;
mod refused_services;
mod rules;
mod services;
mod services_found;
mod services_truth;
mod shown;
mod stories;
mod told;
mod traces;
mod words;
mod world;
