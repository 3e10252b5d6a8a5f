//! The fingerprint of RSA keys that a flawed generator made (ROCA, CVE-2017-15361).
//!
//! Its primes are `k * M + (65537^a mod M)`, with `M` a product of small primes: such a modulus can be
//! factored, and modulo each small prime it is a power of 65537.

/// Those small primes for which the powers of 65537 leave many remainders out.
const PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Whether the big-endian `modulus` has the fingerprint. A sound one has it once in about 2^27.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES
        .into_iter()
        .all(|prime| is_power_of_65537(remainder(modulus, prime), prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

/// Whether `rest` is among the powers of 65537 modulo `prime`.
fn is_power_of_65537(rest: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    loop {
        if power == rest {
            return true;
        }
        power = power * generator % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_powers_of_65537_have_it_and_their_neighbours_do_not() {
        // 65537^2
        assert!(has_fingerprint(&[1, 0, 2, 0, 1]));
        assert!(!has_fingerprint(&[1, 0, 2, 0, 3]));
    }

    #[test]
    fn remainders_are_those_of_the_number() {
        assert_eq!(
            remainder(&0xdead_beef_u32.to_be_bytes(), 97),
            0xdead_beef % 97
        );
    }
}
