"""The dialogue itself: order of commands, pipelining, parameters, BDAT (RFC 5321, 2920, 3030; issue 2, "SMTP in")."""
import unittest

from harness import SharedSiteTest, SiteTest, message, wait_until

GROUP = b"MAIL FROM:<a@client.test>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<unknown@example.org>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n"
GROUP_CODES = [250, 250, 550, 250, 354]
LIMITS_OFF = {"max_messages": 100000, "junk_command_limit": 100000, "hard_error_limit": 100000, "soft_error_limit": 100000}


class SinkAndGateway(SharedSiteTest):
    smtp = {}

    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        cls.gateway = site.gateway(cls.sink, config={"smtp": cls.smtp})
        cls.gateway.wait_for_backends()

    def start(self):
        return self.gateway.client().start()

    def codes(self, client, count):
        return [a.code for a in client.replies(count)]

    def assert_closed_with(self, client, code, enhanced):
        self.assert_reply(client.reply(), code, enhanced)
        self.assertTrue(client.is_closed(5))


class Pipelining(SinkAndGateway):
    seconds = 10
    smtp = LIMITS_OFF

    def test_a_group_in_one_packet(self):
        client = self.start()
        client.send(GROUP)
        self.assertEqual(self.codes(client, 5), GROUP_CODES)

    def test_a_group_a_byte_at_a_time(self):
        client = self.start()
        client.send_slowly(GROUP)
        self.assertEqual(self.codes(client, 5), GROUP_CODES)

    def test_a_group_split_at_every_byte(self):
        client = self.start()
        for at in range(1, len(GROUP)):
            client.send(GROUP[:at])
            client.send(GROUP[at:])
            self.assertEqual(self.codes(client, 5), GROUP_CODES, f"split at {at}")
            client.send(message("split") + b".\r\nRSET\r\n")
            self.assertEqual(self.codes(client, 2), [250, 250])

    def test_mail_right_behind_the_final_dot(self):
        client = self.start()
        client.send(GROUP)
        self.assertEqual(self.codes(client, 5), GROUP_CODES)
        for number in range(20):
            client.send(message(f"chain {number}") + b".\r\n" + GROUP)
            self.assertEqual(self.codes(client, 6), [250, *GROUP_CODES])
        client.send(message("chain end") + b".\r\nQUIT\r\n")
        self.assertEqual(self.codes(client, 2), [250, 221])
        self.assertEqual(len([m for m in self.sink.messages() if b"Subject: chain" in m.content]), 21)

    def test_mail_right_behind_the_final_dot_split_at_every_byte(self):
        client = self.start()
        client.send(GROUP)
        self.assertEqual(self.codes(client, 5), GROUP_CODES)
        unit = b"Subject: s\r\n\r\n..x\r\n.\r\n" + GROUP
        for at in range(1, len(unit)):
            client.send(unit[:at])
            client.send(unit[at:])
            self.assertEqual(self.codes(client, 6), [250, *GROUP_CODES], f"split at {at}")

    def test_a_thousand_commands_in_one_write(self):
        client = self.start()
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<bob@example.org>\r\nRSET\r\n" * 1000)
        self.assertEqual(self.codes(client, 3000), [250] * 3000)

    def test_a_whole_session_with_bdat_in_one_write(self):
        client = self.start()
        content = message("bdat session")
        one = b"MAIL FROM:<a@client.test>\r\nRCPT TO:<bob@example.org>\r\nBDAT 10\r\n" + content[:10] + b"BDAT %d LAST\r\n" % (len(content) - 10) + content[10:]
        client.send(one * 10 + b"QUIT\r\n")
        self.assertEqual(self.codes(client, 41), [250] * 40 + [221])
        self.assertEqual([m.original for m in self.sink.messages() if b"bdat session" in m.content], [content] * 10)

    def test_bdat_split_at_every_byte(self):
        client = self.start()
        unit = b"MAIL FROM:<a@client.test>\r\nRCPT TO:<bob@example.org>\r\nBDAT 14\r\nSubject: b\r\n\r\nBDAT 6 LAST\r\n.\r\nx\r\n"
        before = len(self.sink.messages())
        for at in range(1, len(unit)):
            client.send(unit[:at])
            client.send(unit[at:])
            self.assertEqual(self.codes(client, 4), [250] * 4, f"split at {at}")
        self.assertEqual({m.original for m in self.sink.messages()[before:]}, {b"Subject: b\r\n\r\n.\r\nx\r\n"})

    def test_a_client_that_reads_nothing_for_long_is_answered_in_full(self):
        client = self.start()
        client.socket.settimeout(60)
        for _ in range(40):
            client.send(b"VRFY bob\r\n" * 100)
        self.assertEqual(self.codes(client, 4000), [252] * 4000)

    def test_commands_behind_ehlo_are_554_and_the_end(self):
        client = self.gateway.client()
        client.reply()
        client.send(b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\n")
        self.assert_closed_with(client, 554, "5.5.0")

    def test_commands_behind_data_are_554_and_the_end_and_nothing_is_delivered(self):
        before = len(self.sink.messages())
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"DATA\r\n" + message("too early") + b".\r\n")
        self.assert_closed_with(client, 554, "5.5.0")
        self.assertEqual(len(self.sink.messages()), before)

    def test_commands_behind_starttls_are_554_and_the_end(self):
        client = self.start()
        client.send(b"STARTTLS\r\nMAIL FROM:<injected@client.test>\r\n")
        self.assert_closed_with(client, 554, "5.5.0")

    def test_bytes_before_the_banner_do_not_matter(self):
        client = self.gateway.client()
        client.send(b"EHLO early.test\r\n")
        self.assertEqual(self.codes(client, 2), [220, 250])
        self.assertEqual(client.ask("MAIL FROM:<a@client.test>").code, 250)

    def test_but_pipelining_behind_ehlo_before_the_banner_does(self):
        client = self.gateway.client()
        client.send(b"EHLO early.test\r\nMAIL FROM:<a@client.test>\r\n")
        self.assertEqual(client.reply().code, 220)
        self.assert_closed_with(client, 554, "5.5.0")


