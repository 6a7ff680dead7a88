//! The front on servers: its network, its load balancer, how a server is made and how it is replaced.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::boot;
use crate::template::{Template, each, references, serverless, servers, text};

/// The port of a server, by which the load balancer reaches it.
const PORT: u64 = 8080;

#[test]
fn only_the_load_balancer_is_reached_from_everywhere_and_only_it_reaches_a_server() {
    let template = servers();
    let of = |group: &str, way: &str| -> Vec<Value> {
        each(&template.properties(group)[way])
            .into_iter()
            .map(|rule| {
                assert_eq!((&rule["IpProtocol"], &rule["FromPort"]), (&json!("tcp"), &rule["ToPort"]), "{rule}");
                let whom = [&rule["CidrIp"], &rule["SourceSecurityGroupId"]].into_iter().find(|it| !it.is_null());
                json!([rule["FromPort"], whom])
            })
            .collect()
    };
    let balancer = json!({ "Fn::GetAtt": "LoadBalancerGroup.GroupId" });
    assert_eq!(of("LoadBalancerGroup", "SecurityGroupIngress"), [json!([443, "0.0.0.0/0"]), json!([80, "0.0.0.0/0"])]);
    assert_eq!(of("LoadBalancerGroup", "SecurityGroupEgress"), [json!([PORT, { "Ref": "VpcCidr" }])]);
    assert_eq!(of("ServerGroup", "SecurityGroupIngress"), [json!([PORT, balancer])]);
    assert_eq!(of("ServerGroup", "SecurityGroupEgress"), [json!([443, "0.0.0.0/0"])]);
    assert_eq!(template.of_type("AWS::EC2::SecurityGroup").count(), 2, "each group is judged here");
    assert_eq!(template.of_type("AWS::EC2::SecurityGroupIngress").count(), 0);
    assert_eq!(template.properties("TargetGroup")["Port"], PORT);
}

#[test]
fn it_spans_two_zones_and_pays_for_no_nat_gateway_and_no_interface_endpoint() {
    let template = servers();
    let zones: BTreeSet<_> = template
        .of_type("AWS::EC2::Subnet")
        .map(|(_, subnet)| subnet["Properties"]["AvailabilityZone"].to_string())
        .collect();
    assert_eq!(zones.len(), 2);
    let subnets = json!([{ "Ref": "FirstSubnet" }, { "Ref": "SecondSubnet" }]);
    assert_eq!(template.properties("LoadBalancer")["Subnets"], subnets);
    assert_eq!(template.properties("Servers")["VPCZoneIdentifier"], subnets);
    assert_eq!(template.of_type("AWS::EC2::NatGateway").count(), 0);
    for (id, endpoint) in template.of_type("AWS::EC2::VPCEndpoint") {
        let endpoint = &endpoint["Properties"];
        assert_eq!(endpoint["VpcEndpointType"], "Gateway", "{id}");
        assert_eq!(endpoint["RouteTableIds"], json!([{ "Ref": "RouteTable" }]), "{id}");
        for statement in each(&endpoint["PolicyDocument"]["Statement"]) {
            for resource in each(&statement["Resource"]) {
                assert_ne!(resource, "*", "{id} leads everywhere");
                let own = references(resource);
                let is_ours = own.contains("TableArn") || own.contains("ArtifactBucket");
                assert!(is_ours || resource.to_string().contains(":s3:::al2023-repos-"), "{id}: {resource}");
            }
        }
    }
}

