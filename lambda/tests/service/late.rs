//! A request that its sender has given up, and that arrives even so.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use signup_service::aws::{Peers, http};
use signup_service::counting::settle;
use signup_service::store::{DynamoStore, Saved, Store};
use signup_service::user::User;

use crate::support::{Counting, new_user, table};

/// Keeps the first update back, and answers it as a table does that is out of order.
#[derive(Clone, Debug)]
struct Delaying {
    inner: SharedHttpClient,
    kept_back: Arc<Mutex<Option<(SharedHttpConnector, HttpRequest)>>>,
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    kept_back: Arc<Mutex<Option<(SharedHttpConnector, HttpRequest)>>>,
}

impl HttpClient for Delaying {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, parts);
        SharedHttpConnector::new(Connector { inner, kept_back: self.kept_back.clone() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_update = request.headers().get("x-amz-target").is_some_and(|it| it.ends_with(".UpdateItem"));
        let mut kept_back = self.kept_back.lock().expect("no panic while held");
        if !is_update || kept_back.is_some() {
            return self.inner.call(request);
        }
        *kept_back = request.try_clone().map(|request| (self.inner.clone(), request));
        let status = 500.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(r#"{"__type":"InternalServerError"}"#))))
    }
}

/// The try that was not answered arrives when all is done and its note is gone. It counts nobody twice.
#[tokio::test]
async fn what_arrives_late_is_not_counted() {
    let plain = table::client();
    let name = table::create(&plain).await;
    let delaying =
        Delaying { inner: http::client(Peers::at(&table::endpoint())).expect("a client"), kept_back: Arc::default() };
    let client = Client::from_conf(plain.config().to_builder().http_client(delaying.clone()).build());
    let (store, plain) = (DynamoStore::new(client, &name, None), DynamoStore::new(plain, &name, None));
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let entropy = Counting::from(61);
    let count = async |user: &User| {
        assert_eq!(store.save(user, None).await.expect("the store works"), Saved::Done);
        let counted = user.clone().counted_as_is(7, Some("country")).expect("not counted yet");
        let settled = settle(&store, &[(user.clone(), counted)], now).await.expect("the store works");
        assert_eq!(settled.kept, [user.id]);
    };
    let received = async || plain.counters(None).await.expect("the store works").census().received();
    let users: Vec<User> =
        (0..40).map(|number| new_user(&entropy, &format!("u{number}@example.com"), 36, now)).collect();
    for user in &users {
        count(user).await;
    }
    let noted = plain.notes(now).await.expect("the store works");
    assert!(noted.iter().all(|note| note.user != users[0].id), "its note was dropped with the next change");
    plain.fold("2026-11", now).await.expect("the store works");
    assert_eq!(received().await, 40);
    let (sender, request) = delaying.kept_back.lock().expect("no panic while held").take().expect("the first try");
    let answer = sender.call(request).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 400, "{answer:?}");
    assert_eq!(received().await, 40);
}
