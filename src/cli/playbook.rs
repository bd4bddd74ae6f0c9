//! `playbook`: steps, checks and exits, from the code that judges them.

use super::args::PlaybookArgs;
use cutover_core::playbook::{
    Check, Downtime, Dwell, Exit, Run, Step, Use, all_steps, dwell_of, exits, own_time, steps, word as meaning,
};
use cutover_core::settings::{Settings, Track};
use cutover_core::time::Dur;
use serde_json::{Value, json};
use std::fmt::Write;

/// The playbook as text, JSON or Markdown; with settings, the limits in force stand beside the defaults, and tracks
/// that are not configured are left out.
pub(crate) fn print(args: &PlaybookArgs, settings: Option<&Settings>) -> String {
    let shown = |s: &&'static Step| settings.is_none_or(|c| c.tracks.contains(&s.track));
    let steps: Vec<&'static Step> = all_steps().filter(shown).collect();
    if args.json {
        let body = json!({
            "schema_version": 1,
            "migration": settings.map(|s| s.migration.to_string()),
            "rehearsal": settings.filter(|s| s.faster > 1).map(|s| json!({ "faster": s.faster })),
            "steps": steps.iter().map(|s| step_json(s, settings)).collect::<Vec<_>>(),
            "confirmations": exits()
                .iter()
                .map(|e| {
                    let w = meaning(e.confirm);
                    json!({
                        "confirm": e.confirm, "about": e.about, "says": e.says, "shortens": w.shortens, "counts": w.until,
                    })
                })
                .collect::<Vec<_>>(),
        });
        return format!("{body:#}\n");
    }
    let mut out = String::new();
    for s in steps {
        if args.markdown { markdown(&mut out, s, settings) } else { text(&mut out, s, settings) }
    }
    downtimes(&mut out, settings, args.markdown);
    words(&mut out, args.markdown);
    out
}

/// What a check of a step asks for, in force or by default; with `shown`, where nobody is shown to be left.
fn asked(step: &Step, c: &Check, settings: Option<&Settings>, shown: bool) -> Dur {
    match (settings, c.dwell) {
        (Some(s), Dwell::Own { .. }) => own_time(s, c),
        (Some(s), _) => dwell_of(s, step, c, true, shown),
        (None, Dwell::Absence { short, .. }) if shown => short,
        (None, d) => d.default(),
    }
}

/// The least downtime of a track: the done checks of its steps hold one after the other, each counted from its action.
fn least(track: Track, settings: Option<&Settings>, shown: bool) -> Option<Dur> {
    let all = steps(track);
    let opens = all.iter().position(|s| s.downtime == Downtime::Opens)?;
    let closes = all.iter().position(|s| s.downtime == Downtime::Closes)?;
    let longest = |s: &Step| {
        let needs = s.done.iter().filter(|u| !u.advisory).map(|u| asked(s, u.check, settings, shown));
        needs.max().unwrap_or(Dur::ZERO)
    };
    Some(all.get(opens..=closes)?.iter().fold(Dur::ZERO, |sum, s| sum + longest(s)))
}

fn downtimes(out: &mut String, settings: Option<&Settings>, markdown: bool) {
    let (head, item) = if markdown { ("## The least downtime\n", "- ") } else { ("the least downtime", "  ") };
    let _ = writeln!(out, "{head}");
    for track in [Track::Mongodb, Track::Kafka] {
        let configured = settings.is_none_or(|s| s.tracks.contains(&track));
        if let (true, Some(long), Some(short)) =
            (configured, least(track, settings, false), least(track, settings, true))
        {
            let short =
                if short < long { format!(", {short} where it is shown that nobody is left") } else { String::new() };
            let _ = writeln!(out, "{item}{track}: {long}{short}, and what the actions themselves take");
        }
    }
    out.push('\n');
}

