//! Which part of a replay gets which unit. Pure, and the same for the same units in any order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What a part gets as a whole: a file, a shard of a stream, or a shard of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    name: String,
    weight: u64,
    family: Option<String>,
}

impl Unit {
    /// A unit that any part can get. `weight` says how much work it is, compared with the others.
    #[must_use]
    pub fn new(name: String, weight: u64) -> Self {
        let family = None;
        Self {
            name,
            weight,
            family,
        }
    }

    /// The unit as one of a family, which one part gets as a whole.
    #[must_use]
    pub fn in_family(self, family: Option<String>) -> Self {
        Self { family, ..self }
    }

    /// Its name.
    #[must_use]
    pub fn into_name(self) -> String {
        self.name
    }
}

/// The number of units of the largest family.
pub(super) fn largest_family(units: &[Unit]) -> Option<usize> {
    let mut families = BTreeMap::<&str, usize>::new();
    for family in units.iter().filter_map(|unit| unit.family.as_deref()) {
        *families.entry(family).or_default() += 1;
    }
    families.into_values().max()
}

/// Units that one part gets together.
#[derive(Default)]
struct Together {
    weight: u128,
    names: Vec<String>,
}

/// Divides the units: the heaviest ones first, each to the part that has least so far, families as a whole. The names of
/// each part are sorted.
pub(super) fn assign(units: Vec<Unit>, parts: u32) -> Vec<Vec<String>> {
    let mut assigned: Vec<Vec<String>> = (0..parts).map(|_| Vec::new()).collect();
    let mut loads: BinaryHeap<_> = (0..parts).map(|part| Reverse((0_u128, part))).collect();
    for together in heaviest_first(units) {
        let Some(Reverse((load, part))) = loads.pop() else {
            break;
        };
        if let Some(names) = assigned.get_mut(part as usize) {
            names.extend(together.names);
        }
        loads.push(Reverse((load + together.weight, part)));
    }
    assigned.iter_mut().for_each(|names| names.sort_unstable());
    assigned
}

fn heaviest_first(units: Vec<Unit>) -> Vec<Together> {
    let (mut families, mut all) = (BTreeMap::<String, Together>::new(), Vec::new());
    for Unit {
        name,
        weight,
        family,
    } in units
    {
        let weight = u128::from(weight);
        match family {
            Some(family) => {
                let together = families.entry(family).or_default();
                together.weight += weight;
                together.names.push(name);
            }
            None => all.push(Together {
                weight,
                names: vec![name],
            }),
        }
    }
    all.extend(families.into_values().map(|mut family| {
        family.names.sort_unstable();
        family
    }));
    all.sort_unstable_by(|a, b| (b.weight, &a.names).cmp(&(a.weight, &b.names)));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(name: &str, weight: u64) -> Unit {
        Unit::new(name.to_owned(), weight)
    }

    #[test]
    fn the_heaviest_come_first_and_go_where_least_is() {
        let units = ["a 1", "b 5", "c 4", "d 3", "e 2"].map(|text| {
            let (name, weight) = text.split_once(' ').unwrap();
            unit(name, weight.parse().unwrap())
        });
        // b | c, then d to c's part, e to b's, a to the first of two equal ones.
        assert_eq!(
            assign(units.into(), 2),
            [vec!["a", "b", "e"], vec!["c", "d"]]
        );
    }

    #[test]
    fn parts_can_be_left_without_anything() {
        let empty = Vec::<String>::new();
        assert_eq!(
            assign(vec![unit("a", 9)], 3),
            [vec!["a".to_owned()], empty.clone(), empty]
        );
    }

    fn units() -> impl Strategy<Value = Vec<Unit>> {
        let one = (0..1_000_u64, prop::option::of(0..6_u8));
        prop::collection::vec(one, 0..60).prop_map(|units| {
            let named = units.into_iter().enumerate();
            named
                .map(|(n, (weight, family))| {
                    let family = family.map(|family| format!("family {family}"));
                    Unit::new(format!("unit {n}"), weight).in_family(family)
                })
                .collect()
        })
    }

    fn part_of(assigned: &[Vec<String>], name: &str) -> usize {
        let has = |names: &Vec<String>| names.iter().any(|other| other == name);
        assigned.iter().position(has).unwrap()
    }

    proptest! {
        #[test]
        fn each_unit_is_in_one_part_whatever_their_order(
            (units, shuffled) in units().prop_flat_map(|units| (Just(units.clone()), Just(units).prop_shuffle())),
            parts in 1..12_u32,
        ) {
            let assigned = assign(units.clone(), parts);
            prop_assert_eq!(assigned.len(), parts as usize);
            let mut found: Vec<_> = assigned.concat();
            found.sort_unstable();
            let mut expected: Vec<_> = units.iter().map(|unit| unit.name.clone()).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(assign(shuffled, parts), assigned);
        }

        #[test]
        fn a_family_is_in_one_part(units in units(), parts in 1..12_u32) {
            let assigned = assign(units.clone(), parts);
            let mut homes = BTreeMap::new();
            for unit in &units {
                if let Some(family) = &unit.family {
                    let part = part_of(&assigned, &unit.name);
                    prop_assert_eq!(*homes.entry(family).or_insert(part), part);
                }
            }
        }

        #[test]
        fn no_part_has_more_than_another_by_more_than_what_goes_together(units in units(), parts in 1..12_u32) {
            let weights: BTreeMap<_, _> = units.iter().map(|unit| (unit.name.clone(), unit.weight)).collect();
            let together = heaviest_first(units.clone());
            let heaviest = together.first().map_or(0, |together| together.weight);
            let loads: Vec<u128> = assign(units, parts).iter().map(|names| {
                names.iter().map(|name| u128::from(weights[name])).sum()
            }).collect();
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            prop_assert!(most - least <= heaviest, "{loads:?}");
        }
    }
}
