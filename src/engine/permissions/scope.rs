//! The resources of one service in one account, as ARNs that are known before any of them exists. Pure.
//!
//! CloudFormation makes most names itself: that of the stack, the logical ID, and something random behind them.

use crate::engine::desired;
use crate::engine::evaluate::Evaluated;
use crate::engine::identity::sender;
use crate::engine::notes;
use crate::engine::template::Role;
use crate::spec::Spec;

/// Where the service is. `*` stands for any, and what CloudFormation puts in may stand there too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub partition: String,
    pub region: String,
    pub account: String,
}

impl Place {
    /// Of what is known; the rest is any.
    pub fn new(region: Option<&str>, account: Option<&str>) -> Self {
        let partition = match region {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let any = |known: Option<&str>| known.unwrap_or("*").to_owned();
        Self { partition: partition.to_owned(), region: any(region), account: any(account) }
    }

    /// That of the stack that the ARNs are in.
    pub fn of_stack(region: Option<&str>) -> Self {
        Self {
            partition: "${AWS::Partition}".into(),
            region: region.unwrap_or("${AWS::Region}").to_owned(),
            account: "${AWS::AccountId}".into(),
        }
    }
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Where AWS knows no resource, or asks for all of them.
    Anything,
    Stacks,
    /// With its indexes.
    Table,
    /// With its objects.
    Bucket,
    Parameters,
    /// The folder of the notes that services leave each other, which holds no key.
    Notes,
    /// That of the service's own domain.
    Certificate,
    /// Whoever deploys.
    Principals,
    Identities,
    /// Any: CloudFormation need not begin their names with the stack's.
    ConfigurationSets,
    Functions,
    /// Named by their function alone.
    Mappings,
    /// Any: their IDs are random.
    TaggedMappings,
    Roles,
    /// The same, where they are given to a service.
    PassedRoles,
    LogGroups,
    Queues,
    Topics,
    Alarms,
    Dashboards,
    Schedules,
    /// Any: their IDs are random.
    Apis,
    Domains,
    /// The role by which API Gateway reads a domain's certificate.
    GatewayRole,
    /// Any: their IDs are random.
    Network,
    /// What an instance is started from and in, Amazon's images among it.
    Launched,
    /// Where Parameter Store names Amazon's images.
    PublicImages,
    InstanceProfiles,
    Groups,
    /// The role by which Auto Scaling starts instances.
    ScalingRole,
    /// With their listeners and target groups. Any: CloudFormation cuts their names short.
    LoadBalancers,
    /// The role by which load balancers reach into networks.
    BalancingRole,
}

/// A condition of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub operator: &'static str,
    pub key: &'static str,
    pub values: Vec<String>,
}

/// One service at one place.
#[derive(Debug)]
pub struct Scope {
    place: Place,
    service: String,
    key_prefix: String,
    sender: String,
    domain: Option<String>,
    certificate: Option<String>,
    stacks: Vec<(String, Evaluated)>,
}

/// Letters and digits that CloudFormation adds to a name, at most, with the hyphens between the parts.
const RANDOM: usize = 15;

/// Letters of a stack's name that are left where a name would become too long, at least.
const LEFT: usize = 20;

impl Scope {
    pub fn of(spec: &Spec, place: Place) -> Self {
        Self {
            place,
            service: spec.service.clone(),
            key_prefix: spec.key_prefix(),
            sender: spec.email.from.clone(),
            domain: spec.domain.as_ref().map(|domain| domain.name.clone()),
            certificate: spec.domain.as_ref().map(|domain| domain.certificate_arn.clone()),
            stacks: desired::foreseen(spec).iter().map(|it| (it.stack.clone(), it.evaluated())).collect(),
        }
    }

    /// Whether a stack of the spec has a resource of this type.
    pub fn makes(&self, resource_type: &str) -> bool {
        self.stacks.iter().any(|(_, stack)| stack.resources.values().any(|it| it.resource_type == resource_type))
    }

