"""Behind load balancers: the PROXY protocol, versions 1 and 2, from listed networks only."""
import socket
import struct
import time
import unittest

from harness import SharedSiteTest, SiteTest, message

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REAL = "192.0.2.7"


def v1(source=REAL, port=4711, family="TCP4", destination="198.51.100.1"):
    return f"PROXY {family} {source} {destination} {port} 25\r\n".encode()


def v2(command=0x21, family=0x11, body=None, extra=b""):
    if body is None:
        body = socket.inet_aton(REAL) + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 4711, 25)
    return SIGNATURE + struct.pack("!BBH", command, family, len(body + extra)) + body + extra


V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack("!HH", 4711, 25)


class FromABalancer(SharedSiteTest):
    seconds = 7

    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        rules = [{"client": ["203.0.113.0/24"], "action": "deny"}]
        cls.gateway = site.gateway(cls.sink, config={"smtp": {"proxy_from": ["127.0.0.0/8"]}, "checks": {"access": {"rules": rules}, "spf": {"header": False}}})

    def behind(self, header, helo="client.test"):
        client = self.gateway.client()
        client.send(header)
        return client.start(helo)

    def deliver(self, header, subject):
        client = self.behind(header)
        self.assertEqual(client.deliver(message(subject)).code, 250)
        client.quit()
        return [m for m in self.sink.messages() if subject.encode() in m.content][0].received

    def assert_refused(self, client):
        """Closed without a banner."""
        client.socket.settimeout(10)
        said = b""
        try:
            while more := client.socket.recv(4096):
                said += more
        except ConnectionResetError:
            pass
        self.assertNotRegex(said, rb"(?m)^2")

    def test_version_1_tells_the_real_client(self):
        self.assertIn(f"[{REAL}]", self.deliver(v1(), "proxy v1"))
        line = self.gateway.wait_for_event("transaction", client=f"{REAL}:4711")
        self.assertTrue(line["via"].startswith("127.0.0.1:"))
        self.gateway.wait_for_event("session", id=line["id"], client=f"{REAL}:4711")

    def test_version_2_tells_the_real_client(self):
        self.assertIn(f"[{REAL}]", self.deliver(v2(), "proxy v2"))

    def test_version_2_with_extra_fields(self):
        self.assertIn(f"[{REAL}]", self.deliver(v2(extra=b"\x03\x00\x04abcd"), "proxy tlv"))

    def test_ipv6_clients(self):
        for name, header in (("v1 six", v1("2001:db8::7", family="TCP6", destination="2001:db8::1")), ("v2 six", v2(family=0x21, body=V6))):
            self.assertIn("[IPv6:2001:db8::7]", self.deliver(header, name))
        self.gateway.wait_for_event("transaction", client="[2001:db8::7]:4711")

    def test_checks_see_the_real_client(self):
        self.assert_reply(self.behind(v1("203.0.113.9")).envelope("a@client.test", "bob@example.org")[1], 550, "5.7.1")

    def test_the_header_may_come_a_byte_at_a_time(self):
        for header in (v1(), v2()):
            client = self.gateway.client()
            client.send_slowly(header)
            self.assertEqual(client.reply().code, 220)

    def test_the_header_and_commands_in_one_packet(self):
        client = self.gateway.client()
        client.send(v2() + b"EHLO early.test\r\n")
        self.assertEqual([a.code for a in client.replies(2)], [220, 250])
        self.assertEqual(client.quit().code, 221)
        self.assertTrue(self.gateway.wait_for_event("session", helo="early.test")["early_talk"])

    def test_who_waits_for_the_banner_is_not_noted(self):
        self.behind(v1(), "patient.test").quit()
        self.assertNotIn("early_talk", self.gateway.wait_for_event("session", helo="patient.test"))

    def test_a_balancers_own_look_is_no_session(self):
        before = len(self.gateway.events("session"))
        for look in (v2(command=0x20, family=0, body=b""), b"PROXY UNKNOWN\r\n", v2(family=0, body=b"")):
            client = self.gateway.client()
            client.send(look)
            self.assertEqual(client.reply().code, 220)  # a balancer that sees no banner takes us for dead
            self.assertEqual(client.quit().code, 221)
        self.deliver(v1(port=4800), "behind the looks")
        self.gateway.wait_for_event("session", client=f"{REAL}:4800")
        self.assertEqual(len(self.gateway.events("session")), before + 1)

    def test_a_balancers_own_look_is_counted(self):
        client = self.gateway.client()
        client.send(v2(command=0x20, family=0, body=b""))
        client.reply()
        client.quit()
        code, text = self.gateway.http("/metrics")
        self.assertEqual(code, 200)
        self.assertRegex(text, r"(?m)^gatepost_smtp_health_checks_total [1-9]")

    def test_malformed_headers_are_refused(self):
        for header in (b"PROXY TCP4 nonsense\r\n", b"PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n", b"PROXY TCP4 2001:db8::1 1.2.3.4 1 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n",
                       b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", b"PROXY " + b"x" * 200 + b"\r\n", v2(command=0x31), v2(command=0x22), v2(body=b"short"),
                       SIGNATURE + b"\x21\x11\xff\xff", b"EHLO client.test\r\n", b"\x16\x03\x01\x02\x00"):
            with self.subTest(header):
                client = self.gateway.client()
                client.send(header)
                self.assert_refused(client)

    def test_a_second_header_is_refused(self):
        client = self.gateway.client()
        client.send(v1() + v1("203.0.113.200"))
        answers = []
        try:
            answers = [client.reply(), client.reply()]
        except Exception:
            pass
        self.assertTrue(all(a.code in (220, 554) for a in answers), answers)
        self.assertTrue(client.is_closed(5))

    def test_a_missing_header_is_refused_within_some_seconds(self):
        client = self.gateway.client()
        began = time.monotonic()
        self.assert_refused(client)
        self.assertTrue(4.0 < time.monotonic() - began < 8.0)

    def test_a_client_that_leaves_before_the_header_harms_nobody(self):
        for _ in range(5):
            self.gateway.client().close()
            self.gateway.client().reset()
        self.assertEqual(self.behind(v1()).ask("NOOP").code, 250)


class FromAnybodyElse(SiteTest):
    def test_a_header_is_a_protocol_error(self):
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"smtp": {"proxy_from": ["192.0.2.0/24"]}})
        for header in (v1(), v2(), v2(command=0x20, family=0, body=b"")):
            with self.subTest(header):
                client = gateway.client()
                client.send(header + b"EHLO client.test\r\n")
                self.assertEqual(client.reply().code, 220)
                self.assert_reply(client.reply(), 554, "5.5.0")
                self.assertTrue(client.is_closed(5))
        self.assertFalse([line for line in gateway.events("session") if REAL in line["client"]])

    def test_without_a_header_they_are_served(self):
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"smtp": {"proxy_from": ["192.0.2.0/24"]}})
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)


if __name__ == "__main__":
    unittest.main()
