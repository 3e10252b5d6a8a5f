//! Whether 32 bytes are a point that an Ed25519 key may be (RFC 8032 §5.1.3).
//!
//! The cryptographic library looks at the point only when a signature comes, and it takes points of low
//! order, with which everybody can sign. Nothing here is secret, so nothing runs in constant time.

use super::JwkError;

/// A number below 2^256, in words of 64 bits, the lowest first.
type Number = [u64; 4];

/// p = 2^255 − 19.
const P: Number = [0xffff_ffff_ffff_ffed, u64::MAX, u64::MAX, u64::MAX >> 1];

/// d = −121665 / 121666 modulo p: the curve is −x² + y² = 1 + d x² y².
const D: Number = [
    0x75eb_4dca_1359_78a3,
    0x0070_0a4d_4141_d8ab,
    0x8cc7_4079_7779_e898,
    0x5203_6cee_2b6f_fe73,
];

/// (p − 1) / 2.
const HALF: Number = [
    0xffff_ffff_ffff_fff6,
    u64::MAX,
    u64::MAX,
    0x3fff_ffff_ffff_ffff,
];

const ONE: Number = [1, 0, 0, 0];

/// Refuses what is no point, and the points of low order.
pub(super) fn check(bytes: &[u8]) -> Result<(), JwkError> {
    let y = read(bytes).ok_or(JwkError::PointInvalid)?;
    let square = multiply(y, y);
    // x² = (y² − 1) / (d y² + 1), which is a square where the product of the two is.
    let (above, below) = (subtract(square, ONE), add(multiply(D, square), ONE));
    let product = multiply(above, below);
    // Zero where x is: at y = 1 and y = −1, of order 1 and 2.
    if product == [0; 4] {
        return Err(JwkError::PointLowOrder);
    }
    if power(product, HALF) != ONE {
        return Err(JwkError::PointInvalid);
    }
    if has_low_order(square, above, below) {
        Err(JwkError::PointLowOrder)
    } else {
        Ok(())
    }
}

/// Whether eight times the point is zero, where x is not. Its order is 4 where y = 0. It is 8 where
/// doubling it gives such a point, whose y is (y² + x²) / (2 − y² + x²): where x² = −y².
fn has_low_order(square: Number, above: Number, below: Number) -> bool {
    square == [0; 4] || add(above, multiply(square, below)) == [0; 4]
}

/// The y of the encoded point, without the sign of x; nothing when it is not the shortest form.
fn read(bytes: &[u8]) -> Option<Number> {
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    let mut number = [0; 4];
    let (words, _) = bytes.as_chunks::<8>();
    for (word, bytes) in number.iter_mut().zip(words) {
        *word = u64::from_le_bytes(*bytes);
    }
    let [.., high] = &mut number;
    *high &= u64::MAX >> 1;
    is_below_p(number).then_some(number)
}

fn is_below_p(number: Number) -> bool {
    number.iter().rev().lt(P.iter().rev())
}

/// `number`, or p less where it is not below p.
fn reduced(number: Number) -> Number {
    if is_below_p(number) {
        number
    } else {
        difference(number, P)
    }
}

fn add(a: Number, b: Number) -> Number {
    // Both are below p, so that the sum is below 2^256.
    let (mut sum, mut carry) = ([0; 4], false);
    for ((to, a), b) in sum.iter_mut().zip(a).zip(b) {
        (*to, carry) = carrying(a, b, carry);
    }
    reduced(sum)
}

fn subtract(a: Number, b: Number) -> Number {
    add(a, difference(P, b))
}

const fn carrying(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(carry as u64);
    (sum, first | second)
}

/// a − b, where b is not greater.
fn difference(a: Number, b: Number) -> Number {
    let (mut left, mut borrow) = ([0; 4], false);
    for ((to, a), b) in left.iter_mut().zip(a).zip(b) {
        let (part, first) = a.overflowing_sub(b);
        let (part, second) = part.overflowing_sub(u64::from(borrow));
        (*to, borrow) = (part, first | second);
    }
    left
}

