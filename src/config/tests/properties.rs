//! Whatever is written, the answer is a configuration or a list of errors, never a panic.

use super::super::values;
use super::{BASE, load};
use cutover_core::time::Dur;
use proptest::prelude::*;

/// Text that looks like a configuration, more often than noise does.
fn yaml() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("kafka"),
        Just("scope"),
        Just("identity"),
        Just("producers"),
        Just("steps"),
        Just("stop-consumers"),
        Just("drained"),
        Just("for"),
        Just("rename"),
        Just("topics"),
        Just("ignored"),
        Just("agent"),
        Just("tokens"),
        Just("mongodb"),
        Just("mirrors"),
        Just("probes"),
        Just("kind"),
        Just("source"),
        Just("properties"),
        Just("after"),
        Just("90s"),
        Just("5"),
        Just("true"),
        Just("~"),
        Just("'x'"),
        Just("&a"),
        Just("*a"),
        Just("!!str"),
        Just("\"*\""),
        Just("a.b"),
        Just("é"),
        Just("<<"),
        Just("|"),
        Just("---"),
        Just("{x}"),
    ];
    let glue = prop_oneof![
        Just(": "),
        Just(":"),
        Just("\n"),
        Just("\n  "),
        Just("\n    "),
        Just("- "),
        Just("["),
        Just("]"),
        Just("{ "),
        Just(" }"),
        Just(", "),
        Just(" "),
        Just("? "),
        Just("\t"),
        Just("#"),
        Just("\r\n"),
        Just("%"),
        Just("..."),
    ];
    prop::collection::vec(prop_oneof![word, glue], 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn texts_like_configurations_never_panic(text in yaml()) {
        let _ = load(&[BASE, &text], &[]);
        let _ = load(&[&text, BASE], &[]);
    }

    #[test]
    fn any_text_never_panics(text in any::<String>(), name in "CUTOVER__[A-Z_]{0,20}", value in any::<String>()) {
        let _ = load(&[&text], &[(&name, &value)]);
    }

    #[test]
    fn any_value_of_any_key_never_panics(i in 0usize..1000, value in any::<String>()) {
        let keys: Vec<_> = super::super::schema::keys().collect();
        let path: Vec<&str> = keys[i % keys.len()].path.split('.').collect();
        let quoted = serde_json::Value::from(value).to_string();
        let text = path.iter().rev().fold(quoted, |inner, key| format!("{{ \"{}\": {inner} }}", key.trim_matches(['<', '>'])));
        let _ = load(&[BASE, &text], &[]);
    }

    #[test]
    fn durations_survive_being_written(ms in 0i64..=10 * 365 * 86_400_000) {
        prop_assert_eq!(values::duration(&values::duration_text(Dur(ms))), Ok(Dur(ms)));
    }
}
