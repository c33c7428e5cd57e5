"""Runs the emulator so that it serves this stack and nobody else.

By itself it takes whoever names its root key for the owner, without a signature, and answers any page
and any user of this machine; with that, a web page can have it run code. So:

- Requests carry the signature of a user or a role that the emulator knows, and it checks that. Its root
  key, and its own addresses below `/_`, are for the command alone, which proves itself by a secret.
- What a browser sends for a page that is not of this machine is refused, and so is a name that only
  leads here (DNS rebinding).
- A CloudFront function finds its key value store, which the emulator keeps and does not show it, and of
  `crypto` only what there is at the edge. Its code may have 10 KB.
- The servers that hand events to the functions can ask for no signature. They answer processes of this
  user and the function's own, and no browser.

Functions it would start as processes like its own. Here `reelrun lambda-sandbox` starts them, and is told
when they are to stand still. Where it does something else than AWS that the product depends on, it is set
right at the end.
"""

import asyncio
import contextvars
import http.server
import itertools
import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import time
import types
import weakref
from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit

# In a file, and not in the environment, which functions inherit and which stays to be read in /proc.
with open(os.environ.pop("REELRUN_SECRET_FILE"), "rb") as secret_file:
    SECRET = secret_file.read()
os.unlink(secret_file.name)
SANDBOX = json.loads(os.environ.pop("REELRUN_SANDBOX"))

import samtranslator.translator.transform as sam  # noqa: E402

import ministack.app as emulator  # noqa: E402
from ministack.core import lambda_runtime  # noqa: E402
from ministack.core.iam_evaluator import is_root_access_key  # noqa: E402
from ministack.core.router import extract_access_key_id  # noqa: E402
from ministack.core.sigv4 import decode_header_value  # noqa: E402
from ministack.core import cloudfront_js, node_pool  # noqa: E402
from ministack.services import cloudfront, cloudfront_keyvaluestore, lambda_svc  # noqa: E402
from ministack.services.cloudformation import changesets, engine  # noqa: E402


# Of two, readers take the one or the other.
ONCE = (b"authorization", b"host", b"origin", b"x-reelrun-secret")


def is_here(host):
    """Whether a host (and port) is this machine's by name."""
    name = urlsplit("//" + host).hostname or ""
    return name in ("127.0.0.1", "::1", "localhost") or name.endswith(".localhost")


def is_signed(headers, query):
    """Whether a request is signed, in one way only, with a key whose signature the emulator checks."""
    authorization = headers.get("authorization")
    if authorization is not None and not authorization.startswith("AWS4-HMAC-SHA256 "):
        return False
    parameters = parse_qs(query, keep_blank_values=True)
    names = ("x-amz-credential", "awsaccesskeyid")
    in_query = [value for name in parameters if name.lower() in names for value in parameters[name]]
    if len(in_query) + (authorization is not None) != 1:
        return False
    key = extract_access_key_id(headers, parameters) or ""
    return re.fullmatch("[A-Z0-9]{16,128}", key) is not None and not is_root_access_key(key)


def refusal(method, path, query, headers):
    """Why a request without the secret is refused; nothing if it is not."""
    if not is_here(headers.get("host", "")):
        return "this host name is not one of this machine"
    origin = headers.get("origin")
    if origin is not None and not is_here(urlsplit(origin).netloc):
        return "pages of other origins may not ask this"
    if path.startswith("/_"):
        return "this address is for `cargo reelrun` alone"
    if method == "OPTIONS" and "access-control-request-method" in headers:
        return None  # a browser asks whether a page may; the bucket's rules answer
    if not is_signed(headers, query):
        return "sign the request, with the credentials in stack.json"
    return None


def guarded(app):
    async def guard(scope, receive, send):
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        if scope["type"] != "http":
            return None
        names = [name.lower() for name, _ in scope["headers"]]
        if any(names.count(name) > 1 for name in ONCE):
            return await refuse(send, "a header that says who asks is there twice")
        headers = {name.decode("latin-1").lower(): decode_header_value(value) for name, value in scope["headers"]}
        if compare_digest(headers.get("x-reelrun-secret", "").encode(), SECRET):
            if headers.get("host", "").endswith(".cloudfront.net") and is_not_for_viewers(scope):
                return await refuse(send, "viewers of the CDN may not ask this")
            rest = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-reelrun-secret"]
            return await app({**scope, "headers": rest}, receive, send)
        query = scope.get("query_string", b"").decode("latin-1")
        why = refusal(scope["method"], scope["path"], query, headers)
        if why is None:
            return await app(scope, receive, send)
        await refuse(send, why)

    return guard


