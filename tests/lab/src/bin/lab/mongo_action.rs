//! What can be done to the MongoDB part of a running lab.

use clap::{Args, Subcommand, ValueEnum};
use cutover_lab::{Error, Faults, MongoShop, Result, Side};
use serde::{Deserialize, Serialize};

use crate::action::At;
use crate::estate::{MongoPart, locked};

/// An action on the MongoDB part.
#[derive(Debug, Clone, PartialEq, Subcommand, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub(crate) enum MongoAction {
    /// Start the mirrors and wait until they follow: all, or a further run of one
    StartMirror {
        /// The one; a further run goes on from its bookmark
        name: Option<String>,
        /// From scratch: drop at the destination what it carries
        #[arg(long)]
        drop: bool,
    },
    /// End the mirrors
    StopMirror,
    /// Kill a mirror
    KillMirror {
        #[arg(default_value = "mirror")]
        name: String,
    },
    /// Make a mirror fail: exactly the given faults; without any it is mended
    MirrorFault {
        #[arg(default_value = "mirror")]
        name: String,
        #[command(flatten)]
        fault: Fault,
    },
    /// Drop an index at the destination, as a mirror that has lost one would leave it
    DropIndex {
        #[arg(default_value = "mirror")]
        name: String,
        /// The namespace
        #[arg(long, default_value = "shop.orders")]
        namespace: String,
        /// The index
        #[arg(long, default_value = "open")]
        index: String,
    },
    /// Let the readers connect to the destination
    SwitchReaders,
    /// End the writers at the source
    StopWriters,
    /// Start the writers on the destination, or at the source again
    StartWriters {
        #[arg(long, value_enum, default_value_t = At::Destination)]
        side: At,
    },
    /// Start one writer; svc-flaky is the one in a crash loop
    StartWriter {
        #[arg(default_value = "svc-flaky")]
        name: String,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// End one service, writer or reader
    StopService {
        name: String,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Deploy the services anew on the other infrastructure, connected where they were
    Redeploy {
        #[arg(value_enum, default_value_t = At::Destination)]
        home: At,
    },
    /// Turn the user write block of a side on or off
    WriteBlock {
        #[arg(value_enum)]
        switch: Switch,
        #[arg(long, value_enum, default_value_t = At::Destination)]
        side: At,
    },
    /// Count every collection on both sides
    CountCheck,
    /// Write documents by hand
    Write {
        /// The collection
        #[arg(long, default_value = "orders")]
        collection: String,
        /// How many
        #[arg(long, default_value_t = 1)]
        documents: usize,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Open a transaction on MongoDB and leave it open
    OpenMongoTransaction {
        /// The collections it writes
        #[arg(default_values_t = ["orders".to_owned(), "payments".to_owned()])]
        collections: Vec<String>,
        /// How many documents into each
        #[arg(long, default_value_t = 1)]
        documents: usize,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Commit an open transaction on MongoDB: the given one, or all
    CommitMongoTransaction { id: Option<String> },
    /// Abort an open transaction on MongoDB: the given one, or all
    AbortMongoTransaction { id: Option<String> },
    /// Stop the members of a replica set from running; their connections stay open and silent
    FreezeMongo {
        #[arg(value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Let them run on
    ThawMongo {
        #[arg(value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Make the primary of a side step down
    StepDown {
        #[arg(value_enum, default_value_t = At::Source)]
        side: At,
        /// For how long
        #[arg(long, default_value_t = 5)]
        seconds: u32,
    },
}

/// A switch, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Switch {
    On,
    Off,
}

/// The faults of a mirror, on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// It tells this errorMessage and replicates no more, at lag 0
    #[arg(long)]
    error: Option<String>,
    /// It stands and goes on answering
    #[arg(long)]
    stuck: bool,
    /// Its port refuses, it goes on replicating
    #[arg(long)]
    refuse: bool,
    /// It holds the very last entry back
    #[arg(long)]
    hold_last: bool,
    /// It publishes a position that many increments ahead, or behind
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    shift: i64,
    /// It applies everything that many milliseconds late
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

impl MongoAction {
    /// Does it, and says what was done.
    pub(crate) fn perform(&self, part: &MongoPart) -> Result<String> {
        let shop = &part.shop;
        match self {
            MongoAction::StartMirror { name: None, drop: false } => {
                shop.start_mirrors().map(|()| "the mirrors follow the source".into())
            }
            MongoAction::StartMirror { name, drop } => {
                let names = name.clone().map_or_else(|| shop.mirrors(), |name| vec![name]);
                names.iter().try_for_each(|name| shop.start_mirror(name, *drop))?;
                Ok(format!("a new run of {}", names.join(", ")))
            }
            MongoAction::StopMirror => shop.stop_mirrors().map(|()| "the mirrors have ended".into()),
            MongoAction::KillMirror { name } => shop.kill_mirror(name).map(|()| format!("{name} was killed")),
            MongoAction::MirrorFault { name, fault } => {
                let faults = Faults {
                    error: fault.error.clone(),
                    stuck: fault.stuck,
                    refuse: fault.refuse,
                    hold_last: fault.hold_last,
                    shift: fault.shift,
                    delay_ms: fault.delay_ms,
                };
                shop.set_faults(name, &faults)?;
                Ok(if faults == Faults::default() {
                    format!("{name} is mended")
                } else {
                    format!("{name}: {faults:?}")
                })
            }
            MongoAction::DropIndex { name, namespace, index } => {
                shop.mirror(name)?.drop_index(namespace, index)?;
                Ok(format!("{namespace} has no index {index} at the destination"))
            }
            MongoAction::SwitchReaders => shop.switch_readers().map(|()| "the readers read at the destination".into()),
            MongoAction::StopWriters => shop.stop_writers().map(|()| "no writer runs at the source".into()),
            MongoAction::StartWriters { side } => {
                shop.start_writers((*side).into())?;
                Ok(format!("the writers run at the {}", Side::from(*side)))
            }
            MongoAction::StartWriter { name, side } => {
                shop.start_writer((*side).into(), name)?;
                Ok(format!("{name} runs at the {}", Side::from(*side)))
            }
            MongoAction::StopService { name, side } => {
                shop.stop_service((*side).into(), name).map(|()| format!("{name} is gone"))
            }
            MongoAction::Redeploy { home } => {
                shop.redeploy((*home).into())?;
                Ok(format!("the services run on the {}'s infrastructure", Side::from(*home)))
            }
            MongoAction::WriteBlock { switch, side } => {
                shop.write_block((*side).into(), *switch == Switch::On)?;
                Ok(format!("the write block of the {} is {switch:?}", Side::from(*side)).to_lowercase())
            }
            MongoAction::CountCheck => counts(shop),
            MongoAction::Write { collection, documents, side } => {
                shop.write((*side).into(), collection, *documents)?;
                Ok(format!("{documents} documents written to {collection}"))
            }
            MongoAction::OpenMongoTransaction { collections, documents, side } => {
                let names: Vec<_> = collections.iter().map(String::as_str).collect();
                let id = shop.open_transaction((*side).into(), &names, *documents)?;
                Ok(format!("transaction {id} is open"))
            }
            MongoAction::CommitMongoTransaction { id } => {
                end(shop, id.as_deref(), MongoShop::commit_transaction, "committed")
            }
            MongoAction::AbortMongoTransaction { id } => {
                end(shop, id.as_deref(), MongoShop::abort_transaction, "aborted")
            }
            MongoAction::FreezeMongo { side } => halt(part, (*side).into(), true),
            MongoAction::ThawMongo { side } => halt(part, (*side).into(), false),
            MongoAction::StepDown { side, seconds } => {
                let side = Side::from(*side);
                locked(&part.pair).set(side).step_down(*seconds)?;
                Ok(format!("the primary of the {side} has stepped down for {seconds} s"))
            }
        }
    }

    /// Whether it may be done while another action is still running: what ends a wait.
    pub(crate) fn is_urgent(&self) -> bool {
        matches!(self, MongoAction::ThawMongo { .. })
    }
}

fn counts(shop: &MongoShop) -> Result<String> {
    let lines = shop.count_check()?.into_iter().map(|(namespace, [source, destination])| {
        let verdict = if source == destination { "equal" } else { "different" };
        format!("{namespace:<24} {source:>8} {destination:>8}  {verdict}")
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn end(shop: &MongoShop, id: Option<&str>, how: impl Fn(&MongoShop, &str) -> Result<()>, done: &str) -> Result<String> {
    let ids = id.map_or_else(|| shop.open_transactions(), |id| vec![id.to_owned()]);
    if ids.is_empty() {
        return Err(Error::Usage("no transaction is open".to_owned()));
    }
    ids.iter().try_for_each(|id| how(shop, id))?;
    Ok(format!("{done}: {}", ids.join(", ")))
}

fn halt(part: &MongoPart, side: Side, freeze: bool) -> Result<String> {
    let mut pair = locked(&part.pair);
    let set = pair.set_mut(side);
    for member in 0..set.members() {
        if freeze { set.freeze(member)? } else { set.thaw(member)? }
    }
    let text = format!("MongoDB at the {side} is {}", if freeze { "frozen" } else { "running" });
    part.shop.oracle().note(text.clone());
    Ok(text)
}