/// How long a check of a step must hold, in words; `None` where one sample is enough.
fn time(step: &Step, c: &Check, settings: Option<&Settings>) -> Option<String> {
    let said = match c.dwell {
        Dwell::None => return None,
        Dwell::For { default, floor } if step.way_back || floor == Dur::ZERO => format!("for {default}"),
        Dwell::For { default, floor } => format!("for {default}, floor {floor}"),
        Dwell::Replicas { default } => format!("for {default}, floor {} with replicas", c.dwell.floor()),
        Dwell::Own { default, floor } => format!("for {default} each, floor {floor}"),
        Dwell::Absence { long, short, .. } => format!("for {long}; for {short} where it is shown that nobody is left"),
    };
    let in_force = settings.map(|s| asked(step, c, Some(s), false));
    Some(in_force.map_or(said.clone(), |d| format!("{said}; in force: {d}")))
}

fn marks(u: &Use) -> String {
    let marks = [(u.before, "(b)"), (u.downtime, "(d)"), (u.advisory, "(a)")];
    marks.iter().filter(|(on, _)| *on).map(|(_, m)| *m).collect::<Vec<_>>().join(" ")
}

fn nature(s: &Step, settings: Option<&Settings>) -> String {
    let mut said = Vec::new();
    if !s.way_back {
        said.push("no way back".to_owned());
    }
    if s.run == Run::Once {
        said.push("once".to_owned());
    }
    match s.downtime {
        Downtime::None => {}
        Downtime::Opens => said.push("opens the downtime".to_owned()),
        Downtime::Closes => said.push("ends the downtime".to_owned()),
    }
    if let Some(why) = settings.and_then(|c| c.skipped(s.id)) {
        said.push(format!("skipped: {why}"));
    }
    said.join(", ")
}

fn uses(s: &'static Step) -> [(&'static str, &'static [Use]); 2] {
    [("ready", s.ready), ("done", s.done)]
}

fn text(out: &mut String, s: &'static Step, settings: Option<&Settings>) {
    let nature = nature(s, settings);
    let nature = if nature.is_empty() { nature } else { format!(" [{nature}]") };
    let _ = writeln!(out, "{} / {}{nature}\n  {}", s.track, s.id, s.does);
    for (gate, uses) in uses(s) {
        for u in uses {
            let marks = marks(u);
            let _ = writeln!(out, "  {gate:<5} {:<22} {:<3} {}", u.check.id, marks, u.check.asks);
            if let Some(t) = time(s, u.check, settings) {
                let _ = writeln!(out, "{:33}{t}", "");
            }
            for e in u.check.exits {
                let _ = writeln!(out, "{:33}{}: cutover-agent confirm {}", "", does(e), said_of(s, e));
            }
        }
    }
    let probes = probes(s, settings);
    if !probes.is_empty() {
        let _ = writeln!(out, "  probes that gate it: {}", probes.join(", "));
    }
    for t in s.tripwires {
        let _ = writeln!(out, "  from then on must hold: {} ({})", t.check.id, t.check.asks);
    }
    out.push('\n');
}

fn markdown(out: &mut String, s: &'static Step, settings: Option<&Settings>) {
    let nature = nature(s, settings);
    let nature = if nature.is_empty() { nature } else { format!(" **{nature}.**") };
    let _ = writeln!(out, "## {}\n\nTrack {}.{nature} What a person does: {}.\n", s.id, s.track, s.does);
    let _ = writeln!(out, "| | check | marks | asks | time | exit |\n|---|---|---|---|---|---|");
    for (gate, uses) in uses(s) {
        for u in uses {
            let exits: Vec<String> =
                u.check.exits.iter().map(|e| format!("{}: `confirm {}`", does(e), said_of(s, e))).collect();
            let time = time(s, u.check, settings).unwrap_or_default();
            let (id, asks) = (u.check.id, u.check.asks);
            let _ = writeln!(out, "| {gate} | `{id}` | {} | {asks} | {time} | {} |", marks(u), exits.join(", "));
        }
    }
    let probes = probes(s, settings);
    if !probes.is_empty() {
        let _ = writeln!(out, "\nProbes that gate it: `{}`.", probes.join("`, `"));
    }
    for t in s.tripwires {
        let _ = writeln!(out, "\nFrom then on must hold: `{}`: {}.", t.check.id, t.check.asks);
    }
    out.push('\n');
}

