//! What schedulers, workers and nannies tell the operator: lines on standard error, as text or as JSON.

use std::fmt::Display;
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

/// Tells the operator something.
pub fn say(who: &str, message: impl Display) {
    if FORMAT.load(Ordering::Relaxed) == Format::Json as u8 {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        eprintln!("{}", line(time, who, &message.to_string()));
    } else {
        eprintln!("dask {who}: {message}");
    }
}

fn line(time: f64, who: &str, message: &str) -> String {
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
        let text = super::line(1.5, "worker", "a \"b\" \\ c\nd\te");
        assert_eq!(text, "{\"time\":1.500,\"who\":\"worker\",\"message\":\"a \\\"b\\\" \\\\ c\\nd\\u0009e\"}");
    }
}
