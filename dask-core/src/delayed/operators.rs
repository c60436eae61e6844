//! Operators on delayed values, as tasks: between two, or one and a value. Equal operations share one key.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Shl, Shr, Sub};

use super::{Arg, Delayed, call_pure_named};
use crate::data::Data;

macro_rules! binary {
    ($($Op:ident $op:ident;)*) => {$(
        binary! { @on $Op $op, [Delayed<T>]: [Delayed<U>], [&Delayed<U>], [U]; [&Delayed<T>]: [Delayed<U>], [&Delayed<U>], [U]; }
    )*};
    (@on $Op:ident $op:ident, $([$left:ty]: $([$right:ty]),*;)*) => {$($(
        impl<T, U> $Op<$right> for $left
        where
            T: Data + Clone + $Op<U>,
            U: Data + Clone,
            T::Output: Data,
        {
            type Output = Delayed<T::Output>;

            fn $op(self, other: $right) -> Self::Output {
                call_pure_named(stringify!($op), |a: T, b: U| a.$op(b), (self, other))
            }
        }
    )*)*};
}
binary! { Add add; Sub sub; Mul mul; Div div; Rem rem; BitAnd bitand; BitOr bitor; BitXor bitxor; Shl shl; Shr shr; }

// With a number on the left; for each type of its own, since anything more general would leave the compiler guessing what
// any number is added to.
macro_rules! numbers {
    ($($number:ident),*: $ops:tt) => {$( numbers! { @ops $number $ops } )*};
    (@ops $number:ident { $($Op:ident $op:ident;)* }) => {$(
        numbers! { @on $Op $op $number, Delayed<$number> }
        numbers! { @on $Op $op $number, &Delayed<$number> }
    )*};
    (@on $Op:ident $op:ident $number:ident, $right:ty) => {
        impl $Op<$right> for $number {
            type Output = Delayed<$number>;

            #[inline]
            fn $op(self, other: $right) -> Self::Output {
                call_pure_named(stringify!($op), |a: $number, b: $number| a.$op(b), (self, other))
            }
        }
    };
}
numbers! { i32, i64, u64, f32, f64: { Add add; Sub sub; Mul mul; Div div; Rem rem; } }

macro_rules! unary {
    ($($Op:ident $op:ident, $on:ty;)*) => {$(
        impl<T> $Op for $on
        where
            T: Data + Clone + $Op,
            T::Output: Data,
        {
            type Output = Delayed<T::Output>;

            fn $op(self) -> Self::Output {
                call_pure_named(stringify!($op), |a: T| a.$op(), (self,))
            }
        }
    )*};
}
unary! { Neg neg, Delayed<T>; Neg neg, &Delayed<T>; Not not, Delayed<T>; Not not, &Delayed<T>; }

macro_rules! comparisons {
    ($($bound:ident: $($(#[$doc:meta])* $name:ident),*;)*) => {$(
        impl<T: Data + Clone + $bound> Delayed<T> {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name<H>(&self, other: impl Arg<T, H>) -> Delayed<bool> {
                call_pure_named(stringify!($name), |a: T, b: T| a.$name(&b), (self, other))
            }
        )*}
    )*};
}
comparisons! {
    PartialEq:
        /// Whether it is equal to another, which may be a value.
        ///
        /// ```no_run
        /// use dask_core::{Collection, Delayed};
        /// let (a, b) = (Delayed::value(2.5f64), Delayed::value(3.5));
        /// assert!((2.0 * &a + 1.0).gt(&b).compute()?);
        /// assert!(!a.eq(3.0).compute()?);
        /// # Ok::<(), dask_core::Error>(())
        /// ```
        eq,
        /// Whether it differs from another.
        ne;
    PartialOrd:
        /// Whether it is less than another.
        lt,
        /// Whether it is less than another, or equal to it.
        le,
        /// Whether it is greater than another.
        gt,
        /// Whether it is greater than another, or equal to it.
        ge;
}
