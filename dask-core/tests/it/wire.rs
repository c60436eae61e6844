//! What travels arrives, and what cannot is refused with the way out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dask_core::wire::local::{self, Func, Local};
use dask_core::wire::{
    Block, Buffer, Decoder, Encoder, Parcel, Portable, WireError, decode_portable, encode_portable, registered_names,
};
use dask_core::{Call, Data, TaskError, TaskFn, Value};
use proptest::prelude::*;

use crate::run::Trace;

fn there_and_back<T: Data>(value: T) -> Value {
    Value::encoded(Value::new(value).to_parcel().unwrap())
}

proptest! {
    #[test]
    fn a_value_arrives_as_it_was(rows in proptest::collection::vec((any::<i64>(), ".{0,8}", any::<Option<f32>>()), 0..20)) {
        prop_assert_eq!(there_and_back(rows.clone()).take::<Vec<(i64, String, Option<f32>)>>().unwrap(), rows.clone());
        let by_name: HashMap<String, i64> = rows.iter().map(|(n, s, _)| (s.clone(), *n)).collect();
        prop_assert_eq!(there_and_back(by_name.clone()).take::<HashMap<String, i64>>().unwrap(), by_name);
        let sorted: BTreeMap<i64, Vec<u8>> = rows.iter().map(|(n, s, _)| (*n, s.clone().into_bytes())).collect();
        prop_assert_eq!(there_and_back(sorted.clone()).take::<BTreeMap<i64, Vec<u8>>>().unwrap(), sorted);
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let parcel = Parcel::from_parts(std::any::type_name::<Vec<(String, Vec<u64>)>>(), bytes.clone(), vec![]);
        let _ = Value::encoded(parcel).get::<Vec<(String, Vec<u64>)>>();
        let parcel = Parcel::from_parts("", bytes, vec![]);
        let _ = decode_portable::<dyn TaskFn>(&mut Decoder::new(&parcel));
    }
}

#[test]
fn a_value_of_another_type_is_refused() {
    let error = there_and_back(1i64).get::<String>().unwrap_err().to_string();
    assert_eq!(error, "value: expected a value of type alloc::string::String, found i64");
}

#[test]
fn an_opaque_type_does_not_travel() {
    struct Handle;
    impl Data for Handle {}
    let error = Value::new(Handle).to_parcel().unwrap_err();
    assert!(error.to_string().contains("dask_core::data!("), "{error}");
}

#[test]
fn a_registered_function_arrives() {
    let mut out = Encoder::new();
    encode_portable(&Trace(3) as &dyn TaskFn, &mut out).unwrap();
    let parcel = out.finish("");
    let arrived = decode_portable::<dyn TaskFn>(&mut Decoder::new(&parcel)).unwrap();
    let value = arrived.run(Call::new(&[], &mut [])).unwrap();
    assert_eq!(value.get::<u64>().unwrap(), Trace(3).run(Call::new(&[], &mut [])).unwrap().get::<u64>().unwrap());
    assert!(registered_names().contains(&"core.fused"));
}

#[test]
fn what_is_not_linked_is_named() {
    let mut out = Encoder::new();
    out.serde("frame.no_such_operation").unwrap();
    let parcel = out.finish("");
    let error = decode_portable::<dyn TaskFn>(&mut Decoder::new(&parcel)).err().unwrap();
    assert!(error.to_string().starts_with("nothing named frame.no_such_operation is linked"), "{error}");
}

/// A task function around a closure, as the collections have them.
struct Apply<F>(Func<F>);

impl<F: Fn(i64) -> i64 + Copy + Send + Sync + 'static> TaskFn for Apply<F> {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new((self.0.0)(call.take(0)?)))
    }
}
impl<F: Fn(i64) -> i64 + Copy + Send + Sync + 'static> Portable for Apply<F> {
    fn wire_name(&self) -> &'static str {
        local::WIRE_NAME
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        local::encode(self, out)
    }
}
impl<F: Fn(i64) -> i64 + Copy + Send + Sync + 'static> Local for Apply<F> {
    fn encode_state(&self, out: &mut Encoder) -> Result<(), WireError> {
        self.0.encode(out)
    }
    fn decode_state(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        Func::decode(input).map(Apply)
    }
}

fn send(function: &dyn TaskFn) -> Result<Arc<dyn TaskFn>, WireError> {
    let mut out = Encoder::new();
    encode_portable(function, &mut out)?;
    decode_portable(&mut Decoder::new(&out.finish("")))
}

#[test]
fn a_closure_without_captures_arrives() {
    for (function, expected) in
        [(&Apply(Func(|x: i64| x + 1)) as &dyn TaskFn, 42), (&Apply(Func(|x: i64| x * 2)) as &dyn TaskFn, 82)]
    {
        let mut inputs = [Some(Value::new(41i64))];
        let value = send(function).unwrap().run(Call::new(&[], &mut inputs)).unwrap();
        assert_eq!(value.take::<i64>().unwrap(), expected);
    }
}