class PlaintextInjection(SinkAndGateway):
    """Nothing said in plain text takes effect behind STARTTLS (CVE-2011-0411 and its kin)."""

    def test_what_comes_between_starttls_and_the_handshake_has_no_effect(self):
        client = self.start()
        client.send(b"STARTTLS\r\n")
        self.assertEqual(client.reply().code, 220)
        client.send(b"EHLO injected.test\r\nMAIL FROM:<injected@client.test>\r\nRCPT TO:<bob@example.org>\r\n")
        # No TLS record begins like that: the handshake fails, and not a word of SMTP comes back.
        rest = b""
        try:
            while more := client.socket.recv(65536):
                rest += more
        except ConnectionResetError:
            pass
        self.assertNotIn(b"250", rest)

    def test_the_state_before_tls_is_forgotten(self):
        client = self.start()
        client.starttls()
        self.assertEqual(client.ask("MAIL FROM:<a@client.test>").code, 503)
        self.assertNotIn("STARTTLS", client.ehlo("again.test"))
        self.assertEqual(client.ask("STARTTLS").code, 503)
        self.assertEqual(client.deliver(message("behind tls")).code, 250)
        stored = [m for m in self.sink.messages() if b"behind tls" in m.content][0]
        self.assertIn("from again.test ", stored.received)

    def test_starttls_within_a_transaction_is_503(self):
        client = self.start()
        client.ask("MAIL FROM:<a@client.test>")
        self.assertEqual(client.ask("STARTTLS").code, 503)

    def test_a_failed_handshake_harms_nobody_else(self):
        client = self.start()
        client.ask("STARTTLS")
        client.send(b"\x16\x03\x01\x00\x10" + b"\xff" * 16)
        self.assertTrue(client.is_closed(5))
        self.assertEqual(self.start().ask("NOOP").code, 250)

    def test_pipelining_works_inside_tls(self):
        client = self.start()
        client.starttls()
        client.ehlo()
        client.send(GROUP)
        self.assertEqual(self.codes(client, 5), GROUP_CODES)
        client.send(message("tls") + b".\r\nQUIT\r\n")
        self.assertEqual(self.codes(client, 2), [250, 221])


