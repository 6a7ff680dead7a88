//! The types that the front on instances alone is made of. Pure.

use super::{Kind, kind};
use crate::engine::permissions::scope::On;

/// A type of what stands in a network.
const fn network(of: &'static str, actions: &'static [&'static str]) -> Kind {
    kind(of, On::Network, actions)
}

pub const ALL: &[Kind] = &[
    // What stands in a network has no ARN before it is there, and what describes it knows no resources.
    network(
        "AWS::EC2::VPC",
        &["ec2:CreateTags", "ec2:CreateVpc", "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:ModifyVpcAttribute"],
    ),
    kind(
        "AWS::EC2::VPC",
        On::Anything,
        &[
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcs",
        ],
    ),
    network(
        "AWS::EC2::InternetGateway",
        &["ec2:CreateInternetGateway", "ec2:CreateTags", "ec2:DeleteInternetGateway", "ec2:DeleteTags"],
    ),
    kind("AWS::EC2::InternetGateway", On::Anything, &["ec2:DescribeInternetGateways"]),
    network("AWS::EC2::VPCGatewayAttachment", &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway"]),
    kind("AWS::EC2::VPCGatewayAttachment", On::Anything, &["ec2:DescribeInternetGateways", "ec2:DescribeVpnGateways"]),
    network(
        "AWS::EC2::Subnet",
        &["ec2:CreateSubnet", "ec2:CreateTags", "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:ModifySubnetAttribute"],
    ),
    // The zones are those that the account has.
    kind("AWS::EC2::Subnet", On::Anything, &["ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets"]),
    network(
        "AWS::EC2::RouteTable",
        &["ec2:CreateRouteTable", "ec2:CreateTags", "ec2:DeleteRouteTable", "ec2:DeleteTags"],
    ),
    kind("AWS::EC2::RouteTable", On::Anything, &["ec2:DescribeRouteTables"]),
    network("AWS::EC2::Route", &["ec2:CreateRoute", "ec2:DeleteRoute", "ec2:ReplaceRoute"]),
    kind("AWS::EC2::Route", On::Anything, &["ec2:DescribeRouteTables"]),
    network(
        "AWS::EC2::SubnetRouteTableAssociation",
        &["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation"],
    ),
    kind("AWS::EC2::SubnetRouteTableAssociation", On::Anything, &["ec2:DescribeRouteTables"]),
    network(
        "AWS::EC2::VPCEndpoint",
        &[
            "ec2:CreateTags",
            "ec2:CreateVpcEndpoint",
            "ec2:DeleteTags",
            "ec2:DeleteVpcEndpoints",
            "ec2:ModifyVpcEndpoint",
        ],
    ),
    kind("AWS::EC2::VPCEndpoint", On::Anything, &["ec2:DescribePrefixLists", "ec2:DescribeVpcEndpoints"]),
    network(
        "AWS::EC2::SecurityGroup",
        &[
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteTags",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        ],
    ),
    kind(
        "AWS::EC2::SecurityGroup",
        On::Anything,
        &["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules"],
    ),
    network(
        "AWS::EC2::LaunchTemplate",
        &[
            "ec2:CreateLaunchTemplate",
            "ec2:CreateLaunchTemplateVersion",
            "ec2:CreateTags",
            "ec2:DeleteLaunchTemplate",
            "ec2:DeleteLaunchTemplateVersions",
            "ec2:DeleteTags",
            "ec2:GetLaunchTemplateData",
            "ec2:ModifyLaunchTemplate",
        ],
    ),
    kind(
        "AWS::EC2::LaunchTemplate",
        On::Anything,
        &["ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates"],
    ),
    // Which image is the newest.
    kind("AWS::EC2::LaunchTemplate", On::PublicImages, &["ssm:GetParameters"]),
    kind(
        "AWS::IAM::InstanceProfile",
        On::InstanceProfiles,
        &[
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
        ],
    ),
    kind("AWS::IAM::InstanceProfile", On::PassedRoles, &["iam:PassRole"]),
    kind(
        "AWS::AutoScaling::AutoScalingGroup",
        On::Groups,
        &[
            "autoscaling:AttachLoadBalancerTargetGroups",
            "autoscaling:CreateAutoScalingGroup",
            "autoscaling:CreateOrUpdateTags",
            "autoscaling:DeleteAutoScalingGroup",
            "autoscaling:DeleteLifecycleHook",
            "autoscaling:DeleteTags",
            "autoscaling:DetachLoadBalancerTargetGroups",
            "autoscaling:DisableMetricsCollection",
            "autoscaling:EnableMetricsCollection",
            "autoscaling:PutLifecycleHook",
            "autoscaling:ResumeProcesses",
            "autoscaling:SetDesiredCapacity",
            "autoscaling:SuspendProcesses",
            "autoscaling:TerminateInstanceInAutoScalingGroup",
            "autoscaling:UpdateAutoScalingGroup",
        ],
    ),
    kind(
        "AWS::AutoScaling::AutoScalingGroup",
        On::Anything,
        &[
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeAutoScalingInstances",
            "autoscaling:DescribeLifecycleHooks",
            "autoscaling:DescribeLoadBalancerTargetGroups",
            "autoscaling:DescribeNotificationConfigurations",
            "autoscaling:DescribeScalingActivities",
            "autoscaling:DescribeTags",
        ],
    ),
    // Auto Scaling wants to see that whoever names a launch template may start what is in it.
    kind("AWS::AutoScaling::AutoScalingGroup", On::Launched, &["ec2:CreateTags", "ec2:RunInstances"]),
    kind("AWS::AutoScaling::AutoScalingGroup", On::ScalingRole, &["iam:CreateServiceLinkedRole"]),
    kind("AWS::AutoScaling::ScalingPolicy", On::Groups, &["autoscaling:DeletePolicy", "autoscaling:PutScalingPolicy"]),
    kind("AWS::AutoScaling::ScalingPolicy", On::Anything, &["autoscaling:DescribePolicies"]),
    kind(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:DeleteLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:RemoveTags",
            "elasticloadbalancing:SetIpAddressType",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        On::Anything,
        &[
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAddresses",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "elasticloadbalancing:DescribeCapacityReservation",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
        ],
    ),
    kind("AWS::ElasticLoadBalancingV2::LoadBalancer", On::BalancingRole, &["iam:CreateServiceLinkedRole"]),
    kind(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:DeleteTargetGroup",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:RegisterTargets",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        On::Anything,
        &[
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::Listener",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:DeleteListener",
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:ModifyListenerAttributes",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::Listener",
        On::Anything,
        &[
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeListenerCertificates",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTags",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateRule",
            "elasticloadbalancing:DeleteRule",
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:RemoveTags",
            "elasticloadbalancing:SetRulePriorities",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        On::Anything,
        &["elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags"],
    ),
];
