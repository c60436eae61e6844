//! What is to be known of a collection besides its layers, as bytes: with it another process has the collection again.

use crate::collection::Collection;
use crate::error::Result;
use crate::layer::LayerRef;
use crate::wire::{Decoder, Encoder, WireError};

/// A collection that can be published on a cluster: its blocks stay there, and others get it from them and a few bytes.
///
/// ```
/// use dask_core::layer::LayerRef;
/// use dask_core::wire::{Decoder, Encoder};
/// use dask_core::{Collection, Delayed, Describe};
/// let answer = Delayed::value(42i64);
/// let mut out = Encoder::new();
/// answer.describe(&mut out)?;
/// let bytes = out.into_bytes();
/// let again = Delayed::<i64>::from_description(answer.layers(), &mut Decoder::of_bytes(&bytes))?;
/// assert_eq!(again.key(), answer.key());
/// # Ok::<(), dask_core::Error>(())
/// ```
pub trait Describe: Collection + Sized {
    /// Writes what does not stand in its layers: how an array is cut, the columns of a table. By default nothing.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn describe(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Ok(())
    }

    /// The collection that has these layers.
    ///
    /// # Errors
    /// If the bytes are not those of a [description](Describe::describe), or do not fit the layers.
    fn from_description(layers: Vec<LayerRef>, input: &mut Decoder<'_>) -> Result<Self>;
}

/// The one layer of most collections.
///
/// ```
/// use dask_core::{Collection, Delayed, one_layer};
/// let answer = Delayed::value(42i64);
/// assert_eq!(one_layer(answer.layers())?.name(), answer.key().name());
/// assert!(one_layer(Vec::new()).is_err());
/// # Ok::<(), dask_core::Error>(())
/// ```
///
/// # Errors
/// If there are none, or several.
pub fn one_layer(layers: Vec<LayerRef>) -> Result<LayerRef, WireError> {
    let n = layers.len();
    match <[LayerRef; 1]>::try_from(layers) {
        Ok([layer]) => Ok(layer),
        Err(_) => Err(WireError::Codec(format!("a collection of one layer is described by {n}"))),
    }
}
