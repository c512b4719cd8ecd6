//! Calls into a component with a deadline.
//!
//! A component yields whenever some of its fuel is consumed. wasmtime has this for programs that run many
//! components on one thread; here it is only used to check the deadline.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use wasmtime::{Store, Trap};

use super::limits::{FUEL_BETWEEN_CHECKS, Limits};
use super::state::State;

/// Gives the store the budget of one call.
pub(super) fn arm(store: &mut Store<State>, limits: &Limits) {
    store.data_mut().deadline = Instant::now() + limits.time;
    store.data_mut().memory.exceeded = false;
    store.data_mut().last_error = None;
    let fueled = store
        .set_fuel(limits.fuel)
        .and_then(|()| store.fuel_async_yield_interval(Some(FUEL_BETWEEN_CHECKS)));
    if let Err(error) = fueled {
        tracing::error!(%error, "the engine was made without fuel");
    }
}

/// Makes a call that fails with [`Trap::Interrupt`] if it takes longer than the store was [armed](arm)
/// for. The store cannot be used again then.
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
