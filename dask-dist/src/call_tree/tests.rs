//! Trees of workers as one, within bounds.

use super::*;

const ROOM: usize = 1 << 20;

/// A tree as text: paths and microseconds.
fn paths(tree: &CallTree, names: &Names) -> Vec<(String, u64)> {
    let mut paths: Vec<String> = Vec::new();
    for (at, node) in tree.nodes().iter().enumerate() {
        paths.push(match at {
            0 => String::new(),
            _ => format!("{}/{}", paths[node.parent as usize], names.get(node.name).unwrap()),
        });
    }
    paths.into_iter().zip(tree.nodes().iter().map(|node| node.own)).collect()
}

fn call(caller: u32, function: u32, micros: u64) -> Call {
    Call { caller, function, micros }
}

#[test]
fn trees_of_workers_become_one_by_the_names_of_functions() {
    let (mut tree, mut names) = (CallTree::default(), Names::default());
    let heard = |names: &mut Names, list: &[&str]| -> Vec<Option<u32>> {
        list.iter().map(|name| names.number(name, ROOM)).collect()
    };
    let of = heard(&mut names, &["read", "parse"]);
    tree.merge(&[call(0, 0, 5), call(1, 1, 7)], 0, &of);
    // Another numbers them as it likes.
    let of = heard(&mut names, &["parse", "read", "close"]);
    tree.merge(&[call(0, 1, 1), call(1, 0, 2), call(1, 2, 4), call(0, 0, 8)], 3, &of);
    let expected = [("", 0), ("/read", 6), ("/read/parse", 9), ("/read/close", 4), ("/parse", 8)];
    assert_eq!(paths(&tree, &names), expected.map(|(path, own)| (path.to_owned(), own)));
    assert_eq!((tree.totals(), tree.cut()), (vec![27, 19, 9, 4, 8], 3));
    assert_eq!(tree.largest(3, &tree.totals()), [0, 1, 2]);
}

#[test]
fn whatever_is_said_stays_within_bounds_and_time_goes_to_the_caller() {
    let (mut tree, mut names) = (CallTree::default(), Names::default());
    let known = [names.number("f", ROOM), None];
    // A name without room, and what it calls: all at the caller.
    tree.merge(&[call(0, 0, 1), call(1, 1, 2), call(2, 0, 4)], 0, &known);
    assert_eq!((paths(&tree, &names)[1].clone(), tree.len(), tree.cut()), (("/f".to_owned(), 7), 2, 6));
    // Numbers of nothing, callers that do not stand before, more time than there is.
    tree.merge(&[call(0, 9, 1), call(7, 0, 100), call(0, 0, 100)], 0, &known);
    assert_eq!((tree.totals()[0], tree.cut()), (8, 7));
    tree.merge(&[call(0, 0, u64::MAX), call(0, 0, u64::MAX)], u64::MAX, &known);
    assert_eq!((tree.totals()[0], tree.cut()), (u64::MAX, u64::MAX));
    // As deep as can be.
    let mut deep = CallTree::default();
    let calls: Vec<Call> = (0..500).map(|at| call(at, 0, 1)).collect();
    deep.merge(&calls, 0, &known);
    assert_eq!(
        (deep.len(), deep.totals()[0], deep.cut()),
        (1 + usize::from(DEPTH_MAX), 500, 500 - u64::from(DEPTH_MAX))
    );
}

#[test]
fn a_pruned_tree_keeps_all_time_and_those_with_most() {
    let (mut tree, mut names) = (CallTree::default(), Names::default());
    for i in 0..100u32 {
        let name = names.number(&format!("f{i}"), ROOM).unwrap();
        let node = tree.child(ROOT, name).unwrap();
        let below = tree.child(node, 0).unwrap();
        tree.charge(below, u64::from(i), false);
    }
    let before = tree.totals()[0];
    tree.prune(7);
    assert_eq!((tree.len(), tree.totals()[0]), (7, before));
    // 99, 98 and 97 with what they call; all others at the root.
    let kept = paths(&tree, &names);
    assert_eq!(kept[1..].iter().map(|(_, own)| *own).collect::<Vec<_>>(), [0, 97, 0, 98, 0, 99]);
    assert_eq!((kept[2].0.as_str(), tree.cut()), ("/f97/f0", before - 97 - 98 - 99));
    // Names that nobody uses are forgotten; trees still say the same.
    let used: BTreeSet<u32> = tree.nodes()[1..].iter().map(|node| node.name).collect();
    let new = names.keep(&used);
    tree.rename(&new);
    assert_eq!(paths(&tree, &names), kept);
    assert!(names.get(4).is_none() && names.nbytes() < 500, "{names:?}");
    let again = tree.child(ROOT, names.number("f98", ROOM).unwrap()).unwrap();
    assert_eq!((tree.len(), paths(&tree, &names)[again as usize].0.as_str()), (7, "/f98"));
}

#[test]
fn names_are_cut_and_as_many_as_there_is_room_for() {
    let mut names = Names::default();
    let long = names.number(&"ä".repeat(500), ROOM).unwrap();
    let cut = names.get(long).unwrap();
    assert!(cut.len() <= 200 && cut.ends_with('…'), "{cut}");
    assert_eq!(names.number(&"ä".repeat(500), 0), Some(long));
    let n = (0..10_000).filter(|i| names.number(&format!("f{i}"), 10_000).is_some()).count();
    assert!((50..200).contains(&n) && names.nbytes() <= 10_000, "{n}");
}
