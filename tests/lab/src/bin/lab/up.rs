//! `lab up`: everything started, until Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Args;
use cutover_lab::{Error, Names, Pair, Result, Shop, ShopOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::files::{CONFIG, RunFolder};
use crate::{Run, control};

/// What the estate shall be like.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    run: Run,
    /// What the shop's topics and groups begin with at the source
    #[arg(long, default_value = "shop.PROD.")]
    prefix: String,
    /// What the topics begin with at the destination; the same as --prefix to rename nothing
    #[arg(long, default_value = "shop.prod.")]
    destination_prefix: String,
    /// Records a second of each external producer
    #[arg(long, default_value_t = 5.0)]
    rate: f64,
    /// Without the KIP-848 group, which costs a small Java process at the source
    #[arg(long)]
    no_kip848: bool,
}

impl Up {
    pub(crate) fn perform(&self) -> Result<()> {
        let io = |doing: &str| {
            let doing = doing.to_owned();
            move |source| Error::Io { doing, source }
        };
        // The first Ctrl-C ends the lab in order, a second one at once: the servers die with it.
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&again))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&again)))
                .map_err(io("listen for signals"))?;
        }
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(io("listen for signals"))?;

        let folder = RunFolder::take(&self.run.folder()?)?;
        let names = Names::renamed(dotted(&self.prefix), dotted(&self.destination_prefix));
        let pair = Pair::start()?;
        if again.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut options = ShopOptions::named(names.clone()).rate(self.rate);
        options.kip848 = !self.no_kip848;
        let shop = Shop::open(&pair, options)?;
        shop.start()?;
        let port = folder.write_agent(&pair, &names)?;

        let pair = Arc::new(Mutex::new(pair));
        let shop = Arc::new(shop);
        let door = control::listen(Arc::clone(&shop), Arc::clone(&pair)).map_err(io("open the control port"))?;
        folder.write_door(&door)?;
        greet(&folder, port, &pair);

        let _ = signals.forever().next();
        eprintln!("lab: ending everything (Ctrl-C again to hurry)");
        // A paused broker would keep the services waiting.
        resume(&pair);
        drop(sole(shop));
        drop(sole(pair));
        drop(folder);
        eprintln!("lab: nothing is left running");
        Ok(())
    }
}

fn greet(folder: &RunFolder, port: u16, pair: &Mutex<Pair>) {
    let pair = pair.lock().unwrap_or_else(PoisonError::into_inner);
    println!();
    println!("  source       Kafka {}  {}", pair.source.version(), pair.source.bootstrap());
    println!("  destination  Kafka {}  {}", pair.destination.version(), pair.destination.bootstrap());
    println!();
    println!("run the agent on it (it will listen on 127.0.0.1:{port}):");
    println!();
    println!("  cutover-agent run --config '{}'", folder.join(CONFIG).display());
    println!();
    println!("act on it from another terminal: `lab status`, `lab do --help`. Ctrl-C ends it.");
}

fn resume(pair: &Mutex<Pair>) {
    let mut pair = pair.lock().unwrap_or_else(PoisonError::into_inner);
    for side in cutover_lab::Side::BOTH {
        let cluster = pair.cluster_mut(side);
        for node in 0..cluster.brokers() {
            let _ = cluster.resume(node);
        }
    }
}

/// The value itself, once the last action that still runs has let go of it; after a while, without it.
fn sole<T>(mut shared: Arc<T>) -> Option<T> {
    let mut left = 100;
    loop {
        match Arc::try_unwrap(shared) {
            Ok(value) => return Some(value),
            Err(_) if left == 0 => return None,
            Err(back) => shared = back,
        }
        left -= 1;
        thread::sleep(Duration::from_millis(100));
    }
}

/// A prefix ends with a dot.
fn dotted(prefix: &str) -> String {
    format!("{}.", prefix.trim_end_matches('.'))
}
