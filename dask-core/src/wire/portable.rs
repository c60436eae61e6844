//! Whatever crosses a process boundary by name.

use super::{Encoder, WireError};

/// A stable name, and bytes that need only that name to be read.
pub trait Portable: Send + Sync {
    /// The name under which a decoder is registered, such as `array.sum`.
    fn wire_name(&self) -> &'static str;

    /// Writes what the decoder needs.
    ///
    /// # Errors
    /// What cannot travel, and the way out.
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError>;
}

/// Makes a serde struct travel under a stable name, as an implementation of an object-safe trait.
///
/// ```
/// use dask_core::{Call, TaskError, TaskFn, Value};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct AddConstant { constant: i64 }
/// impl TaskFn for AddConstant {
///     fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
///         Ok(Value::new(call.take::<i64>(0)? + self.constant))
///     }
/// }
/// dask_core::portable!(AddConstant as dyn TaskFn = "example.add_constant");
/// ```
#[macro_export]
macro_rules! portable {
    ($type:ty as $object:ty = $name:literal) => {
        impl $crate::wire::Portable for $type {
            fn wire_name(&self) -> &'static str {
                $name
            }
            fn encode(&self, out: &mut $crate::wire::Encoder) -> ::std::result::Result<(), $crate::wire::WireError> {
                out.serde(self)
            }
        }
        $crate::register!($name, |input| {
            let decoded: $type = input.serde()?;
            let object: ::std::sync::Arc<$object> = ::std::sync::Arc::new(decoded);
            Ok(Box::new(object))
        });
    };
}

/// Registers a decoder by hand, for types that implement [`Portable`](crate::wire::Portable) themselves. The closure
/// takes a [`Decoder`](crate::wire::Decoder) and returns a boxed `Arc<dyn Trait>`.
#[macro_export]
macro_rules! register {
    ($name:literal, $decode:expr) => {
        const _: () = {
            #[$crate::__linkme::distributed_slice($crate::wire::REGISTRY)]
            #[linkme(crate = $crate::__linkme)]
            static ENTRY: $crate::wire::Entry = $crate::wire::Entry { name: $name, decode: $decode };
        };
    };
}