#[test]
fn nothing_is_served_without_tls_or_under_another_name() {
    let template = servers();
    for name in ["DomainName", "CertificateArn"] {
        let parameter = template.at(&format!("/Parameters/{name}"));
        assert!(parameter["Default"].is_null() && !text(&parameter["AllowedPattern"]).starts_with('|'), "{name}");
        assert!(!text(&parameter["AllowedPattern"]).contains("(|"), "{name} may be empty");
    }
    // Without TLS a page is looked for elsewhere, and a program, or whoever sends something, is turned away.
    let refused = |action: &Value| action["FixedResponseConfig"]["StatusCode"] == "403";
    let [other] = each(&template.properties("HttpListener")["DefaultActions"])[..] else { panic!("one action") };
    assert!(refused(other), "{other}");
    let (api, page) = (template.properties("PlainApiRule"), template.properties("PlainPageRule"));
    for rule in [api, page] {
        assert_eq!(rule["ListenerArn"], json!({ "Ref": "HttpListener" }));
    }
    assert!(api["Priority"].as_u64() < page["Priority"].as_u64() && refused(&api["Actions"][0]), "{api}");
    assert!(each(&api["Conditions"][0]["PathPatternConfig"]["Values"]).contains(&&json!("/api/*")), "{api}");
    assert_eq!(page["Conditions"][0]["HttpRequestMethodConfig"]["Values"], json!(["GET", "HEAD"]));
    let [redirect] = each(&page["Actions"])[..] else { panic!("one action") };
    assert_eq!((&redirect["Type"], &redirect["RedirectConfig"]["Protocol"]), (&json!("redirect"), &json!("HTTPS")));
    assert_eq!(redirect["RedirectConfig"]["StatusCode"], "HTTP_301");
    // Whoever asks for a name of their own is not sent there.
    assert_eq!(redirect["RedirectConfig"]["Host"], json!({ "Ref": "DomainName" }));
    let https = template.properties("HttpsListener");
    assert_eq!(https["SslPolicy"], "ELBSecurityPolicy-TLS13-1-2-Res-2021-06");
    assert_eq!(https["Certificates"], json!([{ "CertificateArn": { "Ref": "CertificateArn" } }]));
    assert_eq!(https["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"], "421");
    // What the load balancer answers itself.
    let said = |listener, key: &str| {
        let name = format!("routing.http.response.{key}");
        let attributes = each(&template.properties(listener)["ListenerAttributes"]);
        attributes.into_iter().find(|it| it["Key"] == name).map_or(Value::Null, |it| it["Value"].clone())
    };
    let transport = "strict_transport_security.header_value";
    assert_eq!(said("HttpsListener", transport), json!({ "Ref": "StrictTransportSecurity" }));
    assert_eq!(said("HttpListener", transport), Value::Null, "it means nothing without TLS");
    for listener in ["HttpListener", "HttpsListener"] {
        assert_eq!(said(listener, "x_content_type_options.header_value"), "nosniff");
        assert_eq!(said(listener, "server.enabled"), "false");
    }
    let rules = template.of_type("AWS::ElasticLoadBalancingV2::ListenerRule");
    let behind_tls = rules.filter(|(_, rule)| rule["Properties"]["ListenerArn"] == json!({ "Ref": "HttpsListener" }));
    let [(_, rule)] = behind_tls.collect::<Vec<_>>()[..] else { panic!("one rule") };
    assert_eq!(rule["Properties"]["Conditions"][0]["HostHeaderConfig"]["Values"], json!([{ "Ref": "DomainName" }]));
    assert_eq!(attribute(&template, "routing.http.drop_invalid_header_fields.enabled"), "true");
    assert_eq!(attribute(&template, "routing.http.xff_header_processing.mode"), "append");
}

#[test]
fn the_load_balancer_talks_to_its_servers_by_tls() {
    let template = servers();
    let group = template.properties("TargetGroup");
    assert_eq!((&group["Protocol"], &group["HealthCheckProtocol"]), (&json!("HTTPS"), &json!("HTTPS")));
    let user_data = template.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"].to_string();
    assert!(user_data.contains("LISTEN=0.0.0.0:8080\\nTLS=self-signed\\n"), "{user_data}");
}

/// An attribute of the load balancer or the target group.
fn attribute(template: &Template, key: &str) -> String {
    let balancer = each(&template.properties("LoadBalancer")["LoadBalancerAttributes"]);
    let targets = each(&template.properties("TargetGroup")["TargetGroupAttributes"]);
    let found = balancer.into_iter().chain(targets).find(|attribute| attribute["Key"] == key);
    text(&found.unwrap_or_else(|| panic!("no {key}"))["Value"]).to_owned()
}

