"""What benchmarks run: a sink, HAProxy and the gateway, each on a free port of loopback, and the table of what came out."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("GATEPOST", ROOT / "build/release/gatepost")).resolve()
PATIENCE = 600


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_banner(port, said_first=b""):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port), 2) as s:
                s.sendall(said_first)
                if s.recv(64).startswith(b"220"):
                    s.sendall(b"QUIT\r\n")
                    return
        time.sleep(0.05)
    raise SystemExit(f"nobody greets at port {port}")


class Server:
    """A process with a port."""

    def __init__(self, directory, arguments, port, said_first=b""):
        self.port = port
        self.log = open(directory / f"{pathlib.Path(arguments[0]).name}-{port}.log", "wb")
        self.process = subprocess.Popen([str(a) for a in arguments], stdout=self.log, stderr=self.log, cwd=directory)
        try:
            wait_for_banner(port, said_first)
        except SystemExit:
            print(pathlib.Path(self.log.name).read_text(errors="replace")[-2000:], file=sys.stderr)
            raise

    def processor_ns(self):
        return sum(int(f.read_text().split()[0]) for f in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"))

    def pss_kib(self):
        lines = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))

    def stop(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()


def sink(directory):
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return Server(directory, [shutil.which("smtp-sink", path="/usr/sbin:/usr/bin"), *user, "-m", "6000", f"127.0.0.1:{port}", "6000"], port)


def haproxy(directory, behind):
    port = free_port()
    (directory / "haproxy.cfg").write_text(f"""global
  maxconn 9000
  nbthread 2
defaults
  mode tcp
  timeout connect 10s
  timeout client 600s
  timeout server 600s
listen smtp
  bind 127.0.0.1:{port}
  server inside 127.0.0.1:{behind}
""")
    return Server(directory, [shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-db", "-f", directory / "haproxy.cfg"], port)


def known_checks():
    """The names of the checks that can be configured."""
    reference = subprocess.run([BINARY, "config", "--reference"], capture_output=True, text=True, check=True).stdout
    return [name for name in re.findall(r"^\[checks\.(\w+)\]", reference, re.M) if name != "recipient"]


def gatepost(directory, behind, smtp="", tables=None):
    """The gateway. `smtp`: lines for that table. `tables`: more tables; without any all checks but recipient are off,
    and access has no rules, so that what is measured is the flow of mail."""
    port, web = free_port(), free_port()
    if tables is None:
        tables = "".join(f'[checks.{name}]\nmode = "off"\n' for name in known_checks() if name != "access")
    state = directory / "state"
    state.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(state, "nobody")
    (directory / "recipients").write_text("user@example.test\n")
    config = directory / f"gatepost-{port}.toml"
    config.write_text(f"""hostname  = "mx.example.test"
state_dir = "{state}"
user      = "nobody"
[smtp]
listen           = ["127.0.0.1:{port}"]
max_message_size = "64 MiB"
{smtp}
[[domains]]
names      = ["example.test"]
recipients = ["file:staff"]
route      = "inside"
[directories.staff]
type = "file"
path = "{directory}/recipients"
[routes.inside]
servers = ["127.0.0.1:{behind}"]
tls     = "none"
[web]
listen = ["127.0.0.1:{web}"]
{tables}
""")
    server = Server(directory, [BINARY, "run", "--config", config], port, b"PROXY UNKNOWN\r\n" if "proxy_from" in smtp else b"")
    server.config = config
    return server


def table(head, rows, markdown):
    rows = [head] + [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for n, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells), flush=True)
        if n == 0 and markdown:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    print()
