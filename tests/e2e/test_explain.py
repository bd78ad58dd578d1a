"""`gatepost explain` and `gatepost spf`: what the checks would say, without sending a mail."""
import json
import subprocess
import unittest

from dns_server import LyingDns
from dns_site import DYNAMIC, HONEST, NAMELESS, ZONE, checks, dated
from harness import DOMAIN, KNOWN, SharedSiteTest, binary, merged, sanitizer_settings, toml


def run(*arguments):
    return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, env=sanitizer_settings())


class Explain(SharedSiteTest):
    seconds = 6

    @classmethod
    def build(cls, site):
        cls.dns = LyingDns(site, ZONE)
        state = site.directory("state")
        cls.config = {"hostname": "mx.example.org", "state_dir": str(state), "smtp": {"listen": ["127.0.0.1:25"]}, "policy": {"help": "https://example.org/why"},
                      "dns": {"servers": [cls.dns.address]}, "checks": checks("enforce"),
                      "domains": [{"names": [DOMAIN], "recipients": ["file:staff"], "route": "inside"}],
                      "directories": {"staff": {"type": "file", "path": site.recipients(KNOWN, "staff")}},
                      "routes": {"inside": {"servers": ["127.0.0.1:26"]}}}

    def file(self, name, content):
        path = self.site.file(name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def explain(self, *more, client=HONEST, helo="mail.client.test", sender="sender@client.test", to=("bob@example.org",), config=None):
        path = self.file("explain.toml", toml(merged(self.config, config or {})))
        recipients = [argument for recipient in to for argument in ("--to", recipient)]
        return run("explain", "--config", path, "--client", client, "--helo", helo, "--from", sender, *recipients, *more)

    def explained(self, *more, **asked):
        """Exit code and the JSON."""
        ran = self.explain("--json", *more, **asked)
        self.assertEqual(ran.stderr, "")
        return ran.returncode, json.loads(ran.stdout)

    def test_an_honest_mail_is_accepted(self):
        code, said = self.explained()
        self.assertEqual((code, said["decision"]), (0, "accept"))
        self.assertEqual(said["recipients"], [{"rcpt": "bob@example.org", "decision": "accept"}])
        self.assertTrue(said["headers"][0]["line"].startswith("Received-SPF: pass"), said["headers"])

    def test_each_check_is_named_with_its_stage_even_if_it_found_nothing(self):
        _, said = self.explained()
        named = {(f["check"], f["stage"]) for f in said["findings"]}
        self.assertLessEqual({("reverse_dns", "connect"), ("dynamic_host", "connect"), ("helo", "helo"), ("sender_domain", "mail"), ("spf", "mail"),
                              ("own_domain", "mail"), ("recipient", "rcpt")}, named)

    def test_greylisting_says_what_new_mail_would_be_told(self):
        _, said = self.explained(config={"checks": {"greylist": {"mode": "enforce", "apply": "all"}}})
        self.assertEqual((said["decision"], said["reason"]), ("defer", "greylist.deferred"))
        self.assertIn("try again in 300 s", said["reply"])

    def test_a_refusal_is_exit_code_1(self):
        code, said = self.explained(client=NAMELESS)
        self.assertEqual((code, said["decision"], said["reason"]), (1, "reject", "reverse_dns.none"))
        self.assertTrue(said["reply"].startswith(f"550 5.7.25 <{NAMELESS}> has no PTR record"), said["reply"])

    def test_a_deferral_is_exit_code_2(self):
        servfail = LyingDns(self.site, ZONE, "servfail")
        code, said = self.explained("--dns", servfail.address, config={"checks": checks("enforce", on_error="defer")})
        self.assertEqual((code, said["decision"]), (2, "defer"))
        self.assertTrue(said["reply"].startswith("451 "), said["reply"])

    def test_what_only_observes_is_told_and_accepted(self):
        code, said = self.explained(client=NAMELESS, config={"checks": checks("observe")})
        found = [f for f in said["findings"] if f["reason"] == "reverse_dns.none"]
        self.assertEqual((code, [(f["verdict"], f["mode"]) for f in found]), (0, [("reject", "observe")]))

    def test_several_recipients_are_told_one_by_one_and_the_hardest_counts(self):
        code, said = self.explained(to=("bob@example.org", "unknown@example.org", "x@elsewhere.test"))
        self.assertEqual([(r["rcpt"], r["decision"]) for r in said["recipients"]],
                         [("bob@example.org", "accept"), ("unknown@example.org", "reject"), ("x@elsewhere.test", "reject")])
        self.assertEqual((code, said["decision"]), (1, "reject"))

    def test_a_message_is_looked_at_too(self):
        honest = self.file("honest.eml", dated())
        self.assertEqual(self.explained("--message", honest)[0], 0)
        nameless = self.file("nobody.eml", dated().replace(b"From: ", b"X-From: ").replace(b"\r\n", b"\n"))
        code, said = self.explained("--message", nameless)
        self.assertEqual((code, said["reason"]), (1, "headers.no_from"))

    def test_another_resolver_can_be_asked(self):
        other = LyingDns(self.site, ZONE.replace("mail.client.test A", "mail.client.test A 192.0.2.1\n#"))
        before = self.dns.count()
        code, said = self.explained("--dns", other.address)
        self.assertEqual(self.dns.count(), before)
        self.assertIn("reverse_dns.unconfirmed", [f["reason"] for f in said["findings"]])

    def test_a_dead_resolver_is_no_reason_to_refuse(self):
        dead = LyingDns(self.site, ZONE, "dead")
        config = {"dns": {"timeout": "100 ms"}, "policy": {"dns_budget": "1 s"}}
        code, said = self.explained("--dns", dead.address, client=NAMELESS, config=config)
        self.assertEqual((code, said["decision"]), (0, "accept"))
        self.assertIn("unknown", [f["verdict"] for f in said["findings"] if f["check"] == "reverse_dns"])
        self.assertLess(said["ms"], 2000)

    def test_a_lying_resolver_is_no_reason_to_refuse(self):
        liar = LyingDns(self.site, ZONE, "nxdomain")
        code, said = self.explained("--dns", liar.address)
        self.assertEqual(code, 0)
        evidence = [f["evidence"] for f in said["findings"] if f["reason"] == "reverse_dns.none"]
        self.assertIn("the resolver is not to be trusted", evidence[0])

    def test_the_table_says_the_same_in_columns(self):
        ran = self.explain(client=DYNAMIC, to=("bob@example.org", "alice@example.org"))
        self.assertEqual(ran.returncode, 1)
        lines = ran.stdout.splitlines()
        self.assertRegex(lines[0], r"^memory   none: /.*/state\.db: No such file")
        self.assertEqual(lines[2].split(), ["stage", "check", "mode", "verdict", "reason", "ms", "evidence"])
        self.assertRegex(ran.stdout, r"(?m)^connect +dynamic_host +enforce +reject +dynamic_host\.address +\d+ +203-0-113-12\.dsl\.provider\.test holds")
        for recipient in ("bob", "alice"):
            self.assertRegex(ran.stdout, rf"(?m)^reject +<{recipient}@example\.org> 550 5\.7\.1 203-0-113-12")
        self.assertRegex(lines[-1], r"^decision: reject \(\d+ ms\)$")

    def test_the_table_of_an_accepted_mail_shows_the_fields_put_in_front(self):
        ran = self.explain()
        self.assertEqual(ran.returncode, 0)
        self.assertIn("put in front of the message:\nReceived-SPF: pass", ran.stdout)

    def test_what_cannot_be_asked_is_exit_code_3_with_a_reason(self):
        for what, ran, words in (
                ("an address", self.explain(client="300.1.2.3"), '--client: "300.1.2.3" is no IP address'),
                ("a sender", self.explain(sender="not an address"), '--from: "not an address" is no mail address'),
                ("a recipient", self.explain(to=("@",)), '--to: "@" is no mail address'),
                ("a message", self.explain("--message", "/nonexistent.eml"), "--message: /nonexistent.eml: No such file"),
                ("a resolver", self.explain("--dns", "nonsense"), '--dns: "nonsense" is no address:port'),
                ("an option", self.explain("--nonsense"), "--nonsense"),
                ("a broken configuration", self.explain(config={"routes": {"inside": {"servers": ["?"]}}}), "explain.toml:"),
                ("a configuration", run("explain", "--config", "/nonexistent.toml", "--client", HONEST, "--from", "", "--to", "bob@example.org"), "/nonexistent.toml"),
                ("no recipient", run("explain", "--client", HONEST, "--from", ""), "--to")):
            with self.subTest(what):
                self.assertEqual((ran.returncode, ran.stdout), (3, ""), ran)
                self.assertIn(words, ran.stderr)


class Spf(SharedSiteTest):
    seconds = 3

    @classmethod
    def build(cls, site):
        cls.dns = LyingDns(site, ZONE + f"""
far.test TXT v=spf1 include:client.test mx ~all
far.test MX 10 mail.client.test
broken.test TXT v=spf1 ip4:nonsense -all
loop.test TXT v=spf1 include:loop.test -all
""")

    def spf(self, sender, *more, client=HONEST, dns=None):
        ran = run("spf", "--client", client, "--from", sender, "--helo", "mail.client.test", "--dns", (dns or self.dns).address, "--json", *more)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""), ran)
        return json.loads(ran.stdout)

    def test_a_pass(self):
        said = self.spf("a@client.test")
        self.assertEqual((said["result"], said["mechanism"], said["lookups"]), ("pass", "ip4:203.0.113.0/24", 0))

    def test_a_fail_with_the_domains_explanation(self):
        said = self.spf("a@strict.test")
        self.assertEqual((said["result"], said["explanation"], said["record"]), ("fail", f"{HONEST} is not ours", "v=spf1 -all exp=why.strict.test"))

    def test_lookups_are_counted_and_the_path_leads_through_them(self):
        said = self.spf("a@far.test", client="198.51.100.9")
        self.assertEqual((said["result"], said["lookups"]), ("softfail", 2))
        steps = [step["step"] for step in said["path"]]
        for part in ("far.test", "include:client.test", "mx", "~all"):
            self.assertTrue([step for step in steps if part in step], (part, steps))

    def test_what_cannot_be_understood_is_a_permerror_with_its_problem(self):
        for sender in ("a@broken.test", "a@loop.test"):
            said = self.spf(sender)
            self.assertEqual(said["result"], "permerror")
            self.assertTrue(said["problem"])

    def test_a_domain_without_a_record_is_none(self):
        self.assertEqual(self.spf("a@nowhere.test")["result"], "none")

    def test_a_bounce_is_judged_by_its_helo_name(self):
        self.assertEqual(self.spf("<>")["sender"], "postmaster@mail.client.test")

    def test_a_failing_resolver_is_a_temperror(self):
        self.assertEqual(self.spf("a@client.test", dns=LyingDns(self.site, ZONE, "servfail"))["result"], "temperror")

    def test_the_table_says_the_same(self):
        ran = run("spf", "--client", HONEST, "--from", "a@strict.test", "--dns", self.dns.address)
        self.assertEqual(ran.returncode, 0)
        self.assertRegex(ran.stdout, r"(?m)^result +fail$")
        self.assertRegex(ran.stdout, r"(?m)^lookups +0 of 10, 0 of 2 in vain$")

    def test_what_cannot_be_asked_is_exit_code_3(self):
        for arguments in (["--client", "nonsense"], ["--client", HONEST, "--dns", "nonsense"], []):
            ran = run("spf", *arguments)
            self.assertEqual((ran.returncode, ran.stdout), (3, ""), ran)


if __name__ == "__main__":
    unittest.main()
