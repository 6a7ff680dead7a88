//! `dev`: the service alone, over memory, to try it and to design its form; it follows the spec as it changes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signup_service::dev::{Design, Dev, OWNER, Seen};
use signup_service::journal::{Journal, Line};
use signup_service::server::{Front, Limits, Readiness, Trusted};
use tokio::net::TcpListener;

use super::Context;
use crate::cli;
use crate::error::{Exit, Failure, Outcome};
use crate::spec::Spec;

/// Between two looks at the spec and the files that it names.
const LOOK: Duration = Duration::from_millis(400);

/// A request is said in a line of progress when more is asked for with `-v`.
#[derive(Debug)]
struct Quiet;

impl Journal for Quiet {
    fn write(&self, line: &Line) {
        tracing::info!("{}", line.json("dev"));
    }
}

pub async fn run(context: &Context, arguments: cli::Dev) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let listener = listen(&arguments).await?;
    let address = listener.local_addr().map_err(|error| unheard(&arguments, &error))?;
    let base_url = format!("http://{}", shown(address));
    let design = design(&spec);
    let dev = Dev::new(design.clone(), &base_url, Arc::new(Quiet)).map_err(|error| unfit(&error))?;
    let invitation = dev.invite().await.ok().flatten();
    output.text(format!(
        "`{}` runs here, in memory: nothing is kept, and no mail leaves\n\n  form   {base_url}/\n  mail   \
         {base_url}/_mail\n  admin  {}\n\nWhat changes in `{}` shows at the next reload. Ctrl-C ends it.",
        spec.service,
        invitation
            .as_ref()
            .map_or("none: the dashboard could not be set up".to_owned(), |link| { format!("{link} ({OWNER})") }),
        context.global.file.display()
    ));
    output.object(&json!({
        "service": spec.service, "endpoint": format!("{base_url}/"), "mail": format!("{base_url}/_mail"),
        "admin": invitation,
    }));
    let limits = Limits { notice: Duration::ZERO, drain: Duration::from_secs(2), ..Limits::default() };
    let front = Front::new(dev.router(), Readiness::of(dev.store()), Trusted::default(), limits);
    let file = context.global.file.display();
    let tell = |seen: Seen<'_, Box<Failure>>| {
        output.note(match seen {
            Seen::Shown => format!("`{file}` changed: reload the page"),
            Seen::Wrong(failure) => format!("{failure}\nwhat was shown before stays"),
            Seen::RightAgain => "the spec is right again".to_owned(),
        });
    };
    let again = || context.spec().map(|spec| self::design(&spec));
    let interrupted = async { _ = tokio::signal::ctrl_c().await };
    tokio::select! {
        _ = front.serve(listener, interrupted) => Ok(Exit::Done),
        () = dev.work() => Ok(Exit::Done),
        () = dev.follow(LOOK, design, again, |error| unfit(&error), tell) => Ok(Exit::Done),
    }
}

async fn listen(arguments: &cli::Dev) -> Outcome<TcpListener> {
    TcpListener::bind((arguments.host, arguments.port)).await.map_err(|error| unheard(arguments, &error))
}

fn unheard(arguments: &cli::Dev, error: &std::io::Error) -> Box<Failure> {
    let place = SocketAddr::new(arguments.host, arguments.port);
    Failure::new("port_taken", format!("nothing can listen at {place}"))
        .cause(error.to_string())
        .hint("choose another with `--port`; `--port 0` takes a free one")
}

/// Where a browser on this machine finds it.
fn shown(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), address.port()),
        false => address,
    }
}

fn design(spec: &Spec) -> Design {
    Design { config: spec.service_config(), logo: spec.files.logo.as_ref().map(|logo| logo.bytes.clone()) }
}

fn unfit(error: &impl std::error::Error) -> Box<Failure> {
    Failure::usage("spec_invalid", "the form cannot be shown").cause(error.to_string())
}
