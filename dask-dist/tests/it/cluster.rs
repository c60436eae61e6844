//! Scheduler, workers and wire together, with a client made by hand.

use std::sync::Arc;

use dask_core::layer::encode_layers;
use dask_core::wire::{Encoder, decode_portable, encode_portable};
use dask_core::{Collection, Delayed, LayerGraph, Value, delayed};
use dask_dist::LocalCluster;
use dask_dist::protocol::*;
use dask_dist::transport::{CommSettings, Hello, Link, Role, connect};

fn inc(x: i64) -> i64 {
    x + 1
}

fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// What a client sends for a collection: the keys of its outputs are futures from 0 on.
fn submission<C: Collection>(collection: &C) -> Batch<FromClient> {
    let graph = LayerGraph::new(&collection.layers()).unwrap();
    let graph = dask_core::optimize::optimize(&graph, &collection.keys());
    let mut attachments: Vec<Value> = Vec::new();
    let mut known: Vec<usize> = Vec::new();
    let mut out = Encoder::new();
    encode_layers(&graph, &mut out, |_, function| {
        let address = Arc::as_ptr(function).cast::<()>() as usize;
        if let Some(at) = known.iter().position(|&k| k == address) {
            return Ok(at as u32);
        }
        let mut body = Encoder::new();
        encode_portable(&**function, &mut body)?;
        known.push(address);
        attachments.push(Value::encoded(body.finish("function")));
        Ok(attachments.len() as u32 - 1)
    })
    .unwrap();
    let outputs = collection.layers().iter().map(|layer| Outputs::Layer(graph.find(layer.name()).unwrap())).collect();
    let submit = Submit {
        layers: out.finish("").bytes().to_vec(),
        n_functions: attachments.len() as u32,
        outputs,
        first_future: FutureId(0),
        priority: 0,
        retries: 0,
        restrictions: Restrictions::default(),
        actor: false,
    };
    let _ = decode_portable::<dyn dask_core::TaskFn>;
    Batch { messages: vec![FromClient::Submit(Box::new(submit))], attachments }
}

/// Submits, waits for one result, and fetches it from its holder.
fn compute(cluster: &LocalCluster, total: &Delayed<i64>) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let comm = CommSettings::default();
    runtime.block_on(async {
        let Link { outbox, mut inbox, .. } =
            connect::<FromClient, ToClient>(cluster.address(), Hello::new(Role::Client), &comm).await.unwrap();
        outbox.send(submission(total)).unwrap();
        let mut peers = Vec::new();
        let (task, holder) = 'done: loop {
            for message in inbox.recv().await.unwrap().unwrap().messages {
                match message {
                    ToClient::Peers(some) => peers.extend(some),
                    ToClient::Done { task, holder, .. } | ToClient::DoneWith { task, holder, .. } => {
                        break 'done (task, holder);
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        let address = peers.iter().find(|(id, _)| *id == holder).unwrap().1.parse().unwrap();
        let mut link = connect::<PeerRequest, PeerReply>(&address, Hello::new(Role::Peer), &comm).await.unwrap();
        link.outbox.send(Batch::one(PeerRequest::Get { request: 1, tasks: vec![task], turns: Vec::new() })).unwrap();
        let reply = link.inbox.recv().await.unwrap().unwrap();
        *reply.attachments[0].get::<i64>().unwrap()
    })
}

fn total() -> Delayed<i64> {
    let mut total = Delayed::value(0i64);
    for i in 0..200 {
        let more = delayed!(inc(i));
        total = delayed!(add(total, more));
    }
    total
}

#[test]
fn threads_compute() {
    let cluster = LocalCluster::builder().workers(3).start().unwrap();
    assert_eq!(compute(&cluster, &total()), (1..=200).sum::<i64>());
    cluster.close();
}

#[test]
fn processes_compute_also_after_one_is_killed() {
    let mut cluster = LocalCluster::builder().workers(2).processes(true).start().unwrap();
    assert_eq!(compute(&cluster, &total()), (1..=200).sum::<i64>());
    assert!(cluster.kill(cluster.processes()[0]));
    assert_eq!(compute(&cluster, &total()), (1..=200).sum::<i64>());
    cluster.start_worker().unwrap();
    cluster.wait_for_workers(2).unwrap();
    assert_eq!(compute(&cluster, &total()), (1..=200).sum::<i64>());
}

#[test]
fn what_a_client_is_told_of_workers_is_counted() {
    let mut cluster = LocalCluster::builder().workers(1).processes(true).start().unwrap();
    let client = cluster.client().unwrap();
    for n in 2..=20 {
        cluster.start_worker().unwrap();
        while client.workers().wait().unwrap().len() < n {}
        assert_eq!(cluster.n_workers(), n);
    }
}
