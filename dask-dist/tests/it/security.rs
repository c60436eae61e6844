//! Tokens and certificates: who is let in, and what the others are told.

use std::time::Duration;

use dask_dist::transport::{Address, CommSettings, Hello, Listener, Role, connect};
use dask_dist::wire::handshake::PROTOCOL;
use dask_dist::{DistError, LocalCluster, Security};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TOKEN: &str = "no-one-guesses-this-token";

fn with(security: Security) -> CommSettings {
    CommSettings { handshake_timeout: Duration::from_secs(5), security, ..CommSettings::default() }
}

fn token(text: &str) -> Security {
    Security::default().token(text).unwrap()
}

async fn listener(security: Security) -> Listener {
    let any: Address = "127.0.0.1:0".parse().unwrap();
    Listener::bind(&any, Hello::new(Role::Scheduler), &with(security)).await.unwrap()
}

/// What somebody with `there` is told by a listener with `here`; the listener sees nobody.
async fn refusal(here: Security, there: Security) -> String {
    let mut listener = listener(here).await;
    let (Address::Tcp(host) | Address::Tls(host)) = listener.address() else { panic!("a port") };
    let (settings, address) = (with(there), Address::Tcp(host));
    let hello = Hello::new(Role::Client);
    tokio::select! {
        biased;
        _ = listener.accept() => panic!("it was let in"),
        link = connect::<String, String>(&address, hello, &settings) => match link {
            Ok(_) => panic!("connected"),
            Err(error) => error.to_string(),
        },
    }
}

/// That both sides see each other.
async fn meet(here: Security, there: Security) {
    let mut listener = listener(here).await;
    let (address, settings) = (listener.address(), with(there));
    let hello = Hello::new(Role::Worker).with_about(&vec![7_u8; 100_000]).unwrap();
    let (link, incoming) = tokio::join!(connect::<String, String>(&address, hello, &settings), listener.accept());
    let incoming = incoming.unwrap();
    assert_eq!(incoming.peer.about::<Vec<u8>>("test").unwrap().len(), 100_000);
    let (mut here, there) = (incoming.link::<String, String>().unwrap(), link.unwrap());
    assert_eq!(there.peer.role, Role::Scheduler);
    there.outbox.send(dask_dist::protocol::Batch::one("hello".to_owned())).unwrap();
    assert_eq!(here.inbox.recv().await.unwrap().unwrap().messages, ["hello"]);
}

#[tokio::test]
async fn nobody_listens_where_strangers_can_connect_unless_they_are_kept_out_or_it_is_said() {
    let bind = async |at: &str, security: Security| {
        let address: Address = at.parse().unwrap();
        Listener::bind(&address, Hello::new(Role::Worker), &with(security)).await.map(|listener| listener.address())
    };
    let error = bind("0.0.0.0:0", Security::default()).await.unwrap_err();
    assert!(matches!(error, DistError::BadSecurity { .. }));
    let error = error.to_string();
    assert!(error.contains("tcp://0.0.0.0:0") && error.contains("Security::insecure"), "{error}");
    for allowed in [token(TOKEN), Security::insecure()] {
        assert!(bind("0.0.0.0:0", allowed).await.is_ok());
    }
    for here in ["127.0.0.1:0", "127.3.2.1:0", "localhost:0"] {
        assert!(bind(here, Security::default()).await.is_ok(), "{here}");
    }
}

#[tokio::test]
async fn who_knows_the_token_is_let_in() {
    meet(token(TOKEN), token(TOKEN)).await;
}

#[tokio::test]
async fn who_does_not_is_told_what_is_missing() {
    let error = refusal(token(TOKEN), token("another-token-of-somebody")).await;
    assert!(error.contains("the token is another"), "{error}");
    let error = refusal(token(TOKEN), Security::default()).await;
    assert!(error.contains("a token is needed") && error.contains("--token-file"), "{error}");
    let error = refusal(Security::default(), token(TOKEN)).await;
    assert!(error.contains("one side has a token and the other has none"), "{error}");
    assert!(!error.contains(TOKEN));
}

#[tokio::test]
async fn somebody_with_much_to_say_and_no_token_is_not_listened_to() {
    let mut listener = listener(token(TOKEN)).await;
    let settings = with(Security::default());
    let hello = Hello::new(Role::Worker).with_about(&vec![7_u8; 500_000]).unwrap();
    let address = listener.address();
    let error = tokio::select! {
        biased;
        _ = listener.accept() => panic!("it was let in"),
        link = connect::<String, String>(&address, hello, &settings) => link.err().unwrap(),
    };
    assert!(error.to_string().contains("a token is needed"), "{error}");
}

