//! What the operator does: the four steps of the migration, and what leads up to them.

use std::collections::BTreeMap;

use super::options::ProducerOptions;
use super::{Shop, Stop};
use crate::error::{Error, Result};
use crate::words::{Side, Step};

/// The external producers and the topics they write.
pub(super) const EXTERNAL: [(&str, &str); 2] =
    [("crm-cdc", "crm.customers.ingestion"), ("erp-etl", "erp.orders.ingestion")];

impl Shop {
    /// Opens for business: topics on both sides, services and producers on the source. Returns when all services hold
    /// their partitions and the producers run.
    pub fn start(&self) -> Result<()> {
        self.create_topics(Side::Source)?;
        self.create_topics(Side::Destination)?;
        self.run_services(Side::Source)?;
        self.start_producers(Side::Source)
    }

    /// Creates the shop's topics on a side.
    pub fn create_topics(&self, side: Side) -> Result<()> {
        let retention = self.options.retention(side);
        for topic in self.options.topics() {
            self.create_topic(side, &self.topic(side, topic.suffix), topic.partitions, retention)?;
        }
        Ok(())
    }

    /// Starts the external producers `crm-cdc` and `erp-etl` on a side.
    pub fn start_producers(&self, side: Side) -> Result<()> {
        EXTERNAL.iter().try_for_each(|(name, _)| self.start_external(side, name, self.options.producers.clone()))
    }

    /// Starts one of them with options of its own.
    pub fn start_external(&self, side: Side, name: &str, options: ProducerOptions) -> Result<()> {
        let known = EXTERNAL.iter().find(|(external, _)| *external == name);
        let (_, suffix) =
            known.ok_or_else(|| Error::Usage(format!("no external producer {name}: crm-cdc, erp-etl")))?;
        self.start_producer(side, name, &[self.topic(side, suffix)], options)
    }

    /// **switch-producers**: records where the destination's logs begin, then takes each external producer that runs
    /// at the source over: stopped there, everything acknowledged, then started at the destination.
    pub fn switch_producers(&self) -> Result<()> {
        self.begin_switch()?;
        for (name, _) in EXTERNAL {
            if self.producers(Side::Source).iter().any(|running| running == name) {
                self.switch_producer(name)?;
            }
        }
        self.finish(Step::SwitchProducers);
        Ok(())
    }

    /// The first part of it: the recorded start of every destination partition, frozen the first time.
    pub fn begin_switch(&self) -> Result<()> {
        if self.oracle.ledger().begun.contains(&Step::SwitchProducers) {
            return Ok(());
        }
        let mut starts = Vec::new();
        for (topic, partitions) in self.client(Side::Destination).topics()? {
            if self.names().in_scope(Side::Destination, &topic) {
                for partition in 0..partitions {
                    starts.push((
                        topic.clone(),
                        partition,
                        self.client(Side::Destination).watermarks(&topic, partition)?.1,
                    ));
                }
            }
        }
        self.oracle.note("operator: switch-producers begins");
        self.oracle.record(|ledger| {
            for (topic, partition, at) in &starts {
                ledger.start_recorded(topic, *partition, *at);
            }
            ledger.begun.insert(Step::SwitchProducers);
        });
        Ok(())
    }

    /// The second part for one producer.
    pub fn switch_producer(&self, name: &str) -> Result<()> {
        self.stop_producer(Side::Source, name)?;
        self.start_external(Side::Destination, name, self.options.producers.clone())
    }

    /// **stop-consumers**: ends every service that runs at the source, in the order of the data.
    pub fn stop_consumers(&self, how: Stop) -> Result<()> {
        self.begin(Step::StopConsumers);
        for service in self.options.services() {
            if self.services(Side::Source).iter().any(|running| running == service.name) {
                self.stop_service(Side::Source, service.name, how)?;
            }
        }
        self.finish(Step::StopConsumers);
        Ok(())
    }

    /// Commits, for every group and topic of the source, the recorded start on the destination. The groups must have
    /// no members there.
    pub fn seed_destination(&self) -> Result<()> {
        let ledger = self.oracle.ledger();
        if !ledger.begun.contains(&Step::SwitchProducers) {
            return Err(Error::Usage("there is no recorded start before the producers are switched".to_owned()));
        }
        let mut wanted: BTreeMap<String, Vec<(String, i32, i64)>> = BTreeMap::new();
        for ((side, group), facts) in &ledger.groups {
            if *side != Side::Source {
                continue;
            }
            for topic in facts.topics.iter().filter(|topic| ledger.names.in_scope(Side::Source, topic)) {
                let there = ledger.names.topic_after(topic);
                let starts = ledger.recorded_start.iter().filter(|((topic, _), _)| *topic == there);
                let group = wanted.entry(ledger.names.group_after(group)).or_default();
                group.extend(starts.map(|((topic, partition), at)| (topic.clone(), *partition, *at)));
            }
        }
        for (group, offsets) in wanted {
            self.seed_all(Side::Destination, &group, &offsets)?;
        }
        Ok(())
    }

    /// **start-consumers**, on the destination; or, on the source, taking stop-consumers back.
    pub fn start_consumers(&self, side: Side) -> Result<()> {
        match side {
            Side::Destination => {
                self.begin(Step::StartConsumers);
                self.run_services(side)?;
                self.finish(Step::StartConsumers);
            }
            Side::Source => {
                self.oracle.note("operator: the consumers start on the source again");
                self.run_services(side)?;
                self.oracle.record(|ledger| {
                    ledger.begun.remove(&Step::StopConsumers);
                    ledger.done.remove(&Step::StopConsumers);
                    ledger.late_writes.clear();
                });
            }
        }
        Ok(())
    }

    /// **retire-source**: deletes the shop's topics at the source.
    pub fn retire_source(&self) -> Result<()> {
        self.begin(Step::RetireSource);
        for topic in self.client(Side::Source).topics()?.keys() {
            if self.names().in_scope(Side::Source, topic) {
                self.delete_topic(Side::Source, topic)?;
            }
        }
        self.finish(Step::RetireSource);
        Ok(())
    }

    /// Starts every service that does not run on that side yet.
    fn run_services(&self, side: Side) -> Result<()> {
        // From the end of the data's way to its beginning: nothing is written that has no reader yet.
        let missing: Vec<_> = self
            .options
            .services()
            .filter(|service| !self.services(side).iter().any(|running| running == service.name))
            .collect();
        missing.iter().rev().try_for_each(|service| self.start_service(side, service.name))
    }

    fn begin(&self, step: Step) {
        self.oracle.note(format!("operator: {step} begins"));
        self.oracle.record(|ledger| ledger.begun.insert(step));
    }

    fn finish(&self, step: Step) {
        self.oracle.record(|ledger| ledger.done.insert(step));
        self.oracle.note(format!("operator: {step} is done"));
    }
}
