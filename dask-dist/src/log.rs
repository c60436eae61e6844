//! What schedulers, workers and nannies tell the operator: lines on standard error, as text or as JSON. In a program that
//! has set a subscriber of `tracing`, events of the target `dask` instead, with the fields `who` and `message`.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    /// `dask worker: …`
    Text = 0,
    /// One object a line: `time` (seconds since 1970), `level` (`info`, `warn`, `error`), `who`, `message`.
    Json = 1,
}

static FORMAT: AtomicU8 = AtomicU8::new(Format::Text as u8);

/// How lines of this process look from now on.
pub fn set_format(format: Format) {
    FORMAT.store(format as u8, Ordering::Relaxed);
}

/// How they look now.
pub fn format() -> Format {
    if FORMAT.load(Ordering::Relaxed) == Format::Json as u8 { Format::Json } else { Format::Text }
}

/// Characters of a message; what strangers say to us may stand in one.
const MESSAGE_MAX: usize = 4096;

#[derive(Clone, Copy)]
enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Tells the operator what happens in order.
pub fn say(who: &str, message: impl Display) {
    tell(Level::Info, who, &message);
}

/// Tells the operator of something that went wrong and was mended, or needs to be looked at.
pub fn warn(who: &str, message: impl Display) {
    tell(Level::Warn, who, &message);
}

/// Tells the operator of what ended something.
pub fn fail(who: &str, message: impl Display) {
    tell(Level::Error, who, &message);
}

/// From now on panics of this process are lines too, said by `who`: for programs that do nothing else.
pub fn say_panics(who: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        let trace = Backtrace::capture();
        let trace = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
        let thread = std::thread::current();
        fail(who, format_args!("the thread {} {panic}{trace}", thread.name().unwrap_or("without a name")));
    }));
}

/// Nobody may be there to read it: that is no reason to end.
fn tell(level: Level, who: &str, message: &dyn Display) {
    let message: String = message.to_string().chars().take(MESSAGE_MAX).collect();
    if tracing::dispatcher::has_been_set() {
        return match level {
            Level::Info => tracing::info!(target: "dask", who, "{message}"),
            Level::Warn => tracing::warn!(target: "dask", who, "{message}"),
            Level::Error => tracing::error!(target: "dask", who, "{message}"),
        };
    }
    let line = match format() {
        Format::Json => {
            let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            json(time, level.name(), who, &message)
        }
        Format::Text => text(who, &message),
    };
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Control characters could forge lines, or speak to the terminal.
fn text(who: &str, message: &str) -> String {
    let mut out = format!("dask {who}: ");
    for c in message.chars() {
        match c {
            '\n' => out += "\n  ",
            c if c.is_control() && c != '\t' => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

fn json(time: f64, level: &str, who: &str, message: &str) -> String {
    let mut out = format!("{{\"time\":{time:.3},\"level\":\"{level}\",\"who\":\"{who}\",\"message\":\"");
    for c in message.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            c if c < ' ' => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\"}"
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::{Event, Level, Metadata, Subscriber, span};

    type Lines = Arc<Mutex<Vec<(Level, String)>>>;

    /// Writes events down.
    struct Collect(Lines);

    impl Subscriber for Collect {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "dask"
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &Event<'_>) {
            struct Fields(String);
            impl Visit for Fields {
                fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                    self.0 += &format!("{field}={value:?};");
                }
            }
            let mut fields = Fields(String::new());
            event.record(&mut fields);
            self.0.lock().unwrap().push((*event.metadata().level(), fields.0));
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_program_with_a_subscriber_gets_events() {
        let lines = Lines::default();
        tracing::subscriber::with_default(Collect(lines.clone()), || {
            super::say("scheduler", "ended");
            super::warn("worker", format_args!("{} values are lost", 3));
        });
        let lines = lines.lock().unwrap();
        assert_eq!(lines[0], (Level::INFO, "message=ended;who=\"scheduler\";".to_owned()));
        assert_eq!(lines[1], (Level::WARN, "message=3 values are lost;who=\"worker\";".to_owned()));
    }

    #[test]
    fn panics_are_events_too() {
        let (lines, before) = (Lines::default(), std::panic::take_hook());
        super::say_panics("worker");
        let of_thread = lines.clone();
        let work = move || tracing::subscriber::with_default(Collect(of_thread), || panic!("no {}", "luck"));
        let ended = std::thread::Builder::new().name("one".to_owned()).spawn(work).unwrap().join();
        std::panic::set_hook(before);
        ended.unwrap_err();
        let (level, line) = lines.lock().unwrap()[0].clone();
        assert_eq!(level, Level::ERROR);
        assert!(line.starts_with("message=the thread one panicked at ") && line.contains("no luck"), "{line}");
    }

    #[test]
    fn lines_are_json() {
        let text = super::json(1.5, "info", "worker", "a \"b\" \\ c\nd\te");
        assert_eq!(
            text,
            "{\"time\":1.500,\"level\":\"info\",\"who\":\"worker\",\"message\":\"a \\\"b\\\" \\\\ c\\nd\\u0009e\"}"
        );
    }

    #[test]
    fn a_message_cannot_forge_a_line_or_speak_to_the_terminal() {
        let line = super::text("scheduler", "refused: a\ndask scheduler: ended\x1b[2Jb\r");
        assert_eq!(line, "dask scheduler: refused: a\n  dask scheduler: ended\\u{1b}[2Jb\\r");
    }
}
