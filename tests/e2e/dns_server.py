"""A DNS server for the gateway to ask, which answers as it is told.

A zone is a text, a record a line: owner, type, value. Names are absolute without a dot at their end, "." is the root,
and `#` begins a comment:

    client.test MX 10 mail.client.test
    9.113.0.203.in-addr.arpa PTR mail.client.test
"""
import contextlib
import errno
import ipaddress
import socketserver
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
TTL = 60
SOA = "ns.zone.test hostmaster.zone.test"


def records(zone):
    """(owner, type, value) of each line."""
    for line in zone.splitlines():
        line = line.split("#")[0].split(None, 2)
        if line:
            yield line[0].lower(), line[1], line[2].strip()


def reverse(address):
    return ipaddress.ip_address(address).reverse_pointer


# ---- Packets

def _name(text):
    labels = [label for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def _data(kind, value):
    if kind == "A" or kind == "AAAA":
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        preference, host = value.split()
        return struct.pack("!H", int(preference)) + _name(host)
    if kind == "TXT":
        text = value.encode()
        return b"".join(bytes([len(part)]) + part for part in (text[i:i + 255] for i in range(0, len(text), 255)))
    if kind == "SOA":
        first, second, *numbers = value.split()
        return _name(first) + _name(second) + struct.pack("!5I", *map(int, numbers))
    return _name(value)


def _record(owner, kind, value):
    data = _data(kind, value)
    return _name(owner) + struct.pack("!HHIH", TYPES[kind], 1, TTL, len(data)) + data


class Query:
    def __init__(self, packet):
        self.id = packet[:2]
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1").lower())
            at += 1 + packet[at]
        self.name = ".".join(labels) or "."
        self.type = TYPE_NAMES.get(struct.unpack_from("!H", packet, at + 1)[0], "?")
        self.question = packet[12:at + 5]

    def answer(self, code=NOERROR, found=(), truncated=False):
        """A packet. Without records it is a negative answer, with the SOA that makes it one (RFC 2308)."""
        authority = [] if found or code not in (NOERROR, NXDOMAIN) else [(".", "SOA", f"{SOA} 1 3600 600 86400 {TTL}")]
        flags = 0x8580 | (0x0200 if truncated else 0) | code
        return (self.id + struct.pack("!HHHHH", flags, 1, len(found), len(authority), 0) + self.question
                + b"".join(_record(*record) for record in [*found, *authority]))


# ---- The server

class LyingDns:
    """Answers over UDP and TCP by its `mode`, which may change at any time, and remembers what it was asked."""

    MODES = ("normal", "dead", "slow", "nxdomain", "everything", "truncated", "servfail", "refused", "garbage", "wrong_id")

    def __init__(self, site, zone, mode="normal", delay=0.0):
        self.zone = zone
        self.mode = mode
        self.delay = delay
        self.asked = []  # (name, type, "udp" or "tcp")
        self.stopped = threading.Event()
        self.servers = _bind_both(self)
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        site.keep(self)

    @property
    def address(self):
        return "%s:%d" % self.servers[0].server_address

    def count(self, name=None):
        return sum(name is None or asked[0] == name for asked in self.asked)

    def close(self):
        self.stopped.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def answer(self, packet, transport):
        """What to send, or None."""
        query = Query(packet)
        self.asked.append((query.name, query.type, transport))
        if self.mode != "normal" and self.delay:
            self.stopped.wait(self.delay)
        return getattr(self, f"_{self.mode}")(query, transport)

    def _normal(self, query, transport):
        known = list(records(self.zone))
        found, name = [], query.name
        while aliases := [r for r in known if r[:2] == (name, "CNAME") and query.type != "CNAME"]:
            found.append(aliases[0])
            name = aliases[0][2]
        found += [r for r in known if r[:2] == (name, query.type)]
        exists = name == "." or any(r[0] == name or r[0].endswith("." + name) for r in known)
        if query.type == "NS" and name == ".":
            found.append((".", "NS", "ns.zone.test"))
        return query.answer(NOERROR if exists else NXDOMAIN, found)

    def _slow(self, query, transport):
        return self._normal(query, transport)

    def _dead(self, query, transport):
        return None

    def _nxdomain(self, query, transport):
        return query.answer(NXDOMAIN)

    def _everything(self, query, transport):
        return query.answer(NOERROR, [(query.name, "A", "127.0.0.2")] if query.type == "A" else [])

    def _truncated(self, query, transport):
        return self._normal(query, transport) if transport == "tcp" else query.answer(truncated=True)

    def _servfail(self, query, transport):
        return query.answer(SERVFAIL)

    def _refused(self, query, transport):
        return query.answer(REFUSED)

    def _garbage(self, query, transport):
        return query.answer(NOERROR, [(query.name, "A", "192.0.2.1")])[:-12] + b"\xff" * 12

    def _wrong_id(self, query, transport):
        return bytes([query.id[0] ^ 0x55]) + self._normal(query, transport)[1:]


class _OverUdp(socketserver.BaseRequestHandler):
    def handle(self):
        packet, udp = self.request
        answer = self.server.dns.answer(packet, "udp")
        if answer is not None:
            with contextlib.suppress(OSError):
                udp.sendto(answer, self.client_address)


class _OverTcp(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while len(length := self.rfile.read(2)) == 2:
                answer = self.server.dns.answer(self.rfile.read(struct.unpack("!H", length)[0]), "tcp")
                if answer is not None:
                    self.wfile.write(struct.pack("!H", len(answer)) + answer)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    block_on_close = False


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


def _bind_both(dns):
    """A UDP and a TCP server at one free port."""
    while True:
        udp = _UdpServer(("127.0.0.1", 0), _OverUdp)
        try:
            tcp = _TcpServer(udp.server_address, _OverTcp)
        except OSError as error:
            udp.server_close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        udp.dns = tcp.dns = dns
        return udp, tcp