#[tokio::test]
async fn a_scheduler_that_does_not_know_the_token_learns_nothing() {
    // It answers the challenge with its own, and any proof with nonsense.
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(server.local_addr().unwrap().to_string());
    let greeting = |payload: &[u8]| {
        let mut bytes = b"dask-rs\n".to_vec();
        bytes.extend(PROTOCOL.to_le_bytes());
        bytes.extend((payload.len() as u32).to_le_bytes());
        bytes.extend(payload);
        bytes
    };
    let impostor = async {
        let (mut socket, _) = server.accept().await.unwrap();
        let mut theirs = vec![0; 16 + 33];
        socket.read_exact(&mut theirs).await.unwrap();
        let challenge = theirs[16..].to_vec();
        socket.write_all(&greeting(&challenge)).await.unwrap();
        socket.read_exact(&mut theirs).await.unwrap();
        // What it was given proves nothing in the other direction.
        socket.write_all(&greeting(&theirs[16..])).await.unwrap();
        let mut rest = Vec::new();
        drop(socket.read_to_end(&mut rest).await);
        rest
    };
    let settings = with(token(TOKEN));
    let (link, rest) = tokio::join!(connect::<String, String>(&address, Hello::new(Role::Client), &settings), impostor);
    let error = link.err().unwrap();
    assert!(matches!(error, DistError::Untrusted { .. }), "{error}");
    assert!(error.to_string().contains("another token"), "{error}");
    assert!(rest.is_empty(), "nothing was said to it");
}

#[tokio::test]
async fn a_proof_that_was_overheard_is_of_no_use() {
    let mut listener = listener(token(TOKEN)).await;
    let Address::Tcp(host) = listener.address() else { panic!("not encrypted") };
    // Both sides of a true handshake, through somebody who listens.
    let between = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = Address::Tcp(between.local_addr().unwrap().to_string());
    let to = host.clone();
    let overheard = tokio::spawn(async move {
        let (mut near, _) = between.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        let mut said = Vec::new();
        let (mut near_read, mut near_write) = near.split();
        let (mut far_read, mut far_write) = far.split();
        let forward = async {
            let mut piece = [0; 1024];
            while let Ok(n @ 1..) = near_read.read(&mut piece).await {
                said.extend_from_slice(&piece[..n]);
                far_write.write_all(&piece[..n]).await.unwrap();
            }
        };
        tokio::select! {
            () = forward => {}
            _ = tokio::io::copy(&mut far_read, &mut near_write) => {}
        }
        said
    });
    let settings = with(token(TOKEN));
    let (link, incoming) =
        tokio::join!(connect::<String, String>(&through, Hello::new(Role::Client), &settings), listener.accept());
    drop((link.unwrap(), incoming));
    let said = overheard.await.unwrap();
    assert!(said.len() > 16 + 33 + 16 + 33);
    assert!(!said.windows(TOKEN.len()).any(|bytes| bytes == TOKEN.as_bytes()));
    // Said again, word for word.
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(&said).await.unwrap();
    let mut answer = Vec::new();
    tokio::select! {
        _ = listener.accept() => panic!("it was let in"),
        _ = socket.read_to_end(&mut answer) => {}
    }
    assert!(String::from_utf8_lossy(&answer).contains("the token is another"));
}

#[test]
fn a_cluster_of_processes_keeps_strangers_out() {
    let security = token(TOKEN);
    let cluster = LocalCluster::builder().workers(2).processes(true).security(security.clone()).start().unwrap();
    let address = cluster.address().to_string();
    let error = dask_dist::Client::connect(&address).unwrap_err().to_string();
    assert!(error.contains("a token is needed"), "{error}");
    let client = dask_dist::Client::connect_with(&address, with(security)).unwrap();
    // Inside a task too, and from worker to worker.
    let inner = |x: i64| -> i64 {
        let client = dask_dist::Client::current().expect("a cluster around it");
        client.submit(|x: i64| x + 1, (x,)).and_then(|future| future.result()).expect("it is trusted")
    };
    assert_eq!(client.submit(inner, (1,)).unwrap().result().unwrap(), 2);
    let parts = client.map(|n: u64| vec![n; 10_000], 0..8).unwrap();
    let total = client.submit(|parts: Vec<Vec<u64>>| parts.iter().flatten().sum::<u64>(), (parts,)).unwrap();
    assert_eq!(total.result().unwrap(), 280_000);
}

#[cfg(feature = "tls")]
mod tls {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::authority::{Authority, DAY};

    #[tokio::test]
    async fn members_meet_encrypted() {
        let authority = Authority::new();
        meet(authority.member(), authority.member()).await;
        meet(authority.member().token(TOKEN).unwrap(), authority.member().token(TOKEN).unwrap()).await;
        let address = listener(authority.member()).await.address();
        assert!(address.to_string().starts_with("tls://127.0.0.1:"), "{address}");
    }

