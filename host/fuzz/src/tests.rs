//! Runs every target on `corpus/` and on damaged copies of it.

use std::fs;
use std::path::Path;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::{TARGETS, Target};

/// The number of damaged copies of each file.
const COPIES: usize = 100;

/// Bytes with a meaning for a reader.
const MEANINGFUL: &[u8] = b"{}[]:,\"\\/=%-+.eE0123456789 \n\t\x00\x7f\x80\xc3\xff";

fn corpus(target: Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files = fs::read_dir(folder.join(target.name)).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no corpus", target.name);
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A copy with a few bytes inserted, replaced or removed, or with a piece of another file.
fn damaged(bytes: &[u8], other: &[u8], rng: &mut Pcg64Mcg) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=copy.len());
        let byte = MEANINGFUL[rng.random_range(0..MEANINGFUL.len())];
        match rng.random_range(0..4) {
            0 => copy.insert(at, byte),
            1 if at < copy.len() => copy[at] = byte,
            2 if at < copy.len() => drop(copy.remove(at)),
            _ => {
                let from = rng.random_range(0..=other.len());
                let to = rng.random_range(from..=other.len());
                copy.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    copy
}

fn feed(name: &str) {
    let target = super::find(name).unwrap();
    let corpus = corpus(target);
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    for bytes in &corpus {
        (target.feed)(bytes);
        for _ in 0..COPIES {
            let other = &corpus[rng.random_range(0..corpus.len())];
            (target.feed)(&damaged(bytes, other, &mut rng));
        }
    }
}

#[test]
fn every_folder_of_the_corpus_has_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|target| target.name == name), "{name}");
    }
}

macro_rules! fed {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            feed(stringify!($name));
        })*
    };
}

fed! { enrichment batch aggregates decoding lambda_events config ledgers manifests releases signatures keys schemas profile members mapping }
