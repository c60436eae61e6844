//! Equal computations have equal keys, here and in other processes.

use dask_bag::Bag;
use dask_core::testing::check_keys_of_another_process;
use dask_core::{Collection, Key};

fn keys(words: &[&str], n_partitions: usize) -> Vec<Key> {
    let words = Bag::from_sequence(words.iter().map(|&word| word.to_owned()), n_partitions);
    let long = words.filter(|word| word.len() > 1);
    let all = [long.frequencies().keys(), long.topk(2, String::clone).keys(), long.groupby(String::len, 3).keys()];
    let folded = long.foldby(String::len, 0u64, |n, _| n + 1, |a, b| a + b);
    [words.keys(), long.keys(), folded.keys(), long.count().keys()].into_iter().chain(all).flatten().collect()
}

#[test]
fn equal_bags_have_equal_keys_in_every_process() {
    let words = ["a", "bc", "bc", "def"];
    let known = keys(&words, 2);
    assert_eq!(keys(&words, 2), known);
    for other in [keys(&words, 3), keys(&["a", "bc", "bc", "deg"], 2)] {
        assert!(known.iter().all(|key| !other.contains(key)));
    }
    let text: Vec<String> = known.iter().map(ToString::to_string).collect();
    check_keys_of_another_process("keys::equal_bags_have_equal_keys_in_every_process", &text);
}
