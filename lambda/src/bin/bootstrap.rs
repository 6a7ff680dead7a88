//! The function: reads its environment, puts the parts together and hands them to Lambda's runtime.
//!
//! Nothing is decided here but which of the handlers runs.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use aws_types::SdkConfig;
use axum::Router;
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use signup_service::assemble::{self, Failure};
use signup_service::aws;
use signup_service::clock::{Clock, System, before};
use signup_service::config::ServiceConfig;
use signup_service::env::{Environment, Handler};
use signup_service::event::Wanted;
use signup_service::feedback::{self, Listener};
use signup_service::gateway;
use signup_service::journal::{self, Stdout};
use signup_service::ledger::Ledger;
use signup_service::mailer::SesMailer;
use signup_service::publisher::SnsPublisher;
use signup_service::store::DynamoStore;
use signup_service::stream::{self, BatchResponse, StreamEvent};
use signup_service::worker::{RESERVE, Sending, Worker};
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    journal::subscribe(std::io::stdout);
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = aws::chain(error.as_ref()), "the function could not start");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let environment = Environment::read()?;
    let config = environment.config()?;
    let sdk = aws::sdk_config(&environment, aws::credentials_of_function()?)?;
    let client = match environment.handler {
        Handler::Web | Handler::Admin => aws::web_table_client(&sdk),
        Handler::Worker | Handler::Sweeper | Handler::Feedback => aws_sdk_dynamodb::Client::new(&sdk),
    };
    let store = DynamoStore::new(client, &environment.table, config.form.name_field());
    match environment.handler {
        Handler::Web => answer(assemble::web(&environment, config, &sdk, store).await?.0).await,
        Handler::Admin => answer(assemble::admin(&environment, config, &sdk, store, Some(gateway::FILE)).await?).await,
        Handler::Worker => {
            let worker = worker(&environment, config, &sdk, store).await?;
            lambda_runtime::run(service_fn(async |event: LambdaEvent<StreamEvent>| {
                let failed = worker.batch(&stream::changes(event.payload), until(&event.context)).await;
                Ok::<_, Failure>(BatchResponse::of(failed))
            }))
            .await
        }
        Handler::Sweeper => {
            let worker = worker(&environment, config, &sdk, store).await?;
            lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
                let due = worker.sweep(until(&event.context)).await?;
                if due > 0 {
                    tracing::info!(due, "swept");
                }
                Ok::<_, Failure>(serde_json::json!({ "due": due }))
            }))
            .await
        }
        Handler::Feedback => {
            let listener = Listener {
                ledger: ledger(store, &config),
                journal: Arc::new(Stdout { service: config.service }),
                address_key: aws::address_key(&sdk, &environment).await?,
            };
            lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
                listener.hear(&feedback::reports(&event.payload)).await?;
                match feedback::unread(&event.payload) {
                    0 => Ok::<_, Failure>(()),
                    // Lambda keeps it after two more tries, and that raises an alarm.
                    count => Err(format!("{count} bounces or complaints cannot be read").into()),
                }
            }))
            .await
        }
    }
}

/// Answers requests by a Router.
async fn answer(router: Router) -> Result<(), Failure> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<gateway::Event>| {
        let response = router.clone().oneshot(gateway::request(event.payload)).await?;
        Ok::<_, Failure>(gateway::answer(response).await?)
    }))
    .await
}

/// When an invocation begins nothing new: its deadline less what is kept for what is under way.
fn until(context: &Context) -> Timestamp {
    let deadline = i64::try_from(context.deadline).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    before(deadline.unwrap_or(Timestamp::MAX), RESERVE)
}

async fn worker(
    environment: &Environment,
    config: ServiceConfig,
    sdk: &SdkConfig,
    store: DynamoStore,
) -> Result<Worker, Failure> {
    let configuration_set = environment.configuration_set.clone().unwrap_or_default();
    Ok(Worker {
        journal: Arc::new(Stdout { service: config.service.clone() }),
        ledger: ledger(store, &config),
        config: Arc::new(config),
        mailer: Arc::new(SesMailer::new(aws::mail_client(sdk), configuration_set)),
        publisher: Arc::new(SnsPublisher { client: aws::topic_client(sdk), topics: environment.topics.clone() }),
        sending: Arc::new(Mutex::new(Sending::new(System.now()))),
        token_key: aws::token_key(sdk, environment).await?,
    })
}

fn ledger(store: DynamoStore, config: &ServiceConfig) -> Ledger {
    Ledger { store: Arc::new(store), clock: Arc::new(System), entropy: Arc::new(System), wanted: Wanted::of(config) }
}
