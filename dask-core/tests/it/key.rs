//! Keys and tokens as text.

use std::collections::HashMap;

use dask_core::{Key, Name, Token};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_key_is_read_back_from_its_text(name in ".{0,40}", index in proptest::collection::vec(any::<u32>(), 0..6)) {
        let key = Name::new(&name).at(&index);
        prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
    }

    #[test]
    fn a_tokened_name_is_read_back(what in "[a-z-]{1,12}", seed in any::<u64>(), index in proptest::collection::vec(any::<u32>(), 0..4)) {
        let key = Name::tokened(what, Token::of(&seed)).at(&index);
        prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        if let Ok(key) = text.parse::<Key>() {
            prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        }
    }
}

#[test]
fn what_is_no_key_is_refused_with_the_reason() {
    for (text, reason) in [
        ("('x', 1", "closing parenthesis"),
        ("(x, 1)", "quoted name"),
        ("('x', -1)", "32 bits"),
        ("('x')", "comma"),
        ("", "expected a name"),
        ("'x", "closing quote"),
    ] {
        let error = text.parse::<Key>().unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn tokens_are_the_same_in_every_process() {
    // Written down once: a change here changes the keys of every stored computation.
    assert_eq!(Token::of(&("sum", 1i64, 2.5f64)).to_string(), Token::of(&("sum", 1i64, 2.5f64)).to_string());
    assert_eq!(Token::of("dask").to_string(), "9103e2df5ef1cb7378c0598c82cbe8b5");
    assert_eq!(Token::of(&(vec![1u8, 2], Some("x"), [0.5f32])).to_string(), "e75c6b566f727d61408430208f05cc57");
    assert_ne!(Token::of(&(vec![1u8], vec![2u8, 3])), Token::of(&(vec![1u8, 2], vec![3u8])));
    assert_ne!(Token::of(&("ab", "c")), Token::of(&("a", "bc")));
    assert_ne!(Token::unique(), Token::unique());
}

#[test]
fn keys_are_ordered_by_name_then_position() {
    let mut keys: Vec<Key> = ["('b', 0)", "('a', 10)", "a", "('a', 2)"].iter().map(|t| t.parse().unwrap()).collect();
    keys.sort();
    let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["a", "('a', 2)", "('a', 10)", "('b', 0)"]);
}

const CHILD: &str = "CORE_TEST_KEYS";

fn double(x: i64) -> i64 {
    2 * x
}
fn parse(text: String) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

/// Keys of what the user's own functions compute, and of values in maps that have no order.
fn keys_of_this_process() -> Vec<String> {
    use dask_core::delayed::{call_pure, try_call_pure};
    let doubled = call_pure(double, (21i64,));
    let parsed = try_call_pure(parse, ("42".to_owned(),));
    let map: HashMap<String, i64> = (0..20).map(|i| (i.to_string(), i)).collect();
    let total = call_pure(|a: i64, b: i64| a + b, (&doubled, &parsed));
    let list = call_pure(|of: Vec<i64>| of.len() as u64, (vec![doubled.clone(), parsed.clone()],));
    let list_layer = list.layer().inputs()[0].name().to_string();
    let keys = [doubled.key(), parsed.key(), total.key(), list.key()];
    keys.iter().map(ToString::to_string).chain([Token::of(&map).to_string(), list_layer]).collect()
}

/// What the child does; nothing in an ordinary run.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_some() {
        println!("keys: {}", keys_of_this_process().join(" "));
    }
}

#[test]
fn another_process_finds_the_same_keys() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["key::child", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let out = String::from_utf8(child.stdout).unwrap();
    let expected = format!("keys: {}", keys_of_this_process().join(" "));
    assert!(out.contains(&expected), "{out}\n{expected}");
}
