//! Changes to a component. Some are blind. Most use the format, so that the result often is a
//! component that does something else.

use std::ops::Range;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::anatomy::{Anatomy, CUSTOM, DATA, Module, Section, leb128, with_sections};

/// One kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation {
    Bit,
    Byte,
    Insert,
    Delete,
    Truncate,
    /// A byte outside of the modules: types, canonical functions, exports.
    Around,
    /// A byte of a module's sections other than code and data.
    Section,
    DropSection,
    DoubleSection,
    SwapSections,
    Data,
    /// A byte of a function.
    Body,
    /// An operator replaced by another of the same type.
    Operator,
    Constant,
    /// A call of another function.
    Call,
    SwapBodies,
    /// Instructions of one function replaced by those of another.
    Transplant,
    Die,
    Loop,
}

impl Mutation {
    /// Each change with its relative frequency.
    const WEIGHTS: [(Self, u32); 19] = [
        (Self::Bit, 2),
        (Self::Byte, 2),
        (Self::Insert, 1),
        (Self::Delete, 1),
        (Self::Truncate, 1),
        (Self::Around, 4),
        (Self::Section, 4),
        (Self::DropSection, 1),
        (Self::DoubleSection, 1),
        (Self::SwapSections, 1),
        (Self::Data, 4),
        (Self::Body, 4),
        (Self::Operator, 12),
        (Self::Constant, 12),
        (Self::Call, 6),
        (Self::SwapBodies, 2),
        (Self::Transplant, 2),
        (Self::Die, 3),
        (Self::Loop, 2),
    ];

    pub(super) fn choose(rng: &mut Pcg64Mcg) -> Self {
        let total: u32 = Self::WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut left = rng.random_range(0..total);
        for (mutation, weight) in Self::WEIGHTS {
            if left < weight {
                return mutation;
            }
            left -= weight;
        }
        unreachable!("the weights add up to their sum")
    }

    /// Whether a valid component can be split into its parts after this change.
    pub(super) fn keeps_its_parts(self) -> bool {
        matches!(
            self,
            Self::Data
                | Self::Body
                | Self::Operator
                | Self::Constant
                | Self::Call
                | Self::SwapBodies
                | Self::Transplant
                | Self::Die
                | Self::Loop
        )
    }

    /// Changes a component that can be split into its parts. The result may be invalid.
    pub(super) fn of(self, component: &[u8], rng: &mut Pcg64Mcg) -> Vec<u8> {
        let anatomy = Anatomy::of(component);
        let mut bytes = component.to_vec();
        let everywhere = 0..bytes.len();
        match self {
            Self::Bit => flip(&mut bytes, everywhere, rng),
            Self::Byte => set(&mut bytes, everywhere, rng),
            Self::Insert => bytes.insert(rng.random_range(everywhere), rng.random()),
            Self::Delete => drop(bytes.remove(rng.random_range(everywhere))),
            Self::Truncate => bytes.truncate(rng.random_range(everywhere)),
            Self::Around => set(&mut bytes, pick(&anatomy.around, rng).content.clone(), rng),
            Self::Section | Self::Data => {
                let is_data = |section: &&Section| (section.id == DATA) == (self == Self::Data);
                let module = main_module(&anatomy);
                let of_use = module
                    .sections
                    .iter()
                    .filter(|section| section.id != CUSTOM);
                let sections: Vec<_> = of_use.filter(is_data).cloned().collect();
                if !sections.is_empty() {
                    set(&mut bytes, pick(&sections, rng).content.clone(), rng);
                }
            }
            Self::DropSection | Self::DoubleSection | Self::SwapSections => {
                return self.of_sections(component, main_module(&anatomy), rng);
            }
            _ => self.of_code(&mut bytes, main_module(&anatomy), rng),
        }
        bytes
    }

    fn of_sections(self, component: &[u8], module: &Module, rng: &mut Pcg64Mcg) -> Vec<u8> {
        let sections = module.sections.iter();
        let mut sections: Vec<_> = sections.map(|s| &component[s.whole.clone()]).collect();
        let (one, other) = (
            rng.random_range(0..sections.len()),
            rng.random_range(0..sections.len()),
        );
        match self {
            Self::DropSection => drop(sections.remove(one)),
            Self::DoubleSection => sections.insert(other, sections[one]),
            _ => sections.swap(one, other),
        }
        with_sections(component, module, &sections)
    }

    fn of_code(self, bytes: &mut [u8], module: &Module, rng: &mut Pcg64Mcg) {
        let body = a_body(module, rng);
        match self {
            Self::Operator => operator(bytes, body, rng),
            Self::Constant => constant(bytes, body, rng),
            Self::Call => call(bytes, body, module.bodies.len(), rng),
            Self::SwapBodies | Self::Transplant => {
                let other = a_body(module, rng);
                transplant(bytes, &body, &other, self == Self::SwapBodies, rng);
            }
            // No locals, `unreachable`.
            Self::Die => replace(bytes, body, &[0x00, 0x00]),
            // No locals, `loop`, `br 0`, `end`, `unreachable`.
            Self::Loop => replace(bytes, body, &[0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x00]),
            _ => set(bytes, body, rng),
        }
    }
}

/// The module with the most code; the others are adapters.
fn main_module(anatomy: &Anatomy) -> &Module {
    let largest = anatomy
        .modules
        .iter()
        .max_by_key(|module| module.content.len());
    largest.expect("a component has a module")
}