/// a × b modulo p.
fn multiply(a: Number, b: Number) -> Number {
    let mut wide = [0; 8];
    for (shift, a) in a.into_iter().enumerate() {
        let mut places = wide.iter_mut().skip(shift);
        let mut carry = 0;
        for (b, to) in b.into_iter().zip(places.by_ref()) {
            let sum = u128::from(*to) + u128::from(a) * u128::from(b) + carry;
            (*to, carry) = (low_half(sum), sum >> 64);
        }
        if let Some(to) = places.next() {
            *to = low_half(carry);
        }
    }
    let [a, b, c, d, high @ ..] = wide;
    folded([a, b, c, d], high)
}

/// low + 2^256 × high modulo p: 2^256 is 38 more than twice p.
fn folded(mut low: Number, mut high: Number) -> Number {
    while high != [0; 4] {
        let mut carry = 0;
        for (to, high) in low.iter_mut().zip(high) {
            let sum = u128::from(*to) + 38 * u128::from(high) + carry;
            (*to, carry) = (low_half(sum), sum >> 64);
        }
        high = [low_half(carry), 0, 0, 0];
    }
    reduced(reduced(low))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the other half is the carry"
)]
const fn low_half(number: u128) -> u64 {
    number as u64
}

fn power(base: Number, exponent: Number) -> Number {
    let mut power = ONE;
    for bit in bits(exponent) {
        power = multiply(power, power);
        if bit {
            power = multiply(power, base);
        }
    }
    power
}

/// The bits of `number`, the highest first.
fn bits(number: Number) -> impl Iterator<Item = bool> {
    let words = number.into_iter().rev();
    words.flat_map(|word| (0..64).rev().map(move |place| word >> place & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::fixtures::ED25519;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    fn unhexed(text: &str) -> Vec<u8> {
        let pairs = (0..text.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn honest_points_pass() {
        // RFC 8032 §7.1, and one made here.
        for point in [
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
            // The base point.
            "5866666666666666666666666666666666666666666666666666666666666666",
        ] {
            assert_eq!(check(&unhexed(point)), Ok(()), "{point}");
        }
        let own = ED25519.jwk["x"].as_str().unwrap();
        assert_eq!(check(&URL_SAFE_NO_PAD.decode(own).unwrap()), Ok(()));
    }

    #[test]
    fn points_of_low_order_do_not() {
        // All eight, with either sign of x.
        for (low, rest) in [("01", "00"), ("00", "00"), ("ec", "ff")] {
            let mut point = unhexed(&format!("{low}{}", rest.repeat(31)));
            for sign in [0x7f, 0xff] {
                point[31] = if rest == "ff" { sign } else { sign & 0x80 };
                assert_eq!(check(&point), Err(JwkError::PointLowOrder), "{point:02x?}");
            }
        }
        for point in [
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ] {
            let mut point = unhexed(point);
            for _ in 0..2 {
                assert_eq!(check(&point), Err(JwkError::PointLowOrder), "{point:02x?}");
                point[31] ^= 0x80;
            }
        }
    }

    #[test]
    fn what_is_no_point_does_not() {
        // About one half of all y are no point's.
        let found = (2..40_u8).map(|low| {
            let mut point = [0; 32];
            point[0] = low;
            check(&point)
        });
        let invalid = found
            .filter(|result| *result == Err(JwkError::PointInvalid))
            .count();
        assert!((10..28).contains(&invalid), "{invalid}");
        // p, p + 1 and 2^255 − 1: written longer than needed.
        for low in [0xed, 0xee, 0xff] {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (low, 0x7f);
            assert_eq!(check(&point), Err(JwkError::PointInvalid), "{low:x}");
        }
        assert_eq!(check(&[1; 31]), Err(JwkError::PointInvalid));
    }
}
