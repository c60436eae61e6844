//! A closure over the whole call as a task function: what collections build their generic operations from.

use std::borrow::Cow;

use crate::error::TaskError;
use crate::key::Name;
use crate::task::{Call, TaskFn};
use crate::token::{Tokenize, Tokenizer};
use crate::value::Value;
use crate::wire::local::{self, Func, Local};
use crate::wire::{Decoder, Encoder, Portable, WireError};

/// A task function made of a closure. It travels to processes of the same executable if the closure captured nothing,
/// or only closures that captured nothing.
///
/// ```
/// use dask_core::{Call, Value, delayed::Closure};
/// let double = Closure::new("double", |call: &mut Call<'_>| Ok(Value::new(2 * call.take::<i64>(0)?)));
/// assert_eq!(double.layer_name(&()).what(), "double");
/// ```
pub struct Closure<F> {
    what: Cow<'static, str>,
    f: Func<F>,
}

impl<F> Closure<F>
where
    F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
{
    /// `what` is what it does, in the user's words.
    pub fn new(what: &'static str, f: F) -> Self {
        Self { what: Cow::Borrowed(what), f: Func(f) }
    }

    /// The name of a layer that runs it on `inputs` (their names, and whatever else the result depends on): equal
    /// computations get equal names. What captured something is equal to nothing.
    pub fn layer_name(&self, inputs: &impl Tokenize) -> Name {
        let mut t = Tokenizer::new();
        t.add(&*self.what).add(inputs).add(&self.f);
        local::tokenize_type::<Self>(&mut t);
        Name::tokened(self.what.as_ref(), t.finish())
    }
}

impl<F> TaskFn for Closure<F>
where
    F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
{
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        (self.f.0)(&mut call)
    }

    fn describe(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.what)
    }
}

impl<F> Portable for Closure<F>
where
    F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
{
    fn wire_name(&self) -> &'static str {
        local::WIRE_NAME
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        local::encode(self, out)
    }
}

impl<F> Local for Closure<F>
where
    F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
{
    fn encode_state(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&self.what)?;
        self.f.encode(out)
    }

    fn decode_state(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        let what: String = input.serde()?;
        Ok(Self { what: what.into(), f: Func::decode(input)? })
    }
}
