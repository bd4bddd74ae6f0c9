//! What a person may do next: the fix of a finding, and the name that was probably meant.

use crate::Name;
use crate::reading::{Code, Finding};

/// What would mend a finding: its own fix, or what mends every finding of its kind.
pub fn fix(f: &Finding) -> Option<Name> {
    let general = || match f.code {
        Code::Pace => {
            Some("wait: it is the time to see whether the step before holds; a shorter one is `pace: <time>`")
        }
        Code::EmptySet => f.detail.as_deref().and_then(missing),
        _ => None,
    };
    f.fix.clone().or_else(|| general().map(Name::from))
}

/// What would fill a set that has nobody in it, by what it should hold.
fn missing(what: &str) -> Option<&'static str> {
    let known = [
        ("topics in scope", "mend `scope` or `kafka.rename`: `check --connect` shows what lies outside of it"),
        (
            "groups that read topics in scope",
            "let a consumer of the source commit or attach once, while the agent looks on",
        ),
        ("declared producers", "producers: { <name>: { topics: [\"…\"] } }; or expect_none: { producers: \"<why>\" }"),
        ("ingestion topics", "kafka: { classes: { \"<topic pattern>\": ingestion } }, or mend `scope`"),
        ("collections in the databases", "mend `mongodb.databases`: `check --connect` shows what the agent sees"),
        ("mirrors in the configuration", "mongodb: { mirrors: { <name>: { kind: mongomirror, … } } }"),
        ("recorded starts", "they are measured when switch-producers is begun or adopted"),
        ("end offsets anchored", "they are measured when stop-consumers is done or adopted"),
        ("HTTP or TCP probes", "probes: { <name>: { kind: http, side: destination, … } }"),
        ("`dns` probes", "probes: { <name>: { kind: dns, … } }"),
        ("probes", "probes: { <name>: { … } } that gates this step, as docs/configuration.md has them"),
        ("advertised brokers", "look whether the cluster answers: `check --connect`"),
        ("brokers that list", "look whether the cluster answers: `check --connect`"),
        ("data-bearing members", "look whether the deployment answers: `check --connect`"),
        ("instances of this mirror", "mongodb.mirrors.<name>.url: name the status port of every instance"),
    ];
    known.into_iter().find(|(head, _)| what.starts_with(head)).map(|(_, fix)| fix)
}

/// That there is no such thing, with the one that was probably meant, and all there are.
pub fn no_such(what: &str, given: &str, known: &[&str]) -> String {
    let meant = nearest(given, known.iter().copied()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    format!("there is no {what} `{given}`{meant}{}known: {known}", if meant.is_empty() { "; " } else { " " })
}

/// The known name that `came` was most likely meant to be.
pub fn nearest<'n>(came: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |s: &str| s.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(came);
    let known: Vec<&str> = known.into_iter().collect();
    let begun: Vec<&str> =
        known.iter().copied().filter(|k| wanted.len() >= 4 && plain(k).starts_with(&wanted)).collect();
    if let [only] = begun[..] {
        return Some(only);
    }
    let scored = known.iter().map(|k| (strsim::damerau_levenshtein(&wanted, &plain(k)), *k));
    let (distance, name) = scored.min()?;
    // A third of the letters may differ: `toipcs` is `topics`, `tls` is not `url`.
    (distance <= name.chars().count().div_ceil(3).min(6) && distance < name.chars().count().min(wanted.chars().count()))
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Subject;

    #[test]
    fn what_was_probably_meant_is_named() {
        let steps = ["stop-consumers", "start-consumers", "stop-writers", "switch-dns"];
        for (given, meant) in [
            ("stop-consumer", Some("stop-consumers")),
            ("Stop-Consumers", Some("stop-consumers")),
            ("stop_consumers", Some("stop-consumers")),
            ("strat-consumers", Some("start-consumers")),
            ("swicth-dns", Some("switch-dns")),
            ("x", None),
            ("", None),
            ("retire", None),
            ("switch", Some("switch-dns")),
        ] {
            assert_eq!(nearest(given, steps), meant, "{given}");
        }
        assert_eq!(
            no_such("step", "stop-writer", &steps[2..]),
            "there is no step `stop-writer`; did you mean `stop-writers`? known: stop-writers, switch-dns"
        );
        assert_eq!(no_such("step", "y", &[]), "there is no step `y`; known: nothing");
    }

    #[test]
    fn findings_of_some_kinds_say_what_to_do_although_nobody_wrote_it_there() {
        let said = |f: Finding| fix(&f).unwrap_or_default().to_string();
        assert!(said(Finding::no(Code::Pace, Subject::Step("start-mirror"))).contains("`pace: <time>`"));
        let empty = |what: &str| said(Finding::unknown(Code::EmptySet, Subject::Whole).detail(what));
        assert!(empty("declared producers (`producers:`)").contains("expect_none"));
        // Offered keys are keys that there are.
        assert!(empty("instances of this mirror").starts_with("mongodb.mirrors.<name>.url"));
        assert_eq!(empty("what nobody knows"), "");
        let own = Finding::unknown(Code::EmptySet, Subject::Whole).detail("probes").fix("as it says");
        assert_eq!(said(own), "as it says");
        assert_eq!(said(Finding::no(Code::Draining, Subject::Whole)), "");
    }

    #[test]
    fn a_beginning_says_something_from_four_letters_on() {
        let steps = ["topics", "topics-ready-and-more"];
        assert_eq!(nearest("top", steps), None, "three letters are too few, and half of them differ");
        assert_eq!(nearest("topics-", steps), Some("topics-ready-and-more"));
        assert_eq!(nearest("stop", ["stop-consumers", "start-mirror"]), Some("stop-consumers"));
    }

    #[test]
    fn a_word_of_which_every_letter_differs_was_not_meant() {
        assert_eq!(nearest("b", ["a"]), None);
        assert_eq!(nearest("ab", ["b"]), None, "as many differ as there are in the shorter one");
    }
}
