"""Checks that ask DNS: what they refuse, whom they spare, and how long they take."""
import collections
import time
import unittest

from dns_server import LyingDns, reverse
from dns_site import DENIED, DYNAMIC, HONEST, NAMELESS, UNCONFIRMED, ZONE, checks, dated, dns_gateway, findings, reasons, session
from harness import HELP, SharedSiteTest, merged, needs, wait_until
from knot import Knot
from test_proxy_protocol import v1

# What one check refuses, and no other.
Offence = collections.namedtuple("Offence", "reason enhanced says client helo sender content")


def offence(reason, enhanced, says, client=HONEST, helo="mail.client.test", sender="sender@client.test", content=None):
    return Offence(reason, enhanced, says, client, helo, sender, content or dated())


OFFENCES = [
    offence("access.denied", "5.7.1", "not from there", client=DENIED),
    offence("reverse_dns.none", "5.7.25", f"<{NAMELESS}> has no PTR record", client=NAMELESS),
    offence("reverse_dns.none_ipv6", "5.7.25", "<2001:db8::9> has no PTR record", client="2001:db8::9", sender=""),
    offence("dynamic_host.address", "5.7.1", "203-0-113-12.dsl.provider.test holds its own address", client=DYNAMIC),
    offence("helo.single_label", "5.7.1", "HELO SERVER01: not a fully qualified host name", helo="SERVER01"),
    offence("sender_domain.unknown", "5.1.8", "nowhere.test does not exist", sender="a@nowhere.test"),
    offence("sender_domain.null_mx", "5.7.27", "null.test declares that it takes no mail", sender="a@null.test"),
    offence("sender_domain.unroutable", "5.1.8", "inside.test have no address that can be reached", sender="a@inside.test"),
    offence("spf.fail", "5.7.23", f"strict.test explains: {HONEST} is not ours", sender="a@strict.test"),
    offence("own_domain.forged", "5.7.1", "mail from example.org does not come from outside", sender="boss@example.org"),
    offence("headers.no_from", "5.6.0", "it has no From field", content=dated().replace(b"From: ", b"X-From: ")),
]


def commit(gateway, offence):
    client = session(gateway, offence.client, offence.helo)
    answer = client.deliver(offence.content, offence.sender)
    client.quit()
    return answer


