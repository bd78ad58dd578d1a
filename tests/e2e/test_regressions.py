"""Mistakes that were made once: in sessions, at reloads, in relaying and in what is told about them.

Each mistake has a test that failed before it was mended; beside them stand tests of what must stay as it is. Floods, memory,
descriptors and a blocked log: test_hostile.
"""
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from certificates import Authority
from harness import (CLOSE, HELP, KNOWN, STALL, Closed, Gate, SharedSiteTest, SiteTest, any_certificate, binary, message, needs, needs_root, once,
                     sanitizer_settings, stuffed, toml, wait_until)

KIB = 1 << 10
MIB = 1 << 20
# What the first and every other piece of memory for a message holds.
SMALL_CHUNK, LARGE_CHUNK = 16 * KIB, 256 * KIB
PATIENT = {"before_dot": "20 s", "after_dot": "20 s"}
# From a balancer that speaks for itself: LOCAL and UNSPEC of version 2, UNKNOWN of version 1.
LOOKS = {"v2 LOCAL": b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", "v2 UNSPEC": b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x00", "v1 UNKNOWN": b"PROXY UNKNOWN\r\n",
         "v1 UNKNOWN with addresses": b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"}


def bdat(content, sender="sender@client.test", recipient="bob@example.org"):
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nBDAT {len(content)} LAST\r\n".encode() + content


class EndOfData(SiteTest):
    """The dot's LF is the first octet of a new piece of memory, and commands are pipelined behind it."""

    seconds = 3

    def content(self, size):
        """So long that with its dot and CR it fills memory up to `size`."""
        content = message("to the brim", b"")
        rest = size - len(content) - len(b".\r")
        return content + b"y" * (rest % 900) + b"\r\n" + (b"z" * 898 + b"\r\n") * (rest // 900 - 1) + b"x" * (900 - 4) + b"\r\n"

    def test_a_line_feed_on_the_brim_of_a_chunk_does_not_lose_what_is_pipelined_behind(self):
        backend = self.site.backend()
        gateway = self.site.gateway(backend, config={"threads": 1, "relay": PATIENT})
        clients, contents = [], []
        for size in (SMALL_CHUNK, SMALL_CHUNK + LARGE_CHUNK, SMALL_CHUNK + 3 * LARGE_CHUNK):
            content = self.content(size)
            self.assertEqual(len(content) + 2, size)
            client = gateway.client().start()
            client.envelope("a@client.test", "bob@example.org")
            client.ask("DATA")
            client.send(content + b".\r")
            clients.append(client)
            contents.append(content)
        # More memory goes back to the pool than it keeps: what is freed from now on is really gone.
        others = [gateway.client().start() for _ in range(2)]
        for client in others:
            client.envelope("a@client.test", "bob@example.org")
            client.ask("DATA")
            client.send(stuffed(message("others", (b"o" * 998 + b"\r\n") * 3000)))
        for client in others:
            client.send(b".\r\n")
            self.assertEqual(client.reply().code, 250)
        for client in clients:
            client.send(b"\nNOOP\r\nVRFY x\r\nMAIL FROM:<next@client.test>\r\n")
            self.assertEqual([a.code for a in client.replies(4)], [250, 250, 252, 250])
        delivered = [s.original for s in backend.delivered]
        for content in contents:
            self.assertTrue(content in delivered, f"the message of {len(content)} octets is not what was sent")


class PipelinedSession(SharedSiteTest):
    """Who sends all it has to say, QUIT included, and ends its side waits for the answers."""

    seconds = 3

    @classmethod
    def build(cls, site):
        cls.backend = site.backend()
        cls.gateway = site.gateway(cls.backend, config={"relay": PATIENT})

    def assert_all_are_delivered(self, name, size, tls=False):
        contents = [message(f"{name} {i}", (b"%d" % i) * (size - 2) + b"\r\n") for i in range(3)]
        client = self.gateway.client().start()
        if tls:
            client.starttls().ehlo()
        client.send(b"".join(map(bdat, contents)) + b"QUIT\r\n")
        # For a TLS socket this is the way to end the connection below and still read.
        socket.socket.shutdown(client.socket, socket.SHUT_WR)
        self.assertEqual([a.code for a in client.replies(10)], [250] * 9 + [221])
        for content in contents:
            self.assertTrue(content in [s.original for s in self.backend.delivered])

    def test_several_small_messages(self):
        self.assert_all_are_delivered("small", 100)

    def test_several_messages_larger_than_one_look_at_the_socket(self):
        self.assert_all_are_delivered("of 5 KB", 5000)
        self.assert_all_are_delivered("of 60 KB", 60000)

    def test_several_messages_over_tls(self):
        self.assert_all_are_delivered("over tls", 5000, tls=True)

    def test_who_ends_the_connection_without_quit_is_still_taken_for_gone(self):
        gate = Gate()
        backend = self.site.backend(MAIL=gate)
        gateway = self.site.gateway(backend, config={"relay": PATIENT})
        client = gateway.client().start()
        client.send(b"".join(bdat(message(f"half {i}", b"x" * 5000 + b"\r\n")) for i in range(3)))
        gate.wait_reached()
        client.shutdown_send()
        gateway.wait_for_event("transaction", ending="vanished")
        gate.open()
        self.assertEqual(backend.delivered, [])


class OpenSessions(SiteTest):
    """Sessions that live through a reload."""

    seconds = 3

    def start(self, **config):
        self.backend = self.site.backend()
        self.gateway = self.site.gateway(self.backend, config={"threads": 1, **config})
        self.gateway.status()  # once the page answers, the program takes signals
        self.client = self.gateway.client().start()

    def reload(self, **changes):
        """Twice, so that nobody but open sessions knows the old configuration; in force when this returns."""
        if changes:
            self.gateway.change(changes)
        for _ in range(2):
            self.gateway.reload()
        with contextlib.closing(self.gateway.client()) as client:
            return client.reply()

    def replace(self, path):
        """A directory where a file is."""
        os.unlink(path)
        os.mkdir(path)

    def staff(self):
        return self.gateway.config["directories"]["staff"]["path"]

    def test_they_go_on_with_the_name_and_the_help_they_began_with(self):
        self.start()
        self.client.ask("MAIL FROM:<a@client.test>")
        with open(self.staff(), "w") as file:
            file.write("dora@example.org\npostmaster@example.org\n")
        banner = self.reload(hostname="another-name-for-this-host.example.net", policy={"help": "https://example.net/another/place/to/ask"})
        self.assertIn("another-name-for-this-host.example.net", banner.text)
        for recipient in ("bob@example.org", "x@elsewhere.test"):
            answer = self.assert_reply(self.client.ask(f"RCPT TO:<{recipient}>"), 550)
            self.assertTrue(answer.text.endswith(HELP), answer)
            self.assertIn(f"<{recipient}>", answer.text)
        self.assertTrue(self.client.ask("WHAT").text.endswith(HELP))
        self.assertEqual(self.client.ask("RCPT TO:<dora@example.org>").code, 250)
        self.client.ask("RSET")
        self.assertEqual(self.client.ask("HELO client.test").texts, ["mx.example.org"])
        self.assertEqual(self.client.ask("EHLO client.test").texts[0], "mx.example.org")
        self.assertEqual(self.client.deliver(message(), recipients=["dora@example.org"]).code, 250)
        fresh = self.gateway.client().start()
        self.assertTrue(fresh.envelope("a@client.test", "bob@example.org")[1].text.endswith("https://example.net/another/place/to/ask"))

    def test_a_handshake_that_was_promised_before_a_reload(self):
        self.start()
        waiting = [self.gateway.client().start() for _ in range(3)]
        for client in waiting:
            self.assertEqual(client.ask("STARTTLS").code, 220)
        self.reload()
        for client in waiting:
            client.socket = any_certificate().wrap_socket(client.socket, server_hostname="mx.example.org")
            client.ehlo()
            self.assertEqual(client.deliver(message()).code, 250)

    @needs("openssl")
    def test_a_handshake_that_was_promised_before_a_reload_with_other_certificates(self):
        authority = Authority(self.site)
        first, second, third = (authority.issue(name) for name in ("mx.example.org", "mx.example.net", "mx.example.com"))

        def tls(main, more):
            return {"tls": {"certificate": main[0], "key": main[1], "certificates": [{"certificate": more[0], "key": more[1]}]}}
        self.start(smtp=tls(first, second))
        self.assertEqual(self.client.ask("STARTTLS").code, 220)
        self.reload(smtp=tls(first, third))
        self.client.socket = any_certificate().wrap_socket(self.client.socket, server_hostname="mx.example.net")
        self.client.ehlo()
        self.assertEqual(self.client.deliver(message()).code, 250)

    def test_a_recipients_file_that_is_a_directory_keeps_the_old(self):
        self.start()
        self.replace(self.staff())
        self.gateway.reload(good=False)
        said = " ".join(n["text"] for n in self.gateway.events("reload", level="error"))
        self.assertIn(self.staff(), said)
        self.assertIn("Is a directory", said)
        self.assertEqual(self.client.deliver(message()).code, 250)
        self.assertTrue([w for w in self.gateway.status()["warnings"] if self.staff() in w])

    def test_a_configuration_that_is_a_directory_keeps_the_old(self):
        self.start()
        self.replace(self.gateway.config_path)
        self.gateway.reload(good=False)
        said = " ".join(n["text"] for n in self.gateway.events("reload", level="error"))
        self.assertIn(str(self.gateway.config_path), said)
        self.assertIn("Is a directory", said)
        self.assertEqual(self.client.deliver(message()).code, 250)
        self.assertEqual(self.gateway.client().start().deliver(message()).code, 250)

    def test_a_recipients_file_that_was_emptied_keeps_the_old(self):
        self.start()
        for text in ("", "# nobody yet\n\n"):
            with self.subTest(text), open(self.staff(), "w") as file:
                file.write(text)
                file.flush()
                self.gateway.reload(good=False)
                self.assertIn("staff", " ".join(n["text"] for n in self.gateway.events("reload", level="error")))
                self.assertEqual(self.client.deliver(message()).code, 250)
        with open(self.staff(), "w") as file:
            file.write("dora@example.org\n")
        self.gateway.reload()
        self.assertEqual(self.client.envelope("a@client.test", "dora@example.org", "bob@example.org")[1].code, 250)

    def test_lines_may_be_as_long_as_a_reload_allows(self):
        self.start()
        self.reload(smtp={"max_line": "32 KiB"})
        client = self.gateway.client().start()
        for size, code in ((8000, 250), (30000, 250), (40000, 500), (100, 250)):
            self.assertEqual(client.ask("NOOP " + "x" * size).code, code, f"{size} octets")
        client.send(b"NOOP " + b"x" * 20000 + b"\r\nNOOP\r\nVRFY x\r\n")
        self.assertEqual([a.code for a in client.replies(3)], [250, 250, 252])
        self.assertEqual(client.deliver(message()).code, 250)
        self.assertEqual(self.client.ask("NOOP " + "x" * 8000).code, 500)  # as the session began
        self.assertEqual(self.client.deliver(message()).code, 250)

    def test_what_needs_a_restart_is_named_and_all_else_is_taken(self):
        self.start()
        self.gateway.change({"hostname": "new.example.org", "threads": 2, "log": {"format": "text"}, "smtp": {"memory": "64 MiB", "max_recipients": 150},
                             "relay": {"learned_entries": 5000}})
        self.gateway.reload()
        said = " ".join(n["text"] for n in self.gateway.events("reload", level="warning"))
        for name in ("threads", "log.format", "smtp.memory", "relay.learned_entries"):
            self.assertIn(name, said)
        for name in ("hostname", "max_recipients", "state_dir"):
            self.assertNotIn(name, said)
        self.backend.hang_up()
        client = self.gateway.client()
        self.assertIn("new.example.org", client.reply().text)
        client.ehlo()
        self.assertEqual(client.deliver(message()).code, 250)
        self.assertIn("by new.example.org", self.backend.delivered[0].received)
        self.assertEqual([line for line in self.backend.commands() if line.startswith("EHLO")][-1], "EHLO new.example.org")

    def test_a_reload_that_changes_nothing_fixed_says_nothing_of_a_restart(self):
        self.start()
        self.reload(hostname="new.example.org")
        self.assertEqual(self.gateway.events("reload", level="warning"), [])


class Drain(SiteTest):
    seconds = 1

    def test_sigterm_within_what_a_client_pipelined_ends_no_transaction_in_the_middle(self):
        gate = Gate()
        backend = self.site.backend(MAIL=gate)
        gateway = self.site.gateway(backend, config={"threads": 1, "relay": PATIENT, "smtp": {"junk_command_limit": 10000}})
        client = gateway.client().start()
        client.send(b"NOOP\r\nRSET\r\n" * 200 + b"".join(bdat(message(f"pipelined {i}")) for i in range(50)) + b"QUIT\r\n")
        gate.wait_reached()
        gateway.signal(signal.SIGTERM)
        gateway.wait_for_event("stop")
        gate.open()
        codes = []
        with contextlib.suppress(Closed):
            while True:
                codes.append(client.reply().code)
        client.close()
        self.assertEqual(set(codes[:-1]), {250})
        self.assertIn(codes[-1], (221, 421))
        self.assertEqual(gateway.wait(10), 0)
        delivered = gateway.events("transaction", ending="delivered")
        self.assertEqual(len(delivered), len(backend.delivered))
        self.assertEqual(len(codes) - 1 - 400, 3 * len(delivered))
        self.assertEqual(gateway.events("transaction"), delivered)


class Configuration(SiteTest):
    """Values that can only be mistakes are errors, in words."""

    seconds = 3

    def check(self, **changes):
        good = {"hostname": "mx.example.org", "state_dir": str(self.site.directory("state")), "smtp": {"listen": ["127.0.0.1:2525"]},
                "domains": [{"names": ["example.org"], "recipients": ["file:staff"], "route": "inside"}],
                "directories": {"staff": {"type": "file", "path": self.site.recipients(KNOWN, "checked.recipients")}},
                "routes": {"inside": {"servers": ["10.0.0.5:25"], **changes.pop("route", {})}}}
        path = self.site.file("checked.toml")
        path.write_text(toml({**good, **changes, "smtp": {**good["smtp"], **changes.get("smtp", {})}}))
        ended = subprocess.run([binary(), "check", "--config", str(path)], capture_output=True, text=True, timeout=20, env={**os.environ, **sanitizer_settings()})
        return ended.returncode, ended.stdout + ended.stderr

    def assert_error(self, said, name):
        self.assertEqual(said[0], 1, said[1])
        self.assertRegex(said[1], rf"checked\.toml:\d+:\d+: error: [^\n]*{re.escape(name)}")

    def test_times_of_zero(self):
        self.assertEqual(self.check()[0], 0)
        for section, name in (("smtp", "command_timeout"), ("smtp", "data_timeout"), ("smtp", "max_session_time"), ("relay", "before_dot"), ("relay", "after_dot"),
                              ("relay", "reply_timeout")):
            with self.subTest(name):
                self.assert_error(self.check(**{section: {name: "0 s"}}), name)
                self.assertEqual(self.check(**{section: {name: "1 s"}})[0], 0)
        self.assert_error(self.check(route={"connect_timeout": "0 s"}), "connect_timeout")

    def test_a_password_where_its_hash_should_be(self):
        said = self.check(web={"listen": ["127.0.0.1:8025"], "password_hash": "secret"})
        self.assert_error(said, "password_hash")
        self.assertNotIn("secret", said[1])

    def test_files_of_tls_that_are_missing(self):
        code, said = self.check(smtp={"tls": {"certificate": "/nonexistent.pem", "key": "/nonexistent.key"}})
        self.assertEqual(code, 1)
        self.assertRegex(said, r"error: [^\n]*/nonexistent\.pem[^\n]*No such file or directory")

    @needs("openssl")
    def test_keys_of_tls_that_are_missing_or_no_keys(self):
        certificate, key = Authority(self.site).issue("mx.example.org")
        for wrong, words in (("/nonexistent.key", "No such file or directory"), (certificate, "")):
            code, said = self.check(smtp={"tls": {"certificate": certificate, "key": wrong}})
            self.assertEqual(code, 1)
            self.assertRegex(said, rf"error: [^\n]*{re.escape(wrong)}[^\n]*{words}")
            self.assertNotRegex(said, r"TLS error \d")

    @needs("openssl")
    @needs_root
    def test_a_key_that_the_user_cannot_read(self):
        certificate, key = Authority(self.site).issue("mx.example.org")
        os.chmod(key, 0o600)
        gateway = self.site.gateway("127.0.0.1:9", config={"smtp": {"tls": {"certificate": certificate, "key": key}}}, expect_listener=False)
        self.assertEqual(gateway.wait(), 1)
        self.site.stack.remove(gateway)
        self.assertRegex(gateway.err, rf"error: [^\n]*{re.escape(key)}[^\n]*Permission denied")


class BalancersLooks(SharedSiteTest):
    """PROXY headers that name nobody: the balancer itself wants to see that we live."""

    seconds = 2

    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        cls.gateway = site.gateway(cls.sink, config={"smtp": {"proxy_from": ["127.0.0.0/8"]}})

    def counted(self):
        _, text = self.gateway.http("/metrics")
        return [int(float(re.search(rf"(?m)^{name} (\S+)$", text).group(1)))
                for name in ("gatepost_smtp_health_checks_total", "gatepost_smtp_sessions_total", "gatepost_smtp_sessions")]

    def test_they_are_served_and_are_no_sessions(self):
        for name, header in LOOKS.items():
            with self.subTest(name):
                before, lines = self.counted(), len(self.gateway.events("session"))
                client = self.gateway.client()
                client.send(header)
                self.assertEqual(client.reply().code, 220)
                client.ehlo()
                self.assertEqual(client.quit().code, 221)
                wait_until(lambda: self.counted()[0] == before[0] + 1, "the look is counted as one")
                self.assertEqual(self.counted()[2], before[2])
                self.assertEqual(self.counted()[1], before[1], "it was counted as a session")
                self.assertEqual(len(self.gateway.events("session")), lines)

    def test_who_only_looks_at_the_banner_is_none_either(self):
        before = self.counted()[0]
        client = self.gateway.client()
        client.send(LOOKS["v2 LOCAL"])
        self.assertEqual(client.reply().code, 220)
        client.reset()
        wait_until(lambda: self.counted()[0] == before + 1, "the look is counted as one")
        self.assertEqual([line for line in self.gateway.events("session") if line["close"] == "health_check"], [])

    def test_who_sends_mail_that_way_is_one(self):
        client = self.gateway.client()
        client.send(LOOKS["v2 LOCAL"])
        client.start("local.test")
        self.assertEqual(client.deliver(message("from the balancer")).code, 250)
        client.quit()
        line = self.gateway.wait_for_event("session", helo="local.test")
        self.assertTrue(line["client"].startswith("127.0.0.1:"))
        self.gateway.wait_for_event("transaction", id=line["id"], ending="delivered")


class SilentServers(SiteTest):
    """A server that falls silent within a transaction is given up in time for the next one of the route."""

    seconds = 13
    relay = {"reply_timeout": "1 s"}

    def deliver(self, content=message(), recipients=("bob@example.org",), **on):
        self.first = self.site.backend(**on)
        self.second = self.site.backend()
        self.gateway = self.site.gateway(self.first, self.second, config={"relay": {**PATIENT, **self.relay}})
        self.gateway.wait_for_backends()
        began = time.monotonic()
        answer = self.gateway.client().start().deliver(content, recipients=recipients)
        self.took = time.monotonic() - began
        return answer

    def assert_second_has_it(self, answer, content=message()):
        self.assertEqual(answer.code, 250, answer)
        self.assertEqual([s.original for s in self.second.delivered], [content])
        self.assertEqual(self.first.delivered + self.first.refused, [])
        self.assertLess(self.took, 8.0)

    def test_at_each_command(self):
        for step in ("MAIL", "RCPT", "DATA"):
            with self.subTest(step):
                self.assert_second_has_it(self.deliver(**{step: STALL}))

    def test_where_all_the_time_there_is_is_less_than_the_patience_with_one(self):
        self.relay = {"before_dot": "3 s", "reply_timeout": "30 s"}
        self.assert_second_has_it(self.deliver(MAIL=STALL))

    def test_after_half_a_reply(self):
        self.assert_second_has_it(self.deliver(RCPT=[b"250 2.1", STALL]))

    def test_within_a_large_message(self):
        content = message("large", (b"x" * 998 + b"\r\n") * 12000)
        self.assert_second_has_it(self.deliver(content, body=STALL), content)

    def test_one_that_is_slow_but_talks_is_kept(self):
        never = threading.Event()

        def slowly(*_):
            never.wait(0.5)
        answer = self.deliver(recipients=("bob@example.org", "alice@example.org", "carol@example.org"), RCPT=slowly)
        self.assertEqual(answer.code, 250)
        self.assertGreater(self.took, 1.2)
        self.assertEqual((len(self.first.delivered), self.second.delivered), (1, []))

    def test_the_last_server_has_all_of_the_time(self):
        never = threading.Event()

        def slowly(*_):
            never.wait(1.6)
        backend = self.site.backend(MAIL=slowly)
        gateway = self.site.gateway(backend, config={"relay": {**PATIENT, "reply_timeout": "1 s"}})
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)

    def test_after_the_dot_a_reply_that_is_none_leaves_the_outcome_unknown(self):
        self.relay = {}
        for code in ("354 more", "199 well"):
            with self.subTest(code):
                answer = self.assert_reply(self.deliver(dot=code), 451, "4.4.2")
                self.assertEqual((len(self.first.refused), self.second.delivered), (1, []))
                self.assertFalse([line for line in self.second.commands() if line.startswith("MAIL")])
                self.assertIn("did not say what became of it", answer.text)
                self.assertTrue(self.gateway.wait_for_event("transaction", id=answer.incident)["outcome_unknown"])


class Waiters(SiteTest):
    """With all connections to a backend busy, many wait for one until their time is over."""

    seconds = 6

    def test_who_gave_up_does_not_stand_in_the_way_of_others(self):
        gate = Gate()
        backend = self.site.backend(dot=gate)
        # Little stack, so that a line is not walked by recursion.
        gateway = self.site.gateway(backend, user_program=["prlimit", f"--stack={256 * KIB}:{256 * KIB}"], config={
            "threads": 1, "routes": {"inside": {"max_connections": 1}}, "relay": {"before_dot": "1 s", "after_dot": "30 s"}})
        gateway.wait_for_backends()
        first = gateway.client().start()
        first.send(bdat(message("first")))
        self.assertEqual([a.code for a in first.replies(2)], [250, 250])
        gate.wait_reached()
        crowd = [gateway.client().start() for _ in range(300)]
        for client in crowd:
            client.send(bdat(message("crowd")))
        for client in crowd:
            self.assert_reply(client.replies(3)[2], 451)
        late = gateway.client().start()
        late.send(bdat(message("late")))
        self.assertEqual([a.code for a in late.replies(2)], [250, 250])
        gate.open()
        self.assertEqual(first.reply().code, 250)
        self.assertEqual(late.reply().code, 250)
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)
        self.assertEqual(len(backend.delivered), 3)
        self.assertEqual(gateway.status()["backends"][0]["failures"], 0)


