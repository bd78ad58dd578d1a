"""Resolvers that are dead, slow, confused or lying: none costs a mail, all raise an alarm."""
import time
import unittest

from dns_server import LyingDns
from dns_site import DYNAMIC, HONEST, NAMELESS, UNCONFIRMED, ZONE, checks, dns_gateway, session
from harness import SiteTest, wait_until

BUDGET = 1.0
SLACK = 0.8  # the sweep looks every 250 ms, and this may be a slow machine


class BadResolverTest(SiteTest):
    """All checks are enforced, and the resolver is bad in one way or another."""

    def start(self, mode, delay=0.0):
        self.dns = LyingDns(self.site, ZONE, mode, delay)
        config = {"dns": {"timeout": "5 s" if delay else "250 ms"}, "policy": {"dns_budget": f"{int(BUDGET * 1000)} ms"}}
        self.gateway = dns_gateway(self.site, self.dns, config, checks("enforce"))

    def rcpt(self, source, sender="sender@client.test"):
        """The answer to RCPT; it comes within the budget."""
        client = session(self.gateway, source)
        client.ask(f"MAIL FROM:<{sender}>")
        began = time.monotonic()
        answer = client.ask("RCPT TO:<bob@example.org>")
        self.assertLess(time.monotonic() - began, BUDGET + SLACK)
        client.quit()
        return answer

    def assert_all(self, code):
        """For clients and senders of all kinds."""
        for source, sender in ((HONEST, "sender@client.test"), (NAMELESS, "a@nowhere.test"), (DYNAMIC, "a@strict.test"), (UNCONFIRMED, "boss@example.org")):
            self.assertEqual(self.rcpt(source, sender).code, code, (source, sender))

    def assert_harmless(self):
        """No mail is refused for what could not be found out, and deferred only where that is configured."""
        self.assert_all(250)
        self.gateway.change({"checks": checks("enforce", on_error="defer")})
        self.gateway.reload()
        self.assert_all(451)

    def alarms(self):
        return [w for w in self.gateway.status()["warnings"] if w.startswith(("resolver ", "the resolver "))]

    def notices(self, level):
        return [n["text"] for n in self.gateway.notices("resolver") + self.gateway.notices("dns") if n["level"] == level]

    def assert_alarm(self, text):
        """On the page and in the log."""
        wait_until(lambda: any(text in alarm for alarm in self.alarms()), f"the page says {text!r} of the resolver")
        wait_until(lambda: any(text in notice for notice in self.notices("error")), f"the log says {text!r}, too")

    def assert_alarm_over(self):
        wait_until(lambda: not self.alarms(), "the alarm is over", pause=0.1)
        wait_until(lambda: self.notices("info"), "the log says so, too")

    def assert_refuses_again(self):
        """A client without a name. Each that comes is another, so that no cache knows it."""
        nameless = iter(range(100, 250))
        wait_until(lambda: self.rcpt(f"203.0.113.{next(nameless)}").enhanced == "5.7.25", "clients are refused again", pause=0.3)


class SilentResolvers(BadResolverTest):
    """No answer, or none that could be read."""

    seconds = 12

    def test_a_dead_one(self):
        self.start("dead")
        self.assert_harmless()
        self.assert_alarm("does not answer: timed out")
        self.dns.mode = "normal"
        self.assert_refuses_again()
        self.assert_alarm_over()

    def test_one_that_is_not_there(self):
        self.start("normal")
        self.dns.close()
        self.assert_harmless()
        self.assert_alarm("does not answer: ")

    def test_one_slower_than_the_budget(self):
        self.start("slow", delay=2.0)
        self.assert_all(250)
        self.gateway.change({"checks": checks("enforce", on_error="defer")})
        self.gateway.reload()
        self.assertEqual(self.rcpt("203.0.113.60", "a@late.test").code, 451)

    def test_one_that_sends_garbage(self):
        self.start("garbage")
        self.assert_harmless()
        self.assert_alarm("does not answer: garbage")

    def test_one_whose_answers_have_another_id(self):
        self.start("wrong_id")
        self.assert_harmless()
        self.assert_alarm("does not answer: timed out")

    def test_truncated_answers_are_fetched_over_tcp(self):
        self.start("truncated")
        self.assertEqual(self.rcpt(HONEST).code, 250)
        self.assert_reply(self.rcpt(NAMELESS), 550, "5.7.25")
        self.assertEqual({transport for _, _, transport in self.dns.asked}, {"udp", "tcp"})
        self.assertEqual(self.alarms(), [])


class LyingResolvers(BadResolverTest):
    """Answers that are wrong.

    An examination that the resolver passed holds for 60 s: one that begins to deny all names within that time is
    believed until then. So those that lie do it from the start here.
    """

    seconds = 25

    def test_one_that_says_that_nothing_exists(self):
        self.start("nxdomain")
        self.assert_harmless()
        self.assert_alarm("the resolver is not to be trusted, and refuses nothing until it recovers: it says that nothing exists")
        self.dns.mode = "normal"
        self.assert_refuses_again()
        self.assert_alarm_over()

    def test_one_that_has_127_0_0_2_for_every_name(self):
        self.start("everything")
        self.assert_harmless()
        self.assert_alarm("it gives an answer for names that do not exist")

    def test_one_that_only_says_servfail(self):
        self.start("servfail")
        self.assert_harmless()
        self.assert_alarm("SERVFAIL")
        self.dns.mode = "normal"
        self.assert_refuses_again()
        self.assert_alarm_over()

    def test_one_that_refuses_us(self):
        self.start("refused")
        self.assert_harmless()
        self.assert_alarm("REFUSED")

    def test_one_that_goes_bad_while_mail_comes(self):
        self.start("normal")
        self.assert_reply(self.rcpt("203.0.113.50"), 550, "5.7.25")
        for number, mode in enumerate(("servfail", "refused", "garbage", "wrong_id", "dead", "everything"), 51):
            self.dns.mode = mode
            self.assertEqual(self.rcpt(f"203.0.113.{number}", f"a@{mode}.test").code, 250, mode)

    def test_one_that_goes_dead_again_and_again_loses_nothing(self):
        self.start("normal")
        senders = iter(range(100))
        for mode in ("dead", "normal", "dead", "normal"):
            self.dns.mode = mode
            self.assertEqual(self.rcpt(HONEST, f"a@{next(senders)}.client.test" if mode == "dead" else "sender@client.test").code, 250, mode)


if __name__ == "__main__":
    unittest.main()
