//! Marks a window with AVX2, which has twice the lanes. The marks are those of the portable code.

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8,
};

use super::{BLOCK, Marks, Stops};

/// Bytes that one instruction checks.
const LANES: usize = 32;

/// Whether this processor has AVX2. The answer is cached.
#[inline(always)]
pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
}

/// As [`Stops::fill_portably`]. Call it only if AVX2 [is supported](is_supported).
#[inline(always)]
pub(super) fn fill(stops: &mut Stops, text: &[u8], base: usize) {
    debug_assert!(is_supported());
    // SAFETY: the caller has checked that this processor has AVX2.
    #[allow(unsafe_code, reason = "the only way to call a function of AVX2")]
    unsafe {
        fill_by_blocks(stops, text, base);
    }
}

#[target_feature(enable = "avx2")]
fn fill_by_blocks(stops: &mut Stops, text: &[u8], base: usize) {
    stops.base = base;
    let rest = text.get(base..).unwrap_or_default();
    let (blocks, tail) = rest.as_chunks::<BLOCK>();
    for (word, block) in stops.words.iter_mut().zip(blocks) {
        let marks = marks_of(block);
        *word = marks.stops;
        stops.high |= marks.high;
    }
    let Some(word) = stops.words.get_mut(blocks.len()) else {
        return;
    };
    // As `Marks::of_tail`: the block that ends with the text, without the bytes before the tail.
    let marks = match text.last_chunk() {
        Some(block) => {
            let marks = marks_of(block);
            let stops = marks.stops >> 1 >> (BLOCK - 1 - tail.len());
            Marks { stops, ..marks }
        }
        None => Marks::of_short(tail),
    };
    *word = marks.stops | 1 << tail.len();
    stops.high |= marks.high;
}

#[target_feature(enable = "avx2")]
fn marks_of(block: &[u8; BLOCK]) -> Marks {
    let (lanes, _none) = block.as_chunks::<LANES>();
    let mut marks = Marks {
        stops: 0,
        high: false,
    };
    for (index, lane) in lanes.iter().enumerate() {
        let lane = load(lane);
        let quote = _mm256_cmpeq_epi8(lane, _mm256_set1_epi8(b'"' as i8));
        let backslash = _mm256_cmpeq_epi8(lane, _mm256_set1_epi8(b'\\' as i8));
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(lane, _mm256_set1_epi8(0x1f)), lane);
        let stops = _mm256_or_si256(_mm256_or_si256(quote, backslash), control);
        let stops = _mm256_movemask_epi8(stops).cast_unsigned();
        marks.stops |= u64::from(stops) << (LANES * index);
        marks.high |= _mm256_movemask_epi8(lane) != 0;
    }
    marks
}

#[target_feature(enable = "avx2")]
fn load(lane: &[u8; LANES]) -> __m256i {
    // SAFETY: the pointer is valid for 32 bytes, and needs no alignment.
    #[allow(unsafe_code, reason = "there is no safe load")]
    unsafe {
        _mm256_loadu_si256(lane.as_ptr().cast())
    }
}
