//! Asks a cluster everything this crate can ask, and prints what comes back: `look <client.properties>`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use cutover_kafka::{ClientConfig, Clock, Cluster, GroupKind, Isolation, OffsetSpec, Timeouts};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: look <client.properties>")?;
    let config = ClientConfig::from_properties(&std::fs::read_to_string(path)?).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    let start = tokio::time::Instant::now();
    let clock = Clock::new(move || i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX));
    let cluster = Cluster::connect(config, Timeouts::default(), clock).await?;
    let description = cluster.describe_cluster().await?;
    println!("cluster {description:?}");
    for broker in &description.value.brokers {
        let probe = cluster.probe_broker(&broker.host, broker.port).await;
        println!("probe {} {:?}", broker.id, probe.map(|apis| apis.map(|apis| apis.len())));
    }
    let topics = cluster.metadata(None).await?;
    println!("topics {topics:?}");
    let partitions: Vec<(Arc<str>, i32)> = topics
        .value
        .topics
        .iter()
        .flat_map(|topic| {
            let name = topic.name.clone().unwrap_or_default();
            topic.partitions.iter().map(move |partition| (Arc::clone(&name), partition.partition))
        })
        .filter(|(topic, _)| !topic.starts_with("__"))
        .collect();
    let names: Vec<Arc<str>> = topics.value.topics.iter().filter_map(|topic| topic.name.clone()).collect();
    let groups = cluster.list_groups().await?;
    println!("groups {groups:?}");
    for kind in [GroupKind::Classic, GroupKind::Consumer, GroupKind::Share, GroupKind::Streams] {
        let of_kind: Vec<Arc<str>> = groups
            .value
            .values()
            .flatten()
            .flatten()
            .filter(|listed| GroupKind::of(listed).unwrap_or(GroupKind::Classic) == kind)
            .map(|listed| Arc::clone(&listed.group))
            .chain([Arc::from("no-such-group")])
            .collect();
        println!("{kind:?} {:#?}", cluster.describe_groups(&of_kind, kind).await.value);
        if kind == GroupKind::Share {
            println!("share offsets {:?}", cluster.share_offsets(&of_kind).await);
        } else {
            println!("offsets {:?}", cluster.fetch_offsets(&of_kind).await);
        }
    }
    for spec in [OffsetSpec::Latest, OffsetSpec::Earliest, OffsetSpec::MaxTimestamp] {
        for isolation in [Isolation::ReadUncommitted, Isolation::ReadCommitted] {
            println!("{spec:?} {isolation:?} {:?}", cluster.list_offsets(&partitions, spec, isolation).await);
        }
    }
    let unknown = [(Arc::from("no-such-topic"), 0), (Arc::from("orders"), 99)];
    println!(
        "unknown {:?}",
        cluster.list_offsets(&unknown, OffsetSpec::Latest, Isolation::ReadUncommitted).await.value
    );
    println!("producers {:?}", cluster.describe_producers(&partitions).await);
    let keys = [Arc::from("cleanup.policy"), Arc::from("retention.ms")];
    println!("topic configs {:?}", cluster.describe_topic_configs(&names, Some(&keys)).await);
    let brokers = cluster.describe_broker_configs(None).await?;
    println!(
        "broker configs {:?}",
        brokers.map(|all| all.into_values().map(|one| one.map(|one| one.len())).collect::<Vec<_>>())
    );
    println!("log dirs {:?}", cluster.log_dirs().await?);
    let transactions = cluster.list_transactions().await?;
    println!("transactions {transactions:?}");
    let listed: BTreeMap<_, Vec<Arc<str>>> = transactions
        .value
        .iter()
        .map(|(id, listed)| (*id, listed.iter().flatten().map(|one| Arc::clone(&one.transactional_id)).collect()))
        .collect();
    println!("transaction {:?}", cluster.describe_transactions(&listed).await);
    println!("topics after {}", cluster.metadata(None).await?.value.topics.len());
    Ok(())
}