    pub fn arns(&self, on: On) -> Vec<String> {
        let whole = |arns: &[&str]| arns.iter().map(ToString::to_string).collect();
        match on {
            On::Anything | On::Mappings => whole(&["*"]),
            On::Stacks => {
                let stack = |role: Role| format!("stack/{}/*", role.stack_name(&self.service));
                Role::ALL.map(|role| self.arn("cloudformation", &stack(role))).into()
            }
            On::Table => self.made("dynamodb", "table/", "AWS::DynamoDB::Table", "TableName", 255),
            On::Bucket => {
                let names = self.names("AWS::S3::Bucket", "BucketName", 63);
                names.iter().map(|name| format!("arn:{}:s3:::{}", self.place.partition, name.to_lowercase())).collect()
            }
            On::Parameters => {
                let (_, note) = notes::of_identities(&self.key_prefix);
                [format!("{}/*", self.key_prefix), note].map(|name| self.arn("ssm", &format!("parameter{name}"))).into()
            }
            On::Notes => {
                let (folder, _) = notes::of_identities(&self.key_prefix);
                ["", "/*"].map(|end| self.arn("ssm", &format!("parameter{folder}{end}"))).into()
            }
            On::Certificate => vec![self.certificate.clone().unwrap_or_else(|| self.arn("acm", "certificate/*"))],
            On::Principals => vec![self.global("iam", "role/*"), self.global("iam", "user/*")],
            On::Identities => {
                let names = sender::names(&self.sender);
                names.map(|identity| self.arn("ses", &format!("identity/{identity}"))).collect()
            }
            On::ConfigurationSets => vec![self.arn("ses", "configuration-set/*")],
            On::Functions => {
                let all = self.made("lambda", "function:", "AWS::Lambda::Function", "FunctionName", 64);
                all.into_iter().flat_map(|arn| [format!("{arn}:*"), arn]).collect()
            }
            On::TaggedMappings => vec![self.arn("lambda", "event-source-mapping:*")],
            On::Roles | On::PassedRoles => {
                let names = self.names("AWS::IAM::Role", "RoleName", 64);
                names.iter().map(|name| self.global("iam", &format!("role/{name}"))).collect()
            }
            On::LogGroups => {
                let all = self.made("logs", "log-group:", "AWS::Logs::LogGroup", "LogGroupName", 512);
                // A group's own ARN, and that of its streams; what ends in `*` is both.
                let streams = |arn: &String| (!arn.ends_with('*')).then(|| format!("{arn}:*"));
                let streams: Vec<String> = all.iter().filter_map(streams).collect();
                [all, streams].concat()
            }
            On::Queues => self.made("sqs", "", "AWS::SQS::Queue", "QueueName", 80),
            On::Topics => self.made("sns", "", "AWS::SNS::Topic", "TopicName", 256),
            On::Alarms => vec![self.arn("cloudwatch", &format!("alarm:{}-*", self.service))],
            On::Dashboards => {
                let names = self.names("AWS::CloudWatch::Dashboard", "DashboardName", 255);
                let name = |name: &String| name.replace("${AWS::Region}", &self.place.region);
                names.iter().map(|it| self.global("cloudwatch", &format!("dashboard/{}", name(it)))).collect()
            }
            On::Schedules => self.made("scheduler", "schedule/default/", "AWS::Scheduler::Schedule", "Name", 64),
            On::Apis => ["/apis", "/apis/*", "/tags/*"].map(|path| self.gateway(path)).into(),
            On::Domains => {
                let name = self.domain.as_deref().unwrap_or("*");
                let paths =
                    ["/domainnames".to_owned(), format!("/domainnames/{name}"), format!("/domainnames/{name}/*")];
                paths.map(|path| self.gateway(&path)).into()
            }
            On::GatewayRole => self.service_role("ops.apigateway", "APIGateway"),
            On::Network => vec![self.arn("ec2", "*")],
            On::Launched => vec![self.arn("ec2", "*"), self.public("ec2", "image/*")],
            On::PublicImages => vec![self.public("ssm", "parameter/aws/service/ami-amazon-linux-latest/*")],
            On::InstanceProfiles => {
                let names = self.names("AWS::IAM::InstanceProfile", "InstanceProfileName", 128);
                names.iter().map(|name| self.global("iam", &format!("instance-profile/{name}"))).collect()
            }
            On::Groups => {
                let prefix = "autoScalingGroup:*:autoScalingGroupName/";
                self.made("autoscaling", prefix, "AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName", 255)
            }
            On::ScalingRole => self.service_role("autoscaling", "AutoScaling"),
            On::LoadBalancers => ["loadbalancer/app/*", "targetgroup/*", "listener/app/*", "listener-rule/app/*"]
                .map(|name| self.arn("elasticloadbalancing", name))
                .into(),
            On::BalancingRole => self.service_role("elasticloadbalancing", "ElasticLoadBalancing"),
        }
    }

