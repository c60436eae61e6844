//! The pages in a headless Chromium, driven through chromedriver as a person would: clicks and keys.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{percent, watched};

fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    all.find(|program| program.is_file())
}

/// A window, by the WebDriver protocol.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None where no Chromium with its driver is installed.
    fn open() -> Option<Self> {
        let chromium = program(&["chromium", "chromium-browser", "google-chrome"])?;
        // A port that nobody has now.
        let port = TcpListener::bind(("127.0.0.1", 0)).ok()?.local_addr().ok()?.port();
        let mut driver = Command::new(program(&["chromedriver"])?);
        let driver = driver.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).spawn().ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let profile = tempfile::tempdir().ok()?;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            "--window-size=1200,900",
        ];
        let mut arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        let options = json!({ "binary": chromium, "args": arguments });
        let session = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.call("POST", "/session", &session);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let head = format!("Host: localhost\r\nConnection: close\r\nContent-Length: {}", body.len());
        write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\n\r\n{body}").unwrap();
        // The driver leaves the connection open: the length says where the answer ends.
        let mut answer = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            assert_ne!(answer.read_line(&mut head).unwrap(), 0, "the driver has gone: {head}");
            if let Some(n) = head[start..].to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).unwrap();
        assert!(head.contains(" 200 "), "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<Value>(&body).unwrap()["value"].take()
    }

    fn visit(&self, url: &str) {
        self.call("POST", &format!("{}/url", self.session), &json!({ "url": url }));
    }

    /// What a script returns.
    fn run(&self, script: &str) -> Value {
        self.call("POST", &format!("{}/execute/sync", self.session), &json!({ "script": script, "args": [] }))
    }

    fn element(&self, css: &str) -> String {
        let found = json!({ "using": "css selector", "value": css });
        let found = self.call("POST", &format!("{}/element", self.session), &found);
        let id = found.as_object().and_then(|ids| ids.values().next()).and_then(Value::as_str).unwrap();
        format!("{}/element/{id}", self.session)
    }

    fn click(&self, css: &str) {
        self.call("POST", &format!("{}/click", self.element(css)), &json!({}));
    }

    fn type_into(&self, css: &str, keys: &str) {
        self.call("POST", &format!("{}/value", self.element(css)), &json!({ "text": keys }));
    }

    /// Waits until the text of an element has this in it.
    fn text(&self, css: &str, with: &str) -> String {
        loop {
            let text = self.run(&format!("return document.querySelector({css:?})?.textContent ?? ''"));
            let text = text.as_str().unwrap().to_owned();
            if text.contains(with) {
                return text;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.call("DELETE", &self.session, &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
fn a_paused_stream_stays_however_many_tasks_come() {
    let Some(browser) = Browser::open() else {
        return eprintln!("skipped: needs chromium and chromedriver on the path");
    };
    let (_cluster, client, address) = watched();
    let future = client.submit(|x: i64| x + 1, (1,)).unwrap();
    future.result().unwrap();
    browser.visit(&format!("http://{address}/"));
    browser.text("#progress", "closure");
    let flood = "
        pause(true);
        const before = state.bars.map((bar) => bar.task.key);
        const task = (i) => ({ at: state.clock + 1 + i / 1000, took: 1e-4, worker: 0, key: 'flood-' + i, nbytes: 0, failed: false });
        for (let part = 0; part < 4; part++)
            take({ status: state.status, layers: state.layers, news: [], tasks: Array.from({ length: 5000 }, (_, i) => task(i)) });
        const during = state.bars.map((bar) => bar.task.key), n = state.tasks.length;
        state.until = state.clock + 1000;
        drawStream();
        pause(false);
        return [before, during, n, state.frozen === null, known().length];";
    let told = browser.run(flood);
    assert!(!told[0].as_array().unwrap().is_empty());
    assert_eq!(told[0], told[1]);
    // What is not looked at is bounded as before.
    assert_eq!((&told[2], &told[3], &told[4]), (&json!(8000), &json!(true), &json!(8000)));
}

#[test]
fn every_page_is_clicked_through() {
    let Some(browser) = Browser::open() else {
        return eprintln!("skipped: needs chromium and chromedriver on the path");
    };
    let (cluster, client, address) = watched();
    let squares = client.map(|x: i64| x * x, 0..5).unwrap();
    let total = client.submit(|all: Vec<i64>| all.iter().sum::<i64>(), (squares,)).unwrap();
    assert_eq!(total.result().unwrap(), 30);
    browser.visit(&format!("http://{address}/"));
    browser.text("#summary", "2 workers");
    browser.text("#progress", "closure");
    browser.text("#profile", "closure");
    // The stream has bars; a key moves and a click on one leads to its story.
    assert!(browser.run("return state.tasks.length").as_u64().unwrap() >= 6);
    browser.click("#pause");
    browser.text("#pause", "Go on");
    browser.type_into("#stream", "+");
    assert_eq!(browser.run("return state.span"), 15);
    browser.type_into("#stream", " ");
    browser.text("#pause", "Pause");
    browser.click("#tab-workers");
    browser.text("#workers-table tbody", "running");
    assert_eq!(browser.run("return document.querySelectorAll('#workers-table tbody tr').length"), 2);
    // By keyboard.
    browser.type_into("body", "3");
    browser.text("#graph-note", "tasks; colours");
    assert!(browser.run("return document.querySelectorAll('#drawing path').length").as_u64().unwrap() >= 5);
    browser.click("#drawing g:last-of-type rect");
    browser.text("#told", "usually takes");
    browser.run("document.querySelector('#key').value = ''");
    browser.type_into("#key", "nobody-0123\n");
    browser.text("#told", "no task nobody-0123 is known");
    browser.click("#tab-events");
    browser.text("#news", "has come");
    // Other colours at a click; a link leads to a story.
    let before = browser.run("return getComputedStyle(document.body).backgroundColor");
    browser.click("#theme");
    assert_ne!(browser.run("return getComputedStyle(document.body).backgroundColor"), before);
    browser.visit("about:blank");
    browser.visit(&format!("http://{address}/#story={}", percent(&total.key().to_string())));
    browser.text("#told", "usually takes");
    // Nothing is wider than a phone.
    browser.call("POST", &format!("{}/window/rect", browser.session), &json!({ "width": 400, "height": 800 }));
    for view in ["tasks", "workers", "graph", "story", "events"] {
        browser.click(&format!("#tab-{view}"));
        let wide = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(wide, 0, "{view} does not fit");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    cluster.dashboard().unwrap().performance_report(&path).unwrap();
    browser.visit(&format!("file://{}", path.display()));
    browser.text("h1", "Dask performance report");
    browser.text("#progress", "closure");
    browser.click("#tab-events");
    browser.text("#news", "has come");
}
