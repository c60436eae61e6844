//! A function with its arguments: a call of which nothing is to be made first is a single task without inputs.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::TaskError;
use crate::task::{Call, TaskFn};
use crate::value::Value;
use crate::wire::{
    Decoder, Encoder, Portable, WireError, decode_portable, decode_value, encode_portable, encode_value,
};

/// A function with its arguments.
pub(super) struct Bound {
    pub(super) function: Arc<dyn TaskFn>,
    pub(super) arguments: Vec<Value>,
}

impl TaskFn for Bound {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let mut inputs: Vec<Option<Value>> = self.arguments.iter().cloned().map(Some).collect();
        self.function.run(Call::new(call.index(), &mut inputs))
    }

    fn describe(&self) -> Cow<'_, str> {
        self.function.describe()
    }
}

impl Portable for Bound {
    fn wire_name(&self) -> &'static str {
        "core.bound"
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        encode_portable(&*self.function, out)?;
        out.len(self.arguments.len());
        self.arguments.iter().try_for_each(|argument| encode_value(argument, out))
    }
}

fn decode(input: &mut Decoder<'_>) -> Result<Bound, WireError> {
    let function = decode_portable::<dyn TaskFn>(input)?;
    let n = input.len()?;
    // One after another: a forged number ends with the bytes.
    let arguments = (0..n).map(|_| decode_value(input)).collect::<Result<_, _>>()?;
    Ok(Bound { function, arguments })
}

crate::register!("core.bound", |input| {
    let function: Arc<dyn TaskFn> = Arc::new(decode(input)?);
    Ok(Box::new(function))
});