@needs("knotd")
class EachCheck(SharedSiteTest):
    seconds = 6

    @classmethod
    def build(cls, site):
        cls.knot = site.keep(Knot(site, ZONE))
        cls.enforcing = dns_gateway(site, cls.knot, checks=checks("enforce"))
        cls.observing = dns_gateway(site, cls.knot, checks=checks("observe"))

    def test_an_honest_mail_passes_all_of_them(self):
        answer = session(self.enforcing).deliver(dated(), "sender@client.test")
        self.assertEqual(answer.code, 250)

    def test_in_enforce_it_refuses_with_code_reason_incident_and_help(self):
        for offence, answer in [(offence, commit(self.enforcing, offence)) for offence in OFFENCES]:
            with self.subTest(offence.reason):
                self.assert_reply(answer, 550, offence.enhanced)
                self.assertIn(offence.says, answer.text)
                self.assertTrue(answer.text.endswith(HELP), answer)
                found = [f for f in findings(self.enforcing, answer.incident) if f.get("reason") == offence.reason]
                self.assertEqual([(f["verdict"], f["check"], "mode" in f) for f in found], [("reject", offence.reason.split(".")[0], False)])
                line = self.enforcing.wait_for_event("transaction", id=answer.incident)
                self.assertEqual((line["ending"], line["to"][0].get("reason") or line["reason"]), ("refused", offence.reason))

    def test_in_observe_the_mail_goes_through_and_the_log_says_what_would_have_been(self):
        for offence, answer in [(offence, commit(self.observing, offence)) for offence in OFFENCES]:
            with self.subTest(offence.reason):
                self.assertEqual(answer.code, 250, answer)
                found = [f for f in findings(self.observing, answer.incident) if f.get("reason") == offence.reason]
                self.assertEqual([(f["verdict"], f["mode"]) for f in found], [("reject", "observe")])

    def test_in_off_nothing_is_asked(self):
        dns = LyingDns(self.site, ZONE)
        gateway = dns_gateway(self.site, dns, checks=checks("off"))
        for offence in OFFENCES:
            self.assertEqual(commit(gateway, offence).code, 250)
        self.assertEqual(dns.asked, [])

    def test_a_refusal_is_spoken_at_rcpt_and_the_session_goes_on(self):
        client = session(self.enforcing, helo="SERVER01")
        answers = client.envelope("sender@client.test", "bob@example.org", "unknown@example.org")
        self.assertEqual([a.enhanced for a in answers], ["2.1.0", "5.7.1", "5.1.1"])
        self.assertEqual(client.ask("NOOP").code, 250)

    def test_postmaster_and_abuse_are_reached_whatever_they_say(self):
        for offence in OFFENCES:
            for recipient in ("postmaster@example.org", "abuse@example.org"):
                client = session(self.enforcing, offence.client, offence.helo)
                answer = client.deliver(offence.content, offence.sender, [recipient])
                self.assertEqual(answer.code, 250, (offence.reason, answer))

    def test_a_change_of_the_zone_changes_the_answer(self):
        late = "203.0.113.40"
        zone = ZONE + f"{reverse(late)} PTR late.client.test\nlate.client.test A {late}\n"
        self.knot.serve(zone)
        self.addCleanup(self.knot.serve, ZONE)
        self.assertEqual(session(self.enforcing, late).envelope("sender@client.test", "bob@example.org")[1].code, 250)

    def test_the_own_name_is_refused_though_the_check_observes(self):
        answer = session(self.observing, helo="mx.example.org").envelope("sender@client.test", "bob@example.org")[1]
        self.assertIn("HELO mx.example.org: that is this server's own name", self.assert_reply(answer, 550, "5.7.1").text)

    def test_received_spf_stands_above_our_received_field(self):
        client = session(self.enforcing)
        self.assertEqual(client.deliver(dated("trace")).code, 250)
        content = self.content(self.enforcing, "trace")
        first, second = [line for line in content.split("\r\n") if not line.startswith((" ", "\t"))][:2]
        self.assertTrue(first.startswith("Received-SPF: pass (mx.example.org: domain of sender@client.test"), first)
        self.assertTrue(second.startswith("Received: from mail.client.test"), second)

    def test_the_confirmed_name_is_in_the_received_field_and_in_the_log(self):
        answer = session(self.enforcing, helo="other.client.test").deliver(dated("named"))
        self.assertIn(f"Received: from other.client.test (mail.client.test [{HONEST}])", self.content(self.enforcing, "named"))
        self.assertEqual(self.enforcing.wait_for_event("transaction", id=answer.incident)["client_name"], "mail.client.test")

    def test_a_name_that_does_not_lead_back_is_not_told_on(self):
        answer = session(self.observing, UNCONFIRMED).deliver(dated("unconfirmed"))
        self.assertIn(f"(unknown [{UNCONFIRMED}])", self.content(self.observing, "unconfirmed"))
        self.assertNotIn("client_name", self.observing.wait_for_event("transaction", id=answer.incident))

    def content(self, gateway, subject):
        """A message as the sink behind the gateway has it."""
        sink = next(s for s in self.site.stack if getattr(s, "address", None) == gateway.config["routes"]["inside"]["servers"][0])
        return next(m.content.decode() for m in sink.messages() if f"Subject: {subject}\r\n".encode() in m.content)


