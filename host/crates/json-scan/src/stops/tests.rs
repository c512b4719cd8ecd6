#![cfg(target_arch = "x86_64")]

use proptest::prelude::*;

use super::*;

/// The marks of a window by the portable code and, if this processor has it, by AVX2.
fn both(text: &[u8], base: usize) -> [(usize, [u64; WORDS], bool); 2] {
    let empty = || Stops {
        base: 0,
        words: [0; WORDS],
        high: false,
        utf8: None,
    };
    let (mut portable, mut with_avx2) = (empty(), empty());
    portable.fill_portably(text, base);
    if avx2::is_supported() {
        avx2::fill(&mut with_avx2, text, base);
    } else {
        with_avx2.fill_portably(text, base);
    }
    [portable, with_avx2].map(|stops| (stops.base, stops.words, stops.high))
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        3 => prop::sample::select(b"\"\\\x00\x1f\x20\x21\x7f\x80\xff".to_vec()),
        2 => any::<u8>(),
        3 => Just(b'a'),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn avx2_and_the_portable_code_mark_the_same_bytes(
        text in prop::collection::vec(byte(), 0..1_200),
        base in 0_usize..1_300,
    ) {
        let [portable, with_avx2] = both(&text, base);
        prop_assert_eq!(portable, with_avx2);
    }
}

#[test]
fn each_byte_at_each_place_is_marked_alike() {
    for length in [1, 31, 32, 33, 63, 64, 65, 127, 128, 200] {
        for at in 0..length {
            for byte in 0..=u8::MAX {
                let mut text = vec![b'a'; length];
                text[at] = byte;
                let [portable, with_avx2] = both(&text, 0);
                assert_eq!(portable, with_avx2, "{byte} at {at} of {length}");
            }
        }
    }
}
