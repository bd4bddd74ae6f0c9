//! Whether an expression filters: its outermost operators are comparisons without `bool`, joined by `and` only.
//!
//! Then what is left holds even where its value is 0 (`errors < 1`). With `or` or `unless` something is left that was
//! not compared (`x > 0 or vector(0)`), and inside a function or a calculation the comparison is not the answer.

/// Whether what an expression leaves over holds by being there.
pub(super) fn filters(query: &str) -> bool {
    let mut tokens = outermost(query);
    // Parentheses around the whole change nothing.
    while let [Token::Group(inner)] = tokens[..] {
        tokens = outermost(inner);
    }
    let excluded = |t: &Token<'_>| matches!(t, Token::Word("or" | "unless" | "bool"));
    let compared = |part: &[Token<'_>]| part.contains(&Token::Comparison);
    !tokens.iter().any(excluded) && tokens.split(|t| *t == Token::Word("and")).all(compared)
}

/// What matters of an expression, outside of parentheses, selectors, ranges and texts.
#[derive(Copy, Clone, PartialEq, Debug)]
enum Token<'a> {
    Comparison,
    Word(&'a str),
    /// What is inside parentheses.
    Group(&'a str),
    Other,
}

fn outermost(query: &str) -> Vec<Token<'_>> {
    const WORDS: [&str; 4] = ["and", "or", "unless", "bool"];
    let mut tokens = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            '"' | '\'' | '`' => (Some(Token::Other), text(rest, first)),
            '(' | '[' | '{' => {
                let length = bracket(rest);
                let inner = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
                (Some(if first == '(' { Token::Group(inner) } else { Token::Other }), length)
            }
            '=' | '!' | '<' | '>' => {
                let two = rest.as_bytes().get(1).is_some_and(|b| *b == b'=');
                (Some(Token::Comparison), if two { 2 } else { 1 })
            }
            c if c.is_ascii_alphabetic() || c == '_' || c == ':' => {
                let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
                let word = &rest[..length];
                let known = WORDS.into_iter().find(|known| known.eq_ignore_ascii_case(word));
                (Some(known.map_or(Token::Other, Token::Word)), length)
            }
            c => (Some(Token::Other), c.len_utf8()),
        };
        tokens.extend(token);
        rest = rest.get(length.max(1)..).unwrap_or_default().trim_start();
    }
    tokens
}

/// The length of a text with its quotes.
fn text(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a bracketed part with its brackets.
fn bracket(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(here) = rest.get(at..)
        && let Some(c) = here.chars().next()
    {
        at += match c {
            '"' | '\'' | '`' => text(here, c),
            '#' => here.find('\n').unwrap_or(here.len()),
            c => c.len_utf8(),
        };
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::filters;

    #[test]
    fn a_comparison_at_the_top_filters() {
        for query in [
            "sum(rate(http_requests_total{site=\"new\"}[5m])) > 0",
            "errors < 1",
            "a == 0 and on(job) b != 1",
            "((errors < 1))",
            "a < 1 + 2 # or so",
            "a{x=\"or (\"} <= 3",
            "a{x='\\'or'} >= b offset 5m",
        ] {
            assert!(filters(query), "{query}");
        }
    }

    #[test]
    fn whatever_else_is_left_is_a_value() {
        for query in [
            "up",
            "up > bool 0",
            "errors < 1 or vector(0)",
            "(errors < 1) or vector(0)",
            "vector(0) unless errors > 1",
            "up and errors < 1",
            "count(errors < 1)",
            "-1 * (errors < 1)",
            "(a < 1) and (b < 1)",
            "up{job!=\"x\",site=~\"a|b\"}",
            "max_over_time((up > 0)[5m:1m])",
            "a > BOOL 0",
            "`>`",
            "a OR b > 0",
            "\"(",
            "(((",
            "é",
        ] {
            assert!(!filters(query), "{query}");
        }
    }
}
