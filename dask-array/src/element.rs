//! Element types, and how they turn into each other.

use std::fmt;

use dask_core::wire::Buffer;
use serde::{Deserialize, Serialize};

/// The type of an array's elements, as it travels.
///
/// ```
/// use dask_array::{DType, Element};
/// assert_eq!((f32::DTYPE, <u8 as Element>::Sum::DTYPE), (DType::F32, DType::U64));
/// assert_eq!(DType::F32.to_string(), "f32");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DType {
    /// Truth values.
    Bool,
    /// 8-bit unsigned integers.
    U8,
    /// 32-bit signed integers.
    I32,
    /// 64-bit signed integers.
    I64,
    /// 64-bit unsigned integers.
    U64,
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

/// A single number, wide enough for every element type.
///
/// ```
/// use dask_array::{Element, Scalar};
/// assert_eq!((7u8.to_scalar(), 0.5f32.to_scalar()), (Scalar::Int(7), Scalar::Float(0.5)));
/// // As a cast does it.
/// assert_eq!((i32::from_scalar(Scalar::Float(2.9)), u8::from_scalar(Scalar::Int(257))), (2, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// A whole number.
    Int(i128),
    /// A number.
    Float(f64),
}

/// What an array can hold.
///
/// ```
/// use dask_array::{Array, ArrayError, Binary, Computed, Element};
/// use dask_core::Collection;
/// /// How far the smallest and the largest are apart, whatever the elements are.
/// fn spread<A: Element>(x: &Array<A>) -> Result<Array<A>, ArrayError> {
///     x.max(None, false)?.binary(Binary::Subtract, &x.min(None, false)?)
/// }
/// assert_eq!(spread(&Array::<i32>::arange(0, 10, 3, 2)?)?.compute()?.into_scalar()?, 9);
/// // Arithmetic is NumPy's: sums wrap, quotients are rounded down, remainders have the sign of the divisor.
/// assert_eq!((250u8.add(10), (-7i64).div(2), (-7i64).rem(2), 7i64.div(0)), (4, -4, 1, 0));
/// # Ok::<(), dask_core::Error>(())
/// ```
pub trait Element: Copy + Default + PartialEq + PartialOrd + Send + Sync + fmt::Debug + fmt::Display + 'static {
    /// Its name.
    const DTYPE: DType;
    /// What its sums are made of: whole numbers are summed in 64 bits.
    type Sum: Element;

    /// From a number, as a cast does: whole numbers wrap, floats saturate.
    fn from_scalar(scalar: Scalar) -> Self;
    /// As a number.
    fn to_scalar(self) -> Scalar;
    /// As a float.
    fn to_f64(self) -> f64;
    /// Sum; whole numbers wrap, truth values are `or`ed.
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// Difference.
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// Product.
    #[must_use]
    fn mul(self, other: Self) -> Self;
    /// Quotient; of whole numbers rounded down, by zero 0 as in NumPy.
    #[must_use]
    fn div(self, other: Self) -> Self;
    /// Remainder with the sign of the divisor, as in NumPy.
    #[must_use]
    fn rem(self, other: Self) -> Self;
    /// Writes the bytes of elements, little-endian.
    fn write(elements: &[Self], out: &mut Vec<u8>);
    /// The bytes that [`write`](Element::write) would write, where memory holds them already.
    fn as_bytes(elements: &[Self]) -> Option<&[u8]>;
    /// Reads what [`write`](Element::write) wrote.
    fn read(bytes: &[u8]) -> Vec<Self>;
    /// The buffer of elements that somebody owns.
    fn buffer<B: AsRef<[u8]> + Send + Sync + 'static>(owner: B) -> Buffer {
        Buffer::new(owner)
    }
    /// Reads a buffer; its memory becomes the vector's where it can.
    fn read_buffer(buffer: Buffer) -> Vec<Self> {
        Self::read(buffer.as_slice())
    }
    /// Whether it is a float that is not a number.
    fn is_nan(self) -> bool {
        false
    }
    /// With the other sign; of whole numbers without signs what wraps to it.
    #[must_use]
    fn neg(self) -> Self {
        Self::from_scalar(Scalar::Int(0)).sub(self)
    }
    /// Without its sign.
    #[must_use]
    fn abs(self) -> Self {
        if self < Self::from_scalar(Scalar::Int(0)) { self.neg() } else { self }
    }
}

/// Floats.
///
/// ```
/// use dask_array::{Array, Float, ndarray::arr1};
/// use dask_core::Collection;
/// fn magnitude<A: Float>(x: &Array<A>) -> Array<A> {
///     (x * x).sqrt()
/// }
/// let x = Array::from_ndarray(&arr1(&[-3.0f32, 4.0]), 1)?;
/// assert_eq!(magnitude(&x).compute()?.as_slice(), Some(&[3.0, 4.0][..]));
/// # Ok::<(), dask_core::Error>(())
/// ```
pub trait Float: Element {}
impl Float for f32 {}
impl Float for f64 {}

