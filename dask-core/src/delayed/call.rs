//! The task functions of delayed calls.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::data::Data;
use crate::error::{Result, TaskError};
use crate::task::{Call, TaskFn};
use crate::value::Value;
use crate::wire::local::{self, Func, Local};
use crate::wire::{Decoder, Encoder, Portable, WireError};

/// What a function may take: a value of its own, cloned if others need it too; or, as an [`Arc`], one that it shares with
/// others, so that nothing is cloned.
///
/// ```
/// use std::sync::Arc;
/// use dask_core::{Delayed, delayed};
/// let table = Delayed::value(vec![3.0; 1000]);
/// let sum = delayed::call(|table: Arc<Vec<f64>>| table.iter().sum::<f64>(), (&table,));
/// let length = delayed::call(|table: Arc<Vec<f64>>| table.len() as u64, (&table,));
/// ```
pub trait Parameter: Sized + 'static {
    /// Takes input `i` of a task.
    ///
    /// # Errors
    /// An input of another type.
    fn take(call: &mut Call<'_>, i: usize) -> Result<Self>;
}

impl<T: Data + Clone> Parameter for T {
    fn take(call: &mut Call<'_>, i: usize) -> Result<Self> {
        call.take(i)
    }
}

impl<T: Data> Parameter for Arc<T> {
    fn take(call: &mut Call<'_>, i: usize) -> Result<Self> {
        call.shared(i)
    }
}

/// A function of up to eight parameters, `A` being the tuple of their types.
pub trait Function<A, T>: Clone + Send + Sync + 'static {
    /// Takes the parameters from the inputs of a task, and calls.
    ///
    /// # Errors
    /// An input of another type.
    fn call_with(&self, call: &mut Call<'_>) -> Result<T>;
}

macro_rules! functions {
    ($($($P:ident $i:tt),*;)*) => {$(
        impl<Func, T, $($P: Parameter),*> Function<($($P,)*), T> for Func
        where
            Func: Fn($($P),*) -> T + Clone + Send + Sync + 'static,
        {
            #[allow(unused_variables, reason = "a function without parameters takes nothing")]
            fn call_with(&self, call: &mut Call<'_>) -> Result<T> {
                Ok(self($(<$P as Parameter>::take(call, $i)?),*))
            }
        }
    )*};
}
functions! {
    ;
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

/// The last part of a function's path: `inc` of `my_crate::inc`; `closure` for closures.
pub(super) fn short_name<F>() -> &'static str {
    last_part(std::any::type_name::<F>())
}

fn last_part(path: &'static str) -> &'static str {
    // Types stand in angle brackets, within the path and behind it.
    let (mut depth, mut start, mut end) = (0u32, 0, path.len());
    for (at, c) in path.char_indices() {
        match c {
            '<' => {
                if depth == 0 {
                    end = at;
                }
                depth += 1;
            }
            '>' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => (start, end) = (at + 1, path.len()),
            _ => {}
        }
    }
    match path.get(start..end) {
        Some("{{closure}}" | "") | None => "closure",
        Some(name) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::last_part;

    #[test]
    fn functions_are_called_by_the_last_part_of_their_path() {
        for (path, expected) in [
            ("app::inc", "inc"),
            ("inc", "inc"),
            ("app::convert<alloc::string::String>", "convert"),
            ("app::main::{{closure}}", "closure"),
            ("bag::<impl bag::Bag<i64>>::topk<i64, <i64 as core::clone::Clone>::clone>::{{closure}}", "closure"),
            ("<i64 as core::clone::Clone>::clone", "clone"),
        ] {
            assert_eq!(last_part(path), expected);
        }
    }
}

macro_rules! call_functions {
    ($($(#[$doc:meta])* $name:ident<$($P:ident),*> calls $F:ident: Function<$A:ident, $R:ty>, where ($($bounds:tt)*), $finish:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name<$($P),*> {
            f: Func<$F>,
            _types: PhantomData<fn() -> ($($P,)*)>,
        }

        impl<$($P),*> $name<$($P),*> {
            pub(super) fn new(f: $F) -> Self {
                Self { f: Func(f), _types: PhantomData }
            }
        }

        impl<$($P: 'static),*> TaskFn for $name<$($P),*> where $F: Function<$A, $R>, $($bounds)* {
            fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
                let finish: fn($R) -> Result<Value, TaskError> = $finish;
                finish(self.f.0.call_with(&mut call)?)
            }

            fn describe(&self) -> Cow<'_, str> {
                Cow::Borrowed(short_name::<$F>())
            }
        }

        impl<$($P: 'static),*> Portable for $name<$($P),*> where $F: Function<$A, $R>, $($bounds)* {
            fn wire_name(&self) -> &'static str {
                local::WIRE_NAME
            }
            fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
                local::encode(self, out)
            }
        }

        impl<$($P: 'static),*> Local for $name<$($P),*> where $F: Function<$A, $R>, $($bounds)* {
            fn encode_state(&self, out: &mut Encoder) -> Result<(), WireError> {
                self.f.encode(out)
            }
            fn decode_state(input: &mut Decoder<'_>) -> Result<Self, WireError> {
                Func::decode(input).map(|f| Self { f, _types: PhantomData })
            }
        }
    )*};
}
call_functions! {
    /// Calls a function that returns a value.
    CallFn<A, F, T> calls F: Function<A, T>, where (T: Data), |value| Ok(Value::new(value));
    /// Calls a function that may fail.
    TryCallFn<A, F, T, E> calls F: Function<A, std::result::Result<T, E>>, where (T: Data, E: Into<TaskError>),
        |result| result.map(Value::new).map_err(Into::into);
}

/// A function as what a task runs: the task's inputs are its parameters.
///
/// ```
/// use dask_core::{Call, Value, delayed};
/// let add = delayed::task_fn(|a: i64, b: i64| a + b);
/// let mut inputs = [2i64, 3].map(|x| Some(Value::new(x)));
/// assert_eq!(add.run(Call::new(&[], &mut inputs)).unwrap().get::<i64>()?, &5);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub fn task_fn<A, F, T>(f: F) -> Arc<dyn TaskFn>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
{
    Arc::new(CallFn::<A, F, T>::new(f))
}

/// As [`task_fn`], for a function that returns a `Result`: an error fails the task.
pub fn try_task_fn<A, F, T, E>(f: F) -> Arc<dyn TaskFn>
where
    F: Function<A, std::result::Result<T, E>>,
    A: 'static,
    T: Data,
    E: Into<TaskError> + 'static,
{
    Arc::new(TryCallFn::<A, F, T, E>::new(f))
}

/// Returns its input.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Pass;

impl TaskFn for Pass {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        Ok(call.value(0)?)
    }
}
crate::portable!(Pass as dyn TaskFn = "core.pass");
