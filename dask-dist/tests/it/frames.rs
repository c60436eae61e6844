//! Laws of frames: what is written is read, and arbitrary bytes are refused without harm.

use dask_core::Value;
use dask_core::wire::{Buffer, Parcel};
use dask_dist::DistError;
use dask_dist::protocol::{Batch, FromClient, FromWorker, PeerReply, PeerRequest, ToClient, ToWorker};
use dask_dist::transport::{CommSettings, Message};
use dask_dist::wire::frame::FrameReader;
use dask_dist::wire::outgoing::Outgoing;
use proptest::prelude::*;

/// Small enough that whatever takes more than it got would be seen.
fn settings() -> CommSettings {
    CommSettings { head_bytes_max: 1 << 20, parts_max: 100, attachment_bytes_max: 1 << 20, ..CommSettings::default() }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Reads bytes to their end: the batches, and how it ended.
fn read_all<M: Message>(bytes: &[u8]) -> (Vec<Batch<M>>, Result<(), DistError>) {
    block_on(async {
        let mut reader = FrameReader::new(bytes, settings(), "test".into());
        let mut batches = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some((batch, nbytes))) => {
                    assert!(nbytes <= bytes.len() as u64);
                    batches.push(batch);
                }
                Ok(None) => return (batches, Ok(())),
                Err(error) => return (batches, Err(error)),
            }
        }
    })
}

fn written(outgoing: Outgoing) -> Vec<u8> {
    block_on(async {
        let (mut bytes, nbytes, mut told) = (Vec::new(), outgoing.nbytes(), 0);
        outgoing.write(&mut bytes, std::time::Duration::from_secs(60), |n| told += n).await.unwrap();
        assert_eq!((nbytes, told), (bytes.len() as u64, nbytes));
        bytes
    })
}

fn parcels() -> impl Strategy<Value = Vec<Parcel>> {
    let bytes = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            (any::<u8>(), 4090..9000_usize).prop_map(|(byte, n)| vec![byte; n])
        ]
    };
    let parcel = ("[a-z:]{0,12}", bytes(), prop::collection::vec(bytes(), 0..4)).prop_map(|(name, bytes, buffers)| {
        Parcel::from_parts(name, bytes, buffers.into_iter().map(Buffer::new).collect())
    });
    prop::collection::vec(parcel, 0..4)
}

fn pieces(parcel: &Parcel) -> (&str, &[u8], Vec<&[u8]>) {
    (parcel.type_name(), parcel.bytes(), parcel.buffers().iter().map(Buffer::as_slice).collect())
}

/// Whatever `bytes` are, every reader refuses or reads them.
fn survives(bytes: &[u8]) {
    fn one<M: Message>(bytes: &[u8]) {
        let (_, end) = read_all::<M>(bytes);
        if let Err(error) = end {
            assert!(!error.to_string().is_empty());
        }
    }
    one::<FromClient>(bytes);
    one::<ToClient>(bytes);
    one::<FromWorker>(bytes);
    one::<ToWorker>(bytes);
    one::<PeerRequest>(bytes);
    one::<PeerReply>(bytes);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        batches in prop::collection::vec((prop::collection::vec(".{0,30}", 0..6), parcels()), 0..6),
    ) {
        let mut all = Outgoing::default();
        for (messages, parcels) in &batches {
            let attachments = parcels.iter().cloned().map(Value::encoded).collect();
            all.append(Outgoing::frame(&Batch { messages: messages.clone(), attachments }).unwrap());
        }
        all.append(Outgoing::farewell());
        let (read, end) = read_all::<String>(&written(all));
        prop_assert!(end.is_ok());
        prop_assert_eq!(read.len(), batches.len());
        for (batch, (messages, parcels)) in read.iter().zip(&batches) {
            prop_assert_eq!(&batch.messages, messages);
            let arrived: Vec<Parcel> = batch.attachments.iter().map(|value| value.to_parcel().unwrap()).collect();
            let arrived: Vec<_> = arrived.iter().map(pieces).collect();
            prop_assert_eq!(arrived, parcels.iter().map(pieces).collect::<Vec<_>>());
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        survives(&bytes);
    }

    #[test]
    fn plausible_lengths_before_arbitrary_bytes_do_no_harm(
        head in 0..400_u32,
        table in 0..400_u32,
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(252), Just(253), any::<u8>()], 0..900),
    ) {
        let mut frame = [head.to_le_bytes(), table.to_le_bytes()].concat();
        frame.extend(bytes);
        survives(&frame);
    }

    #[test]
    fn a_damaged_frame_does_no_harm(
        parcels in parcels(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        keep in any::<prop::sample::Index>(),
    ) {
        let futures = vec![dask_dist::protocol::FutureId(3), dask_dist::protocol::FutureId(u64::MAX)];
        let messages = vec![
            FromClient::Release(futures.clone()),
            FromClient::Publish { request: 1, name: "name".into(), futures, about: vec![1, 2, 3] },
            FromClient::Heartbeat,
        ];
        let attachments = parcels.into_iter().map(Value::encoded).collect();
        let mut bytes = written(Outgoing::frame(&Batch { messages, attachments }).unwrap());
        let position = at.index(bytes.len());
        bytes[position] = byte;
        bytes.truncate(keep.index(bytes.len()) + 1);
        survives(&bytes);
    }
}

/// Messages of one byte each are many times as large when they are decoded: their number is looked at before.
#[test]
fn a_frame_of_many_tiny_messages_is_refused_before_it_is_decoded() {
    let n = 3_000_000u32;
    let mut head = vec![252];
    head.extend(n.to_le_bytes());
    // Each the number of a variant without fields.
    head.extend(std::iter::repeat_n(leaving(), n as usize));
    let mut frame = [(head.len() as u32).to_le_bytes(), 0u32.to_le_bytes()].concat();
    frame.extend(head);
    let settings = CommSettings::default().of_scheduler();
    let error = block_on(async {
        FrameReader::new(&frame[..], settings, "test".into()).next::<FromWorker>().await.err().unwrap()
    });
    assert!(matches!(error, DistError::Limit { found: 3_000_000, limit: 1_048_576, .. }), "{error}");
}

/// How the smallest message is encoded.
fn leaving() -> u8 {
    let bytes = written(Outgoing::frame(&Batch::one(FromWorker::Leaving)).unwrap());
    assert_eq!(bytes.len(), 8 + 2);
    bytes[9]
}
