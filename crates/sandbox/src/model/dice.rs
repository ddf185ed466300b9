//! Repeatable chance: the same seed and question give the same answer, in any order of questions.

use std::time::Duration;

use sha2::{Digest, Sha256};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Dice {
    seed: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice { seed }
    }

    /// Sixteen bytes; `purpose` keeps different questions apart.
    pub(crate) fn bytes(self, purpose: &str, subject: &str, number: u64) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(purpose);
        hash.update([0]);
        hash.update(subject);
        hash.update(number.to_be_bytes());
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        first
    }

    pub(crate) fn share(self, purpose: &str, subject: &str, number: u64) -> f64 {
        // A double holds exactly 53 bits.
        let bits = u128::from_be_bytes(self.bytes(purpose, subject, number)) >> 75;
        bits as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn pick<'a, T>(
        self,
        purpose: &str,
        subject: &str,
        number: u64,
        choices: &'a [T],
    ) -> Option<&'a T> {
        if choices.len() < 2 {
            return choices.first();
        }
        let at = self.share(purpose, subject, number) * choices.len() as f64;
        choices.get(at as usize)
    }

    pub(crate) fn uuid(self, purpose: &str, subject: &str, number: u64) -> String {
        let random = u128::from_be_bytes(self.bytes(purpose, subject, number));
        let version_4 = (random & !(0xf << 76)) | (0x4 << 76);
        let n = (version_4 & !(0x3 << 62)) | (0x2 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            n >> 96,
            (n >> 80) & 0xffff,
            (n >> 64) & 0xffff,
            (n >> 48) & 0xffff,
            n & 0xffff_ffff_ffff
        )
    }
}

pub(super) fn up_to(most: Duration, dice: Dice, purpose: &str, number: u64) -> Duration {
    if most.is_zero() {
        return most; // asking the dice costs something
    }
    most.mul_f64(dice.share(purpose, "", number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_alone_decides_and_shares_are_even() {
        let (one, two) = (Dice::new(1), Dice::new(2));
        assert_eq!(one.uuid("report", "", 1), Dice::new(1).uuid("report", "", 1));
        assert_ne!(one.uuid("report", "", 1), two.uuid("report", "", 1));
        assert_eq!(one.uuid("report", "", 1).len(), 36);
        assert_eq!(one.uuid("report", "", 1).as_bytes()[14], b'4');
        let low = (0..1000).filter(|n| one.share("x", "", *n) < 0.3).count();
        assert!((250..350).contains(&low), "{low}");
    }
}
