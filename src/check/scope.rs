//! Why no topic of a side is in scope: the likely cause, from the names that are there.

use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::settings::KafkaSettings;

/// Names shown at most.
const SHOWN: usize = 5;

/// A few of the topics outside of the scope, to stand after their number.
pub(super) fn outside_of(outside: &[Name]) -> String {
    if outside.is_empty() { String::new() } else { format!(": {}", few(outside)) }
}

/// The likely cause and what mends it; none where there is no name to tell by.
pub(super) fn nothing_in_scope(k: &KafkaSettings, side: Side, outside: &[Name]) -> Option<String> {
    let patterns: Vec<String> = k.topics.iter().map(|p| format!("`{}`", p.as_str())).collect();
    let patterns = patterns.join(", ");
    let left_out = outside.iter().filter(|t| k.ignored.contains_key(*t)).count();
    if !outside.is_empty() && left_out == outside.len() {
        return Some("every topic there is is named under `kafka.ignored`: take those of the migration out".to_owned());
    }
    let example = outside.iter().find(|t| !k.ignored.contains_key(*t))?;
    let named: Vec<&Name> = outside.iter().filter(|t| k.in_scope(t)).collect();
    let there: Vec<&Name> = outside.iter().filter(|t| k.topic_there(t) != **t && !k.in_scope(t)).collect();
    let (source, rules) = (side == Side::Source, rules(k));
    Some(match (source, named.first()) {
        // On the source what the patterns match is in scope: only there may another name be meant.
        (true, _) => match there.iter().find(|t| k.topics.iter().any(|p| p.matches(&k.topic_there(t)))) {
            Some(t) => format!(
                "`scope` ({patterns}) fits the names of the destination: {t} becomes {} by `kafka.rename.topics` ({rules}); \
                 name the topics in `scope` as they are on the source",
                k.topic_there(t)
            ),
            None => format!("no name there fits `scope` ({patterns}), such as {example}: mend `scope`"),
        },
        (false, Some(t)) => format!(
            "{t} has its source name there, and `kafka.rename.topics` ({rules}) expects {}: mend or take out the rule",
            k.topic_there(t)
        ),
        (false, None) if k.rename_topics.is_empty() => format!(
            "no name there fits `scope` ({patterns}), such as {example}; where topics have other names at the destination: \
             kafka: {{ rename: {{ topics: {{ \"<prefix on the source>\": \"<prefix there>\" }} }} }}; otherwise create them"
        ),
        (false, None) => format!(
            "no name there is what `kafka.rename.topics` ({rules}) makes of a name in `scope` ({patterns}), such as \
             {example}: mend the rule, or create the topics"
        ),
    })
}

fn rules(k: &KafkaSettings) -> String {
    let rules: Vec<String> = k.rename_topics.iter().map(|(from, to)| format!("`{from}` → `{to}`")).collect();
    if rules.is_empty() { "no rule".to_owned() } else { rules.join(", ") }
}

fn few(names: &[Name]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(|n| &**n).collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn settings(scope: &str, rename: &str) -> KafkaSettings {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(place("a"), "bootstrap.servers=127.0.0.1:1").unwrap();
        std::fs::write(place("b"), "bootstrap.servers=127.0.0.1:2").unwrap();
        let text = format!(
            "migration: shop\nscope: {scope}\nkafka:\n  rename: {rename}\n  source: {{ properties_file: {} }}\n  \
             destination: {{ properties_file: {} }}\nproducers: {{ crm: {{ topics: [\"*\"] }} }}\n",
            place("a"),
            place("b"),
        );
        std::fs::write(place("c.yaml"), text).unwrap();
        let config = crate::config::load(&[place("c.yaml").into()], &std::collections::BTreeMap::new());
        config.unwrap_or_else(|e| panic!("{e}")).settings.kafka.unwrap()
    }

    fn said(k: &KafkaSettings, side: Side, names: &[&str]) -> String {
        let names: Vec<Name> = names.iter().map(|n| Name::from(*n)).collect();
        format!("0 in scope{}\n{}", outside_of(&names), nothing_in_scope(k, side, &names).unwrap_or_default())
    }

    #[test]
    fn where_nothing_is_in_scope_the_likely_cause_is_said() {
        let plain = settings("shop.PROD", "{}");
        let renamed = settings("shop.PROD", "{ topics: { \"shop.PROD.\": \"shop.\" } }");
        let meant = settings("shop.prod", "{ topics: { \"shop.PROD.\": \"shop.prod.\" } }");
        let many = ["a", "b", "c", "d", "e", "f", "g"];
        let shown = [
            said(&plain, Side::Source, &[]),
            said(&plain, Side::Source, &many),
            said(&plain, Side::Destination, &["prod.crm.orders"]),
            said(&renamed, Side::Destination, &["shop.PROD.crm.orders"]),
            said(&renamed, Side::Destination, &["prod.crm.orders"]),
            said(&meant, Side::Source, &["shop.PROD.crm.orders"]),
        ];
        expect![[r#"
            0 in scope


            0 in scope: a, b, c, d, e and 2 more
            no name there fits `scope` (`shop.PROD.*`), such as a: mend `scope`

            0 in scope: prod.crm.orders
            no name there fits `scope` (`shop.PROD.*`), such as prod.crm.orders; where topics have other names at the destination: kafka: { rename: { topics: { "<prefix on the source>": "<prefix there>" } } }; otherwise create them

            0 in scope: shop.PROD.crm.orders
            shop.PROD.crm.orders has its source name there, and `kafka.rename.topics` (`shop.PROD.` → `shop.`) expects shop.crm.orders: mend or take out the rule

            0 in scope: prod.crm.orders
            no name there is what `kafka.rename.topics` (`shop.PROD.` → `shop.`) makes of a name in `scope` (`shop.PROD.*`), such as prod.crm.orders: mend the rule, or create the topics

            0 in scope: shop.PROD.crm.orders
            `scope` (`shop.prod.*`) fits the names of the destination: shop.PROD.crm.orders becomes shop.prod.crm.orders by `kafka.rename.topics` (`shop.PROD.` → `shop.prod.`); name the topics in `scope` as they are on the source"#]].assert_eq(&shown.join("\n\n"));
    }
}
