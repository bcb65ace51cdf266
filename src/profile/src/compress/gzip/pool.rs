use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::block::{Block, Packer};
use super::effort::Effort;

/// Threads that compress blocks. The blocks are returned in the order in which they were submitted.
#[derive(Debug)]
pub(super) struct Pool {
    effort: Effort,
    threads: usize,
    workers: Vec<JoinHandle<()>>,
    /// Taken when the pool is dropped, which ends the workers.
    jobs: Option<Sender<Job>>,
    queue: Arc<Mutex<Receiver<Job>>>,
    /// Where each submitted block will arrive.
    pending: VecDeque<Receiver<io::Result<Block>>>,
}

#[derive(Debug)]
struct Job {
    block: Block,
    done: Sender<io::Result<Block>>,
}

impl Pool {
    pub(super) fn new(effort: Effort, threads: usize) -> Self {
        let (jobs, queue) = mpsc::channel();
        Self {
            effort,
            threads,
            workers: Vec::new(),
            jobs: Some(jobs),
            queue: Arc::new(Mutex::new(queue)),
            pending: VecDeque::new(),
        }
    }

    /// Submits a block that another one follows. Another worker is started if there are fewer workers than blocks in
    /// progress.
    pub(super) fn submit(&mut self, block: Block) -> io::Result<()> {
        if self.workers.len() < self.threads && self.workers.len() <= self.pending.len() {
            self.start()?;
        }
        let (done, result) = mpsc::channel();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Job { block, done }).is_ok());
        if !sent {
            return Err(gone());
        }
        self.pending.push_back(result);
        Ok(())
    }

    /// Whether every worker has a block and one more is waiting. No more should be submitted before [`Pool::next`]
    /// has taken one, otherwise memory grows with the text.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() > self.threads
    }

    /// Waits for the next compressed block in order; `None` if all were taken.
    pub(super) fn next(&mut self) -> Option<io::Result<Block>> {
        let result = self.pending.pop_front()?;
        Some(result.recv().unwrap_or_else(|_| Err(gone())))
    }

    fn start(&mut self) -> io::Result<()> {
        let queue = Arc::clone(&self.queue);
        let mut packer = Packer::new(self.effort);
        let started = thread::Builder::new().name("gzip".to_owned()).spawn(move || {
            while let Some(job) = take(&queue) {
                let mut block = job.block;
                let packed = packer.pack(&mut block).map(|()| block);
                // The receiver is gone if the writer was dropped.
                let _ = job.done.send(packed);
            }
        });
        match started {
            Ok(worker) => self.workers.push(worker),
            Err(error) if self.workers.is_empty() => return Err(error),
            // If the system starts no more threads, the existing ones do the work.
            Err(_) => self.threads = self.workers.len(),
        }
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        // Blocks whose receiver is gone are not compressed.
        if let Ok(queue) = self.queue.lock() {
            while queue.try_recv().is_ok() {}
        }
        for worker in self.workers.drain(..) {
            // A worker's panic was reported by the block that did not come back.
            let _ = worker.join();
        }
    }
}

/// The next job; `None` after the pool is gone.
fn take(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    queue.lock().ok()?.recv().ok()
}

fn gone() -> io::Error {
    io::Error::other("a compression thread ended before its work was done")
}
