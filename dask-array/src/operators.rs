//! `x + y`, `x + 1.0`, `1.0 - x`, `-x`, `x += y`: of arrays and of references to them, as `ndarray` has it.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign};

use crate::Array;
use crate::element::Element;
use crate::op::{Binary, Op, Unary};

/// # Panics
/// If the shapes do not broadcast; [`Array::binary`] returns the error.
fn binary_or_panic<A: Element>(op: Binary, left: &Array<A>, right: &Array<A>) -> Array<A> {
    match left.binary(op, right) {
        Ok(array) => array,
        Err(error) => panic!("{error}"),
    }
}

macro_rules! of_arrays {
    ($op:ident, $trait:ident $method:ident: $($left:ty, $right:ty;)*) => {$(
        impl<A: Element> $trait<$right> for $left {
            type Output = Array<A>;
            /// # Panics
            /// If the shapes do not broadcast; [`Array::binary`] returns the error.
            fn $method(self, other: $right) -> Array<A> {
                binary_or_panic(Binary::$op, &self, &other)
            }
        }
    )*};
}

macro_rules! by_scalar {
    ($op:ident, $trait:ident $method:ident: $($left:ty;)*) => {$(
        impl<A: Element> $trait<A> for $left {
            type Output = Array<A>;
            fn $method(self, scalar: A) -> Array<A> {
                self.binary_scalar(Binary::$op, scalar)
            }
        }
    )*};
}

/// The element types one by one: a number that is any element would be a foreign type.
macro_rules! of_scalar {
    ($op:ident, $trait:ident $method:ident: $($scalar:ty)*) => {$(
        impl $trait<&Array<$scalar>> for $scalar {
            type Output = Array<$scalar>;
            fn $method(self, array: &Array<$scalar>) -> Array<$scalar> {
                array.scalar_binary(self, Binary::$op)
            }
        }
        impl $trait<Array<$scalar>> for $scalar {
            type Output = Array<$scalar>;
            fn $method(self, array: Array<$scalar>) -> Array<$scalar> {
                array.scalar_binary(self, Binary::$op)
            }
        }
    )*};
}

macro_rules! in_place {
    ($op:ident, $trait:ident $method:ident) => {
        impl<A: Element> $trait<&Array<A>> for Array<A> {
            /// # Panics
            /// If the shapes do not broadcast; [`Array::binary`] returns the error.
            fn $method(&mut self, other: &Array<A>) {
                *self = binary_or_panic(Binary::$op, self, other);
            }
        }
        impl<A: Element> $trait<A> for Array<A> {
            fn $method(&mut self, scalar: A) {
                *self = self.binary_scalar(Binary::$op, scalar);
            }
        }
    };
}

macro_rules! operators {
    ($($op:ident: $trait:ident $method:ident, $assign:ident $assigned:ident;)*) => {$(
        of_arrays! { $op, $trait $method:
            &Array<A>, &Array<A>; &Array<A>, Array<A>; Array<A>, &Array<A>; Array<A>, Array<A>;
        }
        by_scalar! { $op, $trait $method: &Array<A>; Array<A>; }
        of_scalar! { $op, $trait $method: bool u8 i32 i64 u64 f32 f64 }
        in_place! { $op, $assign $assigned }
    )*};
}
operators! {
    Add: Add add, AddAssign add_assign;
    Subtract: Sub sub, SubAssign sub_assign;
    Multiply: Mul mul, MulAssign mul_assign;
    Divide: Div div, DivAssign div_assign;
    Remainder: Rem rem, RemAssign rem_assign;
}

impl<A: Element> Neg for &Array<A> {
    type Output = Array<A>;
    fn neg(self) -> Array<A> {
        self.each("negative", Op::Unary(Unary::Negative))
    }
}

impl<A: Element> Neg for Array<A> {
    type Output = Self;
    fn neg(self) -> Self {
        -&self
    }
}
