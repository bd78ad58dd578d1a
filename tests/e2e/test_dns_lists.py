"""DNS lists (checks dnsbl and domain_list): they refuse with their name, and only while they tell the truth."""
import subprocess
import unittest

from dns_server import LyingDns
from dns_site import HONEST, ZONE, dns_gateway, session
from harness import SharedSiteTest, SiteTest, binary, merged, wait_until

LISTED = "203.0.113.70"  # with code 127.0.0.4
UNKNOWN_CODE = "203.0.113.71"
LIGHT = "203.0.113.72"  # on the light list only
ALLOWED = "203.0.113.73"  # on the heavy list and on the one that allows
KEY = "k3yk3yk3yk3yk3yk3y"


def entry(address, zone):
    return ".".join(reversed(address.split("."))) + "." + zone


def canary(zone):
    return f"{entry('127.0.0.2', zone)} A 127.0.0.2\n"


LISTS_ZONE = ZONE + canary("heavy.list") + canary("light.list") + canary("allow.list") + canary(f"{KEY}.keyed.list") + f"""
{entry(LISTED, "heavy.list")} A 127.0.0.4
{entry(LISTED, "heavy.list")} TXT caught in the act
{entry(UNKNOWN_CODE, "heavy.list")} A 127.0.0.99
{entry(LIGHT, "light.list")} A 127.0.0.2
{entry(ALLOWED, "heavy.list")} A 127.0.0.4
{entry(ALLOWED, "allow.list")} A 127.0.10.2
{entry("203.0.113.74", KEY + ".keyed.list")} A 127.0.0.2
{entry("203.0.113.74", KEY + ".keyed.list")} TXT see query {KEY} of yours
"""
HEAVY = {"zone": "heavy.list", "name": "Heavy", "codes": ["127.0.0.2-4 = 5 spam"], "url": "https://heavy.list/q?ip={ip}"}
LIST_OPTIONS = {"mode": "enforce", "threshold": 5,
                "lists": [HEAVY, {"zone": "light.list", "weight": 3}, {"zone": "allow.list", "codes": ["127.0.10.0-3 = -5"]},
                          {"zone": "keyed.list", "key": KEY, "weight": 5}]}


def rcpt(gateway, source=HONEST, helo="mail.client.test", sender="sender@client.test"):
    client = session(gateway, source, helo)
    answer = client.envelope(sender, "bob@example.org")[1]
    client.quit()
    return answer


def session_finding(gateway, source, check="dnsbl"):
    """What the check found of the client that came last from there."""
    line = wait_until(lambda: [s for s in gateway.events("session") if s["client"].startswith(source + ":")], f"{source} is in the log")[-1]
    return [f for f in line.get("findings", []) if f["check"] == check]


def warnings(gateway, about):
    return [w for w in gateway.status()["warnings"] if w.startswith(about)]


class AddressLists(SharedSiteTest):
    seconds = 3

    @classmethod
    def build(cls, site):
        cls.dns = LyingDns(site, LISTS_ZONE)
        cls.gateway = dns_gateway(site, cls.dns, checks={"dnsbl": LIST_OPTIONS})

    def test_a_listed_client_is_refused_with_list_code_and_url(self):
        answer = self.assert_reply(rcpt(self.gateway, LISTED), 550, "5.7.1")
        self.assertIn(f"<{LISTED}> is on Heavy (127.0.0.4): https://heavy.list/q?ip={LISTED}", answer.text)
        found, = session_finding(self.gateway, LISTED)
        self.assertEqual((found["verdict"], found["reason"]), ("reject", "dnsbl.listed"))
        self.assertIn('Heavy 127.0.0.4 (spam, weight 5) "caught in the act"', found["evidence"])

    def test_a_client_that_is_not_listed_passes(self):
        self.assertEqual(rcpt(self.gateway).code, 250)

    def test_a_code_that_nobody_named_is_no_listing(self):
        self.assertEqual(rcpt(self.gateway, UNKNOWN_CODE).code, 250)

    def test_a_light_list_alone_is_put_on_record_only(self):
        self.assertEqual(rcpt(self.gateway, LIGHT).code, 250)
        self.assertEqual([f["reason"] for f in session_finding(self.gateway, LIGHT)], ["dnsbl.below_threshold"])

    def test_a_list_that_allows_takes_off_what_others_add(self):
        self.assertEqual(rcpt(self.gateway, ALLOWED).code, 250)

    def test_postmaster_is_reached(self):
        self.assertEqual(session(self.gateway, LISTED).envelope("sender@client.test", "postmaster@example.org")[1].code, 250)

    def test_a_hidden_client_is_not_looked_up(self):
        before = self.dns.count()
        self.assertEqual(rcpt(self.gateway, "10.1.2.3").code, 250)
        self.assertEqual(self.dns.count(), before)

    def test_in_observe_it_is_put_on_record(self):
        gateway = dns_gateway(self.site, self.dns, checks={"dnsbl": merged(LIST_OPTIONS, {"mode": "observe"})})
        self.assertEqual(rcpt(gateway, LISTED).code, 250)
        self.assertEqual([(f["reason"], f["mode"]) for f in session_finding(gateway, LISTED)], [("dnsbl.listed", "observe")])

    def test_the_key_is_nowhere_to_be_seen(self):
        answer = self.assert_reply(rcpt(self.gateway, "203.0.113.74"), 550, "5.7.1")
        self.assertIn("is on keyed.list (127.0.0.2): see query ... of yours", answer.text)
        session_finding(self.gateway, "203.0.113.74")
        self.assertTrue(self.dns.count(entry("203.0.113.74", f"{KEY}.keyed.list")))
        effective = subprocess.run([binary(), "config", "--effective", "--config", self.gateway.config_path], capture_output=True, text=True)
        self.assertIn("keyed.list", effective.stdout)
        seen = [str(answer), self.gateway.out, self.gateway.err, effective.stdout, effective.stderr]
        seen += [self.gateway.http(page)[1] for page in ("/", "/api/v1/status", "/metrics")]
        self.assertEqual([text for text in seen if KEY in text.lower()], [])


