//! Parts of delayed values, as tasks: of tuples, lists and maps. A part is copied, what it is a part of is not.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use super::{Arg, Delayed, call_pure_named, try_call_pure_named};
use crate::data::Data;

macro_rules! unzips {
    ($($(#[$doc:meta])* $($P:ident $i:tt $name:literal),*;)*) => {$(
        unzips! { @of [$(#[$doc])*] ($($P,)*): $($P $i $name),* }
    )*};
    (@of [$($doc:tt)*] $tuple:ty: $($P:ident $i:tt $name:literal),*) => {
        impl<$($P: Data + Clone),*> Delayed<$tuple> {
            $($doc)*
            pub fn unzip(&self) -> ($(Delayed<$P>,)*) {
                ($(call_pure_named($name, |of: Arc<$tuple>| of.$i.clone(), (self,)),)*)
            }
        }
    };
}
unzips! {
    /// The parts of a pair, each on its own: Dask's `nout=2`. Tuples of up to eight have the same.
    ///
    /// ```no_run
    /// use dask_core::{Collection, delayed};
    /// fn divide(a: i64, b: i64) -> (i64, i64) { (a / b, a % b) }
    /// let (quotient, remainder) = delayed!(divide(17, 5)).unzip();
    /// assert_eq!((quotient, remainder).compute()?, (3, 2));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    A 0 "first", B 1 "second";
    /// The parts of a triple, each on its own.
    A 0 "first", B 1 "second", C 2 "third";
    /// The parts of four, each on its own.
    A 0 "first", B 1 "second", C 2 "third", D 3 "fourth";
    /// The parts of five, each on its own.
    A 0 "first", B 1 "second", C 2 "third", D 3 "fourth", E 4 "fifth";
    /// The parts of six, each on its own.
    A 0 "first", B 1 "second", C 2 "third", D 3 "fourth", E 4 "fifth", F 5 "sixth";
    /// The parts of seven, each on its own.
    A 0 "first", B 1 "second", C 2 "third", D 3 "fourth", E 4 "fifth", F 5 "sixth", G 6 "seventh";
    /// The parts of eight, each on its own.
    A 0 "first", B 1 "second", C 2 "third", D 3 "fourth", E 4 "fifth", F 5 "sixth", G 6 "seventh", H 7 "eighth";
}

impl<T: Data + Clone> Delayed<Vec<T>> {
    /// The item at a position, which may be delayed itself. Computing it fails if there is none.
    ///
    /// ```no_run
    /// use dask_core::{Collection, Delayed};
    /// let items = Delayed::value(vec![5i64, 6, 7]);
    /// assert_eq!(items.get(1).compute()?, 6);
    /// let last = items.map(|items| items.len() - 1);
    /// assert_eq!(items.get(last).compute()?, 7);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn get<H>(&self, at: impl Arg<usize, H>) -> Delayed<T> {
        let item = |items: Arc<Vec<T>>, at: usize| {
            items.get(at).cloned().ok_or_else(|| format!("no item at {at} of {}", items.len()))
        };
        try_call_pure_named("get", item, (self, at))
    }

    /// The items, each on its own: Dask's `nout=n`. Computing one fails if there are not exactly `n`.
    ///
    /// ```no_run
    /// use dask_core::{Collection, delayed};
    /// fn halves(text: String) -> Vec<String> { text.split(' ').map(str::to_owned).collect() }
    /// let words = delayed!(halves("one two".to_owned())).split(2);
    /// assert_eq!(words.compute()?, ["one", "two"]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn split(&self, n: usize) -> Vec<Delayed<T>> {
        let item = |items: Arc<Vec<T>>, at: usize, n: usize| match items.get(at) {
            Some(item) if items.len() == n => Ok(item.clone()),
            _ => Err(format!("split into {n} items where there are {}", items.len())),
        };
        (0..n).map(|at| try_call_pure_named("item", item, (self, at, n))).collect()
    }
}

macro_rules! maps {
    ($($map:ident: $($bound:ident),+;)*) => {$(
        impl<K: Data + Clone + Debug $(+ $bound)+, T: Data + Clone> Delayed<$map<K, T>> {
            /// What a map holds for a key, which may be delayed itself. Computing it fails if there is nothing.
            ///
            /// ```no_run
            #[doc = concat!("use std::collections::", stringify!($map), ";")]
            /// use dask_core::{Collection, Delayed};
            #[doc = concat!("let ages = Delayed::value(", stringify!($map), "::from([(\"ann\".to_owned(), 31i64)]));")]
            /// assert_eq!(ages.get("ann".to_owned()).compute()?, 31);
            /// # Ok::<(), dask_core::Error>(())
            /// ```
            pub fn get<H>(&self, key: impl Arg<K, H>) -> Delayed<T> {
                let item = |map: Arc<$map<K, T>>, key: K| {
                    map.get(&key).cloned().ok_or_else(|| format!("no key {key:?} among {}", map.len()))
                };
                try_call_pure_named("get", item, (self, key))
            }
        }
    )*};
}
maps! { BTreeMap: Ord; HashMap: Eq, Hash; }
