use std::{num::NonZeroUsize, str::FromStr};

/// `--max-failures`: after how many failed rows a run stops, as a number or a share of the selected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFailures {
    Rows(NonZeroUsize),
    /// 1 to 100.
    Percent(u8),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a number of rows from 1, or a share of them from 1% to 100%")]
pub struct MaxFailuresError;

impl MaxFailures {
    /// A share is rounded up.
    pub fn rows(self, selected: usize) -> usize {
        match self {
            MaxFailures::Rows(rows) => rows.get(),
            MaxFailures::Percent(percent) => {
                let hundredths = selected.saturating_mul(usize::from(percent));
                hundredths.div_ceil(100).max(1)
            }
        }
    }
}

impl FromStr for MaxFailures {
    type Err = MaxFailuresError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').unwrap_or(text);
        // `parse` would accept a sign.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MaxFailuresError);
        }
        if number.len() == text.len() {
            number.parse().ok().map(MaxFailures::Rows)
        } else {
            let percent = number.parse().ok().filter(|n| (1..=100).contains(n));
            percent.map(MaxFailures::Percent)
        }
        .ok_or(MaxFailuresError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_at_least_one() {
        for (text, selected, rows) in [
            ("3", 1000, 3),
            ("1%", 1000, 10),
            ("1%", 1001, 11),
            ("7%", 100, 7),
            ("100%", 40, 40),
            ("1%", 0, 1),
        ] {
            let max: MaxFailures = text.parse().unwrap();
            assert_eq!(max.rows(selected), rows, "{text} of {selected}");
        }
        for text in ["", "0", "-1", "+1", "101%", "0%", "%", "x", "1.5", "5 %", "300%"] {
            assert_eq!(text.parse::<MaxFailures>(), Err(MaxFailuresError), "{text:?}");
        }
    }
}
