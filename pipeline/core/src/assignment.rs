//! Who of several members does what: rendezvous hashing with bounded load.
//!
//! Each unit goes to the member with the highest weight for it that has room; nobody gets more than its share, rounded up.
//! It depends on the names alone, so all members come to the same answer without talking, and a member that joins or
//! leaves moves few units.

use std::collections::{BTreeMap, BTreeSet};

use twox_hash::XxHash3_64;

/// The member of each unit; empty when there are no members. Units are placed in the order given.
pub fn assign<'a>(units: &'a [String], members: &'a BTreeSet<String>) -> BTreeMap<&'a str, &'a str> {
    let mut assigned = BTreeMap::new();
    let Some(share) = units.len().checked_div(members.len()).map(|_| units.len().div_ceil(members.len())) else { return assigned };
    let mut load: BTreeMap<&str, usize> = members.iter().map(|member| (member.as_str(), 0)).collect();
    for unit in units {
        let with_room = load.iter().filter(|(_, count)| **count < share).map(|(member, _)| *member);
        let chosen = with_room.max_by_key(|member| (weight(unit, member), *member)).expect("shares are rounded up: there is room for all");
        load.entry(chosen).and_modify(|count| *count += 1);
        assigned.insert(unit.as_str(), chosen);
    }
    assigned
}

fn weight(unit: &str, member: &str) -> u64 {
    XxHash3_64::oneshot(format!("{member}\n{unit}").as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|n| format!("{prefix}{n}")).collect()
    }

    fn loads(assigned: &BTreeMap<&str, &str>) -> BTreeMap<String, usize> {
        let mut loads = BTreeMap::new();
        assigned.values().for_each(|member| *loads.entry((*member).to_owned()).or_default() += 1);
        loads
    }

    #[test]
    fn the_answer_is_the_same_for_ever() {
        let (units, members) = (names("job.w.", 4), names("m", 2).into_iter().collect());
        let expected = [("job.w.0", "m1"), ("job.w.1", "m0"), ("job.w.2", "m1"), ("job.w.3", "m0")];
        assert_eq!(assign(&units, &members), BTreeMap::from(expected));
        assert_eq!(assign(&units, &BTreeSet::new()), BTreeMap::new());
    }

    proptest! {
        #[test]
        fn nobody_has_more_than_a_fair_share(units in 0..80usize, members in 1..9usize) {
            let (units, members) = (names("u", units), names("m", members).into_iter().collect::<BTreeSet<_>>());
            let assigned = assign(&units, &members);
            prop_assert_eq!(assigned.len(), units.len());
            let share = units.len().div_ceil(members.len());
            prop_assert!(loads(&assigned).values().all(|load| *load <= share));
        }

        /// Of many units, a member that leaves moves its own and few others.
        #[test]
        fn a_member_that_leaves_moves_little_but_its_own(members in 2..7usize, leaver in 0..7usize, salt in 0..1_000u32) {
            let units = names(&format!("{salt}.u"), 60);
            let all: BTreeSet<String> = names("m", members).into_iter().collect();
            let leaver = format!("m{}", leaver % members);
            let fewer: BTreeSet<String> = all.iter().filter(|member| **member != leaver).cloned().collect();
            let (before, after) = (assign(&units, &all), assign(&units, &fewer));
            let moved = units.iter().filter(|unit| before[unit.as_str()] != after[unit.as_str()]).count();
            let own = before.values().filter(|member| **member == leaver).count();
            prop_assert!(moved <= own + 60 / 3, "{} moved, {} were its own", moved, own);
        }
    }
}
