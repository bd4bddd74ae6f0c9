//! The Kafka section: the two clusters, the scope, what is renamed, and what is left out and why.

use super::agent::Pulse;
use super::error::quoted;
use super::producers;
use super::read::At;
use super::rename;
use super::secret;
use super::typed::pattern;
use super::values::is_topic;
use cutover_core::Name;
use cutover_core::pattern::Pattern;
use cutover_core::settings::{Class, HomeRule, KafkaSettings, Track};
use cutover_core::time::Dur;
use cutover_kafka::config::{ClientConfig, HostPort};
use std::collections::{BTreeMap, BTreeSet};

/// The two clusters.
#[derive(Clone, Debug)]
pub(crate) struct KafkaTargets {
    /// The cluster being left.
    pub(crate) source: KafkaTarget,
    /// The cluster being moved to.
    pub(crate) destination: KafkaTarget,
}

/// How to reach a cluster. Its passwords cannot be printed.
#[derive(Clone, Debug)]
pub(crate) struct KafkaTarget {
    /// The client properties, checked.
    pub(crate) client: ClientConfig,
}

/// What the name of a property with a secret in it contains.
const SECRET: [&str; 8] = ["password", "jaas", "secret", "token", "credential", "user.info", "keystore.key", "key.pem"];

/// Reads the section, and what it needs of the others.
pub(super) fn read(root: &At<'_>, homes: Vec<HomeRule>, pulse: Pulse) -> (Option<KafkaTargets>, KafkaSettings) {
    let at = root.get("kafka");
    let (source, destination) = (target(&at.get("source")), target(&at.get("destination")));
    let targets = source.zip(destination).map(|(source, destination)| KafkaTargets { source, destination });
    if let Some(targets) = &targets {
        two_clusters(&at, targets);
    }
    let topics = scope(&root.get("scope"));
    let rename = at.get("rename");
    let rename_topics = rename::read(&rename.get("topics"));
    rename::warn_of_unrenamed(&rename.get("topics"), &rename_topics, &topics);
    let interval = pulse.interval(&at.get("interval"));
    let slow = at.get("slow_interval");
    let slow_interval = slow.duration(interval..=Dur::days(1)).unwrap_or(Dur::mins(5));
    let (producers, no_producers) = producers::read(root);
    let settings = KafkaSettings {
        interval,
        slow_interval,
        classes: classes(&at.get("classes")),
        rename_groups: rename::read(&rename.get("groups")),
        rename_topics,
        ignored: reasons(&at.get("ignored"), Names::Any),
        unread: reasons(&at.get("unread"), Names::Topics(&topics)),
        unseeded: reasons(&at.get("unseeded"), Names::Any),
        archived: reasons(&at.get("archived"), Names::Topics(&topics)),
        partitions_differ: reasons(&at.get("partitions_differ"), Names::Topics(&topics)),
        topics,
        producers,
        no_producers,
        longest_pause: at.get("longest_pause").duration(Dur::mins(1)..=Dur::days(366)).unwrap_or(Dur::days(7)),
        session_timeout: at.get("session_timeout").duration(Dur::secs(1)..=Dur::days(1)).unwrap_or(Dur::secs(45)),
        homes,
    };
    (targets, settings)
}

/// One cluster: exactly one of a file, a variable or the properties themselves.
fn target(at: &At<'_>) -> Option<KafkaTarget> {
    let inline = at.get("properties");
    let elsewhere = at.get("properties_file").given() || at.get("properties_env").given();
    let (text, file) = match (inline.given(), elsewhere) {
        (true, true) => {
            at.fail("has `properties` and a place to read them from; keep one");
            return None;
        }
        (true, false) => (secret::Secret::new(properties(&inline)?), None),
        (false, true) => {
            let found = secret::find(at, "properties_file", "properties_env")?;
            (found.secret, found.file)
        }
        (false, false) => {
            if at.lacks() {
                at.fail(
                    "is missing: give `properties_file` (the client.properties people already have), \
                     `properties_env` or `properties`",
                );
            }
            return None;
        }
    };
    match ClientConfig::from_properties(text.expose()) {
        Ok(client) => {
            if let Some(file) = &file {
                let servers: Vec<String> = client.bootstrap.iter().map(ToString::to_string).collect();
                at.hold_from(secret::HIDDEN, format!("file {}: {}", file.display(), servers.join(",")));
            }
            Some(KafkaTarget { client })
        }
        Err(errors) => {
            for e in errors.iter().map(ToString::to_string) {
                match &file {
                    Some(file) => at.fail(format!("{}: {e}", file.display())),
                    // Written in the configuration itself, they have no lines of their own.
                    None if inline.given() => inline
                        .fail(e.split_once(": ").filter(|(line, _)| line.starts_with("line ")).map_or(&*e, |(_, e)| e)),
                    None => at.fail(e),
                }
            }
            None
        }
    }
}

