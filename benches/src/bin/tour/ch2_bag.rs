//! 2: bags of numbers, and of nested JSON with gaps.

use std::collections::BTreeMap;
use std::path::Path;

use dask_bag::Bag;
use dask_core::Collection;
use dask_io::bag::{read_json_lines, read_text};
use dask_io::json_lines::OnError;
use serde::{Deserialize, Serialize};

use crate::plain::{accounts_json, gunzip};
use crate::step::{Outcome, chapter, check, run};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Account {
    id: i64,
    name: Option<String>,
    transactions: Vec<Transaction>,
}
dask_core::data!(Account, |account| account.transactions.len() * size_of::<Transaction>());

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Transaction {
    amount: Option<i64>,
}
dask_core::data!(Transaction);

pub(crate) fn chapter_2(folder: &Path) -> Outcome {
    chapter("2. Bags");
    let squares = Bag::range(1_000_000, 8).filter(|x| x % 2 == 0).map(|x| x * x);
    let found = run("range(1_000_000).filter(is_even).map(square).sum()", || Ok(squares.sum().compute()?))?;
    check("sum of even squares", &found, &(0..1_000_000i64).filter(|x| x % 2 == 0).map(|x| x * x).sum())?;

    let pattern = folder.join("accounts.*.json.gz");
    let pattern = pattern.to_string_lossy();
    let lines = read_text(&pattern, None)?;
    let found = run("read_text(accounts.*.json.gz).take(1)", || Ok(lines.take(1, 1).compute()?))?;
    let expected = directly(folder)?;
    check("the first line", &found, &expected.first.iter().cloned().collect())?;
    let accounts = read_json_lines::<Account>(&pattern, None, OnError::Raise)?;
    let names = accounts.pluck(|account| account.name).frequencies();
    let mut counts = run("accounts.pluck(name).frequencies()", || Ok(names.compute()?))?;
    counts.sort();
    check("frequencies of names", &counts, &expected.names.iter().map(|(name, n)| (name.clone(), *n)).collect())?;
    let largest = names.topk(3, |(name, count): &(String, u64)| (*count, name.clone()));
    let largest = run("accounts.pluck(name).frequencies().topk(3)", || Ok(largest.compute()?))?;
    counts.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
    check("the most frequent names", &largest, &counts[..counts.len().min(3)].to_vec())?;

    let alice = accounts.filter(|account| account.name.as_deref() == Some("Alice"));
    let amounts = alice.flat_map(|account| account.transactions).pluck(|transaction| transaction.amount);
    let found = run("accounts.filter(name == Alice).pluck(transactions).flatten().pluck(amount).sum()", || {
        Ok(amounts.sum().compute()?)
    })?;
    check("Alice's amounts", &found, &expected.alice)?;
    let by_id =
        accounts.foldby(|account| account.id, 0u64, |n, account| n + account.transactions.len() as u64, |a, b| a + b);
    let mut found = run("accounts.foldby(id, number of transactions)", || Ok(by_id.compute()?))?;
    found.sort_unstable();
    check("transactions by id", &found, &expected.by_id.into_iter().collect())
}

/// The same answers, by a plain loop over all files.
#[derive(Default)]
struct Directly {
    first: Option<String>,
    names: BTreeMap<String, u64>,
    alice: i64,
    by_id: BTreeMap<i64, u64>,
}

fn directly(folder: &Path) -> Outcome<Directly> {
    let mut found = Directly::default();
    for file in accounts_json(folder) {
        for line in gunzip(&file)?.lines() {
            found.first.get_or_insert_with(|| line.to_owned());
            let account: serde_json::Value = serde_json::from_str(line)?;
            let transactions = account["transactions"].as_array().map_or(&[][..], Vec::as_slice);
            if let Some(name) = account["name"].as_str() {
                *found.names.entry(name.to_owned()).or_default() += 1;
                if name == "Alice" {
                    found.alice += transactions.iter().filter_map(|t| t["amount"].as_i64()).sum::<i64>();
                }
            }
            *found.by_id.entry(account["id"].as_i64().unwrap_or(-1)).or_default() += transactions.len() as u64;
        }
    }
    Ok(found)
}
