//! The pages in a headless Chromium, driven through chromedriver as a person would: clicks and keys.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{percent, something_to_see, watched};

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
fn a_long_key_leads_to_its_story_and_a_scheduler_that_has_gone_is_told() {
    let Some(browser) = Browser::open() else {
        return eprintln!("skipped: needs chromium and chromedriver on the path");
    };
    let (cluster, client, address) = watched();
    let long = "long".repeat(50);
    let future = client.submit_named(&long, |x: i64| x + 1, (1,)).unwrap();
    future.result().unwrap();
    browser.visit(&format!("http://{address}/"));
    browser.text("#progress", "long");
    // As a click on its bar does.
    browser.run("show('story'); tell(state.bars[0].task.key)");
    browser.text("#told", "usually takes");
    assert_eq!(browser.run("return document.querySelector('#key').value"), future.key().to_string());
    browser.click("#tab-graph");
    browser.text("#graph-note", "1 task;");
    drop((future, client));
    cluster.close();
    browser.click("#draw");
    browser.text("#graph-note", "does not answer");
    browser.click("#tab-story");
    browser.run("tell(document.querySelector('#key').value)");
    browser.text("#told", "does not answer");
}

/// Three hundred workers with two tasks each, instead of those that are there.
const CROWD: &str = "
    const n = 300, now = state.clock, pushed = take;
    const workers = Array.from({ length: n }, (_, id) => ({ id, name: 'node-' + id, threads: 1, limit: 0, resident: n - id, managed: 0, spilled: 0,
      cpu: 0, executing: 0, processing: 0, held: 0, received: 0, sent: 0, status: 'running' }));
    const tasks = workers.flatMap(({ id }) => [1, 2].map((i) => ({ at: now - 3 + i, took: 0.5, worker: id, key: `crowd-${id}-${i}`, nbytes: 8, failed: false })));
    state.tasks.length = 0;
    pushed({ status: state.status, layers: state.layers, news: [], tasks, workers });
    take = () => {};";

#[test]
fn hundreds_of_workers_are_scrolled_filtered_and_walked_through() {
    let Some(browser) = Browser::open() else {
        return eprintln!("skipped: needs chromium and chromedriver on the path");
    };
    let (_cluster, _client, address) = watched();
    browser.visit(&format!("http://{address}/"));
    browser.text("#summary", "2 workers");
    browser.run(CROWD);
    // Each has a row that can be seen, and all can be reached.
    let heights = "const ys = [...new Set(state.bars.map((bar) => bar.y))].sort((a, b) => a - b);
        return [ys.length, Math.min(...ys.slice(1).map((y, i) => y - ys[i]))];";
    let told = browser.run(heights);
    assert!(told[0] == 300 && 14.0 <= told[1].as_f64().unwrap(), "{told}");
    let last =
        "const scroller = document.querySelector('#rows'); scroller.scrollTop = scroller.scrollHeight; drawStream();
        const bar = state.bars.find((bar) => bar.task.worker === 299);
        return [bar.y, canvas.clientHeight - FOOT - bar.h];";
    let told = browser.run(last);
    assert!(told[0].as_f64().unwrap() <= told[1].as_f64().unwrap(), "{told}");
    browser.type_into("#tasks .filter", "node-29");
    browser.text("#left-out", "11 of 300 workers");
    assert_eq!(browser.run("return new Set(state.bars.map((bar) => bar.task.worker)).size"), 11);
    // Arrows choose a bar and say what pointing at it says; what is chosen is in sight.
    let (left, up, down, enter, escape) = ("\u{E012}", "\u{E013}", "\u{E015}", "\u{E007}", "\u{E00C}");
    browser.run("document.querySelector('#tasks .filter').value = ''; document.querySelector('#tasks .filter').dispatchEvent(new Event('input'))");
    browser.type_into("#stream", left);
    browser.text("#hover", "crowd-299-2 · node-299 · 500.0 ms · 8 B");
    browser.type_into("#stream", left);
    browser.text("#hover", "crowd-299-1");
    browser.type_into("#stream", up);
    browser.text("#hover", "crowd-298-1");
    browser.type_into("#stream", down);
    browser.text("#hover", "crowd-299-1");
    let seen = "const bar = state.bars.find((bar) => bar.task === state.chosen); return bar.y >= 0 && bar.y + bar.h <= canvas.clientHeight - FOOT + 1;";
    assert_eq!(browser.run(seen), true);
    browser.run("document.querySelector('#rows').scrollTop = 0; drawStream()");
    browser.type_into("#stream", up);
    assert_eq!(browser.run(seen), true);
    // A tap says what it is; another tells its story.
    let tap = "const bar = state.bars.find((bar) => bar.task.key === 'crowd-298-2'), at = canvas.getBoundingClientRect();
        for (const type of ['pointerdown', 'pointerup'])
            canvas.dispatchEvent(new PointerEvent(type, { pointerType: 'touch', bubbles: true, clientX: at.x + bar.x + bar.w / 2, clientY: at.y + bar.y + bar.h / 2 }));
        return document.querySelector('#story').hidden;";
    assert_eq!(browser.run(tap), true);
    browser.text("#hover", "crowd-298-2");
    assert_eq!(browser.run(tap), false);
    browser.text("#told", "no task crowd-298-2 is known");
    browser.click("#tab-tasks");
    browser.type_into("#stream", escape);
    assert_eq!(browser.run("return state.chosen"), Value::Null);
    browser.type_into("#stream", &format!("{up}{enter}"));
    browser.text("#told", "is known");
    assert_eq!(browser.run("return document.querySelector('#story').hidden"), false);
}

