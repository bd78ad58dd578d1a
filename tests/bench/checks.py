"""What the checks add to the processor time of a message: gateways with the same binary and sink, and other
checks in force, take turns. A PROXY header gives each connection a public address, since checks are silent about
others; a DNS server on loopback knows all names, and after the warm-up every answer comes from the gateway's cache."""
import contextlib
import email.utils
import json
import shutil
import statistics
import subprocess
import time

from servers import BINARY, PATIENCE, ROOT, free_port, gatepost, known_checks, sink, table

CLIENTS = 400  # each with a host name and a sender domain of its own
HOSTERS = 20  # whose SPF records those of the senders include
NETWORKS = ("198.51.100", "203.0.113")
LISTS = ("first.dnsbl.example", "second.dnsbl.example", "third.dnsbl.example")
NAME_LIST = "names.dnsbl.example"
SIZE = 4096
SESSIONS = 50
TTL = 3600

# name: (messages, per connection; 0: as many as there are)
WORKLOADS = {"4 KiB, one message per connection": (6000, 1), "4 KiB, connection reused": (12000, 0)}

ACCESS = """
[[checks.access.rules]]
client = ["192.0.2.16/28", "2001:db8:7::/48"]
action = "allow"
[[checks.access.rules]]
sender = ["bulk.invalid", "*.bulk.invalid"]
[[checks.access.rules]]
sender    = ["<>"]
recipient = ["noreply@example.test"]
[[checks.access.rules]]
helo = ["*.dyn.invalid"]
"""
WITHOUT_DNS = {"access": ACCESS, "helo": 'unresolved = "off"\nalias = "off"\nmismatch = "off"', "headers": ""}
BY_DNS = {"dnsbl": "".join(f'[[checks.dnsbl.lists]]\nzone = "{zone}"\n' for zone in LISTS),
          "reverse_dns": "", "spf": "", "sender_domain": ""}
FURTHER = {"helo": "", "dynamic_host": "", "own_domain": "",
           "domain_list": f'[[checks.domain_list.lists]]\nzone = "{NAME_LIST}"\n'}
# Of what was before. The workload is a burst of good mail from known senders: greylisting has nothing to suspect, and the rates are
# as high as they must be for it; counting is the same. Nobody is called back: that is off by default, and no work of a message's.
REMEMBERED = {"rate": "".join(f'{what} = "60000/10 s"\n' for what in ("sessions", "messages", "recipients", "unknown")) + "concurrent = 1000\n",
              "harvest": "", "reputation": "", "early_talker": "", "greylist": ""}

# name: (its checks, the most that CPU per message may grow)
CONFIGURATIONS = {
    "mail flow alone": ({}, None),
    "+ checks without DNS": (WITHOUT_DNS, 1.10),
    "+ dnsbl x 3, reverse_dns, spf, sender_domain": (BY_DNS, 1.25),
    "+ all that look at one session": ({**WITHOUT_DNS, **BY_DNS, **FURTHER}, None),
    "+ those that remember": ({**WITHOUT_DNS, **BY_DNS, **FURTHER, **REMEMBERED}, 1.35),
}


def address_of(client):
    return f"{NETWORKS[client % 2]}.{client // 2 + 1}"


def host_of(client):
    return f"out{client % 4}.sender{client}.example"


def sender_of(client):
    return f"anna.berg@sender{client}.example"


def networks(count, last=()):
    return " ".join(f"ip4:{n}" for n in [*(f"192.0.2.{8 * i}/29" for i in range(count)), *last])


def sender_records(client):
    """A sender domain; half of them have an SPF record with a chain of two includes, the others one of three."""
    domain, hoster = f"sender{client}.example.", f"hoster{client % HOSTERS}.example"
    spf = f"mx include:_spf.{hoster} ~all" if client % 2 else f"a ip4:192.0.2.{client % 256} include:_bulk.{hoster} -all"
    return [f'{domain} TXT "site-verification={client:032x}"', f'{domain} TXT "v=spf1 {spf}"', f"{domain} MX 10 mx.{domain}",
            f"{domain} A 203.0.113.250", f"mx.{domain} A 203.0.113.251", f"{host_of(client)}. A {address_of(client)}",
            ".".join(reversed(address_of(client).split("."))) + f".in-addr.arpa. PTR {host_of(client)}."]


