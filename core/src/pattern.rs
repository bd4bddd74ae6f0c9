//! Patterns that recognise names: `*` matches any run of characters, `{name}` one or more and captures them.
//!
//! Left out on purpose: character classes and alternation (write two patterns), and matching across a set (a
//! configuration holds a handful of patterns).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A parsed pattern over a whole name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Literal(String),
    Any,
    Capture,
}

/// Why a text is not a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PatternError {
    /// The pattern has no character at all.
    Empty,
    /// `{` without `}` or the other way round.
    Unbalanced,
    /// More than one `{name}`: only one capture gives the identity.
    TwoCaptures,
    /// `{a,b}`: a capture with a list in it, and a pattern for each that was meant.
    List(Vec<String>),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PatternError::List(each) => {
                let each: Vec<String> = each.iter().map(|p| format!("`{p}`")).collect();
                return write!(
                    f,
                    "has a list in braces, which only name what is captured, as in `{{service}}`: write a pattern for each: \
                     {}",
                    each.join(", ")
                );
            }
            PatternError::Empty => "is empty: write at least one character, or leave the key out",
            PatternError::Unbalanced => "has a `{` without `}` (or the other way round): write `{service}` whole",
            PatternError::TwoCaptures => "captures twice: only one `{name}` can give the identity",
        })
    }
}

impl Pattern {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`PatternError`] if it is empty, its braces do not balance, or it captures twice.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let part = match c {
                '*' => Part::Any,
                '{' => {
                    let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    if !text.contains(&format!("{{{name}}}")) {
                        return Err(PatternError::Unbalanced);
                    }
                    if name.contains([',', '|']) {
                        let whole = format!("{{{name}}}");
                        let each = name.split([',', '|']).map(|n| text.replacen(&whole, n.trim(), 1));
                        return Err(PatternError::List(each.collect()));
                    }
                    Part::Capture
                }
                '}' => return Err(PatternError::Unbalanced),
                c => {
                    literal.push(c);
                    continue;
                }
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        if parts.iter().filter(|p| **p == Part::Capture).count() > 1 {
            return Err(PatternError::TwoCaptures);
        }
        Ok(Pattern { text: text.to_owned(), parts })
    }

    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        self.capture(name).is_some()
    }

    /// It captures a part of the name.
    pub fn captures(&self) -> bool {
        self.parts.contains(&Part::Capture)
    }

    /// What `{name}` captured, the whole name where the pattern has no capture; `None` if it does not match.
    pub fn capture<'a>(&self, name: &'a str) -> Option<&'a str> {
        let mut captured = name;
        walk(&self.parts, name, &mut captured).then_some(captured)
    }
}

/// Depth is bounded by the number of parts; a name is short, so trying every split is cheap.
fn walk<'a>(parts: &[Part], rest: &'a str, captured: &mut &'a str) -> bool {
    let Some((part, tail)) = parts.split_first() else { return rest.is_empty() };
    match part {
        Part::Literal(l) => rest.strip_prefix(l.as_str()).is_some_and(|r| walk(tail, r, captured)),
        Part::Any if tail.is_empty() => true,
        Part::Any => ends(rest).any(|i| walk(tail, &rest[i..], captured)),
        Part::Capture => ends(rest).filter(|&i| i > 0).any(|i| {
            let hit = walk(tail, &rest[i..], captured);
            if hit {
                *captured = &rest[..i];
            }
            hit
        }),
    }
}

fn ends(s: &str) -> impl Iterator<Item = usize> + '_ {
    s.char_indices().map(|(i, _)| i).chain(std::iter::once(s.len()))
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Pattern, D::Error> {
        Pattern::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_captures_match_whole_names() {
        let p = |t: &str| Pattern::parse(t).unwrap();
        assert!(p("*.crm.*.ingestion").matches("shop.PROD.crm.orders.ingestion"));
        assert!(!p("*.crm.*.ingestion").matches("shop.PROD.crm.orders.ingestion.dlq"));
        assert!(p("shop.*").matches("shop."));
        assert_eq!(p("{service}-dst").capture("rtu-dst"), Some("rtu"));
        assert_eq!(p("{service}-dst-*").capture("rtu-dst-0"), Some("rtu"));
        assert_eq!(p("{service}-dst").capture("-dst"), None);
        assert_eq!(p("rtu").capture("rtu"), Some("rtu"));
        assert!(p("*é*").matches("caffé nero"));
    }

    #[test]
    fn what_cannot_be_a_pattern_is_refused() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        assert_eq!(Pattern::parse("{a"), Err(PatternError::Unbalanced));
        assert_eq!(Pattern::parse("a}"), Err(PatternError::Unbalanced));
        assert_eq!(Pattern::parse("{a}-{b}"), Err(PatternError::TwoCaptures));
        let list = Pattern::parse("shop.{crm, erp}.*").unwrap_err();
        assert_eq!(list, PatternError::List(vec!["shop.crm.*".to_owned(), "shop.erp.*".to_owned()]));
        assert!(list.to_string().ends_with("write a pattern for each: `shop.crm.*`, `shop.erp.*`"), "{list}");
        assert_eq!(Pattern::parse("{a}-{b"), Err(PatternError::Unbalanced));
    }

    #[test]
    fn only_a_pattern_with_braces_captures() {
        assert!(Pattern::parse("{service}-dst").unwrap().captures());
        assert!(!Pattern::parse("rtu-*").unwrap().captures());
    }

    #[test]
    fn two_stars_are_one_and_two_with_something_between_are_two() {
        assert_eq!(Pattern::parse("a**b").unwrap().parts, Pattern::parse("a*b").unwrap().parts);
        let p = Pattern::parse("*a*").unwrap();
        assert_eq!(p.parts, [Part::Any, Part::Literal("a".into()), Part::Any]);
        assert!(p.matches("xay") && !p.matches("xyz"));
    }
}
