//! What is safe now, per step of the tracks that run, and what happened so far.

use cutover_lab::{MongoStep, Step, mongo_undone_reasons, mongo_unsafe_reasons};

use crate::estate::Estate;

/// One step, as it is told.
struct Line {
    name: &'static str,
    begun: bool,
    done: bool,
    reasons: Vec<String>,
    /// Of a step that was begun, why it has not taken effect; Kafka's oracle does not tell.
    undone: Option<Vec<String>>,
}

/// Per step: safe or unsafe, with every reason.
pub(crate) fn status(estate: &Estate, json: bool) -> String {
    let lines = lines(estate);
    if json {
        let steps: serde_json::Map<_, _> = lines
            .into_iter()
            .map(|line| {
                let mut body = serde_json::json!({
                    "safe": line.reasons.is_empty(),
                    "begun": line.begun,
                    "done": line.done,
                    "reasons": line.reasons,
                });
                if let Some(undone) = line.undone {
                    body["undone"] = serde_json::json!(undone);
                }
                (line.name.to_owned(), body)
            })
            .collect();
        return serde_json::Value::Object(steps).to_string();
    }
    let mut out = String::new();
    for line in lines {
        let life = match (line.begun, line.done) {
            (_, true) => ", done",
            (true, false) => ", begun",
            (false, false) => "",
        };
        let verdict = if line.reasons.is_empty() { "safe" } else { "unsafe" };
        out.push_str(&format!("{:<17} {verdict}{life}\n", line.name));
        for reason in line.reasons {
            out.push_str(&format!("                  - {reason}\n"));
        }
        for reason in line.undone.unwrap_or_default() {
            out.push_str(&format!("                  - not in effect: {reason}\n"));
        }
    }
    out
}

fn lines(estate: &Estate) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(part) = &estate.mongodb {
        let oracle = part.shop.oracle();
        if let Err(error) = oracle.look() {
            oracle.note(format!("the oracle cannot look: {error}"));
        }
        let (ledger, look) = (oracle.ledger(), oracle.last_look());
        lines.extend(MongoStep::ALL.map(|step| {
            let begun = ledger.begun.contains(&step);
            Line {
                name: step.name(),
                begun,
                done: ledger.done.contains(&step),
                reasons: mongo_unsafe_reasons(&ledger, &look, step),
                undone: begun.then(|| mongo_undone_reasons(&ledger, &look, step)),
            }
        }));
    }
    if let Some(part) = &estate.kafka {
        let ledger = part.shop.oracle().ledger();
        lines.extend(Step::ALL.map(|step| Line {
            name: step.name(),
            begun: ledger.begun.contains(&step),
            done: ledger.done.contains(&step),
            reasons: cutover_lab::unsafe_reasons(&ledger, step),
            undone: None,
        }));
    }
    lines
}

/// Both timelines, one after the other: each counts from the opening of its own shop.
pub(crate) fn timeline(estate: &Estate) -> String {
    let mut out = String::new();
    if let Some(part) = &estate.mongodb {
        out.push_str(&format!("MongoDB\n{}", part.shop.oracle().timeline()));
    }
    if let Some(part) = &estate.kafka {
        out.push_str(&format!("Kafka\n{}", part.shop.oracle().timeline()));
    }
    out
}
