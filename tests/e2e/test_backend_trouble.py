"""A backend that is dead, silent, refusing, closing or slow at each step of the dialogue.

Issue 2, "Relay out", and DESIGN 4: the sender gets the right class in bounded time, other sessions are not harmed,
nothing is delivered twice, and no empty or cut message ever gets there.
"""
import contextlib
import time
import unittest

from harness import CLOSE, RESET, STALL, Client, Gate, SiteTest, message, once, wait_until

SMALL = message("small")
# Does not fit into socket buffers: while the backend does not read, the dot is not sent.
LARGE = message("large", b"0123456789abcdef" * 60 + b"\r\n") + (b"x" * 998 + b"\r\n") * 12000
GARBAGE = b"\x00\xff\x13garbage\r\n\r\nmore\r\n"
# before_dot and after_dot of 1.5 s each, sweeps every 250 ms, and a busy machine.
LONGEST = 8.0


class EachStep(SiteTest):
    """One test for each kind of trouble: the table below says what happens where, and what the sender may be told."""

    seconds = 40

    def run_case(self, on, expected, content=SMALL, extensions=None, tls="none", delivered=0, recipients=("bob@example.org",)):
        bad = self.site.backend(*(extensions or ()), **on)
        good = self.site.sink()
        gateway = self.site.gateway(bad, config={
            "domains": [{"names": ["example.org"], "recipients": ["file:staff"], "route": "inside"}, {"names": ["other.test"], "recipients": ["any"], "route": "good"}],
            "routes": {"inside": {"tls": tls, "connect_timeout": "1 s"}, "good": {"servers": [good.address], "tls": "none"}},
            "relay": {"before_dot": "1500 ms", "after_dot": "1500 ms"}})
        client = gateway.client().start()
        began = time.monotonic()
        answer = self.first_refusal_or_354(client, recipients)
        if answer.code == 354:
            client.send(content + b".\r\n")
            # Meanwhile others have their mail delivered.
            self.assertEqual(gateway.client().start().deliver(message("meanwhile"), recipients=["x@other.test"]).code, 250)
            answer = client.reply()
        self.assertLess(time.monotonic() - began, LONGEST)
        self.assertIn(answer.code // 100, expected, answer)
        if answer.code >= 400:
            self.assert_class(answer, answer.code // 100)
        self.assertEqual(client.ask("NOOP").code, 250)
        self.assertEqual(len(bad.delivered), delivered)
        self.assert_only_whole(bad, content)
        self.assertEqual(len(good.messages()), 1)
        return bad, gateway, client, answer

    def first_refusal_or_354(self, client, recipients):
        for answer in client.envelope("sender@client.test", *recipients):
            if answer.code != 250:
                return answer
        return client.ask("DATA")

    def assert_only_whole(self, backend, content):
        """Whatever ended with a dot is the message as it was sent, and the sender's transaction came at most once."""
        for stored in backend.delivered + backend.refused:
            self.assertEqual(stored.original, content)
        self.assertLessEqual(len(backend.delivered), 1)

    def test_nobody_listens(self):
        nobody = self.site.port()
        gateway = self.site.gateway(str(nobody))
        answer = gateway.client().start().deliver(SMALL)
        self.assert_class(answer, 4)

    def test_a_354_though_no_recipient_was_taken_gets_no_dot(self):
        bad, *_ = self.run_case({"RCPT": "550 5.1.1 unknown", "DATA": "354 go on anyway"}, {5})
        self.assertEqual((bad.refused, [c for c in bad.cut if c]), ([], []))

    def test_a_refusal_in_the_middle_of_the_body_is_passed_on(self):
        _, _, _, answer = self.run_case({"body": "552 5.3.4 enough of this"}, {5}, content=LARGE)
        self.assertEqual((answer.code, answer.enhanced), (552, "5.3.4"))

    def test_the_answer_after_the_dot_keeps_code_and_enhanced_code(self):
        _, _, _, answer = self.run_case({"dot": "550 5.7.1 spam"}, {5})
        self.assertEqual((answer.code, answer.enhanced), (550, "5.7.1"))
        self.assertIn("spam", answer.text)

    def test_names_and_addresses_of_the_inside_are_not_told(self):
        _, _, _, answer = self.run_case({"dot": "554 5.7.1 backend.internal [10.1.2.3] says no (mbx3.corp.local)"}, {5})
        for inside in ("backend.internal", "10.1.2.3", "corp.local"):
            self.assertNotIn(inside, answer.text)

    def test_odd_bytes_and_long_texts_of_a_backend_reach_nobody_as_they_are(self):
        reply = b"554-5.7.1 \x1b[31mred\x07 \xff\xfe" + b"long " * 300 + b"\r\n554 5.7.1 second line\r\n"
        _, _, _, answer = self.run_case({"dot": reply}, {5})
        for line in answer.lines:
            self.assertTrue(line.isascii() and line.isprintable() and len(line) <= 510, line)

    def test_a_421_after_the_dot_does_not_close_the_senders_session(self):
        # run_case goes on with NOOP.
        _, _, _, answer = self.run_case({"dot": ["421 4.3.2 going down", CLOSE]}, {4})
        self.assertNotEqual(answer.code, 421)

    def test_250_and_then_closing_is_delivered_once(self):
        bad, gateway, client, _ = self.run_case({"dot": once(["250 2.0.0 taken", CLOSE])}, {2}, delivered=1)
        self.assertEqual(client.deliver(SMALL).code, 250)
        self.assertEqual(len(bad.delivered), 2)

    def test_silence_after_the_dot_is_counted_as_unknown_outcome(self):
        _, gateway, client, answer = self.run_case({"dot": STALL}, {4})
        self.assertEqual(answer.enhanced, "4.4.2")
        client.quit()
        self.assertTrue(gateway.wait_for_event("transaction", ending="deferred")["outcome_unknown"])

    def test_of_two_recipients_one_refused_nothing_is_delivered(self):
        bad, _, client, answer = self.run_case({"RCPT": lambda _, line: "550 5.1.1 unknown" if "alice" in line else None}, {4},
                                               recipients=("bob@example.org", "alice@example.org"))
        self.assertEqual((answer.code, bad.refused, bad.cut), (451, [], []))
        # The retry: the refused one has its own answer now, and the other gets the message.
        answers = client.envelope("sender@client.test", "bob@example.org", "alice@example.org")
        self.assertEqual([a.code for a in answers], [250, 250, 550])
        self.assertEqual(answers[2].enhanced, "5.1.1")
        client.ask("DATA")
        client.send(SMALL + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertEqual([s.recipients for s in bad.delivered], [["bob@example.org"]])

    def test_of_two_recipients_one_deferred_nothing_is_delivered(self):
        bad, _, client, answer = self.run_case({"RCPT": lambda _, line: "450 4.2.2 full" if "alice" in line else None}, {4},
                                               recipients=("bob@example.org", "alice@example.org"))
        self.assertEqual((answer.code, bad.refused, bad.cut), (451, [], []))
        answers = client.envelope("sender@client.test", "bob@example.org", "alice@example.org")
        self.assertEqual([a.code // 100 for a in answers], [2, 2, 4])
        client.ask("DATA")
        client.send(SMALL + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertEqual([s.recipients for s in bad.delivered], [["bob@example.org"]])

    def test_a_refusal_of_the_message_is_not_held_against_the_recipient(self):
        _, _, client, _ = self.run_case({"dot": once("554 5.7.1 virus")}, {5})
        self.assertEqual(client.deliver(SMALL).code, 250)


EHLO_WITH_TLS = ("PIPELINING", "8BITMIME", "STARTTLS", "ENHANCEDSTATUSCODES")
# name: (what the backend does, classes that the sender may get, options of run_case)
CASES = {
    "closes_before_the_banner": ({"connect": CLOSE}, {4}, {}),
    "resets_before_the_banner": ({"connect": RESET}, {4}, {}),
    "says_nothing_at_all": ({"connect": STALL}, {4}, {}),
    "stops_within_the_banner": ({"connect": [b"220 half a ban", STALL]}, {4}, {}),
    "greets_with_421": ({"connect": ["421 4.3.2 too many connections", CLOSE]}, {4}, {}),
    "greets_with_554": ({"connect": "554 5.3.2 no mail here"}, {4}, {}),
    "greets_with_garbage": ({"connect": GARBAGE}, {4}, {}),
    "closes_at_EHLO": ({"EHLO": CLOSE}, {4}, {}),
    "stalls_at_EHLO": ({"EHLO": STALL}, {4}, {}),
    "says_421_at_EHLO": ({"EHLO": ["421 4.3.2 no", CLOSE]}, {4}, {}),
    "says_garbage_at_EHLO": ({"EHLO": GARBAGE}, {4}, {}),
    "says_5xx_at_EHLO_but_takes_HELO": ({"EHLO": "500 5.5.1 what?"}, {2}, {"delivered": 1}),
    "says_5xx_at_EHLO_and_HELO": ({"EHLO": "550 5.7.1 no", "HELO": "550 5.7.1 no"}, {4}, {}),
    "says_4xx_at_EHLO_and_HELO": ({"EHLO": "451 4.3.0 no", "HELO": "451 4.3.0 no"}, {4}, {}),
    "floods_at_EHLO": ({"EHLO": b"250-" + b"x" * 2000000}, {4}, {}),
    "never_ends_its_EHLO_reply": ({"EHLO": b"250-x\r\n" * 100000}, {4}, {}),
    "refuses_STARTTLS_though_it_offered_it": ({"STARTTLS": "454 4.7.0 not now"}, {2}, {"extensions": EHLO_WITH_TLS, "tls": "opportunistic", "delivered": 1}),
    "refuses_STARTTLS_where_it_is_required": ({"STARTTLS": "454 4.7.0 not now"}, {4}, {"extensions": EHLO_WITH_TLS, "tls": "require"}),
    "refuses_STARTTLS_for_ever_where_it_is_required": ({"STARTTLS": "554 5.7.0 never"}, {4}, {"extensions": EHLO_WITH_TLS, "tls": "require"}),
    "closes_at_STARTTLS_where_it_is_required": ({"STARTTLS": CLOSE}, {4}, {"extensions": EHLO_WITH_TLS, "tls": "require"}),
    "stalls_at_STARTTLS_where_it_is_required": ({"STARTTLS": STALL}, {4}, {"extensions": EHLO_WITH_TLS, "tls": "require"}),
    "stalls_in_the_handshake": ({"STARTTLS": ["220 go", STALL]}, {4}, {"extensions": EHLO_WITH_TLS, "tls": "require"}),
    "says_garbage_in_the_handshake": ({"STARTTLS": ["220 go", GARBAGE, CLOSE]}, {4}, {"extensions": EHLO_WITH_TLS, "tls": "require"}),
    "does_not_offer_STARTTLS_where_it_is_required": ({}, {4}, {"tls": "require"}),
    "closes_at_MAIL": ({"MAIL": CLOSE}, {4}, {}),
    "resets_at_MAIL": ({"MAIL": RESET}, {4}, {}),
    "stalls_at_MAIL": ({"MAIL": STALL}, {4}, {}),
    "says_421_at_MAIL": ({"MAIL": ["421 4.3.2 no", CLOSE]}, {4}, {}),
    "says_4xx_at_MAIL": ({"MAIL": "451 4.3.0 later"}, {4}, {}),
    "says_5xx_at_MAIL": ({"MAIL": "550 5.7.1 not you"}, {5}, {}),
    "says_garbage_at_MAIL": ({"MAIL": GARBAGE}, {4}, {}),
    "says_354_at_MAIL": ({"MAIL": "354 go on"}, {4}, {}),
    "closes_at_RCPT": ({"RCPT": CLOSE}, {4}, {}),
    "stalls_at_RCPT": ({"RCPT": STALL}, {4}, {}),
    "says_421_at_RCPT": ({"RCPT": ["421 4.3.2 no", CLOSE]}, {4}, {}),
    "says_4xx_at_RCPT": ({"RCPT": "450 4.2.2 full"}, {4}, {}),
    "says_5xx_at_RCPT": ({"RCPT": "550 5.1.1 unknown"}, {5}, {}),
    "says_garbage_at_RCPT": ({"RCPT": GARBAGE}, {4}, {}),
    "says_5xx_for_all_of_two_recipients": ({"RCPT": "550 5.1.1 unknown"}, {5}, {"recipients": ("bob@example.org", "alice@example.org")}),
    "says_4xx_for_all_of_two_recipients": ({"RCPT": "450 4.2.2 full"}, {4}, {"recipients": ("bob@example.org", "alice@example.org")}),
    "closes_at_DATA": ({"DATA": CLOSE}, {4}, {}),
    "stalls_at_DATA": ({"DATA": STALL}, {4}, {}),
    "says_421_at_DATA": ({"DATA": ["421 4.3.2 no", CLOSE]}, {4}, {}),
    "says_4xx_at_DATA": ({"DATA": "451 4.3.0 later"}, {4}, {}),
    "says_5xx_at_DATA": ({"DATA": "554 5.7.1 never"}, {5}, {}),
    "says_garbage_at_DATA": ({"DATA": GARBAGE}, {4}, {}),
    "says_250_at_DATA": ({"DATA": "250 2.0.0 fine"}, {4}, {}),
    "closes_behind_354": ({"DATA": ["354 go on", CLOSE]}, {4}, {}),
    "closes_behind_354_before_a_large_message": ({"DATA": ["354 go on", CLOSE]}, {4}, {"content": LARGE}),
    "closes_in_the_body": ({"body": CLOSE}, {4}, {"content": LARGE}),
    "resets_in_the_body": ({"body": RESET}, {4}, {"content": LARGE}),
    "stalls_in_the_body": ({"body": STALL}, {4}, {"content": LARGE}),
    "says_421_in_the_body": ({"body": ["421 4.3.2 no", CLOSE]}, {4}, {"content": LARGE}),
    "says_4xx_in_the_body": ({"body": "452 4.3.1 full"}, {4}, {"content": LARGE}),
    "says_garbage_in_the_body": ({"body": GARBAGE}, {4}, {"content": LARGE}),
    "closes_after_the_dot": ({"dot": CLOSE}, {4}, {}),
    "resets_after_the_dot": ({"dot": RESET}, {4}, {}),
    "stalls_after_the_dot": ({"dot": STALL}, {4}, {}),
    "stops_within_the_reply_to_the_dot": ({"dot": [b"250-2.0.0 half\r\n250", CLOSE]}, {4}, {}),
    "says_421_after_the_dot": ({"dot": ["421 4.3.2 no", CLOSE]}, {4}, {}),
    "says_4xx_after_the_dot": ({"dot": "451 4.3.0 later"}, {4}, {}),
    "says_5xx_after_the_dot": ({"dot": "554 5.7.1 never"}, {5}, {}),
    "says_5xx_without_an_enhanced_code_after_the_dot": ({"dot": "554 never"}, {5}, {}),
    "says_garbage_after_the_dot": ({"dot": GARBAGE}, {4}, {}),
    "says_354_after_the_dot": ({"dot": "354 more"}, {4}, {}),
    "contradicts_itself_in_a_reply_of_several_lines": ({"dot": b"250-2.0.0 taken\r\n550 5.7.1 no\r\n"}, {4}, {}),
    "contradicts_itself_in_its_enhanced_code": ({"dot": "550 4.2.0 odd"}, {5}, {}),
}


def add_cases():
    for what, (on, expected, options) in CASES.items():
        def test(self, on=on, expected=expected, options=options):
            self.run_case(on, expected, **options)
        outcome = "_or_".join({2: "is_delivered", 4: "means_4xx", 5: "means_5xx"}[c] for c in sorted(expected))
        setattr(EachStep, f"test_a_backend_that_{what}_{outcome}", test)


add_cases()


class Failover(SiteTest):
    """The next server is tried at any time before the dot was written; a 5xx is never tried elsewhere."""

    seconds = 8

    def deliver_with(self, content=SMALL, recipient="bob@example.org", **on):
        first = self.site.backend(**on)
        second = self.site.backend()
        gateway = self.site.gateway(first, second, config={"routes": {"inside": {"connect_timeout": "1 s"}}})
        answer = gateway.client().start().deliver(content, recipients=[recipient])
        return answer, first, second, gateway

    def test_to_the_second_server_when_the_first_has_trouble(self):
        for what, on in {"closes": {"connect": CLOSE}, "is silent": {"connect": STALL}, "greets 421": {"connect": "421 4.3.2 no"}, "greets 554": {"connect": "554 5.3.2 no"},
                         "closes at EHLO": {"EHLO": CLOSE}, "closes at MAIL": {"MAIL": CLOSE}, "says 421 at MAIL": {"MAIL": ["421 4.3.2 no", CLOSE]},
                         "closes at RCPT": {"RCPT": CLOSE}, "says 421 at RCPT": {"RCPT": ["421 4.3.2 no", CLOSE]}, "closes at DATA": {"DATA": CLOSE},
                         "says 421 at DATA": {"DATA": ["421 4.3.2 no", CLOSE]}}.items():
            with self.subTest(what):
                answer, first, second, _ = self.deliver_with(**on)
                self.assertEqual(answer.code, 250, answer)
                self.assertEqual((len(first.delivered), [s.original for s in second.delivered]), (0, [SMALL]))

    def test_when_the_first_closes_in_the_middle_of_a_large_body(self):
        answer, first, second, _ = self.deliver_with(LARGE, body=CLOSE)
        self.assertEqual(answer.code, 250, answer)
        self.assertEqual((len(first.delivered + first.refused), [s.original for s in second.delivered]), (0, [LARGE]))

    def test_when_nobody_listens_at_the_first(self):
        nobody = self.site.port()
        second = self.site.backend()
        gateway = self.site.gateway(str(nobody), second)
        client = gateway.client().start()
        # The first ones find out, the later ones know.
        self.assertEqual([client.deliver(SMALL).code for _ in range(8)], [250] * 8)
        self.assertEqual(len(second.delivered), 8)

    def test_not_after_the_dot(self):
        answer, first, second, _ = self.deliver_with(dot=CLOSE)
        self.assert_class(answer, 4)
        self.assertEqual((len(first.refused), second.delivered), (1, []))

    def test_not_for_a_5xx(self):
        for on in ({"MAIL": "550 5.7.1 no"}, {"RCPT": "550 5.1.1 no"}, {"DATA": "554 5.7.1 no"}, {"dot": "554 5.7.1 no"}):
            with self.subTest(on):
                answer, _, second, _ = self.deliver_with(**on)
                self.assert_class(answer, 5)
                self.assertFalse([c for c in second.commands() if c.startswith("MAIL")])


class AllDown(SiteTest):
    """No server of the route answers."""

    seconds = 12

    def test_known_recipients_get_451_at_rcpt_and_unknown_ones_550_until_the_backend_is_back(self):
        backend = self.site.backend()
        gateway = self.site.gateway(backend)
        gateway.wait_for_backends()
        self.assertEqual(gateway.client().start().deliver(SMALL).code, 250)
        backend.down()

        def rcpt(recipient="bob@example.org"):
            client = Client(gateway.port.address).start()
            answer = client.envelope("sender@client.test", recipient)[1]
            client.quit()
            return answer
        # The first ones still find out at the end of the message; then it is known, and costs nobody a message.
        for _ in range(10):
            if rcpt().code == 451:
                break
            self.assert_class(gateway.client().start().deliver(SMALL), 4)
        self.assert_reply(rcpt(), 451, "4.4.1")
        self.assert_reply(rcpt("unknown@example.org"), 550, "5.1.1")
        self.assert_reply(rcpt("x@elsewhere.test"), 550, "5.7.1")
        backend.open()
        back = time.monotonic()
        wait_until(lambda: rcpt().code == 250, "recipients are taken again")
        self.assertEqual(gateway.client().start().deliver(SMALL).code, 250)
        self.assertLess(time.monotonic() - back, 8.0)
        self.assertEqual(len(backend.delivered), 2)
        self.assertTrue(gateway.events("backend", level="error"))

    def test_a_backend_that_was_never_there_is_found_when_it_comes(self):
        port = self.site.port()
        gateway = self.site.gateway(str(port))
        self.assert_class(gateway.client().start().deliver(SMALL), 4)
        sink = self.site.sink(port=port)

        def delivered():
            with contextlib.closing(Client(gateway.port.address).start()) as another:
                return another.deliver(SMALL).code == 250
        wait_until(delivered, "mail flows", 10)
        self.assertEqual(len(sink.messages()), 1)


class PooledConnections(SiteTest):
    seconds = 10

    def start(self, config=None, **on):
        self.backend = self.site.backend(**on)
        self.gateway = self.site.gateway(self.backend, config=config)
        self.gateway.wait_for_backends()
        self.client = self.gateway.client().start()

    def test_a_connection_is_used_for_many_messages(self):
        self.start()
        self.assertEqual([self.client.deliver(SMALL).code for _ in range(20)], [250] * 20)
        self.assertEqual(len([c for c in self.backend.connections if any(l.startswith("MAIL") for l in c.lines)]), 1)

    def test_an_idle_connection_closed_by_the_backend_costs_no_sender_an_error(self):
        self.start()
        for _ in range(5):
            self.assertEqual(self.client.deliver(SMALL).code, 250)
            self.backend.hang_up()
        self.assertEqual(len(self.backend.delivered), 5)

    def test_nor_does_one_that_is_closed_as_the_next_message_comes(self):
        # The race that can't be seen beforehand: it closes at the second MAIL of a connection.
        self.start(MAIL=lambda connection, _: CLOSE if len([l for l in connection.lines if l.startswith("MAIL")]) > 1 else None)
        self.assertEqual([self.client.deliver(SMALL).code for _ in range(5)], [250] * 5)
        self.assertEqual(len(self.backend.delivered), 5)

    def test_nor_does_one_that_says_421_first(self):
        self.start(MAIL=lambda connection, _: ["421 4.4.2 idle for too long", CLOSE] if len([l for l in connection.lines if l.startswith("MAIL")]) > 1 else None)
        self.assertEqual([self.client.deliver(SMALL).code for _ in range(5)], [250] * 5)
        self.assertEqual(len(self.backend.delivered), 5)

    def test_nor_does_one_that_said_421_while_idle(self):
        self.start(dot=["250 2.0.0 taken", "421 4.4.2 idle for too long", CLOSE])
        self.assertEqual([self.client.deliver(SMALL).code for _ in range(5)], [250] * 5)
        self.assertEqual(len(self.backend.delivered), 5)

    def test_a_message_behind_a_refused_one_goes_over_the_same_connection(self):
        self.start(dot=once("554 5.7.1 no"))
        self.assertEqual([self.client.deliver(SMALL).code for _ in range(3)], [554, 250, 250])
        self.assertEqual([s.original for s in self.backend.delivered], [SMALL] * 2)

    def test_nor_does_one_that_is_closed_at_the_rset_behind_a_refusal(self):
        for what, end in (("closes", CLOSE), ("says 421", ["421 4.4.2 bye", CLOSE])):
            with self.subTest(what):
                self.start(dot=once("554 5.7.1 no"), RSET=end)
                self.assertEqual([self.client.deliver(SMALL).code for _ in range(3)], [554, 250, 250])
                self.assertEqual(len(self.backend.delivered), 2)

    def test_who_waits_for_a_connection_waits_no_longer_than_the_budget(self):
        gate = Gate()
        self.start({"routes": {"inside": {"max_connections": 1}}, "relay": {"before_dot": "1500 ms", "after_dot": "30 s"}}, dot=gate)
        self.client.envelope("sender@client.test", "bob@example.org")
        self.client.ask("DATA")
        self.client.send(SMALL + b".\r\n")
        gate.wait_reached()
        second = self.gateway.client().start()
        began = time.monotonic()
        self.assert_class(second.deliver(SMALL), 4)
        self.assertLess(time.monotonic() - began, LONGEST)
        gate.open()
        self.assertEqual(self.client.reply().code, 250)
        self.assertEqual(second.deliver(SMALL).code, 250)
        self.assertEqual(len(self.backend.delivered), 2)

    def test_no_failure_costs_a_place_for_ever(self):
        # With one connection allowed, a single one that is not given back would end all mail.
        self.start({"routes": {"inside": {"max_connections": 1, "connect_timeout": "500 ms"}}, "relay": {"before_dot": "1 s", "after_dot": "1 s"}})
        for on in ({"connect": CLOSE}, {"connect": STALL}, {"EHLO": CLOSE}, {"MAIL": CLOSE}, {"MAIL": STALL}, {"DATA": RESET}, {"body": CLOSE}, {"dot": CLOSE}, {"dot": STALL}, {"dot": "554 5.7.1 no"}):
            with self.subTest(on):
                self.backend.on = on
                self.backend.hang_up()
                before = len(self.backend.delivered)
                self.assertNotEqual(self.client.deliver(SMALL).code, 250)
                self.backend.on = {}

                def delivered():
                    with contextlib.closing(Client(self.gateway.port.address).start()) as client:
                        return client.deliver(SMALL).code == 250
                wait_until(delivered, "the next message is delivered")
                self.assertEqual(len(self.backend.delivered), before + 1)

    def test_never_more_connections_than_allowed_and_nobody_is_forgotten(self):
        gate = Gate()
        self.start({"routes": {"inside": {"max_connections": 2}}, "relay": {"before_dot": "20 s", "after_dot": "20 s"}}, dot=gate)
        clients = [self.gateway.client().start() for _ in range(12)]
        for client in clients:
            client.envelope("sender@client.test", "bob@example.org")
            client.ask("DATA")
            client.send(SMALL + b".\r\n")
        gate.wait_reached()
        gate.open()
        self.assertEqual([client.reply().code for client in clients], [250] * 12)
        self.assertEqual(len(self.backend.delivered), 12)
        self.assertLessEqual(len([c for c in self.backend.connections if not c.ended]), 2)

    def test_an_idle_connection_is_ended_with_quit_in_time(self):
        self.start({"routes": {"inside": {"idle_timeout": "300 ms"}}})
        self.assertEqual(self.client.deliver(SMALL).code, 250)
        self.backend.wait_for_command("QUIT")

    def test_a_capability_that_went_away_is_451(self):
        for extension, command in (("8BITMIME", "MAIL FROM:<sender@client.test> BODY=8BITMIME"), ("SMTPUTF8", "MAIL FROM:<jürgen@client.test> SMTPUTF8")):
            with self.subTest(extension):
                self.start()
                self.assertEqual(self.client.ask(command).code, 250)
                self.backend.extensions = tuple(e for e in self.backend.extensions if e != extension)
                self.backend.hang_up()
                self.client.ask("RCPT TO:<bob@example.org>")
                self.client.ask("DATA")
                self.client.send(SMALL + b".\r\n")
                self.assert_class(self.client.reply(), 4)
                self.assertEqual(self.backend.delivered, [])


class VanishedClients(SiteTest):
    """Who is gone before the dot gets nothing delivered: it will come again."""

    seconds = 6

    def send_and_wait_at(self, step, content=SMALL):
        self.gate = Gate()
        self.backend = self.site.backend(**{step: self.gate})
        self.gateway = self.site.gateway(self.backend, config={"relay": {"before_dot": "30 s", "after_dot": "30 s"}})
        self.client = self.gateway.client().start()
        self.client.envelope("sender@client.test", "bob@example.org")
        self.client.ask("DATA")
        self.client.send(content + b".\r\n")
        self.gate.wait_reached()

    def assert_never_delivered(self):
        line = self.gateway.wait_for_event("transaction", ending="vanished")
        self.assertEqual(self.gateway.wait_for_event("session", id=line["id"])["close"], "vanished")
        self.gate.open()
        self.backend.wait_until(lambda: all(c.ended for c in self.backend.connections if any(l.startswith("MAIL") for l in c.lines)), "the connection is closed")
        self.assertEqual((self.backend.delivered, self.backend.refused), ([], []))

    def test_before_the_dot_of_his_own(self):
        backend = self.site.backend()
        gateway = self.site.gateway(backend)
        client = gateway.client().start()
        client.envelope("sender@client.test", "bob@example.org")
        client.ask("DATA")
        client.send(SMALL)
        client.close()
        gateway.wait_for_event("transaction", ending="vanished")
        self.assertFalse([c for c in backend.commands() if c.startswith("MAIL")])

    def test_before_the_end_of_a_chunk(self):
        backend = self.site.backend()
        gateway = self.site.gateway(backend)
        client = gateway.client().start()
        client.envelope("sender@client.test", "bob@example.org")
        client.send(b"BDAT 1000 LAST\r\n" + SMALL)
        client.close()
        gateway.wait_for_event("transaction", ending="vanished")
        self.assertFalse([c for c in backend.commands() if c.startswith("MAIL")])

    def test_while_the_backend_is_slow_at_mail(self):
        self.send_and_wait_at("MAIL")
        self.client.close()
        self.assert_never_delivered()

    def test_with_a_reset(self):
        self.send_and_wait_at("MAIL")
        self.client.reset()
        self.assert_never_delivered()

    def test_while_the_backend_is_slow_at_data(self):
        self.send_and_wait_at("DATA")
        self.client.close()
        self.assert_never_delivered()

    def test_by_half_closing_without_quit(self):
        self.send_and_wait_at("DATA")
        self.client.shutdown_send()
        self.assert_never_delivered()

    def test_while_a_large_body_is_on_its_way(self):
        self.send_and_wait_at("body", LARGE)
        self.client.close()
        self.assert_never_delivered()

    def test_with_an_unfinished_quit(self):
        self.send_and_wait_at("MAIL")
        self.client.send(b"QUIT")
        self.client.close()
        self.assert_never_delivered()

    def test_but_not_who_pipelined_quit_and_half_closed(self):
        self.send_and_wait_at("MAIL")
        self.client.send(b"QUIT\r\n")
        self.client.shutdown_send()
        # Two looks at the client would have been taken in this time.
        self.assertTrue(self.client.silent_for(0.6))
        self.gate.open()
        self.assertEqual([a.code for a in self.client.replies(2)], [250, 221])
        self.assertEqual(len(self.backend.delivered), 1)

    def test_nor_who_sent_all_in_one_piece_with_quit(self):
        backend = self.site.backend()
        gateway = self.site.gateway(backend)
        client = gateway.client().start()
        client.envelope("sender@client.test", "bob@example.org")
        client.ask("DATA")
        client.send(SMALL + b".\r\nQUIT\r\n")
        client.shutdown_send()
        self.assertEqual([a.code for a in client.replies(2)], [250, 221])
        self.assertEqual(len(backend.delivered), 1)

    def test_after_the_backend_has_the_dot_it_is_delivered_once(self):
        self.send_and_wait_at("dot")
        self.client.close()
        self.gateway.wait_for_event("transaction")
        self.gate.open()
        self.backend.wait_for(1)
        self.assertEqual([s.original for s in self.backend.delivered], [SMALL])


if __name__ == "__main__":
    unittest.main()