#[test]
fn a_closure_with_captures_is_refused_with_the_way_out() {
    let captured = std::hint::black_box(5);
    let error = send(&Apply(Func(move |x: i64| x + captured))).err().unwrap();
    assert!(matches!(error, WireError::Captures { nbytes: 8, .. }), "{error}");
    assert!(error.to_string().contains("_with(state, f)"), "{error}");
}

#[test]
fn forged_references_are_refused() {
    for (offset, why) in [(1i64, "not aligned"), (1 << 40, "outside"), (-(1 << 44), "outside"), (i64::MIN, "")] {
        let mut out = Encoder::new();
        out.serde(local::WIRE_NAME).unwrap();
        out.serde(&(local::build_id(), offset, dask_core::Token::of("x"), None::<&str>)).unwrap();
        let error = decode_portable::<dyn TaskFn>(&mut Decoder::new(&out.finish(""))).err().unwrap();
        assert!(matches!(error, WireError::BadDescriptor { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    // Every aligned place near the anchor: some are mapped, none is a descriptor of that signature.
    for offset in (-4096i64..4096).step_by(16) {
        for shift in 0..16 {
            let mut out = Encoder::new();
            out.serde(local::WIRE_NAME).unwrap();
            out.serde(&(local::build_id(), offset + shift, dask_core::Token::of("x"), None::<&str>)).unwrap();
            let refused = decode_portable::<dyn TaskFn>(&mut Decoder::new(&out.finish(""))).err();
            assert!(matches!(refused, Some(WireError::BadDescriptor { .. })));
        }
    }
}

#[test]
fn another_build_is_refused() {
    let mut out = Encoder::new();
    out.serde(local::WIRE_NAME).unwrap();
    out.serde(&(dask_core::Token::of("other"), 0i64, dask_core::Token::of("x"), None::<&str>)).unwrap();
    let error = decode_portable::<dyn TaskFn>(&mut Decoder::new(&out.finish(""))).err().unwrap();
    assert!(matches!(error, WireError::OtherBuild { .. }));
    assert!(error.to_string().contains("task!(|…| …)"), "{error}");
}

type Reference = (dask_core::Token, i64, dask_core::Token, Option<String>);

/// What a process of another build makes of a function of this one: all that holds for this build alone is changed.
fn from_another_build(function: &dyn TaskFn) -> Result<Arc<dyn TaskFn>, WireError> {
    let mut out = Encoder::new();
    encode_portable(function, &mut out)?;
    let parcel = out.finish("");
    let mut input = Decoder::new(&parcel);
    let (wire_name, reference): (String, Reference) = (input.serde()?, input.serde()?);
    let mut out = Encoder::new();
    out.serde(&wire_name)?;
    out.serde(&(dask_core::Token::of("other build"), reference.1 ^ 0x1230, reference.2, reference.3))?;
    decode_portable(&mut Decoder::new(&out.finish("")))
}

fn twice(x: i64) -> i64 {
    2 * x
}

#[test]
fn functions_with_names_are_found_by_another_build() {
    let next = dask_core::task!(|x: i64| x + 1);
    let less = dask_core::task!("one less", |x: i64| -> i64 { x - 1 });
    let functions: [(&dyn TaskFn, i64); 3] =
        [(&Apply(Func(twice)), 82), (&Apply(Func(next)), 42), (&Apply(Func(less)), 40)];
    for (function, expected) in functions {
        let mut inputs = [Some(Value::new(41i64))];
        let value = from_another_build(function).unwrap().run(Call::new(&[], &mut inputs)).unwrap();
        assert_eq!(value.take::<i64>().unwrap(), expected);
    }
    let error = from_another_build(&Apply(Func(|x: i64| x + 1))).err().unwrap();
    assert!(matches!(error, WireError::OtherBuild { .. }), "{error}");
}

#[test]
fn functions_that_are_called_alike_are_not_confused() {
    // A macro that makes two functions in one place.
    macro_rules! pair {
        () => {
            (dask_core::task!("alike", |x: i64| x + 1), dask_core::task!("alike", |x: i64| x + 2))
        };
    }
    let (one, two) = pair!();
    for function in [&Apply(Func(one)) as &dyn TaskFn, &Apply(Func(two))] {
        // In the same build they are told apart; to another one neither goes by name.
        assert!(send(function).is_ok());
        assert!(matches!(from_another_build(function).err().unwrap(), WireError::OtherBuild { .. }));
    }
}

#[test]
fn a_name_that_nobody_has_is_said() {
    let refused = |name: &str| {
        let mut out = Encoder::new();
        out.serde(local::WIRE_NAME).unwrap();
        out.serde(&(dask_core::Token::of("other"), 0i64, dask_core::Token::of(name), Some(name))).unwrap();
        decode_portable::<dyn TaskFn>(&mut Decoder::new(&out.finish(""))).err().unwrap()
    };
    let error = refused("app::gone");
    assert!(error.to_string().starts_with("this program has no function called app::gone: start workers"), "{error}");
    // A closure's name is no name, even if a forged message says so.
    let _linked = send(&Apply(Func(|x: i64| x * 3)));
    let name = std::any::type_name_of_val(&Apply(Func(|x: i64| x * 3))).to_owned();
    assert!(matches!(refused(&name), WireError::AmbiguousFunction { .. } | WireError::NoFunction { .. }));
}

#[test]
fn large_lists_of_numbers_travel_without_a_copy() {
    let numbers: Vec<f64> = (0..10_000).map(f64::from).collect();
    let at = numbers.as_ptr() as usize;
    let value = Value::new(numbers.clone());
    let parcel = value.to_parcel().unwrap();
    assert_eq!((parcel.bytes().len(), parcel.buffers().len()), (8, 1));
    assert_eq!(parcel.buffers()[0].as_slice().len(), 80_000);
    assert_ne!(parcel.buffers()[0].as_slice().as_ptr() as usize, at);
    let shared = value.get::<Vec<f64>>().unwrap().as_ptr() as usize;
    assert_eq!(parcel.buffers()[0].as_slice().as_ptr() as usize, shared);
    assert_eq!(Value::encoded(parcel).take::<Vec<f64>>().unwrap(), numbers);
    // Inside of something else, and small ones.
    let pair = Value::new(("x".to_owned(), numbers.clone(), vec![1u8, 2]));
    let parcel = pair.to_parcel().unwrap();
    assert_eq!(parcel.buffers().len(), 1);
    let back: (String, Vec<f64>, Vec<u8>) = Value::encoded(parcel).take().unwrap();
    assert_eq!(back, ("x".to_owned(), numbers, vec![1, 2]));
    // A buffer of another size than was said.
    let parcel = Value::new(vec![0u64; 10_000]).to_parcel().unwrap();
    let buffers = vec![Value::new(vec![0u64; 9_999]).to_parcel().unwrap().buffers()[0].clone()];
    let forged = Parcel::from_parts(parcel.type_name().to_owned(), parcel.bytes().to_vec(), buffers);
    assert!(Value::encoded(forged).take::<Vec<u64>>().is_err());
}

#[test]
fn taking_a_shared_value_that_came_encoded_leaves_it_to_the_others() {
    let sent = Value::new(vec![1i64, 2, 3]);
    let arrived = Value::encoded(sent.to_parcel().unwrap());
    let other = arrived.clone();
    assert_eq!(arrived.take::<Vec<i64>>().unwrap(), [1, 2, 3]);
    assert_eq!(other.get::<Vec<i64>>().unwrap(), &[1, 2, 3]);
    let shared = other.clone();
    assert!(shared.clone().take::<String>().is_err());
    assert_eq!(shared.take::<Vec<i64>>().unwrap(), [1, 2, 3]);
}

/// What came from elsewhere, in memory that can become numbers.
fn arrived(numbers: &[f64]) -> (Value, *const u8) {
    let mut block = Block::zeroed(size_of_val(numbers), 8).unwrap();
    for (bytes, number) in block.as_mut_slice().chunks_exact_mut(8).zip(numbers) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    let start = block.as_ref().as_ptr();
    let parcel = Value::new(numbers.to_vec()).to_parcel().unwrap();
    let parcel = Parcel::from_parts(parcel.type_name().to_owned(), parcel.bytes().to_vec(), vec![Buffer::from(block)]);
    (Value::encoded(parcel), start)
}

#[test]
fn memory_that_numbers_arrived_in_becomes_theirs_unless_others_hold_it() {
    let numbers: Vec<f64> = (0..20_000).map(f64::from).collect();
    let (value, start) = arrived(&numbers);
    let taken = value.take::<Vec<f64>>().unwrap();
    assert_eq!((taken.as_ptr().cast(), &taken), (start, &numbers));

    let (value, start) = arrived(&numbers);
    let found = value.get::<Vec<f64>>().unwrap();
    assert_eq!((found.as_ptr().cast(), found), (start, &numbers));
    // The bytes that were given up are made again from the value.
    let again = value.to_parcel().unwrap();
    assert_eq!(again.type_name(), std::any::type_name::<Vec<f64>>());
    assert_eq!(Value::encoded(again).take::<Vec<f64>>().unwrap(), numbers);

    let (value, start) = arrived(&numbers);
    let on_its_way = value.to_parcel().unwrap();
    assert_ne!(value.get::<Vec<f64>>().unwrap().as_ptr().cast(), start);
    assert_eq!(on_its_way.buffers()[0].as_slice().as_ptr(), start);

    let (value, start) = arrived(&numbers);
    let shared = value.clone();
    let (copied, moved) = (value.take::<Vec<f64>>().unwrap(), shared.take::<Vec<f64>>().unwrap());
    assert_ne!(copied.as_ptr().cast(), start);
    assert_eq!(moved.as_ptr().cast(), start);
}

#[test]
fn the_wrong_type_takes_nothing_away() {
    let numbers = vec![1.5; 20_000];
    let (value, _) = arrived(&numbers);
    assert!(value.get::<Vec<i64>>().is_err());
    assert_eq!(value.get::<Vec<f64>>().unwrap(), &numbers);
    assert!(value.get::<Vec<i64>>().is_err());
}
