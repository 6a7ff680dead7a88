//! The stack of `stacks/high-performance.yaml` on the local AWS, beside a service that is deployed there.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};
use support::account::elements;
use support::deployed::{Deployed, wait_for};
use support::http;
use support::server::program;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const NAME: &str = "demo-servers";

/// The image's name in Parameter Store. The local AWS has none of Amazon's own, and lets nobody make them.
const IMAGE: &str = "/signupctl/image";

/// The server whose first boot is run.
pub(crate) const INSTANCE: &str = "i-0123456789abcdef0";

/// The stack, and the bundle of its servers.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    service: &'a Deployed,
    bucket: String,
    sha256: String,
    pub(crate) bundle: Vec<u8>,
}

/// The server and its declaration, as a deploy packs them; with them the service's name.
fn bundle(service: &Deployed) -> (String, Vec<u8>) {
    let declared = service.sandbox.json(&["declaration", "declaration"]);
    let name = declared["service"].as_str().expect("a name").to_owned();
    let stripped = service.sandbox.path().join("server");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(program()).status();
    assert!(strip.expect("it starts").success(), "the symbols of a test's build are most of it");
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    let declaration = fs::read_dir(service.sandbox.path().join("declaration")).expect("a folder").flatten();
    for path in declaration.map(|entry| entry.path()).chain([stripped]) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name, options).expect("an archive");
        zip.write_all(&fs::read(&path).expect("a file")).expect("room for it");
    }
    (name, zip.finish().expect("room for its list").into_inner())
}

impl<'a> Stack<'a> {
    pub(crate) fn create(service: &'a Deployed) -> Self {
        let account = &service.account;
        let outputs = service.sandbox.json(&["outputs", "--local"]);
        let output = |name: &str| outputs[name].as_str().unwrap_or_else(|| panic!("no {name}: {outputs}")).to_owned();
        let (name, bundle) = bundle(service);
        let sha256: String = Sha256::digest(&bundle).iter().map(|byte| format!("{byte:02x}")).collect();
        let image = json!({ "Name": IMAGE, "Value": "ami-0123456789abcdef0", "Type": "String", "Overwrite": true });
        account.json("ssm", "AmazonSSM.PutParameter", image);
        // What the data stack of a service by this name would hold.
        account.json("logs", "Logs_20140328.CreateLogGroup", json!({ "logGroupName": "/signupctl/demo/admin" }));
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let parameters = [
            ("Service", "demo".to_owned()),
            ("TableName", output("TableName")),
            ("TableArn", output("TableArn")),
            ("AlarmTopicArn", output("AlarmTopicArn")),
            ("ArtifactBucket", output("ArtifactBucket")),
            ("ArtifactKey", format!("artifacts/{sha256}.zip")),
            ("Release", sha256[..12].to_owned()),
            ("Architecture", architecture.to_owned()),
            ("KeyPrefix", format!("/signupctl/{name}")),
            ("DomainName", "join.example.com".to_owned()),
            ("CertificateArn", "arn:aws:acm:us-east-1:000000000000:certificate/demo".to_owned()),
            ("ImageId", IMAGE.to_owned()),
        ];
        let stack = Self { service, bucket: output("ArtifactBucket"), sha256, bundle };
        stack.send("CreateStack", &parameters);
        stack.settle("CREATE_COMPLETE");
        // A changed bundle makes another version of the launch template, and changing back one more.
        let mut changed = parameters.clone();
        changed[5].1 = format!("artifacts/{}.zip", "0".repeat(64));
        stack.send("UpdateStack", &changed);
        stack.settle("UPDATE_COMPLETE");
        assert!(stack.user_data().contains(&changed[5].1), "the servers of the changed stack fetch the changed bundle");
        stack.send("UpdateStack", &parameters);
        stack.settle("UPDATE_COMPLETE");
        stack.register();
        stack
    }

    fn send(&self, action: &str, parameters: &[(&str, String)]) {
        let template = http::encode(include_str!("../../stacks/high-performance.yaml"));
        let mut query = format!(
            "Action={action}&Version=2010-05-15&StackName={NAME}&Capabilities.member.1=CAPABILITY_IAM&TemplateBody={template}"
        );
        for (at, (name, value)) in parameters.iter().enumerate() {
            let key = format!("Parameters.member.{}", at + 1);
            query.push_str(&format!("&{key}.ParameterKey={name}&{key}.ParameterValue={}", http::encode(value)));
        }
        let answer = self.service.account.query("cloudformation", &query);
        assert!(answer.contains(&format!("{action}Response")), "{answer}");
    }

    fn settle(&self, wanted: &str) {
        let account = &self.service.account;
        let ended = wait_for(60, wanted, || {
            Some(account.stack_status(NAME)).filter(|status| !status.ends_with("_IN_PROGRESS"))
        });
        let events = || {
            account.query("cloudformation", &format!("Action=DescribeStackEvents&Version=2010-05-15&StackName={NAME}"))
        };
        assert_eq!(ended, wanted, "{:?}", elements(&events(), "ResourceStatusReason"));
    }

    /// Has the load balancer know the server, as the group does when it enters.
    fn register(&self) {
        let account = &self.service.account;
        let query = |rest: &str| account.query("elasticloadbalancing", &format!("Version=2015-12-01&Action={rest}"));
        let group = elements(&query("DescribeTargetGroups"), "TargetGroupArn").pop().expect("a target group");
        let group = http::encode(&group);
        let answer = query(&format!("RegisterTargets&TargetGroupArn={group}&Targets.member.1.Id={INSTANCE}"));
        assert!(answer.contains("RegisterTargetsResponse"), "{answer}");
    }

    /// What the newest launch template has a server run.
    pub(crate) fn user_data(&self) -> String {
        let account = &self.service.account;
        let query = |rest: &str| account.query("ec2", &format!("Version=2016-11-15&Action={rest}"));
        let id = elements(&query("DescribeLaunchTemplates"), "launchTemplateId").pop().expect("a launch template");
        let versions = query(&format!("DescribeLaunchTemplateVersions&LaunchTemplateId={id}"));
        let newest = |item: &&str| {
            let number = elements(item, "versionNumber").pop().and_then(|number| number.parse::<u32>().ok());
            number.expect("a number")
        };
        let items: Vec<&str> = versions.split("<launchTemplateId>").skip(1).collect();
        let newest = items.iter().copied().max_by_key(newest).expect("a version");
        let encoded = elements(newest, "userData").pop().expect("user data");
        let bytes = BASE64_STANDARD.decode(encoded).expect("Base64");
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// Puts an object where the servers look for their bundle, with the AWS CLI of the root.
    pub(crate) fn upload(&self, root: &Path, bytes: &[u8]) {
        let to = format!("s3://{}/artifacts/{}.zip", self.bucket, self.sha256);
        let mut upload = Command::new("chroot")
            .arg(root)
            .args(["/usr/bin/aws", "s3", "cp", "--only-show-errors", "-", &to])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin")
            .envs(super::machine::environment(self.service))
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts");
        upload.stdin.take().expect("a pipe").write_all(bytes).expect("it reads");
        assert!(upload.wait().expect("it ends").success());
    }

    pub(crate) fn delete(self) {
        let query = format!("Action=DeleteStack&Version=2010-05-15&StackName={NAME}");
        self.service.account.query("cloudformation", &query);
        wait_for(60, "the end of the stack", || {
            (!self.service.account.stacks().contains(&NAME.to_owned())).then_some(())
        });
    }
}
