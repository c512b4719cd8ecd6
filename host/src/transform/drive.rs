//! Calls into a component, with an eye on the clock.
//!
//! A component hands control back whenever some of its fuel is gone, which wasmtime offers to programs
//! that run many at once on a thread. Here nothing else is waiting; it is the moment to look at the time.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use wasmtime::{Store, Trap};

use super::limits::{FUEL_BETWEEN_LOOKS, Limits};
use super::state::State;

/// Gives the store the budget of one call.
pub(super) fn arm(store: &mut Store<State>, limits: &Limits) {
    store.data_mut().deadline = Instant::now() + limits.time;
    store.data_mut().memory.exceeded = false;
    let fueled = store
        .set_fuel(limits.fuel)
        .and_then(|()| store.fuel_async_yield_interval(Some(FUEL_BETWEEN_LOOKS)));
    if let Err(error) = fueled {
        tracing::error!(%error, "the engine was made without fuel");
    }
}

/// Makes a call that ends with [`Trap::Interrupt`] when it takes longer than the store was [armed](arm)
/// for. The store is of no more use then.
pub(super) fn drive<T>(
    store: &mut Store<State>,
    call: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    let deadline = store.data().deadline;
    let mut call = pin!(call(store));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match call.as_mut().poll(&mut context) {
            Poll::Ready(returned) => return returned,
            Poll::Pending if Instant::now() > deadline => return Err(Trap::Interrupt.into()),
            Poll::Pending => {}
        }
    }
}