class Spared(SharedSiteTest):
    """Exemptions: of the policy from all checks, and of one check."""

    seconds = 3

    @classmethod
    def build(cls, site):
        cls.dns = LyingDns(site, ZONE)
        one_check = checks("enforce")
        one_check["reverse_dns"].update(exempt_recipients=["alice@example.org"], exempt_senders=["*@partner.test"], exempt_clients=["203.0.113.30"])
        one_check["sender_domain"]["mode"] = "off"
        cls.gateway = dns_gateway(site, cls.dns, {"policy": {"exempt_clients": ["203.0.113.20"], "exempt_recipients": ["carol@example.org"]}}, one_check)

    def rcpt(self, *recipients, source=NAMELESS, helo="mail.client.test", sender="sender@client.test"):
        return session(self.gateway, source, helo).envelope(sender, *recipients)[1:]

    def test_for_a_client_exempt_by_the_policy_dns_is_not_asked(self):
        before = self.dns.count()
        self.assertEqual(session(self.gateway, "203.0.113.20", "SERVER01").deliver(dated(), "boss@example.org").code, 250)
        self.assertEqual(self.dns.count(), before)

    def test_recipients_exempt_by_the_policy_are_reached(self):
        self.assertEqual(self.rcpt("carol@example.org")[0].code, 250)

    def test_a_recipient_exempt_from_one_check_is_reached_and_others_are_not(self):
        answers = self.rcpt("alice@example.org", "bob@example.org")
        self.assertEqual(answers[0].code, 250)
        self.assert_reply(answers[1], 550, "5.7.25")

    def test_a_recipient_exempt_from_one_check_is_not_from_others(self):
        self.assert_reply(self.rcpt("alice@example.org", helo="SERVER01")[0], 550, "5.7.1")

    def test_recipients_with_different_rules_do_not_share_a_transaction(self):
        # Nothing is refused: the one is spared a finding that would have counted.
        gateway = dns_gateway(self.site, self.dns, checks={"reverse_dns": {"mode": "enforce", "no_ptr": "score 1", "exempt_recipients": ["alice@example.org"]}})
        answers = session(gateway, NAMELESS).envelope("sender@client.test", "alice@example.org", "bob@example.org")[1:]
        self.assertEqual(answers[0].code, 250)
        self.assert_reply(answers[1], 452, "4.5.3")
        answers = session(gateway, HONEST).envelope("sender@client.test", "alice@example.org", "bob@example.org")[1:]
        self.assertEqual([a.code for a in answers], [250, 250])

    def test_a_sender_exempt_from_one_check(self):
        self.assertEqual(self.rcpt("bob@example.org", sender="x@partner.test")[0].code, 250)
        self.assert_reply(self.rcpt("bob@example.org", sender="x@partner.test", helo="SERVER01")[0], 550, "5.7.1")

    def test_a_client_exempt_from_one_check(self):
        self.assertEqual(self.rcpt("bob@example.org", source="203.0.113.30")[0].code, 250)
        self.assert_reply(self.rcpt("bob@example.org", source="203.0.113.30", helo="SERVER01")[0], 550, "5.7.1")


