"""What is refused, and how it explains itself (issue 2, "Refusals"; DESIGN 1.4)."""
import unittest

from harness import HELP, INCIDENT, SharedSiteTest, message, wait_until


class Refusals(SharedSiteTest):
    @classmethod
    def build(cls, site):
        cls.sink = site.sink()
        cls.gateway = site.gateway(cls.sink)
        cls.gateway.wait_for_backends()

    def start(self):
        return self.gateway.client().start()

    def test_an_unknown_recipient_is_550_5_1_1_at_rcpt(self):
        _, answer = self.start().envelope("a@client.test", "unknown@example.org")
        self.assert_reply(answer, 550, "5.1.1")
        self.assertIn("unknown@example.org", answer.text)

    def test_a_foreign_domain_is_550_5_7_1(self):
        _, answer = self.start().envelope("a@client.test", "somebody@elsewhere.test")
        self.assert_reply(answer, 550, "5.7.1")

    def test_tricks_with_the_recipients_form_do_not_relay(self):
        for trick in ("<victim%elsewhere.test@example.org>", "<\"victim@elsewhere.test\"@example.org>", "<victim!elsewhere@example.org>",
                      "<@example.org:victim@elsewhere.test>", "<victim@elsewhere.test>", "<victim@[127.0.0.1]>", "<victim@elsewhere.test@example.org>",
                      "<example.org!victim@elsewhere.test>", "<victim@example.org.elsewhere.test>"):
            with self.subTest(trick):
                client = self.start()
                client.ask("MAIL FROM:<a@client.test>")
                self.assert_class(client.ask(f"RCPT TO:{trick}"), 5)

    def test_every_refusal_has_an_incident_id_and_every_5xx_ends_with_the_help(self):
        client = self.start()
        answers = [client.ask("WHAT"), client.ask("EXPN list"), client.ask("RCPT TO:<bob@example.org>"), client.ask("MAIL FROM:<a@b"),
                   *client.envelope("a@client.test", "unknown@example.org", "a@elsewhere.test")[1:], client.ask("DATA"), client.ask("AUTH PLAIN")]
        for answer in answers:
            self.assertGreaterEqual(answer.code, 500)
            self.assertEqual(len(INCIDENT.findall(answer.text)), 1, answer)
            self.assertTrue(answer.text.endswith(HELP), answer)

    def test_a_4xx_has_an_incident_id_but_no_help(self):
        client = self.start()
        client.ask("MAIL FROM:<a@client.test>")
        answers = [client.ask("RCPT TO:<bob@example.org>") for _ in range(201)]
        self.assertEqual(answers[199].code, 250)
        self.assert_reply(answers[200], 452, "4.5.3")
        self.assertNotIn(HELP, answers[200].text)

    def test_the_incident_id_finds_the_transaction_in_the_log(self):
        client = self.start()
        _, answer = client.envelope("finder@client.test", "unknown@example.org")
        client.quit()
        line = self.gateway.wait_for_event("transaction", id=answer.incident)
        self.assertEqual(line["from"], "finder@client.test")
        self.assertEqual([r["rcpt"] for r in line["to"]], ["unknown@example.org"])
        self.assertTrue(line["to"][0]["reply"].startswith("550 5.1.1 "), line)
        self.assertEqual((line["to"][0]["reason"], line["ending"]), ("rcpt.unknown", "refused"))
        self.assertEqual(self.gateway.wait_for_event("session", id=answer.incident)["refused"], 1)

    def test_the_incident_id_finds_the_refusal_in_the_status_api(self):
        client = self.start()
        _, answer = client.envelope("page@client.test", "unknown@example.org")
        found = wait_until(lambda: _objects_with(self.gateway.status(), answer.incident), "the status names the incident")[0]
        self.assertIn("unknown@example.org", str(found))

    def test_the_status_api_names_the_incident_of_a_delivery_refused_by_the_backend(self):
        with_refusal = self.site.sink("--refuse", "message=550 5.7.1 not this")
        gateway = self.site.gateway(with_refusal)
        answer = gateway.client().start().deliver(message())
        self.assert_reply(answer, 550, "5.7.1")
        wait_until(lambda: _objects_with(gateway.status(), answer.incident), "the status names the incident")

    def test_one_refusal_never_closes_the_session(self):
        client = self.start()
        answers = client.envelope("a@client.test", "unknown@example.org", "x@elsewhere.test", "bob@example.org")
        self.assertEqual([a.code for a in answers], [250, 550, 550, 250])
        self.assertEqual(client.ask("DATA").code, 354)
        client.send(message("after refusals") + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertEqual([m.recipients for m in self.sink.messages() if b"after refusals" in m.content], [["bob@example.org"]])

    def test_a_refused_message_does_not_close_the_session(self):
        client = self.start()
        self.assert_reply(client.deliver(message(body=b"nul: \0\r\n")), 554, "5.6.0")
        self.assertEqual(client.deliver(message("behind the refused one")).code, 250)

    def test_the_null_sender_is_an_ordinary_one(self):
        self.assertEqual(self.start().deliver(message("null sender"), sender="").code, 250)
        self.assertEqual([m.sender for m in self.sink.messages() if b"null sender" in m.content], [""])

    def test_a_postmaster_as_sender_is_an_ordinary_one(self):
        self.assertEqual(self.start().deliver(message("from postmaster"), sender="postmaster@somewhere.test").code, 250)

    def test_case_of_a_recipient_does_not_matter_but_is_kept(self):
        self.assertEqual(self.start().deliver(message("case"), recipients=["BoB@EXAMPLE.Org"]).code, 250)
        self.assertEqual([m.recipients for m in self.sink.messages() if b"Subject: case" in m.content], [["BoB@EXAMPLE.Org"]])

    def test_a_source_route_is_stripped(self):
        client = self.start()
        client.ask("MAIL FROM:<@hop.test,@hop2.test:sender@client.test>")
        self.assertEqual(client.ask("RCPT TO:<@example.org:bob@example.org>").code, 250)
        self.assertEqual(client.ask("DATA").code, 354)
        client.send(message("source route") + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        stored = [m for m in self.sink.messages() if b"source route" in m.content][0]
        self.assertEqual((stored.sender, stored.recipients), ("sender@client.test", ["bob@example.org"]))

    def test_vrfy_tells_nothing_of_recipients(self):
        client = self.start()
        answers = [client.ask("VRFY bob@example.org"), client.ask("VRFY unknown@example.org")]
        self.assertEqual([a.code for a in answers], [252, 252])
        self.assertEqual(answers[0].text, answers[1].text)


class Postmaster(SharedSiteTest):
    @classmethod
    def build(cls, site):
        cls.sink = site.sink()
        cls.gateway = site.gateway(cls.sink, config={"domains": [{"names": ["example.org", "example.net"], "recipients": ["file:staff"], "route": "inside",
                                                                  "postmaster": "admin@example.org"}]})

    def test_bare_and_at_each_domain_goes_to_the_admin(self):
        for number, recipient in enumerate(["postmaster", "Postmaster", "postmaster@example.org", "PostMaster@example.net"]):
            with self.subTest(recipient):
                self.assertEqual(self.gateway.client().start().deliver(message(f"pm {number}"), recipients=[recipient]).code, 250)
                stored = [m for m in self.sink.messages() if f"pm {number}".encode() in m.content]
                self.assertEqual(stored[0].recipients, ["admin@example.org"])

    def test_not_of_a_foreign_domain(self):
        _, answer = self.gateway.client().start().envelope("a@client.test", "postmaster@elsewhere.test")
        self.assert_reply(answer, 550, "5.7.1")


class AccessRules(SharedSiteTest):
    """The operator's own rules: exempt recipients stay reachable whatever they say."""

    @classmethod
    def build(cls, site):
        cls.sink = site.sink()
        rules = [{"sender": ["friend@bad.test"], "action": "allow"},
                 {"sender": ["bad.test"], "action": "deny", "text": "please call us"},
                 {"helo": ["*.dyn.test"], "action": "defer"},
                 {"recipient": ["carol@example.org"], "action": "deny"}]
        cls.gateway = site.gateway(cls.sink, config={"checks": {"access": {"mode": "enforce", "rules": rules}}})

    def rcpt(self, sender="a@client.test", recipient="bob@example.org", helo="client.test"):
        return self.gateway.client().start(helo).envelope(sender, recipient)

    def test_a_denied_sender_is_refused_at_rcpt_with_the_rules_text(self):
        mail, rcpt = self.rcpt("x@bad.test")
        self.assertEqual(mail.code, 250)
        self.assertIn("please call us", self.assert_reply(rcpt, 550, "5.7.1").text)

    def test_an_allowed_sender_passes(self):
        self.assertEqual(self.rcpt("friend@bad.test")[1].code, 250)

    def test_a_deferred_helo_is_451(self):
        self.assert_reply(self.rcpt(helo="a.dyn.test")[1], 451, "4.7.1")

    def test_a_rule_about_one_recipient_leaves_the_others(self):
        self.assert_reply(self.rcpt(recipient="carol@example.org")[1], 550, "5.7.1")
        self.assertEqual(self.rcpt(recipient="bob@example.org")[1].code, 250)

    def test_postmaster_and_abuse_are_never_refused_by_policy(self):
        for recipient in ("postmaster@example.org", "abuse@example.org"):
            self.assertEqual(self.rcpt("x@bad.test", recipient)[1].code, 250)

    def test_allow_does_not_open_the_relay_nor_invent_recipients(self):
        self.assert_reply(self.rcpt("friend@bad.test", "x@elsewhere.test")[1], 550, "5.7.1")
        self.assert_reply(self.rcpt("friend@bad.test", "unknown@example.org")[1], 550, "5.1.1")

    def test_exempt_and_not_exempt_recipients_do_not_share_a_transaction(self):
        answers = self.gateway.client().start().envelope("a@client.test", "bob@example.org", "postmaster@example.org")
        self.assert_reply(answers[2], 452, "4.5.3")


def _objects_with(value, text):
    """All objects in JSON that hold `text` as a value."""
    if isinstance(value, dict):
        found = [hit for part in value.values() for hit in _objects_with(part, text)]
        return found + ([value] if text in value.values() else [])
    if isinstance(value, list):
        return [hit for part in value for hit in _objects_with(part, text)]
    return []


if __name__ == "__main__":
    unittest.main()
