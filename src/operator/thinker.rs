//! Where proposals and recommendations are thought out: on threads of their own, a few at a time, each question once.
//!
//! A model of many trials takes seconds. A reconciliation waits a moment for an answer and else goes on without it; the job
//! is woken when there is one. So no question holds up another job, a time limit or the Lease.

use super::error::Error;
use super::stores::Owner;
use crate::optimizer::Proposal;
use crate::shell::lock;
use crate::tuning::{Advice, Question};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long a reconciliation waits for an answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Has a job looked at.
pub type Wakes = Arc<dyn Fn(&Owner) + Send + Sync>;

/// A bounded number of threads, and what they were asked last about each job.
pub struct Thinker {
    threads: Arc<Semaphore>,
    wakes: Wakes,
    memory: Mutex<HashMap<Owner, Thoughts>>,
}

#[derive(Default)]
struct Thoughts {
    next: Option<Thought<Vec<Proposal>>>,
    best: Option<Thought<Advice>>,
}

/// A question and its answer, which may be yet to come.
struct Thought<T: Clone> {
    question: Question,
    /// Dropped without an answer where its question was of no interest any more when a thread was free.
    _interest: Arc<()>,
    answer: Shared<BoxFuture<'static, Result<T, String>>>,
}

impl Thinker {
    /// Leaves one processor to everything else, where there are several.
    pub fn new(wakes: Wakes) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            threads: Arc::new(Semaphore::new((processors - 1).max(1))),
            wakes,
            memory: Mutex::default(),
        }
    }

    /// The next points; `None` where they are still being thought out.
    ///
    /// # Errors
    /// The optimizer has panicked.
    pub async fn next(&self, owner: &Owner, question: Question) -> Result<Option<Vec<Proposal>>, Error> {
        self.ask(owner, question, |t| &mut t.next, Question::propose)
            .await
    }

    /// What to say to the user; `None` where it is still being thought out.
    ///
    /// # Errors
    /// The optimizer has panicked.
    pub async fn best(&self, owner: &Owner, question: Question) -> Result<Option<Advice>, Error> {
        self.ask(owner, question, |t| &mut t.best, Question::advise).await
    }

    /// The jobs of which something is remembered.
    pub fn owners(&self) -> Vec<Owner> {
        lock(&self.memory).keys().cloned().collect()
    }

    /// Remembers nothing of a job any more.
    pub fn forget(&self, owner: &Owner) {
        lock(&self.memory).remove(owner);
    }

    async fn ask<T: Clone + Send + Sync + 'static>(
        &self,
        owner: &Owner,
        question: Question,
        place: fn(&mut Thoughts) -> &mut Option<Thought<T>>,
        think: fn(&Question) -> T,
    ) -> Result<Option<T>, Error> {
        let answer = {
            let mut memory = lock(&self.memory);
            let slot = place(memory.entry(owner.clone()).or_default());
            match slot {
                Some(thought) if thought.question == question => thought.answer.clone(),
                _ => slot.insert(self.begin(owner, question, think)).answer.clone(),
            }
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(panic)) => {
                // Asked again, it is thought about again.
                self.forget(owner);
                Err(Error::Panic(panic))
            }
            Err(_) => Ok(None),
        }
    }

    fn begin<T: Clone + Send + Sync + 'static>(
        &self,
        owner: &Owner,
        question: Question,
        think: fn(&Question) -> T,
    ) -> Thought<T> {
        let (threads, wakes) = (self.threads.clone(), self.wakes.clone());
        let (owner, asked) = (owner.clone(), question.clone());
        let interest = Arc::new(());
        let wanted = Arc::downgrade(&interest);
        let work = tokio::spawn(async move {
            let thread = threads.acquire_owned().await.map_err(|e| e.to_string())?;
            if wanted.strong_count() == 0 {
                return Err("nobody asks any more".to_owned());
            }
            let thought = tokio::task::spawn_blocking(move || {
                // The place is free once the thread is, whoever still waits for it.
                let _thread = thread;
                think(&asked)
            });
            let answer = thought.await.map_err(|e| e.to_string());
            wakes(&owner);
            answer
        });
        let answer = async move { work.await.unwrap_or_else(|e| Err(e.to_string())) };
        Thought {
            question,
            _interest: interest,
            answer: answer.boxed().shared(),
        }
    }
}

#[cfg(test)]
#[path = "thinker_tests.rs"]
mod tests;