class ProbedConnections(SiteTest):
    """A connection that was opened to see whether the backend lives, and is no longer good when the first message comes."""

    seconds = 4

    def start(self, **on):
        self.backend = self.site.backend(**on)
        self.gateway = self.site.gateway(self.backend, config={"threads": 1})
        self.gateway.wait_for_backends()
        self.backend.wait_for_command("EHLO")

    def assert_delivered(self):
        self.assertEqual(self.gateway.client().start().deliver(message()).code, 250)
        self.assertEqual(len(self.backend.delivered), 1)
        self.assertEqual(self.gateway.status()["backends"][0]["failures"], 0)

    def test_one_that_the_backend_closed_costs_no_sender_an_error(self):
        self.start()
        self.backend.hang_up()
        self.assert_delivered()

    def test_nor_does_one_that_is_closed_at_its_first_mail(self):
        self.start(MAIL=once(CLOSE))
        self.assert_delivered()

    def test_nor_does_one_that_says_421_at_its_first_mail(self):
        self.start(MAIL=once(["421 4.4.2 idle for too long", CLOSE]))
        self.assert_delivered()

    def test_nor_does_one_that_said_421_while_idle(self):
        self.start()
        for connection in list(self.backend.connections):
            connection.socket.sendall(b"421 4.4.2 idle for too long\r\n")
            connection.close()
        self.assert_delivered()


