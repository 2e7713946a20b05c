//! Splitting a list of targets into shards, so that several processes share it.
//!
//! Which shard a target is in depends on its name and the number of shards alone: another target that comes or goes moves
//! nothing. Which process has the shard makes no difference to what is looked at, or when.

use std::collections::BTreeMap;

use floodmark_schemas::series::fnv1a;

use crate::settings::Fault;

/// The most parts that a list can be split into: each has a lease, and frames of its own in every partition.
pub const SHARDS_MAX: u32 = 256;

/// What is wrong with a number of shards.
pub fn faults(shards: u32) -> Vec<Fault> {
    match shards {
        1..=SHARDS_MAX => Vec::new(),
        _ => vec![Fault::of("shards", format!("{shards} shards are not possible"), format!("choose 1 to {SHARDS_MAX}"))],
    }
}

/// The shard of the target with this name.
pub fn shard_of(target: &str, shards: u32) -> u32 {
    fnv1a(target.as_bytes()) % shards.max(1)
}

/// The targets of each shard that has any, in the order of the list.
pub fn split<T>(targets: Vec<T>, shards: u32, name: impl Fn(&T) -> String) -> BTreeMap<u32, Vec<T>> {
    let mut parts: BTreeMap<u32, Vec<T>> = BTreeMap::new();
    for target in targets {
        parts.entry(shard_of(&name(&target), shards)).or_default().push(target);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_in_one_shard_that_its_name_decides() {
        let targets: Vec<String> = (0..1_000).map(|n| format!("host-{n}.example.org:443")).collect();
        for shards in [1, 2, 4, 7, SHARDS_MAX] {
            let parts = split(targets.clone(), shards, String::clone);
            let mut all = parts.values().flatten().cloned().collect::<Vec<_>>();
            all.sort_by_key(|target| targets.iter().position(|other| other == target));
            assert_eq!(all, targets);
            assert!(parts.iter().all(|(shard, part)| part.iter().all(|target| shard_of(target, shards) == *shard)));
            assert_eq!(split(targets[500..].to_vec(), shards, String::clone)[&shard_of(&targets[999], shards)].last(), Some(&targets[999]));
        }
        // The hash is specified (FNV-1a, 32 bits): processes of any version agree.
        assert_eq!(["a", "b", "example.org:22"].map(|target| shard_of(target, 4)), [0, 1, 1]);
    }

    #[test]
    fn a_list_splits_about_evenly() {
        let targets: Vec<String> = (0..4_000).map(|n| format!("10.0.{}.{}:80", n / 250, n % 250)).collect();
        for (shard, part) in split(targets, 8, String::clone) {
            assert!((450..550).contains(&part.len()), "shard {shard} has {}", part.len());
        }
    }

    #[test]
    fn a_number_of_shards_is_1_to_256() {
        for (shards, right) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!(faults(shards).is_empty(), right, "{shards}");
        }
    }
}