def is_not_for_viewers(scope):
    return scope["method"] not in ("GET", "HEAD", "OPTIONS") or scope["path"].startswith("/_")


async def refuse(send, why):
    body = f"<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>\n".encode()
    head = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": head})
    await send({"type": "http.response.body", "body": body})


def user_of(client, server):
    """The user whose connection this is, as Linux lists it."""
    ends = [f"{''.join(f'{int(part):02X}' for part in reversed(ip.split('.')))}:{port:04X}" for ip, port in (client, server)]
    with open("/proc/net/tcp") as connections:
        for line in connections:
            fields = line.split()
            # Of those that are closed it lists no user.
            if fields[1:4] == [*ends, "01"]:
                return int(fields[7])
    return None


def is_of_this_user(_, request, client_address):
    server = request.getsockname()
    user = user_of(client_address, server)
    return user == os.getuid() or (server[1] in SANDBOXES and user == SANDBOXES[server[1]].user)


def parse_request_of_no_browser(handler, parse=http.server.BaseHTTPRequestHandler.parse_request):
    if not parse(handler):
        return False
    of_a_page = any(handler.headers.get(name) for name in ("Origin", "Referer", "Sec-Fetch-Mode"))
    if of_a_page or not is_here(handler.headers.get("Host", "")):
        handler.send_error(403)
        return False
    return True


# By the port at which a function asks for its events.
SANDBOXES = {}

# Users whose numbers neither people nor the system's services have; one for each sandbox.
USERS = itertools.cycle(range(50_000, 60_000))

OWN_VARIABLES = dict(os.environ)


def variables(config, *rest, complete=lambda_svc._provided_worker_env):
    """A function's variables, without this server's own, and with what its sandbox is like."""
    variables = {
        name: value
        for name, value in complete(config, *rest).items()
        if name.startswith("AWS_") or OWN_VARIABLES.get(name) != value
    }
    variables["REELRUN_STORAGE_MB"] = str((config.get("EphemeralStorage") or {}).get("Size", 512))
    variables["REELRUN_LAYER"] = SANDBOX["layer"] if config.get("Layers") else ""
    return variables


def start_function(program, *, cwd, env, stdin=None, **rest):
    """Starts a function in a sandbox; programs of other kinds it doesn't start."""
    if program != [os.path.join(cwd, "bootstrap")]:
        raise OSError(f"{program[0]} is no function's program")
    layer, storage = env.pop("REELRUN_LAYER"), env.pop("REELRUN_STORAGE_MB")
    user = next(USERS)
    command = [*SANDBOX["command"], "--code", cwd, "--user", str(user), "--storage-mb", storage]
    command += ["--memory-mb", env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]]
    if layer:
        command += ["--layer", layer]
    # The variables are the function's, so the command is told by arguments.
    sandbox = subprocess.Popen(command, cwd="/", env=env, stdin=subprocess.PIPE, **rest)
    sandbox.user = user
    SANDBOXES[int(env["AWS_LAMBDA_RUNTIME_API"].rpartition(":")[2])] = sandbox
    return sandbox


def tell(server, line):
    """Tells the sandbox of the function that asks this server."""
    try:
        sandbox = SANDBOXES.get(server.server_address[1])
        sandbox.stdin.write(line)
        sandbox.stdin.flush()
    except (AttributeError, OSError, ValueError):
        pass  # it has ended, or is one that can't be told


class Worker(lambda_runtime.ProvidedWorker):
    """A function that stands still between invocations, and whose end is told as Lambda tells it."""

    exit_code = None

    def _mark_first_poll(self, generation):
        is_current = super()._mark_first_poll(generation)
        if is_current:
            tell(self._server, b"freeze\n")
        return is_current

    def _build_handler_class(self, *rest):
        class Handler(super()._build_handler_class(*rest)):
            def send_response(self, *rest):
                if self.command == "GET":
                    tell(self.server, b"thaw\n")
                super().send_response(*rest)

        return Handler

    def _shutdown_server(self):
        if self._server is not None:
            SANDBOXES.pop(self._server.server_address[1], None)
        super()._shutdown_server()

    def _teardown(self):
        self.exit_code = self._proc and self._proc.poll()
        super()._teardown()

    def invoke(self, event, request_id, **rest):
        result = super().invoke(event, request_id, **rest)
        error = result.get("error_payload")
        if isinstance(error, dict) and error.get("errorType") == "Runtime.ExitError":
            error["errorMessage"] = f"RequestId: {request_id} Error: Runtime exited with error: {ending(self.exit_code)}"
        return result


