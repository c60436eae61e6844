//! A function with its arguments: a call of which nothing is to be made first is a single task without inputs.

use std::borrow::Cow;
use std::sync::Arc;

use dask_core::layer::Blockwise;
use dask_core::wire::{
    Decoder, Encoder, Portable, WireError, decode_portable, decode_value, encode_portable, encode_value,
};
use dask_core::{Call, Delayed, LayerRef, TaskError, TaskFn, Value};

use super::argument::{Given, Layers};

/// A function with its arguments.
struct Bound {
    function: Arc<dyn TaskFn>,
    arguments: Vec<Value>,
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
        "dist.bound"
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

dask_core::register!("dist.bound", |input| {
    let function: Arc<dyn TaskFn> = Arc::new(decode(input)?);
    Ok(Box::new(function))
});

/// A call: `make` builds it on the layers that it is given. If all arguments are here, they are bound to the function.
pub(super) fn bind<T>(given: Vec<Given>, make: impl FnOnce(Layers) -> Delayed<T>) -> Delayed<T> {
    if given.is_empty() || given.iter().any(|given| matches!(given, Given::Layer(_))) {
        return make(Layers::of(given));
    }
    let bare = make(Layers::none());
    let values = given.into_iter().filter_map(|given| match given {
        Given::Value(value) => Some(value),
        Given::Layer(_) => None,
    });
    let function = Bound { function: bare.layer().layer().function(0).clone(), arguments: values.collect() };
    let layer = Blockwise::new(bare.layer().name().clone(), &[], Vec::new(), Arc::new(function)).with_source(false);
    Delayed::from_layer(LayerRef::new(layer, Vec::new()))
}
