"""What clients and senders did before, and clients that talk before the banner: real sessions from public addresses,
which a balancer tells (PROXY protocol)."""
import signal
import time

from dns_server import LyingDns, reverse
from dns_site import dated, dns_gateway, findings, session
from harness import Closed, SharedSiteTest, SiteTest, wait_until
from test_proxy_protocol import v1

GOOGLE = "209.85.208.41"
ZONE = f"""
sender.test MX 10 mail.sender.test
sender.test TXT v=spf1 ip4:198.51.100.0/24 ip4:{GOOGLE} -all
mail.sender.test A 198.51.100.1
proven.test MX 10 mail.sender.test
proven.test TXT v=spf1 ip4:198.51.100.0/24 -all
{reverse(GOOGLE)} PTR mail-ed1-f41.google.com
mail-ed1-f41.google.com A {GOOGLE}
"""
REJECTING = {"mode": "enforce", "client": "reject", "network": "reject", "sender_domain": "reject", "sender": "reject"}
SENDER = "a@sender.test"


def harvest(gateway, source, count, sender=SENDER):
    """Tries out addresses."""
    client = session(gateway, source)
    client.envelope(sender, *[f"nobody{i}@example.org" for i in range(count)])
    client.quit()


def try_one(gateway, source, sender=SENDER, recipient="bob@example.org"):
    client = session(gateway, source)
    answer = client.envelope(sender, recipient)[1]
    client.quit()
    return answer


class Reputation(SharedSiteTest):
    seconds = 5

    @classmethod
    def build(cls, site):
        cls.dns = LyingDns(site, ZONE)
        cls.gateway = dns_gateway(site, cls.dns, checks={"reputation": REJECTING})
        cls.observing = dns_gateway(site, cls.dns, checks={"reputation": {"mode": "observe", "client": "reject"}})

    def test_who_tried_out_addresses_is_refused_in_the_next_session_and_told_why(self):
        harvest(self.gateway, "203.0.113.20", 12)  # ten count
        harvest(self.gateway, "203.0.113.20", 12)
        answer = try_one(self.gateway, "203.0.113.20")
        self.assert_reply(answer, 550, "5.7.1")
        self.assertRegex(answer.text, r"<203\.0\.113\.20>: 20 of the last 20 messages and attempts from this address were "
                                      r"refused or mistaken; this ends by itself in about 6 h")
        found = [f for f in findings(self.gateway, answer.incident) if f["check"] == "reputation"]
        self.assertEqual([(f["verdict"], f["reason"]) for f in found], [("reject", "reputation.client")])
        self.assertEqual(try_one(self.gateway, "203.0.113.20", recipient="postmaster@example.org").code, 250)

    def test_its_own_refusals_do_not_make_it_worse(self):
        harvest(self.gateway, "203.0.113.30", 12)
        first = try_one(self.gateway, "203.0.113.30", sender="")
        for _ in range(5):
            again = try_one(self.gateway, "203.0.113.30", sender="")
        self.assertRegex(first.text, "10 of the last 10")
        self.assertRegex(again.text, "10 of the last 10")

    def test_delivered_mail_counts_for_it(self):
        for _ in range(4):
            client = session(self.gateway, "203.0.114.40")
            self.assertEqual(client.deliver(dated(), "").code, 250)
            client.quit()
        harvest(self.gateway, "203.0.114.40", 10)
        self.assertEqual(try_one(self.gateway, "203.0.114.40").code, 250)

    def test_a_forged_sender_is_not_the_worse_for_it(self):
        for source in ("203.0.115.50", "203.0.115.51"):
            harvest(self.gateway, source, 20, "boss@sender.test")
        self.assertEqual(try_one(self.gateway, "198.51.100.7", "boss@sender.test").code, 250)

    def test_a_proven_sender_is_known_again_elsewhere(self):
        harvest(self.gateway, "198.51.100.60", 10, "spam@proven.test")
        answer = try_one(self.gateway, "198.51.100.160", "spam@proven.test")
        self.assertRegex(self.assert_reply(answer, 550, "5.7.1").text, "^<spam@proven.test>: 10 of the last 10 messages from this sender")

    def test_nothing_is_held_against_a_big_pool(self):
        harvest(self.gateway, GOOGLE, 20)
        harvest(self.gateway, GOOGLE, 20)
        self.assertEqual(try_one(self.gateway, GOOGLE).code, 250)

    def test_observing_refuses_nobody_and_says_what_it_would_have_done(self):
        harvest(self.observing, "203.0.113.20", 12)
        client = session(self.observing, "203.0.113.20")
        answer = client.deliver(dated(), SENDER)
        client.quit()
        self.assertEqual(answer.code, 250)
        found = [f for f in findings(self.observing, answer.incident) if f.get("reason") == "reputation.client"]
        self.assertEqual([(f["verdict"], f["mode"]) for f in found], [("reject", "observe")])


