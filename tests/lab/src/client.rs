//! A blocking client: what an administrator does to topics, records, groups and offsets.
//!
//! It never joins a group. Watermarks are read uncommitted: the high watermark, not the last stable offset.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::clock;
use crate::error::{Doing, Error, Result};

const TIMEOUT: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// A blocking client of one cluster.
pub struct Client {
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    reader: BaseConsumer,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("bootstrap", &self.bootstrap).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the cluster at `bootstrap`, over PLAINTEXT.
    pub fn new(bootstrap: &str) -> Result<Self> {
        let mut config = config(bootstrap, "lab-admin");
        let admin = config.create().doing(|| "create an admin client".to_owned())?;
        let reader = config
            .set("isolation.level", "read_uncommitted")
            .create()
            .doing(|| "create a reading client".to_owned())?;
        Ok(Self { bootstrap: bootstrap.to_owned(), admin, reader })
    }

    /// How many brokers the cluster knows.
    pub fn broker_count(&self) -> Result<usize> {
        let metadata =
            self.reader.fetch_metadata(None, Duration::from_secs(5)).doing(|| "ask for metadata".to_owned())?;
        Ok(metadata.brokers().len())
    }

    /// Every topic but Kafka's own, with its number of partitions.
    pub fn topics(&self) -> Result<BTreeMap<String, i32>> {
        let metadata = self.reader.fetch_metadata(None, TIMEOUT).doing(|| "ask for metadata".to_owned())?;
        let topics = metadata.topics().iter().filter(|topic| !topic.name().starts_with("__"));
        Ok(topics
            .map(|topic| (topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)))
            .collect())
    }

    /// Every topic there is, Kafka's own as well, with the watermarks of each partition.
    pub fn logs(&self) -> Result<BTreeMap<(String, i32), (i64, i64)>> {
        let metadata = self.reader.fetch_metadata(None, TIMEOUT).doing(|| "ask for metadata".to_owned())?;
        let mut logs = BTreeMap::new();
        for topic in metadata.topics() {
            for partition in topic.partitions() {
                let at = self.watermarks(topic.name(), partition.id())?;
                logs.insert((topic.name().to_owned(), partition.id()), at);
            }
        }
        Ok(logs)
    }

    /// Every group there is.
    pub fn groups(&self) -> Result<BTreeSet<String>> {
        let groups = retry(|| self.reader.fetch_group_list(None, TIMEOUT)).doing(|| "list the groups".to_owned())?;
        Ok(groups.groups().iter().map(|group| group.name().to_owned()).collect())
    }

    /// Creates a topic and returns when every partition has a leader.
    pub fn create_topic(&self, name: &str, partitions: i32, replication: i32, config: &[(&str, &str)]) -> Result<()> {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let doing = || format!("create topic {name}");
        let results = block_on(self.admin.create_topics([&topic], &options())).doing(doing)?;
        each(results, doing)?;
        clock::wait_for(&format!("leaders of {name}"), PATIENCE, || {
            let metadata = self.reader.fetch_metadata(Some(name), TIMEOUT).map_err(|error| error.to_string())?;
            let found = metadata.topics().first().map(|topic| topic.partitions()).unwrap_or_default();
            let led = found.iter().filter(|partition| partition.leader() >= 0 && partition.error().is_none()).count();
            if i32::try_from(led).is_ok_and(|led| led == partitions) { Ok(()) } else { Err(format!("{led} led")) }
        })
    }

    /// Deletes a topic and returns when it is gone from the metadata.
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        let doing = || format!("delete topic {name}");
        let results = block_on(self.admin.delete_topics(&[name], &options())).doing(doing)?;
        each(results, doing)?;
        clock::wait_for(&format!("the end of {name}"), PATIENCE, || match self.topics() {
            Ok(topics) if topics.contains_key(name) => Err("still listed".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Deletes the records below `before` (or all there are), and returns the new low watermark.
    pub fn delete_records(&self, topic: &str, partition: i32, before: Option<i64>) -> Result<i64> {
        let doing = || format!("delete records of {topic}/{partition}");
        let mut offsets = TopicPartitionList::new();
        let before = before.map_or(Offset::End, Offset::Offset);
        offsets.add_partition_offset(topic, partition, before).doing(doing)?;
        let deleted = block_on(self.admin.delete_records(&offsets, &options())).doing(doing)?;
        for element in deleted.elements() {
            element.error().doing(doing)?;
        }
        Ok(self.watermarks(topic, partition)?.0)
    }

    /// Low and high watermark.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64)> {
        self.reader
            .fetch_watermarks(topic, partition, TIMEOUT)
            .doing(|| format!("ask for the watermarks of {topic}/{partition}"))
    }

    /// What a group has committed, whatever its protocol; `None` where it has not.
    pub fn committed(&self, group: &str, parts: &[(String, i32)]) -> Result<Commits> {
        self.follow(group)?.committed(parts)
    }

    /// A client for reading one group's commits again and again.
    pub(crate) fn follow(&self, group: &str) -> Result<Follower> {
        Ok(Follower { group: group.to_owned(), consumer: self.bystander(group)? })
    }

    /// The client ids of a classic group's members, sorted; empty for one of another protocol or of none.
    pub fn classic_members(&self, group: &str) -> Result<Vec<String>> {
        let groups = retry(|| self.reader.fetch_group_list(Some(group), TIMEOUT));
        let groups = groups.doing(|| format!("describe group {group}"))?;
        let members = groups.groups().iter().flat_map(|group| group.members());
        let mut ids: Vec<_> = members.map(|member| member.client_id().to_owned()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Commits for a group without joining it. The group must have no members.
    pub fn commit(&self, group: &str, offsets: &[(String, i32, i64)]) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let consumer = self.bystander(group)?;
        let list = list(offsets.iter().map(|(topic, partition, at)| (topic.as_str(), *partition, Some(*at))))?;
        retry(|| consumer.commit(&list, CommitMode::Sync)).doing(|| format!("commit for {group}"))
    }

    /// Deletes a group with its commits. It must have no members; one that does not exist is deleted already.
    pub fn delete_group(&self, group: &str) -> Result<()> {
        let delete = || {
            let results = block_on(self.admin.delete_groups(&[group], &options()))?;
            match results.into_iter().find_map(std::result::Result::err) {
                None | Some((_, RDKafkaErrorCode::GroupIdNotFound)) => Ok(()),
                Some((_, code)) => Err(KafkaError::AdminOp(code)),
            }
        };
        retry(delete).doing(|| format!("delete group {group}"))
    }

    /// Changes one setting of a topic, and puts back the rest of what was set on it (the classic request replaces all).
    pub fn set_topic_config(&self, topic: &str, settings: &[(&str, &str)]) -> Result<()> {
        use rdkafka::admin::{AlterConfig, ResourceSpecifier};
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (key, value) in settings {
            change = change.set(key, value);
        }
        let doing = || format!("configure {topic}");
        let results = block_on(self.admin.alter_configs([&change], &options())).doing(doing)?;
        match results.into_iter().find_map(std::result::Result::err) {
            Some((_, code)) => Err(KafkaError::AdminOp(code)).doing(doing),
            None => Ok(()),
        }
    }

    /// A consumer that carries a group's name and never joins it.
    fn bystander(&self, group: &str) -> Result<BaseConsumer> {
        config(&self.bootstrap, "lab-admin")
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .create()
            .doing(|| format!("create a client for {group}"))
    }
}

/// Per topic and partition, what was committed, if anything.
pub type Commits = BTreeMap<(String, i32), Option<i64>>;

/// Reads the commits of one group without joining it.
pub(crate) struct Follower {
    group: String,
    consumer: BaseConsumer,
}

impl Follower {
    /// What the group has committed now.
    pub(crate) fn committed(&self, parts: &[(String, i32)]) -> Result<Commits> {
        if parts.is_empty() {
            return Ok(Commits::new());
        }
        let group = &self.group;
        let list = list(parts.iter().map(|(topic, partition)| (topic.as_str(), *partition, None)))?;
        let answer = retry(|| self.consumer.committed_offsets(list.clone(), TIMEOUT))
            .doing(|| format!("ask for the commits of {group}"))?;
        let mut out = Commits::new();
        for element in answer.elements() {
            element.error().doing(|| format!("the commit of {group} on {}", element.topic()))?;
            let at = match element.offset() {
                Offset::Offset(at) => Some(at),
                _ => None,
            };
            out.insert((element.topic().to_owned(), element.partition()), at);
        }
        Ok(out)
    }
}

/// The settings all of the lab's clients share.
pub(crate) fn config(bootstrap: &str, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", client_id)
        .set("allow.auto.create.topics", "false")
        .set("broker.address.family", "v4")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("socket.timeout.ms", "20000");
    config
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}

fn list<'a>(parts: impl Iterator<Item = (&'a str, i32, Option<i64>)>) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (topic, partition, at) in parts {
        let offset = at.map_or(Offset::Invalid, Offset::Offset);
        list.add_partition_offset(topic, partition, offset).doing(|| format!("name {topic}/{partition}"))?;
    }
    Ok(list)
}

fn each(
    results: Vec<std::result::Result<String, (String, RDKafkaErrorCode)>>,
    doing: impl Fn() -> String,
) -> Result<()> {
    match results.into_iter().find_map(std::result::Result::err) {
        Some((_, code)) => Err(Error::Kafka { doing: doing(), source: KafkaError::AdminOp(code) }),
        None => Ok(()),
    }
}

/// Tries again while a coordinator is being found, elected or loaded.
pub(crate) fn retry<T>(
    mut call: impl FnMut() -> std::result::Result<T, KafkaError>,
) -> std::result::Result<T, KafkaError> {
    let start = clock::now();
    loop {
        match call() {
            Err(error) if passing(&error) && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(100));
            }
            other => return other,
        }
    }
}

fn passing(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    };
    matches!(
        code,
        Some(
            RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::WaitingForCoordinator
                | RDKafkaErrorCode::BrokerTransportFailure
        )
    )
}
