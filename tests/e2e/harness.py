"""Starts the real binary and real peers, and brings all helpers together.

A `Site` is what a test works on: a directory of its own, and all the processes, threads and sockets that were
started for it. Closing it stops them and looks at what every gateway left behind: sanitizer reports, and log lines
that do not add up.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from basics import (DOMAIN, HELP, IS_ROOT, KNOWN, PATIENCE, RUN_AS, Port, binary, listens, merged, needs, needs_root, program, suites, toml,  # noqa: F401
                    wait_until)
from dns_server import LyingDns
from scripted_backend import CLOSE, RESET, STALL, Backend, Gate, once  # noqa: F401
from smtp_client import INCIDENT, Client, Closed, Reply, Stored, any_certificate, message, stuffed  # noqa: F401

# For gateways whose test is not about DNS: nothing but their clients.
CLIENTS_ZONE = """
client.test MX 10 client.test
client.test A 192.0.2.1
"""

SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Sanitizer:DEADLYSIGNAL|LeakSanitizer: detected")


class Process:
    """A program with its output in files."""

    def __init__(self, site, name, arguments, env=None, **options):
        self.site = site
        self.name = name
        self.out_path = site.file(f"{name}.out")
        self.err_path = site.file(f"{name}.err")
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env={**os.environ, **sanitizer_settings(), **(env or {})}, **options)

    @property
    def pid(self):
        return self.process.pid

    @property
    def out(self):
        return self.out_path.read_text(errors="replace")

    @property
    def err(self):
        return self.err_path.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def wait(self, seconds=PATIENCE):
        return self.process.wait(seconds)

    def signal(self, number):
        self.process.send_signal(number)

    def wait_for_listener(self, port):
        def ready():
            if not self.running():
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.out}{self.err}")
            return listens(port)
        wait_until(ready, f"{self.name} listens at {port}")

    def stop(self, patience=8.0):
        """SIGTERM, and what it takes. True: once was enough."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if not self.running():
                return number == signal.SIGTERM
            self.signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        return not self.running() and self.process.returncode != -signal.SIGKILL


def sanitizer_settings():
    # A process that was root is not dumpable, and LeakSanitizer could not look into it.
    leaks = "0" if IS_ROOT else "1"
    # Freed memory that ASan keeps back (256 MiB, unless told) would be taken for growth.
    return {"ASAN_OPTIONS": f"detect_leaks={leaks}:exitcode=99:detect_stack_use_after_return=1:quarantine_size_mb=16",
            "UBSAN_OPTIONS": "print_stacktrace=1"}


def sanitizer_report(process):
    """The beginning of what a sanitizer had to say, or None."""
    found = SANITIZER.search(process.err)
    return f"sanitizer report of {process.name}:\n{process.err[found.start():found.start() + 6000]}" if found else None


class Sink(Process):
    """`gatepost sink`."""

    def __init__(self, site, name, *flags, port=None):
        self.port = port or site.port()
        self.store = site.directory(f"{name}.store")
        super().__init__(site, name, [binary(), "sink", "--listen", self.port, "--store", self.store, *flags])
        self.wait_for_listener(self.port.number)

    @property
    def address(self):
        return str(self.port)

    def messages(self):
        """What was taken so far, in order: (sender, recipients, content)."""
        found = []
        for path in sorted(self.store.glob("*.eml")):
            sender, *recipients = path.with_suffix(".env").read_text().splitlines()
            found.append(Stored(sender, recipients, path.read_bytes()))
        return found

    def wait_for(self, count):
        wait_until(lambda: len(list(self.store.glob("*.eml"))) >= count, f"the sink has {count} messages")
        return self.messages()


