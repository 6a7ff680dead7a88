//! Whatever state a stack is in, `deploy --yes` brings the service back, or says why it must not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use support::account::Account;
use support::deployed::wait_for;
use support::proxy::{self, Fate, Request};
use support::{Sandbox, http, text};

const STACK: &str = "waitlist-web";

/// A stack that is not as CloudFormation says.
#[derive(Debug, Default)]
struct Script {
    stack: &'static str,
    /// The status that is told instead of the real one.
    status: Option<&'static str>,
    /// How many more looks see it; without a number it stays until a call ends it.
    looks: Option<u32>,
    /// What comes of the calls that are to mend it, in their order.
    answers: VecDeque<Reply>,
    /// Events that the emulator does not know, newest first; of which stack, and the newest that it knew of when they came.
    events: String,
    known: Arc<Mutex<Option<(String, String)>>>,
    /// The calls that changed anything of this stack.
    calls: Vec<String>,
}

/// What comes of a call that is to mend a stack.
#[derive(Clone, Copy, Debug)]
enum Reply {
    /// It fails: this resource resists, and the stack ends so.
    Fails(&'static str, &'static str),
    /// It works, and the stack ends so; the emulator does not hear of it.
    Works(&'static str),
    /// It is passed on to the emulator, and the stack is again what it is there.
    Real,
}

const MENDING: [&str; 3] = ["DeleteStack", "ContinueUpdateRollback", "RollbackStack"];

impl Script {
    fn decide(&mut self, request: &Request) -> Fate {
        let named = request.parameter("StackName").unwrap_or_default();
        let is_ours = named == self.stack || named.contains(&format!(":stack/{}/", self.stack));
        if !is_ours {
            return Fate::Pass;
        }
        match request.operation.as_str() {
            "DescribeStacks" => self.describe(),
            "DescribeStackEvents" => {
                let (events, known) = (self.events.clone(), Arc::clone(&self.known));
                if events.is_empty() {
                    return Fate::Pass;
                }
                Fate::Change(Box::new(move |body| {
                    let newest = |body: &str| body.split_once("<EventId>")?.1.split('<').next().map(str::to_owned);
                    let mut known = known.lock().expect("no panic while held");
                    let (stack, last) = known.get_or_insert_with(|| (named.clone(), newest(&body).unwrap_or_default()));
                    if *stack != named {
                        return body;
                    }
                    // What happened since comes before, and fills the page in the end.
                    let end = body.find("</StackEvents>").unwrap_or(body.len());
                    let at = body.find(&format!("<EventId>{last}</EventId>"));
                    let place = at.and_then(|at| body[..at].rfind("<member>")).unwrap_or(end);
                    format!("{}{events}{}", &body[..place], &body[place..])
                }))
            }
            operation if MENDING.contains(&operation) => {
                let mut call = operation.to_owned();
                for (name, label) in [("DeletionMode", ""), ("ResourcesToSkip.member.1", "skip ")] {
                    call += &request.parameter(name).map(|value| format!(" {label}{value}")).unwrap_or_default();
                }
                self.calls.push(call);
                let reply = self.answers.pop_front().unwrap_or(Reply::Real);
                self.mend(request, reply)
            }
            "CreateChangeSet" => {
                self.calls.push(request.operation.clone());
                // From here on it is what the emulator makes of it.
                (self.status, self.events) = (None, String::new());
                Fate::Pass
            }
            _ => Fate::Pass,
        }
    }

    fn describe(&mut self) -> Fate {
        let Some(status) = self.status else { return Fate::Pass };
        if let Some(looks) = &mut self.looks {
            if *looks == 0 {
                self.status = None;
                return Fate::Pass;
            }
            *looks -= 1;
        }
        Fate::Change(Box::new(move |body| {
            let Some((before, rest)) = body.split_once("<StackStatus>") else { return body };
            let (_, after) = rest.split_once("</StackStatus>").expect("it is closed");
            format!("{before}<StackStatus>{status}</StackStatus>{after}")
        }))
    }

