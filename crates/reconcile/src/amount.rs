//! Exact decimals of any size.

use std::{
    cmp::Ordering,
    fmt, iter,
    ops::{Add, AddAssign, Mul, Neg, Sub},
};

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, Zero};

/// So many digits fit into an `i128`, whichever they are.
const MOST_SMALL_DIGITS: usize = 38;
/// So many digits fit into an `i64`, whichever they are.
const MOST_TINY_DIGITS: usize = 18;

/// An exact decimal. Figures of real reports need no memory but their own; larger ones are held on the heap.
#[derive(Clone)]
pub struct Amount(Repr);

/// The value is `digits` divided by ten to the power of `scale`.
#[derive(Clone)]
enum Repr {
    Small { digits: i128, scale: u32 },
    Large(Box<Large>),
}

#[derive(Clone)]
struct Large {
    digits: BigInt,
    scale: u32,
}

/// How the last digit of a [`Amount::quotient`] is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Towards plus infinity.
    Up,
    /// To the nearest; a half away from zero.
    HalfAway,
    /// Towards zero.
    Down,
}

impl Amount {
    /// `whole.fraction` times ten to the power of `exponent`. Both are digits; they may be empty.
    pub(crate) fn of_digits(
        is_negative: bool,
        whole: &[u8],
        fraction: &[u8],
        exponent: i64,
    ) -> Self {
        let places = fraction.len() as i64 - exponent;
        let scale = u32::try_from(places.max(0)).unwrap_or(u32::MAX); // a row is far shorter
        let zeros = usize::try_from(-places).unwrap_or(0);
        let count = whole.len() + fraction.len() + zeros;
        let digits = || whole.iter().chain(fraction).copied().chain(iter::repeat_n(b'0', zeros));
        if count <= MOST_SMALL_DIGITS {
            let size = if count <= MOST_TINY_DIGITS {
                i128::from(digits().fold(0_i64, |n, digit| n * 10 + i64::from(digit - b'0')))
            } else {
                digits().fold(0_i128, |n, digit| n * 10 + i128::from(digit - b'0'))
            };
            let digits = if is_negative { -size } else { size };
            return Amount(Repr::Small { digits, scale });
        }
        let text: Vec<u8> = digits().collect();
        let size = BigInt::parse_bytes(&text, 10).unwrap_or_default();
        let digits = if is_negative { -size } else { size };
        Amount(Repr::Large(Box::new(Large { digits, scale })))
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        match &self.0 {
            Repr::Small { digits, .. } => *digits == 0,
            Repr::Large(large) => large.digits.is_zero(),
        }
    }

    /// Whether it is less than 0.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small { digits, .. } => *digits < 0,
            Repr::Large(large) => large.digits.is_negative(),
        }
    }

    /// Its magnitude.
    pub fn abs(&self) -> Amount {
        if self.is_negative() { -self } else { self.clone() }
    }

    /// The quotient with so many decimals; `None` where `divisor` is 0.
    pub fn quotient(&self, divisor: &Amount, places: u32, rounding: Rounding) -> Option<Amount> {
        if divisor.is_zero() {
            return None;
        }
        if let (Repr::Small { digits: a, scale: i }, Repr::Small { digits: b, scale: j }) =
            (&self.0, &divisor.0)
        {
            let dividend = shifted(*a, j.checked_add(places)?);
            if let (Some(dividend), Some(divisor)) = (dividend, shifted(*b, *i))
                && divisor != i128::MIN
                && dividend != i128::MIN
            {
                let digits = divided(&dividend, &divisor, rounding);
                return Some(Amount(Repr::Small { digits, scale: places }));
            }
        }
        let (dividend, divisor) = (self.to_large(), divisor.to_large());
        let (up, down) = (divisor.scale.checked_add(places)?, dividend.scale);
        let (dividend, divisor) = (dividend.digits * power(up), divisor.digits * power(down));
        let digits = divided(&dividend, &divisor, rounding);
        Some(Amount(Repr::Large(Box::new(Large { digits, scale: places }))))
    }

    fn to_large(&self) -> Large {
        match &self.0 {
            Repr::Small { digits, scale } => Large { digits: (*digits).into(), scale: *scale },
            Repr::Large(large) => Large::clone(large),
        }
    }

    /// Both with the same scale, if they fit.
    fn aligned(&self, other: &Amount) -> Option<(i128, i128, u32)> {
        let (Repr::Small { digits: a, scale: i }, Repr::Small { digits: b, scale: j }) =
            (&self.0, &other.0)
        else {
            return None;
        };
        match i.cmp(j) {
            Ordering::Equal => Some((*a, *b, *i)),
            Ordering::Less => Some((shifted(*a, j - i)?, *b, *j)),
            Ordering::Greater => Some((*a, shifted(*b, i - j)?, *i)),
        }
    }

    fn aligned_large(&self, other: &Amount) -> (BigInt, BigInt, u32) {
        let (a, b) = (self.to_large(), other.to_large());
        let scale = a.scale.max(b.scale);
        (a.digits * power(scale - a.scale), b.digits * power(scale - b.scale), scale)
    }
}

