# Loaded by Python before the emulator starts. What is mended here is the emulator, never a template.
import json
import socketserver

# Python's servers leave Nagle's algorithm on, which costs every invocation of a function about 40 ms.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

# When it enforces roles, it asks for some rights on every resource (`*`) where AWS asks for each that is meant: to
# send mail, the identity and the configuration set, and to read several parameters, every one of them.
try:
    import ministack.core.iam_actions as actions
    import ministack.core.iam_evaluator as evaluator
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
        if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParameters"):
            names = [name.lstrip("/") for name in names_of(body)]
            return "\n".join(f"arn:aws:ssm:{region}:{account_id}:parameter/{name}" for name in names) or "*"
        return plain_arn(service, method, path, headers, body, query_params, region, account_id)

    def names_of(body):
        try:
            return [name for name in json.loads(body)["Names"] if isinstance(name, str)]
        except (ValueError, TypeError, KeyError):  # then the call itself is refused
            return []

    def enforce(access_key_id, iam_action, service, region, resource_arn="*", *arguments, **options):
        for arn in resource_arn.split("\n"):
            denied = plain_enforce(access_key_id, iam_action, service, region, arn, *arguments, **options)
            if denied:
                return denied
        return None

    actions.extract_resource_arn, evaluator.enforce = resource_arn, enforce
