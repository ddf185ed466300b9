//! Connections that a handler can reset instead of answering.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Link(Arc<AtomicBool>);

impl Link {
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[derive(Debug)]
pub(super) struct LinkedListener(pub(super) TcpListener);

impl Listener for LinkedListener {
    type Io = LinkedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LinkedStream, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        let link = Link::default();
        (LinkedStream { stream, link }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[derive(Debug)]
pub(super) struct LinkedStream {
    stream: TcpStream,
    link: Link,
}

impl LinkedStream {
    /// Fails after a reset was asked for. Without lingering, closing the socket sends RST and not FIN.
    fn check(&self) -> io::Result<()> {
        if !self.link.0.load(Ordering::Acquire) {
            return Ok(());
        }
        self.stream.set_zero_linger()?;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    }
}

impl AsyncRead for LinkedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for LinkedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected<IncomingStream<'_, LinkedListener>> for Link {
    fn connect_info(stream: IncomingStream<'_, LinkedListener>) -> Self {
        stream.io().link.clone()
    }
}
