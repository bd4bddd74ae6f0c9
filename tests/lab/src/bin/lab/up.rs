//! `lab up`: everything started, until Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use cutover_lab::{Error, MongoPair, MongoShop, MongoShopOptions, Names, Pair, Result, Shop, ShopOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::estate::{Estate, KafkaPart, MongoPart, locked};
use crate::files::{CONFIG, RunFolder};
use crate::{Run, control};

/// What the estate shall be like.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    run: Run,
    /// Only this part; both by default
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// The shop's database
    #[arg(long, default_value = "shop")]
    database: String,
    /// Seconds between two refreshes of the mirror's numbers; MongoMirror takes 10
    #[arg(long, default_value_t = 1.0)]
    refresh: f64,
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

/// A part of the estate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Kafka,
    Mongodb,
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
        let mut estate = Estate { kafka: None, mongodb: None };
        if self.only != Some(Only::Kafka) {
            estate.mongodb = Some(self.mongodb()?);
        }
        if again.load(Ordering::SeqCst) {
            return Ok(());
        }
        if self.only != Some(Only::Mongodb) {
            estate.kafka = Some(self.kafka()?);
        }
        if again.load(Ordering::SeqCst) {
            return Ok(());
        }
        let port = folder.write_agent(&estate)?;
        let estate = Arc::new(estate);
        let door = control::listen(&estate).map_err(io("open the control port"))?;
        folder.write_door(&door)?;
        greet(&folder, port, &estate);

        let _ = signals.forever().next();
        eprintln!("lab: ending everything (Ctrl-C again to hurry)");
        estate.resume();
        drop(sole(estate));
        drop(folder);
        eprintln!("lab: nothing is left running");
        Ok(())
    }
}

impl Up {
    fn kafka(&self) -> Result<KafkaPart> {
        let pair = Pair::start()?;
        let names = Names::renamed(dotted(&self.prefix), dotted(&self.destination_prefix));
        let mut options = ShopOptions::named(names).rate(self.rate);
        options.kip848 = !self.no_kip848;
        let shop = Shop::open(&pair, options)?;
        shop.start()?;
        Ok(KafkaPart { shop, pair: Mutex::new(pair) })
    }

    fn mongodb(&self) -> Result<MongoPart> {
        let pair = MongoPair::start()?;
        let mut options = MongoShopOptions::database(&self.database).rate(self.rate);
        let refresh = Duration::from_secs_f64(self.refresh.clamp(0.1, 60.0));
        for mirror in &mut options.mirrors {
            mirror.refresh_ms = u64::try_from(refresh.as_millis()).unwrap_or(1_000);
        }
        options.following_within = options.following_within.max(refresh + Duration::from_secs(5));
        let shop = MongoShop::open(&pair, options)?;
        shop.start()?;
        Ok(MongoPart { shop, pair: Mutex::new(pair) })
    }
}

fn greet(folder: &RunFolder, port: u16, estate: &Estate) {
    println!();
    if let Some(part) = &estate.kafka {
        let pair = locked(&part.pair);
        println!("  source       Kafka {}  {}", pair.source.version(), pair.source.bootstrap());
        println!("  destination  Kafka {}  {}", pair.destination.version(), pair.destination.bootstrap());
    }
    if let Some(part) = &estate.mongodb {
        let pair = locked(&part.pair);
        let version = cutover_lab::MONGOD_VERSION;
        println!("  source       MongoDB {version}  {}", pair.source.hosts());
        println!("  destination  MongoDB {version}  {}", pair.destination.hosts());
    }
    println!();
    println!("run the agent on it (it will listen on 127.0.0.1:{port}; its waiting times are a tenth):");
    println!();
    println!("  cutover-agent run --config '{}'", folder.join(CONFIG).display());
    println!();
    println!("what a configuration of your own needs (all of it is in that file):");
    println!();
    for line in needs(estate) {
        println!("  {line}");
    }
    println!("  addresses and credentials: {}", folder.join("").display());
    println!();
    println!("act on it from another terminal: `lab status`, `lab do --help`. Ctrl-C ends it.");
}

/// What only this lab knows of its estate, and a configuration has to say.
fn needs(estate: &Estate) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(part) = &estate.kafka {
        let names = part.shop.names();
        lines.push(format!("topics \"{}*\"; at the destination \"{}*\"", names.source, names.destination));
        lines.push(
            "producers crm-cdc on *.crm.*.ingestion, erp-etl on *.erp.*.ingestion; both write all the time".into(),
        );
        lines.push("client ids of consumers: {service}-src-*, {service}-dst-*".into());
    }
    if let Some(part) = &estate.mongodb {
        lines.push(format!("database {}; both sides run 6.0, so `unsupported_versions`", part.shop.options().database));
        for name in part.shop.mirrors() {
            let Ok(mirror) = part.shop.mirror(&name) else { continue };
            let o = mirror.options();
            let clients = format!("{}, {}", o.source_app, o.destination_app);
            lines.push(format!("mirror {name}, not started yet: status at {}, app names {clients}", mirror.url()));
        }
        lines.push(
            "app names: readers crud-*, writers svc-*, at the destination {service}-dst; bystanders lab-*".into(),
        );
    }
    lines
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
