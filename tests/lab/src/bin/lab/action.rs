//! What can be done to a running lab: one type for the command line and for the control port.

use clap::{Subcommand, ValueEnum};
use cutover_lab::{Error, ProducerOptions, Result, Shop, Side, Stop};
use serde::{Deserialize, Serialize};

use crate::estate::{Estate, KafkaPart, locked};
use crate::mongo_action::MongoAction;

/// An action on the running lab. Topics may be named without their prefix.
#[derive(Debug, Clone, PartialEq, Subcommand, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Take the external producers over to the destination
    SwitchProducers,
    /// End the services at the source
    StopConsumers {
        /// Without leaving their groups, as if they had been killed
        #[arg(long)]
        crash: bool,
    },
    /// Commit the recorded start for every group on the destination
    Seed,
    /// Start the services on the destination, or at the source again
    StartConsumers {
        #[arg(long, value_enum, default_value_t = At::Destination)]
        side: At,
    },
    /// Delete the shop's topics at the source
    RetireSource,
    /// Open a transaction and leave it open
    OpenTransaction {
        /// The topic to write to
        #[arg(long, default_value = "erp.orders.ingestion")]
        topic: String,
        /// How many records to write
        #[arg(long, default_value_t = 1)]
        records: usize,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Commit an open transaction: the given one, or all
    CommitTransaction { id: Option<String> },
    /// Abort an open transaction: the given one, or all
    AbortTransaction { id: Option<String> },
    /// Start a producer nobody has told the agent about
    ForgetProducer {
        /// Its name
        #[arg(default_value = "forgotten")]
        name: String,
        /// The topic to write to
        #[arg(long, default_value = "crm.customers.ingestion")]
        topic: String,
        /// Records a second
        #[arg(long, default_value_t = 1.0)]
        rate: f64,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Stop a producer, external or forgotten
    StopProducer {
        /// Its name
        name: String,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Write records by hand
    Produce {
        /// The topic to write to
        #[arg(long, default_value = "crm.customers.ingestion")]
        topic: String,
        /// How many
        #[arg(long, default_value_t = 1)]
        records: usize,
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Delete all records of the shop's topics, as expiry would
    Empty {
        #[arg(long, value_enum, default_value_t = At::Source)]
        side: At,
    },
    /// Stop the source's broker from running; its connections stay open and silent
    PauseSource,
    /// Let the source's broker run on
    ResumeSource,
    /// The same for the destination's broker
    PauseDestination,
    /// Let the destination's broker run on
    ResumeDestination,
    /// What is done to MongoDB.
    #[command(flatten)]
    #[serde(untagged)]
    Mongo(MongoAction),
}

/// A side, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum At {
    Source,
    Destination,
}

impl From<At> for Side {
    fn from(at: At) -> Side {
        match at {
            At::Source => Side::Source,
            At::Destination => Side::Destination,
        }
    }
}

impl Action {
    /// Does it, and says what was done.
    pub(crate) fn perform(&self, estate: &Estate) -> Result<String> {
        let part = match self {
            Action::Mongo(action) => return action.perform(estate.mongodb()?),
            _ => estate.kafka()?,
        };
        let shop = &part.shop;
        match self {
            Action::SwitchProducers => {
                shop.switch_producers().map(|()| "the producers write to the destination".into())
            }
            Action::StopConsumers { crash } => {
                shop.stop_consumers(if *crash { Stop::Crash } else { Stop::Leave })?;
                Ok("no service runs at the source".into())
            }
            Action::Seed => shop.seed_destination().map(|()| "every group is seeded at the recorded start".into()),
            Action::StartConsumers { side } => {
                shop.start_consumers((*side).into())?;
                Ok(format!("the services run at the {}", Side::from(*side)))
            }
            Action::RetireSource => shop.retire_source().map(|()| "the shop's topics at the source are gone".into()),
            Action::OpenTransaction { topic, records, side } => {
                let id = shop.open_transaction((*side).into(), &full(shop, *side, topic), *records)?;
                Ok(format!("transaction {id} is open"))
            }
            Action::CommitTransaction { id } => end(shop, id.as_deref(), Shop::commit_transaction, "committed"),
            Action::AbortTransaction { id } => end(shop, id.as_deref(), Shop::abort_transaction, "aborted"),
            Action::ForgetProducer { name, topic, rate, side } => {
                let topic = full(shop, *side, topic);
                shop.start_producer((*side).into(), name, std::slice::from_ref(&topic), ProducerOptions::rate(*rate))?;
                Ok(format!("{name} writes to {topic}"))
            }
            Action::StopProducer { name, side } => {
                shop.stop_producer((*side).into(), name).map(|()| format!("{name} stopped"))
            }
            Action::Produce { topic, records, side } => {
                let topic = full(shop, *side, topic);
                shop.produce((*side).into(), &topic, None, *records)?;
                Ok(format!("{records} written to {topic}"))
            }
            Action::Empty { side } => {
                shop.empty_topics((*side).into())?;
                Ok(format!("the shop's topics at the {} are empty", Side::from(*side)))
            }
            Action::PauseSource => halt(part, Side::Source, true),
            Action::ResumeSource => halt(part, Side::Source, false),
            Action::PauseDestination => halt(part, Side::Destination, true),
            Action::ResumeDestination => halt(part, Side::Destination, false),
            Action::Mongo(action) => action.perform(estate.mongodb()?),
        }
    }

    /// Whether it may be done while another action is still running: what ends a wait.
    pub(crate) fn is_urgent(&self) -> bool {
        match self {
            Action::ResumeSource | Action::ResumeDestination => true,
            Action::Mongo(action) => action.is_urgent(),
            _ => false,
        }
    }
}

fn full(shop: &Shop, side: At, topic: &str) -> String {
    let side = Side::from(side);
    if shop.names().in_scope(side, topic) { topic.to_owned() } else { shop.topic(side, topic) }
}

fn end(shop: &Shop, id: Option<&str>, how: impl Fn(&Shop, &str) -> Result<()>, done: &str) -> Result<String> {
    let ids = id.map_or_else(|| shop.open_transactions(), |id| vec![id.to_owned()]);
    if ids.is_empty() {
        return Err(Error::Usage("no transaction is open".to_owned()));
    }
    ids.iter().try_for_each(|id| how(shop, id))?;
    Ok(format!("{done}: {}", ids.join(", ")))
}

fn halt(part: &KafkaPart, side: Side, pause: bool) -> Result<String> {
    let mut pair = locked(&part.pair);
    let cluster = pair.cluster_mut(side);
    let what = if pause { "paused" } else { "running" };
    for node in 0..cluster.brokers() {
        if pause { cluster.pause(node)? } else { cluster.resume(node)? }
    }
    part.shop.oracle().note(format!("the {side} is {what}"));
    Ok(format!("the {side} is {what}"))
}
