//! The lab itself on real brokers: the shop through the four actions with near misses on the way, the oracle compared
//! with what the brokers say; and the brokers' other ways in, and their failures.
//!
//! Deadlines are generous; no time is asserted. What starting took and holds is printed.

use std::time::Duration;

use cutover_lab::{
    ClientAuth, Cluster, Listener, Pair, ProducerOptions, Shop, ShopOptions, Side, Step, Stop, User, Version, wait_for,
};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const LONG: Duration = Duration::from_secs(120);

/// Prints the timeline when the test fails.
struct Told<'a>(&'a Shop);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0.oracle().timeline());
        }
    }
}

#[track_caller]
fn safe(shop: &Shop, step: Step) {
    assert_eq!(shop.oracle().unsafe_reasons(step), Vec::<String>::new(), "{step}");
}

#[track_caller]
fn dangerous(shop: &Shop, step: Step, words: &str) {
    let reasons = shop.oracle().unsafe_reasons(step);
    assert!(reasons.iter().any(|reason| reason.contains(words)), "{step}: wanted `{words}`, got {reasons:#?}");
}

/// Every log end and every commit of the ledger, as the brokers have them. A broker has a commit or a record before the
/// ledger does, and who consumes goes on committing: they must come to agree, not agree at every instant.
#[track_caller]
fn compare(shop: &Shop, side: Side) {
    let client = shop.client(side);
    let agree = || -> Result<(), String> {
        let ledger = shop.oracle().ledger();
        for (part, log) in ledger.logs.iter().filter(|(part, _)| part.side == side) {
            let broker = client.watermarks(&part.topic, part.partition).map_err(|error| error.to_string())?;
            let known = (log.start, log.written);
            if broker != known {
                return Err(format!("{part}: {broker:?} at the broker, {known:?} in the ledger"));
            }
        }
        for ((_, group), facts) in ledger.groups.iter().filter(|((at, _), _)| *at == side) {
            let parts: Vec<_> = facts.committed.keys().cloned().collect();
            for (part, broker) in client.committed(group, &parts).map_err(|error| error.to_string())? {
                let known = facts.committed.get(&part).copied();
                if broker != known {
                    return Err(format!("{group} on {part:?}: {broker:?} at the broker, {known:?} in the ledger"));
                }
            }
        }
        Ok(())
    };
    wait_for("the ledger and the brokers to agree", LONG, agree).unwrap();
}

#[test]
fn a_migration_with_near_misses() {
    let pair = Pair::start().unwrap();
    for cluster in [&pair.source, &pair.destination] {
        let (version, up, kb) = (cluster.version(), cluster.up_after(), cluster.resident_kb());
        println!("Kafka {version} answers after {:.1} s, resident {} MB", up.as_secs_f64(), kb / 1024);
    }
    let shop = Shop::open(&pair, ShopOptions::renamed("t1.PROD.", "t1.prod.")).unwrap();
    let _told = Told(&shop);
    let orders = shop.topic(Side::Source, "erp.orders.ingestion");
    let there = shop.topic(Side::Destination, "erp.orders.ingestion");

    // Before the switch: topics missing, then leftovers of a test.
    shop.create_topics(Side::Source).unwrap();
    dangerous(&shop, Step::SwitchProducers, "does not exist at the destination");
    shop.create_topics(Side::Destination).unwrap();
    shop.produce(Side::Destination, &there, None, 3).unwrap();
    dangerous(&shop, Step::SwitchProducers, "3 leftover records");
    shop.delete_records(Side::Destination, &there, 0, None).unwrap();
    safe(&shop, Step::SwitchProducers);
    shop.start_consumers(Side::Source).unwrap();
    shop.start_producers(Side::Source).unwrap();
    shop.wait_processed(Side::Source, "sink", 10, LONG).unwrap();
    dangerous(&shop, Step::StopConsumers, "producer crm-cdc is live");

    // A transaction left open, one aborted, a forgotten producer, a reader nobody sees.
    let open = shop.open_transaction(Side::Source, &orders, 2).unwrap();
    shop.switch_producers().unwrap();
    dangerous(&shop, Step::StopConsumers, "is open at the source");
    shop.abort_transaction(&open).unwrap();
    shop.wait_safe(Step::StopConsumers, LONG).unwrap();
    shop.start_producer(Side::Source, "nightly", std::slice::from_ref(&orders), ProducerOptions::rate(50.0)).unwrap();
    dangerous(&shop, Step::StopConsumers, "nightly is live");
    shop.stop_producer(Side::Source, "nightly").unwrap();
    let tail = shop.group(Side::Source, "tail");
    shop.start_reader(Side::Source, &tail, std::slice::from_ref(&orders)).unwrap();
    shop.wait_safe(Step::StopConsumers, LONG).unwrap();
    compare(&shop, Side::Source);
    let last = shop.open_transaction(Side::Source, &orders, 1).unwrap();
    shop.commit_transaction(&last).unwrap();
    shop.wait_safe(Step::StopConsumers, LONG).unwrap();
    compare(&shop, Side::Source);
    // Safe, and yet the brokers show a lag nobody will ever commit: the marker.
    let rtu = shop.group(Side::Source, "rtu");
    let (_, high) = shop.client(Side::Source).watermarks(&orders, 0).unwrap();
    let committed = shop.client(Side::Source).committed(&rtu, &[(orders.clone(), 0)]).unwrap();
    assert_eq!(committed[&(orders.clone(), 0)], Some(high - 1));

    // The stop, the start, and what was forgotten.
    shop.stop_consumers(Stop::Leave).unwrap();
    let left = shop.client(Side::Source).classic_members(&rtu).unwrap();
    assert!(left.is_empty(), "whoever leaves has left: {left:?}");
    dangerous(&shop, Step::StartConsumers, "reader-src-0");
    dangerous(&shop, Step::StartConsumers, "is not seeded");
    shop.stop_reader(Side::Source, &tail).unwrap();
    shop.seed_destination().unwrap();
    safe(&shop, Step::StartConsumers);
    let start = shop.oracle().ledger().recorded_start[&(there.clone(), 0)];
    assert_eq!(start, 3, "the leftovers were deleted, their offsets are used up");
    shop.start_consumers(Side::Destination).unwrap();
    dangerous(&shop, Step::RetireSource, "group t1.PROD.tail has no member");
    shop.oracle().record(|ledger| ledger.groups.remove(&(Side::Source, tail.clone())));
    safe(&shop, Step::RetireSource);
    shop.wait_processed(Side::Destination, "sink", 10, LONG).unwrap();
    shop.stop_producer(Side::Destination, "crm-cdc").unwrap();
    shop.stop_producer(Side::Destination, "erp-etl").unwrap();
    shop.retire_source().unwrap();
    assert!(shop.client(Side::Source).topics().unwrap().is_empty());

    // Nothing was skipped: all that was written is processed, from one end to the other.
    let written: i64 = shop
        .oracle()
        .ledger()
        .logs
        .iter()
        .filter(|(part, _)| part.topic.ends_with(".ingestion"))
        .map(|(_, log)| log.end)
        .sum();
    shop.wait_processed(Side::Destination, "sink", written - start, LONG).unwrap();
    compare(&shop, Side::Destination);
    println!(
        "resident at the end {} and {} MB",
        pair.source.resident_kb() / 1024,
        pair.destination.resident_kb() / 1024
    );
}

