//! AES Key Wrap (RFC 3394, RFC 7518 §4.4). The library's own has no 192-bit keys, so that the few lines
//! around the block cipher are here, for all three lengths alike; a test compares them with the library's.

use aws_lc_rs::{
    cipher::{AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey},
    constant_time,
};
use zeroize::Zeroizing;

/// What an unwrapped key begins with (RFC 3394 §2.2.3.1).
const INITIAL_VALUE: [u8; 8] = [0xa6; 8];

/// A half of a block.
const SEMIBLOCK: usize = 8;

/// The longest wrapped key, in bytes: that of A256CBC-HS512, and one semiblock more.
const MAX_WRAPPED: usize = 72;

/// A key that unwraps others. The library wipes it when dropped.
pub(super) struct WrappingKey(Box<DecryptingKey>);

impl WrappingKey {
    /// A key of 16, 24 or 32 bytes; `None` for any other length.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return None,
        };
        let key = UnboundCipherKey::new(algorithm, key).and_then(DecryptingKey::ecb);
        key.ok().map(|key| Self(Box::new(key)))
    }

    /// The key inside `wrapped`; `None` when it was not wrapped with this one.
    pub(super) fn unwrap(&self, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if wrapped.len() > MAX_WRAPPED || !wrapped.len().is_multiple_of(SEMIBLOCK) {
            return None;
        }
        let (check, registers) = wrapped.split_first_chunk::<SEMIBLOCK>()?;
        if registers.len() < 2 * SEMIBLOCK {
            return None;
        }
        let mut check = *check;
        let mut key = Zeroizing::new(registers.to_vec());
        let count = key.len() / SEMIBLOCK;
        // RFC 3394 §2.2.2: six rounds, from the last register to the first.
        for round in (0..6).rev() {
            for (place, register) in key.chunks_exact_mut(SEMIBLOCK).enumerate().rev() {
                let step = (count * round + place + 1) as u64;
                let mixed = u64::from_be_bytes(check) ^ step;
                let mut block = Zeroizing::new([0; 2 * SEMIBLOCK]);
                let (left, right) = block.split_at_mut(SEMIBLOCK);
                left.copy_from_slice(&mixed.to_be_bytes());
                right.copy_from_slice(register);
                self.0
                    .decrypt(block.as_mut_slice(), DecryptionContext::None)
                    .ok()?;
                let (left, right) = block.split_at(SEMIBLOCK);
                check.copy_from_slice(left);
                register.copy_from_slice(right);
            }
        }
        constant_time::verify_slices_are_equal(&check, &INITIAL_VALUE).ok()?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap as _};

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks_exact(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.map(|pair| byte(pair).unwrap()).collect()
    }

    /// RFC 3394 §4.1 to §4.6.
    const EXAMPLES: [(usize, &str, &str); 6] = [
        (
            16,
            "00112233445566778899AABBCCDDEEFF",
            "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
        ),
        (
            24,
            "00112233445566778899AABBCCDDEEFF",
            "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D",
        ),
        (
            32,
            "00112233445566778899AABBCCDDEEFF",
            "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
        ),
        (
            24,
            "00112233445566778899AABBCCDDEEFF0001020304050607",
            "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2",
        ),
        (
            32,
            "00112233445566778899AABBCCDDEEFF0001020304050607",
            "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1",
        ),
        (
            32,
            "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
        ),
    ];

    #[test]
    fn the_examples_of_rfc_3394() {
        for (length, key, wrapped) in EXAMPLES {
            let kek: Vec<u8> = (0..length as u8).collect();
            let wrapping = WrappingKey::new(&kek).unwrap();
            let unwrapped = wrapping.unwrap(&hex(wrapped)).unwrap();
            assert_eq!(*unwrapped, hex(key));
            for place in 0..hex(wrapped).len() {
                let mut touched = hex(wrapped);
                touched[place] ^= 1;
                assert_eq!(wrapping.unwrap(&touched), None, "byte {place}");
            }
        }
    }

    #[test]
    fn what_the_library_wraps_is_unwrapped_and_other_lengths_are_not() {
        for algorithm in [&key_wrap::AES_128, &key_wrap::AES_256] {
            use aws_lc_rs::key_wrap::BlockCipher as _;
            let kek = vec![7; algorithm.key_len()];
            for length in [16, 24, 32, 48, 64] {
                let key = vec![9; length];
                let mut wrapped = vec![0; length + 8];
                AesKek::new(algorithm, &kek)
                    .unwrap()
                    .wrap(&key, &mut wrapped)
                    .unwrap();
                let wrapping = WrappingKey::new(&kek).unwrap();
                assert_eq!(*wrapping.unwrap(&wrapped).unwrap(), key);
                assert_eq!(wrapping.unwrap(&wrapped[..length + 7]), None);
                assert_eq!(wrapping.unwrap(&wrapped[..length]), None);
            }
        }
        let wrapping = WrappingKey::new(&[7; 16]).unwrap();
        for length in [0, 8, 16, 80, 4096] {
            assert_eq!(wrapping.unwrap(&vec![0; length]), None, "{length}");
        }
        assert!(WrappingKey::new(&[7; 20]).is_none());
    }
}
