//! `rehearse`: a whole migration of a simulated estate in virtual time, with the real gate, journal file, HTTP answers
//! and metrics on it, told line by line.
//!
//! `plan` says what is rehearsed and by which limits, `drive` turns the clock and the world, `outside` puts the real
//! journal and surfaces around the simulation's agent, `account` sees what happens, `say` writes it, `table` sums it up,
//! `suite` runs every scenario. What happens depends on the seed alone, never on the speed or on the machine.

mod account;
mod drive;
mod invent;
mod invent_mongodb;
mod invent_services;
mod measured;
mod outside;
mod plan;
mod replay;
mod report;
mod say;
mod scenario;
mod suite;
mod table;
#[cfg(test)]
mod tests;

use crate::agent::Handle;
use crate::cli::args::RehearseArgs;
use crate::cli::exit;
use crate::clock::{Clock, Turned};
use crate::record::Recorder;
use crate::serve;
pub(crate) use drive::Pace;
#[cfg(test)]
pub(crate) use replay::Replay;

use arc_swap::ArcSwap;
use cutover_core::Name;
use cutover_kafka::Secret;
use drive::{Drive, Ended};
use outside::Outside;
use plan::Plan;
use say::Say;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// Whoever shows this to a rehearsal may hold, confirm and so on; it opens nothing else.
const TOKEN: &str = "this-is-only-a-rehearsal";
/// How long a rehearsal takes when nobody says otherwise, in milliseconds of the machine.
const FITS: i64 = 120_000;

/// Runs the command and returns its exit code.
pub(crate) fn run(args: &RehearseArgs) -> u8 {
    let mut out = std::io::stdout();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && !args.json;
    if args.all {
        return suite::run(args.json, &mut out);
    }
    if let Some(file) = &args.replay {
        return replayed(args, file, &mut Say::new(&mut out, args.json, colour));
    }
    let plan = match Plan::of(args) {
        Ok(plan) => plan,
        Err(said) => {
            eprintln!("{said}");
            return exit::USAGE;
        }
    };
    let mut say = Say::new(&mut out, args.json, colour);
    let ended = match crate::runtime() {
        Ok(rt) => {
            let ended = rt.block_on(play(args, plan, &mut say));
            rt.shutdown_timeout(std::time::Duration::from_secs(2));
            ended
        }
        Err(e) => Err(e),
    };
    match ended {
        Ok(true) => exit::OK,
        Ok(false) => exit::NOT_NOW,
        Err(said) => {
            eprintln!("rehearse: {said}");
            exit::NOT_NOW
        }
    }
}

/// Tells a recording.
fn replayed(args: &RehearseArgs, file: &Path, say: &mut Say<'_>) -> u8 {
    if args.record.is_some() && !args.config.is_empty() {
        eprintln!(
            "rehearse: --replay with --record writes what this version answers by the recorded settings: leave out --config"
        );
        return exit::USAGE;
    }
    let recorder = match args.record.as_deref().map(|to| Recorder::anew(to, args.record_limit)).transpose() {
        Ok(recorder) => recorder,
        Err(said) => {
            eprintln!("rehearse: {said}");
            return exit::USAGE;
        }
    };
    let other = match args.config.is_empty() {
        true => None,
        false => match crate::config(&args.config) {
            Ok(c) => Some(c),
            Err(said) => {
                eprintln!("{said}");
                return exit::USAGE;
            }
        },
    };
    match replay::run(file, other.as_ref(), recorder, say) {
        Ok(true) => exit::OK,
        Ok(false) => exit::NOT_NOW,
        Err(said) => {
            eprintln!("rehearse: {said}");
            exit::USAGE
        }
    }
}

/// Serves and plays; whether the migration came to its end as it should.
async fn play(args: &RehearseArgs, plan: Plan, say: &mut Say<'_>) -> Result<bool, String> {
    let listener = TcpListener::bind(args.listen).await.map_err(|e| {
        format!(
            "cannot listen on {}: {e}; an agent or another rehearsal may be running there: stop it, or choose another \
             port with --listen 127.0.0.1:9821",
            args.listen
        )
    })?;
    let at = listener.local_addr().map_err(|e| e.to_string())?;
    let pace = match args.speed {
        Some(pace) => pace,
        None => Pace::fitting(plan.lasts(), FITS),
    };
    // Dropping it removes the folder.
    let temporary =
        match args.data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("cutover-rehearsal-").tempdir().map_err(|e| {
                format!("cannot create a temporary folder for the journal: {e}; name one with --data-dir")
            })?),
        };
    let folder = args.data_dir.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let folder = folder.ok_or("there is no folder for the journal")?.join(format!("{}-1", plan.settings.migration));

    let clock = Arc::new(Turned::default());
    let (asking, requests) = mpsc::channel(64);
    let published = Arc::new(ArcSwap::from_pointee(None));
    let handle = Handle { published: published.clone(), requests: asking, clock: Clock::Simulated(clock.clone()) };
    let (stop, stopped) = watch::channel(false);
    let tokens = [(Name::from("you"), Secret::new(TOKEN))].into_iter().collect();
    let serving = tokio::spawn(serve::serve(listener, handle, tokens, stopped.clone()));
    let interrupt = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.send_replace(true);
        }
    });
    let _ = writeln!(
        std::io::stderr(),
        "answers at http://{at} while it runs, {pace}; in another terminal:\n  \
         curl -H 'Accept: text/plain' http://{at}/ready/stop-consumers\n  \
         CUTOVER_AGENT=http://{at} cutover-agent status --watch\n  \
         CUTOVER_AGENT=http://{at} CUTOVER_TOKEN={TOKEN} cutover-agent hold stop-consumers --reason \"lunch\"\n"
    );

    let recorder = args.record.as_deref().map(|file| Recorder::anew(file, args.record_limit)).transpose()?;
    let outside = Outside::open(&folder, &plan, published)?.recorded(recorder);
    let ended = tokio::task::block_in_place(|| {
        let rt = tokio::runtime::Handle::current();
        let mut drive = Drive::new(plan, outside, clock, requests, stopped, pace);
        let ended = drive.play(&rt, say)?;
        let good = drive.sum_up(ended, args.report.as_deref(), say)?;
        if args.stay && ended != Ended::Stopped {
            let _ = writeln!(
                std::io::stderr(),
                "\nstill answering at http://{at}; its time stands still now; ctrl-c ends it"
            );
            drive.stay(&rt);
        }
        Ok(good)
    });
    stop.send_replace(true);
    let _ = serving.await;
    ended
}
