use std::ops::ControlFlow;

use futures_util::stream::{FuturesUnordered, StreamExt};

/// Runs futures in the caller's task, so many at once, and hands each output over with its position, as they come.
///
/// # Cancel safety
///
/// When dropped, or when `each` breaks, those that run are dropped where they stand, and the others never begin.
pub(super) async fn gather<F: Future, B>(
    futures: impl Iterator<Item = F>,
    at_most: usize,
    mut each: impl FnMut(usize, F::Output) -> ControlFlow<B>,
) -> Option<B> {
    let mut waiting = futures.enumerate();
    let mut running = FuturesUnordered::new();
    loop {
        let free = at_most.max(1).saturating_sub(running.len());
        running.extend(waiting.by_ref().take(free).map(|(position, future)| numbered(position, future)));
        let (position, output) = running.next().await?;
        if let ControlFlow::Break(reason) = each(position, output) {
            return Some(reason);
        }
    }
}

async fn numbered<F: Future>(position: usize, future: F) -> (usize, F::Output) {
    (position, future.await)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_run_at_once_and_no_more() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let (running, most) = (&running, &most);
        let futures = (0..10_u64).map(|number| async move {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            sleep(Duration::from_millis(10 - number)).await;
            running.set(running.get() - 1);
            number
        });
        let (since, mut seen) = (Instant::now(), Vec::new());
        let broken = gather(futures, 3, |position, number| {
            assert_eq!(u64::try_from(position), Ok(number));
            seen.push(position);
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(broken.await, None);
        assert_eq!((most.get(), seen.len()), (3, 10));
        assert!(since.elapsed() < Duration::from_millis(30), "{:?}", since.elapsed());
    }

    #[tokio::test]
    async fn whoever_breaks_off_has_the_rest_never_begun() {
        let begun = Cell::new(0);
        let begun = &begun;
        let futures = (0..10).map(|number| async move {
            begun.set(begun.get() + 1);
            number
        });
        let broken =
            gather(
                futures,
                0,
                |_, number| {
                    if number == 2 { ControlFlow::Break(number) } else { ControlFlow::Continue(()) }
                },
            );
        assert_eq!((broken.await, begun.get()), (Some(2), 3));
    }
}
