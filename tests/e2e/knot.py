"""Knot DNS (Debian package knot), for zones as in dns_server.py."""
import contextlib
import socket
import struct
import subprocess

from basics import program, wait_until
from dns_server import NOERROR, SOA, TTL, TYPES, records
from harness import Process


def free_dns_port(site):
    """A port that is free for UDP and held for TCP."""
    while True:
        port = site.port()
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(port.address)
            return port


def _absolute(name):
    return name if name.endswith(".") else name + "."


def _in_zone_file(record):
    owner, kind, value = record
    if kind == "TXT":
        value = f'"{value}"'
    elif kind not in ("A", "AAAA"):
        *numbers, name = value.split()
        value = " ".join([*numbers, _absolute(name)])
    return f"{_absolute(owner)} {TTL} {kind} {value}\n"


class Knot(Process):
    """knotd. It holds all names in one zone, the root, so that it answers like a resolver that knows no others."""

    def __init__(self, site, zone):
        self.port = free_dns_port(site)
        self.directory = site.directory(site.name("knot"))
        self.serial = 0
        self.write(zone)
        self.config = self.directory / "knot.conf"
        self.config.write_text(f"server:\n  listen: 127.0.0.1@{self.port.number}\n  rundir: {self.directory}\n"
                               f"  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
                               f"database:\n  storage: {self.directory}\n"
                               f"zone:\n  - domain: .\n    file: {self.directory}/root.zone\n    zonefile-load: whole\n    semantic-checks: off\n")
        super().__init__(site, self.directory.name, [program("knotd"), "--config", self.config])
        self.wait_for_zone()

    @property
    def address(self):
        return str(self.port)

    def write(self, zone):
        self.serial += 1
        lines = [f". {TTL} SOA {SOA.replace('.test', '.test.')} {self.serial} 3600 600 86400 {TTL}\n", f". {TTL} NS ns.zone.test.\n"]
        (self.directory / "root.zone").write_text("".join(lines + [_in_zone_file(record) for record in records(zone)]))

    def serve(self, zone):
        """Another zone from now on."""
        self.write(zone)
        subprocess.run([program("knotc"), "--config", self.config, "zone-reload", "."], check=True, capture_output=True)
        self.wait_for_zone()

    def wait_for_zone(self):
        def served():
            if not self.running():
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.out}{self.err}")
            return self.ask_serial() == self.serial
        wait_until(served, f"{self.name} serves version {self.serial} of its zone")

    def ask_serial(self):
        """Of the root's SOA; None without an answer."""
        query = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", TYPES["SOA"], 1)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.5)
            udp.connect(self.port.address)
            udp.send(query)
            answer = udp.recv(512)
            if answer[3] & 15 == NOERROR and struct.unpack_from("!H", answer, 6)[0] == 1:
                return struct.unpack_from("!I", answer, len(answer) - 20)[0]
        return None