def ending(code):
    return f"signal: {signal.strsignal(-code).lower()}" if code and code < 0 else f"exit status {code}"


def apply_transforms(template, provided=None, previous=None, apply=engine._apply_transforms, transform=sam.transform):
    """SAM knows by a function's properties whether it has changed and needs a new version. On AWS it is
    told the parameters' values; the emulator tells it none, so a changed parameter would change nothing."""
    values = engine._transform_parameters(template, provided, previous)
    sam.transform = lambda fragment, _, policies: transform(fragment, values, policies)
    try:
        return apply(template, provided, previous)
    finally:
        sam.transform = transform


def invoke_async(function, event, invoke=lambda_svc.invoke_async_with_retry):
    """An event for an alias is retried, and given up, as the alias says; the emulator looks only for what
    the function says."""
    config = function["config"]
    whole = lambda_svc._functions.get(config["FunctionName"]) or {}
    aliases = whole.get("aliases", {})
    for qualifier, settings in whole.get("event_invoke_configs", {}).items():
        if aliases.get(qualifier, {}).get("FunctionVersion") == config["Version"]:
            function = {**function, "event_invoke_config": settings}
    return invoke(function, event)


# `store` is what the function's key value store holds, for the one call that the worker is at.
EDGE_MODULES = """
let store = {};
const kvs = {
  get: async (name) => {
    if (!Object.hasOwn(store, name)) throw new Error('KeyNotFound');
    return store[name];
  },
  exists: async (name) => Object.hasOwn(store, name),
};
const edgeCrypto = {};
for (const name of ['createHash', 'createHmac']) {
  edgeCrypto[name] = (hash, ...rest) => {
    if (!['md5', 'sha1', 'sha256'].includes(hash)) throw new Error(hash + ' is not supported by CloudFront Functions');
    return crypto[name](hash, ...rest);
  };
}
const _ALLOWED_MODULES = { cloudfront: { kvs: () => kvs }, crypto: edgeCrypto, querystring, buffer: bufferModule };
"""
MOST_EDGE_CODE = 10 * 1024


def edge_workers():
    script = cloudfront_js._WORKER_SCRIPT
    for known, ours in (
        ("const _ALLOWED_MODULES = { crypto, querystring, buffer: bufferModule };\n", EDGE_MODULES),
        ("  const { code, event } = req;\n", "  const { code, event } = req;\n  store = req.store;\n"),
    ):
        if script.count(known) != 1:
            sys.exit("the emulator runs CloudFront functions in another way than this was written for")
        script = script.replace(known, ours)
    return node_pool.NodeWorkerPool(script, log_prefix="cloudfront-js", logger=cloudfront_js.logger, timeout=5.0)


async def run_edge_function(arn, event):
    function = cloudfront._functions.get(arn.rsplit("/", 1)[-1])
    code = cloudfront.live_function_code(arn)
    if code is None or len(code) > MOST_EDGE_CODE:
        raise cloudfront.CloudFrontFunctionError(f"{arn} is not published, or too large")
    store = {}
    for kvs in cloudfront._function_view(function, "LIVE").get("kvs_arns") or []:
        store |= cloudfront_keyvaluestore._stores.get(kvs, {}).get("items", {})
    call = {"code": code.decode(), "event": event, "store": {key: value_of(item) for key, item in store.items()}}
    try:
        answer = await cloudfront.run_offloop(cloudfront_js._pool.call, call, 5.0)
    except node_pool.NodeWorkerError as why:
        raise cloudfront.CloudFrontFunctionError(str(why)) from why
    if answer["status"] == "error":
        raise cloudfront.CloudFrontFunctionError(answer.get("message"))
    return answer.get("value")


# The cache behavior that a viewer's request has met.
BEHAVIOR = contextvars.ContextVar("behavior")

# What is kept of an HTTP API's answers: when it was, until when, and the answer. By what the cache policy
# counts in.
KEPT = {}
UNDER_WAY = weakref.WeakValueDictionary()

