//! Values that need a parser of their own.

use std::time::Duration;

/// An anchor: `<topic>/<partition>=<offset>`.
pub(super) fn anchor(text: &str) -> Result<(String, i64), String> {
    let split = || {
        let (place, offset) = text.rsplit_once('=')?;
        let (topic, partition) = place.rsplit_once('/')?;
        partition.parse::<u16>().ok()?;
        let offset = offset.parse::<i64>().ok().filter(|o| *o >= 0)?;
        (!topic.is_empty()).then(|| (place.to_owned(), offset))
    };
    split().ok_or_else(|| "is not <topic>/<partition>=<offset>, as in shop.crm.orders.ingestion/0=1042".to_owned())
}

/// A time with its unit: `500ms`, `5s`, `90min`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "is not a time with its unit, as in 30s, 5min or 1h30m".to_owned();
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match rest[..unit].trim() {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        rest = &rest[unit..];
        total = number.checked_mul(factor).and_then(|n| total.checked_add(n)).ok_or_else(wrong)?;
    }
    if total > 31 * 86_400_000 {
        return Err("is longer than 31 days".to_owned());
    }
    Ok(Duration::from_millis(total))
}

/// A size with its unit: `64KiB`, `256MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "is not a size with its unit, as in 64KiB, 256MiB or 1GiB".to_owned();
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (number, shift) =
        units.iter().find_map(|(u, shift)| Some((text.strip_suffix(u)?, *shift))).ok_or_else(wrong)?;
    let number = number.trim().parse::<u64>().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|n| *n > 0 && *n <= 1 << 40).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("256MiB"), Ok(268_435_456));
        for text in ["", "5", "MiB", "0MiB", "5MB", "-1GiB", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, ms) in [("500ms", 500), ("5s", 5000), ("90min", 5_400_000), ("1h30m", 5_400_000), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "5x", "1h30", "-5s", "99999999999999999999s", "40d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_anchor_names_partition_and_offset() {
        assert_eq!(anchor("a.b/0=12"), Ok(("a.b/0".to_owned(), 12)));
        for text in ["a.b=12", "a.b/x=1", "/0=1", "a/0=-1", "a/0"] {
            assert!(anchor(text).is_err(), "{text}");
        }
    }
}
