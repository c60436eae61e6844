//! Keys and tokens as text.

use std::collections::HashMap;

use dask_core::{Data, Delayed, Key, Name, Token, Value, delayed};
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

fn len(map: HashMap<String, i64>) -> usize {
    map.len()
}
fn zip(x: &Delayed<i64>) -> Delayed<(i64, i64)> {
    x.zip(x)
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
    let value = Delayed::value(vec![(1u8, map.clone()), (2, HashMap::new())]);
    let size = delayed!(pure len(map.clone()));
    let (sum, part, pair) = (2 * &doubled - &parsed, Delayed::value(map.clone()).get("3".to_owned()), zip(&doubled));
    let keys = [doubled.key(), parsed.key(), total.key(), list.key(), value.key(), size.key(), sum.key()];
    let keys = keys.into_iter().chain([part.key(), pair.unzip().1.key()]);
    keys.map(|key| key.to_string()).chain([Token::of(&map).to_string(), list_layer]).collect()
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

#[test]
fn content_is_told_apart_by_type_shape_and_every_byte() {
    let token = |value: Value| value.content_token();
    // The last ones travel out of band.
    let long = |last: u8| (0..1 << 18).map(|i| if i == (1 << 18) - 1 { last } else { 0 }).collect::<Vec<u8>>();
    let of_floats = |x: f64| vec![x; 1 << 14];
    let tokens = [
        token(Value::new(1i64)),
        token(Value::new(1u64)),
        token(Value::new(vec![1i64])),
        token(Value::new(vec![vec![1i64], vec![]])),
        token(Value::new(vec![vec![], vec![1i64]])),
        token(Value::new(String::from("a"))),
        token(Value::new(0.0)),
        token(Value::new(-0.0)),
        token(Value::new(long(0))),
        token(Value::new(long(1))),
        token(Value::new(vec![of_floats(0.5), of_floats(1.5)])),
        token(Value::new(vec![of_floats(1.5), of_floats(0.5)])),
    ];
    for (i, a) in tokens.iter().enumerate() {
        assert!(tokens[i + 1..].iter().all(|b| a != b), "{i}");
    }
    assert_eq!(tokens[9], token(Value::new(long(1))));
    // What arrived from elsewhere is what was sent.
    assert_eq!(tokens[9], token(Value::encoded(Value::new(long(1)).to_parcel().unwrap())));
}

#[test]
fn what_has_no_encoding_is_equal_to_nothing() {
    #[derive(Clone)]
    struct Handle;
    impl Data for Handle {}
    let handle = Value::new(Handle);
    assert_ne!(handle.content_token(), handle.content_token());
    assert_ne!(Delayed::value(Handle).key(), Delayed::value(Handle).key());
    assert_ne!(Value::new(vec![Handle]).content_token(), Value::new(vec![Handle]).content_token());
    let by = std::hint::black_box(2i64);
    let scaled = |x: &Delayed<i64>| delayed::call_pure(move |x: i64| x * by, (x,));
    let x = Delayed::value(1i64);
    assert_ne!(scaled(&x).key(), scaled(&x).key());
}

#[test]
fn closures_of_one_place_are_told_apart() {
    let x = Delayed::value(1i64);
    let (first, second) = (|x: i64| x + 1, |x: i64| x + 1);
    assert_eq!(std::any::type_name_of_val(&first), std::any::type_name_of_val(&second));
    let of_second = delayed::call_pure(second, (&x,)).key();
    assert_ne!(delayed::call_pure(first, (&x,)).key(), of_second);
    assert_eq!(delayed::call_pure(second, (&x,)).key(), of_second);
}