    #[tokio::test]
    async fn strangers_and_plain_talkers_are_told_what_is_wrong() {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let error = refusal(ours.member(), theirs.member()).await;
        assert!(error.contains("not signed by our authority"), "{error}");
        // One whose certificate the listener does not take: it trusts both authorities itself.
        let both = ours.path().join("both.pem");
        let text = [ours.ca(), theirs.ca()].map(|path| std::fs::read_to_string(path).unwrap()).concat();
        std::fs::write(&both, text).unwrap();
        let (cert, key) = theirs.sign("stranger", DAY, Duration::ZERO);
        let error = refusal(ours.member(), Security::default().tls(&both, cert, key).unwrap()).await;
        assert!(error.contains("does not know the authority that signed our certificate"), "{error}");
        let error = refusal(ours.member(), Security::default()).await;
        assert!(error.contains("does not speak TLS") && error.contains("--tls-ca-file"), "{error}");
        let error = refusal(Security::default(), ours.member()).await;
        assert!(error.contains("does not speak TLS"), "{error}");
        let error = refusal(ours.member().token(TOKEN).unwrap(), ours.member()).await;
        assert!(error.contains("a token is needed"), "{error}");
        let address: Address = "tls://127.0.0.1:9".parse().unwrap();
        let link = connect::<String, String>(&address, Hello::new(Role::Client), &CommSettings::default()).await;
        let error = link.err().unwrap().to_string();
        assert!(error.contains("certificates are needed for it"), "{error}");
    }

    #[test]
    fn files_that_are_of_no_use_are_named_with_what_is_wrong() {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let (cert, key) = ours.sign("good", DAY, Duration::ZERO);
        let why = |ca: &Path, cert: &Path, key: &Path| {
            let error = Security::default().tls(ca, cert, key).unwrap_err();
            assert!(matches!(error, DistError::BadSecurity { .. }));
            error.to_string()
        };
        let (old, old_key) = ours.sign("old", Duration::ZERO, DAY);
        let error = why(&ours.ca(), &old, &old_key);
        let year = error.split("expired on ").nth(1).unwrap_or_default();
        assert!(error.contains("old.pem") && year.starts_with("20") && error.contains("UTC"), "{error}");
        let error = why(&theirs.ca(), &cert, &key);
        assert!(error.contains("good.pem") && error.contains("not signed by our authority"), "{error}");
        let error = why(&ours.ca(), &cert, &old_key);
        assert!(error.contains("old-key.pem: it is not the key of the certificate"), "{error}");
        let error = why(&ours.ca(), &cert, &ours.path().join("none.pem"));
        assert!(error.contains("none.pem: No such file"), "{error}");
        let error = why(&key, &cert, &key);
        assert!(error.contains("good-key.pem: there is no certificate in it"), "{error}");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = why(&ours.ca(), &cert, &key);
        assert!(error.contains("everybody on this machine can read this private key"), "{error}");
    }

    #[tokio::test]
    async fn a_certificate_that_expires_while_its_owner_runs_is_refused_with_the_date() {
        let authority = Authority::new();
        let (cert, key) = authority.sign("short", Duration::from_secs(2), Duration::ZERO);
        let short = Security::default().tls(authority.ca(), cert, key).unwrap();
        tokio::time::sleep(Duration::from_millis(3100)).await;
        let error = refusal(short.clone(), authority.member()).await;
        assert!(error.contains("its certificate expired on 20"), "{error}");
        let error = refusal(authority.member(), short).await;
        // It knows which file that is, and since when.
        assert!(error.contains("short.pem") && error.contains("its certificate expired on 20"), "{error}");
    }

    #[test]
    fn a_cluster_of_processes_encrypts_everything() {
        let authority = Authority::new();
        let security = authority.member().token(TOKEN).unwrap();
        let cluster = LocalCluster::builder().workers(2).processes(true).security(security).start().unwrap();
        assert!(cluster.address().to_string().starts_with("tls://"));
        let client = cluster.client().unwrap();
        assert!(client.workers().wait().unwrap().iter().all(|worker| worker.address.starts_with("tls://")));
        let parts = client.map(|n: u64| vec![n; 1_000_000], 0..8).unwrap();
        let total = client.submit(|parts: Vec<Vec<u64>>| parts.iter().flatten().sum::<u64>(), (parts,)).unwrap();
        assert_eq!(total.result().unwrap(), 28_000_000);
        let large = client.scatter(vec![0.5_f64; 1_000_000]).unwrap();
        assert_eq!(large.result().unwrap().len(), 1_000_000);
    }
}
