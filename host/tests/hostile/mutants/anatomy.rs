//! Finds the parts of a component in its bytes, as far as needed to change a part and keep the
//! whole a component. "WebAssembly Core Specification", 5.5, and "Component Model", Binary.md.

use std::ops::Range;

/// Magic number and version, of a component and of a module.
const PREAMBLE_BYTES: usize = 8;

/// The section of a component that holds a core module.
const CORE_MODULE: u8 = 1;

/// Sections of a module.
pub(super) const CODE: u8 = 10;
pub(super) const DATA: u8 = 11;
pub(super) const CUSTOM: u8 = 0;

#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) id: u8,
    /// With its id and its length.
    pub(super) whole: Range<usize>,
    pub(super) content: Range<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Module {
    /// The section of the component that holds it.
    pub(super) whole: Range<usize>,
    pub(super) content: Range<usize>,
    pub(super) sections: Vec<Section>,
    /// Its functions: their locals and instructions.
    pub(super) bodies: Vec<Section>,
}

/// The parts of a component.
#[derive(Debug, Default)]
pub(super) struct Anatomy {
    /// The sections without a module.
    pub(super) around: Vec<Section>,
    pub(super) modules: Vec<Module>,
}

impl Anatomy {
    /// Splits a valid component into its parts.
    pub(super) fn of(component: &[u8]) -> Self {
        let mut anatomy = Self::default();
        for section in sections(component, PREAMBLE_BYTES..component.len()) {
            if section.id == CORE_MODULE {
                anatomy.modules.push(module(component, &section));
            } else {
                anatomy.around.push(section);
            }
        }
        anatomy
    }
}

fn module(bytes: &[u8], section: &Section) -> Module {
    let content = section.content.clone();
    let sections: Vec<_> = sections(bytes, content.start + PREAMBLE_BYTES..content.end).collect();
    let code = sections.iter().find(|section| section.id == CODE);
    let bodies = code.map_or(Vec::new(), |code| bodies(bytes, code.content.clone()));
    Module {
        whole: section.whole.clone(),
        content,
        sections,
        bodies,
    }
}

fn sections(bytes: &[u8], within: Range<usize>) -> impl Iterator<Item = Section> {
    let mut at = within.start;
    std::iter::from_fn(move || {
        (at < within.end).then(|| {
            let (length, start) = number(bytes, at + 1);
            let section = Section {
                id: bytes[at],
                whole: at..start + length,
                content: start..start + length,
            };
            at = start + length;
            section
        })
    })
}

fn bodies(bytes: &[u8], code: Range<usize>) -> Vec<Section> {
    let (count, mut at) = number(bytes, code.start);
    let bodies = (0..count).map(|_| {
        let (length, start) = number(bytes, at);
        let body = Section {
            id: CODE,
            whole: at..start + length,
            content: start..start + length,
        };
        at = start + length;
        body
    });
    bodies.collect()
}

/// Reads an unsigned LEB128 number at `at`, and returns it with its end.
fn number(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value, at);
        }
    }
}

/// Encodes a number in LEB128.
pub(super) fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// The component with changed sections in one of its modules.
pub(super) fn with_sections(component: &[u8], module: &Module, sections: &[&[u8]]) -> Vec<u8> {
    let preamble = &component[module.content.start..module.content.start + PREAMBLE_BYTES];
    let content = [preamble, &sections.concat()].concat();
    [
        &component[..module.whole.start],
        &[CORE_MODULE],
        &leb128(content.len()),
        &content,
        &component[module.whole.end..],
    ]
    .concat()
}

#[test]
fn a_component_is_taken_apart_to_the_last_byte() {
    let component = sluice::ENRICH;
    let anatomy = Anatomy::of(component);
    let module = &anatomy.modules[0];
    assert!(module.bodies.len() > 50, "{}", module.bodies.len());
    let ends = |body: &Section| component[body.content.end - 1] == 0x0b;
    assert!(module.bodies.iter().all(ends), "a body ends with `end`");
    let sections: Vec<_> = module
        .sections
        .iter()
        .map(|s| &component[s.whole.clone()])
        .collect();
    assert!(with_sections(component, module, &sections) == component);
}
