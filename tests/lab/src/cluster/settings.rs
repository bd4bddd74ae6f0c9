//! The server.properties of a node: quick for tests, and nothing created by itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::node::Ports;
use super::tls::TlsFiles;
use super::{ClusterBuilder, security, text};
use crate::words::Version;

/// Logging of 3.9.1: warnings to the server's output.
pub(super) const LOG4J: &str = "\
log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d %p %m (%c{1})%n
";

/// The same for 4.1.0.
pub(super) const LOG4J2: &str = "\
status=error
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d %p %m (%c{1})%n
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
";

pub(super) fn server_properties(
    builder: &ClusterBuilder,
    id: usize,
    all: &[Ports],
    mine: &Ports,
    dir: &Path,
    tls: &TlsFiles,
) -> String {
    let mut settings = BTreeMap::new();
    let mut set = |key: &str, value: String| settings.insert(key.to_owned(), value);

    let voters = all.iter().enumerate().map(|(index, ports)| format!("{}@127.0.0.1:{}", index + 1, ports.controller));
    let listeners: Vec<_> =
        mine.listeners.iter().map(|(kind, port)| format!("{}://127.0.0.1:{port}", kind.name())).collect();
    let protocols = mine.listeners.iter().map(|(kind, _)| format!("{0}:{0}", kind.name()));
    set("process.roles", "broker,controller".to_owned());
    set("node.id", id.to_string());
    set("controller.quorum.voters", voters.collect::<Vec<_>>().join(","));
    set("controller.listener.names", "CONTROLLER".to_owned());
    set("inter.broker.listener.name", "PLAINTEXT".to_owned());
    set("listeners", format!("{},CONTROLLER://127.0.0.1:{}", listeners.join(","), mine.controller));
    set("advertised.listeners", listeners.join(","));
    let map: Vec<_> = protocols.chain(["CONTROLLER:PLAINTEXT".to_owned()]).collect();
    set("listener.security.protocol.map", map.join(","));
    set("log.dirs", text(&dir.join("data")));

    let copies = all.len().min(3).to_string();
    let least = if all.len() > 2 { "2" } else { "1" };
    for (what, partitions) in
        [("offsets.topic", "4"), ("transaction.state.log", "2"), ("share.coordinator.state.topic", "2")]
    {
        if what.starts_with("share") && builder.version == Version::V3_9_1 {
            continue;
        }
        set(&format!("{what}.replication.factor"), copies.clone());
        set(&format!("{what}.num.partitions"), partitions.to_owned());
        if what != "offsets.topic" {
            set(&format!("{what}.min.isr"), least.to_owned());
        }
    }
    set("default.replication.factor", copies);
    set("auto.create.topics.enable", "false".to_owned());
    set("group.initial.rebalance.delay.ms", "0".to_owned());
    set("group.coordinator.rebalance.protocols", "classic,consumer".to_owned());
    let session = builder.session_timeout.as_millis().max(2);
    set("group.min.session.timeout.ms", "1000".to_owned());
    set("group.consumer.min.session.timeout.ms", session.to_string());
    set("group.consumer.session.timeout.ms", session.to_string());
    set("group.consumer.min.heartbeat.interval.ms", "500".to_owned());
    set("group.consumer.heartbeat.interval.ms", (session / 3).clamp(500, 1000).to_string());
    set("log.retention.check.interval.ms", "2000".to_owned());
    set("log.segment.delete.delay.ms", "1000".to_owned());
    set("log.initial.task.delay.ms", "1000".to_owned());
    set("transaction.remove.expired.transaction.cleanup.interval.ms", "10000".to_owned());
    set("num.network.threads", "2".to_owned());
    set("num.io.threads", "4".to_owned());
    set("controlled.shutdown.enable", (all.len() > 1).to_string());

    settings.extend(security::server_settings(builder, tls));
    settings.extend(builder.extra.clone());
    let mut out = String::new();
    for (key, value) in &settings {
        let _ = writeln!(out, "{key}={value}");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cluster::{Cluster, Listener};

    #[test]
    fn every_listener_is_mapped_and_extra_settings_win() {
        let builder = Cluster::builder(Version::V4_1_0)
            .listener(Listener::Sasl)
            .listener(Listener::Tls)
            .user("alice", "secret")
            .setting("num.io.threads", "7");
        let ports =
            Ports { controller: 9, listeners: vec![(Listener::Plaintext, 1), (Listener::Sasl, 2), (Listener::Tls, 3)] };
        let text = server_properties(
            &builder,
            1,
            std::slice::from_ref(&ports),
            &ports,
            Path::new("/d"),
            &TlsFiles::at(Path::new("/t")),
        );
        assert!(text.contains("listeners=PLAINTEXT://127.0.0.1:1,SASL_PLAINTEXT://127.0.0.1:2,SSL://127.0.0.1:3,CONTROLLER://127.0.0.1:9\n"));
        assert!(text.contains("SSL:SSL") && text.contains("num.io.threads=7\n"));
        assert!(text.contains("user_alice=\"secret\""));
    }
}