@needs("knotd")
class Policy(SharedSiteTest):
    """Options of [policy] that say what becomes of findings."""

    seconds = 5

    @classmethod
    def build(cls, site):
        cls.knot = site.keep(Knot(site, ZONE))

    def gateway(self, policy, **scores):
        return dns_gateway(self.site, self.knot, {"policy": policy}, merged(checks("enforce"), scores))

    def test_without_delay_a_client_is_refused_at_once(self):
        gateway = self.gateway({"delay_reject": False})
        client = gateway.client()
        client.send(v1(NAMELESS))
        self.assert_reply(client.reply(), 554, "5.7.25")

    def test_without_delay_helo_and_sender_are_refused_at_once(self):
        gateway = self.gateway({"delay_reject": False})
        client = gateway.client()
        client.send(v1(HONEST))
        self.assertEqual(client.reply().code, 220)
        self.assert_reply(client.ask("EHLO SERVER01"), 550)
        self.assert_reply(session(gateway).ask("MAIL FROM:<a@nowhere.test>"), 550, "5.1.8")

    def test_points_are_added_up_to_a_refusal(self):
        gateway = self.gateway({"reject_score": 6, "defer_score": 5, "tag_score": 2}, helo={"single_label": "score 5.2"})
        answer = session(gateway, UNCONFIRMED, "SERVER01").envelope("sender@client.test", "bob@example.org")[1]
        self.assertIn("7.2 of 6 (helo 5.2, reverse_dns 2)", self.assert_reply(answer, 550, "5.7.1").text)
        answer = session(gateway, HONEST, "SERVER01").envelope("sender@client.test", "bob@example.org")[1]
        self.assertIn("5.2 of 5 (helo 5.2)", self.assert_reply(answer, 451, "4.7.1").text)
        answer = session(gateway, UNCONFIRMED).deliver(dated("tagged"))
        self.assertEqual(answer.code, 250)
        self.assertEqual(session(gateway).deliver(dated("untagged")).code, 250)
        sink = next(s for s in self.site.stack if hasattr(s, "store"))
        content = {m.content.split(b"Subject: ")[1].split(b"\r\n")[0]: m.content for m in sink.messages()}
        above = content[b"tagged"].split(b"\r\nReceived: ")[0]
        self.assertIn(b"X-Gatepost-Score: 2 of 2 (reverse_dns 2)", above)
        self.assertNotIn(b"X-Gatepost-Score", content[b"untagged"])

    def test_postmaster_is_reached_whatever_the_score(self):
        gateway = self.gateway({"reject_score": 1}, helo={"single_label": "score 5"})
        self.assertEqual(session(gateway, UNCONFIRMED, "SERVER01").envelope("sender@client.test", "postmaster@example.org")[1].code, 250)

    def test_a_client_that_a_bridge_hides_is_not_held_responsible(self):
        gateway = self.gateway({})
        for client in (session(gateway, "10.1.2.3"), session(gateway, "100.64.0.9"), session(gateway, "fe80::9")):
            answer = client.deliver(dated(), "boss@example.org")
            client.quit()
            self.assertEqual(answer.code, 250, answer)
            hidden = [f for f in findings(gateway, answer.incident) if f.get("reason") == "policy.hidden_client"]
            self.assertEqual([(f["check"], f["verdict"], f["mode"]) for f in hidden], [("policy", "unknown", "observe")])
            self.assertFalse(reasons(gateway, answer.incident) & {"reverse_dns.none", "own_domain.forged", "spf.fail"})

    def test_what_does_not_depend_on_the_client_holds_for_hidden_ones_too(self):
        gateway = self.gateway({})
        answer = session(gateway, "10.1.2.3").envelope("a@nowhere.test", "bob@example.org")[1]
        self.assert_reply(answer, 550, "5.1.8")

    def test_a_private_client_can_be_declared_real(self):
        gateway = self.gateway({"clients_are_real": ["10.0.0.0/8"]})
        client = session(gateway, "10.1.2.3")
        answer = client.envelope("sender@client.test", "bob@example.org")[1]
        client.quit()
        self.assert_reply(answer, 550, "5.7.25")
        self.assertNotIn("policy.hidden_client", reasons(gateway, answer.incident))

    def test_without_a_balancer_loopback_is_a_hidden_client(self):
        gateway = dns_gateway(self.site, self.knot, {"smtp": {"proxy_from": []}}, checks("enforce"))
        client = gateway.client().start("mail.client.test")
        answer = client.deliver(dated())
        client.quit()
        self.assertEqual(answer.code, 250)
        self.assertIn("policy.hidden_client", reasons(gateway, answer.incident))


LATENCY = 0.15
CHAIN = 3  # client.test TXT, first.client.test TXT, second.client.test TXT
FAR_ZONE = ZONE.replace("client.test TXT v=spf1 ip4:203.0.113.0/24 -all", f"""client.test TXT v=spf1 include:first.client.test -all
first.client.test TXT v=spf1 include:second.client.test -all
second.client.test TXT v=spf1 ip4:{HONEST} -all""")


