//! Several functions run one after another as one task.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::TaskError;
use crate::key::Index;
use crate::layer::Axis;
use crate::panicked::run_caught;
use crate::task::{Call, TaskFn};
use crate::value::Value;
use crate::wire::{Decoder, Encoder, Portable, WireError, decode_portable, encode_portable};

/// One function of a [`Fused`].
pub(super) struct Step {
    /// The layer it comes from, in the user's words.
    pub(super) layer: Box<str>,
    pub(super) function: Arc<dyn TaskFn>,
    /// Where the function's inputs stand among the task's inputs and the results of earlier steps, counted through.
    pub(super) slots: Vec<u32>,
    /// The step's own position, from the position of the task.
    pub(super) index: SmallVec<[Axis; 4]>,
}

/// Several functions run one after another as one task: what stands between them is never shared, so that it can be
/// changed in place, and no scheduler sees it.
pub struct Fused {
    n_inputs: u32,
    steps: Vec<Step>,
    /// For each step and slot: whether it is the last to use it.
    last_use: Vec<Vec<bool>>,
}

impl Fused {
    pub(super) fn new(n_inputs: u32, steps: Vec<Step>) -> Self {
        let mut used = vec![false; n_inputs as usize + steps.len()];
        let mut last_use: Vec<Vec<bool>> = Vec::with_capacity(steps.len());
        for step in steps.iter().rev() {
            let mut flags: Vec<bool> = vec![false; step.slots.len()];
            for (flag, &slot) in flags.iter_mut().zip(&step.slots).rev() {
                *flag = !std::mem::replace(&mut used[slot as usize], true);
            }
            last_use.push(flags);
        }
        last_use.reverse();
        Self { n_inputs, steps, last_use }
    }

    /// How many functions it runs.
    pub fn n_steps(&self) -> usize {
        self.steps.len()
    }
}

impl TaskFn for Fused {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let mut slots: SmallVec<[Option<Value>; 8]> = SmallVec::with_capacity(self.last_use.len() + call.n_inputs());
        for i in 0..call.n_inputs() {
            slots.push(Some(call.value(i)?));
        }
        let mut inputs: SmallVec<[Option<Value>; 4]> = SmallVec::new();
        for (step, last_use) in self.steps.iter().zip(&self.last_use) {
            inputs.clear();
            for (&slot, &last) in step.slots.iter().zip(last_use) {
                let slot = &mut slots[slot as usize];
                inputs.push(if last { slot.take() } else { slot.clone() });
            }
            let index: Index = step.index.iter().map(|&axis| position(axis, call.index())).collect();
            // Caught here, so that the step that panicked has its name in the error.
            let value = run_caught(&*step.function, Call::new(&index, &mut inputs));
            slots.push(Some(value.map_err(|source| StepError { step: step.layer.clone(), source })?));
        }
        slots.pop().flatten().ok_or_else(|| "a fused task without steps".into())
    }

    fn describe(&self) -> Cow<'_, str> {
        let names: Vec<_> = self.steps.iter().map(|step| step.function.describe()).collect();
        names.join(" -> ").into()
    }
}

fn position(axis: Axis, index: &[u32]) -> u32 {
    match axis {
        Axis::Out(o) => index[o as usize],
        Axis::At(at) => at,
        Axis::All => 0,
    }
}

/// Which of the fused layers failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
struct StepError {
    step: Box<str>,
    source: TaskError,
}

impl Portable for Fused {
    fn wire_name(&self) -> &'static str {
        "core.fused"
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&(self.n_inputs, self.steps.len()))?;
        for step in &self.steps {
            let index: Vec<Option<u32>> = step.index.iter().map(|&axis| encode_axis(axis)).collect();
            let out_axes: Vec<u8> = step.index.iter().map(|&a| if let Axis::Out(o) = a { o } else { 0 }).collect();
            out.serde(&(&step.layer, &step.slots, index, out_axes))?;
            encode_portable(&*step.function, out)?;
        }
        Ok(())
    }
}

/// `At` by its position, `Out` as none.
fn encode_axis(axis: Axis) -> Option<u32> {
    match axis {
        Axis::At(at) => Some(at),
        Axis::All => Some(0),
        Axis::Out(_) => None,
    }
}

/// The layer, slots and index of a step, the latter in two parts.
type StepParts = (Box<str>, Vec<u32>, Vec<Option<u32>>, Vec<u8>);

fn decode(input: &mut Decoder<'_>) -> Result<Fused, WireError> {
    let (n_inputs, n_steps): (u32, usize) = input.serde()?;
    let mut steps = Vec::new();
    for earlier in 0..n_steps {
        let (layer, slots, index, out_axes): StepParts = input.serde()?;
        if slots.iter().any(|&slot| slot as usize >= n_inputs as usize + earlier) || index.len() != out_axes.len() {
            return Err(WireError::Codec("a fused step uses a later result".into()));
        }
        let index = index.into_iter().zip(out_axes).map(|(at, o)| at.map_or(Axis::Out(o), Axis::At)).collect();
        steps.push(Step { layer, function: decode_portable::<dyn TaskFn>(input)?, slots, index });
    }
    Ok(Fused::new(n_inputs, steps))
}

crate::register!("core.fused", |input| {
    let function: Arc<dyn TaskFn> = Arc::new(decode(input)?);
    Ok(Box::new(function))
});