    pub fn condition(&self, on: On) -> Option<Condition> {
        match on {
            On::PassedRoles => {
                let mut services = vec!["lambda.amazonaws.com".to_owned(), "scheduler.amazonaws.com".to_owned()];
                services.extend(self.makes("AWS::IAM::InstanceProfile").then(|| "ec2.amazonaws.com".to_owned()));
                Some(Condition { operator: "StringEquals", key: "iam:PassedToService", values: services })
            }
            On::Mappings => {
                Some(Condition { operator: "ArnLike", key: "lambda:FunctionArn", values: self.arns(On::Functions) })
            }
            _ => None,
        }
    }

    /// The ARNs of a type's resources.
    fn made(&self, api: &str, prefix: &str, resource_type: &str, property: &str, longest: usize) -> Vec<String> {
        let names = self.names(resource_type, property, longest);
        names.iter().map(|name| self.arn(api, &format!("{prefix}{name}"))).collect()
    }

    /// The names of a type's resources: those that the templates give, and how those begin that CloudFormation makes,
    /// of at most so many letters.
    fn names(&self, resource_type: &str, property: &str, longest: usize) -> Vec<String> {
        let mut names = Vec::new();
        for (stack, evaluated) in &self.stacks {
            let all = evaluated.resources.iter().filter(|(_, resource)| resource.resource_type == resource_type);
            for (id, resource) in all {
                let given = resource.properties.get(property).and_then(|name| name.as_str());
                let name = given.map_or_else(|| generated(stack, id, longest), str::to_owned);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    fn arn(&self, api: &str, resource: &str) -> String {
        let Place { partition, region, account } = &self.place;
        format!("arn:{partition}:{api}:{region}:{account}:{resource}")
    }

    /// Of a service that has no Regions.
    fn global(&self, api: &str, resource: &str) -> String {
        let Place { partition, account, .. } = &self.place;
        format!("arn:{partition}:{api}::{account}:{resource}")
    }

    /// What AWS offers to everybody in a Region.
    fn public(&self, api: &str, resource: &str) -> String {
        let Place { partition, region, .. } = &self.place;
        format!("arn:{partition}:{api}:{region}::{resource}")
    }

    /// The role that AWS makes for a service of its own.
    fn service_role(&self, service: &str, name: &str) -> Vec<String> {
        vec![self.global("iam", &format!("role/aws-service-role/{service}.amazonaws.com/AWSServiceRoleFor{name}"))]
    }

    /// API Gateway leaves the account out.
    fn gateway(&self, path: &str) -> String {
        let Place { partition, region, .. } = &self.place;
        format!("arn:{partition}:apigateway:{region}::{path}")
    }
}

/// How a name begins that CloudFormation makes. What would become too long is cut within the parts.
fn generated(stack: &str, logical_id: &str, longest: usize) -> String {
    if stack.len() + logical_id.len() + RANDOM <= longest {
        return format!("{stack}-{logical_id}-*");
    }
    format!("{}*", stack.get(..LEFT).unwrap_or(stack))
}

#[cfg(test)]
pub mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec::Domain;

    /// An example that asks for all that there is.
    pub fn fullest() -> Spec {
        let mut spec = spec("full.yaml");
        spec.domain =
            Some(Domain { name: "join.example.com".into(), certificate_arn: "arn:aws:acm::1:certificate/1".into() });
        spec.monitoring.alarm_address = Some("ops@example.com".into());
        spec
    }

    pub fn spec(example: &str) -> Spec {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
        crate::spec::load(&file, None, false).expect("valid")
    }

    /// The smallest example.
    pub fn smallest() -> Scope {
        Scope::of(&spec("waitlist.yaml"), Place::new(Some("eu-central-1"), Some("123456789012")))
    }

    #[test]
    fn resources_are_known_before_they_exist() {
        let scope = smallest();
        let all = [On::Stacks, On::Table, On::Bucket, On::Functions, On::Roles, On::LogGroups, On::Dashboards];
        let arns: Vec<String> = all.into_iter().flat_map(|on| scope.arns(on)).collect();
        insta::assert_snapshot!(arns.join("\n"), @r"
        arn:aws:cloudformation:eu-central-1:123456789012:stack/waitlist-data/*
        arn:aws:cloudformation:eu-central-1:123456789012:stack/waitlist-workers/*
        arn:aws:cloudformation:eu-central-1:123456789012:stack/waitlist-web/*
        arn:aws:cloudformation:eu-central-1:123456789012:stack/waitlist-servers/*
        arn:aws:dynamodb:eu-central-1:123456789012:table/waitlist-data-Table-*
        arn:aws:s3:::waitlist-data-artifactbucket-*
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-feedback:*
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-feedback
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-sweeper:*
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-sweeper
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-worker:*
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-worker
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-admin:*
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-admin
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-web:*
        arn:aws:lambda:eu-central-1:123456789012:function:waitlist-web
        arn:aws:iam::123456789012:role/waitlist-workers-FeedbackRole-*
        arn:aws:iam::123456789012:role/waitlist-workers-SweeperRole-*
        arn:aws:iam::123456789012:role/waitlist-workers-SweeperScheduleRole-*
        arn:aws:iam::123456789012:role/waitlist-workers-WorkerRole-*
        arn:aws:iam::123456789012:role/waitlist-web-AdminRole-*
        arn:aws:iam::123456789012:role/waitlist-web-WebRole-*
        arn:aws:logs:eu-central-1:123456789012:log-group:/signupctl/waitlist/admin
        arn:aws:logs:eu-central-1:123456789012:log-group:waitlist-workers-FeedbackLogs-*
        arn:aws:logs:eu-central-1:123456789012:log-group:waitlist-workers-SweeperLogs-*
        arn:aws:logs:eu-central-1:123456789012:log-group:waitlist-workers-WorkerLogs-*
        arn:aws:logs:eu-central-1:123456789012:log-group:/aws/vendedlogs/waitlist-web
        arn:aws:logs:eu-central-1:123456789012:log-group:waitlist-web-WebLogs-*
        arn:aws:logs:eu-central-1:123456789012:log-group:/signupctl/waitlist/admin:*
        arn:aws:logs:eu-central-1:123456789012:log-group:/aws/vendedlogs/waitlist-web:*
        arn:aws:cloudwatch::123456789012:dashboard/waitlist-eu-central-1
        ");
    }

    #[test]
    fn what_instances_stand_in_is_known_as_far_as_can_be() {
        let scope = Scope::of(&spec("high-performance.yaml"), Place::new(Some("eu-central-1"), Some("123456789012")));
        let all = [On::Network, On::Launched, On::PublicImages, On::InstanceProfiles, On::Groups, On::LoadBalancers];
        let all = all.into_iter().chain([On::ScalingRole, On::BalancingRole]);
        let arns: Vec<String> = all.flat_map(|on| scope.arns(on)).collect();
        insta::assert_snapshot!(arns.join("\n"), @r"
        arn:aws:ec2:eu-central-1:123456789012:*
        arn:aws:ec2:eu-central-1:123456789012:*
        arn:aws:ec2:eu-central-1::image/*
        arn:aws:ssm:eu-central-1::parameter/aws/service/ami-amazon-linux-latest/*
        arn:aws:iam::123456789012:instance-profile/launch-servers-InstanceProfile-*
        arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:*:autoScalingGroupName/launch-servers
        arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/*
        arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/*
        arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/*
        arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/*
        arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling
        arn:aws:iam::123456789012:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing
        ");
        let passed = scope.condition(On::PassedRoles).expect("narrowed").values;
        assert_eq!(passed, ["lambda.amazonaws.com", "scheduler.amazonaws.com", "ec2.amazonaws.com"]);
    }

    #[test]
    fn what_is_not_known_may_be_anything() {
        let of = |region, account| Place::new(region, account);
        assert_eq!(of(None, None), Place { partition: "aws".into(), region: "*".into(), account: "*".into() });
        assert_eq!(of(Some("cn-north-1"), None).partition, "aws-cn");
        assert_eq!(of(Some("us-gov-west-1"), None).partition, "aws-us-gov");
    }

    #[test]
    fn a_name_that_would_be_too_long_is_known_by_its_beginning() {
        let longest = format!("{}-workers", "s".repeat(32));
        assert_eq!(generated("demo-web", "WebRole", 64), "demo-web-WebRole-*");
        assert_eq!(generated(&longest, "SweeperScheduleRole", 64), format!("{}*", "s".repeat(LEFT)));
    }
}
