#!/usr/bin/env python3
"""What the gateway costs, beside HAProxy in TCP mode in front of the same smtp-sink, in the same run.

  scripts/bench [WORKLOAD ...] [--rounds N] [--markdown]

Without a name all workloads with a goal run; `growth` (sessions, then sizes) only if it is named. `checks` compares the
gateway with itself: what its checks add to the processor time of a message.
Peers take turns round by round, so that noise of the machine meets both; figures are medians. Processor time is that
of the peer's own threads. With --peers-py the workloads are measured by the project's other harness (peers.py; named by
GATEPOST_PEERS, or ../shared/bench/peers.py), which knows Postfix and others too. Loopback only.
"""
import argparse
import contextlib
import os
import pathlib
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from checks import measure_checks
from servers import BINARY, PATIENCE, ROOT, gatepost, haproxy, sink, table

# name: (what it is, smtp-source's flags, messages, goal, floor, flags for peers.py)
WORKLOADS = {
    "single": ("4 KiB, one message per connection", ["-l", "4096", "-s", "50"], 6000, 0.55, 0.65, ["--sessions", "50"]),
    "reuse": ("4 KiB, connection reused", ["-l", "4096", "-s", "50", "-d"], 12000, 0.85, 0.95, ["--reuse", "--sessions", "50"]),
    "large": ("1 MiB", ["-l", "1048576", "-s", "10"], 400, 0.80, 0.95, ["--size", "1048576", "--sessions", "10", "--messages", "400"]),
    "reject": ("refused at RCPT", ["-l", "4096", "-s", "50", "-A"], 6000, 0.45, 0.50, ["--reject", "--sessions", "50"]),
}
SINGLE_SESSIONS = [10, 100, 500, 1000, 2000, 5000]
SIZES = [1 << 10, 4 << 10, 64 << 10, 1 << 20, 10 << 20, 50 << 20]


def send(server, flags, messages, to="user@example.test"):
    """Microseconds of processor time per message, and messages per second."""
    before, began = server.processor_ns(), time.monotonic()
    done = subprocess.run(["smtp-source", *flags, "-m", str(messages), "-f", "sender@remote.test", "-t", to, "-M", "client.remote.test",
                           f"127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=PATIENCE,
                          env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
    if done.returncode:
        raise SystemExit(f"smtp-source: {done.stderr[-400:]}")
    return (server.processor_ns() - before) / messages / 1000, messages / (time.monotonic() - began)


def open_idle(server, count, tls):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sockets = []
    for n in range(count):
        s = socket.create_connection(("127.0.0.1", server.port), 20)
        s.recv(512)
        s.sendall(b"EHLO client.remote.test\r\n")
        s.recv(2048)
        if tls:
            s.sendall(b"STARTTLS\r\n")
            s.recv(512)
            s = context.wrap_socket(s)
            s.sendall(b"EHLO client.remote.test\r\n")
            s.recv(2048)
        sockets.append(s)
    return sockets


def idle_kib(server, count, tls):
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))):
        before = server.pss_kib()
        sockets = open_idle(server, count, tls)
        time.sleep(1)
        used = (server.pss_kib() - before) / count
        for s in sockets:
            s.close()
    return used