macro_rules! bytes {
    ($type:ty) => {
        fn write(elements: &[Self], out: &mut Vec<u8>) {
            out.reserve(size_of_val(elements));
            out.extend(elements.iter().flat_map(|element| element.to_le_bytes()));
        }
        fn as_bytes(elements: &[Self]) -> Option<&[u8]> {
            cfg!(target_endian = "little").then(|| bytemuck::cast_slice(elements))
        }
        fn read(bytes: &[u8]) -> Vec<Self> {
            let (items, _) = bytes.as_chunks();
            let mut elements = dask_core::wire::with_room(items.len());
            elements.extend(items.iter().map(|bytes| Self::from_le_bytes(*bytes)));
            elements
        }
        fn buffer<B: AsRef<[u8]> + Send + Sync + 'static>(owner: B) -> Buffer {
            Buffer::of_numbers::<Self, B>(owner)
        }
        fn read_buffer(buffer: Buffer) -> Vec<Self> {
            if cfg!(target_endian = "big") {
                return Self::read(buffer.as_slice());
            }
            buffer.into_vec().unwrap_or_else(|buffer| Self::read(buffer.as_slice()))
        }
    };
}

macro_rules! whole {
    ($($type:ty: $dtype:ident, $sum:ty;)*) => {$(
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            type Sum = $sum;
            fn from_scalar(scalar: Scalar) -> Self {
                match scalar { Scalar::Int(x) => x as Self, Scalar::Float(x) => x as Self }
            }
            fn to_scalar(self) -> Scalar { Scalar::Int(i128::from(self)) }
            fn to_f64(self) -> f64 { self as f64 }
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[allow(unused_comparisons, reason = "also for unsigned types")]
            fn div(self, other: Self) -> Self {
                if other == 0 { return 0; }
                let quotient = self.wrapping_div(other);
                if self.wrapping_rem(other) != 0 && ((self < 0) != (other < 0)) { quotient - 1 } else { quotient }
            }
            #[allow(unused_comparisons, reason = "also for unsigned types")]
            fn rem(self, other: Self) -> Self {
                if other == 0 { return 0; }
                let rest = self.wrapping_rem(other);
                if rest != 0 && ((rest < 0) != (other < 0)) { rest.wrapping_add(other) } else { rest }
            }
            bytes!($type);
        }
    )*};
}
whole! { u8: U8, u64; i32: I32, i64; i64: I64, i64; u64: U64, u64; }

macro_rules! floats {
    ($($type:ty: $dtype:ident;)*) => {$(
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            type Sum = $type;
            fn from_scalar(scalar: Scalar) -> Self {
                match scalar { Scalar::Int(x) => x as Self, Scalar::Float(x) => x as Self }
            }
            fn to_scalar(self) -> Scalar { Scalar::Float(f64::from(self)) }
            fn to_f64(self) -> f64 { f64::from(self) }
            fn add(self, other: Self) -> Self { self + other }
            fn sub(self, other: Self) -> Self { self - other }
            fn mul(self, other: Self) -> Self { self * other }
            fn div(self, other: Self) -> Self { self / other }
            fn rem(self, other: Self) -> Self {
                let rest = self % other;
                if rest != 0.0 && ((rest < 0.0) != (other < 0.0)) { rest + other } else { rest }
            }
            fn is_nan(self) -> bool { Self::is_nan(self) }
            fn neg(self) -> Self { -self }
            fn abs(self) -> Self { Self::abs(self) }
            bytes!($type);
        }
    )*};
}
floats! { f32: F32; f64: F64; }

impl Element for bool {
    const DTYPE: DType = DType::Bool;
    type Sum = i64;
    fn from_scalar(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Int(x) => x != 0,
            Scalar::Float(x) => x != 0.0,
        }
    }
    fn to_scalar(self) -> Scalar {
        Scalar::Int(i128::from(self))
    }
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    fn add(self, other: Self) -> Self {
        self | other
    }
    fn sub(self, other: Self) -> Self {
        self ^ other
    }
    fn mul(self, other: Self) -> Self {
        self & other
    }
    fn div(self, other: Self) -> Self {
        self & other
    }
    fn rem(self, _other: Self) -> Self {
        false
    }
    fn write(elements: &[Self], out: &mut Vec<u8>) {
        out.extend(elements.iter().map(|&element| u8::from(element)));
    }
    fn as_bytes(elements: &[Self]) -> Option<&[u8]> {
        Some(bytemuck::cast_slice(elements))
    }
    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().map(|&byte| byte != 0).collect()
    }
}

/// Runs an expression with `A` standing for the element type that a [`DType`] names.
macro_rules! dispatch {
    ($dtype:expr, $A:ident => $body:expr) => {
        match $dtype {
            $crate::element::DType::Bool => {
                type $A = bool;
                $body
            }
            $crate::element::DType::U8 => {
                type $A = u8;
                $body
            }
            $crate::element::DType::I32 => {
                type $A = i32;
                $body
            }
            $crate::element::DType::I64 => {
                type $A = i64;
                $body
            }
            $crate::element::DType::U64 => {
                type $A = u64;
                $body
            }
            $crate::element::DType::F32 => {
                type $A = f32;
                $body
            }
            $crate::element::DType::F64 => {
                type $A = f64;
                $body
            }
        }
    };
}
pub(crate) use dispatch;
