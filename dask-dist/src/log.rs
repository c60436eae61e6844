//! What schedulers, workers and nannies tell the operator: lines on standard error, as text or as JSON.

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
    /// One object a line: `time` (seconds since 1970), `who`, `message`.
    Json = 1,
}

static FORMAT: AtomicU8 = AtomicU8::new(Format::Text as u8);

/// How lines of this process look from now on.
pub fn set_format(format: Format) {
    FORMAT.store(format as u8, Ordering::Relaxed);
}

/// Characters of a message; what strangers say to us may stand in one.
const MESSAGE_MAX: usize = 4096;

/// Tells the operator something. Nobody may be there to read it: that is no reason to end.
pub fn say(who: &str, message: impl Display) {
    let message: String = message.to_string().chars().take(MESSAGE_MAX).collect();
    let line = if FORMAT.load(Ordering::Relaxed) == Format::Json as u8 {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        json(time, who, &message)
    } else {
        text(who, &message)
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

fn json(time: f64, who: &str, message: &str) -> String {
    let mut out = format!("{{\"time\":{time:.3},\"who\":\"{who}\",\"message\":\"");
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
    #[test]
    fn lines_are_json() {
        let text = super::json(1.5, "worker", "a \"b\" \\ c\nd\te");
        assert_eq!(text, "{\"time\":1.500,\"who\":\"worker\",\"message\":\"a \\\"b\\\" \\\\ c\\nd\\u0009e\"}");
    }

    #[test]
    fn a_message_cannot_forge_a_line_or_speak_to_the_terminal() {
        let line = super::text("scheduler", "refused: a\ndask scheduler: ended\x1b[2Jb\r");
        assert_eq!(line, "dask scheduler: refused: a\n  dask scheduler: ended\\u{1b}[2Jb\\r");
    }
}
