//! `server try`: the service over memory.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use signup_service::assemble::Failure;
use signup_service::aws;
use signup_service::dev::{Design, Dev, Seen};
use signup_service::env::{self, EnvError};
use signup_service::journal::Stdout;
use signup_service::server::{Ended, Front, Limits, Readiness, Trusted};
use tokio::net::TcpListener;

/// Between two looks at the declaration.
const LOOK: Duration = Duration::from_secs(1);

/// The service over memory.
pub async fn run(
    root: PathBuf,
    listener: TcpListener,
    trusted: Trusted,
    mut limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<Ended, Failure> {
    limits.notice = Duration::ZERO;
    let design = design(&root)?;
    let public = std::env::var("PUBLIC_URL").ok().filter(|url| !url.is_empty());
    let base_url = public.unwrap_or_else(|| {
        let port = listener.local_addr().map_or(0, |address| address.port());
        format!("http://localhost:{port}")
    });
    let dev = Dev::new(design.clone(), &base_url, Arc::new(Stdout { service: design.config.service.clone() }))?;
    let invitation = dev.invite().await?.unwrap_or_default();
    let banner = format!(
        "for trying: over memory, nothing is kept, no mail leaves, and whoever reaches it reads the mails\n  form   \
         {base_url}/\n  mail   {base_url}/_mail\n  admin  {invitation}\n"
    );
    // In one piece, so that no line of the log comes in between.
    std::io::stderr().write_all(banner.as_bytes())?;
    let front = Front::new(dev.router(), Readiness::of(dev.store()), trusted, limits);
    let tell = |seen: Seen<'_, String>| match seen {
        Seen::Shown => tracing::info!("the declaration is shown anew"),
        Seen::Wrong(cause) => tracing::warn!(cause, "the declaration cannot be shown; what was shown before stays"),
        Seen::RightAgain => tracing::info!("the declaration is right again"),
    };
    let again = || self::design(&root);
    tokio::select! {
        ended = front.serve(listener, stop) => Ok(ended),
        () = dev.work() => Ok(Ended::Drained),
        () = dev.follow(LOOK, design, again, |error| error.to_string(), tell) => Ok(Ended::Drained),
    }
}

/// What the declaration says.
fn design(root: &Path) -> Result<Design, String> {
    let read = || {
        let config = env::config(root)?;
        Ok(Design { logo: env::logo(root, &config)?, config })
    };
    read().map_err(|error: EnvError| aws::chain(&error))
}