def compare(directory, names, rounds, markdown):
    behind = sink(directory)
    proxy, ours = haproxy(directory, behind.port), gatepost(directory, behind.port)
    rows = []
    for name in names:
        what, flags, messages, goal, floor, _ = WORKLOADS[name]
        for server in (proxy, ours):
            send(server, flags, max(100, messages // 10))
        figures = {proxy: [], ours: []}
        for _ in range(rounds):
            for server in (proxy, ours):
                refused = name == "reject" and server is ours
                figures[server].append(send(server, flags, messages, "nobody@elsewhere.test" if refused else "user@example.test"))
        cpu = {s: statistics.median(f[0] for f in figures[s]) for s in figures}
        rate = {s: statistics.median(f[1] for f in figures[s]) for s in figures}
        ratios = sorted(b[0] / a[0] for a, b in zip(figures[proxy], figures[ours]))
        ratio = statistics.median(ratios)
        rows.append([what, f"{cpu[proxy]:.1f}", f"{cpu[ours]:.1f}", f"{ratio:.2f}", f"{ratios[0]:.2f}-{ratios[-1]:.2f}", f"{goal:.2f}", f"{floor:.2f}",
                     f"{rate[proxy]:.0f}", f"{rate[ours]:.0f}"])
    for server in (ours, proxy, behind):
        server.stop()
    table(["workload", "HAProxy us/msg", "Gatepost us/msg", "ratio", "of rounds", "goal", "floor", "HAProxy msg/s", "Gatepost msg/s"], rows, markdown)


def idle(directory, count, rounds, markdown):
    rows = []
    for what, tls, goal, floor in (("idle plain session", False, 3.3, 5), ("idle TLS session", True, 20, 25)):
        used = {"haproxy": [], "gatepost": []}
        for _ in range(min(rounds, 3)):
            behind = sink(directory)
            for start in (gatepost,) if tls else (haproxy, gatepost):  # HAProxy in TCP mode speaks no STARTTLS
                server = start(directory, behind.port)
                used[start.__name__].append(idle_kib(server, count, tls))
                server.stop()
            behind.stop()
        show = {name: f"{statistics.median(values):.1f}" if values else "-" for name, values in used.items()}
        rows.append([f"{what}, KiB", show["haproxy"], show["gatepost"], goal, floor])
    table(["memory", "HAProxy", "Gatepost", "goal", "floor"], rows, markdown)


def growth(directory, markdown):
    behind = sink(directory)
    rows = []
    for sessions in SINGLE_SESSIONS:
        ours = gatepost(directory, behind.port)
        send(ours, ["-l", "4096", "-s", "10"], 500)
        base = ours.pss_kib()
        messages = max(6000, sessions * 4)
        cpu, rate = send(ours, ["-l", "4096", "-s", str(sessions)], messages)
        rows.append([f"{sessions} sessions", f"{cpu:.1f}", f"{rate:.0f}", f"{max(0, peak_kib(ours) - base) / sessions:.1f}"])
        ours.stop()
    table(["4 KiB, one message per connection", "us/msg", "msg/s", "peak KiB/session"], rows, markdown)
    rows = []
    for size in SIZES:
        ours = gatepost(directory, behind.port)
        messages = max(12, min(6000, (600 << 20) // size))
        cpu, rate = send(ours, ["-l", str(size), "-s", "4"], messages)
        name = f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
        rows.append([name, f"{cpu:.0f}", f"{cpu / (size / (1 << 20)):.0f}", f"{rate * size / 1e6:.0f}", f"{peak_kib(ours) / 1024:.0f}"])
        ours.stop()
    behind.stop()
    table(["message, 4 sessions", "us/msg", "us/MiB", "MB/s", "peak RSS MiB"], rows, markdown)


def peak_kib(server):
    lines = pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def other_harness(names, rounds):
    harness = pathlib.Path(os.environ.get("GATEPOST_PEERS", ROOT.parent / "shared/bench/peers.py"))
    if not harness.exists():
        raise SystemExit(f"there is no {harness}: name it with GATEPOST_PEERS")
    for name in names:
        print(f"-- {WORKLOADS[name][0]}", flush=True)
        peers = "haproxy,gatepost,postfix" if name == "reject" else "haproxy,gatepost"
        subprocess.run([sys.executable, harness, "--peers", peers, "--rounds", str(rounds), *WORKLOADS[name][5]], check=True,
                       env={**os.environ, "GATEPOST": str(BINARY)})
    print("-- idle", flush=True)
    subprocess.run([sys.executable, harness, "--peers", "haproxy,gatepost", "--idle", "2000"], check=True, env={**os.environ, "GATEPOST": str(BINARY)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join([*WORKLOADS, "idle", "checks", "growth"]))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-sessions", type=int, default=2000)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--peers-py", action="store_true")
    a = parser.parse_args()
    unknown = set(a.workloads) - {*WORKLOADS, "idle", "checks", "growth"}
    if unknown:
        parser.error(f"there is no workload {', '.join(sorted(unknown))}")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    names = a.workloads or [*WORKLOADS, "idle", "checks"]
    if a.peers_py:
        return other_harness([n for n in names if n in WORKLOADS], a.rounds)
    tools = {"smtp-sink"}
    if set(names) - {"checks"}:
        tools |= {"smtp-source", "haproxy"}
    if "checks" in names:
        tools |= {"knotd", "knotc", "c++"}
    for tool in sorted(tools):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
            raise SystemExit(f"{tool} is missing (packages postfix, haproxy, knot, g++)")
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as made:
        directory = pathlib.Path(made)
        directory.chmod(0o755)
        compared = [n for n in names if n in WORKLOADS]
        if compared:
            compare(directory, compared, a.rounds, a.markdown)
        if "idle" in names:
            idle(directory, a.idle_sessions, a.rounds, a.markdown)
        if "checks" in names:
            measure_checks(directory, a.rounds, a.markdown)
        if "growth" in names:
            growth(directory, a.markdown)


main()
