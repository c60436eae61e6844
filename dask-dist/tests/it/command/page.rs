//! What the workspace's README promises to who reads it for the first time.

use super::*;

/// The first block of a console under a heading.
fn console(heading: &str) -> Vec<String> {
    let page = include_str!("../../../../README.md");
    let section = page.split(&format!("## {heading}\n")).nth(1).expect("the section");
    let block = section.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    block.lines().map(str::to_owned).collect()
}

/// Without the ports, which differ from time to time.
fn without_ports(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("127.0.0.1:") {
        let end = at + "127.0.0.1:".len();
        out += &rest[..end];
        rest = rest[end..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

#[test]
fn a_cluster_in_three_terminals_is_as_the_page_says() {
    let block = console("A cluster in three terminals");
    let mut calls: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for line in &block {
        match line.strip_prefix("$ dask ") {
            Some(call) => {
                let words = call.split(" #").next().unwrap().split_whitespace().map(str::to_owned);
                calls.push((words.collect(), Vec::new()));
            }
            None => calls.last_mut().expect("a call before what it says").1.push(line.clone()),
        }
    }
    let mut address = String::new();
    // They run until the end, but the last.
    let mut running = Vec::new();
    let (last, first) = calls.split_last().unwrap();
    let here = |words: &[String], address: &str| -> Vec<String> {
        words.iter().map(|word| if word.starts_with("tcp://") { address.to_owned() } else { word.clone() }).collect()
    };
    for (words, says) in first {
        let mut words = here(words, &address);
        if words[0] == "scheduler" {
            // As on the page, but at ports that are free.
            words.extend(["--port", "0", "--dashboard-address", "127.0.0.1:0"].map(str::to_owned));
        }
        let process = Running::start(&words.iter().map(String::as_str).collect::<Vec<_>>());
        for expected in says {
            let mut found = process.line("dask ");
            if found.contains("is more than there is") {
                // A small machine.
                found = process.line("dask ");
            }
            assert_eq!(without_ports(&found), without_ports(expected));
            if words[0] == "scheduler" && found.contains("listening at") {
                found.rsplit(' ').next().unwrap().clone_into(&mut address);
            }
        }
        running.push(process);
    }
    let words = here(&last.0, &address);
    let (code, text) = call(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(code == Some(0) && text.contains("1 workers, 2 threads"), "{text}");
    // The program of the page, with fewer numbers.
    let client = Client::connect(&address).unwrap();
    let x = Array::<f64>::ones(&[1000, 1000], &[100, 100]).unwrap();
    let sum = (&x + &x.transpose()).sum(None, false).unwrap().compute_with(&client, &RunContext::default()).unwrap();
    assert_eq!(sum.first(), Some(&2e6));
    client.close();
    for mut process in running.into_iter().rev() {
        process.signal(libc::SIGINT);
        assert_eq!(process.ended(), Some(0));
    }
}