class BackendsLimits(SiteTest):
    seconds = 3

    def test_a_message_larger_than_the_backend_takes_is_552_after_helo_as_well(self):
        backend = self.site.backend("PIPELINING", "SIZE 300000")
        gateway = self.site.gateway(backend)
        gateway.wait_for_backends()
        for greeting in ("HELO", "EHLO"):
            client = gateway.client()
            client.reply()
            client.ask(f"{greeting} client.test")
            large = message("large", (b"x" * 998 + b"\r\n") * 290)
            self.assert_reply(client.deliver(large), 552, "5.3.4")
            self.assertEqual(client.deliver(message(greeting)).code, 250)
        self.assertEqual(len(backend.delivered), 2)

    def test_more_recipients_than_the_backend_takes_are_452_after_helo_as_well(self):
        backend = self.site.backend("PIPELINING", "LIMITS RCPTMAX=2")
        gateway = self.site.gateway(backend)
        gateway.wait_for_backends()
        for greeting in ("HELO", "EHLO"):
            client = gateway.client()
            client.reply()
            client.ask(f"{greeting} client.test")
            answers = client.envelope("a@client.test", "bob@example.org", "alice@example.org", "carol@example.org")
            self.assertEqual([a.code for a in answers], [250, 250, 250, 452])

    def start_with_dsn(self):
        self.backend = self.site.backend("PIPELINING", "DSN", "8BITMIME", "SIZE 10000000")
        self.gateway = self.site.gateway(self.backend, config={"smtp": {"dsn": True}})
        self.gateway.wait_for_backends("DSN")
        self.client = self.gateway.client().start()

    def test_dsn_that_went_away_is_451(self):
        self.start_with_dsn()
        self.backend.extensions = tuple(e for e in self.backend.extensions if e != "DSN")
        for of_mail, of_rcpt in ((" RET=HDRS ENVID=x", ""), ("", " NOTIFY=NEVER"), ("", " ORCPT=rfc822;bob@example.org")):
            with self.subTest(of_mail + of_rcpt):
                self.backend.hang_up()
                # Offered when this session said EHLO.
                self.assertEqual(self.client.ask(f"MAIL FROM:<a@client.test>{of_mail}").code, 250)
                self.assertEqual(self.client.ask(f"RCPT TO:<bob@example.org>{of_rcpt}").code, 250)
                self.client.ask("DATA")
                self.client.send(message() + b".\r\n")
                self.assert_reply(self.client.reply(), 451)
                self.assertEqual(self.backend.delivered, [])
        self.assertEqual(self.client.deliver(message()).code, 250)

    def test_dsn_is_handed_on_while_it_is_there(self):
        self.start_with_dsn()
        self.client.ask("MAIL FROM:<a@client.test> RET=HDRS ENVID=x")
        self.client.ask("RCPT TO:<bob@example.org> NOTIFY=NEVER")
        self.client.ask("DATA")
        self.client.send(message() + b".\r\n")
        self.assertEqual(self.client.reply().code, 250)
        said = " ".join(self.backend.commands())
        for parameter in ("RET=HDRS", "ENVID=x", "NOTIFY=NEVER"):
            self.assertIn(parameter, said)

    def test_parameters_of_dsn_that_are_given_twice_are_501(self):
        self.start_with_dsn()
        for twice in ("RET=HDRS RET=FULL", "RET=HDRS ret=HDRS", "ENVID=x ENVID=y", "ENVID=RET RET=HDRS ENVID=z"):
            self.assert_reply(self.client.ask(f"MAIL FROM:<a@client.test> {twice}"), 501, "5.5.4")
        self.assertEqual(self.client.ask("MAIL FROM:<a@client.test> ENVID=RET RET=HDRS").code, 250)
        for twice in ("NOTIFY=NEVER NOTIFY=SUCCESS", "ORCPT=rfc822;a@b.test Orcpt=rfc822;a@b.test"):
            self.assert_reply(self.client.ask(f"RCPT TO:<bob@example.org> {twice}"), 501, "5.5.4")
        self.assertEqual(self.client.ask("RCPT TO:<bob@example.org> ORCPT=rfc822;NOTIFY@b.test NOTIFY=NEVER").code, 250)


