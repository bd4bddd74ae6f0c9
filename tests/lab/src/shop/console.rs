//! A KIP-848 member on a broker that librdkafka cannot speak that protocol with: Kafka's own console consumer.
//!
//! It commits by itself every 300 ms, and what it was told by its broker stays inside it: the lab asks the broker for
//! the group's commits instead. That is the one reading in the ledger that is not an acknowledgement to the lab itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Stop;
use super::member::Reader;
use crate::client::Client;
use crate::clock;
use crate::cluster::{java_args, text};
use crate::error::Result;
use crate::oracle::{Attachment, Oracle};
use crate::process::{self, Process};
use crate::provision::Kafka;

/// A running console consumer with the thread that reads its commits.
#[derive(Debug)]
pub(super) struct Console {
    reader: Reader,
    oracle: Oracle,
    process: Process,
    stop: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Console {
    /// Starts it and returns when the broker lists it as a member.
    pub(super) fn start(reader: Reader, kafka: &Kafka, dir: &Path, oracle: &Oracle) -> Result<Self> {
        let topics: Vec<_> = reader.topics.iter().map(|(topic, _)| topic.clone()).collect();
        oracle.record(|ledger| {
            ledger.group_reads(reader.side, &reader.group, &topics);
            ledger.member_started(reader.side, &reader.group, &reader.client_id, Attachment::Consumer);
        });
        oracle.note(format!("{} of {} starts at the {} (Java)", reader.client_id, reader.group, reader.side));
        let mut args = java_args(kafka, "-Xmx64m", "org.apache.kafka.tools.consumer.ConsoleConsumer");
        let include = topics.iter().map(|topic| topic.replace('.', "\\.")).collect::<Vec<_>>().join("|");
        args.extend(["--bootstrap-server", &reader.bootstrap, "--group", &reader.group].map(str::to_owned));
        match topics.as_slice() {
            [one] => args.extend(["--topic".to_owned(), one.clone()]),
            _ => args.extend(["--include".to_owned(), include]),
        }
        for property in [
            "group.protocol=consumer".to_owned(),
            format!("client.id={}", reader.client_id),
            format!("auto.offset.reset={}", reader.reset),
            "auto.commit.interval.ms=300".to_owned(),
            "isolation.level=read_committed".to_owned(),
            "allow.auto.create.topics=false".to_owned(),
        ] {
            args.extend(["--consumer-property".to_owned(), property]);
        }
        let log = dir.join(format!("{}.log", reader.client_id));
        let process = Process::start(&reader.client_id, &text(kafka.java()), &args, dir, &log)?;
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = watch(&reader, oracle, &stop)?;
        let mut console = Self { reader, oracle: oracle.clone(), process, stop, watcher: Some(watcher) };
        console.await_member(kafka, dir)?;
        Ok(console)
    }

    /// Ends it: SIGTERM, on which it leaves its group, or SIGKILL, on which it does not.
    pub(super) fn stop(mut self, how: Stop) -> Result<()> {
        self.end(how)
    }

    fn end(&mut self, how: Stop) -> Result<()> {
        match how {
            Stop::Leave => self.process.stop(Duration::from_secs(20))?,
            Stop::Crash => self.process.kill()?,
        }
        self.stop.store(true, Ordering::SeqCst);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
            let Reader { side, group, client_id, .. } = &self.reader;
            self.oracle.record(|ledger| ledger.member_gone(*side, group, client_id));
            self.oracle.note(format!("{client_id} of {group} is gone from the {side} ({how:?})"));
        }
        Ok(())
    }

    /// Asks with Kafka's own tool, which speaks KIP-848, until it lists the member.
    fn await_member(&mut self, kafka: &Kafka, dir: &Path) -> Result<()> {
        let log = dir.join(format!("{}-members.log", self.reader.client_id));
        let mut args = java_args(kafka, "-Xmx64m", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
        let (bootstrap, group) = (self.reader.bootstrap.as_str(), self.reader.group.as_str());
        let ask = ["--bootstrap-server", bootstrap, "--describe", "--members", "--group", group];
        args.extend(ask.map(str::to_owned));
        let what = format!("{} to join {group}", self.reader.client_id);
        clock::wait_for(&what, Duration::from_secs(120), || {
            if let Some(status) = self.process.ended() {
                return Ok(Err(self.process.error(format!("ended by itself with {status}"))));
            }
            let _ = std::fs::remove_file(&log);
            let java = text(kafka.java());
            let out = process::run("listing members", &java, &args, dir, &log, Duration::from_secs(60));
            match out {
                Ok(out) if out.contains(&self.reader.client_id) => Ok(Ok(())),
                Ok(out) => Err(out),
                Err(error) => Err(error.to_string()),
            }
        })?
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.end(Stop::Crash);
    }
}

fn watch(reader: &Reader, oracle: &Oracle, stop: &Arc<AtomicBool>) -> Result<JoinHandle<()>> {
    let follower = Client::new(&reader.bootstrap)?.follow(&reader.group)?;
    let (reader, oracle, stop) = (reader.clone(), oracle.clone(), Arc::clone(stop));
    let parts: Vec<_> = reader
        .topics
        .iter()
        .flat_map(|(topic, partitions)| (0..*partitions).map(move |partition| (topic.clone(), partition)))
        .collect();
    Ok(thread::spawn(move || {
        loop {
            // Decided before the last reading, so that what was committed on leaving is still seen.
            let last = stop.load(Ordering::SeqCst);
            if let Ok(commits) = follower.committed(&parts) {
                oracle.record(|ledger| {
                    for ((topic, partition), at) in &commits {
                        if let Some(at) = at {
                            ledger.committed(reader.side, &reader.group, topic, *partition, *at);
                        }
                    }
                });
            }
            if last {
                return;
            }
            thread::sleep(Duration::from_millis(300));
        }
    }))
}