/// The probes that the configuration attaches to a step.
fn probes<'a>(s: &Step, settings: Option<&'a Settings>) -> Vec<&'a str> {
    let all = settings.into_iter().flat_map(|c| &c.probes);
    all.filter(|(_, p)| p.gates.contains(s.id)).map(|(name, _)| &**name).collect()
}

/// What a word does for the check it stands beside.
fn does(e: &Exit) -> &'static str {
    if meaning(e.confirm).shortens { "sooner with" } else { "or" }
}

/// A word as it is said of a step: a track is the step's own.
fn said_of(s: &Step, e: &Exit) -> String {
    word(e.confirm, e.about).replace("<track>", s.track.as_str())
}

fn word(confirm: &str, about: &[&str]) -> String {
    std::iter::once(confirm.to_owned()).chain(about.iter().map(|a| format!("<{a}>"))).collect::<Vec<_>>().join(" ")
}

fn words(out: &mut String, markdown: bool) {
    let (head, tick) = if markdown { ("## Words a person may give\n", "`") } else { ("words a person may give", "") };
    let _ = writeln!(out, "{head}");
    let _ = writeln!(
        out,
        "A word marked `or` settles what is asked. One marked `sooner with` settles nothing: the absence must be \
         measured all the same, and only for the shorter of the two times. Say it when those it is about are stopped \
         and nothing starts them again, not when they are only silent.\n"
    );
    for e in exits() {
        let (w, track) =
            (meaning(e.confirm), if e.about.contains(&"track") { " (track: kafka or mongodb)" } else { "" });
        let sooner = if w.shortens { "; shortens a waiting" } else { "" };
        let (said, until) = (word(e.confirm, e.about), w.until);
        let line = format!("{tick}confirm {said}{tick}{track}: {}{sooner}; counts {until}", e.says);
        let _ = writeln!(out, "{}{line}", if markdown { "- " } else { "  " });
    }
    let _ = writeln!(
        out,
        "\nMarks: (b) before: judged only until the step is begun. (d) needs the downtime. (a) advisory: shown, never \
         blocks."
    );
}

fn step_json(s: &'static Step, settings: Option<&Settings>) -> Value {
    let checks = |uses: &'static [Use]| -> Vec<Value> { uses.iter().map(|u| check_json(s, u, settings)).collect() };
    json!({
        "step": s.id,
        "track": s.track,
        "does": s.does,
        "irreversible": !s.way_back,
        "once": s.run == Run::Once,
        "skippable": s.skippable,
        "skipped": settings.and_then(|c| c.skipped(s.id)).map(ToString::to_string),
        "opens_downtime": s.downtime == Downtime::Opens,
        "closes_downtime": s.downtime == Downtime::Closes,
        "ready": checks(s.ready),
        "done": checks(s.done),
        "probes": probes(s, settings),
        "tripwires": s.tripwires.iter().map(|t| json!({ "check": t.check.id, "asks": t.check.asks })).collect::<Vec<_>>(),
    })
}

fn check_json(s: &Step, u: &Use, settings: Option<&Settings>) -> Value {
    let c = u.check;
    let in_force = settings.map(|set| asked(s, c, Some(set), false));
    json!({
        "check": c.id,
        "asks": c.asks,
        "before": u.before,
        "needs_downtime": u.downtime,
        "advisory": u.advisory,
        "for_seconds": c.dwell.default().as_secs_f64(),
        "floor_seconds": c.dwell.floor().as_secs_f64(),
        "in_force_seconds": in_force.map(Dur::as_secs_f64),
        "exits": c.exits.iter().map(|e| json!({ "confirm": e.confirm, "about": e.about, "says": e.says })).collect::<Vec<_>>(),
    })
}