class Gateway(Process):
    """`gatepost run`. What its log says is checked when it is stopped."""

    def __init__(self, site, name, config, expect_listener=True, user_program=None):
        self.port = site.port()
        self.web = site.port()
        self.state = site.directory(f"{name}.state", owner=RUN_AS)
        self.config_path = site.file(f"{name}.toml")
        self.config = self.complete(config)
        self.write_config()
        super().__init__(site, name, [*(user_program or []), binary(), "run", "--config", self.config_path])
        if expect_listener:
            self.wait_for_listener(self.port.number)

    def complete(self, config):
        defaults = {"hostname": "mx.example.org", "state_dir": str(self.state), "user": RUN_AS, "drain_timeout": "5 s",
                    "smtp": {"listen": [str(self.port)]}, "policy": {"help": HELP}, "web": {"listen": [str(self.web)]}}
        return merged(defaults, config)

    def write_config(self, text=None):
        self.config_path.write_text(toml(self.config) if text is None else text)

    def change(self, changes):
        """Another configuration for the next reload."""
        self.config = merged(self.config, changes)
        self.write_config()

    def reload(self, good=True):
        """SIGHUP, and waits for what the log says of it."""
        before = len(self.notices("reload"))
        self.signal(signal.SIGHUP)
        text = "read again" if good else "the old one stays"
        return wait_until(lambda: [n for n in self.notices("reload")[before:] if text in n["text"]], f"the reload says {text!r}")[0]

    # What it wrote

    def log(self):
        lines = self.out.splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def events(self, event, **fields):
        return [line for line in self.log() if line["event"] == event and all(line.get(k) == v for k, v in fields.items())]

    def notices(self, topic):
        return self.events(topic)

    def wait_for_event(self, event, **fields):
        """The log is written behind: a line may come a little later."""
        return wait_until(lambda: self.events(event, **fields), f"the log has {event} with {fields}")[0]

    # Speaking to it

    def client(self, **options):
        return self.site.client(self.port.address, **options)

    def wait_for_backends(self, keyword="LIMITS"):
        """Until backends were seen: only then all of EHLO is offered."""
        def offered():
            with contextlib.closing(Client(self.port.address)) as client:
                client.reply()
                return keyword in client.ehlo()
        wait_until(offered, f"EHLO offers {keyword}")

    def http(self, path):
        """(status, body) of a page."""
        with socket.create_connection(self.web.address, PATIENCE) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.web}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def status(self):
        code, body = self.http("/api/v1/status")
        if code != 200:
            raise AssertionError(f"/api/v1/status says {code}: {body[:200]}")
        return json.loads(body)

    # The end

    def faults(self):
        """What is wrong with how it ended."""
        found = []
        report = sanitizer_report(self)
        if report:
            found.append(report)
        elif self.process.returncode == -signal.SIGTERM and not self.notices("stop"):
            pass  # stopped before it took signals
        elif self.process.returncode not in (0, None):
            found.append(f"{self.name} ended with {self.process.returncode}:\n{self.err[-2000:]}")
        elif not any("stopped with" in line.get("text", "") for line in self.log()):
            found += self.unbalanced_lines()
        return found

    def unbalanced_lines(self):
        """Each session has one line, each transaction one, and they agree."""
        sessions = self.events("session")
        transactions = self.events("transaction")
        ids = [s["id"] for s in sessions]
        found = [f"session {i} has {ids.count(i)} lines" for i in set(ids) if ids.count(i) > 1]
        pairs = [(t["id"], t["transaction"]) for t in transactions]
        found += [f"transaction {p} has {pairs.count(p)} lines" for p in set(pairs) if pairs.count(p) > 1]
        found += [f"transaction {p} has no session line" for p in pairs if p[0] not in ids]
        for s in sessions:
            ended = sum(t["id"] == s["id"] for t in transactions)
            if ended != s["transactions"]:
                found.append(f"session {s['id']} says {s['transactions']} transactions, the log has {ended}")
        return found