#[test]
fn consumers_that_crash_stay_in_their_group_for_a_while() {
    let pair = Pair::start_with(Cluster::builder(Version::V4_1_0), Cluster::builder(Version::V4_1_0)).unwrap();
    let shop = Shop::open(&pair, ShopOptions::prefix("t2.PROD.").rate(20.0)).unwrap();
    let _told = Told(&shop);
    shop.start().unwrap();
    // A producer that writes in transactions, beside the others.
    let orders = shop.topic(Side::Source, "erp.orders.ingestion");
    let five = ProducerOptions { transaction: Some(5), ..ProducerOptions::rate(50.0) };
    shop.start_producer(Side::Source, "till", std::slice::from_ref(&orders), five).unwrap();
    shop.wait_processed(Side::Source, "sink", 50, LONG).unwrap();
    shop.switch_producers().unwrap();
    dangerous(&shop, Step::StopConsumers, "till is live");
    shop.stop_producer(Side::Source, "till").unwrap();
    shop.wait_safe(Step::StopConsumers, LONG).unwrap();
    compare(&shop, Side::Source);
    // Looked at before the others are stopped: they are members for the session timeout only.
    let group = shop.group(Side::Source, "rtu");
    let members = |shop: &Shop| shop.client(Side::Source).classic_members(&group).unwrap();
    shop.stop_service(Side::Source, "rtu", Stop::Crash).unwrap();
    assert_eq!(members(&shop), ["rtu-src-0", "rtu-src-1"]);
    shop.stop_consumers(Stop::Crash).unwrap();
    wait_for("the members to expire", LONG, || {
        let left = members(&shop);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .unwrap();
    shop.seed_destination().unwrap();
    safe(&shop, Step::StartConsumers);
    let there = shop.group(Side::Destination, "rtu");
    shop.delete_group(Side::Destination, &there).unwrap();
    dangerous(&shop, Step::StartConsumers, "is not seeded");
    shop.seed_destination().unwrap();
    safe(&shop, Step::StartConsumers);
    // Somebody writes to the source after all.
    shop.produce(Side::Source, &shop.topic(Side::Source, "crm.customers.ingestion"), Some(0), 1).unwrap();
    dangerous(&shop, Step::StartConsumers, "after the consumers were stopped");
    // The way back: start on the source, let it drain, stop.
    shop.start_consumers(Side::Source).unwrap();
    shop.wait_safe(Step::StopConsumers, LONG).unwrap();
    shop.stop_consumers(Stop::Leave).unwrap();
    safe(&shop, Step::StartConsumers);
    compare(&shop, Side::Source);
    // The destination's topic is not the one the offsets were seeded on any more. Nobody writes while the two are compared.
    shop.stop_producer(Side::Destination, "crm-cdc").unwrap();
    shop.stop_producer(Side::Destination, "erp-etl").unwrap();
    shop.recreate_topic(Side::Destination, &orders).unwrap();
    compare(&shop, Side::Destination);
    dangerous(&shop, Step::StartConsumers, "is not seeded");
    shop.seed_destination().unwrap();
    dangerous(&shop, Step::StartConsumers, "was deleted at the destination since the switch");
}

#[test]
fn brokers_are_killed_paused_and_come_back() {
    let mut cluster = Cluster::builder(Version::V4_1_0).name("three").brokers(3).start().unwrap();
    println!("three nodes answer after {:.1} s", cluster.up_after().as_secs_f64());
    let client = cluster.client().unwrap();
    client.create_topic("kept", 3, 3, &[("min.insync.replicas", "2")]).unwrap();
    cluster.kill9(2).unwrap();
    wait_for("the others to notice", LONG, || match client.broker_count() {
        Ok(2) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .unwrap();
    cluster.restart(2).unwrap();
    cluster.stop(1).unwrap();
    cluster.restart(1).unwrap();
    assert_eq!(client.topics().unwrap()["kept"], 3);
    cluster.pause(0).unwrap();
    cluster.resume(0).unwrap();
    assert_eq!(client.watermarks("kept", 0).unwrap(), (0, 0));
}

#[test]
fn every_way_in_is_guarded() {
    for version in Version::ALL {
        let cluster = Cluster::builder(version)
            .name(format!("guarded {version}"))
            .listener(Listener::Sasl)
            .listener(Listener::Tls)
            .listener(Listener::SaslTls)
            .client_auth(ClientAuth::Requested)
            .user("alice", "alice-secret")
            .authorizer()
            .start()
            .unwrap();
        cluster.client().unwrap().create_topic("private", 1, 1, &[]).unwrap();
        let tls = cluster.tls();
        let ca = tls.ca.to_str().unwrap();
        let alice = [("sasl.username", "alice"), ("sasl.password", "alice-secret")];
        let mallory = [("sasl.username", "alice"), ("sasl.password", "guess")];
        let look_for = |seconds, listener: Listener, settings: &[(&str, &str)]| {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", cluster.bootstrap_of(listener));
            config.set("security.protocol", listener.name().to_lowercase());
            for (key, value) in settings {
                config.set(*key, *value);
            }
            let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
            let metadata =
                consumer.fetch_metadata(None, Duration::from_secs(seconds)).map_err(|error| error.to_string())?;
            Ok::<_, String>(metadata.topics().iter().any(|topic| topic.name() == "private"))
        };
        let look = |listener, settings: &[(&str, &str)]| look_for(30, listener, settings);
        let with = |user: &[(&'static str, &'static str)], mechanism| [user, &[("sasl.mechanism", mechanism)]].concat();
        // alice comes in and sees nothing until she may.
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            assert_eq!(look(Listener::Sasl, &with(&alice, mechanism)), Ok(false), "{version} {mechanism}");
            assert!(look_for(3, Listener::Sasl, &with(&mallory, mechanism)).is_err(), "{version} {mechanism}");
        }
        let token = [
            ("sasl.mechanism", "OAUTHBEARER"),
            ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
            ("sasl.oauthbearer.config", "principal=alice"),
        ];
        assert_eq!(look(Listener::Sasl, &token), Ok(false), "{version} OAUTHBEARER");
        let allow = ["--add", "--allow-principal", "User:alice", "--operation", "Describe", "--topic", "private"];
        cluster.acl(&allow).unwrap();
        let secure = [with(&alice, "SCRAM-SHA-512"), vec![("ssl.ca.location", ca)]].concat();
        wait_for("the rule to hold", LONG, || match look(Listener::SaslTls, &secure) {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .unwrap();
        // Over TLS: with the right CA, with the wrong one, with a certificate.
        assert_eq!(look(Listener::Tls, &[("ssl.ca.location", ca)]), Ok(true));
        assert!(look_for(3, Listener::Tls, &[("ssl.ca.location", tls.other_ca.to_str().unwrap())]).is_err());
        let presented = [
            ("ssl.ca.location", ca),
            ("ssl.certificate.location", tls.client_cert.to_str().unwrap()),
            ("ssl.key.location", tls.client_key.to_str().unwrap()),
        ];
        assert_eq!(look(Listener::Tls, &presented), Ok(false), "a certificate's name has no rights yet");
        let user = User { name: "alice".to_owned(), password: "alice-secret".to_owned() };
        let properties = cluster.client_properties(Listener::SaslTls, Some(&user));
        assert!(properties.contains("security.protocol=SASL_SSL") && properties.contains("alice-secret"));
    }
}