    fn mend(&mut self, request: &Request, reply: Reply) -> Fate {
        let operation = request.operation.as_str();
        let verb = if operation == "DeleteStack" { "DELETE" } else { "UPDATE" };
        let (ended, resource) = match reply {
            Reply::Real => {
                self.status = None;
                // To the emulator the stack is a healthy one, which cannot be forced.
                return Fate::PassAs(request.without("DeletionMode"));
            }
            Reply::Works(ended) => (ended, None),
            Reply::Fails(resource, ended) => (ended, Some(resource)),
        };
        let number = self.calls.len();
        let token = request.parameter("ClientRequestToken").expect("every operation has a name");
        let mut events = event(number * 10 + 2, self.stack, ended, &token);
        events += &resource.map(|id| event(number * 10 + 1, id, &format!("{verb}_FAILED"), &token)).unwrap_or_default();
        self.events = events + &self.events;
        self.status = Some(ended);
        Fate::Answer(200, format!("<{operation}Response><{operation}Result/></{operation}Response>"))
    }
}

/// An event of the stack or of one of its resources, as CloudFormation tells it.
fn event(number: usize, logical_id: &str, status: &str, token: &str) -> String {
    let stack = format!("arn:aws:cloudformation:us-east-1:000000000000:stack/{STACK}/0");
    let physical = if logical_id == STACK { stack.clone() } else { format!("{logical_id}-1") };
    format!(
        "<member><EventId>scripted-{number}</EventId><StackId>{stack}</StackId><StackName>{STACK}</StackName>\
         <LogicalResourceId>{logical_id}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
         <ResourceType>AWS::ApiGatewayV2::Api</ResourceType><ResourceStatus>{status}</ResourceStatus>\
         <ClientRequestToken>{token}</ClientRequestToken><ResourceStatusReason>it is held by another</ResourceStatusReason>\
         <Timestamp>2026-11-23T00:00:00.000Z</Timestamp></member>"
    )
}

/// A deployed service, and the script that lies about its stacks.
struct Stage {
    sandbox: Sandbox,
    account: Account,
    script: Arc<Mutex<Script>>,
    edition: u32,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::new().with_example("waitlist.yaml");
        sandbox.ok(&["deploy", "--local", "--yes"]);
        let account = Account::new(sandbox.emulator());
        let script = Arc::new(Mutex::new(Script::default()));
        let decide = Arc::clone(&script);
        proxy::before(&sandbox, move |request| decide.lock().expect("no panic while held").decide(request));
        Self { sandbox, account, script, edition: 0 }
    }

    /// Tells of a stack what is not so, until as many looks have seen it or a call mends it.
    fn lie(&mut self, stack: &'static str, status: &'static str, looks: Option<u32>, answers: &[Reply]) {
        let answers = answers.iter().copied().collect();
        *self.script.lock().expect("no panic while held") =
            Script { stack, status: Some(status), looks, answers, ..Script::default() };
    }

    /// When each table was made.
    fn tables(&self) -> Vec<String> {
        let resources = self.account.resources();
        let names = resources.iter().filter_map(|resource| resource.strip_prefix("table "));
        let described = names.map(|name| {
            let name = serde_json::json!({ "TableName": name });
            self.account.json("dynamodb", "DynamoDB_20120810.DescribeTable", name)["Table"]["CreationDateTime"]
                .to_string()
        });
        described.collect()
    }

