//! Rights on MongoDB: who follows what `check --connect` prints, grant by grant, ends with the role of the documentation,
//! and with no right more. A running agent that lacks one says so where it is asked whether a step is ready, with the
//! same command.

use crate::Estate;
use crate::agent::Agent;
use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{MongoPair, MongoShop, MongoShopOptions, Rights, Scratch, Side};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

/// Rounds of granting: each may show what the one before hid.
const ROUNDS: usize = 4;

pub(crate) fn run(_: &Estate) -> Result<(), String> {
    let pair = MongoPair::start().map_err(text)?;
    let shop = MongoShop::open(&pair, MongoShopOptions::database("shop")).map_err(text)?;
    shop.start().map_err(text)?;
    answers(&pair, &shop)?;
    let folder = Scratch::new("mongo-rights").map_err(text)?;
    for side in Side::BOTH {
        let account = pair.set(side).create_user("agent", Rights::none()).map_err(text)?;
        fs::write(folder.join(format!("{side}.uri")), pair.set(side).uri(&account)).map_err(|e| e.to_string())?;
    }
    let (code, rows) = check(&folder)?;
    let unnamed: Vec<&Value> = failing(&rows).filter(|r| grants(r).is_empty()).collect();
    if code != 1 || failing(&rows).count() < 2 || !unnamed.is_empty() {
        return Err(format!("without rights: exit {code}, without a grant: {unnamed:#?}\n{rows:#}"));
    }
    for round in 1.. {
        let (code, rows) = check(&folder)?;
        if code == 0 {
            break;
        }
        let missing: BTreeSet<(String, String, String)> =
            failing(&rows).flat_map(|r| grants(r).into_iter().map(|(role, db)| (side(r), role, db))).collect();
        if round > ROUNDS || missing.is_empty() {
            return Err(format!("after {round} rounds of granting: exit {code}\n{rows:#}"));
        }
        for (at, role, db) in missing {
            let side = Side::BOTH.into_iter().find(|s| s.to_string() == at).ok_or(format!("no side {at}"))?;
            let grant = doc! { "grantRolesToUser": "agent", "roles": [{ "role": role, "db": db }] };
            pair.set(side).run("admin", grant).map_err(text)?;
        }
    }
    for side in Side::BOTH {
        let has = roles(&pair, side)?;
        let documented = [("clusterMonitor", "admin"), ("read", "shop")].map(|(r, d)| (r.to_owned(), d.to_owned()));
        if has != BTreeSet::from(documented) {
            return Err(format!("the {side} grants {has:?}, not what the documentation asks for"));
        }
    }
    Ok(())
}

/// A missing right is named by `/ready/<step>`, with the command that grants it; the answer is unknown until it is there.
fn answers(pair: &MongoPair, shop: &MongoShop) -> Result<(), String> {
    let mut agent = Agent::prepared("mongo-rights-asked")?;
    let mirror = shop.mirror("mirror").map_err(text)?;
    agent.with_mongodb(pair, shop.options(), &["shop"], &[(mirror, "*")])?;
    let user = "agent-mongo-rights-asked";
    let command = |what: &str, side: Side, role: &str, db: &str| -> Result<(), String> {
        let roles = if role.is_empty() { vec![] } else { vec![doc! { "role": role, "db": db }] };
        pair.set(side).run("admin", doc! { what: user, "roles": roles }).map(drop).map_err(text)
    };
    for side in Side::BOTH {
        command("updateUser", side, "", "")?;
    }
    agent.up()?;
    // What is missing first hides what is missing next; each side says its own.
    for (side, role, db) in [
        (Side::Source, "clusterMonitor", "admin"),
        (Side::Source, "read", "shop"),
        (Side::Destination, "clusterMonitor", "admin"),
        (Side::Destination, "read", "shop"),
    ] {
        let grant =
            format!("db.getSiblingDB(\"admin\").grantRolesToUser(\"{user}\", [{{ role: \"{role}\", db: \"{db}\" }}])");
        let what = format!("that {role} on {db} is missing on the {side}");
        let a = agent.wait("ready", "start-mirror", &what, |a| {
            let named = fixes(&a.body)
                .into_iter()
                .any(|(code, at, fix)| code == "privilege" && at.contains(&side.to_string()) && fix == grant);
            named || a.is_go()
        })?;
        if a.is_go() || a.status != 503 {
            return Err(format!("{what}, and start-mirror answers {}", a.summary()));
        }
        command("grantRolesToUser", side, role, db)?;
    }
    agent.wait_go("ready", "start-mirror").map(drop)
}

/// Code, words and fix of everything in a body that has a fix.
fn fixes(v: &Value) -> Vec<(String, String, String)> {
    match v {
        Value::Object(o) => {
            let of = |key: &str| o.get(key).and_then(Value::as_str).map(str::to_owned);
            let own = of("fix").map(|fix| (of("code").unwrap_or_default(), v.to_string(), fix));
            own.into_iter().chain(o.values().flat_map(fixes)).collect()
        }
        Value::Array(a) => a.iter().flat_map(fixes).collect(),
        _ => vec![],
    }
}

/// What the user may do now.
fn roles(pair: &MongoPair, side: Side) -> Result<BTreeSet<(String, String)>, String> {
    let told = pair.set(side).run("admin", doc! { "usersInfo": "agent" }).map_err(text)?;
    let users = told.get_array("users").map_err(|e| e.to_string())?;
    let user = users.first().and_then(|u| u.as_document()).ok_or("there is no user agent")?;
    let roles = user.get_array("roles").map_err(|e| e.to_string())?;
    let of = |d: &Document| Some((d.get_str("role").ok()?.to_owned(), d.get_str("db").ok()?.to_owned()));
    Ok(roles.iter().filter_map(|r| of(r.as_document()?)).collect())
}

fn failing(rows: &Value) -> impl Iterator<Item = &Value> {
    let all = rows["rows"].as_array().or(rows.as_array()).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|r| r["ok"] == false && r["required"] == true)
}

fn side(row: &Value) -> String {
    row["target"].as_str().and_then(|t| t.split('/').nth(1)).unwrap_or_default().to_owned()
}

/// Role and database of each grant that a row's fix names.
fn grants(row: &Value) -> Vec<(String, String)> {
    let fix = row["fix"].as_str().unwrap_or_default();
    let parts: Vec<&str> = fix.split('"').collect();
    let after = |key: &str, i: usize| parts.get(i).is_some_and(|p| p.trim_end().ends_with(key));
    let named = |i: usize| {
        let role = (after("role:", i) && after("db:", i + 2)).then(|| (parts.get(i + 1), parts.get(i + 3)));
        role.and_then(|(r, d)| Some(((*r?).to_owned(), (*d?).to_owned())))
    };
    (0..parts.len()).filter_map(named).collect()
}

fn check(folder: &Scratch) -> Result<(i32, Value), String> {
    let config = folder.join("config.yaml");
    let uri = |side: Side| folder.join(format!("{side}.uri")).display().to_string();
    let yaml = format!(
        "migration: mongo-rights\nmongodb:\n  source: {{ uri_file: {} }}\n  destination: {{ uri_file: {} }}\n  \
         databases: [shop]\n",
        uri(Side::Source),
        uri(Side::Destination),
    );
    fs::write(&config, yaml).map_err(|e| e.to_string())?;
    let output = Command::new(env!("CARGO_BIN_EXE_cutover-agent"))
        .args(["check", "--connect", "--json", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = serde_json::from_str(&said)
        .map_err(|e| format!("check --json: {e}: {said}\n{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((output.status.code().unwrap_or(-1), rows))
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
