//! Operators on delayed values, as tasks.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use super::{Delayed, call_named, try_call};
use crate::data::Data;

macro_rules! operators {
    ($($Op:ident $op:ident;)*) => {$(
        impl<T, U> $Op<Delayed<U>> for Delayed<T>
        where
            T: Data + Clone + $Op<U>,
            U: Data + Clone,
            T::Output: Data,
        {
            type Output = Delayed<T::Output>;

            fn $op(self, other: Delayed<U>) -> Self::Output {
                call_named(stringify!($op), |a: T, b: U| a.$op(b), (self, other))
            }
        }

        impl<T, U> $Op<&Delayed<U>> for &Delayed<T>
        where
            T: Data + Clone + $Op<U>,
            U: Data + Clone,
            T::Output: Data,
        {
            type Output = Delayed<T::Output>;

            fn $op(self, other: &Delayed<U>) -> Self::Output {
                self.clone().$op(other.clone())
            }
        }
    )*};
}
operators! { Add add; Sub sub; Mul mul; Div div; Rem rem; }

impl<T> Neg for Delayed<T>
where
    T: Data + Clone + Neg,
    T::Output: Data,
{
    type Output = Delayed<T::Output>;

    fn neg(self) -> Self::Output {
        call_named("neg", |a: T| -a, (self,))
    }
}

impl<T> Neg for &Delayed<T>
where
    T: Data + Clone + Neg,
    T::Output: Data,
{
    type Output = Delayed<T::Output>;

    fn neg(self) -> Self::Output {
        -self.clone()
    }
}

impl<T: Data + Clone> Delayed<Vec<T>>
where
    Vec<T>: Data,
{
    /// The item at a position; computing it fails if there is none.
    ///
    /// ```no_run
    /// use dask_core::{Collection, Delayed};
    /// assert_eq!(Delayed::value(vec![5i64, 6]).get(1).compute()?, 6);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn get(&self, at: usize) -> Delayed<T> {
        let item = |items: std::sync::Arc<Vec<T>>, at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            items.get(at).cloned().ok_or_else(|| format!("no item at {at} of {}", items.len()))
        };
        try_call(item, (self.clone(), at as u64))
    }
}
