"""Limits of size, number and time (issue 2, "SMTP in")."""
import time
import unittest

from harness import SharedSiteTest, SiteTest, message, wait_until

KIB = 1 << 10


class Size(SharedSiteTest):
    """smtp.max_message_size = 64 KiB, the least there is."""

    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        cls.gateway = site.gateway(cls.sink, config={"smtp": {"max_message_size": "64 KiB"}})

    def start(self):
        return self.gateway.client().start()

    def bdat(self, client, data, last=True):
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)
        return client.reply()

    def content(self, size):
        head = message("size", b"")
        return head + b"x" * (size - len(head) - 2) + b"\r\n"

    def test_the_limit_is_announced(self):
        client = self.gateway.client()
        client.reply()
        self.assertEqual(client.ehlo()["SIZE"], [str(64 * KIB)])

    def test_a_size_above_it_is_552_5_3_4_at_mail(self):
        client = self.start()
        self.assert_reply(client.ask(f"MAIL FROM:<a@client.test> SIZE={64 * KIB + 1}"), 552, "5.3.4")
        self.assertEqual(client.ask(f"MAIL FROM:<a@client.test> SIZE={64 * KIB}").code, 250)

    def test_a_message_of_exactly_the_limit_passes(self):
        self.assertEqual(self.start().deliver(self.content(64 * KIB)).code, 250)
        self.assertEqual(self.bdat(self.start(), self.content(64 * KIB)).code, 250)

    def test_stuffed_dots_do_not_count(self):
        content = message("dots", b".\r\n" * 20000)
        self.assertEqual(self.start().deliver(content).code, 250)

    def test_a_larger_one_is_read_to_its_end_and_refused_and_the_session_goes_on(self):
        client = self.start()
        for size in (64 * KIB + 1, 100 * KIB, 127 * KIB):
            self.assert_reply(client.deliver(self.content(size)), 552, "5.3.4")
            self.assert_reply(self.bdat(client, self.content(size)), 552, "5.3.4")
        self.assertEqual(client.deliver(message("behind too big")).code, 250)
        self.assertFalse([m for m in self.sink.messages() if len(m.original) > 64 * KIB])

    def test_one_beyond_twice_the_limit_is_refused_as_well(self):
        client = self.start()
        try:
            answer = client.deliver(self.content(1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            answer = client.reply()  # it did not want to hear it out, and said why
        self.assert_reply(answer, 552, "5.3.4")

    def test_chunks_that_grow_too_large_together_are_refused(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        codes = []
        for i in range(6):
            client.send(b"BDAT 16384%s\r\n" % (b" LAST" if i == 5 else b"") + b"x" * 16382 + b"\r\n")
            codes.append(client.reply().code)
        self.assertEqual(codes[:4], [250] * 4)
        self.assertEqual(codes[4], 552)
        self.assertGreaterEqual(codes[5], 500)
        self.assertIn(client.ask("NOOP").code, (250,))

    def test_a_huge_chunk_is_refused_before_it_comes(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"BDAT 10000000000 LAST\r\n")
        self.assert_reply(client.reply(), 552, "5.3.4")
        self.assertTrue(client.is_closed(5))

    def test_a_dot_in_what_is_thrown_away_still_ends_the_message_once(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        client.ask("DATA")
        client.send(self.content(70 * KIB) + b".\n" + b"HELP\r\n" * 2 + b"\n.\r\nHELP\r\n.\r\nVRFY x\r\n")
        self.assert_reply(client.reply(), 552, "5.3.4")
        self.assertEqual(client.reply().code, 252)


class HeaderLimits(SharedSiteTest):
    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        cls.gateway = site.gateway(cls.sink)

    def both_ways(self, content):
        """The answers to it by DATA and by BDAT."""
        client = self.gateway.client().start()
        first = client.deliver(content)
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"BDAT %d LAST\r\n" % len(content) + content)
        second = client.reply()
        self.assertEqual(client.ask("NOOP").code, 250)
        return first, second

    def test_a_header_above_192_kib_is_552_5_3_4(self):
        for content in (b"X-Long: " + b"x" * (200 * KIB) + b"\r\n\r\nbody\r\n", b"X-Many: y\r\n" * 20000 + b"\r\nbody\r\n", b"X-No-End: " + b"x" * (300 * KIB) + b"\r\n"):
            for answer in self.both_ways(content):
                self.assert_reply(answer, 552, "5.3.4")

    def test_a_header_below_it_passes(self):
        head = b"X-Long: " + b"x" * (190 * KIB) + b"\r\n\r\n"
        for answer in self.both_ways(head + b"y" * (300 * KIB) + b"\r\n"):
            self.assertEqual(answer.code, 250)

    def test_51_received_fields_are_a_loop_554_5_4_6(self):
        field = b"Received: from a.test by b.test; Thu, 1 Jan 1970 00:00:00 +0000\r\n"
        for answer in self.both_ways(field * 51 + message()):
            self.assert_reply(answer, 554, "5.4.6")
        for answer in self.both_ways(b"RECEIVED: x\r\n" * 51 + message()):
            self.assert_reply(answer, 554, "5.4.6")
        for answer in self.both_ways(field * 50 + message()):
            self.assertEqual(answer.code, 250)

    def test_received_lines_in_the_body_are_no_loop(self):
        for answer in self.both_ways(message(body=b"Received: x\r\n" * 100)):
            self.assertEqual(answer.code, 250)


class Numbers(SiteTest):
    seconds = 4

    def start(self, **smtp):
        self.sink = self.site.sink("--quiet")
        self.gateway = self.site.gateway(self.sink, config={"smtp": smtp, "checks": {"access": {"rules": [{"recipient": ["alice@example.org"], "action": "defer"}]}}})
        return self.gateway.client().start()

    def test_more_recipients_than_allowed_get_452_and_the_others_the_message(self):
        client = self.start(max_recipients=3)
        answers = client.envelope("a@client.test", *["bob@example.org"] * 5)
        self.assertEqual([a.code for a in answers], [250, 250, 250, 250, 452, 452])
        self.assert_reply(answers[4], 452, "4.5.3")
        client.ask("DATA")
        client.send(message() + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertEqual(len(self.sink.messages()[0].recipients), 3)

    def test_data_behind_only_5xx_recipients_is_554_5_5_1(self):
        client = self.start()
        client.envelope("a@client.test", "unknown@example.org", "x@elsewhere.test")
        self.assert_reply(client.ask("DATA"), 554, "5.5.1")

    def test_data_behind_any_4xx_recipient_is_451_4_5_1(self):
        client = self.start()
        answers = client.envelope("a@client.test", "unknown@example.org", "alice@example.org", "x@elsewhere.test")
        self.assertEqual([a.code // 100 for a in answers], [2, 5, 4, 5])
        self.assert_reply(client.ask("DATA"), 451, "4.5.1")

    def test_the_same_pipelined_and_with_bdat(self):
        client = self.start()
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n")
        self.assertEqual([a.code for a in client.replies(3)], [250, 451, 451])
        client.ask("RSET")
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<alice@example.org>\r\nBDAT 3 LAST\r\nx\r\n")
        self.assertEqual([a.code for a in client.replies(3)], [250, 451, 451])

    def test_too_many_errors_are_421_and_the_end(self):
        client = self.start(hard_error_limit=5, soft_error_limit=5)
        codes = [client.ask("WHAT").code for _ in range(5)]
        self.assertEqual(codes, [500] * 4 + [421])
        self.assertTrue(client.is_closed(5))

    def test_errors_above_the_soft_limit_are_answered_slowly(self):
        client = self.start(soft_error_limit=2, error_delay="500 ms")
        times = []
        for _ in range(4):
            began = time.monotonic()
            client.ask("WHAT")
            times.append(time.monotonic() - began)
        self.assertGreater(times[3], 0.4)

    def test_a_delayed_error_loses_nothing_that_was_pipelined(self):
        client = self.start(soft_error_limit=1, error_delay="100 ms")
        client.send(b"WHAT\r\nWHAT\r\nWHAT\r\nNOOP\r\nVRFY x\r\n")
        self.assertEqual([a.code for a in client.replies(5)], [500, 500, 500, 250, 252])

    def test_refused_recipients_are_no_protocol_errors(self):
        client = self.start(hard_error_limit=5, soft_error_limit=5)
        answers = client.envelope("a@client.test", *["unknown@example.org"] * 30)
        self.assertEqual({a.code for a in answers[1:]}, {550})
        self.assertEqual(client.ask("NOOP").code, 250)

    def test_too_many_commands_that_lead_nowhere_are_421(self):
        client = self.start(junk_command_limit=10)
        codes = []
        while codes[-1:] != [421]:
            codes.append(client.ask("NOOP").code)
        self.assertEqual(len(codes), 11 - 1)  # EHLO counts
        self.assertTrue(client.is_closed(5))

    def test_the_mail_behind_the_last_allowed_message_is_421(self):
        client = self.start(max_messages=2)
        self.assertEqual([client.deliver(message()).code for _ in range(3)], [250, 250, 421])
        self.assertTrue(client.is_closed(5))
        self.assertEqual(len(self.sink.messages()), 2)


class Times(SiteTest):
    """Short patience, so that tests need not wait for minutes."""

    seconds = 8

    def start(self, **smtp):
        self.sink = self.site.sink("--quiet")
        self.gateway = self.site.gateway(self.sink, config={"smtp": smtp})
        return self.gateway.client().start()

    def assert_timed_out(self, client, at_least):
        began = time.monotonic()
        self.assert_reply(client.reply(), 421, "4.4.2")
        self.assertGreater(time.monotonic() - began, at_least)
        self.assertTrue(client.is_closed(5))
        client.close()  # the gateway lingers for who does not
        self.assertEqual(self.gateway.wait_for_event("session")["close"], "timeout")
        self.assertEqual(self.sink.messages(), [])

    def test_a_client_that_says_nothing(self):
        client = self.start(command_timeout="1 s")
        self.assert_timed_out(client, 0.7)

    def test_a_client_that_stops_within_a_command(self):
        client = self.start(command_timeout="1 s")
        client.send(b"MAIL FR")
        self.assert_timed_out(client, 0.7)

    def test_a_client_that_stops_within_a_message(self):
        client = self.start(data_timeout="1 s")
        client.envelope("a@client.test", "bob@example.org")
        client.ask("DATA")
        client.send(message("never ends"))
        self.assert_timed_out(client, 0.7)

    def test_a_client_that_stops_within_a_chunk(self):
        client = self.start(data_timeout="1 s")
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"BDAT 1000 LAST\r\nSubject: never ends\r\n")
        self.assert_timed_out(client, 0.7)

    def test_a_client_that_is_slow_but_not_too_slow(self):
        client = self.start(data_timeout="1 s", command_timeout="1 s")
        client.envelope("a@client.test", "bob@example.org")
        client.ask("DATA")
        for line in (b"Subject: slow\r\n", b"\r\n", b"one\r\n", b"two\r\n"):
            client.send(line)
            self.assertTrue(client.silent_for(0.5))
        client.send(b".\r\n")
        self.assertEqual(client.reply().code, 250)

    def test_a_session_that_lasts_too_long(self):
        client = self.start(max_session_time="1 s")
        for _ in range(100):
            answer = client.ask("NOOP")
            if answer.code != 250 or not client.silent_for(0.1):
                break
        self.assert_reply(answer if answer.code != 250 else client.reply(), 421, "4.4.2")

    def test_many_timeouts_at_once_leave_nothing_behind(self):
        self.start(command_timeout="1 s")
        clients = [self.gateway.client() for _ in range(50)]
        for client in clients:
            self.assertEqual(client.reply().code, 220)
        for client in clients:
            self.assert_reply(client.reply(), 421, "4.4.2")
            client.close()
        wait_until(lambda: len(self.gateway.events("session", close="timeout")) >= 50, "all sessions are over")


if __name__ == "__main__":
    unittest.main()
