//! Actors: a state that lives on one worker and is changed by calls, one after another.

use std::marker::PhantomData;
use std::sync::Arc;

use dask_core::delayed::{Args, Function, try_call, try_task_fn};
use dask_core::wire::{Decoder, Encoder, WireError};
use dask_core::{Call, Data, Delayed, Error, Key, LayerRef, Name, Result, TaskError, TaskFn, Value};

use super::answer::Answer;
use super::submit::encode_function;
use super::wish::Wish;
use super::{Client, Future};
use crate::DistError;
use crate::protocol::{TaskRef, WorkerId};
use crate::shell::{Seat, settle_actor};

/// The result of a call of an actor's method: [`wait`](Answer::wait) for it, or `.await` it. The call is under way
/// already, and runs even if this is dropped.
pub type ActorFuture<T> = Answer<T>;

/// A state of type `S` on one worker. Its methods are functions that take `&mut S` first; calls run one at a time, each
/// handle's in the order in which they were made. Errors and panics of a method come back to its caller, and the actor
/// lives on.
///
/// Clones are the same actor; it lives until the last one is dropped. A task gets a handle if the actor is given to it by
/// reference; that handle is good while the task runs. Actors are neither moved nor copied nor made again: when their
/// worker goes, every call says so.
///
/// ```
/// use dask_dist::{Actor, Client};
/// let client = Client::local()?;
/// let counter = client.actor(|| 0i64, ()).wait()?;
/// counter.call(|count: &mut i64, by: i64| *count += by, (5,)).wait()?;
///
/// let add = |counter: Actor<i64>, by: i64| counter.call(|count: &mut i64, by: i64| *count += by, (by,)).wait().is_ok();
/// assert!(client.submit(add, (&counter, 2))?.result()?);
/// assert_eq!(counter.call(|count: &mut i64| *count, ()).wait()?, 7);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct Actor<S> {
    shared: Arc<Shared>,
    _type: PhantomData<fn() -> S>,
}

struct Shared {
    worker: WorkerId,
    address: String,
    task: TaskRef,
    /// For handles of a client: what keeps the actor, and stands for it in graphs.
    kept: Option<(Client, Arc<Wish>, LayerRef)>,
}

impl<S> Clone for Actor<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), _type: PhantomData }
    }
}

impl<S> std::fmt::Debug for Actor<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Actor<{}>({:?} at {})", std::any::type_name::<S>(), self.shared.task, self.shared.address)
    }
}

/// What makes an actor, as a task: the state stays, the handle is the result.
struct Make<F, S>(F, PhantomData<fn() -> S>);

impl<F: Clone, S> Clone for Make<F, S> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<A, F, S> Function<A, std::result::Result<Actor<S>, TaskError>> for Make<F, S>
where
    F: Function<A, S>,
    S: Send + 'static,
{
    fn call_with(&self, call: &mut Call<'_>) -> Result<std::result::Result<Actor<S>, TaskError>> {
        let state = self.0.call_with(call)?;
        let settled = settle_actor(Box::new(state)).ok_or(DistError::NotInTask)?;
        let shared = Shared { worker: settled.worker, address: settled.address, task: settled.task, kept: None };
        Ok(Ok(Actor { shared: Arc::new(shared), _type: PhantomData }))
    }
}

impl Client {
    /// Makes an actor: `f` is called on some worker ([`Options`](super::Options) may say which), and what it returns
    /// lives there. It need not be able to travel.
    ///
    /// Fails if `f` or an argument cannot travel, if `f` panics, or if the scheduler is gone.
    pub fn actor<A, H, F, S>(&self, f: F, args: impl Args<A, H>) -> Answer<Actor<S>>
    where
        F: Function<A, S>,
        A: 'static,
        S: Send + 'static,
    {
        let make = Make(f, PhantomData::<fn() -> S>);
        let call: Delayed<Actor<S>> = try_call::<A, H, _, _, TaskError>(make, args);
        let future = match self.submit_actor(&call) {
            Ok(future) => future,
            Err(error) => return Answer::ready(error),
        };
        let client = self.clone();
        let made = future.answer();
        Answer::new(&self.connection, async move {
            let made = made.await?;
            Ok(made.kept(client, &future))
        })
    }
}

