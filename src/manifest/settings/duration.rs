//! Durations: `200ms`, `1.5s`, `15m`, `1h30m`. One grammar for the manifest and the command line.

use std::time::Duration;

use crate::manifest::yaml::{Form, Mistake, Quoted, text_or_number};

/// The longest duration that can be set. A longer one is a slip, and would overflow clocks.
pub(crate) const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// In nanoseconds, largest first.
const UNITS: [(&str, u64); 4] =
    [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)];

/// Largest unit first, each at most once; only the last part may have a fraction.
pub(crate) fn duration_of(text: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut nanoseconds: u64 = 0;
    loop {
        let (number, after) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let (unit, after) =
            after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if number.contains('.') && !after.is_empty() {
            return None;
        }
        let whole = digits(whole)?.checked_mul(*scale)?;
        // Nine digits are nanoseconds.
        if fraction.len() > 9 {
            return None;
        }
        let fraction = u128::from(digits(fraction)?) * u128::from(*scale)
            / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        nanoseconds = nanoseconds.checked_add(whole)?.checked_add(u64::try_from(fraction).ok()?)?;
        if after.is_empty() {
            let duration = Duration::from_nanos(nanoseconds);
            return (duration <= YEAR).then_some(duration);
        }
        rest = after;
    }
}

pub(super) fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn written_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for (unit, scale) in UNITS {
        let scale = u128::from(scale);
        if rest >= scale {
            text.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

pub(super) fn duration() -> Form<Duration> {
    const PATTERN: &str = r"^(\d+h)?(\d+m)?(\d+s)?\d+(\.\d+)?(h|m|s|ms)$";
    let form = text_or_number("a duration such as 30s", PATTERN, checked);
    form.with_default(|duration| written_duration(*duration).into())
}

/// Not zero.
pub(super) fn span() -> Form<Duration> {
    let form = duration().then(|duration, node| {
        if duration.is_zero() {
            let mistake = Mistake::new("this duration must be longer than zero");
            return node.report(mistake.help("write for instance 30s"));
        }
        Some(duration)
    });
    form.with_default(|duration| written_duration(*duration).into())
}

fn checked(text: &str) -> Result<Duration, Mistake> {
    duration_of(text).ok_or_else(|| {
        let is_number =
            text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok();
        if is_number {
            Mistake::new(format!("the duration {} has no unit", Quoted(text)))
                .help(format!("write {text}s for seconds; the units are ms, s, m and h"))
        } else {
            Mistake::new(format!("{} is not a valid duration", Quoted(text)))
                .help("write for instance 200ms, 1.5s, 15m or 1h30m")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("0s", 0),
            ("200ms", 200),
            ("2500ms", 2_500),
            ("1.5s", 1_500),
            ("30s", 30_000),
            ("1m", 60_000),
            ("0.5m", 30_000),
            ("1h30m", 5_400_000),
            ("1h1m1s1ms", 3_661_001),
            ("1m0.5s", 60_500),
        ] {
            assert_eq!(duration_of(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "s",
            "30",
            "-1s",
            "+1s",
            "1 s",
            "1S",
            "1d",
            "1.s",
            ".5s",
            "1..5s",
            "1.5h30m",
            "30m1h",
            "1s1s",
            "1s1",
            "1e3s",
            "１s",
            "99999999999999999999s",
            "9000h",
            "1.0000000001s",
        ] {
            assert_eq!(duration_of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["0s", "200ms", "2s500ms", "1h30m", "2m"] {
            assert_eq!(written_duration(duration_of(text).unwrap()), text);
        }
    }
}
