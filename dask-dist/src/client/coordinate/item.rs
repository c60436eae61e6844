//! What travels through variables, queues and topics.

use std::sync::Arc;

use dask_core::wire::{Buffer, Parcel};
use dask_core::{Data, Error, Key, Name, Result, Value};

use super::request::{Answered, give_back};
use crate::DistError;
use crate::client::connection::Connection;
use crate::client::gather::gather;
use crate::client::{Client, Future};
use crate::protocol::{Given, Item, Packed, Told};

/// A value, encoded.
pub(super) fn pack<T: Data>(what: &str, value: T) -> Result<Packed> {
    let cannot = |source| Error::CannotTravel { key: Box::new(Key::from(Name::new(what))), source };
    let parcel = Value::new(value).to_parcel().map_err(cannot)?;
    Ok(Packed {
        type_name: parcel.type_name().to_owned(),
        bytes: parcel.bytes().to_vec(),
        buffers: parcel.buffers().iter().map(|buffer| buffer.as_slice().to_vec()).collect(),
    })
}

/// A future, which stays where it is.
pub(super) fn refer<T>(client: &Client, future: &Future<T>) -> Result<Item> {
    client.check_ours(future.wish())?;
    Ok(Item::Future {
        future: future.wish().id,
        type_name: std::any::type_name::<T>().to_owned(),
        shape: future.shape().to_vec(),
    })
}

/// The value that was in there; brought here if it is a future.
pub(super) async fn value<T: Data + Clone>((told, wish): Answered) -> Result<Option<T>> {
    match (told, wish) {
        (Told::Nothing, _) => Ok(None),
        (Told::Item { item: Given::Value(packed), .. }, _) => {
            let buffers = packed.buffers.into_iter().map(Buffer::new).collect();
            Value::encoded(Parcel::from_parts(packed.type_name, packed.bytes, buffers)).take().map(Some)
        }
        (Told::Item { item: Given::Future { .. }, .. }, Some(wish)) => {
            gather(vec![wish]).await?.into_iter().next().map(Value::take).transpose()
        }
        _ => Err(DistError::NoAnswer { what: "a value" }.into()),
    }
}

/// The future that was in there; anything else goes back.
pub(super) fn future<T>(connection: &Arc<Connection>, what: &str, answered: Answered) -> Result<Option<Future<T>>> {
    let expected = std::any::type_name::<T>();
    let found = match answered {
        (Told::Nothing, _) => return Ok(None),
        (Told::Item { item: Given::Future { type_name, shape, .. }, .. }, Some(wish)) if type_name == expected => {
            return Ok(Some(Future::new(wish, &shape)));
        }
        (told, wish) => {
            let found = match &told {
                Told::Item { item: Given::Future { type_name, .. }, .. } => format!("a future of {type_name}"),
                Told::Item { item: Given::Value(packed), .. } => format!("a value of type {}", packed.type_name),
                _ => "something else".to_owned(),
            };
            give_back(connection, told, wish.as_ref());
            found
        }
    };
    Err(Error::WrongType { what: what.to_owned(), expected: format!("a future of {expected}"), found })
}