def hoster_records(hoster):
    """Its networks hold all clients, at the end of what is to be looked through."""
    name, clients = f"hoster{hoster}.example", [f"{n}.0/24" for n in NETWORKS]
    return [f'_spf.{name}. TXT "v=spf1 include:_a.{name} include:_b.{name} ~all"', f'_a.{name}. TXT "v=spf1 {networks(10)} ~all"',
            f'_b.{name}. TXT "v=spf1 {networks(8, clients)} ~all"', f'_bulk.{name}. TXT "v=spf1 include:_1.{name} ~all"',
            f'_1.{name}. TXT "v=spf1 {networks(6)} include:_2.{name} ~all"',
            f'_2.{name}. TXT "v=spf1 {networks(9, clients)} ~all"']


class Knot:
    """A DNS server on loopback that knows everything."""

    def __init__(self, directory):
        self.port, self.socket = free_port(), directory / "knot.sock"
        records = ["@ SOA ns.example. nobody.example. 1 3600 3600 3600 3600", "@ NS ns.example.", "ns.example. A 127.0.0.1",
                   f"TEST.{NAME_LIST}. A 127.0.0.2", *(f"2.0.0.127.{zone}. A 127.0.0.2" for zone in LISTS)]
        for client in range(CLIENTS):
            records += sender_records(client)
        for hoster in range(HOSTERS):
            records += hoster_records(hoster)
        (directory / "root.zone").write_text("\n".join(["$ORIGIN .", f"$TTL {TTL}", *records, ""]))
        (directory / "knot.conf").write_text(f"""server:
    listen: 127.0.0.1@{self.port}
    rundir: {directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: {self.socket}
database:
    storage: {directory}
log:
  - target: stderr
    any: warning
mod-stats:
  - id: queries
    server-operation: on
template:
  - id: default
    storage: {directory}
    journal-content: none
    global-module: mod-stats/queries
zone:
  - domain: .
    file: root.zone
""")
        self.log = open(directory / "knot.log", "wb")
        knotd = shutil.which("knotd", path="/usr/sbin:/usr/bin")
        self.process = subprocess.Popen([knotd, "-c", directory / "knot.conf"], stdout=self.log, stderr=self.log)
        end = time.monotonic() + 20
        while self._control("zone-status", ".").returncode:
            if time.monotonic() > end:
                raise SystemExit("knotd does not serve its zone: " + (directory / "knot.log").read_text()[-500:])
            time.sleep(0.05)

    def _control(self, *command):
        return subprocess.run([shutil.which("knotc", path="/usr/sbin:/usr/bin"), "-s", self.socket, *command],
                              capture_output=True, text=True, timeout=PATIENCE)

    def queries(self):
        lines = self._control("stats", "mod-stats.server-operation").stdout.splitlines()
        return sum(int(line.split("=")[1]) for line in lines if "[query]" in line)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def build_load(directory):
    program = directory / "smtp_load"
    subprocess.run(["c++", "-std=c++20", "-O2", "-o", program, ROOT / "tests/bench/smtp_load.cpp"], check=True)
    return program


def make_message(path):
    """As large and with such a header as mail has that has passed a mail server or two."""
    date = email.utils.formatdate()
    signature = "\r\n ".join(["b=" + "kX9q" * 16, *["Zt4/" * 17] * 4])
    fields = [f"Received: from mta{n}.sender.example (mta{n}.sender.example [192.0.2.{n}])\r\n\tby relay{n}.sender.example (Postfix) with ESMTPS"
              f" id 4XyZ{n}k2Qz1\r\n\tfor <user@example.test>; {date}" for n in range(1, 4)]
    fields += [f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.example; s=s1;\r\n h=from:to:subject:date:message-id;\r\n"
               f" bh={'Qm4r' * 11}=;\r\n {signature}", f"Date: {date}", "From: Anna Berg <anna.berg@sender.example>",
               "To: User <user@example.test>", "Subject: =?utf-8?Q?Protokoll_der_Sitzung_=E2=80=93_Entwurf?=",
               "Message-ID: <20261121.4f1c9a7e@mta1.sender.example>", "MIME-Version: 1.0", "Reply-To: <anna.berg@sender.example>",
               "In-Reply-To: <71b2@example.test>", "References: <71b0@example.test>\r\n <71b2@example.test>",
               "Content-Type: text/plain; charset=utf-8; format=flowed", "Content-Transfer-Encoding: quoted-printable",
               "List-Unsubscribe: <https://sender.example/u/1>, <mailto:u@sender.example>", "X-Mailer: Mailer 7.1",
               "Organization: Berg & Partner"]
    content = "\r\n".join(fields) + "\r\n\r\n"
    line = "A line of text as it stands in a message, and there are many of them.\r\n"
    while len(content) + len(line) <= SIZE:
        content += line
    path.write_bytes(content.encode())


