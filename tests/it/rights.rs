//! Rights and connections: `check --connect` as an operator runs it, over SASL and TLS, with and without rights.

use crate::Estate;
use cutover_lab::{Cluster, Listener, Pair, Scratch, Shop, ShopOptions, Side, User, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn run(_: &Estate) -> Result<(), String> {
    let builder = |v| {
        Cluster::builder(v)
            .listener(Listener::Sasl)
            .listener(Listener::Tls)
            .user("agent", "agent-secret-1")
            .authorizer()
    };
    let pair = Pair::start_with(builder(Version::V3_9_1), builder(Version::V4_1_0)).map_err(text)?;
    let shop = Shop::open(&pair, ShopOptions::renamed("acl.PROD.", "acl.prod.").without_kip848()).map_err(text)?;
    let folder = Scratch::new("rights").map_err(text)?;

    // Nobody is at work: check changes nothing at all, Kafka's own topics included.
    let tls = Side::BOTH.map(|s| pair.cluster(s).client_properties(Listener::Tls, None));
    let before = picture(&pair)?;
    let (code, said) = check(&folder, &tls)?;
    let after = picture(&pair)?;
    if !said.contains("kafka/destination") || before != after {
        return Err(format!("check, exit {code}, has changed something:\n{before:#?}\n{after:#?}\n{said}"));
    }
    shop.start().map_err(text)?;
    let user = User { name: "agent".into(), password: "agent-secret-1".into() };

    // Without rights: named one by one, each with the command that grants it.
    let sasl = |mechanism: &str| {
        [Side::Source, Side::Destination].map(|s| {
            let scram = pair.cluster(s).client_properties(Listener::Sasl, Some(&user));
            let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
            scram.replace("SCRAM-SHA-256", mechanism).replace("scram.ScramLoginModule", module)
        })
    };
    let (code, said) = check(&folder, &sasl("PLAIN"))?;
    let wanted = ["Describe on the cluster", "FAIL", "kafka-acls", "topics in scope", "needed by"];
    if code != 1 || wanted.iter().any(|w| !said.contains(w)) {
        return Err(format!("without rights: exit {code}\n{said}"));
    }

    // With the rights of the README, over every mechanism.
    for side in Side::BOTH {
        let grant = |resource: &[&str], operation: &str| {
            let args = [&["--add", "--allow-principal", "User:agent", "--operation", operation], resource].concat();
            pair.cluster(side).acl(&args).map(drop).map_err(text)
        };
        grant(&["--cluster"], "Describe")?;
        grant(&["--cluster"], "DescribeConfigs")?;
        grant(&["--group", "*"], "Describe")?;
        let prefix = if side == Side::Source { "acl.PROD." } else { "acl.prod." };
        for operation in ["Describe", "DescribeConfigs", "Read"] {
            grant(&["--topic", prefix, "--resource-pattern-type", "prefixed"], operation)?;
        }
    }
    let (code, said) = check(&folder, &sasl("PLAIN"))?;
    let wanted = ["the agent may not describe the topic", "--operation Describe --topic __consumer_offsets"];
    if code != 1 || wanted.iter().any(|w| !said.contains(w)) || said.matches("FAIL").count() != 2 {
        return Err(format!("with all rights but one, on both sides: exit {code}\n{said}"));
    }
    for side in Side::BOTH {
        let rule =
            ["--add", "--allow-principal", "User:agent", "--operation", "Describe", "--topic", "__consumer_offsets"];
        pair.cluster(side).acl(&rule).map(drop).map_err(text)?;
    }
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let (code, said) = check(&folder, &sasl(mechanism))?;
        // Everything can be read, and it shows already what would hold up a step: nobody is declared to write.
        let foreseen = said.contains("miss  step/switch-producers") && said.contains("(undeclared)");
        if code != 0 || said.contains("FAIL") || !said.contains("producer states") || !foreseen {
            return Err(format!("with rights, over {mechanism}: exit {code}\n{said}"));
        }
    }

    // A topic that the agent may not see is in no list, and lies on a broker's disk all the same.
    let hidden = "acl.PROD.crm.customers.ingestion";
    let rule = ["--deny-principal", "User:agent", "--operation", "Describe", "--topic", hidden];
    let source = pair.cluster(Side::Source);
    source.acl(&[&["--add"], &rule[..]].concat()).map_err(text)?;
    let (code, said) = check(&folder, &sasl("PLAIN"))?;
    if code != 1
        || !said.contains("the list hides, and")
        || !said.contains(&format!("--operation Describe --topic {hidden}"))
    {
        return Err(format!("with a topic that is hidden: exit {code}\n{said}"));
    }
    source.acl(&[&["--remove", "--force"], &rule[..]].concat()).map_err(text)?;

    // Over TLS; then trusting another CA. The shop is at work: no topic and no group comes by looking.
    let before = names(&pair)?;
    let (code, said) = check(&folder, &tls)?;
    if code != 0 {
        return Err(format!("over TLS: exit {code}\n{said}"));
    }
    let after = names(&pair)?;
    if before[0].1.is_empty() || before != after {
        return Err(format!("check has made topics or groups, or none were seen before:\n{before:#?}\n{after:#?}"));
    }

    // A probe looks at the same port as a client would; trusting another CA it does not pass, and that is no defect of
    // what the agent may read.
    let destination = pair.cluster(Side::Destination);
    let port = destination.bootstrap_of(Listener::Tls);
    let probe = format!(
        "probes: {{ door: {{ kind: tcp, side: destination, address: \"{port}\", tls: true, certificate_days: 1 }} }}\n"
    );
    let authorities = destination.tls();
    for (ca, wanted) in
        [(authorities.ca.as_path(), "passes now"), (authorities.other_ca.as_path(), "does not pass now")]
    {
        let (code, said) = check_with(&folder, &tls, &probe, Some(ca))?;
        let door = said.lines().find(|l| l.contains("probe/door")).unwrap_or_default();
        if code != 0 || !door.contains(wanted) {
            return Err(format!("a TLS probe, trusting {}: exit {code}\n{said}", ca.display()));
        }
    }

    // A wrong password is said as such, and printed nowhere.
    let wrong = User { name: "agent".into(), password: "wrong-secret-2".into() };
    let bad = Side::BOTH.map(|s| pair.cluster(s).client_properties(Listener::Sasl, Some(&wrong)));
    let (code, said) = check(&folder, &bad)?;
    if code != 3 || said.contains("wrong-secret-2") || !said.to_lowercase().contains("auth") {
        return Err(format!("with a wrong password: exit {code}\n{said}"));
    }
    Ok(())
}

