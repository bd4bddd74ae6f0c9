//! Proof by reading: is there any record between a committed offset and the end of a partition that an application
//! would be given? Markers and aborted records leave a lag that nobody will ever commit.
//!
//! Read with `read_committed` from the committed offset to the end of the partition, while the high watermark equals
//! the last stable offset before and after. The reader assigns itself one partition; it joins no group and commits
//! nothing (`group.id` is only there because librdkafka asks for one before it lets a partition be assigned).

use super::{Sampler, millis};
use cutover_core::estate::kafka::{KafkaTails, Tail, TopicPartition};
use cutover_core::estate::{Content, Failure, FailureKind};
use cutover_core::reading::Demand;
use cutover_core::time::{Dur, Span};
use cutover_kafka::{Cluster, Isolation, KafkaError, OffsetSpec};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError as ReadError;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Partitions read in one round.
const ROUND: usize = 8;
/// A demand that was answered is not answered again before this.
const ANSWERED: Dur = Dur::secs(30);

/// One question: this partition, from here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Question {
    tp: TopicPartition,
    topic_id: Uuid,
    from: i64,
    to: i64,
}

/// Answers demands until nobody takes samples any more.
pub(super) async fn run(s: Sampler) {
    let mut asked_before: Vec<Question> = Vec::new();
    let mut answered: BTreeMap<Question, cutover_core::time::Mono> = BTreeMap::new();
    loop {
        tokio::time::sleep(millis(s.settings.interval)).await;
        if s.samples.is_closed() {
            return;
        }
        let now = crate::clock::now().mono;
        answered.retain(|_, at| now - *at < ANSWERED);
        let asked: Vec<Question> = s.demands.borrow().iter().filter_map(|d| question(&s, d)).collect();
        // A lag that moves is being read: only one that stands still can be a phantom.
        let due: Vec<Question> = asked
            .iter()
            .filter(|q| asked_before.contains(q) && !answered.contains_key(q))
            .take(ROUND)
            .cloned()
            .collect();
        asked_before = asked;
        if due.is_empty() {
            continue;
        }
        answered.extend(due.iter().map(|q| (q.clone(), now)));
        let sent = now;
        match prove(&s, due).await {
            Ok(tails) => {
                let span = Span { sent, received: crate::clock::now().mono };
                if !s.take(std::future::ready(Ok((span, Content::KafkaTails(tails)))), s.timeout).await {
                    return;
                }
            }
            Err(e) => tracing::debug!(side = %s.side, "a proof could not be read: {e}"),
        }
    }
}

fn question(s: &Sampler, d: &Demand) -> Option<Question> {
    match d {
        Demand::Tail { side, topic, topic_id, partition, from, to } if *side == s.side => {
            Some(Question { tp: (topic.clone(), *partition), topic_id: *topic_id, from: *from, to: *to })
        }
        _ => None,
    }
}

async fn prove(s: &Sampler, due: Vec<Question>) -> Result<KafkaTails, KafkaError> {
    let c = s.connect().await?;
    let partitions: Vec<TopicPartition> = due.iter().map(|q| q.tp.clone()).collect();
    let before = standing(&c, &partitions).await?;
    let mut settings = ClientConfig::new();
    for (key, value) in s.client.to_librdkafka() {
        settings.set(key, value);
    }
    let within = millis(s.timeout);
    let questions = due.clone();
    let read = tokio::task::spawn_blocking(move || read_all(settings, &questions, within)).await;
    let counts = read.unwrap_or_else(|_| {
        let why = Failure::new(FailureKind::Protocol, "the reader ended by a defect");
        due.iter().map(|_| Err(why.clone())).collect()
    });
    let after = standing(&c, &partitions).await?;
    let tails = due.into_iter().zip(counts).filter_map(|(q, records)| {
        // Only if the partition stood where the question says, with nothing open, before and after.
        let stood = |at: &BTreeMap<TopicPartition, (Uuid, i64, i64)>| at.get(&q.tp) == Some(&(q.topic_id, q.to, q.to));
        (stood(&before) && stood(&after)).then_some(Tail {
            topic: q.tp.0,
            topic_id: q.topic_id,
            partition: q.tp.1,
            from: q.from,
            to: q.to,
            records,
        })
    });
    Ok(KafkaTails { cluster_id: c.cluster_id().unwrap_or_else(|| "".into()), tails: tails.collect() })
}

/// Topic id, high watermark and last stable offset of partitions; one of which any is not known is left out.
async fn standing(
    c: &Cluster,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, (Uuid, i64, i64)>, KafkaError> {
    let mut names: Vec<_> = partitions.iter().map(|(t, _)| t.clone()).collect();
    names.dedup();
    let metadata = c.metadata(Some(&names)).await?;
    let stable = c.list_offsets(partitions, OffsetSpec::Latest, Isolation::ReadCommitted).await;
    let high = c.list_offsets(partitions, OffsetSpec::Latest, Isolation::ReadUncommitted).await;
    let offset = |told: &cutover_kafka::Partitions<cutover_kafka::OffsetAt>, tp| told.get(tp)?.as_ref().ok()?.offset;
    let known = partitions.iter().filter_map(|tp| {
        let topic = metadata.value.topics.iter().find(|t| t.name.as_ref() == Some(&tp.0) && t.error_code == 0)?;
        Some((tp.clone(), (topic.id, offset(&high.value, tp)?, offset(&stable.value, tp)?)))
    });
    Ok(known.collect())
}

/// Blocking: reads each question's partition until a record comes or its end is reached.
fn read_all(mut settings: ClientConfig, questions: &[Question], within: Duration) -> Vec<Result<u64, Failure>> {
    settings
        .set("group.id", "cutover-agent-proof")
        .set("client.id", "cutover-agent")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true");
    questions.iter().map(|q| read_one(&settings, q, within)).collect()
}

/// What librdkafka says of itself is for debugging: what matters comes back from `poll`.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, fac: &str, message: &str) {
        tracing::debug!(fac, "librdkafka: {message}");
    }

    fn error(&self, error: ReadError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for Quiet {}

/// One reader for each question: what it is told cannot belong to the question before.
fn read_one(settings: &ClientConfig, q: &Question, within: Duration) -> Result<u64, Failure> {
    let wrong = |e: ReadError| Failure::new(FailureKind::Server, format!("reading {} [{}]: {e}", q.tp.0, q.tp.1));
    let consumer: BaseConsumer<Quiet> = settings.create_with_context(Quiet).map_err(wrong)?;
    let told = read_to_end(&consumer, q, within, wrong);
    // A reader that will not end must not hold the agent up.
    std::thread::spawn(move || drop(consumer));
    told
}

fn read_to_end(
    consumer: &BaseConsumer<Quiet>,
    q: &Question,
    within: Duration,
    wrong: impl Fn(ReadError) -> Failure,
) -> Result<u64, Failure> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&q.tp.0, q.tp.1, Offset::Offset(q.from)).map_err(&wrong)?;
    consumer.assign(&list).map_err(&wrong)?;
    let deadline = tokio::time::Instant::now() + within;
    while tokio::time::Instant::now() < deadline {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(_)) => return Ok(1),
            Some(Err(ReadError::PartitionEOF(p))) if p == q.tp.1 => return Ok(0),
            Some(Err(e)) => return Err(wrong(e)),
        }
    }
    let why = format!("reading {} [{}] from {}: no record and no end within {within:?}", q.tp.0, q.tp.1, q.from);
    Err(Failure::new(FailureKind::Timeout, why))
}