class ListsThatFail(SiteTest):
    """A list counts only while it shows that it tells the truth. The one beside it goes on."""

    seconds = 14

    def start(self, zone, mode="normal", options=LIST_OPTIONS):
        self.dns = LyingDns(self.site, zone, mode)
        self.gateway = dns_gateway(self.site, self.dns, checks={"dnsbl": options})

    def assert_off(self, name, why):
        """With an alarm that names list and resolver, on the page and in the log; and not asked any more."""
        warning, = wait_until(lambda: warnings(self.gateway, name), f"the page warns of {name}")
        for text in (why, f"(resolver {self.dns.address})"):
            self.assertIn(text, warning)
        self.gateway.wait_for_event("dns", level="error", text=warning)

    def test_an_error_code_is_no_listing_and_switches_the_list_off(self):
        self.start(LISTS_ZONE + f"{entry('203.0.113.80', 'heavy.list')} A 127.255.255.254\n")
        self.assertEqual(rcpt(self.gateway, "203.0.113.80").code, 250)
        self.assert_off("Heavy", "127.255.255.254")
        self.assertEqual(rcpt(self.gateway, LISTED).code, 250)
        self.assertEqual(self.dns.count(entry(LISTED, "heavy.list")), 0)
        self.assertEqual(self.dns.count(entry(LISTED, "light.list")), 1)

    def test_a_list_that_serves_nobody_is_off_from_the_start(self):
        zone = LISTS_ZONE.replace(canary("heavy.list"), f"{entry('127.0.0.2', 'heavy.list')} A 127.255.255.254\n")
        self.start(zone)
        self.assert_off("Heavy", "127.255.255.254")
        self.assertEqual(rcpt(self.gateway, LISTED).code, 250)

    def test_a_list_whose_zone_is_gone_is_off(self):
        self.start(ZONE)
        self.assert_off("Heavy", "")
        self.assertEqual(rcpt(self.gateway, LISTED).code, 250)

    def test_a_resolver_that_finds_everybody_on_every_list_refuses_nobody(self):
        self.start(LISTS_ZONE, "everything")
        for number in range(80, 84):
            self.assertEqual(rcpt(self.gateway, f"203.0.113.{number}").code, 250)
        self.assert_off("Heavy", "")

    def test_a_list_that_begins_to_list_the_world_is_caught_by_its_canary(self):
        # Examined at the start: it may be believed for a minute. Later, each refusal has it examined first.
        self.start(LISTS_ZONE + f"{entry('127.0.0.1', 'heavy.list')} A 127.0.0.2\n{entry('203.0.113.81', 'heavy.list')} A 127.0.0.2\n")
        self.assertEqual(rcpt(self.gateway, "203.0.113.81").code, 250)
        self.assert_off("Heavy", "")

    def test_a_list_that_does_not_answer_refuses_nobody_and_defers_only_if_told_to(self):
        for on_error, code in (("ignore", 250), ("defer", 451)):
            self.start(LISTS_ZONE, options=merged(LIST_OPTIONS, {"on_error": on_error}))
            self.assert_reply(rcpt(self.gateway, LISTED), 550, "5.7.1")
            self.dns.mode = "servfail"
            self.assertEqual(rcpt(self.gateway, "203.0.113.82").code, code)
            self.assertEqual([f["reason"] for f in session_finding(self.gateway, "203.0.113.82")], ["dnsbl.no_answer"])

    def test_the_key_is_not_in_the_alarm(self):
        self.start(LISTS_ZONE.replace(canary(f"{KEY}.keyed.list"), ""))
        self.assert_off("keyed.list", "")
        self.assertNotIn(KEY, self.gateway.out + self.gateway.err + self.gateway.http("/")[1])


class DomainLists(SharedSiteTest):
    seconds = 2

    @classmethod
    def build(cls, site):
        zone = ZONE + "test.domains.list A 127.0.0.2\nbad.test.domains.list A 127.0.1.2\nhelo.bad.test.domains.list A 127.0.1.2\n"
        cls.dns = LyingDns(site, zone)
        cls.gateway = dns_gateway(site, cls.dns, checks={"domain_list": {"mode": "enforce", "lists": [
            {"zone": "domains.list", "codes": ["127.0.1.2"], "url": "https://domains.list/{domain}"}]}})

    def test_a_listed_sender_is_refused(self):
        answer = self.assert_reply(rcpt(self.gateway, sender="x@bad.test"), 550, "5.7.1")
        self.assertIn("the sender's domain bad.test is on domains.list (127.0.1.2): https://domains.list/bad.test", answer.text)

    def test_a_listed_helo_name_is_refused(self):
        answer = self.assert_reply(rcpt(self.gateway, helo="helo.bad.test"), 550, "5.7.1")
        self.assertIn("the HELO name helo.bad.test is on domains.list", answer.text)

    def test_others_pass(self):
        self.assertEqual(rcpt(self.gateway).code, 250)

    def test_it_is_never_asked_about_addresses(self):
        self.assertEqual(rcpt(self.gateway, helo="[203.0.113.9]", sender="").code, 250)
        self.assertFalse([name for name, _, _ in self.dns.asked if name.endswith("domains.list") and "203" in name])


if __name__ == "__main__":
    unittest.main()
