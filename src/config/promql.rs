//! An expression in PromQL that cannot pass on a part of what it asks about.
//!
//! A comparison without `bool` drops the series that do not meet it, and what is left would pass alone: one idle
//! instance for all the busy ones. So both of its sides have to be single values, wherever it stands, or it is refused.
//! `bool` drops nothing; but on the right of `and` and `unless` nobody looks at what it gives. What is not understood
//! is no single value. Left out on purpose: whether Prometheus takes the expression, which it says itself, and series
//! that find no partner in a join.

#[cfg(test)]
mod tests;
mod tokens;

use cutover_core::Name;
use tokens::{Token, escapes, scan};

/// How deep parentheses may be.
const DEPTH: usize = 32;
/// Aggregations that give one value at most, without labels, where nothing is said about labels.
const AGGREGATIONS: [&str; 9] = ["sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "quantile"];
/// Functions that give one value without labels.
const VALUES: [&str; 4] = ["vector", "scalar", "time", "pi"];
/// What an operator may say about labels, in parentheses.
const LABELS: [&str; 4] = ["on", "ignoring", "group_left", "group_right"];

/// An expression, and what its result means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    text: Name,
    filters: bool,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// It could pass on a part of what it asks about: what is wrong, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Expression, String> {
        if escapes(text) {
            return Err("has a backslash outside of a text, which is not read".to_owned());
        }
        let tokens = scan(text, 0);
        sound(text, &tokens, DEPTH)?;
        Ok(Expression { text: text.into(), filters: filters(&tokens) })
    }

    /// As it is asked.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What is left over holds by being there, even where its value is 0: the outermost operators are comparisons
    /// without `bool`, joined by `and` only. With `or` or `unless` something is left that was not compared.
    pub(crate) fn filters(&self) -> bool {
        self.filters
    }
}

fn filters(tokens: &[Token<'_>]) -> bool {
    let tokens = bare(tokens);
    let excluded = |t: &Token<'_>| t.is_word(&["or", "unless", "bool"]);
    let compared = |part: &[Token<'_>]| part.iter().any(Token::compares);
    !tokens.iter().any(excluded) && tokens.split(|t| t.is_word(&["and"])).all(compared)
}

/// Without parentheses around the whole, which change nothing.
fn bare<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut tokens = tokens.to_vec();
    while let [only] = tokens[..]
        && let Some(inside) = only.inside()
    {
        tokens = inside;
    }
    tokens
}

/// Whether nothing in here drops series by comparing them, and nothing that judges is passed over.
fn sound(text: &str, tokens: &[Token<'_>], depth: usize) -> Result<(), String> {
    for inside in tokens.iter().filter_map(Token::inside) {
        let deeper = depth.checked_sub(1).ok_or("has more parentheses in each other than are read")?;
        sound(text, &inside, deeper)?;
    }
    if let Some(part) = parts(tokens).find(|p| drops(p) && !p.split(Token::compares).all(single)) {
        return Err(survivors(text, joined(part)));
    }
    for (at, operator) in tokens.iter().enumerate().filter(|(_, t)| t.is_word(&["and", "unless"])) {
        let right = joined(parts(&tokens[at + 1..]).next().unwrap_or_default());
        if parts(&bare(right)).any(|p| !drops(p) && judges(p)) {
            return Err(format!(
                "`{}` stands on the right of `{}`, where nobody looks at what `bool` gives: multiply the two sides, as in \
                 `(… < bool 1) * (… < bool 1)`, or compare single values without `bool`",
                source(text, right),
                operator.text(),
            ));
        }
    }
    Ok(())
}

/// What stands between operators that bind less than comparisons do, and between arguments.
fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
    tokens.split(|t| t.is_word(&["and", "or", "unless"]) || t.is_comma())
}

/// Whether one of its comparisons has no `bool`.
fn drops(part: &[Token<'_>]) -> bool {
    (0..part.len()).any(|at| dropping(part, at))
}

fn dropping(part: &[Token<'_>], at: usize) -> bool {
    part[at].compares() && !part.get(at + 1).is_some_and(|next| next.is_word(&["bool"]))
}

/// Whether `bool` stands anywhere in it.
fn judges(part: &[Token<'_>]) -> bool {
    part.iter().any(|t| t.is_word(&["bool"]) || t.inside().is_some_and(|inside| judges(&inside)))
}

/// Whether an operand gives one value at most, without labels. What is not known does not.
fn single(operand: &[Token<'_>]) -> bool {
    // A sign leaves nothing before it.
    let ended = operand.last().is_some_and(|t| !t.calculates());
    ended && operand.split(Token::calculates).all(|term| term.is_empty() || one(joined(term)))
}

fn one(term: &[Token<'_>]) -> bool {
    match term {
        [t] if t.is_number() => true,
        [t] => t.inside().is_some_and(|inside| {
            let lists = inside.iter().any(Token::is_comma);
            !lists && parts(&inside).flat_map(|p| p.split(Token::compares)).all(single)
        }),
        [name, given] => given.inside().is_some() && (name.is_word(&AGGREGATIONS) || name.is_word(&VALUES)),
        _ => false,
    }
}

/// Without what the operator before it says.
fn joined<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    match tokens {
        [word, rest @ ..] if word.is_word(&["bool"]) => joined(rest),
        [word, labels, rest @ ..] if word.is_word(&LABELS) && labels.inside().is_some() => joined(rest),
        [word, rest @ ..] if word.is_word(&["group_left", "group_right"]) => joined(rest),
        _ => tokens,
    }
}

/// What is wrong with a comparison, and what to write instead.
fn survivors(text: &str, part: &[Token<'_>]) -> String {
    let (mut instead, mut from) = (String::new(), part.first().map_or(0, Token::from));
    let cuts = (0..part.len()).filter(|at| dropping(part, *at)).map(|at| part[at].to());
    for to in cuts {
        instead.push_str(text.get(from..to).unwrap_or_default());
        let close = text.get(to..).is_some_and(|rest| !rest.starts_with(char::is_whitespace));
        instead.push_str(if close { " bool " } else { " bool" });
        from = to;
    }
    instead.push_str(text.get(from..part.last().map_or(0, Token::to)).unwrap_or_default());
    format!(
        "`{}` drops the series that do not meet it, and those that are left would pass alone: write `{instead}`, of which \
         every series has to be 1, or compare single values, aggregated without `by` and `without`, as in `max(…) < 1`",
        source(text, part)
    )
}

/// The text of some tokens.
fn source<'t>(text: &'t str, tokens: &[Token<'_>]) -> &'t str {
    let (from, to) = (tokens.first().map_or(0, Token::from), tokens.last().map_or(0, Token::to));
    text.get(from..to).unwrap_or_default()
}
