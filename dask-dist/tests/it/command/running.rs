//! A process, and what it says.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = channel();
        let from = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || from.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, lines }
    }

    /// Waits for a line with this in it.
    pub(crate) fn line(&self, with: &str) -> String {
        let mut before = Vec::new();
        loop {
            match self.lines.recv() {
                Ok(line) if line.contains(with) => return line,
                Ok(line) => before.push(line),
                Err(_) => panic!("it ended without {with:?}: {before:?}"),
            }
        }
    }

    /// The address in the line that says where it listens.
    pub(crate) fn address(&self) -> String {
        let line = self.line("listening at");
        line.rsplit(' ').next().unwrap().trim_end_matches(['"', '}']).to_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: i32) {
        kill(self.id(), signal);
    }

    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

pub(crate) fn kill(process: u32, signal: i32) {
    // SAFETY: sends a signal; no memory is involved.
    assert_eq!(unsafe { libc::kill(process.cast_signed(), signal) }, 0);
}
