//! A file that comes from one address: the socket layer's loop for servers without a layout of symbols.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::SystemTime;

use profile::Progress;

use crate::download::{End, Habits, Outcome, Receive, Reply, Step};
use crate::http::{self, Answer, Client};
use crate::symbol_path::shown;

/// How many bytes of a body go to the file at a time.
const STEP: usize = 64 * 1024;

/// The file that is being delivered.
pub(crate) struct Delivery<'a> {
    pub file: &'a File,
    /// It could not be written: nobody's fault but ours, and the end of the whole.
    pub failure: Option<io::Error>,
    pub step: String,
    pub size_limit: u64,
    pub progress: &'a dyn Progress,
}

impl Delivery<'_> {
    /// Does what the download asks for, until it is over.
    pub fn drive(
        &mut self,
        first: Step,
        client: &Client,
        judge: &dyn Fn(&File) -> Result<(), String>,
    ) -> Outcome {
        let mut step = first;
        loop {
            step = match step {
                Step::Ask(ask) => {
                    self.progress.tell(&format!("Trying to fetch {}", shown(&ask.request.url)));
                    match client.ask(&ask.request) {
                        Ok(mut answer) => match ask.answered(&answer.head, SystemTime::now()) {
                            Reply::Body(receive) => self.receive(receive, &mut answer),
                            Reply::Next(step) => step,
                        },
                        Err(failure) if failure.lasting => ask.hopeless(failure.reason),
                        Err(failure) => ask.failed(failure.reason),
                    }
                }
                Step::Pause(pause) => {
                    let seconds = pause.length.as_secs_f64();
                    self.progress.tell(&format!(
                        "{}: {}; trying again in {seconds:.1} s",
                        pause.place(),
                        pause.reason
                    ));
                    std::thread::sleep(pause.length);
                    pause.over()
                }
                Step::Judge(download) => match judge(self.file) {
                    Ok(()) => download.accepted(),
                    Err(reason) => download.refused(reason),
                },
                Step::Visit(visit) => visit.refused("only symbol servers have pointers".into()),
                Step::Over(outcome) => return outcome,
            };
            if self.failure.is_some() {
                // The caller reports the failure; what the server did is of no interest any more.
                return Outcome {
                    end: End::Failed,
                    habits: Habits::default(),
                    down: false,
                    tried: Vec::new(),
                };
            }
        }
    }

    /// Writes the body of an answer to the file.
    fn receive(&mut self, receive: Receive, answer: &mut Answer) -> Step {
        let mut length = receive.offset;
        if receive.total.is_some_and(|total| total > self.size_limit) {
            return receive.too_long(self.size_limit);
        }
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        if let Err(error) = cut {
            self.failure = Some(error);
            return receive.broke(0, String::new());
        }
        self.progress.begin(&self.step, receive.total);
        let mut buffer = vec![0; STEP];
        let result = loop {
            match answer.read(&mut buffer) {
                Ok(0) => break receive.complete(length),
                Ok(count) => {
                    length += count as u64;
                    if length > self.size_limit {
                        break receive.too_long(self.size_limit);
                    }
                    if let Err(error) = self.file.write_all(buffer.get(..count).unwrap_or_default()) {
                        self.failure = Some(error);
                        break receive.broke(0, String::new());
                    }
                    self.progress.advance(&self.step, length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break receive.broke(length, http::broken(error)),
            }
        };
        self.progress.end(&self.step);
        if let Step::Judge(_) = result {
            self.progress.tell(&format!("Received {length} bytes"));
        }
        result
    }
}
