//! `cutover-agent`: says when each step of moving MongoDB and Kafka to another infrastructure is safe. Arguments in, exit
//! code out; everything else is behind the modules.

mod agent;
mod check;
mod cli;
mod clock;
mod config;
mod daemon;
mod journal_file;
mod journal_folder;
mod record;
mod rehearse;
mod sample;
mod serve;

use cli::Command;
use cli::args::{CheckArgs, PlaybookArgs, RunArgs};
use config::Config;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let code = match cli::parse().command {
        Command::Run(a) => run(&a),
        Command::Check(a) => check(&a),
        Command::Playbook(a) => playbook(&a),
        Command::Rehearse(a) => rehearse::run(&a),
        Command::Client(c) => cli::client(c),
    };
    ExitCode::from(code)
}

/// Loads the configuration or says everything that is wrong with it.
fn load(files: &[PathBuf]) -> Result<Config, u8> {
    config(files).map_err(|e| {
        eprintln!("{e}");
        cli::exit::USAGE
    })
}

/// Loads the configuration.
fn config(files: &[PathBuf]) -> Result<Config, String> {
    let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    config::load(files, &env).map_err(|e| e.to_string())
}

fn run(a: &RunArgs) -> u8 {
    let config = match load(&a.config) {
        Ok(c) => c,
        Err(code) => return code,
    };
    log();
    let ended = match runtime() {
        Ok(rt) => {
            let ended = rt.block_on(daemon::run(config, a.record.as_deref(), a.record_limit));
            // A reader of librdkafka that will not end must not keep the process.
            rt.shutdown_timeout(std::time::Duration::from_secs(2));
            ended
        }
        Err(e) => Err(e),
    };
    match ended {
        Ok(()) => cli::exit::OK,
        Err(e) => {
            tracing::error!("{e}");
            cli::exit::NOT_NOW
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start the runtime: {e}"))
}

/// For people on a terminal, JSON otherwise; `CUTOVER_LOG` sets the level (`info`, `cutover_agent=debug`, …).
fn log() {
    let filter = EnvFilter::try_from_env("CUTOVER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.with_target(false).compact().init();
    } else {
        log.json().flatten_event(true).with_target(false).init();
    }
}

fn playbook(a: &PlaybookArgs) -> u8 {
    let settings = match a.config.is_empty() {
        true => None,
        false => match load(&a.config) {
            Ok(c) => Some(c.settings),
            Err(code) => return code,
        },
    };
    // A closed pipe is not worth more than silence.
    let _ = writeln!(std::io::stdout(), "{}", cli::playbook(a, settings.as_ref()).trim_end());
    cli::exit::OK
}

fn check(a: &CheckArgs) -> u8 {
    let config = match load(&a.config) {
        Ok(c) => c,
        Err(code) => return code,
    };
    let mut out = std::io::stdout().lock();
    for w in &config.warnings {
        eprintln!("warning: {w}");
    }
    if !a.connect {
        let shown = match a.json {
            true => serde_json::json!({ "valid": true, "config_hash": &*config.settings.config_hash }).to_string(),
            false => config.explain(),
        };
        let _ = writeln!(out, "{}", shown.trim_end());
        return cli::exit::OK;
    }
    let rows = match runtime() {
        Ok(rt) => {
            let rows = rt.block_on(async {
                let (samples, _taken) = tokio::sync::mpsc::channel(1);
                let (_demands, wanted) = tokio::sync::watch::channel(BTreeSet::new());
                let mut rows = check::connect(&daemon::samplers(&config, &samples, &wanted), &config.settings).await;
                rows.extend(check::probes(daemon::probers(&config, &samples), &config.settings.probes).await);
                rows.extend(check::unread(&config));
                rows
            });
            rt.shutdown_timeout(std::time::Duration::from_secs(1));
            rows
        }
        Err(e) => {
            eprintln!("{e}");
            return cli::exit::NOT_NOW;
        }
    };
    let shown = match a.json {
        true => serde_json::to_string_pretty(&rows).unwrap_or_default(),
        false => check::table(&rows),
    };
    let _ = writeln!(out, "{}", shown.trim_end());
    check::exit_code(&rows)
}
