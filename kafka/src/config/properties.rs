//! The syntax of Java properties: comments, continuation lines, `=`, `:` or blank as separator, escapes.

use super::PropertyError;

/// One property with the line it begins on.
pub(super) struct Property {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: String,
}

/// Splits the text into properties; lines that are none are errors.
pub(super) fn split(text: &str, errors: &mut Vec<PropertyError>) -> Vec<Property> {
    let mut out = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start();
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let line = index + 1;
        let mut logical = first.to_owned();
        while continues(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start());
        }
        match property(line, &logical) {
            Ok(property) => out.push(property),
            Err(problem) => errors.push(PropertyError::Syntax { line, problem }),
        }
    }
    out
}

/// Whether the line ends in an odd number of backslashes.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn property(line: usize, logical: &str) -> Result<Property, &'static str> {
    let mut escaped = false;
    let end = logical.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || c.is_whitespace());
        escaped = !escaped && c == '\\';
        ends
    });
    let (key, rest) = logical.split_at(end.unwrap_or(logical.len()));
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
    let key = unescape(key)?;
    if key.is_empty() {
        return Err("a value without a key");
    }
    Ok(Property { line, key, value: unescape(value)?.trim_end_matches([' ', '\t', '\r']).to_owned() })
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len());
    let mut units = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            flush(&mut out, &mut units)?;
            out.push(c);
            continue;
        }
        let escaped = chars.next();
        if escaped == Some('u') {
            let digits: String = chars.by_ref().take(4).collect();
            let unit = if digits.len() == 4 { u16::from_str_radix(&digits, 16).ok() } else { None };
            units.push(unit.ok_or("a \\u escape needs four hexadecimal digits")?);
            continue;
        }
        flush(&mut out, &mut units)?;
        match escaped {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    flush(&mut out, &mut units)?;
    Ok(out)
}

/// Java writes characters beyond 16 bits as two escapes.
fn flush(out: &mut String, units: &mut Vec<u16>) -> Result<(), &'static str> {
    out.push_str(&String::from_utf16(units).map_err(|_| "a \\u escape that is half a character")?);
    units.clear();
    Ok(())
}
