# Loaded by Python before the emulator starts. What is mended here is the emulator, never a template.
import json
import socketserver

# Python's servers leave Nagle's algorithm on, which costs every invocation of a function about 40 ms.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

# When it enforces roles, it asks for some rights on every resource (`*`): to send mail, where AWS asks for it on the
# identity that the mail is sent from, and to read several parameters, where AWS asks for each of them.
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
            return f"arn:aws:ses:{region}:{account_id}:identity/{first(query_params.get('Source', ''))}"
        if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParameters"):
            names = json.loads(body).get("Names", [])
            return "\n".join(f"arn:aws:ssm:{region}:{account_id}:parameter{name}" for name in names)
        return plain_arn(service, method, path, headers, body, query_params, region, account_id)

    def enforce(*arguments, resource_arn="*", **options):
        each = (plain_enforce(*arguments, resource_arn=arn, **options) for arn in resource_arn.split("\n"))
        return next((denied for denied in each if denied), None)

    actions.extract_resource_arn, evaluator.enforce = resource_arn, enforce