def held(site, delay="2 s", **policy):
    return dns_gateway(site, LyingDns(site, ZONE), config={"policy": policy},
                       checks={"early_talker": {"mode": "enforce", "greet_delay": delay}, "reputation": {"mode": "observe"}})


class EarlyTalker(SiteTest):
    seconds = 12

    def connect(self, gateway, source="203.0.113.70"):
        client = gateway.client()
        client.send(v1(source))
        return client

    def assert_silent(self, client, seconds=0.5):
        client.socket.settimeout(seconds)
        with self.assertRaises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(20)

    def test_who_waits_is_greeted_late_and_served(self):
        gateway = held(self.site)
        began = time.monotonic()
        client = self.connect(gateway)
        self.assertEqual(client.reply().code, 220)
        self.assertGreaterEqual(time.monotonic() - began, 2)
        client.ehlo("mail.sender.test")
        self.assertEqual(client.deliver(dated(), "").code, 250)
        client.quit()
        line = gateway.wait_for_event("session", client="203.0.113.70:4711")
        self.assertNotIn("early_talk", line)
        self.assertIn("early_talker.greet_delay", [f["reason"] for f in line["findings"]])

    def test_who_talks_meanwhile_is_refused_at_rcpt(self):
        client = self.connect(held(self.site))
        self.assert_silent(client)
        client.send("EHLO early.test\r\n")
        self.assertEqual([a.code for a in client.replies(2)], [220, 250])
        answers = client.envelope("", "bob@example.org", "postmaster@example.org")
        self.assertEqual(answers[2].code, 250)
        self.assertIn("you spoke before this server's greeting", self.assert_reply(answers[1], 554, "5.5.0").text)

    def test_or_in_place_of_the_banner(self):
        client = self.connect(held(self.site, delay_reject=False))
        self.assert_silent(client)
        client.send("EHLO early.test\r\n")
        self.assert_reply(client.reply(), 554, "5.5.0")
        with self.assertRaises(Closed):
            client.line()

    def test_who_hangs_up_meanwhile_is_gone(self):
        gateway = held(self.site, "30 s")
        client = self.connect(gateway)
        self.assert_silent(client)
        client.socket.close()
        gateway.wait_for_event("session", client="203.0.113.70:4711")

    def test_at_a_shutdown_who_is_held_back_is_told_at_once(self):
        gateway = held(self.site, "30 s")
        client = self.connect(gateway)
        self.assert_silent(client)
        gateway.signal(signal.SIGTERM)
        self.assertEqual(client.reply().code, 421)
        self.assertEqual(gateway.wait(), 0)

    def test_who_is_known_to_be_good_is_greeted_at_once(self):
        gateway = held(self.site, "1 s")
        for _ in range(7):
            client = self.connect(gateway, "198.51.100.80")
            client.start("mail.sender.test")
            self.assertEqual(client.deliver(dated(), "").code, 250)
            client.quit()
        lines = wait_until(lambda: len(found := gateway.events("session", client="198.51.100.80:4711")) == 7 and found, "all are recorded")
        held_back = [any(f.get("reason") == "early_talker.greet_delay" for f in line.get("findings", [])) for line in lines]
        self.assertEqual(held_back, [True] * 6 + [False])

    def test_hidden_clients_are_not_held_back(self):
        gateway = held(self.site, "30 s")
        self.assertEqual(session(gateway, "10.0.0.9").ask("NOOP").code, 250)

    def test_observing_holds_nobody_back(self):
        gateway = dns_gateway(self.site, LyingDns(self.site, ZONE), checks={"early_talker": {"mode": "observe", "greet_delay": "30 s"}})
        self.assertEqual(session(gateway, "203.0.113.70").ask("NOOP").code, 250)