class Speed(SharedSiteTest):
    """The resolver is far away. What can be asked side by side is, and as early as it can be."""

    seconds = 5

    @classmethod
    def build(cls, site):
        cls.dns = LyingDns(site, FAR_ZONE, "slow", LATENCY)

    def start(self):
        """A gateway that has nothing in its cache."""
        return dns_gateway(self.site, self.dns, checks=checks("enforce"))

    def timed(self, client, command):
        began = time.monotonic()
        self.assertEqual(client.ask(command).code, 250, command)
        return time.monotonic() - began

    def test_a_quick_client_waits_for_the_longest_chain_of_lookups_only(self):
        gateway = self.start()
        began = time.monotonic()
        answers = session(gateway).envelope("sender@client.test", "bob@example.org")
        took = time.monotonic() - began
        self.assertEqual([a.code for a in answers], [250, 250])
        self.assertGreater(took, CHAIN * LATENCY * 0.9)
        self.assertLess(took, CHAIN * LATENCY + 0.4)
        self.assertGreater(self.dns.count() * LATENCY, 2 * (CHAIN * LATENCY + 0.4))  # one after the other

    def test_a_client_that_takes_its_time_does_not_wait(self):
        client = session(self.start())
        times = [self.timed(client, "MAIL FROM:<sender@client.test>")]
        client.silent_for((CHAIN + 1) * LATENCY)  # the pause of a client far away
        times.append(self.timed(client, "RCPT TO:<bob@example.org>"))
        self.assertLess(max(times), LATENCY)

    def test_nothing_is_asked_twice(self):
        gateway = self.start()
        self.assertEqual(session(gateway).deliver(dated()).code, 250)
        before = self.dns.count()
        began = time.monotonic()
        self.assertEqual(session(gateway).deliver(dated()).code, 250)
        self.assertLess(time.monotonic() - began, LATENCY)
        self.assertEqual(self.dns.count(), before)

    def test_no_session_waits_for_another(self):
        gateway = self.start()
        slow = session(gateway)
        slow.send("MAIL FROM:<sender@client.test>\r\nRCPT TO:<bob@example.org>\r\n")
        self.assertEqual(slow.reply().code, 250)
        other = session(gateway, "10.1.2.3", "[10.1.2.3]")  # about whom there is nothing to ask
        self.assertLess(self.timed(other, "MAIL FROM:<>") + self.timed(other, "RCPT TO:<bob@example.org>"), LATENCY)
        self.assertEqual(slow.reply().code, 250)


class AccessFiles(SharedSiteTest):
    """Rules in files: read again when they change."""

    seconds = 6

    @classmethod
    def build(cls, site):
        cls.path = site.file("access.csv")
        cls.write("client,text", f"{DENIED},first rule")
        cls.dns = LyingDns(site, ZONE)
        cls.gateway = dns_gateway(site, cls.dns, checks={"access": {"mode": "enforce", "files": [str(cls.path)]}})

    @classmethod
    def write(cls, *lines):
        """As it should be done: beside it, then renamed."""
        beside = cls.path.with_suffix(".new")
        beside.write_text("".join(line + "\n" for line in lines))
        beside.rename(cls.path)

    def answer(self, source=DENIED):
        client = session(self.gateway, source)
        answer = client.envelope("sender@client.test", "bob@example.org")[1]
        client.quit()
        return answer

    def warnings(self):
        return [w for w in self.gateway.status()["warnings"] if "access.csv" in w]

    def test_changes_come_into_force_and_mistakes_do_not(self):
        self.assertIn("first rule", self.assert_reply(self.answer(), 550, "5.7.1").text)
        self.assertEqual(self.answer(HONEST).code, 250)

        self.write("client,text", f"{HONEST},second rule")
        wait_until(lambda: self.answer(HONEST).code == 550, "the new rule holds", 6, pause=0.1)
        self.assertEqual(self.answer(DENIED).code, 250)

        self.write("client,action", f"{DENIED},dney")
        wait_until(self.warnings, "the page warns of the file", 6, pause=0.1)
        self.assertRegex(self.warnings()[0], r"access\.csv:2:\d+: error: .*dney")
        self.assertIn("second rule", self.assert_reply(self.answer(HONEST), 550, "5.7.1").text)
        self.gateway.wait_for_event("reload", level="error", text="the files of the checks have errors; the old ones stay")

        self.write("client,text", f"{DENIED},third rule")
        self.gateway.reload()
        wait_until(lambda: self.answer(DENIED).code == 550, "the reload has read it")
        wait_until(lambda: not self.warnings(), "the warning is gone")


if __name__ == "__main__":
    unittest.main()