class Site:
    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="gatepost-e2e-"))
        self.path.chmod(0o755)
        self.stack = []
        self.count = 0
        self.faults = []
        self.resolver = LyingDns(self, CLIENTS_ZONE)  # for gateways that are given no other: none asks the real Internet

    def file(self, name):
        return self.path / name

    def directory(self, name, owner=None):
        path = self.path / name
        path.mkdir(exist_ok=True)
        if owner and IS_ROOT:
            shutil.chown(path, owner)
        return path

    def port(self, host="127.0.0.1"):
        return self.keep(Port(host))

    def keep(self, thing):
        """Will be closed (or stopped) with the site, last come first."""
        self.stack.append(thing)
        return thing

    def name(self, kind):
        self.count += 1
        return f"{kind}{self.count}"

    def recipients(self, addresses, name):
        """A file of recipients, for [directories]."""
        path = self.file(name)
        path.write_text("".join(f"{a}\n" for a in addresses))
        return str(path)

    def sink(self, *flags, port=None):
        return self.keep(Sink(self, self.name("sink"), *flags, port=port))

    def backend(self, *extensions, **options):
        if extensions:
            options["extensions"] = extensions
        return self.keep(Backend(**options))

    def gateway(self, *backends, config=None, recipients=KNOWN, **options):
        """One domain, example.org, with some recipients, whose mail goes to `backends`, tried in this order."""
        servers = [b if isinstance(b, str) else b.address for b in backends]
        name = self.name("gateway")
        base = {"domains": [{"names": [DOMAIN], "recipients": ["file:staff"], "route": "inside"}],
                "directories": {"staff": {"type": "file", "path": self.recipients(recipients, f"{name}.recipients")}},
                "routes": {"inside": {"servers": servers, "tls": "none", "connect_timeout": "2 s"}},
                "dns": {"servers": [self.resolver.address]},
                "relay": {"before_dot": "3 s", "after_dot": "3 s"}}
        return self.keep(Gateway(self, name, merged(base, config or {}), **options))

    def process(self, name, arguments, **options):
        return self.keep(Process(self, self.name(name), arguments, **options))

    def client(self, address, **options):
        return self.keep(Client(address, **options))

    def close(self):
        """Stops all; complains of gateways that were not well."""
        for thing in reversed(self.stack):
            if isinstance(thing, Process):
                stopped = thing.stop()
                if isinstance(thing, Gateway):
                    self.faults += thing.faults()
                    if not stopped:
                        self.faults.append(f"{thing.name} did not stop at SIGTERM")
                elif isinstance(thing, Sink) and sanitizer_report(thing):
                    self.faults.append(sanitizer_report(thing))
            else:
                thing.close()
        self.stack.clear()
        shutil.rmtree(self.path, ignore_errors=True)
        faults, self.faults = self.faults, []
        if faults:
            raise AssertionError("\n".join(faults))


class SiteTest(unittest.TestCase):
    """Each test has a site of its own."""

    maxDiff = 2000

    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)

    def assert_reply(self, answer, code, enhanced=None):
        self.assertEqual(answer.code, code, answer)
        if enhanced:
            self.assertEqual(answer.enhanced, enhanced, answer)
        if code >= 400:
            self.assertIsNotNone(answer.incident, f"no incident id: {answer}")
        return answer

    def assert_class(self, answer, digit):
        self.assertEqual(answer.code // 100, digit, answer)
        if digit >= 4:
            self.assertIsNotNone(answer.incident, f"no incident id: {answer}")
            if answer.enhanced:
                self.assertEqual(answer.enhanced[0], str(digit), answer)
        return answer


class SharedSiteTest(SiteTest):
    """All tests of a class share one site, built by `build(site)`; clients are closed behind each test."""

    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.close)
        cls.build(cls.site)

    @classmethod
    def build(cls, site):
        raise NotImplementedError

    def setUp(self):
        kept = len(self.site.stack)

        def close_new():
            while len(self.site.stack) > kept:
                thing = self.site.stack.pop()
                (thing.stop if isinstance(thing, Process) else thing.close)()
        self.addCleanup(close_new)
