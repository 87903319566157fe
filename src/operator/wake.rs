//! Which jobs are to be looked at: each once, however often it has news, and none while nobody asks.
//!
//! A replica that stands by does not ask. It need not be told later what it missed: whoever begins to work looks at every
//! job that there is.

use super::stores::Owner;
use super::telemetry::Telemetry;
use crate::shell::lock;
use futures::Stream;
use futures::task::AtomicWaker;
use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

/// By this jobs are woken.
#[derive(Clone)]
pub struct Wake(Arc<Inner>);

struct Inner {
    /// `None` while nobody asks.
    waiting: Mutex<Option<Waiting>>,
    waker: AtomicWaker,
    telemetry: Telemetry,
}

/// Jobs with news, those that have waited longest first.
#[derive(Default)]
struct Waiting {
    order: VecDeque<Owner>,
    known: HashSet<Owner>,
}

impl Wake {
    /// Nobody asks yet.
    pub fn new(telemetry: Telemetry) -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::default(),
            waker: AtomicWaker::new(),
            telemetry,
        }))
    }

    /// A job has news.
    pub fn job(&self, job: &Owner) {
        let mut waiting = self.waiting();
        let Some(all) = waiting.as_mut().filter(|all| !all.known.contains(job)) else {
            return;
        };
        all.known.insert(job.clone());
        all.order.push_back(job.clone());
        self.0.telemetry.woken(all.order.len());
        drop(waiting);
        self.0.waker.wake();
    }

    /// The jobs that have news from now on. One at a time may ask.
    pub fn stream(&self) -> Woken {
        *self.waiting() = Some(Waiting::default());
        Woken(self.clone())
    }

    fn take(&self) -> Option<Owner> {
        let mut waiting = self.waiting();
        let all = waiting.as_mut()?;
        let job = all.order.pop_front()?;
        // From here on its news are new ones.
        all.known.remove(&job);
        self.0.telemetry.woken(all.order.len());
        Some(job)
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        lock(&self.0.waiting)
    }
}

/// Jobs with news, for as long as somebody asks.
pub struct Woken(Wake);

impl Stream for Woken {
    type Item = Owner;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Owner>> {
        self.0.0.waker.register(context.waker());
        self.0.take().map_or(Poll::Pending, |job| Poll::Ready(Some(job)))
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        *self.0.waiting() = None;
        self.0.0.telemetry.woken(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, StreamExt};

    fn owner(n: usize) -> Owner {
        ("team".to_owned(), format!("job-{n}"))
    }

    fn len(wake: &Wake) -> usize {
        wake.waiting()
            .as_ref()
            .map_or(0, |all| all.order.len().max(all.known.len()))
    }

    #[test]
    fn nothing_gathers_while_nobody_asks() {
        let wake = Wake::new(Telemetry::new().unwrap());
        for n in 0..10_000 {
            wake.job(&owner(n));
        }
        assert_eq!(len(&wake), 0, "a replica that stands by");
        let woken = wake.stream();
        for n in 0..10_000 {
            wake.job(&owner(n % 7));
        }
        assert_eq!(len(&wake), 7, "a controller that is stuck");
        drop(woken);
        assert_eq!(len(&wake), 0);
        wake.job(&owner(1));
        assert_eq!(len(&wake), 0);
    }

    #[tokio::test]
    async fn each_job_with_news_comes_once_in_the_order_of_the_news() {
        let wake = Wake::new(Telemetry::new().unwrap());
        let mut woken = wake.stream();
        for n in [1, 2, 1, 3, 1] {
            wake.job(&owner(n));
        }
        assert_eq!(woken.next().await, Some(owner(1)));
        // It has news again, which whoever works on it now may have missed.
        wake.job(&owner(1));
        for n in [2, 3, 1] {
            assert_eq!(woken.next().await, Some(owner(n)));
        }
        assert_eq!(woken.next().now_or_never(), None);
        let (waker, next) = (wake.clone(), tokio::spawn(async move { woken.next().await }));
        tokio::task::yield_now().await;
        waker.job(&owner(4));
        assert_eq!(next.await.unwrap(), Some(owner(4)));
    }
}
