//! Values as people write them: durations with a unit, rates, names. Pure text in, typed value or a sentence out.

use super::error::quoted;
use cutover_core::time::Dur;

const UNITS: [(&str, i64); 6] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const EXAMPLES: &str = "write for example 90s, 6min, 1h30m or 7d";
/// Nothing in a migration takes longer.
const LONGEST: i64 = 10 * 365 * 86_400_000;

/// A duration: whole numbers with units, the largest first.
pub(super) fn duration(text: &str) -> Result<Dur, String> {
    let came = text.trim();
    if came.is_empty() {
        return Err(format!("is empty; {EXAMPLES}"));
    }
    if came.parse::<f64>().is_ok() {
        return Err(format!("came {}, a number without a unit; {EXAMPLES}", quoted(text)));
    }
    let wrong = || format!("came {}, which is not a duration; {EXAMPLES}", quoted(text));
    let (mut rest, mut total, mut smallest) = (came, 0i64, i64::MAX);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor).ok_or_else(wrong)?;
        if digits == 0 || factor >= smallest {
            return Err(wrong());
        }
        let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(factor));
        let sum = part.and_then(|part| total.checked_add(part)).filter(|sum| *sum <= LONGEST);
        total = sum.ok_or_else(|| format!("came {}, which is longer than ten years", quoted(text)))?;
        (smallest, rest) = (factor, tail);
    }
    Ok(Dur(total))
}

/// A duration as [`duration`] reads it, exactly.
pub(super) fn duration_text(d: Dur) -> String {
    let mut rest = d.0.max(0);
    if rest == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    for (unit, factor) in UNITS.iter().filter(|(unit, _)| *unit != "m") {
        if rest >= *factor {
            out.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    out
}

/// A rate in bytes per second, with its unit.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB/s", 1 << 10),
        ("MiB/s", 1 << 20),
        ("GiB/s", 1 << 30),
        ("kB/s", 1000),
        ("MB/s", 1_000_000),
        ("GB/s", 1_000_000_000),
        ("B/s", 1),
    ];
    let wrong = || format!("came {}; write a whole number with its unit, as in 20MB/s", quoted(text));
    let came = text.trim();
    let (unit, factor) = UNITS.iter().find(|(unit, _)| came.ends_with(unit)).ok_or_else(wrong)?;
    let number = came.strip_suffix(unit).unwrap_or(came).trim_end();
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let rate = plain.then(|| number.parse::<u64>().ok()?.checked_mul(*factor)).flatten();
    rate.filter(|rate| *rate > 0).ok_or_else(wrong)
}

/// What the name of a URL's parameter with a secret in it contains.
const SECRET: [&str; 6] = ["password", "passwd", "secret", "token", "api_key", "apikey"];

/// What is wrong with a URL: it must be http(s), with a host, and must not carry a password.
pub(super) fn url_problem(text: &str) -> Option<&'static str> {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return Some("begin it with http:// or https://");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    if host.contains('@') {
        return Some("leave user and password out: this file is no place for secrets");
    }
    if parameters(rest).any(|name| SECRET.iter().any(|word| name.to_lowercase().contains(word))) {
        return Some("leave secrets out: this file is no place for them");
    }
    if host.is_empty() || host.starts_with(':') || text.contains(char::is_whitespace) {
        return Some("it has no host, or a blank in it");
    }
    None
}

/// The names of a URL's parameters.
fn parameters(url: &str) -> impl Iterator<Item = &str> {
    let query = url.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair))
}

/// Whether a text could be the name of a Kafka topic.
pub(super) fn is_topic(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=249).contains(&text.len()) && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_back() {
        for (text, ms, back) in [
            ("90s", 90_000, "1min30s"),
            ("6min", 360_000, "6min"),
            ("1h30m", 5_400_000, "1h30min"),
            ("7d", 604_800_000, "7d"),
            ("250ms", 250, "250ms"),
            ("0s", 0, "0s"),
        ] {
            assert_eq!(duration(text), Ok(Dur(ms)), "{text}");
            assert_eq!(duration_text(Dur(ms)), back);
            assert_eq!(duration(back), Ok(Dur(ms)));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "90", "1.5h", "-5s", "s", "5 s", "30s1h", "1h1h", "1m1min", "9x", "99999999999999999999d", "1e3"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_have_units() {
        assert_eq!(rate("20MB/s"), Ok(20_000_000));
        assert_eq!(rate("20 MiB/s"), Ok(20 << 20));
        for text in ["20", "20MB", "0B/s", "-1MB/s", "1.5GB/s", "99999999999999999999GB/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_carry_no_password() {
        for url in ["http://127.0.0.1:8080/x", "https://h/?match=token", "https://h/?a=1#token=2"] {
            assert_eq!(url_problem(url), None, "{url}");
        }
        for url in ["ftp://x", "http://", "https://u:p@host/", "http://a b", "https://h/p?a=1&Access_Token=x"] {
            assert!(url_problem(url).is_some(), "{url}");
        }
    }
}
