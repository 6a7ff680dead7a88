//! A client of DynamoDB whose calls are counted: which they were, and what DynamoDB says that they consumed.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;
use signup_service::aws::{Peers, http};

/// The indexes by which users are looked for.
const LISTS: [&str; 4] = ["by-state", "by-country", "by-address", "by-name"];

/// What was asked of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spent {
    /// Units of writing, but for the lists by which users are looked for.
    pub write: f64,
    /// Units of writing for those: by state, country, address and name.
    pub listed: f64,
    /// Units of reading.
    pub read: f64,
    /// Items that were read, whether they were answered with or not.
    pub items: u64,
    /// Writes that were refused, and transactions that were cancelled: what those consumed is told nowhere.
    pub refused: u32,
    /// The operations by name, in their order.
    pub calls: Vec<String>,
}

impl Spent {
    pub fn add(&mut self, other: Self) {
        self.write += other.write;
        self.listed += other.listed;
        self.read += other.read;
        self.items += other.items;
        self.refused += other.refused;
        self.calls.extend(other.calls);
    }

    /// Less what another one spent; of calls and items nothing is taken away.
    pub fn less(mut self, other: &Self) -> Self {
        self.write -= other.write;
        self.listed -= other.listed;
        self.read -= other.read;
        self
    }

    /// What each of so many alike spent.
    pub fn each(&self, count: u32) -> Self {
        let (Self { write, listed, read, .. }, count) = (self, f64::from(count));
        Self { write: write / count, listed: listed / count, read: read / count, ..Self::default() }
    }
}

/// Has every call tell what it consumed, and adds it up.
#[derive(Clone, Debug)]
pub struct Meter {
    inner: SharedHttpClient,
    spent: Arc<Mutex<Spent>>,
}

impl Meter {
    pub fn new() -> Self {
        Self { inner: http::client(Peers::at(&super::table::endpoint())).expect("a client"), spent: Arc::default() }
    }

    /// A client like another, but metered.
    pub fn client(&self, plain: &Client) -> Client {
        Client::from_conf(plain.config().to_builder().http_client(self.clone()).build())
    }

    /// What was spent since the last time this was asked.
    pub fn take(&self) -> Spent {
        std::mem::take(&mut self.spent.lock().expect("no panic while held"))
    }
}

#[derive(Debug)]
struct Metered {
    inner: SharedHttpConnector,
    spent: Arc<Mutex<Spent>>,
}

impl HttpClient for Meter {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, parts);
        SharedHttpConnector::new(Metered { inner, spent: self.spent.clone() })
    }
}

impl HttpConnector for Metered {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let name = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut body: Value = serde_json::from_slice(request.body().bytes().expect("in memory")).expect("JSON");
        body["ReturnConsumedCapacity"] = "INDEXES".into();
        let is_now = body["RequestItems"].as_object().is_some_and(|tables| tables.values().all(is_consistent));
        let body = body.to_string();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body);
        let (answer, spent) = (self.inner.call(request), self.spent.clone());
        HttpConnectorFuture::new(async move {
            let mut response: HttpResponse = answer.await?;
            let status = response.status();
            let bytes = ByteStream::new(response.take_body()).collect().await.expect("a whole answer").into_bytes();
            let body: Value = serde_json::from_slice(&bytes).expect("JSON");
            let tables = match &body["ConsumedCapacity"] {
                Value::Array(tables) => tables.clone(),
                table => vec![table.clone()],
            };
            let units = |value: &Value| value["CapacityUnits"].as_f64().unwrap_or(0.0);
            let mut all: f64 = tables.iter().map(units).sum();
            if name == "BatchGetItem" {
                assert_eq!(all, 0.0, "the emulator has learnt to tell what a batch consumes");
                let items = u32::try_from(items(&name, &body)).expect("few");
                all = f64::from(items) * if is_now { 1.0 } else { 0.5 };
            }
            let of_lists =
                |table: &Value| LISTS.iter().map(|list| units(&table["GlobalSecondaryIndexes"][list])).sum::<f64>();
            let listed: f64 = tables.iter().map(of_lists).sum();
            let mut spent = spent.lock().expect("no panic while held");
            spent.refused += u32::from(!body["__type"].is_null());
            if ["GetItem", "Query", "BatchGetItem"].contains(&name.as_str()) {
                spent.read += all;
            } else {
                spent.write += all - listed;
                spent.listed += listed;
            }
            spent.items += items(&name, &body);
            spent.calls.push(name);
            Ok(HttpResponse::new(status, SdkBody::from(bytes)))
        })
    }
}

/// Whether the items of a batch are read as just written. What that consumes the emulator does not tell; none of them has
/// more than four kilobytes, so that AWS counts one for each, or half of one where they may be as of a moment ago.
fn is_consistent(table: &Value) -> bool {
    table["ConsistentRead"] == true
}

/// How many items a call read: of a query those that DynamoDB looked at, which can be more than it found.
fn items(call: &str, body: &Value) -> u64 {
    match call {
        "Query" | "Scan" => body["ScannedCount"].as_u64().expect("a count"),
        "BatchGetItem" => {
            let tables = body["Responses"].as_object().expect("tables").values();
            tables.map(|items| items.as_array().map_or(0, Vec::len) as u64).sum()
        }
        "GetItem" => 1,
        _ => 0,
    }
}