class Commands(SinkAndGateway):
    smtp = LIMITS_OFF

    def test_commands_that_are_not_offered(self):
        client = self.start()
        for command, code in {"EXPN list": 502, "TURN": 502, "ETRN example.org": 502, "SEND FROM:<a@b.test>": 502, "SOML FROM:<a@b.test>": 502, "AUTH PLAIN AGEAYg==": 502,
                              "WHATISTHIS": 500, "": 500, " NOOP": 500, "XCLIENT NAME=x": 500, "MAILFROM:<a@b.test>": 500, "VRFY bob": 252, "HELP": 214, "NOOP": 250,
                              "NOOP with words": 250, "RSET": 250}.items():
            with self.subTest(command):
                self.assertEqual(client.ask(command).code, code)

    def test_commands_are_known_in_any_case(self):
        client = self.gateway.client()
        client.reply()
        self.assertEqual(client.ask("eHlO client.test").code, 250)
        self.assertEqual(client.ask("mail from:<a@client.test>").code, 250)
        self.assertEqual(client.ask("rcpt TO:<bob@example.org>").code, 250)
        self.assertEqual(client.ask("rset  ").code, 250)

    def test_a_space_behind_the_colon_is_forgiven(self):
        client = self.start()
        self.assertEqual(client.ask("MAIL FROM: <a@client.test>").code, 250)
        self.assertEqual(client.ask("RCPT TO: <bob@example.org>").code, 250)

    def test_commands_out_of_order_are_503(self):
        client = self.gateway.client()
        client.reply()
        for command in ("MAIL FROM:<a@client.test>", "RCPT TO:<bob@example.org>", "DATA"):
            self.assert_reply(client.ask(command), 503, "5.5.1")
        client.ehlo()
        for command in ("RCPT TO:<bob@example.org>", "DATA"):
            self.assert_reply(client.ask(command), 503, "5.5.1")
        client.ask("MAIL FROM:<a@client.test>")
        for command in ("DATA", "MAIL FROM:<b@client.test>"):
            self.assert_reply(client.ask(command), 503, "5.5.1")
        self.assertEqual(client.ask("RCPT TO:<bob@example.org>").code, 250)

    def test_ehlo_again_ends_the_transaction(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        client.ehlo()
        self.assertEqual(client.ask("RCPT TO:<bob@example.org>").code, 503)

    def test_helo_wants_a_name(self):
        client = self.gateway.client()
        client.reply()
        for command in ("HELO", "EHLO", "EHLO  "):
            self.assert_reply(client.ask(command), 501)
        for name in ("client.test", "[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost", "under_score.test"):
            self.assertEqual(client.ask(f"EHLO {name}").code, 250)

    def test_a_line_ending_in_a_bare_lf_is_500(self):
        client = self.start()
        for line in (b"NOOP\n", b"NO\rOP\r\n", b"NOOP\r\r\n", b"NO\0OP\r\n", b"MAIL FROM:<a@client.test>\n"):
            client.send(line)
            self.assert_reply(client.reply(), 500)
        self.assertEqual(client.ask("NOOP").code, 250)

    def test_a_line_of_4096_octets_is_read_and_a_longer_one_is_500_once(self):
        client = self.start()
        self.assertEqual(client.ask("NOOP " + "x" * (4096 - 7)).code, 250)
        for size in (4097, 5000, 8192, 100000, 1 << 20):
            client.send(b"NOOP " + b"x" * (size - 7) + b"\r\n" + b"VRFY bob\r\n")
            self.assert_reply(client.reply(), 500)
            self.assertEqual(client.reply().code, 252)
        self.assertEqual(client.deliver(message()).code, 250)

    def test_http_is_told_off(self):
        for line in (b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n", b"CONNECT a.test:80 HTTP/1.1\r\n"):
            client = self.gateway.client()
            client.reply()
            client.send(line + b"Host: x\r\n\r\n")
            self.assert_closed_with(client, 554, "5.5.0")

    def test_quit_is_221_and_the_end(self):
        client = self.gateway.client()
        client.reply()
        self.assertEqual(client.ask("QUIT").code, 221)
        self.assertTrue(client.is_closed(5))

    def test_a_helo_name_cannot_forge_the_received_field(self):
        for number, name in enumerate([b"a(b)c", b"a;b", b"a\\b", b"x by evil.test with ESMTP id 1; Thu", b"[192.0.2.1"]):
            client = self.gateway.client()
            client.reply()
            self.assertEqual(client.ask(b"EHLO " + name).code, 250)
            self.assertEqual(client.deliver(message(f"forged {number}")).code, 250)
            received = [m for m in self.sink.messages() if f"forged {number}".encode() in m.content][0].received
            self.assertRegex(received, r"^Received: from [^ ();\\]+ \(unknown \[127\.0\.0\.1\]\) by mx\.example\.org with ESMTP id \w{10} for <bob@example\.org>; [^;]*$")

    def test_every_reply_line_is_short_and_printable(self):
        client = self.start()
        answers = [client.ask(b"MAIL FROM:<" + bytes(range(1, 10)) + b">"), client.ask(b"RCPT TO:<\xff\xfe@example.org>"), client.ask(b"\x1b[31m"),
                   client.ask("MAIL FROM:<a@client.test> " + "X" * 2000 + "=1")]
        for answer in answers:
            for line in answer.lines:
                self.assertLessEqual(len(line) + 2, 512)
                self.assertTrue(line.isprintable(), line)


class Parameters(SinkAndGateway):
    smtp = LIMITS_OFF

    def test_parameters_that_are_not_offered_are_555_5_5_4(self):
        client = self.start()
        for parameter in ("RET=FULL", "ENVID=x", "AUTH=<>", "BODY=BINARYMIME", "MT-PRIORITY=3", "FOO", "FOO=BAR", "HOLDFOR=10", "REQUIRETLS"):
            with self.subTest(parameter):
                self.assert_reply(client.ask(f"MAIL FROM:<a@client.test> {parameter}"), 555, "5.5.4")
        client.ask("MAIL FROM:<a@client.test>")
        for parameter in ("NOTIFY=NEVER", "ORCPT=rfc822;bob@example.org", "FOO=BAR"):
            self.assert_reply(client.ask(f"RCPT TO:<bob@example.org> {parameter}"), 555, "5.5.4")
        self.assertEqual(client.ask("RCPT TO:<bob@example.org>").code, 250)

    def test_parameters_that_are_wrong_are_501(self):
        client = self.start()
        for parameter in ("SIZE=abc", "SIZE=", "SIZE=-1", "SIZE=99999999999999999999999999", "BODY=NINEBIT", "SIZE=1 SIZE=2", "SMTPUTF8=yes"):
            with self.subTest(parameter):
                self.assert_reply(client.ask(f"MAIL FROM:<a@client.test> {parameter}"), 501, "5.5.4")

    def test_parameters_that_are_offered_are_taken(self):
        client = self.start()
        for parameters in ("SIZE=1000", "size=1000 body=8bitmime", "BODY=7BIT", "SMTPUTF8", "SIZE=0", "BODY=8BITMIME SMTPUTF8 SIZE=10"):
            with self.subTest(parameters):
                self.assertEqual(client.ask(f"MAIL FROM:<a@client.test> {parameters}").code, 250)
                client.ask("RSET")

    def test_a_non_ascii_address_without_smtputf8_is_553_5_6_7(self):
        client = self.start()
        for address in ("jürgen@client.test", "a@bücher.test"):
            self.assert_reply(client.ask(f"MAIL FROM:<{address}>"), 553, "5.6.7")
        client.ask("MAIL FROM:<a@client.test>")
        self.assert_reply(client.ask("RCPT TO:<jürgen@example.org>"), 553, "5.6.7")
        self.assertEqual(client.ask("RCPT TO:<bob@example.org>").code, 250)

    def test_helo_brings_no_parameters(self):
        client = self.gateway.client()
        client.reply()
        client.ask("HELO client.test")
        for parameter in ("BODY=8BITMIME", "SMTPUTF8"):
            self.assert_reply(client.ask(f"MAIL FROM:<a@client.test> {parameter}"), 555, "5.5.4")

    def test_auth_is_offered_neither_before_nor_behind_starttls(self):
        client = self.gateway.client()
        client.reply()
        self.assertNotIn("AUTH", client.ehlo())
        client.starttls()
        self.assertNotIn("AUTH", client.ehlo())


class WhatIsOffered(SiteTest):
    """Only what every backend can do; before any was seen a cautious set; the last known one after a restart."""

    seconds = 5
    CAUTIOUS = {"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "STARTTLS"}

    def offer(self, gateway):
        client = gateway.client()
        client.reply()
        return client.ehlo()

    def test_before_any_backend_was_seen(self):
        offered = self.offer(self.site.gateway(str(self.site.port())))
        self.assertEqual(set(offered), self.CAUTIOUS)
        self.assertEqual(offered["SIZE"], [str(36 << 20)])

    def test_when_the_backend_can_everything(self):
        gateway = self.site.gateway(self.site.sink())
        gateway.wait_for_backends()
        offered = self.offer(gateway)
        self.assertEqual(set(offered), self.CAUTIOUS | {"SMTPUTF8", "LIMITS"})
        self.assertEqual(offered["LIMITS"], ["RCPTMAX=200"])

    def test_only_what_all_backends_can(self):
        everything, less = self.site.backend(), self.site.backend("SIZE 1000000", "8BITMIME")
        gateway = self.site.gateway(everything, less)
        wait_until(lambda: self.offer(gateway).get("SIZE") == [str(1000000 - 65536)], "both were seen")
        self.assertNotIn("SMTPUTF8", self.offer(gateway))

    def test_chunking_and_pipelining_are_our_own(self):
        gateway = self.site.gateway(self.site.sink("--without", "CHUNKING,PIPELINING,8BITMIME"))
        gateway.wait_for_backends()
        offered = set(self.offer(gateway))
        self.assertLessEqual({"CHUNKING", "PIPELINING"}, offered)
        self.assertNotIn("8BITMIME", offered)

    def test_the_last_known_set_survives_a_restart_without_the_backend(self):
        sink = self.site.sink()
        gateway = self.site.gateway(sink)
        gateway.wait_for_backends()
        gateway.stop()
        sink.stop()
        again = self.site.gateway(sink.address, config={"state_dir": str(gateway.state)})
        self.assertIn("SMTPUTF8", self.offer(again))

    def test_dsn_is_offered_and_handed_on_where_it_is_configured(self):
        backend = self.site.backend("PIPELINING", "DSN", "8BITMIME")
        gateway = self.site.gateway(backend, config={"smtp": {"dsn": True}})
        gateway.wait_for_backends("DSN")
        client = gateway.client().start()
        self.assertEqual(client.ask("MAIL FROM:<a@client.test> RET=HDRS ENVID=QQ314159").code, 250)
        self.assertEqual(client.ask("RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@example.org").code, 250)
        client.ask("DATA")
        client.send(message() + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertTrue([c for c in backend.commands() if "RET=HDRS" in c and "ENVID=QQ314159" in c])
        self.assertTrue([c for c in backend.commands() if "NOTIFY=SUCCESS,FAILURE" in c])

    def test_dsn_is_not_offered_otherwise(self):
        backend = self.site.backend("PIPELINING", "DSN", "8BITMIME")
        gateway = self.site.gateway(backend)
        gateway.wait_for_backends()
        self.assertNotIn("DSN", self.offer(gateway))


class Bdat(SinkAndGateway):
    """RFC 3030."""

    smtp = LIMITS_OFF

    def chunk(self, client, data, last=False):
        client.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)
        return client.reply()

    def test_zero_last_ends_the_message(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        self.assertEqual(self.chunk(client, message("zero last")).code, 250)
        self.assertEqual(self.chunk(client, b"", last=True).code, 250)
        self.assertEqual([m.original for m in self.sink.messages() if b"zero last" in m.content], [message("zero last")])

    def test_only_zero_last_is_an_empty_message(self):
        client = self.start()
        client.envelope("empty@client.test", "bob@example.org")
        self.assertEqual(self.chunk(client, b"", last=True).code // 100, 2)

    def test_data_behind_bdat_is_503_and_the_message_can_go_on(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        self.chunk(client, message("data behind bdat"))
        self.assert_reply(client.ask("DATA"), 503, "5.5.1")

    def test_mail_and_rcpt_between_chunks_are_503(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        self.chunk(client, message("between"))
        self.assertEqual(client.ask("MAIL FROM:<b@client.test>").code, 503)
        self.assertEqual(client.ask("RCPT TO:<alice@example.org>").code, 503)

    def test_rset_between_chunks_forgets_them(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        self.chunk(client, message("forgotten"))
        self.assertEqual(client.ask("RSET").code, 250)
        self.assertEqual(client.deliver(message("behind the forgotten")).code, 250)
        self.assertFalse([m for m in self.sink.messages() if b"Subject: forgotten" in m.content])

    def test_without_recipients_the_chunk_is_read_and_refused(self):
        client = self.start()
        client.ask("MAIL FROM:<a@client.test>")
        client.send(b"BDAT 6\r\nNOOP\r\nVRFY x\r\n")
        self.assert_reply(client.reply(), 503, "5.5.1")
        self.assertEqual(client.reply().code, 252)

    def test_without_mail_or_ehlo_the_chunk_is_read_and_refused(self):
        client = self.gateway.client()
        client.reply()
        client.send(b"BDAT 6 LAST\r\nNOOP\r\nVRFY x\r\n")
        self.assertEqual(self.codes(client, 2), [503, 252])
        client.ehlo()
        client.send(b"BDAT 6 LAST\r\nNOOP\r\nVRFY x\r\n")
        self.assertEqual(self.codes(client, 2), [503, 252])

    def test_behind_refused_recipients_the_chunks_are_read_and_refused(self):
        client = self.start()
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<unknown@example.org>\r\nBDAT 6\r\nNOOP\r\nBDAT 6 LAST\r\nNOOP\r\nVRFY x\r\n")
        answers = client.replies(5)
        self.assertEqual([a.code for a in answers], [250, 550, 554, 554, 252])

    def test_a_large_chunk_that_is_refused_is_read_to_its_end(self):
        client = self.start()
        client.send(b"BDAT 3000000 LAST\r\n" + b"NOOP\r\n" * 500000 + b"VRFY x\r\n")
        self.assertEqual(self.codes(client, 2), [503, 252])

    def test_bad_arguments_are_501(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        for arguments in ("", " x", " -1", " LAST", " 99999999999999999999999"):
            self.assert_reply(client.ask(f"BDAT{arguments}"), 501, "5.5.4")

    def test_what_a_bdat_with_bad_arguments_announced_is_not_taken_for_commands(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"BDAT 6 FIRST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual(self.codes(client, 2), [501, 250])

    def test_last_is_known_in_any_case(self):
        client = self.start()
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"bdat %d last\r\n" % len(message()) + message())
        self.assertEqual(client.reply().code, 250)


if __name__ == "__main__":
    unittest.main()