/// `digits` with so many zeros more; `None` where they do not fit.
fn shifted(digits: i128, zeros: u32) -> Option<i128> {
    if digits == 0 {
        return Some(0);
    }
    digits.checked_mul(10_i128.checked_pow(zeros)?)
}

fn power(zeros: u32) -> BigInt {
    BigInt::from(10).pow(zeros)
}

/// `divisor` is not 0, and neither is the least value of its type.
fn divided<T: Integer + Signed + Clone>(dividend: &T, divisor: &T, rounding: Rounding) -> T {
    let (quotient, rest) = dividend.div_rem(divisor);
    let is_negative = dividend.is_negative() != divisor.is_negative();
    let (rest, divisor) = (rest.abs(), divisor.abs());
    let goes_away = match rounding {
        Rounding::Down => false,
        Rounding::Up => !rest.is_zero() && !is_negative,
        Rounding::HalfAway => rest.clone() >= divisor - rest,
    };
    match (goes_away, is_negative) {
        (false, _) => quotient,
        (true, false) => quotient + T::one(),
        (true, true) => quotient - T::one(),
    }
}

impl Default for Amount {
    fn default() -> Self {
        Amount(Repr::Small { digits: 0, scale: 0 })
    }
}

impl From<u64> for Amount {
    fn from(n: u64) -> Self {
        Amount(Repr::Small { digits: n.into(), scale: 0 })
    }
}

impl Add for &Amount {
    type Output = Amount;

    fn add(self, other: &Amount) -> Amount {
        if let Some((a, b, scale)) = self.aligned(other)
            && let Some(digits) = a.checked_add(b)
        {
            return Amount(Repr::Small { digits, scale });
        }
        let (a, b, scale) = self.aligned_large(other);
        Amount(Repr::Large(Box::new(Large { digits: a + b, scale })))
    }
}

impl AddAssign<&Amount> for Amount {
    fn add_assign(&mut self, other: &Amount) {
        *self = &*self + other;
    }
}

impl Neg for &Amount {
    type Output = Amount;

    fn neg(self) -> Amount {
        if let Repr::Small { digits, scale } = &self.0
            && let Some(digits) = digits.checked_neg()
        {
            return Amount(Repr::Small { digits, scale: *scale });
        }
        let Large { digits, scale } = self.to_large();
        Amount(Repr::Large(Box::new(Large { digits: -digits, scale })))
    }
}

impl Sub for &Amount {
    type Output = Amount;

    fn sub(self, other: &Amount) -> Amount {
        self + &-other
    }
}

impl Mul for &Amount {
    type Output = Amount;

    fn mul(self, other: &Amount) -> Amount {
        if let (Repr::Small { digits: a, scale: i }, Repr::Small { digits: b, scale: j }) =
            (&self.0, &other.0)
            && let Some(digits) = a.checked_mul(*b)
        {
            return Amount(Repr::Small { digits, scale: i + j });
        }
        let (a, b) = (self.to_large(), other.to_large());
        let (digits, scale) = (a.digits * b.digits, a.scale + b.scale);
        Amount(Repr::Large(Box::new(Large { digits, scale })))
    }
}

