//! The shop as one: services that read Kafka and write MongoDB under the same name, two more that only read MongoDB, and
//! the hands of an operator who starts and stops them as processes.

use super::site::Site;
use super::truth::Whole;
use crate::agent::Agent;
use cutover_lab::{
    Attachment, MongoPair, MongoShop, MongoShopOptions, Pair, Prometheus, READERS, Shop, ShopOptions, Side, Stop,
    WriterSpec, Writes,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Services that are both: a consumer group on Kafka, and a writer on MongoDB.
pub(crate) const BOTH: [&str; 3] = ["rtu", "svt", "svc"];
const WRITERS: [WriterSpec; 3] = [
    WriterSpec { name: "rtu", how: Writes::Single, collection: "orders" },
    WriterSpec { name: "svt", how: Writes::Batch, collection: "customers" },
    WriterSpec { name: "svc", how: Writes::Every, collection: "digests" },
];
/// The scraped job: alerts look for names that begin so.
pub(crate) const JOB: &str = "cutover-agent";

/// Everything there is in one run. What is looked at outlives who looks.
pub(crate) struct Estate {
    pub(crate) agent: Agent,
    pub(crate) prometheus: Prometheus,
    pub(crate) kafka: Shop,
    pub(crate) mongo: MongoShop,
    pub(crate) mongo_pair: MongoPair,
    pub(crate) truth: Whole,
    pub(crate) prefix: String,
}

impl Estate {
    /// The estate with its data and nobody at work yet, a Prometheus, and an agent that is not started.
    pub(crate) fn prepare(pair: &Pair, name: &str, joint: bool) -> Result<Estate, String> {
        let (source, destination) = (format!("{name}.PROD."), format!("{name}.prod."));
        let options = ShopOptions::renamed(&source, &destination).without_kip848().rate(3.0);
        let kafka = Shop::open(pair, options).map_err(text)?;
        kafka.create_topics(Side::Source).map_err(text)?;
        kafka.create_topics(Side::Destination).map_err(text)?;
        let mongo_pair = MongoPair::start().map_err(text)?;
        let options = MongoShopOptions::database(name).rate(2.0).writers(WRITERS.to_vec());
        let mongo = MongoShop::open(&mongo_pair, options).map_err(text)?;
        mongo.create_collections().map_err(text)?;

        let site = Arc::new(Site::start()?);
        let mut agent = Agent::prepared(&format!("whole-{name}"))?;
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/cutover.rules.yaml");
        let prometheus = Prometheus::start(JOB, &[agent.address(), site.gateway()], &[rules]).map_err(text)?;
        agent.with_kafka(pair, &source, &destination)?;
        let mirror = mongo.mirror("mirror").map_err(text)?;
        agent.with_mongodb(&mongo_pair, mongo.options(), &[name], &[(mirror, "*")])?;
        agent.configure(&site.probes(prometheus.address()));
        agent.configure(if joint { "joint: true\n" } else { "" });
        let truth = Whole {
            kafka: kafka.oracle().clone(),
            mongo: mongo.oracle().clone(),
            site,
            joint,
            deployed: Arc::default(),
            stopped: Arc::default(),
        };
        Ok(Estate { agent, prometheus, kafka, mongo, mongo_pair, truth, prefix: name.to_owned() })
    }

    /// Opens for business on the source.
    pub(crate) fn open(&self) -> Result<(), String> {
        self.set_home(Side::Source);
        for service in BOTH {
            self.start(service, Side::Source, Side::Source)?;
        }
        READERS.iter().try_for_each(|r| self.mongo.start_reader(Side::Source, r)).map_err(text)?;
        self.kafka.start_producers(Side::Source).map_err(text)?;
        let some = Duration::from_secs(60);
        self.kafka.wait_processed(Side::Source, "svc", 10, some).map_err(text)?;
        self.mongo.wait_written(Side::Source, 20, some).map_err(text)
    }

    /// The site around the clusters.
    pub(crate) fn site(&self) -> &Site {
        &self.truth.site
    }

    /// Starts a service as one process, connected to these two clusters.
    pub(crate) fn start(&self, service: &str, kafka: Side, mongo: Side) -> Result<(), String> {
        self.kafka.start_service(kafka, service).map_err(text)?;
        self.mongo.start_writer(mongo, service).map_err(text)
    }

    /// Stops it, wherever it is connected.
    pub(crate) fn stop(&self, service: &str) -> Result<(), String> {
        for side in Side::BOTH {
            if self.kafka.services(side).iter().any(|s| s == service) {
                self.kafka.stop_service(side, service, Stop::Leave).map_err(text)?;
            }
            if self.mongo.services(side).iter().any(|s| s == service) {
                self.mongo.stop_service(side, service).map_err(text)?;
            }
        }
        Ok(())
    }

    /// Runs a service at the destination as well, connected to where it is.
    pub(crate) fn deploy(&self, service: &str) -> Result<(), String> {
        for side in Side::BOTH {
            if self.kafka.services(side).iter().any(|s| s == service) {
                self.kafka.deploy_service(side, Side::Destination, service).map_err(text)?;
            }
            if self.mongo.services(side).iter().any(|s| s == service) {
                self.mongo.deploy_service(side, Side::Destination, service).map_err(text)?;
            }
        }
        if let Ok(mut deployed) = self.truth.deployed.lock() {
            deployed.insert(service.to_owned());
        }
        Ok(())
    }

    /// Whatever is started from now on runs at that home.
    pub(crate) fn set_home(&self, home: Side) {
        self.kafka.set_home(home);
        self.mongo.set_home(home);
    }

    /// The full name of a source topic.
    pub(crate) fn topic(&self, suffix: &str) -> String {
        self.kafka.topic(Side::Source, suffix)
    }

    /// The members that the lab has of a group on a side, by where they run: source, destination.
    pub(crate) fn members(&self, side: Side, group: &str) -> [usize; 2] {
        let ledger = self.kafka.oracle().ledger();
        let Some(facts) = ledger.groups.get(&(side, group.to_owned())) else { return [0, 0] };
        let classic = facts.members.iter().filter(|(_, how)| **how == Attachment::Classic);
        let at_destination = classic.clone().filter(|(id, _)| id.contains("-dst-")).count();
        [classic.count() - at_destination, at_destination]
    }

    /// What to say when something went wrong.
    pub(crate) fn told(&self, e: &str) -> String {
        use crate::watch::Truth;
        format!("{e}\n{}\n{}", self.truth.timeline(), self.agent.log())
    }
}

/// The requirements, each a word of the playbook.
pub(crate) const REQUIREMENTS: [&str; 10] = [
    "destination-tested",
    "permissions",
    "network",
    "plan-shared",
    "ci-cd",
    "images",
    "replica-safe",
    "rehearsed",
    "history",
    "producers-enumerated",
];

/// An error of the lab.
pub(crate) fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