impl<S: 'static> Actor<S> {
    /// What stands in graphs for an actor that this handle keeps.
    pub(super) fn kept_layer(&self) -> Option<&LayerRef> {
        self.shared.kept.as_ref().map(|(_, _, layer)| layer)
    }

    /// The same, kept by a future.
    fn kept(&self, client: Client, future: &Future<Self>) -> Self {
        let Shared { worker, address, task, .. } = &*self.shared;
        let kept = Some((client, future.wish().clone(), future.layer()));
        let shared = Shared { worker: *worker, address: address.clone(), task: *task, kept };
        Self { shared: Arc::new(shared), _type: PhantomData }
    }

    /// The address of the worker on which it lives.
    pub fn worker(&self) -> &str {
        &self.shared.address
    }

    /// Calls a method, with the arguments as a tuple: a function or a closure that captures nothing, of the same build.
    /// The call is sent at once.
    ///
    /// Fails if an argument cannot travel, if the method panics, if the actor's worker is gone.
    pub fn call<A, F, R>(&self, method: F, args: A) -> ActorFuture<R>
    where
        F: Method<S, A, R>,
        A: Data + Clone,
        R: Data + Clone,
    {
        let run = move |seat: Seat, args: A| seat.with(|state| method.apply(state, args)).ok_or_else(other_state::<S>);
        self.send(&*try_task_fn::<(Seat, A), _, R, TaskError>(run), args)
    }

    /// As [`call`](Actor::call), for a method that returns a `Result`: an error is the answer's.
    ///
    /// Fails as [`call`](Actor::call) does.
    pub fn try_call<A, F, R, E>(&self, method: F, args: A) -> ActorFuture<R>
    where
        F: Method<S, A, std::result::Result<R, E>>,
        A: Data + Clone,
        R: Data + Clone,
        E: Into<TaskError> + 'static,
    {
        let run = move |seat: Seat, args: A| match seat.with(|state| method.apply(state, args)) {
            Some(result) => result.map_err(Into::into),
            None => Err(other_state::<S>()),
        };
        self.send(&*try_task_fn::<(Seat, A), _, R, TaskError>(run), args)
    }

    fn send<R: Data + Clone>(&self, method: &dyn TaskFn, args: impl Data) -> ActorFuture<R> {
        self.try_send(method, Value::new(args)).unwrap_or_else(Answer::ready)
    }

    fn try_send<R: Data + Clone>(&self, method: &dyn TaskFn, args: Value) -> Result<ActorFuture<R>> {
        let Shared { worker, address, task, kept } = &*self.shared;
        let actor = std::any::type_name::<S>();
        let gone = |address: String, why: String| -> Error { DistError::ActorGone { actor, address, why }.into() };
        let (client, wish) = match kept {
            Some((client, wish, _)) => (client.clone(), Some(wish.clone())),
            None => (Client::current()?, None),
        };
        if let Some(error) = wish.as_ref().and_then(|wish| wish.error()) {
            return Err(gone(address.clone(), error.to_string()));
        }
        let cannot = |source| Error::CannotTravel { key: Box::new(Key::from(Name::new(actor))), source };
        let function = encode_function(method).map_err(cannot)?;
        let is_local = client.connection.is_in_process();
        let args = if is_local { args } else { Value::encoded(args.to_parcel().map_err(cannot)?) };
        let peers = &client.connection.peers;
        peers.introduce([(*worker, address.clone())]);
        let answer = peers.call(&client.connection, (*worker, *task), vec![function, args], wish);
        let address = address.clone();
        Ok(Answer::new(&client.connection, async move {
            let lost = || Err(DistError::NoAnswer { what: "a method" }.into());
            match answer.await.unwrap_or_else(|_| lost()) {
                Ok(value) => value.take(),
                Err(Error::Other(source)) => Err(match source.downcast_ref::<DistError>() {
                    Some(DistError::WorkerGone { why, .. }) => gone(address, why.clone()),
                    _ => Error::Other(source),
                }),
                Err(error) => Err(error),
            }
        }))
    }
}

fn other_state<S>() -> TaskError {
    format!("the actor's state is no {}", std::any::type_name::<S>()).into()
}

/// A method of an actor: what takes `&mut S` and then the arguments, a tuple `A`.
pub trait Method<S, A, R>: Clone + Send + Sync + 'static {
    /// Calls it.
    fn apply(&self, state: &mut S, args: A) -> R;
}

macro_rules! methods {
    ($($($P:ident $i:tt),*;)*) => {$(
        impl<Func, S, R, $($P),*> Method<S, ($($P,)*), R> for Func
        where
            Func: Fn(&mut S, $($P),*) -> R + Clone + Send + Sync + 'static,
        {
            #[allow(unused_variables, reason = "a method without arguments takes nothing")]
            fn apply(&self, state: &mut S, args: ($($P,)*)) -> R {
                self(state, $(args.$i),*)
            }
        }
    )*};
}
methods! {
    ;
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
}

impl<S: 'static> Data for Actor<S> {
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        if self.shared.kept.is_some() {
            let why = "an actor is given to a task by reference, which keeps it: write `&actor`".to_owned();
            return Err(WireError::Codec(why));
        }
        out.serde(&(self.shared.worker, &self.shared.address, self.shared.task))
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        let (worker, address, task) = input.serde()?;
        Ok(Self { shared: Arc::new(Shared { worker, address, task, kept: None }), _type: PhantomData })
    }
}