def tables_of(checks, resolver):
    """The configuration with these checks in force, as far as there are such, and all others off."""
    known = known_checks()
    parts = [f'[dns]\nservers = ["127.0.0.1:{resolver}"]\n']
    for name in known:
        mode = "enforce" if name in checks or name == "access" else "off"
        parts.append(f'[checks.{name}]\nmode = "{mode}"\n{checks.get(name, "")}\n')
    return "".join(parts)


class Measured:
    """A gateway and its figures."""

    def __init__(self, directory, behind, name, knot):
        self.name, self.knot = name, knot
        checks, self.goal = CONFIGURATIONS[name]
        self.server = gatepost(directory, behind, 'proxy_from = ["127.0.0.1/32"]', tables_of(checks, knot.port))
        self.spoke, self.questions = self._explain(directory)
        self.begin()

    def begin(self):
        self.cpu, self.rate, self.asked = [], [], 0

    def _explain(self, directory):
        """How many checks look at a mail, and how many DNS questions that takes: asked of the program itself."""
        before = self.knot.queries()
        said = subprocess.run([BINARY, "explain", "--json", "--config", self.server.config, "--client", address_of(1), "--helo", host_of(1),
                               "--from", sender_of(1), "--to", "user@example.test", "--message", directory / "message"],
                              capture_output=True, text=True)
        if said.returncode:
            raise SystemExit(f"{self.name}: the mail would not be taken: {said.stdout}{said.stderr}")
        findings = [f for f in json.loads(said.stdout)["findings"] if f.get("mode") == "enforce" and f["check"] != "policy"]
        return len({f["check"] for f in findings}), self.knot.queries() - before

    def send(self, directory, messages, per_connection):
        queries, before, began = self.knot.queries(), self.server.processor_ns(), time.monotonic()
        done = subprocess.run([directory / "smtp_load", str(self.server.port), str(SESSIONS), str(messages), str(per_connection),
                               directory / "clients", directory / "message"], capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise SystemExit(f"smtp_load: {self.name}: {done.stderr[-400:]}")
        self.cpu.append((self.server.processor_ns() - before) / messages / 1000)
        self.rate.append(messages / (time.monotonic() - began))
        self.asked += self.knot.queries() - queries

    def warm(self, directory, messages, per_connection):
        """Until nothing is asked any more, twice: each thread has a cache of its own, and works only when it is needed."""
        silent = 0
        for _ in range(10):
            self.begin()
            self.send(directory, messages, per_connection)
            silent = silent + 1 if self.asked == 0 else 0
            if silent == 2:
                break
        self.begin()


def measure(directory, gateways, what, rounds):
    """Rows of the table for one workload."""
    messages, per_connection = WORKLOADS[what]
    for gateway in gateways:
        gateway.warm(directory, messages, per_connection)
    for _ in range(rounds):
        for gateway in gateways:
            gateway.send(directory, messages, per_connection)
    rows = []
    for gateway in gateways:
        ratios = sorted(cpu / alone for alone, cpu in zip(gateways[0].cpu, gateway.cpu))
        rows.append([gateway.name, gateway.spoke, gateway.questions,
                     f"{statistics.median(gateway.cpu):.1f}", f"{statistics.median(ratios):.3f}", f"{ratios[0]:.2f}-{ratios[-1]:.2f}",
                     f"{gateway.goal:.2f}" if gateway.goal else "-", f"{statistics.median(gateway.rate):.0f}", gateway.asked])
    return rows


def measure_checks(directory, rounds, markdown):
    wanted = {name for checks, _ in CONFIGURATIONS.values() for name in checks}
    known = set(known_checks())
    for names, why in ((wanted - known, "this binary does not know"), (known - wanted, "off in all configurations")):
        if names:
            print(f"Not measured, {why}: {', '.join(sorted(names))}", flush=True)
    build_load(directory)
    make_message(directory / "message")
    (directory / "clients").write_text("".join(f"{address_of(c)} {host_of(c)} {sender_of(c)}\n" for c in range(CLIENTS)))
    with contextlib.ExitStack() as running:
        knot, behind = Knot(directory), sink(directory)
        running.callback(knot.stop)
        running.callback(behind.stop)
        gateways = []
        for name in CONFIGURATIONS:
            gateways.append(Measured(directory, behind.port, name, knot))
            running.callback(gateways[-1].server.stop)
        for what in WORKLOADS:
            table([what, "checks run", "DNS questions of one mail", "us/msg", "ratio", "of rounds", "goal", "msg/s",
                   "DNS queries while measured"], measure(directory, gateways, what, rounds), markdown)
