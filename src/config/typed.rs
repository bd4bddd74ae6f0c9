//! Typed readers: one value under the cursor, strictly, or one sentence about what came instead.
//!
//! Every reader holds what it read, canonically written, as part of what is in force. Which values go together is said
//! where sections are read.

use super::error::{did_you_mean, listed, quoted};
use super::read::At;
use super::schema;
use super::tree::{Kind, Node, Scalar};
use super::values;
use cutover_core::Name;
use cutover_core::pattern::Pattern;
use cutover_core::time::Dur;
use serde_json::Value;
use std::ops::RangeInclusive;

impl At<'_> {
    /// The text of a single value or its default; a wrong shape was reported by the shape pass.
    fn scalar(&self) -> Option<Scalar> {
        match self.node() {
            Some(Node { kind: Kind::Scalar(scalar), .. }) => Some(scalar.clone()),
            Some(_) => None,
            None => {
                let default = schema::find(self.key())?.default?;
                Some(Scalar { text: default.to_owned(), plain: true })
            }
        }
    }

    fn held<T>(&self, read: Result<T, String>, canonical: impl FnOnce(&T) -> Value) -> Option<T> {
        match read {
            Ok(value) => {
                self.hold(canonical(&value));
                Some(value)
            }
            Err(what) => {
                self.fail(what);
                None
            }
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Option<Name> {
        self.checked(|_| Ok(()))
    }

    /// A text that `check` finds nothing wrong with.
    pub(super) fn checked(&self, check: impl FnOnce(&str) -> Result<(), String>) -> Option<Name> {
        let Scalar { text, plain } = self.scalar()?;
        let read = if text.trim().is_empty() {
            Err("is empty: write something, or leave the key out".to_owned())
        } else if plain && matches!(text.as_str(), "true" | "false") {
            Err(format!("came {}; expected {}; quote it if it is a name", quoted(&text), self.takes()))
        } else {
            check(&text).map(|()| Name::from(text))
        };
        self.held(read, |name| Value::from(&**name))
    }

    /// A text as it is; it may be empty.
    pub(super) fn verbatim(&self) -> Option<Name> {
        let Scalar { text, .. } = self.scalar()?;
        self.held(Ok(Name::from(text)), |name| Value::from(&**name))
    }

    /// Where a secret is: a path or the name of a variable, never quoted, held by whoever reads the secret.
    pub(super) fn secret_place(&self) -> Option<String> {
        let Scalar { text, .. } = self.scalar()?;
        if text.trim().is_empty() {
            self.fail("is empty: write something, or leave the key out");
            return None;
        }
        Some(text)
    }

    /// A reason: words, not a switch.
    pub(super) fn reason(&self) -> Option<Name> {
        let Scalar { text, plain } = self.scalar()?;
        let words = text.chars().filter(|c| c.is_alphabetic()).count();
        let switch = plain && matches!(text.to_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off");
        let read = if text.trim().is_empty() {
            Err("the reason is empty: say why, it is shown in every answer it touches".to_owned())
        } else if switch || words == 0 {
            Err(format!("came {}; say why in words, it is shown in every answer it touches", quoted(&text)))
        } else {
            Ok(Name::from(text.trim()))
        };
        self.held(read, |name| Value::from(&**name))
    }

    /// A duration in a range.
    pub(super) fn duration(&self, range: RangeInclusive<Dur>) -> Option<Dur> {
        let Scalar { text, .. } = self.scalar()?;
        let read = values::duration(&text).and_then(|d| {
            let (least, most) = (values::duration_text(*range.start()), values::duration_text(*range.end()));
            if range.contains(&d) {
                Ok(d)
            } else {
                Err(format!("came {}; allowed are {least} to {most}", quoted(&text)))
            }
        });
        self.held(read, |d| Value::from(values::duration_text(*d)))
    }

    /// A whole number in a range.
    pub(super) fn number(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let Scalar { text, plain } = self.scalar()?;
        let digits = plain && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse::<u32>().ok()).flatten().filter(|n| range.contains(n));
        let style = if plain { "" } else { " in quotes" };
        let most = if *range.end() == u32::MAX { String::new() } else { format!(" to {}", range.end()) };
        let read = number.ok_or_else(|| {
            format!("came {}{style}; expected a whole number from {}{most}", quoted(&text), range.start())
        });
        self.held(read, |n| Value::from(*n))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        let Scalar { text, plain } = self.scalar()?;
        let read = match (text.as_str(), plain) {
            ("true", true) => Ok(true),
            ("false", true) => Ok(false),
            (_, true) => Err(format!("came {}; expected true or false", quoted(&text))),
            (_, false) => Err(format!("came {} in quotes; expected true or false without them", quoted(&text))),
        };
        self.held(read, |b| Value::from(*b))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let Scalar { text, .. } = self.scalar()?;
        let found = words.iter().find(|(word, _)| *word == text);
        let read = found.copied().ok_or_else(|| {
            let all = || words.iter().map(|(word, _)| *word);
            format!("came {}; expected {}{}", quoted(&text), listed(all()), did_you_mean(&text, all()))
        });
        self.held(read, |(word, _)| Value::from(*word)).map(|(_, value)| value)
    }

    /// A rate in bytes per second.
    pub(super) fn rate(&self) -> Option<u64> {
        let Scalar { text, .. } = self.scalar()?;
        self.held(values::rate(&text), |rate| Value::from(format!("{rate}B/s")))
    }

    /// A URL without a password. Whatever is wrong with it, it is not quoted.
    pub(super) fn url(&self) -> Option<Name> {
        self.checked(|text| values::url_problem(text).map_or(Ok(()), |what| Err(format!("is no usable URL: {what}"))))
    }

    /// A list of patterns, with or without captures; `None` where nobody gave it.
    pub(super) fn patterns(&self, captures: bool) -> Option<Vec<Pattern>> {
        self.given().then(|| {
            if self.is_list() && self.items().is_empty() {
                self.fail("the list is empty: name something, or leave the key out");
            }
            self.items().iter().filter_map(|item| item.pattern(captures)).collect()
        })
    }

    /// A pattern over whole names.
    pub(super) fn pattern(&self, captures: bool) -> Option<Pattern> {
        let text = self.text()?;
        match pattern(&text, captures) {
            Ok(pattern) => Some(pattern),
            Err(what) => {
                self.fail(what);
                None
            }
        }
    }

    fn takes(&self) -> &'static str {
        schema::find(self.key().trim_end_matches("[]")).map_or("a text", |key| key.takes)
    }
}

/// Parses a pattern, or says what is wrong with it.
pub(super) fn pattern(text: &str, captures: bool) -> Result<Pattern, String> {
    let parsed = Pattern::parse(text).map_err(|e| format!("the pattern {} {e}", quoted(text)))?;
    if !captures && text.contains(['{', '}']) {
        return Err(format!(
            "the pattern {} captures; only `identity` does that: write two patterns instead of `{{a,b}}`",
            quoted(text)
        ));
    }
    Ok(parsed)
}
