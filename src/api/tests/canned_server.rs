//! A server of canned answers: it says exactly what a test wants, byte for byte, and remembers what it was asked.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the server does with one request.
#[derive(Clone)]
pub(super) struct Reply {
    bytes: Vec<u8>,
    then: Then,
}

/// What it does with the connection afterwards.
#[derive(Clone, Copy)]
pub(super) enum Then {
    KeepOpen,
    Close,
    Reset,
    Hang,
    /// Sends until the client no longer listens.
    Flood,
    /// Sends these bytes after this long, and keeps the connection.
    Later(Duration, &'static str),
}

impl Reply {
    pub(super) fn raw(text: &str, then: Then) -> Self {
        Reply { bytes: text.into(), then }
    }

    /// A whole answer; `headers` are lines that each end in CRLF.
    pub(super) fn json(status: u16, headers: &str, body: &str) -> Self {
        Reply::bytes(status, headers, body.as_bytes())
    }

    /// A whole answer with a body of any bytes.
    pub(super) fn bytes(status: u16, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n");
        Reply { bytes: [head.as_bytes(), body].concat(), then: Then::KeepOpen }
    }
}

/// Runs until the test's runtime ends.
pub(super) struct CannedServer {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    flooded: Arc<AtomicUsize>,
}

impl CannedServer {
    /// Answers the requests with `replies`, in order; the last one again and again.
    pub(super) async fn start(replies: impl Into<Vec<Reply>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = CannedServer {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            flooded: Arc::default(),
        };
        let (requests, flooded) = (server.requests.clone(), server.flooded.clone());
        let replies: Arc<[Reply]> = replies.into().into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, replies.clone(), requests.clone(), flooded.clone()));
            }
        });
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Every request so far, head and body, in order of arrival.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How much a [`Then::Flood`] got rid of, in bytes.
    pub(super) fn flooded(&self) -> usize {
        self.flooded.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    replies: Arc<[Reply]>,
    requests: Arc<Mutex<Vec<String>>>,
    flooded: Arc<AtomicUsize>,
) {
    while let Some(request) = read_request(&mut stream).await {
        let reply = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            replies[(requests.len() - 1).min(replies.len() - 1)].clone()
        };
        if stream.write_all(&reply.bytes).await.is_err() {
            return;
        }
        match reply.then {
            Then::KeepOpen => {}
            Then::Close => return,
            Then::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Then::Later(after, bytes) => {
                tokio::time::sleep(after).await;
                if stream.write_all(bytes.as_bytes()).await.is_err() {
                    return;
                }
            }
            Then::Hang => std::future::pending().await,
            Then::Flood => {
                while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {
                    flooded.fetch_add(64 * 1024, Ordering::SeqCst);
                }
                return;
            }
        }
    }
}

/// One request, head and body; `None` where the client left.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // Not HTTP (a TLS handshake, say): answered as it is.
        if bytes[0] == 0x16 {
            return Some(text);
        }
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
    }
}
