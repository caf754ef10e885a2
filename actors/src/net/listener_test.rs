use std::io::{ErrorKind, IoSlice};
use std::os::unix::net::UnixStream;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use troupe_engine::options::ListenAddress;

use super::*;
use crate::net::{Transport, bind};

fn settings(address: &ListenAddress) -> (ListenerSettings, mpsc::UnboundedReceiver<AcceptedSocket>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let factory = move |socket| {
        sender.send(socket).ok();
    };
    (ListenerSettings { name: "Client", socket: bind(address).unwrap(), factory: Arc::new(factory) }, receiver)
}

fn run(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

fn loopback() -> ListenAddress {
    ListenAddress::Tcp("127.0.0.1".into(), 0)
}

#[test]
fn accepts_and_carries_bytes_both_ways() {
    run(async {
        let (settings, mut accepted) = settings(&loopback());
        let port = settings.socket.port().unwrap();
        assert_ne!(port, 0);
        Listener::new(settings).start();
        let mut peer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let socket = accepted.recv().await.unwrap();
        assert_eq!(socket.remote().to_string(), peer.local_addr().unwrap().to_string());

        let (mut read, mut write) = Transport::from(socket.register().unwrap()).split();
        peer.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        read.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ping");
        assert!(write.is_plain() && write.is_write_vectored());
        write.write_all(b"p").await.unwrap();
        assert_eq!(write.try_write_vectored(&[IoSlice::new(b"o"), IoSlice::new(b"ng")]).unwrap(), 3);
        write.write_all(b"!").await.unwrap();
        let mut bytes = [0; 5];
        peer.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"pong!");
        write.abort().unwrap();
        assert_eq!(read.read(&mut bytes).await.unwrap(), 0);
    });
}

#[test]
fn a_full_socket_would_block() {
    run(async {
        let (settings, mut accepted) = settings(&loopback());
        let port = settings.socket.port().unwrap();
        Listener::new(settings).start();
        let _peer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (_read, mut write) = Transport::from(accepted.recv().await.unwrap().register().unwrap()).split();
        let chunk = vec![0; 1 << 20];
        write.write_all(&chunk[..1]).await.unwrap();
        let error = loop {
            if let Err(error) = write.try_write_vectored(&[IoSlice::new(&chunk)]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn stop_refuses_new_connections_although_clones_remain() {
    run(async {
        let (settings, _accepted) = settings(&loopback());
        let kept = settings.socket.clone();
        let listener = Listener::new(settings).start();
        listener.send(StopListening).await.unwrap();
        assert!(kept.is_closed());
        let refused = TcpStream::connect(("127.0.0.1", kept.port().unwrap())).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

struct TellsWhenDropped(Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        self.0.take().unwrap().send(()).ok();
    }
}

#[test]
fn a_second_instance_goes_on_with_the_same_socket() {
    run(async {
        let (settings, mut accepted) = settings(&loopback());
        let port = settings.socket.port().unwrap();
        let (sender, gone) = tokio::sync::oneshot::channel();
        let guard = TellsWhenDropped(Some(sender));
        let factory = move |_| {
            let _held = &guard;
            panic!("injected")
        };
        let panics = ListenerSettings { factory: Arc::new(factory), ..settings.clone() };
        Listener::new(panics).start();
        let _first = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        gone.await.unwrap();

        let waiting = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Listener::new(settings).start();
        let socket = accepted.recv().await.unwrap();
        assert_eq!(socket.remote().to_string(), waiting.local_addr().unwrap().to_string());
    });
}

#[test]
fn an_unspecified_host_takes_both_families() {
    run(async {
        let (settings, mut accepted) = settings(&ListenAddress::Tcp("0.0.0.0".into(), 0));
        let port = settings.socket.port().unwrap();
        Listener::new(settings).start();
        let _v4 = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert_eq!(accepted.recv().await.unwrap().remote().host(), "127.0.0.1");
        if let Ok(_v6) = TcpStream::connect(("::1", port)).await {
            assert_eq!(accepted.recv().await.unwrap().remote().host(), "::1");
        }
    });
}

#[test]
fn unix_socket_replaces_a_stale_file_and_removes_its_own() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("troupe.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (settings, mut accepted) = settings(&ListenAddress::Unix(path.clone()));
        let busy = bind(&ListenAddress::Unix(path.clone())).unwrap_err();
        assert_eq!(busy.to_string(), format!("listen unix {}: bind: address already in use", path.display()));

        let listener = Listener::new(settings).start();
        let _peer = UnixStream::connect(&path).unwrap();
        let socket = accepted.recv().await.unwrap();
        assert_eq!(socket.remote(), RemoteAddress::Unix);
        listener.send(StopListening).await.unwrap();
        assert!(!path.exists());
    });
}

#[test]
fn an_ordinary_file_is_never_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    std::fs::write(&path, "precious").unwrap();
    assert!(bind(&ListenAddress::Unix(path.clone())).is_err());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "precious");
}

#[test]
fn bind_errors_read_like_go() {
    let taken = bind(&loopback()).unwrap();
    let port = taken.port().unwrap();
    let error = bind(&ListenAddress::Tcp("127.0.0.1".into(), port)).unwrap_err();
    assert_eq!(error.to_string(), format!("listen tcp 127.0.0.1:{port}: bind: address already in use"));
    let error = bind(&ListenAddress::Tcp("8.8.8.8".into(), 4778)).unwrap_err();
    assert_eq!(error.to_string(), "listen tcp 8.8.8.8:4778: bind: cannot assign requested address");
}
