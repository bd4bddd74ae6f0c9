//! Rights on MongoDB: who follows what `check --connect` prints, grant by grant, ends with the role of the documentation,
//! and with no right more.

use crate::Estate;
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