#[cfg(all(feature = "profile", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[test]
fn the_flame_graph_of_a_layer_is_walked_through_by_keyboard() {
    let Some(browser) = Browser::open() else {
        return eprintln!("skipped: needs chromium and chromedriver on the path");
    };
    let cluster = dask_dist::LocalCluster::builder().workers(1).profile(true).dashboard("127.0.0.1:0").start().unwrap();
    let client = cluster.client().unwrap();
    let futures = client.map(crate::profile::busy, 0..8u64).unwrap();
    client.gather(&futures).wait().unwrap();
    browser.visit(&format!("http://{}/#activity", cluster.dashboard().unwrap().address()));
    browser.text("#flame", "spend_time_in_here");
    browser.text("#flame-note", "of threads, sampled");
    // What is chosen stays chosen while new samples come.
    let (up, down, enter, escape) = ("\u{E013}", "\u{E015}", "\u{E007}", "\u{E00C}");
    let name =
        |browser: &Browser| browser.run("return called(flame.chosen)?.function ?? ''").as_str().unwrap().to_owned();
    browser.type_into("#flame", down);
    assert!(!name(&browser).is_empty());
    browser.run(
        "flame.chosen = flame.calls.find((call) => call.function.endsWith('spend_time_in_here')).path; renderFlame()",
    );
    browser.type_into("#flame", up);
    let caller = name(&browser);
    browser.text("#frame", &caller);
    browser.run(
        "flame.chosen = flame.calls.find((call) => call.function.endsWith('spend_time_in_here')).path; renderFlame()",
    );
    browser.type_into("#flame", enter);
    let alone = "const bar = flame.drawn.find((bar) => bar.call.path === flame.chosen);
        return [bar.width >= document.querySelector('#flame').clientWidth - 1, document.querySelector('#whole').disabled,
                document.querySelector('#flame').getAttribute('aria-activedescendant') === 'call-' + flame.drawn.indexOf(bar)];";
    assert_eq!(browser.run(alone), json!([true, false, true]));
    browser.type_into("#flame", escape);
    assert_eq!(browser.run("return document.querySelector('#whole').disabled"), true);
    browser.call("POST", &format!("{}/window/rect", browser.session), &json!({ "width": 400, "height": 800 }));
    let wide = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(wide, 0);
    // A report has it too.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    cluster.dashboard().unwrap().performance_report(&path).unwrap();
    browser.visit(&format!("file://{}#activity", path.display()));
    browser.text("#flame", "spend_time_in_here");
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
    let _seen = something_to_see(&client);
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
    browser.text("#told .times", "processing on ");
    browser.run("document.querySelector('#key').value = ''");
    browser.type_into("#key", "nobody-0123\n");
    browser.text("#told", "no task nobody-0123 is known");
    browser.click("#tab-events");
    browser.text("#news", "has come");
    browser.type_into("body", "5");
    browser.text("#transfers-table tbody", "B/s");
    browser.type_into("body", "6");
    browser.text("#seen", "closure");
    browser.text("#seen-note", "looked at fifty times a second");
    browser.text("#flame-note", "dask worker --profile");
    // Other colours at a click; a link leads to a story.
    let before = browser.run("return getComputedStyle(document.body).backgroundColor");
    browser.click("#theme");
    assert_ne!(browser.run("return getComputedStyle(document.body).backgroundColor"), before);
    browser.visit("about:blank");
    browser.visit(&format!("http://{address}/#story={}", percent(&total.key().to_string())));
    browser.text("#told", "usually takes");
    // Nothing is wider than a phone.
    browser.call("POST", &format!("{}/window/rect", browser.session), &json!({ "width": 400, "height": 800 }));
    for view in ["tasks", "workers", "graph", "story", "transfers", "activity", "events"] {
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
    browser.click("#tab-activity");
    browser.text("#seen", "closure");
    browser.click("#tab-transfers");
    browser.text("#transfers-table tbody", "B/s");
    browser.click("#tab-events");
    browser.text("#news", "has come");
}
