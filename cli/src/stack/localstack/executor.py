"""Runs functions as processes of this machine, for LocalStack, whose own way needs Docker.

Each execution environment is a `bootstrap` and a Runtime API of its own, on a free port, which answers
processes of this user and no browser. LocalStack decides when environments begin and end, and which is
invoked.
"""

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from peers import CONNECTIONS, is_of

# Lambda's own limit is ten seconds; a busy machine is slower.
INIT_PATIENCE = 60

# What LocalStack tells its own program in a container, which then starts the function.
NOT_LAMBDAS = {"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LOCALSTACK_HOSTNAME", "EDGE_PORT"} | {
    "LOCALSTACK_RUNTIME_ID",
    "LOCALSTACK_RUNTIME_ENDPOINT",
    "LOCALSTACK_FUNCTION_ACCOUNT_ID",
    "AWS_LAMBDA_FUNCTION_TIMEOUT",
}

# By which functions are known as such: see launcher.py.
ACCESS_KEYS = set()


# Of `cargo reelrun`: the command that starts a function under Lambda's rules, and the layer.
SANDBOX = json.loads(os.environ.pop("REELRUN_SANDBOX"))

# Users whose numbers neither people nor the system's services have; one for each sandbox.
USERS = itertools.cycle(range(50_000, 60_000))


def command(function, folder, user):
    """The command line of a function."""
    line = [*SANDBOX["command"], "--code", folder, "--user", str(user)]
    line += ["--memory-mb", str(function.memory_size), "--storage-mb", str(function.ephemeral_storage.size)]
    return [*line, "--layer", SANDBOX["layer"]] if function.layers else line


class RuntimeApi(BaseHTTPRequestHandler):
    """Lambda's Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def parse_request(self):
        if not super().parse_request():
            return False
        if any(self.headers.get(name) for name in ("Origin", "Referer", "Sec-Fetch-Mode")):
            self.send_error(403)
            return False
        return True

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def do_GET(self):
        environment = self.server.environment
        if self.path != "/2018-06-01/runtime/invocation/next":
            return self.answer(404)
        environment.tell(b"freeze\n")
        environment.begun.set()
        invocation = environment.pending.get()
        if invocation is None:
            self.close_connection = True
            return None
        environment.tell(b"thaw\n")
        payload, deadline_ms = invocation
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", payload["invoke-id"]),
            ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", payload["invoked-function-arn"]),
            ("Lambda-Runtime-Trace-Id", payload["trace-id"]),
        ]
        return self.answer(200, payload["payload"].encode(), headers)

    def do_POST(self):
        environment = self.server.environment
        body = self.body()
        if self.path.endswith("/init/error"):
            environment.init_error = body
            environment.begun.set()
        elif self.path.endswith("/response"):
            environment.results.put((body, False))
        elif self.path.endswith("/error"):
            environment.results.put((body, True))
        return self.answer(202, b"{}")


class RuntimeApiServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, environment):
        super().__init__(("127.0.0.1", 0), RuntimeApi)
        self.environment = environment

    def verify_request(self, request, client_address):
        with open(CONNECTIONS) as connections:
            return is_of(request, connections, os.getuid(), self.environment.user)

    def handle_error(self, *_):
        pass  # A function that was ended breaks its connection.


class ProcessExecutor(RuntimeExecutor):
    def __init__(self, id, function_version):
        super().__init__(id=id, function_version=function_version)
        self.process = None
        self.server = None
        self.variables = {}
        self.lines = []
        self.lock = threading.Lock()

    def start(self, env_vars):
        self.variables = {name: str(value) for name, value in env_vars.items() if name not in NOT_LAMBDAS}
        ACCESS_KEYS.add(self.variables["AWS_ACCESS_KEY_ID"])
        self._begin()

    def stop(self):
        self._end()
        ACCESS_KEYS.discard(self.variables.get("AWS_ACCESS_KEY_ID"))

    def _begin(self):
        self.pending, self.results = queue.Queue(), queue.Queue()
        self.begun, self.init_error = threading.Event(), None
        self.user = next(USERS)
        self.server = RuntimeApiServer(self)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        function = self.function_version.config
        folder = str(function.code.get_unzipped_code_location())
        api = f"127.0.0.1:{self.server.server_address[1]}"
        self.process = subprocess.Popen(
            command(function, folder, self.user),
            cwd="/",
            env={"PATH": os.environ["PATH"], **self.variables, "AWS_LAMBDA_RUNTIME_API": api},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._follow, args=(self.process,), daemon=True).start()
        deadline = time.monotonic() + INIT_PATIENCE
        while not self.begun.wait(0.02):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise StatusErrorException("the function did not start", payload=error("Runtime.ExitError", "the function did not start"))
        if self.init_error is not None:
            self._end()
            raise StatusErrorException("the function failed to start", payload=self.init_error)

    def tell(self, line):
        """Has the function stand still, or go on."""
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except (AttributeError, OSError, ValueError):
            pass  # it has ended

    def _follow(self, process):
        for line in process.stdout:
            text = line.decode(errors="replace")
            with self.lock:
                self.lines.append(text)
            # The log of this stack holds what functions say, as well as what LocalStack does.
            sys.stdout.write(text)

    def _end(self):
        process, self.process = self.process, None
        if process:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        server, self.server = self.server, None
        if server:
            self.pending.put(None)
            server.shutdown()
            server.server_close()

    def invoke(self, payload):
        # One that was killed, or ran out of time, is replaced for the next.
        if self.process is None or self.process.poll() is not None:
            self._end()
            self._begin()
        request, limit = payload["invoke-id"], self.function_version.config.timeout
        process, begun = self.process, time.time()
        with self.lock:
            self.lines.clear()
        self.pending.put((payload, int((begun + limit) * 1000)))
        result = None
        while result is None:
            try:
                result = self.results.get(timeout=0.02)
            except queue.Empty:
                if process.poll() is not None:
                    status = process.returncode
                    how = f"signal: {-status}" if status < 0 else f"exit status {status}"
                    result = failure("Runtime.ExitError", f"RequestId: {request} Error: Runtime exited with error: {how}")
                elif time.time() > begun + limit:
                    result = failure("Sandbox.Timedout", f"RequestId: {request} Error: Task timed out after {limit}.00 seconds")
                if result is not None:
                    self._end()
        body, is_error = result
        with self.lock:
            said = "".join(self.lines)
        version, took = self.function_version.id.qualifier, (time.time() - begun) * 1000
        logs = (
            f"START RequestId: {request} Version: {version}\n{said}END RequestId: {request}\n"
            f"REPORT RequestId: {request}\tDuration: {took:.2f} ms\n"
        )
        return InvocationResult(request, body, is_error=is_error, logs=logs)

    def get_logs(self):
        with self.lock:
            return "".join(self.lines)

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version):
        # Not the layers: the only one is at /opt already, or on the PATH.
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass


def error(kind, message):
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def failure(kind, message):
    return error(kind, message), True
