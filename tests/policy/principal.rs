//! An IAM user of the emulator, as whom signupctl works there: a proxy signs every request anew with the user's key,
//! and writes down what was refused.
//!
//! By itself `--local` works as the account's root, who may do everything.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use support::account::{Account, elements};
use support::proxy::{self, Request};
use support::{Sandbox, http};

const USER: &str = "deployer";

pub struct Principal {
    account: Account,
    seen: Arc<Seen>,
}

/// What the proxy has seen.
#[derive(Default)]
struct Seen {
    refused: Mutex<Vec<String>>,
    /// Requests that are still at work, since signupctl does not wait for all when one has failed.
    open: AtomicUsize,
}

impl Principal {
    /// A user without any right, who takes root's place in a sandbox whose emulator runs.
    pub fn in_place_of_root(sandbox: &Sandbox) -> Self {
        let account = Account::new(sandbox.emulator());
        let created = account.query("iam", &format!("Action=CreateUser&Version=2010-05-08&UserName={USER}"));
        assert!(created.contains("CreateUserResponse"), "{created}");
        let key = account.query("iam", &format!("Action=CreateAccessKey&Version=2010-05-08&UserName={USER}"));
        let part = |name: &str| elements(&key, name).pop().unwrap_or_else(|| panic!("no {name}: {key}"));
        let key = Key { id: part("AccessKeyId"), secret: part("SecretAccessKey") };
        let seen = Arc::default();
        listen(sandbox, &account.endpoint, key, Arc::clone(&seen));
        Self { account, seen }
    }

    /// Gives the user a managed policy.
    pub fn attach(&self, name: &str, policy: &Value) {
        let document = http::encode(&policy.to_string());
        let made = format!("Action=CreatePolicy&Version=2010-05-08&PolicyName={name}&PolicyDocument={document}");
        let made = self.account.query("iam", &made);
        let arn = elements(&made, "Arn").pop().unwrap_or_else(|| panic!("no policy: {made}"));
        let attach =
            format!("Action=AttachUserPolicy&Version=2010-05-08&UserName={USER}&PolicyArn={}", http::encode(&arn));
        let attached = self.account.query("iam", &attach);
        assert!(attached.contains("AttachUserPolicyResponse"), "{attached}");
    }

    /// Has the user hold this policy alone.
    pub fn hold(&self, policy: &Value) {
        let document = http::encode(&policy.to_string());
        let put =
            format!("Action=PutUserPolicy&Version=2010-05-08&UserName={USER}&PolicyName=all&PolicyDocument={document}");
        let put = self.account.query("iam", &put);
        assert!(put.contains("PutUserPolicyResponse"), "{put}");
    }

    /// The actions that were refused since this was last asked.
    pub fn refused(&self) -> Vec<String> {
        while self.seen.open.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut refused = std::mem::take(&mut *self.seen.refused.lock().expect("nobody panicked"));
        refused.sort();
        refused.dedup();
        refused
    }
}

#[derive(Clone)]
struct Key {
    id: String,
    secret: String,
}

fn listen(sandbox: &Sandbox, upstream: &str, key: Key, seen: Arc<Seen>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let upstream = upstream.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (upstream, key, seen) = (upstream.clone(), key.clone(), Arc::clone(&seen));
            seen.open.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                // A client that went away is no concern of the test's.
                _ = serve(client, &upstream, &key, &seen.refused);
                seen.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    sandbox.go_through(&endpoint);
}

fn serve(mut client: TcpStream, upstream: &str, key: &Key, refused: &Mutex<Vec<String>>) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(60)))?;
    let Some(mut request) = proxy::read(&mut client)? else { return Ok(()) };
    if let Some(head) = signed(&request, key) {
        request.head = head;
    }
    let answer = proxy::pass(&request, &request.body, upstream)?;
    // `User: … is not authorized to perform: s3:ListBucket on resource: …`, in whichever protocol.
    let text = String::from_utf8_lossy(&answer);
    let action = text.split_once("not authorized to perform: ").and_then(|(_, rest)| rest.split_whitespace().next());
    refused.lock().expect("nobody panicked").extend(action.map(str::to_owned));
    client.write_all(&answer)
}

/// The head of a request, signed by another key over the same headers (Signature Version 4). `None` when it was not
/// signed.
fn signed(request: &Request, key: &Key) -> Option<String> {
    let (line, headers) = request.head.split_once("\r\n")?;
    let header = |wanted: &str| {
        let mut lines = headers.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
    };
    let authorization = header("authorization")?;
    let (_, rest) = authorization.split_once("Credential=test/")?;
    let (scope, rest) = rest.split_once(", SignedHeaders=")?;
    let (names, _) = rest.split_once(", Signature=")?;
    let mut parts = scope.split('/');
    let (date, region, service) = (parts.next()?, parts.next()?, parts.next()?);

    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // All services but S3 encode the path a second time.
    let path =
        if service == "s3" { path.to_owned() } else { path.split('/').map(http::encode).collect::<Vec<_>>().join("/") };
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let value = |name: &str| match name {
        "content-length" => request.body.len().to_string(),
        name => header(name).unwrap_or_default(),
    };
    let canonical: String = names.split(';').map(|name| format!("{name}:{}\n", value(name))).collect();
    let payload = header("x-amz-content-sha256").unwrap_or_else(|| hex(&Sha256::digest(&request.body)));
    let canonical = format!("{method}\n{path}\n{query}\n{canonical}\n{names}\n{payload}");
    let time = header("x-amz-date")?;
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let secret = format!("AWS4{}", key.secret).into_bytes();
    let derived = [date, region, service, "aws4_request"].iter().fold(secret, |key, part| mac(&key, part));
    let signature = hex(&mac(&derived, &text));
    let id = &key.id;
    let ours = format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    Some(request.head.replace(&authorization, &ours))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
