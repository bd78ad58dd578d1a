"""A small Internet for checks that ask DNS: its zone, clients that come in behind a balancer (PROXY protocol) and so
have addresses there, and gateways with all checks in one mode."""
import time

from dns_server import reverse
from harness import merged, message
from test_proxy_protocol import v1

HONEST = "203.0.113.9"
NAMELESS = "203.0.113.10"  # no PTR record
UNCONFIRMED = "203.0.113.11"
DYNAMIC = "203.0.113.12"
DENIED = "203.0.113.66"
ZONE = f"""
client.test MX 10 mail.client.test
client.test TXT v=spf1 ip4:203.0.113.0/24 -all
mail.client.test A {HONEST}
{reverse(HONEST)} PTR mail.client.test
{reverse(DENIED)} PTR denied.client.test
denied.client.test A {DENIED}

{reverse(UNCONFIRMED)} PTR elsewhere.client.test
elsewhere.client.test A 203.0.113.99
{reverse(DYNAMIC)} PTR 203-0-113-12.dsl.provider.test
203-0-113-12.dsl.provider.test A {DYNAMIC}

null.test MX 0 .
inside.test MX 10 mx.inside.test
mx.inside.test A 10.0.0.1
strict.test MX 10 mail.client.test
strict.test TXT v=spf1 -all exp=why.strict.test
why.strict.test TXT %{{i}} is not ours

example.org MX 10 mx.example.org
example.org TXT v=spf1 ip4:203.0.113.200 ?all
mx.example.org A 203.0.113.200
"""

CHECKS = ("early_talker", "reverse_dns", "dynamic_host", "helo", "sender_domain", "spf", "own_domain", "reputation", "headers")
RULES = [{"client": [DENIED], "text": "not from there"}]


def checks(mode, **options):
    """All of them in one mode."""
    return {"access": {"mode": mode, "rules": RULES}, **{name: {"mode": mode, **options} for name in CHECKS}}


def dns_gateway(site, resolver, config=None, checks=None):
    """It asks that resolver only, and takes a balancer's word for who the client is."""
    base = {"smtp": {"proxy_from": ["127.0.0.1"]}, "dns": {"servers": [resolver.address]}, "checks": checks or {}}
    return site.gateway(site.sink(), config=merged(base, config or {}))


def session(gateway, source=HONEST, helo="mail.client.test"):
    client = gateway.client()
    client.send(v1(source, family="TCP6" if ":" in source else "TCP4", destination="2001:db8::1" if ":" in source else "198.51.100.1"))
    return client.start(helo)


def dated(subject="test"):
    """A message in whose header nothing is wrong."""
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    return f"Date: {date}\r\nMessage-ID: <1@client.test>\r\n".encode() + message(subject)


def findings(gateway, incident):
    """Of both lines of a session with one transaction."""
    lines = [gateway.wait_for_event(event, id=incident) for event in ("transaction", "session")]
    return [finding for line in lines for finding in line.get("findings", [])]


def reasons(gateway, incident):
    return {finding.get("reason") for finding in findings(gateway, incident)}
