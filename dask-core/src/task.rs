//! The function side: what a task runs, and what it is given.

use std::borrow::Cow;
use std::sync::Arc;

use crate::data::Data;
use crate::error::{Error, Result, TaskError};
use crate::value::Value;
use crate::wire::{Encoder, Portable, WireError};

/// A function from values to a value. Usually one serves all tasks of a layer, which differ in their
/// [index](Call::index) and inputs.
pub trait TaskFn: Portable {
    /// Runs one task.
    ///
    /// # Errors
    /// Whatever the operation says; the scheduler adds key and layers.
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError>;

    /// What it does, in the user's words, for errors and drawings.
    fn describe(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.wire_name())
    }

    /// The value, if the function does nothing but return one.
    fn constant(&self) -> Option<&Value> {
        None
    }
}

/// One call of a [`TaskFn`]: where the task stands in its layer, and the values of its dependencies.
pub struct Call<'a> {
    index: &'a [u32],
    inputs: &'a mut [Option<Value>],
}

impl<'a> Call<'a> {
    /// A call at `index`; the inputs stand in the order of the task's dependencies. A value that no other task will
    /// need should be the only reference to it, so that the function can reuse its memory.
    pub fn new(index: &'a [u32], inputs: &'a mut [Option<Value>]) -> Self {
        Self { index, inputs }
    }

    /// The task's position in the grid of its layer.
    pub fn index(&self) -> &'a [u32] {
        self.index
    }

    /// How many inputs there are.
    pub fn n_inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Input `i` by reference.
    ///
    /// # Errors
    /// [`Error::WrongType`], also if the input was taken already or does not exist.
    pub fn get<T: Data>(&self, i: usize) -> Result<&T> {
        match self.inputs.get(i) {
            Some(Some(value)) => value.get::<T>().map_err(|error| at_input(error, i)),
            _ => Err(missing::<T>(i)),
        }
    }

    /// Input `i`, owned: moved if no other task needs it, otherwise cloned.
    ///
    /// # Errors
    /// As [`get`](Call::get).
    pub fn take<T: Data + Clone>(&mut self, i: usize) -> Result<T> {
        match self.inputs.get_mut(i).and_then(Option::take) {
            Some(value) => value.take::<T>().map_err(|error| at_input(error, i)),
            None => Err(missing::<T>(i)),
        }
    }

    /// Input `i`, shared with whoever else needs it.
    ///
    /// # Errors
    /// As [`get`](Call::get).
    pub fn shared<T: Data>(&mut self, i: usize) -> Result<Arc<T>> {
        match self.inputs.get_mut(i).and_then(Option::take) {
            Some(value) => value.shared::<T>().map_err(|error| at_input(error, i)),
            None => Err(missing::<T>(i)),
        }
    }

    /// Input `i` as an untyped value.
    ///
    /// # Errors
    /// If the input was taken already or does not exist.
    pub fn value(&mut self, i: usize) -> Result<Value> {
        self.inputs.get_mut(i).and_then(Option::take).ok_or_else(|| missing::<Value>(i))
    }

    /// Takes all the inputs that are left, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Value> {
        self.inputs.iter_mut().filter_map(Option::take)
    }

    /// The same inputs, cut to a range, at another index: for functions that call functions.
    pub fn part(&mut self, index: &'a [u32], inputs: std::ops::Range<usize>) -> Call<'_> {
        Call { index, inputs: &mut self.inputs[inputs] }
    }
}

fn at_input(error: Error, i: usize) -> Error {
    match error {
        Error::WrongType { expected, found, .. } => Error::WrongType { what: format!("input {i}"), expected, found },
        other => other,
    }
}

fn missing<T>(i: usize) -> Error {
    Error::WrongType {
        what: format!("input {i}"),
        expected: std::any::type_name::<T>().into(),
        found: "no value".into(),
    }
}

/// A task that returns a value it holds.
pub struct Constant(pub Value);

impl Portable for Constant {
    fn wire_name(&self) -> &'static str {
        "core.constant"
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        crate::wire::encode_value(&self.0, out)
    }
}

crate::register!("core.constant", |input| {
    let function: std::sync::Arc<dyn TaskFn> = std::sync::Arc::new(Constant(crate::wire::decode_value(input)?));
    Ok(Box::new(function))
});

impl TaskFn for Constant {
    fn run(&self, _call: Call<'_>) -> Result<Value, TaskError> {
        Ok(self.0.clone())
    }

    fn describe(&self) -> Cow<'_, str> {
        Cow::Borrowed("value")
    }

    fn constant(&self) -> Option<&Value> {
        Some(&self.0)
    }
}
