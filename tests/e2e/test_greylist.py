"""Greylisting: mail that is new comes again, and is taken then."""
from dns_site import HONEST, ZONE, dated, dns_gateway, findings, session
from dns_server import LyingDns
from harness import SharedSiteTest, message, needs, needs_root, wait_until
from test_real_peers import Postfix

POOL = ("203.0.113.20", "198.51.100.20", "192.0.2.20")
GREYLIST_ZONE = ZONE + """
pool.test TXT v=spf1 ip4:203.0.113.0/24 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all
alone.test TXT v=spf1 -all
"""


class Greylisting(SharedSiteTest):
    seconds = 8

    @classmethod
    def build(cls, site):
        cls.dns = LyingDns(site, GREYLIST_ZONE)
        cls.gateway = dns_gateway(site, cls.dns, checks={"greylist": {"mode": "enforce", "apply": "all", "window": "1 s", "auto_pass": 0}})

    def send(self, source, sender, *recipients, gateway=None):
        """One message; all replies. The last one is that to the message, if somebody was to get it."""
        client = session(gateway or self.gateway, source)
        answers = client.envelope(sender, *(recipients or ["bob@example.org"]))[1:]
        if any(answer.code == 250 for answer in answers):
            client.ask("DATA")
            client.send(dated() + b".\r\n")
            answers.append(client.reply())
        client.quit()
        return answers

    def send_until_taken(self, source, sender, *recipients):
        wait_until(lambda: self.send(source, sender, *recipients)[-1].code == 250, "the window is over", pause=0.2)

    def test_new_mail_is_deferred_and_told_for_how_long(self):
        answer, = self.send(POOL[0], "new@pool.test")
        self.assert_reply(answer, 451, "4.7.1")
        self.assertIn("mail from this sender for bob@example.org is new here; try again in 1 s, a retry is all it takes", answer.text)

    def test_a_retry_from_another_network_of_the_pool_is_taken(self):
        self.assert_reply(self.send(POOL[0], "a@pool.test")[0], 451, "4.7.1")
        self.send_until_taken(POOL[1], "a@pool.test")
        self.assertEqual(self.send(POOL[2], "a@pool.test")[-1].code, 250)
        passed = wait_until(lambda: [f for t in self.gateway.events("transaction") for f in t.get("findings", [])
                                     if f.get("reason") == "greylist.passed" and "a@pool.test" in f["evidence"]], "the log says so")[0]
        self.assertRegex(passed["evidence"], r"^pool\.test a@pool\.test bob@example\.org: after \d+ s$")

    def test_without_spf_a_retry_from_another_network_is_new(self):
        self.assert_reply(self.send(POOL[0], "a@alone.test")[0], 451, "4.7.1")
        self.send_until_taken("203.0.113.99", "a@alone.test")
        self.assert_reply(self.send(POOL[1], "a@alone.test")[0], 451, "4.7.1")

    def test_each_recipient_is_judged_by_itself(self):
        self.send(POOL[0], "two@pool.test", "bob@example.org")
        self.send_until_taken(POOL[0], "two@pool.test", "bob@example.org")
        answers = self.send(POOL[0], "two@pool.test", "bob@example.org", "alice@example.org", "postmaster@example.org")
        self.assertEqual([answer.code for answer in answers], [250, 451, 452, 250])

    def test_a_bounce_is_deferred_after_data_and_a_call_out_is_not(self):
        answers = self.send(POOL[0], "", "bob@example.org")
        self.assertEqual([answer.code for answer in answers], [250, 451], answers)
        self.assert_reply(answers[1], 451, "4.7.1")
        self.send_until_taken(POOL[0], "", "bob@example.org")

    def test_by_default_only_suspicious_sessions_are_deferred(self):
        gateway = dns_gateway(self.site, self.dns, checks={"greylist": {"mode": "enforce"}})
        self.assertEqual(self.send(HONEST, "sender@client.test", gateway=gateway)[-1].code, 250)
        answer = self.send(HONEST, "a@alone.test", gateway=gateway)[0]
        self.assert_reply(answer, 451, "4.7.1")
        found, = [f for f in findings(gateway, answer.incident) if f["check"] == "greylist"]
        self.assertRegex(found["evidence"], r"^203\.0\.113\.0/24 a@alone\.test bob@example\.org: 300 s left; suspicious: .*spf\.fail")

    def test_in_observe_nothing_is_deferred_and_the_log_says_what_would_have_been(self):
        gateway = dns_gateway(self.site, self.dns, checks={"greylist": {"mode": "observe", "apply": "all"}})
        answer = self.send(POOL[0], "a@pool.test", gateway=gateway)[-1]
        self.assertEqual(answer.code, 250)
        found, = [f for f in findings(gateway, answer.incident) if f["check"] == "greylist"]
        self.assertEqual((found["verdict"], found["reason"], found["mode"]), ("defer", "greylist.deferred", "observe"))


@needs("postfix")
@needs_root
class PostfixAsSender(SharedSiteTest):
    """A real queue comes again by itself."""

    seconds = 8

    @classmethod
    def build(cls, site):
        sink = site.sink()
        cls.gateway = site.gateway(sink, config={"policy": {"clients_are_real": ["127.0.0.0/8"]}, "checks": {
            "greylist": {"mode": "enforce", "apply": "all", "window": "2 s"}}})
        cls.sink = sink
        cls.postfix = site.keep(Postfix(site, main=f"virtual_mailbox_domains =\nrelayhost = [127.0.0.1]:{cls.gateway.port.number}\n"
                                        "disable_dns_lookups = yes\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\nqueue_run_delay = 1s\n",
                                        master="smtp unix - - n - - smtp\n"))

    def test_its_mail_is_deferred_and_arrives(self):
        answer = self.site.client(self.postfix.port.address).start().deliver(message("by a queue"))
        self.assertEqual(answer.code, 250, answer)
        stored = self.sink.wait_for(1)
        self.assertEqual(len(stored), 1)
        self.assertIn(b"Subject: by a queue", stored[0].content)
        reasons = wait_until(lambda: self.reasons() if "greylist.passed" in self.reasons() else None, "the log says that it came through")
        self.assertEqual(reasons[0], "greylist.deferred")

    def reasons(self):
        return [f.get("reason") for t in self.gateway.events("transaction") for f in t.get("findings", []) if f["check"] == "greylist"]
