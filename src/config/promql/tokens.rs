//! What an expression is made of, one level of brackets at a time.

/// A part of an expression, and where it begins.
#[derive(Copy, Clone, Debug)]
pub(super) struct Token<'a> {
    kind: Kind,
    text: &'a str,
    from: usize,
}

/// Selectors, ranges, texts and single characters are others.
#[derive(Copy, Clone, PartialEq, Debug)]
enum Kind {
    Comparison,
    Word,
    Number,
    /// Parentheses and what is inside.
    Group,
    Other,
}

impl<'a> Token<'a> {
    /// It compares.
    pub(super) fn compares(&self) -> bool {
        self.kind == Kind::Comparison
    }

    /// It calculates.
    pub(super) fn calculates(&self) -> bool {
        self.kind == Kind::Other && matches!(self.text, "+" | "-" | "*" | "/" | "%" | "^") || self.is_word(&["atan2"])
    }

    /// It is one of these words, in whatever case.
    pub(super) fn is_word(&self, words: &[&str]) -> bool {
        self.kind == Kind::Word && words.iter().any(|word| word.eq_ignore_ascii_case(self.text))
    }

    /// It is a number; some are words.
    pub(super) fn is_number(&self) -> bool {
        self.kind == Kind::Number || self.is_word(&["inf", "nan"])
    }

    /// It stands between arguments.
    pub(super) fn is_comma(&self) -> bool {
        self.kind == Kind::Other && self.text == ","
    }

    /// What is inside its parentheses; none where it has none.
    pub(super) fn inside(&self) -> Option<Vec<Token<'a>>> {
        let inner = self.text.get(1..self.text.len().saturating_sub(1)).unwrap_or_default();
        (self.kind == Kind::Group).then(|| scan(inner, self.from + 1))
    }

    /// Its text.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Where it begins.
    pub(super) fn from(&self) -> usize {
        self.from
    }

    /// Where it ends.
    pub(super) fn to(&self) -> usize {
        self.from + self.text.len()
    }
}

/// The tokens of a text that begins at `from`, outside of brackets.
pub(super) fn scan(text: &str, from: usize) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(first) = rest.chars().next()
    {
        let (kind, length) = match first {
            '#' => (None, comment(rest)),
            c if c.is_whitespace() => (None, c.len_utf8()),
            '"' | '\'' | '`' => (Some(Kind::Other), quoted(rest, first)),
            '(' => (Some(Kind::Group), bracket(rest)),
            '[' | '{' => (Some(Kind::Other), bracket(rest)),
            '=' | '!' | '<' | '>' => {
                (Some(Kind::Comparison), if rest.as_bytes().get(1).is_some_and(|b| *b == b'=') { 2 } else { 1 })
            }
            c if c.is_ascii_alphabetic() || c == '_' || c == ':' => {
                let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                (Some(Kind::Word), rest.find(|c| !part(c)).unwrap_or(rest.len()))
            }
            c if c.is_ascii_digit() || c == '.' => (Some(Kind::Number), number(rest)),
            c => (Some(Kind::Other), c.len_utf8()),
        };
        tokens.extend(kind.map(|kind| Token { kind, text: &rest[..length], from: from + at }));
        at += length.max(1);
    }
    tokens
}

/// Whether there is a backslash outside of texts and comments.
pub(super) fn escapes(text: &str) -> bool {
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(c) = rest.chars().next()
    {
        at += match c {
            '\\' => return true,
            '"' | '\'' | '`' => quoted(rest, c),
            '#' => comment(rest),
            c => c.len_utf8(),
        };
    }
    false
}

/// The length of a number; `1e-3` and `0x1F` are one.
fn number(rest: &str) -> usize {
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        let sign = matches!(c, '+' | '-') && !hex && matches!(before, 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || sign) {
            return at;
        }
        before = c;
    }
    rest.len()
}

fn comment(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// The length of a text with its quotes.
fn quoted(rest: &str, quote: char) -> usize {
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
            '"' | '\'' | '`' => quoted(here, c),
            '#' => comment(here),
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