    /// Deploys another text, looks at the page that is served then, and returns the calls that changed the stack.
    fn deploy(&mut self, what: &str) -> Vec<String> {
        self.edition += 1;
        let title = format!("Waiting list {}", self.edition);
        let spec = std::fs::read_to_string(self.sandbox.path().join("signup.yaml")).expect("the spec");
        let line = spec.lines().find(|line| line.trim_start().starts_with("title:")).expect("a title").to_owned();
        self.sandbox.write("signup.yaml", spec.replace(&line, &format!("  title: {title}")));
        let output = self.sandbox.run(&["deploy", "--local", "--yes", "--json"]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{what}: {stderr}");
        let report: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
        let page = http::get(&format!("{}/", report["endpoint"].as_str().expect("an address"))).body;
        assert!(page.contains(&title), "{what}: {page}");
        std::mem::take(&mut self.script.lock().expect("no panic while held").calls)
    }
}

#[test]
fn a_deploy_gets_a_stack_out_of_every_status() {
    use Reply::{Fails, Real, Works};
    let mut stage = Stage::new();
    let mended = |calls: &[&str]| {
        [calls, &["CreateChangeSet"]].concat().iter().map(|call| (*call).to_owned()).collect::<Vec<_>>()
    };
    for status in [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    ] {
        stage.lie(STACK, status, Some(1), &[]);
        assert_eq!(stage.deploy(status), mended(&[]), "{status}");
    }
    for status in [
        "CREATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
        "IMPORT_ROLLBACK_IN_PROGRESS",
        "A_STATUS_OF_NEXT_YEAR",
    ] {
        stage.lie(STACK, status, Some(3), &[]);
        assert_eq!(stage.deploy(status), mended(&[]), "{status}");
    }
    for status in ["CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "IMPORT_ROLLBACK_FAILED"] {
        stage.lie(STACK, status, None, &[Real]);
        assert_eq!(stage.deploy(status), mended(&["DeleteStack"]), "{status}");
    }
    // What was planned and never made, and what is not there at all.
    stage.account.query("cloudformation", &format!("Action=DeleteStack&Version=2010-05-15&StackName={STACK}"));
    wait_for(10, "its end", || (!stage.account.stacks().contains(&STACK.to_owned())).then_some(()));
    stage.deploy("gone");
    stage.account.query("cloudformation", &format!("Action=DeleteStack&Version=2010-05-15&StackName={STACK}"));
    wait_for(10, "its end", || (!stage.account.stacks().contains(&STACK.to_owned())).then_some(()));
    let template = http::encode("Resources: {Topic: {Type: AWS::SNS::Topic}}");
    let planned = format!(
        "Action=CreateChangeSet&Version=2010-05-15&StackName={STACK}&ChangeSetName=signupctl-0&ChangeSetType=CREATE\
         &TemplateBody={template}&Tags.member.1.Key=signupctl%3Aservice&Tags.member.1.Value=waitlist"
    );
    stage.account.query("cloudformation", &planned);
    assert_eq!(stage.account.stack_status(STACK), "REVIEW_IN_PROGRESS");
    stage.deploy("planned");
    // What resists once goes with the second try, and what resists then stays behind.
    stage.lie(STACK, "DELETE_FAILED", None, &[Fails("Api", "DELETE_FAILED"), Real]);
    assert_eq!(stage.deploy("resists"), mended(&["DeleteStack", "DeleteStack FORCE_DELETE_STACK"]));
    stage.lie(STACK, "UPDATE_FAILED", None, &[Works("UPDATE_ROLLBACK_COMPLETE")]);
    assert_eq!(stage.deploy("left as it was"), mended(&["RollbackStack"]));
    stage.lie(STACK, "UPDATE_ROLLBACK_FAILED", None, &[Works("UPDATE_ROLLBACK_COMPLETE")]);
    assert_eq!(stage.deploy("stuck"), mended(&["ContinueUpdateRollback"]));
    let answers = [Fails("Route", "UPDATE_ROLLBACK_FAILED"), Works("UPDATE_ROLLBACK_COMPLETE")];
    stage.lie(STACK, "UPDATE_ROLLBACK_FAILED", None, &answers);
    assert_eq!(stage.deploy("stuck twice"), mended(&["ContinueUpdateRollback", "ContinueUpdateRollback skip Route"]));
}

/// The table is protected from deletion, so that CloudFormation itself cannot take it back.
#[test]
fn a_data_stack_that_never_came_to_be_is_made_anew_unless_somebody_is_in_its_table() {
    let mut stage = Stage::new();
    stage.sandbox.ok(&["destroy", "--local", "--yes"]);
    let before = stage.tables();
    for status in ["ROLLBACK_FAILED", "CREATE_FAILED"] {
        stage.lie("waitlist-data", status, None, &[Reply::Real]);
        let refusal = stage.sandbox.refusal(&["deploy", "--local"]);
        assert!(refusal.starts_with("exit 2") && refusal.contains("could not be created"), "{refusal}");
    }
    assert_eq!(stage.deploy("unmade"), ["DeleteStack", "CreateChangeSet"]);
    let after = stage.tables();
    assert!(before.len() == 1 && after.len() == 1 && before != after, "{before:?} {after:?}");

    let endpoint = stage.sandbox.json(&["outputs", "--local"])["Endpoint"].as_str().expect("an endpoint").to_owned();
    let ada = serde_json::json!({"email": "ada@example.org"});
    assert_eq!(http::post_json(&format!("{endpoint}/api/v1/sign-ups"), &ada).status, 202);
    for (status, why) in [("ROLLBACK_FAILED", "holds sign-ups"), ("DELETE_FAILED", "may still hold sign-ups")] {
        stage.lie("waitlist-data", status, None, &[]);
        let refusal = stage.sandbox.refusal(&["deploy", "--local", "--yes"]);
        assert!(refusal.starts_with("exit 1") && refusal.contains(why), "{refusal}");
    }
    stage.lie("nothing", "CREATE_COMPLETE", None, &[]);
    assert_eq!(stage.tables(), after);
    assert_eq!(stage.sandbox.json(&["users", "list", "--local"])["users"][0]["email"], "ada@example.org");
}