#[test]
fn a_server_has_encrypted_disks_guarded_metadata_and_no_key_pair() {
    let template = servers();
    let data = &template.properties("LaunchTemplate")["LaunchTemplateData"];
    assert_eq!(
        data["MetadataOptions"],
        json!({ "HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1 })
    );
    let disks = each(&data["BlockDeviceMappings"]);
    assert!(!disks.is_empty() && disks.iter().all(|disk| disk["Ebs"]["Encrypted"] == true), "{disks:?}");
    assert_eq!(data["KeyName"], Value::Null);
    assert_eq!(data["NetworkInterfaces"][0]["Groups"], json!([{ "Fn::GetAtt": "ServerGroup.GroupId" }]));
    assert!(text(template.at("/Parameters/ImageId/Default")).ends_with("/al2023-ami-kernel-default-arm64"));
    assert_eq!(template.at("/Parameters/ImageId/Type"), "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>");
    assert_eq!(template.at("/Parameters/Architecture/Default"), "arm64");
}

/// What a role may, but for its log: each action with each resource.
fn rights<'a>(template: &'a Template, role: &str, policy: &str) -> BTreeSet<(&'a str, String)> {
    let policies = each(&template.properties(role)["Policies"]);
    let policy = policies.into_iter().find(|one| one["PolicyName"] == policy).expect("a policy of this name");
    let mut rights = BTreeSet::new();
    for statement in each(&policy["PolicyDocument"]["Statement"]).into_iter().filter(|it| it["Sid"] != "Log") {
        for action in each(&statement["Action"]) {
            rights.extend(each(&statement["Resource"]).iter().map(|resource| (text(action), resource.to_string())));
        }
    }
    rights
}

#[test]
fn a_server_may_what_both_functions_may_and_nothing_more_of_the_service() {
    let (functions, template) = (serverless(), servers());
    let both: BTreeSet<_> =
        rights(&functions, "WebRole", "web").union(&rights(&functions, "AdminRole", "admin")).cloned().collect();
    assert_eq!(rights(&template, "ServerRole", "service"), both);
    let bundle = rights(&template, "ServerRole", "server").into_iter().find(|(action, _)| *action == "s3:GetObject");
    let (_, object) = bundle.expect("it may fetch its bundle");
    assert!(object.ends_with(":s3:::${ArtifactBucket}/${ArtifactKey}\"}"), "that one alone: {object}");
}

#[test]
fn a_changed_bundle_replaces_servers_one_by_one_and_a_bad_one_is_taken_back() {
    let template = servers();
    let version = json!({ "Fn::GetAtt": "LaunchTemplate.LatestVersionNumber" });
    assert_eq!(template.properties("Servers")["LaunchTemplate"]["Version"], version);
    let launched = references(&template.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"]);
    for name in ["ArtifactKey", "Release", "TableName", "KeyPrefix", "DomainName", "ArtifactBucket", "VpcCidr"] {
        assert!(launched.contains(name), "a change of {name} reaches no server");
    }
    let rolling = template.at("/Resources/Servers/UpdatePolicy/AutoScalingRollingUpdate");
    assert_eq!(rolling["MaxBatchSize"], 1);
    assert_eq!(
        (&rolling["WaitOnResourceSignals"], &rolling["MinSuccessfulInstancesPercent"]),
        (&json!(true), &json!(100))
    );
    assert_eq!(
        rolling["MinInstancesInService"],
        json!({ "Fn::If": ["KeepsLeast", { "Ref": "MinInstances" }, { "Ref": "ServersInService" }] })
    );
    let created = template.at("/Resources/Servers/CreationPolicy/ResourceSignal/Count");
    assert_eq!(created, &json!({ "Ref": "MinInstances" }));
    // CloudFormation refuses a rolling update without room for one more.
    let (fewest, most) = (template.at("/Parameters/MinInstances"), template.at("/Parameters/MaxInstances"));
    assert_eq!(fewest["MinValue"], 2);
    assert!(
        most["MinValue"].as_u64() > fewest["MinValue"].as_u64()
            && most["Default"].as_u64() > fewest["Default"].as_u64()
    );
    assert_eq!(template.properties("Servers")["DesiredCapacity"], Value::Null, "an update leaves the size alone");
}

#[test]
fn a_server_is_judged_by_the_load_balancer_and_none_goes_before_another_has_come() {
    let template = servers();
    let group = template.properties("Servers");
    assert_eq!(group["HealthCheckType"], "ELB");
    assert_eq!(template.properties("TargetGroup")["HealthCheckPath"], "/readyz");
    let hook = &group["LifecycleHookSpecificationList"][0];
    assert_eq!(hook["LifecycleTransition"], "autoscaling:EC2_INSTANCE_LAUNCHING");
    assert_eq!(hook["DefaultResult"], "ABANDON", "silence is no readiness");
    // A table that is away makes all of them ill, and must not have all of them replaced.
    assert_eq!(group["InstanceMaintenancePolicy"]["MinHealthyPercentage"], 100);
    let tracked: BTreeSet<_> = template
        .of_type("AWS::AutoScaling::ScalingPolicy")
        .map(|(_, policy)| {
            let target = &policy["Properties"]["TargetTrackingConfiguration"]["PredefinedMetricSpecification"];
            text(&target["PredefinedMetricType"])
        })
        .collect();
    assert_eq!(tracked, BTreeSet::from(["ALBRequestCountPerTarget", "ASGAverageCPUUtilization"]));
}

/// A time that the server keeps to, as its code says.
fn limit(name: &str) -> Duration {
    let code = include_str!("../../lambda/src/server/mod.rs");
    let (_, rest) = code.split_once(&format!("{name}: Duration::from_secs(")).expect("a limit of this name");
    let (seconds, _) = rest.split_once(')').expect("seconds");
    Duration::from_secs(seconds.parse().expect("a number"))
}

#[test]
fn whoever_waits_for_a_server_waits_longer_than_it_takes() {
    let template = servers();
    let seconds = |text: &str| Duration::from_secs(text.parse().expect("a number"));
    // A body may take as long as an answer.
    assert!(seconds(&attribute(&template, "deregistration_delay.timeout_seconds")) >= 2 * limit("request"));
    assert!(seconds(&attribute(&template, "idle_timeout.timeout_seconds")) < limit("head"));
    let told = |text: &str, name: &str| {
        let (_, value) = text.split_once(&format!("\n{name}=")).unwrap_or_else(|| panic!("no {name}"));
        seconds(value.lines().next().expect("a line"))
    };
    let notice = told(&boot::script(&template), "NOTICE_SECONDS");
    assert!(told(&boot::unit(&template), "TimeoutStopSec") > notice + limit("drain"));
    // One that is stopped on its machine is still sent visitors until the load balancer has seen that it stops.
    let target = template.properties("TargetGroup");
    let [every, within, times] = ["HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "UnhealthyThresholdCount"]
        .map(|name| target[name].as_u64().expect("a number"));
    assert!(within < every, "a check ends before the next");
    assert!(notice > Duration::from_secs(every * times), "{notice:?}");
}

#[test]
fn a_server_without_its_log_agent_says_so_in_the_words_that_raise_the_alarm() {
    let template = servers();
    let filter = template.properties("Unlogged");
    let (_, words) = text(&filter["FilterPattern"]).split_once("$.message = \"").expect("words");
    let (words, _) = words.split_once('"').expect("words");
    let script = boot::script(&template);
    assert!(script.contains(&format!("\nagent || note '{words}'\n")), "{words}");
    assert!(script.contains(r#"\\"message\\":\\"%s\\""#), "as a field of JSON");
    let metric = &filter["MetricTransformations"][0];
    let alarm = template.properties("UnloggedAlarm");
    assert_eq!((&alarm["MetricName"], &alarm["Namespace"]), (&metric["MetricName"], &metric["MetricNamespace"]));
}
