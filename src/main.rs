//! temporary
#![allow(dead_code, unused)]
mod agent;
mod check;
mod clock;
mod config;
mod daemon;
mod journal_file;
mod sample;
mod serve;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    tracing_subscriber::fmt().init();
    let c = config::load(&[args[3].clone().into()], &Default::default()).unwrap_or_else(|e| panic!("{e}"));
    tokio::runtime::Runtime::new().unwrap().block_on(daemon::run(c)).unwrap();
}