/// Everything a cluster has: every log with its ends, and every group.
type Everything = (BTreeMap<(String, i32), (i64, i64)>, BTreeSet<String>);

/// Both clusters, source first.
fn picture(pair: &Pair) -> Result<[Everything; 2], String> {
    let of = |side| {
        let client = pair.cluster(side).client().map_err(text)?;
        Ok::<_, String>((client.logs().map_err(text)?, client.groups().map_err(text)?))
    };
    Ok([of(Side::Source)?, of(Side::Destination)?])
}

/// Topics and groups.
type Names = (BTreeSet<String>, BTreeSet<String>);

/// Every topic and every group by name, of both clusters.
fn names(pair: &Pair) -> Result<[Names; 2], String> {
    Ok(picture(pair)?.map(|(logs, groups)| (logs.into_keys().map(|(topic, _)| topic).collect(), groups)))
}

/// Runs `check --connect` with these client properties, source first.
fn check(folder: &Scratch, properties: &[String; 2]) -> Result<(i32, String), String> {
    check_with(folder, properties, "", None)
}

/// The same with more configuration, trusting the authorities of a file.
fn check_with(
    folder: &Scratch,
    properties: &[String; 2],
    more: &str,
    trusted: Option<&Path>,
) -> Result<(i32, String), String> {
    let io = |e: std::io::Error| e.to_string();
    let [source, destination] = ["source", "destination"].map(|n| folder.join(format!("{n}.properties")));
    fs::write(&source, &properties[0]).map_err(io)?;
    fs::write(&destination, &properties[1]).map_err(io)?;
    let config = folder.join("config.yaml");
    let yaml = format!(
        "migration: rights\nscope: acl.PROD\nkafka:\n  source: {{ properties_file: {} }}\n  \
         destination: {{ properties_file: {} }}\n  rename: {{ topics: {{ \"acl.PROD.\": \"acl.prod.\" }} }}\n{more}",
        source.display(),
        destination.display(),
    );
    fs::write(&config, yaml).map_err(io)?;
    let mut check = Command::new(env!("CARGO_BIN_EXE_cutover-agent"));
    check.args(["check", "--connect", "--config"]).arg(&config).stdin(Stdio::null());
    if let Some(file) = trusted {
        check.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
    }
    let output = check.output().map_err(io)?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned()))
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
