//! Which names say enough.

use super::has_name;

fn inc(x: i64) -> i64 {
    x + 1
}

fn name_of<T>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}

#[test]
fn functions_and_what_the_macro_made_have_names_and_closures_have_none() {
    assert!(has_name(name_of(&inc)));
    let named = crate::task!(|x: i64| x + 1);
    assert!(has_name(name_of(&named)), "{}", name_of(&named));
    assert!(has_name(&format!(
        "dask_bag::map::<impl dask_bag::Bag<i64>>::map<i64, {}>::{{{{closure}}}}",
        name_of(&named)
    )));
    assert!(has_name("dask_bag::Bag<(i64, &str)>::map<alloc::vec::Vec<fn(i64) -> u8>, app::inc>::{{closure}}"));
    for unnamed in [
        "app::main::{{closure}}",
        "dask_bag::Bag<i64>::map<i64, app::main::{{closure}}>::{{closure}}",
        "dask_bag::Bag<fn(i64) -> i64>::map<app::main::{{closure}}>::{{closure}}",
        "<dask_bag::Bag<i64> as app::More>::more::{{closure}}",
        "dask_core::CallFn<(i64,), (app::inc, app::main::{{closure}}), i64>",
        "app::dask_core::wire::named::site1<5, app::main::{{closure}}, i64, i64>",
    ] {
        assert!(!has_name(unnamed), "{unnamed}");
    }
}

#[test]
fn each_call_of_the_macro_has_a_name_of_its_own_and_a_given_one_is_kept() {
    let (a, b) = (crate::task!(|x: i64| x + 1), crate::task!(|x: i64| x + 1));
    assert_ne!(name_of(&a), name_of(&b));
    let site = |name: &'static str| name.split(',').next().unwrap().to_owned();
    let given = crate::task!("inc", |x: i64| x + 1);
    // Other builds, of other releases too, must find it.
    assert_eq!(site(name_of(&given)), "dask_core::wire::named::site1<12366904476078237831");
    assert_eq!((a(1), b(1), given(1)), (2, 2, 2));
}

#[test]
fn closures_of_every_shape_are_taken() {
    let none = crate::task!(|| 7i64);
    let block = crate::task!(|(a, b): (i64, i64), c: i64| -> i64 {
        let sum = a + b;
        sum + c
    });
    let eight = crate::task!("eight", |a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64| a
        + b
        + c
        + d
        + e
        + f
        + g
        + h);
    assert_eq!((none(), block((1, 2), 3), eight(1, 1, 1, 1, 1, 1, 1, 1)), (7, 6, 8));
    assert_eq!(size_of_val(&none) + size_of_val(&block) + size_of_val(&eight), 0);
}