# The template's ErrorCachingMinTTL.
ERRORS_KEPT = {403: 1, 404: 1, 500: 1, 502: 1, 503: 1, 504: 1}


def forwarding_predicates(behavior, read=cloudfront._forwarding_predicates):
    BEHAVIOR.set(behavior)
    return read(behavior)


def seconds_kept(policy, status, fields):
    """How long CloudFront keeps an answer, by its cache policy and what the answer says itself."""
    if status >= 400:
        return ERRORS_KEPT.get(status, 0)
    said = next((value for name, value in fields.items() if name.lower() == "cache-control"), "").lower()
    ages = dict(re.findall(r"(s-maxage|max-age)=([0-9]+)", said))
    least, most = policy["MinTTL"], policy.get("MaxTTL", 31536000)
    if re.search(r"\b(no-store|no-cache|private)\b", said):
        return least
    age = ages.get("s-maxage", ages.get("max-age", policy.get("DefaultTTL", 86400)))
    return max(least, min(most, int(age)))


async def fetch_from_origin(origin, method, uri, query, headers, body, *rest, fetch=cloudfront._fetch_from_origin):
    """What an HTTP API answers that is an origin; the emulator would look for it on the internet, and keeps
    nothing. For those who ask for the same at the same time, the API is asked once, as by CloudFront."""
    api = re.fullmatch(r"([a-z0-9]+)\.execute-api\..+", origin["domain_name"])
    if api is None:
        return await fetch(origin, method, uri, query, headers, body, *rest)

    async def ask():
        path = f"/_aws/execute-api/{api[1]}/$default{uri}"
        parameters = parse_qs(query, keep_blank_values=True)
        return await emulator._handle_execute_api_request(
            "", path, method, headers, body, parameters, raw_query_string=query)

    policy_id = BEHAVIOR.get()["cache_policy_id"]
    policy = cloudfront._cache_policies.get(policy_id) or cloudfront._MANAGED_CACHE_POLICIES[policy_id]
    policy = policy["Config"]
    if method not in ("GET", "HEAD") or "range" in headers or policy.get("MaxTTL") == 0:
        return answer_of(*await ask())
    counted = [headers.get(name.lower()) for name in policy["Parameters"]["Headers"]]
    key = (uri, api[1], method, query, *counted)
    lock = UNDER_WAY.setdefault(key, asyncio.Lock())
    async with lock:
        now = time.monotonic()
        since, until, answer = KEPT.get(key, (0, 0, None))
        if now < until:
            status, fields, data = answer
            return answer_of(status, {**fields, "Age": str(int(now - since))}, data)
        answer = status, fields, _ = await ask()
        KEPT[key] = (now, now + seconds_kept(policy, status, fields), answer)
        for old in [key for key, (_, until, _) in KEPT.items() if until <= now]:
            del KEPT[old]
    return answer_of(*answer)


def answer_of(status, fields, data):
    return status, "", cloudfront._multidict_from_pairs(fields.items()), data


def create_invalidation(distribution, body, create=cloudfront._create_invalidation):
    for path in re.findall(r"<Path>([^<]+)</Path>", body.decode()):
        start = path.removesuffix("*")
        for key in [key for key in KEPT if key[0] == path or start != path and key[0].startswith(start)]:
            del KEPT[key]
    return create(distribution, body)


def value_of(item):
    return item["Value"] if isinstance(item, dict) else item


lambda_svc._provided_worker_env = variables
lambda_runtime.ProvidedWorker = Worker
for module in (lambda_runtime, lambda_svc):
    module.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": start_function})
cloudfront_js._pool = edge_workers()
cloudfront._run_function = run_edge_function
cloudfront._fetch_from_origin = fetch_from_origin
cloudfront._forwarding_predicates = forwarding_predicates
cloudfront._create_invalidation = create_invalidation
socketserver.BaseServer.verify_request = is_of_this_user
http.server.BaseHTTPRequestHandler.parse_request = parse_request_of_no_browser
changesets._apply_transforms = apply_transforms
lambda_svc.invoke_async_with_retry = invoke_async
# Functions that are built for here are several times as large as those for Lambda, and with the layer
# beyond its limit.
lambda_svc._UNZIPPED_LIMIT_BYTES = 1 << 30
emulator.app = guarded(emulator.app)
sys.argv = ["ministack"]
os.umask(0o077)
emulator.main()