impl<'a> iter::Sum<&'a Amount> for Amount {
    fn sum<I: Iterator<Item = &'a Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::default(), |sum, amount| &sum + amount)
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.aligned(other) {
            Some((a, b, _)) => a.cmp(&b),
            None => {
                let (a, b, _) = self.aligned_large(other);
                a.cmp(&b)
            }
        }
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Amount {}

/// No exponent, no zeros at the end.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, scale) = match &self.0 {
            Repr::Small { digits, scale } => (digits.unsigned_abs().to_string(), *scale),
            Repr::Large(large) => (large.digits.magnitude().to_string(), large.scale),
        };
        let scale = scale as usize;
        let zeros = "0".repeat((scale + 1).saturating_sub(digits.len()));
        let digits = zeros + &digits;
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let fraction = fraction.trim_end_matches('0');
        let mark = if fraction.is_empty() { "" } else { "." };
        f.pad_integral(!self.is_negative(), "", &format!("{whole}{mark}{fraction}"))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `digits` divided by ten to the power of `scale`, as text.
    fn text(digits: &BigInt, scale: usize) -> String {
        let size = digits.magnitude().to_string();
        let size = format!("{size:0>width$}", width = scale + 1);
        let (whole, fraction) = size.split_at(size.len() - scale);
        let sign = if digits.is_negative() { "-" } else { "" };
        format!("{sign}{whole}.{fraction}")
    }

    fn amount(digits: &BigInt, scale: usize) -> Amount {
        let text = text(digits, scale);
        let size = text.trim_start_matches('-');
        let (whole, fraction) = size.split_once('.').unwrap();
        Amount::of_digits(text.starts_with('-'), whole.as_bytes(), fraction.as_bytes(), 0)
    }

    /// Small ones, ones at the border of what fits, and large ones.
    fn digits() -> impl Strategy<Value = BigInt> {
        prop_oneof![
            (-1_000_000..1_000_000_i64).prop_map(BigInt::from),
            any::<i128>().prop_map(BigInt::from),
            prop::sample::select(
                &[i128::MIN, i128::MAX, 0, 1, -1, i64::MAX as i128, i64::MIN as i128][..]
            )
            .prop_map(BigInt::from),
            "-?[1-9][0-9]{36,60}".prop_map(|text| text.parse().unwrap()),
        ]
    }

    fn power_of_ten(n: usize) -> BigInt {
        (0..n).fold(BigInt::from(1), |product, _| product * 10)
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_whole_numbers(a in digits(), b in digits(), i in 0..45_usize, j in 0..45_usize) {
            let (x, y) = (amount(&a, i), amount(&b, j));
            let scale = i.max(j);
            let (c, d) = (&a * power_of_ten(scale - i), &b * power_of_ten(scale - j));
            prop_assert_eq!(&x + &y, amount(&(&c + &d), scale));
            prop_assert_eq!(&x - &y, amount(&(&c - &d), scale));
            prop_assert_eq!(&x * &y, amount(&(&a * &b), i + j));
            prop_assert_eq!(-&x, amount(&-&a, i));
            prop_assert_eq!(x.cmp(&y), c.cmp(&d));
            prop_assert_eq!(x == y, c == d);
            prop_assert_eq!((x.is_zero(), x.is_negative()), (a.is_zero(), a.is_negative()));
            prop_assert_eq!(x.abs(), amount(&a.abs(), i));
            let mut sum = x.clone();
            sum += &y;
            prop_assert_eq!(&sum, &(&x + &y));
            prop_assert_eq!([&x, &y].into_iter().sum::<Amount>(), sum);
            let shown = text(&a, i);
            let shown = shown.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(x.to_string(), if a.is_zero() { "0" } else { shown });
        }

        #[test]
        fn a_quotient_is_the_nearest_on_its_side(a in digits(), b in digits(), i in 0..45_usize, j in 0..45_usize, places in 0..8_u32) {
            let (x, y) = (amount(&a, i), amount(&b, j));
            prop_assume!(!b.is_zero());
            let step = Amount::of_digits(false, b"1", b"", -i64::from(places));
            let quotient = |rounding| x.quotient(&y, places, rounding).unwrap();
            // How far the quotient is above the true one, times the magnitude of the divisor.
            let above = |quotient: &Amount| {
                let product = quotient * &y;
                let rest = &product - &x;
                if y.is_negative() { -&rest } else { rest }
            };
            let unit = &step * &y.abs();
            let zero = Amount::default();
            let up = above(&quotient(Rounding::Up));
            prop_assert!(up >= zero && up < unit);
            let is_negative = x.is_negative() != y.is_negative();
            let down = above(&quotient(Rounding::Down));
            let down = if is_negative { down } else { -&down };
            prop_assert!(down >= zero && down < unit);
            let nearest = above(&quotient(Rounding::HalfAway));
            let nearest = if is_negative { -&nearest } else { nearest };
            let twice = &nearest + &nearest;
            prop_assert!(twice > -&unit && twice <= unit);
            for rounding in [Rounding::Up, Rounding::Down, Rounding::HalfAway] {
                let whole = &quotient(rounding) * &Amount::of_digits(false, b"1", b"", places.into());
                prop_assert!(!whole.to_string().contains('.'));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_exact_all_the_same() {
        let nines = |n: usize| "9".repeat(n);
        for digits in [17, 18, 19, 37, 38, 39, 40] {
            let all = nines(digits);
            let most = Amount::of_digits(false, all.as_bytes(), b"", 0);
            assert_eq!(most.to_string(), all);
            let next = &most + &Amount::from(1);
            assert_eq!(next.to_string(), format!("1{}", "0".repeat(digits)));
            assert_eq!(&next - &Amount::from(1), most);
            assert_eq!(matches!(most.0, Repr::Small { .. }), digits <= MOST_SMALL_DIGITS);
        }
        let tiny = Amount::of_digits(true, b"", &[&[b'0'; 70_000][..], b"1"].concat(), 0);
        assert_eq!(tiny.to_string(), format!("-0.{}1", "0".repeat(70_000)));
        assert_eq!((&Amount::from(7) + &tiny).to_string().len(), "6.".len() + 70_001);
        assert_eq!(Amount::from(1).quotient(&Amount::default(), 2, Rounding::Up), None);
        assert_eq!(
            format!("{:>6}|{:<4}|{tiny:.0?}", Amount::from(12), Amount::from(3)).len(),
            6 + 1 + 4 + 1 + 70_012
        );
    }

    /// What fits needs no heap, whatever is done with it.
    #[test]
    fn what_fits_stays_small() {
        let amount = |whole: &str, fraction: &str| {
            Amount::of_digits(false, whole.as_bytes(), fraction.as_bytes(), 0)
        };
        let (a, b) = (amount("30", "25"), amount("7", "125"));
        let quotient = a.quotient(&b, 6, Rounding::HalfAway).unwrap();
        for small in [&a + &b, &b + &a, &a - &b, &a * &b, -&a, b.abs(), quotient] {
            assert!(matches!(small.0, Repr::Small { .. }), "{small}");
        }
        let least = &amount("170141183460469231731687303715884105727", "") + &amount("1", "");
        let least = -&least;
        assert_eq!(least.to_string(), i128::MIN.to_string());
        let least = Amount(Repr::Small { digits: i128::MIN, scale: 0 });
        let one = Amount::from(1);
        for rounding in [Rounding::Up, Rounding::HalfAway, Rounding::Down] {
            assert_eq!(least.quotient(&-&one, 0, rounding), Some(-&least));
            assert_eq!(least.quotient(&least, 0, rounding), Some(one.clone()));
        }
        assert_eq!(one.quotient(&least, 0, Rounding::HalfAway), Some(Amount::default()));
        assert_eq!(least.abs().to_string(), "170141183460469231731687303715884105728");
    }

    /// A key's figures are most of what a comparison keeps in memory.
    #[test]
    fn an_amount_is_small() {
        assert_eq!(size_of::<Option<Amount>>(), 32);
    }
}
