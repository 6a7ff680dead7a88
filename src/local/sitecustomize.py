# Loaded by Python before the emulator starts. What is mended here is the emulator, never a template.
import asyncio
import json
import re
import shutil
import socketserver
import threading
import urllib.parse
import uuid

# Python's servers leave Nagle's algorithm on, which costs every invocation of a function about 40 ms.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

# When it enforces policies, it asks for some rights on every resource (`*`) where AWS asks for each that is meant: to
# send mail, the identity and the configuration set; to read or delete several parameters, every one of them, or
# their folder; for a change set, its stack; for tags, the table; to ask what somebody may do, that one. A log group without a name it calls by stack and logical ID as AWS does,
# but in another way.
try:
    import ministack.core.iam_actions as actions
    import ministack.core.iam_evaluator as evaluator
    import ministack.services.cloudformation as cloudformation
    import ministack.services.cloudformation.provisioners as provisioners
    import ministack.services.lambda_svc as functions
    import ministack.services.sns as topics
except ImportError:  # pip's own runs load this file too
    pass
else:
    plain_arn, plain_enforce = actions.extract_resource_arn, evaluator.enforce

    def first(value):
        return value[0] if isinstance(value, list) else value

    def resource_arn(service, method, path, headers, body, query_params, region, account_id):
        if service == "ses" and first(query_params.get("Action", "")) == "SendRawEmail":
            named = (("identity", "Source"), ("configuration-set", "ConfigurationSetName"))
            named = [(kind, first(query_params.get(name, ""))) for kind, name in named]
            return "\n".join(f"arn:aws:ses:{region}:{account_id}:{kind}/{name}" for kind, name in named if name) or "*"
        if service == "cloudformation" and not first(query_params.get("StackName", "")):
            change_set = cloudformation._change_sets.get(first(query_params.get("ChangeSetName", "")))
            if change_set:
                return change_set["StackId"]
        if service == "ssm" and headers.get("x-amz-target", "").endswith((".GetParameters", ".DeleteParameters")):
            # Whoever may read a parameter may read each version of it, which is named behind a colon.
            names = [name.lstrip("/").split(":")[0] for name in member(body, "Names") or [] if isinstance(name, str)]
            return "\n".join(f"arn:aws:ssm:{region}:{account_id}:parameter/{name}" for name in names) or "*"
        if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParametersByPath"):
            return f"arn:aws:ssm:{region}:{account_id}:parameter/{str(member(body, 'Path') or '').lstrip('/')}"
        if service == "iam" and first(query_params.get("Action", "")) == "SimulatePrincipalPolicy":
            return first(query_params.get("PolicySourceArn", "*"))
        if service == "dynamodb" and headers.get("x-amz-target", "").endswith(".ListTagsOfResource"):
            return member(body, "ResourceArn") or "*"
        arn = plain_arn(service, method, path, headers, body, query_params, region, account_id)
        if service == "ssm":
            return re.sub(r"(:parameter/[^:]+):.*", r"\1", arn)
        if service == "logs":
            return re.sub(r":log-group:/aws/cloudformation/([^/]+)/(\w+)", r":log-group:\1-\2-1", arn)
        return arn

    def member(body, name):
        try:
            return json.loads(body).get(name)
        except (ValueError, TypeError, AttributeError):  # then the call itself is refused
            return None

    def enforce(access_key_id, iam_action, service, region, resource_arn="*", *arguments, **options):
        for arn in resource_arn.split("\n"):
            denied = plain_enforce(access_key_id, iam_action, service, region, arn, *arguments, **options)
            if denied:
                return denied
        return None

    actions.extract_resource_arn, evaluator.enforce = resource_arn, enforce

    # One alias it takes for the list of them.
    plain_lambda_action = actions._lambda_action

    def lambda_action(method, path):
        of_alias = {"GET": "GetAlias", "PUT": "UpdateAlias", "DELETE": "DeleteAlias"}
        return of_alias.get(method) if "/aliases/" in path else plain_lambda_action(method, path)

    actions._lambda_action = lambda_action

    # Policies of buckets and queues ask for TLS. What never leaves this machine is as safe without.
    plain_origin = evaluator.pin_request_origin
    evaluator.pin_request_origin = lambda source, secure: plain_origin(source, True)

    # Of a parameter that names one of Parameter Store it shows what that holds, and AWS the name that was given.
    plain_describe = cloudformation._ACTION_HANDLERS["DescribeStacks"]

    def describe_stacks(params):
        for stack in cloudformation._stacks.values():
            resolved = stack.get("_resolved_params") or {}
            for shown in stack.get("Parameters", []):
                named = resolved.get(shown["ParameterKey"])
                if isinstance(named, dict) and named.get("SsmName"):
                    shown["ParameterValue"] = named["SsmName"]
        return plain_describe(params)

    cloudformation._ACTION_HANDLERS["DescribeStacks"] = describe_stacks

    # A change set that is to create a stack makes a stack of its own here, also where one waits to be created: then each of
    # two can be executed, and makes everything. In AWS they are of one stack, and gone once one of them is executed.
    plain_create = cloudformation._ACTION_HANDLERS["CreateChangeSet"]

    def create_change_set(params):
        name = first(params.get("StackName", ""))
        begun = cloudformation._stacks.get(name)
        if not begun or begun["StackStatus"] != "REVIEW_IN_PROGRESS":
            return plain_create(params)
        status, headers, body = plain_create(params)
        made, cloudformation._stacks[name] = cloudformation._stacks.get(name, begun), begun
        own, other = begun["StackId"], made["StackId"]
        for change_set in cloudformation._change_sets.values():
            if change_set["StackId"] == other:
                change_set["StackId"] = own
        if own != other:
            cloudformation._stack_events.pop(other, None)
        return status, headers, body.replace(other.encode(), own.encode())

    cloudformation._ACTION_HANDLERS["CreateChangeSet"] = create_change_set

    # Each code that a function ever had it leaves unpacked on the disk, 65 MB a deploy. Here that of the last ones stays;
    # any other that a function still has is unpacked again when it starts.
    KEPT_CODES = 16
    plain_code_dir, last_used, using = functions._provided_runtime_code_dir, {}, threading.Lock()

    def code_dir(code_zip):
        with using:
            folder = plain_code_dir(code_zip)
            last_used.pop(folder, None)
            last_used[folder] = True
            for old in list(last_used)[:-KEPT_CODES]:
                del last_used[old]
                shutil.rmtree(old, ignore_errors=True)
        return folder

    functions._provided_runtime_code_dir = code_dir

    # It asks no URL that a stack subscribes whether it wants to hear, and so never calls it. Here one on this machine is
    # asked, as SNS asks any, and no other: what is tried is no business of whoever is served.
    plain_subscribe, plain_list = provisioners._sns_sub_create, topics._list_subscriptions_by_topic

    def subscribe(logical_id, props, stack_name):
        arn, attributes = plain_subscribe(logical_id, props, stack_name)
        topic = props.get("TopicArn", "")
        subscription = topics._find_subscription(topic, arn)
        if subscription and not subscription["confirmed"] and is_here(subscription["endpoint"]):
            subscription["token"] = str(uuid.uuid4())
            asking = topics._send_subscription_confirmation(topic, subscription)
            threading.Thread(target=asyncio.run, args=(asking,), daemon=True).start()
        return arn, attributes

    def is_here(url):
        return urllib.parse.urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")

    # Nor does it tell who has not confirmed.
    def list_subscriptions(params):
        status, headers, body = plain_list(params)
        topic = topics._topics.get(first(params.get("TopicArn", "")), {})
        for subscription in topic.get("subscriptions", []):
            if not subscription["confirmed"]:
                body = body.replace(subscription["arn"].encode(), b"PendingConfirmation")
        return status, headers, body

    provisioners._sns_sub_create = subscribe
    provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"]["create"] = subscribe
    topics._list_subscriptions_by_topic = list_subscriptions