class Roles(SiteTest):
    """postmaster and abuse are never learned as refused, wherever their mail goes and however they are written."""

    seconds = 4

    def start(self, **on):
        self.backend = self.site.backend(**on)
        self.gateway = self.site.gateway(self.backend, config={"domains": [{"names": ["example.org"], "recipients": ["file:staff"], "route": "inside",
                                                                            "postmaster": "admin@example.org"}]})

    def deliver(self, recipient, sender="sender@client.test"):
        with contextlib.closing(self.gateway.client().start()) as client:
            return client.deliver(message(), sender=sender, recipients=[recipient])

    def assert_taken(self, *recipients):
        for recipient in recipients:
            for sender in ("sender@client.test", "other@client.test"):
                self.assertEqual(self.deliver(recipient, sender).code, 250, recipient)

    def test_postmaster_whose_mail_goes_to_somebody_that_the_backend_did_not_know(self):
        for step in ("RCPT", "dot"):
            with self.subTest(step):
                self.start(**{step: once("550 5.1.1 unknown")})
                self.assert_class(self.deliver("postmaster@example.org"), 5)
                self.assert_taken("postmaster", "postmaster@example.org", "POSTMASTER@EXAMPLE.ORG")
                self.assertEqual({r for s in self.backend.delivered for r in s.recipients}, {"admin@example.org"})

    def test_bare_postmaster(self):
        self.start(RCPT=once("550 5.1.1 unknown"))
        self.assert_class(self.deliver("postmaster"), 5)
        self.assert_taken("postmaster", "postmaster@example.org")

    def test_abuse_in_quotes_that_the_backend_dislikes(self):
        self.start(RCPT=lambda _, line: "550 5.1.1 unknown" if '"' in line else None)
        self.assert_class(self.deliver('"abuse"@example.org'), 5)
        self.assert_taken("abuse@example.org")
        # Nor is anybody else harmed by a stranger who writes quotes.
        self.assert_class(self.deliver('"bob"@example.org'), 5)
        self.assert_taken("bob@example.org")

    def test_somebody_else_is_learned(self):
        self.start(RCPT=once("550 5.1.1 unknown"))
        self.assert_class(self.deliver("bob@example.org"), 5)
        self.assert_reply(self.deliver("bob@example.org", "other@client.test"), 550, "5.1.1")
        self.assertEqual(self.backend.delivered, [])


