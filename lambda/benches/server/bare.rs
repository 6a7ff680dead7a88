//! The server that does nothing: what axum and HTTP cost by themselves. For `make bench`; never shipped.
//!
//! `bare-server PAGE` listens at a port that it prints, gives the page of that file, and takes every sign-up.

use std::error::Error;
use std::io::Write;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let file = std::env::args_os().nth(1).ok_or("it takes the file of a page")?;
    let router = router(std::fs::read(file)?.into());
    // Of the kind that the server has.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(router))
}

fn router(page: Bytes) -> Router {
    let taken = (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], r#"{"status":"confirmation_sent"}"#);
    Router::new()
        .route("/", get(async || ([(CONTENT_TYPE, "text/html; charset=utf-8")], page)))
        .route("/api/v1/sign-ups", post(async move |_: Bytes| taken))
}

async fn serve(router: Router) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    let listener = listener.tap_io(|stream| {
        // As the server does; without it an answer would wait for the one before to be acknowledged.
        stream.set_nodelay(true).ok();
    });
    Ok(axum::serve(listener, router).await?)
}
