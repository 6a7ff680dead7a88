# Loaded by Python before the emulator starts. What is mended here is the emulator, never a template.
import socketserver

# Python's servers leave Nagle's algorithm on, which costs every invocation of a function about 40 ms.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

# When it enforces roles, it asks for the right to send mail on every resource (`*`). AWS asks for it on the
# identity that the mail is sent from.
try:
    import ministack.core.iam_actions as actions
except ImportError:  # pip's own runs load this file too
    pass
else:
    plain = actions.extract_resource_arn

    def first(value):
        return value[0] if isinstance(value, list) else value

    def resource_arn(service, method, path, headers, body, query_params, region, account_id):
        if service == "ses" and first(query_params.get("Action", "")) == "SendRawEmail":
            return f"arn:aws:ses:{region}:{account_id}:identity/{first(query_params.get('Source', ''))}"
        return plain(service, method, path, headers, body, query_params, region, account_id)

    actions.extract_resource_arn = resource_arn
