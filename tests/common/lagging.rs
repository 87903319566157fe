//! A body whose frames arrive late, as a watch's do behind a slow proxy or an overloaded server.

use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

type Item<B> = Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

/// Hands on each frame of a body `lag` after it came, in their order.
pub struct Lagging<B: Body> {
    inner: Pin<Box<B>>,
    lag: Duration,
    waiting: VecDeque<(Instant, Item<B>)>,
    ended: bool,
    timer: Pin<Box<Sleep>>,
}

impl<B: Body> Lagging<B> {
    pub fn new(inner: B, lag: Duration) -> Self {
        Self {
            inner: Box::pin(inner),
            lag,
            waiting: VecDeque::new(),
            ended: false,
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }
}

// Nothing of it is pinned in place: what has to be is in boxes.
impl<B: Body> Unpin for Lagging<B> {}

impl<B: Body> Body for Lagging<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Item<B>> {
        let this = &mut *self;
        while !this.ended {
            let Poll::Ready(item) = this.inner.as_mut().poll_frame(cx) else {
                break;
            };
            this.ended = item.is_none();
            this.waiting.push_back((Instant::now() + this.lag, item));
        }
        let Some((due, _)) = this.waiting.front() else {
            return Poll::Pending;
        };
        this.timer.as_mut().reset(*due);
        match this.timer.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(this.waiting.pop_front().and_then(|(_, item)| item)),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