fn pick<'a, T>(some: &'a [T], rng: &mut Pcg64Mcg) -> &'a T {
    &some[rng.random_range(0..some.len())]
}

/// A function, chosen by its size, because large functions are more likely to run.
fn a_body(module: &Module, rng: &mut Pcg64Mcg) -> Range<usize> {
    let bodies = module.bodies.iter().map(|body| body.content.clone());
    let total = bodies.clone().map(|body| body.len()).sum();
    let mut left = rng.random_range(0..total);
    let mut chosen = bodies.skip_while(|body| {
        let before = left >= body.len();
        left = left.saturating_sub(body.len());
        before
    });
    chosen.next().expect("a byte of one of them")
}

fn flip(bytes: &mut [u8], within: Range<usize>, rng: &mut Pcg64Mcg) {
    bytes[rng.random_range(within)] ^= 1 << rng.random_range(0..8);
}

fn set(bytes: &mut [u8], within: Range<usize>, rng: &mut Pcg64Mcg) {
    if within.is_empty() {
        return;
    }
    let at = rng.random_range(within);
    bytes[at] = match rng.random_range(0..4) {
        0 => rng.random(),
        1 => *pick(&[0x00, 0x01, 0x7f, 0x80, 0xff], rng),
        2 => bytes[at].wrapping_add(1),
        _ => bytes[at].wrapping_sub(1),
    };
}

/// Operators of the same type, "WebAssembly Core Specification", 5.4: comparisons and arithmetic of
/// each type, and loads and stores of each.
const ALIKE: &[&[u8]] = &[
    &[0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f],
    &[0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a],
    &[
        0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78,
    ],
    &[
        0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
    ],
    &[0x45, 0x67, 0x68, 0x69],
    &[0x28, 0x2c, 0x2d, 0x2e, 0x2f],
    &[0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35],
    &[0x36, 0x3a, 0x3b],
    &[0x37, 0x3c, 0x3d, 0x3e],
    &[0x20, 0x23],
];

/// Finds an operator from a random place on. A byte that only looks like one is as good.
fn operator(bytes: &mut [u8], body: Range<usize>, rng: &mut Pcg64Mcg) {
    let alike = |byte: u8| ALIKE.iter().find(|alike| alike.contains(&byte));
    if let Some(at) = find(bytes, body, rng, |bytes, at| alike(bytes[at]).is_some())
        && let Some(alike) = alike(bytes[at])
    {
        bytes[at] = *pick(alike, rng);
    }
}

/// `i32.const` or `i64.const` with another number of the same length.
fn constant(bytes: &mut [u8], body: Range<usize>, rng: &mut Pcg64Mcg) {
    let end = body.end;
    let is_constant = |bytes: &[u8], at: usize| matches!(bytes[at], 0x41 | 0x42) && at + 1 < end;
    if let Some(at) = find(bytes, body, rng, is_constant) {
        let byte = &mut bytes[at + 1];
        let low = match rng.random_range(0..3) {
            0 => rng.random::<u8>(),
            1 => *byte ^ 1 << rng.random_range(0..7),
            _ => *pick(&[0x00, 0x01, 0x3f, 0x40, 0x7f], rng),
        };
        *byte = (*byte & 0x80) | (low & 0x7f);
    }
}

/// A call of another function whose index has the same length.
fn call(bytes: &mut [u8], body: Range<usize>, functions: usize, rng: &mut Pcg64Mcg) {
    let end = body.end;
    let is_call = |bytes: &[u8], at: usize| bytes[at] == 0x10 && at + 2 < end;
    if let Some(at) = find(bytes, body, rng, is_call) {
        let other = leb128(rng.random_range(0..functions));
        let length = if bytes[at + 1] < 0x80 { 1 } else { 2 };
        if other.len() == length {
            bytes[at + 1..=at + length].copy_from_slice(&other);
        }
    }
}

/// The first matching place after a random one.
fn find(
    bytes: &[u8],
    body: Range<usize>,
    rng: &mut Pcg64Mcg,
    fits: impl Fn(&[u8], usize) -> bool,
) -> Option<usize> {
    let start = rng.random_range(body.clone());
    (start..body.end)
        .chain(body.start..start)
        .find(|at| fits(bytes, *at))
}

/// Copies a part of one function over a part of another, or exchanges both.
fn transplant(
    bytes: &mut [u8],
    one: &Range<usize>,
    other: &Range<usize>,
    swapped: bool,
    rng: &mut Pcg64Mcg,
) {
    let most = one.len().min(other.len());
    let length = if swapped {
        most
    } else {
        rng.random_range(1..=most.min(8))
    };
    let from = one.start + rng.random_range(0..=one.len() - length);
    let to = other.start + rng.random_range(0..=other.len() - length);
    let taken = bytes[from..from + length].to_vec();
    if swapped {
        let given = bytes[to..to + length].to_vec();
        bytes[from..from + length].copy_from_slice(&given);
    }
    bytes[to..to + length].copy_from_slice(&taken);
}

/// Other instructions, and `nop` up to the end of the function.
fn replace(bytes: &mut [u8], body: Range<usize>, with: &[u8]) {
    const NOP: u8 = 0x01;
    const END: u8 = 0x0b;
    if body.len() > with.len() {
        let body = &mut bytes[body];
        body.fill(NOP);
        body[..with.len()].copy_from_slice(with);
        *body.last_mut().unwrap() = END;
    }
}
