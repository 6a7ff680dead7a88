//! Connections: taken while there is room, greeted by TLS where that is asked for, and heard out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::peers::Peers;
use super::refusals::Refusal;
use super::tls::Carried;
use super::{Answers, Front};

/// Bytes of a request's line and headers: more than any browser sends.
const HEAD: usize = 32 * 1024;

/// A connection that was taken, and what its requests are answered with.
struct Connection {
    http: http1::Builder,
    peer: SocketAddr,
    work: Arc<Semaphore>,
    watcher: Watcher,
}

impl Connection {
    /// `false` when what came was no HTTP.
    async fn carry<A: Answers, S>(self, front: Arc<Front<A>>, stream: S) -> bool
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { http, peer, work, watcher } = self;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (front, work) = (Arc::clone(&front), Arc::clone(&work));
            async move { Ok::<_, Infallible>(front.answer(request.map(Body::new), peer, work).await) }
        });
        let ended = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
        !ended.is_err_and(|error| error.is_parse())
    }
}

impl<A: Answers> Front<A> {
    /// Takes connections for ever.
    pub(super) async fn accept(
        self: &Arc<Self>,
        listener: &TcpListener,
        room: &Arc<Semaphore>,
        work: &Arc<Semaphore>,
        open: &GracefulShutdown,
    ) {
        let mut http = http1::Builder::new();
        let peers = Peers::new(self.limits.of_one);
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.head).max_buf_size(HEAD).max_header_size(HEAD);
        loop {
            let Ok(place) = Arc::clone(room).acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Of a caller who has gone again, or for want of a file descriptor: the next moment may have one.
                    tracing::warn!(cause = error.to_string(), "a connection was not taken");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            let is_proxy = self.trusted.holds(peer.ip().to_canonical());
            let held = if is_proxy { None } else { peers.take(peer.ip()) };
            if held.is_none() && !is_proxy {
                self.refusals.note(Refusal::Crowd, peer.ip());
                continue;
            }
            // An answer is one small write: without this the next would wait for it to be acknowledged.
            stream.set_nodelay(true).ok();
            // Whoever asks and never reads the answers keeps no place.
            #[cfg(target_os = "linux")]
            rustix::net::sockopt::set_tcp_user_timeout(&stream, millis(self.limits.head)).ok();
            let connection = Connection { http: http.clone(), peer, work: Arc::clone(work), watcher: open.watcher() };
            let front = Arc::clone(self);
            tokio::spawn(async move {
                // A caller who breaks off, is too slow or sends what is none of ours ends a connection, and nothing else.
                if !front.converse(stream, connection).await {
                    front.refusals.note(Refusal::Broken, peer.ip());
                }
                drop((place, held));
            });
        }
    }

    /// Answers what comes over a connection. `false` when that was no HTTP, or no TLS where it has to be.
    async fn converse(self: &Arc<Self>, stream: TcpStream, connection: Connection) -> bool {
        let Some(tls) = &self.tls else { return connection.carry(Arc::clone(self), stream).await };
        // Whoever is silent has begun nothing that would have to end before the server does.
        let (mut draining, mut first) = (self.draining.subscribe(), [0]);
        let spoken = tokio::select! {
            spoken = tokio::time::timeout(self.limits.head, stream.peek(&mut first)) => matches!(spoken, Ok(Ok(1))),
            _ = draining.wait_for(|draining| *draining) => false,
        };
        if !spoken {
            return true;
        }
        match tokio::time::timeout(self.limits.head, tls.accept(first, stream, connection.peer.ip())).await {
            Ok(Ok(Carried::Encrypted(stream))) => connection.carry(Arc::clone(self), stream).await,
            Ok(Ok(Carried::Plain(stream))) => connection.carry(Arc::clone(self), stream).await,
            Ok(Err(_)) => false,
            Err(_) => true,
        }
    }
}

#[cfg(target_os = "linux")]
fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
