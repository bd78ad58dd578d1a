"""Callouts: the senders' mail servers are asked, those that answer and those that do not."""
import re
import time
import unittest

from dns_server import LyingDns
from dns_site import HONEST, findings, session
from harness import CLOSE, STALL, Gate, SharedSiteTest, SiteTest, merged, message, needs, needs_root, toml, wait_until
from test_explain import run
from test_real_peers import Postfix

ZONE = "\n".join(f"{domain}.test MX 10 mx.{domain}.test\nmx.{domain}.test A 127.0.0.1"
                 for domain in ("partner", "catchall", "slow", "silent", "flood", "closing", "garbage", "other", "bounceless"))
FLOOD = b"250-" + b"x" * 1000 + b"\r\n"


def rcpt(connection, line):
    """Of a server that knows ann and postmaster only."""
    if "@catchall.test" in line or re.search(r"<(ann|postmaster)@", line):
        return None
    return "550 5.1.1 <nobody> is unknown\x07 here"


def callout(server, **options):
    return {"sender_callout": merged({"mode": "enforce", "on_error": "defer", "wait": "1 s", "port": server.port.number, "probe_private": True}, options)}


def callout_gateway(site, server, config=None, dns_delay=0.0, **options):
    dns = LyingDns(site, ZONE, mode="slow", delay=dns_delay)
    return site.gateway(site.sink(), config=merged({"smtp": {"proxy_from": ["127.0.0.1"]}, "dns": {"servers": [dns.address]}, "checks": callout(server, **options)}, config or {}))


def deliver(gateway, sender, source=HONEST):
    client = session(gateway, source)
    answer = client.deliver(message(), sender)
    client.quit()
    return answer


class ServersThatAnswer(SharedSiteTest):
    seconds = 4

    @classmethod
    def build(cls, site):
        cls.server = site.backend(RCPT=rcpt, MAIL=lambda connection, line: None)
        cls.gateway = callout_gateway(site, cls.server)

    def asked(self):
        return [line for line in self.server.commands() if line.startswith("RCPT")]

    def test_a_sender_that_is_taken_gets_his_mail_through_and_is_asked_about_once(self):
        before = len(self.server.connections)
        self.assertEqual(deliver(self.gateway, "ann@partner.test").code, 250)
        self.assertEqual(deliver(self.gateway, "Ann@Partner.test").code, 250)
        self.assertEqual(len(self.server.connections) - before, 1)
        lines = self.server.connections[before].lines
        self.assertEqual(lines[0], "EHLO mx.example.org")
        self.assertEqual({line for line in lines if line.startswith("MAIL")}, {"MAIL FROM:<>"})
        self.assertRegex(self.asked()[-2], r"RCPT TO:<no-such-user-[0-9a-f]{16}@partner\.test>")
        self.assertEqual(self.asked()[-1], "RCPT TO:<ann@partner.test>")
        wait_until(lambda: lines[-1] == "QUIT", "it says goodbye")

    def test_a_sender_that_is_refused_is_told_so_in_his_servers_words(self):
        answer = deliver(self.gateway, "bob@other.test")
        self.assert_reply(answer, 550, "5.1.7")
        self.assertIn("it says: 550 5.1.1 <nobody> is unknown\\x07 here", answer.text)
        line = self.gateway.wait_for_event("transaction", id=answer.incident)
        found = [f for f in line["findings"] if f["check"] == "sender_callout"]
        self.assertEqual([(f["verdict"], f["reason"], f["stage"]) for f in found], [("reject", "sender_callout.refused", "rcpt")])
        before = len(self.server.connections)
        self.assert_reply(deliver(self.gateway, "bob@other.test"), 550, "5.1.7")
        self.assertEqual(len(self.server.connections), before, "it is remembered")

    def test_a_server_that_takes_everything_teaches_nothing(self):
        for name in ("ann", "bob", "cy"):
            self.assertEqual(deliver(self.gateway, f"{name}@catchall.test").code, 250)
        self.assertEqual(len([line for line in self.asked() if "@catchall.test" in line]), 1)

    def test_nobody_is_asked_about_bounces_our_own_domain_and_mail_that_is_refused_anyway(self):
        before = len(self.server.connections)
        self.assertEqual(deliver(self.gateway, "").code, 250)
        self.assertEqual(deliver(self.gateway, "bob@example.org").code, 250)
        client = session(self.gateway)
        self.assert_reply(client.envelope("x@partner.test", "unknown@example.org")[1], 550, "5.1.1")
        self.assertEqual(client.ask("RCPT TO:<postmaster@example.org>").code, 250)
        self.assertEqual(len(self.server.connections), before)

    def test_metrics_count_what_came_of_it(self):
        deliver(self.gateway, "metric@partner.test")
        text = self.gateway.http("/metrics")[1]
        self.assertRegex(text, r'gatepost_callouts_total\{result="refused"\} [1-9]')
        self.assertIn("gatepost_callouts_open 0", text)

    def test_explain_asks_only_if_it_is_told_to(self):
        path = self.site.file("explain.toml")
        path.write_text(toml(self.gateway.config))
        before = len(self.server.connections)

        def explain(*more):
            return run("explain", "--config", path, "--client", "203.0.113.9", "--from", "bob@partner.test", "--to", "bob@example.org", *more)
        ran = explain()
        self.assertIn("not_asked, explain asks only with --callout", ran.stdout)
        self.assertEqual((ran.returncode, ran.stderr, len(self.server.connections)), (0, "", before))
        ran = explain("--callout")
        self.assertIn("550 5.1.7 <bob@partner.test>", ran.stdout)
        self.assertEqual((ran.returncode, ran.stderr, len(self.server.connections)), (1, "", before + 1))