/// Properties written in the configuration itself, as the text of a file; passwords and keys have no place there.
fn properties(at: &At<'_>) -> Option<String> {
    let mut text = String::new();
    let mut clean = true;
    for (key, at) in at.entries() {
        let lower = key.to_lowercase();
        if SECRET.iter().any(|word| lower.contains(word)) {
            at.fail("is a secret and has no place here: keep all properties in a file and give `properties_file`");
            clean = false;
            continue;
        }
        let Some(value) = at.verbatim() else {
            clean = false;
            continue;
        };
        let escape = |s: &str| s.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        let key = escape(&key).replace('=', "\\=").replace(':', "\\:").replace(' ', "\\ ");
        text.push_str(&format!("{key}={}\n", escape(&value)));
    }
    clean.then_some(text)
}

/// The two must not be one cluster; ids prove it later, a shared address proves the contrary now.
fn two_clusters(at: &At<'_>, targets: &KafkaTargets) {
    let servers = |target: &KafkaTarget| -> BTreeSet<(String, u16)> {
        target.client.bootstrap.iter().map(|HostPort { host, port }| (host.to_lowercase(), *port)).collect()
    };
    if let Some((host, port)) = servers(&targets.source).intersection(&servers(&targets.destination)).next() {
        at.get("destination").fail(format!(
            "source and destination both name {host}:{port}: they must not be the same cluster, or a drained topic \
             proves nothing"
        ));
    }
}

/// The topics in scope.
fn scope(at: &At<'_>) -> Vec<Pattern> {
    if !at.given() {
        at.fail(
            "is missing: which topics is this migration about? a prefix as in `scope: shop.PROD`, or a list of \
             patterns",
        );
    }
    if at.is_list() {
        return at.patterns(false).unwrap_or_default();
    }
    let check = |text: &str| {
        if text.contains(['*', '{', '}']) {
            return Err(format!(
                "came {}; a prefix has no `*`: write a list for patterns, as in [\"{text}\"]",
                quoted(text)
            ));
        }
        if text.ends_with('.') {
            return Err(format!(
                "came {}; leave the last dot out: `shop.PROD` means every topic `shop.PROD.*`",
                quoted(text)
            ));
        }
        if !is_topic(text) {
            return Err(format!(
                "came {}, which no topic can begin with: letters, digits, `.`, `_` and `-`",
                quoted(text)
            ));
        }
        Ok(())
    };
    let prefix = at.checked(check);
    prefix.and_then(|prefix| Pattern::parse(&format!("{prefix}.*")).ok()).into_iter().collect()
}

/// Patterns that class topics; maps have no order: the longest wins.
fn classes(at: &At<'_>) -> Vec<(Pattern, Class)> {
    let words = Class::ALL.map(|class| (class.as_str(), class));
    let mut classes = Vec::new();
    for (text, at) in at.entries() {
        match pattern(&text, false) {
            Ok(pattern) => classes.extend(at.choice(&words).map(|class| (pattern, class))),
            Err(what) => at.fail(what),
        }
    }
    classes.sort_by(|(a, _), (b, _)| b.as_str().len().cmp(&a.as_str().len()).then_with(|| a.as_str().cmp(b.as_str())));
    classes
}

/// What the keys of a map of reasons are.
#[derive(Copy, Clone)]
enum Names<'a> {
    /// Groups, or groups and topics.
    Any,
    /// Topics, of this scope.
    Topics(&'a [Pattern]),
}

/// Names with the reason why each is left out: exact ones, so that nothing is left out by accident.
fn reasons(at: &At<'_>, names: Names<'_>) -> BTreeMap<Name, Name> {
    let mut reasons = BTreeMap::new();
    for (name, at) in at.entries() {
        match names {
            Names::Any if name.is_empty() => at.fail("the name is empty"),
            Names::Any if name.contains('*') => at.warn("is taken as an exact name: patterns are not expanded here"),
            Names::Topics(_) if name.contains('*') => {
                at.fail("patterns are not expanded here: name each topic, so that none is left out by accident");
            }
            Names::Topics(_) if !is_topic(&name) => at.fail("cannot be the name of a topic"),
            Names::Topics(scope) if !scope.iter().any(|p| p.matches(&name)) => {
                at.warn("is not in scope and has no effect")
            }
            Names::Any | Names::Topics(_) => {}
        }
        if let Some(reason) = at.reason() {
            at.relax(&reason, &[Track::Kafka]);
            reasons.insert(name, reason);
        }
    }
    reasons
}