class Records(SiteTest):
    """Whoever is refused can be told why: the incident id of each refusal finds its reason."""

    seconds = 3

    def start(self, **smtp):
        self.gateway = self.site.gateway(self.site.sink("--quiet"), config={"smtp": smtp})

    def refusal(self, answer):
        """What the status says of an answer."""
        return wait_until(lambda: [r for r in self.gateway.status()["refusals"] if r["id"] == answer.incident], f"the status knows {answer.incident}", 5)[0]

    def reasons(self, incident):
        """What the session's line says of it."""
        return [m["reason"] for m in self.gateway.wait_for_event("session", id=incident).get("mistakes", [])]

    def test_what_observe_mode_let_through(self):
        rules = [{"sender": ["*@client.test"], "action": "deny"}]
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"checks": {"access": {"mode": "observe", "rules": rules}}})
        client = gateway.client().start()
        answer = client.deliver(message())
        client.quit()
        gateway.wait_for_event("session")
        status = gateway.status()
        listed = [(o["id"], o["reason"], o["recipient"], o["delivered"]) for o in status["observed"]]
        self.assertIn((answer.incident, "access.denied", "bob@example.org", True), listed)
        access = next(c for c in status["checks"] if c["check"] == "access")
        self.assertEqual((access["mode"], access["last_hour"]["would_refuse"], access["last_hour"]["would_refuse_delivered"]), ("observe", 1, 1))
        self.assertIn('gatepost_findings_total{check="access",reason="access.denied",verdict="reject",mode="observe"} 1', gateway.http("/metrics")[1])
        # The client is 127.0.0.1, of which checks cannot know anything.
        self.assertTrue([w for w in status["warnings"] if w.startswith("1 session of the last hour") and "127.0.0.1" in w], status["warnings"])

    def test_a_refusal_says_what_it_rests_on(self):
        rules = [{"sender": ["*@client.test"], "action": "deny"}]
        self.gateway = self.site.gateway(self.site.sink("--quiet"), config={"checks": {"access": {"rules": rules}}})
        client = self.gateway.client().start()
        answer = client.envelope("a@client.test", "bob@example.org")[-1]
        client.quit()
        self.assertEqual(self.refusal(self.assert_class(answer, 5))["evidence"], "access: rule 1")

    def test_abuse_of_commands_is_a_finding_of_the_session(self):
        self.start(hard_error_limit=2, soft_error_limit=2)
        client = self.gateway.client().start()
        client.ask("WHAT")
        client.ask("WHAT")
        client.close()
        findings = [f for f in self.gateway.wait_for_event("session")["findings"] if f["check"] == "protocol"]
        self.assertEqual(findings, [{"check": "protocol", "stage": "helo", "verdict": "drop", "reason": "limit.errors",
                                     "evidence": "2 errors: 2 protocol.unknown_command"}])

    def test_mistakes_outside_a_transaction_are_on_the_sessions_line(self):
        self.start()
        client = self.gateway.client()
        client.reply()
        wrong = {"MAIL FROM:<a@client.test>": "protocol.helo_first", "EHLO": "protocol.bad_helo", "WHAT": "protocol.unknown_command"}
        answers = {command: client.ask(command) for command in wrong}
        client.ehlo()
        more = {"MAIL FROM:nobody": "protocol.bad_reverse_path", "MAIL FROM:<a@client.test> X=Y": "protocol.unknown_parameter",
                "RCPT TO:<bob@example.org>": "protocol.mail_first", "AUTH PLAIN": "protocol.auth_not_offered", "TURN": "protocol.not_implemented"}
        answers.update({command: client.ask(command) for command in more})
        client.quit()
        line = self.gateway.wait_for_event("session")
        self.assertEqual([m["reason"] for m in line["mistakes"]], list({**wrong, **more}.values()))
        for mistake, answer in zip(line["mistakes"], answers.values()):
            self.assertTrue(mistake["reply"].startswith(str(answer.code)), mistake)
            self.assertEqual(answer.incident, line["id"])
        self.assertEqual(line["mistakes"][3]["about"], "FROM:nobody")
        self.assertEqual(line["errors"], len(answers))

    def test_the_last_word_of_a_session_is_there_too(self):
        self.start(hard_error_limit=2, soft_error_limit=2, command_timeout="1 s")
        impatient, silent = self.gateway.client().start(), self.gateway.client().start()
        codes = [impatient.ask("WHAT").code for _ in range(2)]
        self.assertEqual(codes, [500, 421])
        pipelining = self.gateway.client()
        pipelining.reply()
        pipelining.send(b"EHLO client.test\r\nNOOP\r\n")
        hasty = self.assert_reply(pipelining.reply(), 554)
        for client in (pipelining, impatient):
            client.close()
        self.assertEqual(self.reasons(hasty.incident), ["protocol.pipelining"])
        answer = self.assert_reply(silent.reply(), 421, "4.4.2")
        silent.close()
        self.assertEqual(self.reasons(answer.incident), ["limit.timeout"])
        line = wait_until(lambda: [s for s in self.gateway.events("session") if s.get("errors") == 2], "the impatient one has its line")[0]
        self.assertEqual(line["mistakes"][-1]["reason"], "limit.errors")

    def test_mistakes_are_bounded(self):
        self.start(hard_error_limit=1000, soft_error_limit=1000)
        client = self.gateway.client().start()
        client.send(b"WHAT\r\n" * 900)
        self.assertEqual({a.code for a in client.replies(900)}, {500})
        client.quit()
        line = self.gateway.wait_for_event("session")
        self.assertEqual(line["errors"], 900)
        self.assertTrue(0 < len(line["mistakes"]) <= 100)

    def test_a_failed_handshake(self):
        self.start()
        client = self.gateway.client().start("fails.test")
        client.ask("STARTTLS")
        client.send(b"this is no handshake\r\n")
        client.is_closed(5)
        line = self.gateway.wait_for_event("session", helo="fails.test")
        self.assertEqual([m["reason"] for m in line["mistakes"]], ["limit.tls_failed"])
        self.assertTrue(line["mistakes"][0]["about"])

    def test_a_recipient_that_could_not_be_understood_is_in_the_transaction(self):
        self.start()
        client = self.gateway.client().start()
        client.ask("MAIL FROM:<a@client.test>")
        paths = ("<bob@exam_ple..org>", "nobody", "<bob@example.org> X=Y", "<jürgen@example.org>", "<bob@example.org>")
        answers = [client.ask(f"RCPT TO:{path}") for path in paths]
        self.assertEqual([a.code // 100 for a in answers], [5, 5, 5, 5, 2])
        client.quit()
        listed = self.gateway.wait_for_event("transaction")["to"]
        self.assertEqual(len(listed), 5)
        for entry, answer in zip(listed, answers):
            self.assertTrue(entry["reply"].startswith(str(answer.code)), entry)
        reasons = [f"protocol.{token}" for token in ("bad_forward_domain", "bad_forward_path", "unknown_parameter", "needs_smtputf8")]
        self.assertEqual([e.get("reason") for e in listed], [*reasons, None])

    def test_who_was_turned_away(self):
        self.start(max_sessions=1)
        kept = self.gateway.client().start()
        turned_away = self.gateway.client()
        answer = self.assert_reply(turned_away.reply(), 421, "4.3.2")
        turned_away.close()
        self.assertEqual((self.refusal(answer)["reason"], self.refusal(answer)["stage"]), ("limit.overload", "connect"))
        self.assertEqual(self.reasons(answer.incident), ["limit.overload"])
        kept.quit()

    def test_a_balancer_without_its_header(self):
        self.start(proxy_from=["127.0.0.0/8"])
        for said in (b"EHLO client.test\r\n", b"PROXY TCP4 nonsense\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00"):
            with self.subTest(said):
                client = self.gateway.client()
                client.send(said)
                answer = self.assert_reply(client.reply(), 421, "4.5.0")
                self.assertTrue(client.is_closed(5))
                client.close()
                self.assertEqual(self.refusal(answer)["reason"], "protocol.proxy_missing")
                self.assertEqual(self.reasons(answer.incident), ["protocol.proxy_missing"])


class MovedRoutes(SiteTest):
    """A reload within a transaction must not send anybody's mail the way of somebody else's."""

    def domains(self, *routes):
        return [{"names": [f"example.{top}"], "recipients": ["any"], "route": route} for top, route in zip(("org", "net"), routes)]

    def test_recipients_that_no_longer_go_the_same_way_are_deferred(self):
        sink, other = self.site.sink("--quiet"), self.site.sink("--quiet")
        gateway = self.site.gateway(sink, config={"domains": self.domains("inside", "inside"), "routes": {"other": {"servers": [other.address], "tls": "none"}}})
        gateway.wait_for_event("start")
        client = gateway.client().start()
        self.assertEqual([a.code for a in client.envelope("a@client.test", "bob@example.org", "carol@example.net")], [250, 250, 250])
        gateway.change({"domains": self.domains("inside", "other")})
        gateway.reload()
        client.ask("DATA")
        client.send(message() + b".\r\n")
        self.assert_reply(client.reply(), 451)
        self.assertEqual(client.deliver(message(), recipients=("carol@example.net",)).code, 250)
        self.assertEqual((len(sink.messages()), len(other.messages())), (0, 1))

    def test_a_domain_that_is_no_longer_ours_is_deferred(self):
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink, config={"domains": self.domains("inside", "inside")})
        gateway.wait_for_event("start")
        client = gateway.client().start()
        client.envelope("a@client.test", "carol@example.net", "bob@example.org")
        gateway.change({"domains": self.domains("inside", "inside")[1:]})
        gateway.reload()
        client.ask("DATA")
        client.send(message() + b".\r\n")
        self.assert_reply(client.reply(), 451)
        self.assertEqual(sink.messages(), [])


class IdleConnections(SiteTest):
    """What a backend says to an idle connection before it closes it is no answer to the next message."""

    def test_exchanges_farewell(self):
        for farewell in ("451 4.7.0 Timeout waiting for client input", "554 5.3.2 going down", "421 4.4.1 Connection timed out"):
            with self.subTest(farewell):
                backend = self.site.backend()
                gateway = self.site.gateway(backend)
                client = gateway.client().start()
                self.assertEqual(client.deliver(message()).code, 250)
                for connection in backend.connections:
                    connection.socket.sendall(farewell.encode() + b"\r\n")
                    connection.socket.shutdown(socket.SHUT_RDWR)
                self.assertEqual(client.deliver(message()).code, 250)
                self.assertEqual(len(backend.delivered), 2)


class FilesOfChecks(SiteTest):
    """A file of rules that changes right after it was read is read again."""

    seconds = 5

    def test_a_change_right_after_the_start_is_not_lost(self):
        rules = self.site.file("access.csv")
        rules.write_text("sender,action,text\nold.test,deny,old\n")
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"checks": {"access": {"files": [str(rules)]}}})
        rules.write_text("sender,action,text\nclient.test,deny,a new rule\n")

        def refused():
            client = gateway.client().start()
            answer = client.envelope("a@client.test", "bob@example.org")[-1]
            client.quit()
            return answer.code == 550

        wait_until(refused, "the new rule holds", 10)


if __name__ == "__main__":
    unittest.main()