class ServersThatDoNot(SiteTest):
    seconds = 8

    def test_the_sender_comes_again_and_finds_the_answer(self):
        gate = Gate()
        server = self.site.backend(connect=gate, RCPT=rcpt)
        gateway = callout_gateway(self.site, server)
        began = time.monotonic()
        self.assert_reply(deliver(gateway, "ann@slow.test"), 451, "4.4.3")
        self.assertLess(time.monotonic() - began, 4)
        gate.open()
        server.wait_for_command("QUIT")
        self.assertEqual(deliver(gateway, "ann@slow.test").code, 250)
        self.assertEqual(len(server.connections), 1)

    def test_waiting_for_it_is_no_waiting_for_dns(self):
        server = self.site.backend(connect=STALL)
        config = {"policy": {"dns_budget": "3 s"}, "checks": {"sender_domain": {"mode": "enforce", "on_error": "defer", "unroutable": "off"}}}
        gateway = callout_gateway(self.site, server, config, dns_delay=0.3, wait="4 s", excluded_domains=["other.test"])
        client = session(gateway)
        began = time.monotonic()
        answer = client.envelope("ann@slow.test", "bob@example.org")[1]
        self.assertIn("does not tell at the moment whether it takes this address", self.assert_reply(answer, 451, "4.4.3").text)
        self.assertGreater(time.monotonic() - began, 3.9)
        client.ask("RSET")
        # There is time for DNS left, though less than the callout has taken.
        self.assertEqual(client.deliver(message(), "ann@other.test").code, 250)

    def test_who_never_gets_an_answer_is_deferred_three_times(self):
        server = self.site.backend(connect=STALL)
        gateway = callout_gateway(self.site, server)
        for _ in range(3):
            self.assert_reply(deliver(gateway, "ann@silent.test"), 451, "4.4.3")
        self.assertEqual(deliver(gateway, "ann@silent.test").code, 250)
        self.assertEqual(len(server.connections), 1)

    def test_hostile_servers_change_nothing_if_errors_are_ignored(self):
        for name, step, verdict in (("flood", {"EHLO": FLOOD * 200}, "unknown"), ("closing", {"connect": CLOSE}, "unknown"),
                                    ("garbage", {"RCPT": b"\xff\x00 no smtp\r\n"}, "unknown"), ("slow", {"RCPT": "451 4.7.1 greylisted"}, "unknown"),
                                    ("bounceless", {"MAIL": "550 5.1.8 who are you"}, "annotate")):
            with self.subTest(name):
                server = self.site.backend(**step)
                gateway = callout_gateway(self.site, server, on_error="ignore", wait="6 s")
                answer = deliver(gateway, f"ann@{name}.test")
                self.assertEqual(answer.code, 250)
                found = findings(gateway, re.search(r"\[(\w+)\]", answer.text).group(1))
                self.assertEqual([f["verdict"] for f in found if f["check"] == "sender_callout"], [verdict])

    def test_a_server_that_asks_us_because_we_ask_it_is_not_asked_in_turn(self):
        server = self.site.backend(connect=STALL)
        gateway = callout_gateway(self.site, server)
        self.assert_reply(deliver(gateway, "ann@silent.test"), 451, "4.4.3")
        # It goes on being asked, and comes from the address that is asked.
        self.assertEqual(deliver(gateway, "verify@silent.test", source="127.0.0.1").code, 250)
        self.assert_reply(deliver(gateway, "verify@silent.test"), 451, "4.4.3")

    def test_stopping_does_not_wait_for_a_callout(self):
        server = self.site.backend(connect=STALL)
        gateway = callout_gateway(self.site, server)
        self.assert_reply(deliver(gateway, "ann@silent.test"), 451, "4.4.3")
        began = time.monotonic()
        self.assertTrue(gateway.stop())
        self.assertLess(time.monotonic() - began, 4)


@needs("postfix")
@needs_root
class PostfixAsTheSendersServer(SharedSiteTest):
    seconds = 5

    @classmethod
    def build(cls, site):
        cls.postfix = site.keep(Postfix(site))
        dns = LyingDns(site, "example.org MX 10 mx.example.org\nmx.example.org A 127.0.0.1")
        domains = [{"names": ["ours.test"], "recipients": ["file:staff"], "route": "inside"}]
        cls.gateway = site.gateway(site.sink(), recipients=["user@ours.test"],
                                   config={"domains": domains, "dns": {"servers": [dns.address]}, "checks": callout(cls.postfix, wait="6 s")})

    def test_knows_its_own(self):
        client = self.gateway.client().start()
        self.assertEqual(client.deliver(message(), "bob@example.org", ["user@ours.test"]).code, 250)

    def test_refuses_others(self):
        client = self.gateway.client().start()
        answer = client.deliver(message(), "zoe@example.org", ["user@ours.test"])
        self.assert_reply(answer, 550, "5.1.7")
        self.assertIn("it says: 550 5.1.1 <zoe@example.org>", answer.text)


if __name__ == "__main__":
    unittest.main()
