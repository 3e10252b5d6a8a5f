//! What the process cannot do without must not end in silence.
//!
//! A request that panics ends alone. A task that accepts connections, keeps the time, or keeps keys fresh
//! serves everybody: when it panics, the process drains and ends with a failure, so that whoever supervises
//! it starts it anew. It is not started again in place, because nobody knows what it left half done.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

use super::Course;
use crate::telemetry::Metrics;

/// Brings the process to its end when something that it needs has a defect.
#[derive(Clone)]
pub struct Alarm {
    course: watch::Sender<Course>,
    metrics: Arc<Metrics>,
    rang: Arc<AtomicBool>,
}

/// Watches over a task for as long as it is there.
pub struct Guard {
    alarm: Alarm,
    task: &'static str,
}

impl Alarm {
    /// An alarm that changes `course`.
    #[must_use]
    pub fn new(course: watch::Sender<Course>, metrics: Arc<Metrics>) -> Self {
        Self {
            course,
            metrics,
            rang: Arc::default(),
        }
    }

    /// Runs `work`, which the process needs. A panic in it rings the alarm.
    pub async fn over<T>(self, task: &'static str, work: impl Future<Output = T>) -> T {
        let _guard = self.guard(task);
        work.await
    }

    /// A guard for what runs as long as it is kept.
    #[must_use]
    pub fn guard(self, task: &'static str) -> Guard {
        Guard { alarm: self, task }
    }

    /// Whether it has rung.
    #[must_use]
    pub fn rang(&self) -> bool {
        self.rang.load(Ordering::Relaxed)
    }

    /// `task` has a defect: the process drains.
    pub fn ring(&self, task: &'static str) {
        tracing::error!(
            task,
            "a task that the gateway needs has panicked; it drains and ends"
        );
        self.metrics.panics.inc();
        self.rang.store(true, Ordering::Relaxed);
        self.course.send_if_modified(|course| {
            let goes_on = matches!(course, Course::Serve | Course::Leave);
            if goes_on {
                *course = Course::Drain;
            }
            goes_on
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.alarm.ring(self.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_rings_and_an_end_does_not() {
        let (course, watched) = watch::channel(Course::Serve);
        let alarm = Alarm::new(course, Arc::default());
        assert_eq!(alarm.clone().over("one", async { 7 }).await, 7);
        assert!(!alarm.rang());
        let panicking = alarm.clone().over("two", async {
            panic!("this panic is part of the test");
        });
        let task: tokio::task::JoinHandle<()> = tokio::spawn(panicking);
        assert!(task.await.unwrap_err().is_panic());
        assert!(alarm.rang());
        assert_eq!(*watched.borrow(), Course::Drain);
        assert_eq!(alarm.metrics.panics.get(), 1);
    }

    #[test]
    fn it_does_not_call_a_process_back_that_ends_already() {
        let (course, watched) = watch::channel(Course::Stop);
        let alarm = Alarm::new(course, Arc::default());
        alarm.ring("one");
        assert_eq!(*watched.borrow(), Course::Stop);
        assert!(alarm.rang());
    }
}
