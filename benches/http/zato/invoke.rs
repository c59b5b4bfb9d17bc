//! Services that invoke services, without a network in between.

use std::{future::poll_fn, pin::Pin, task::Poll};

use zato::{Context, Result, model, service};

/// How often to invoke, and how many at once.
#[model]
pub(crate) struct Invocations {
    times: u32,
    at_once: u32,
}

/// A number, on its way there and back.
#[model]
pub(crate) struct Number {
    number: u32,
}

/// Invokes one after the other, or so many at once; several at once all wait at the same time.
#[service(name = "bench.invoke")]
pub(crate) async fn invoke_many(ctx: &Context, input: Invocations) -> Result<Number> {
    let mut sum = 0;
    if input.at_once == 1 {
        for number in 0..input.times {
            sum += ctx.invoke::<nothing>(Number { number }).await?.number.min(1);
        }
        return Ok(Number { number: sum });
    }
    for _ in 0..input.times / input.at_once {
        let calls = (0..input.at_once).map(|number| ctx.invoke::<waiting>(Number { number }));
        sum += all(calls).await?;
    }
    Ok(Number { number: sum })
}

/// Gives back what it takes.
#[service(name = "bench.nothing")]
pub(crate) async fn nothing(input: Number) -> Result<Number> {
    Ok(input)
}

/// Gives back what it takes, after it has waited until every other had its turn.
#[service(name = "bench.waiting")]
pub(crate) async fn waiting(input: Number) -> Result<Number> {
    tokio::task::yield_now().await;
    Ok(input)
}

/// Polls them in turn until all are done, and returns how many: the least that a program pays for several at once, a box
/// each.
async fn all(calls: impl Iterator<Item = impl Future<Output = Result<Number>>>) -> Result<u32> {
    let mut calls: Vec<Option<Pin<Box<_>>>> = calls.map(|call| Some(Box::pin(call))).collect();
    let mut done = 0;
    poll_fn(move |cx| {
        let mut is_waiting = false;
        for place in &mut calls {
            match place.as_mut().map(|call| call.as_mut().poll(cx)) {
                Some(Poll::Ready(output)) => {
                    *place = None;
                    output?;
                    done += 1;
                }
                Some(Poll::Pending) => is_waiting = true,
                None => {}
            }
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(Ok(done)) }
    })
    .await
}
