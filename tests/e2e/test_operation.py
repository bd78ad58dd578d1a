"""Starting, reloading, draining and stopping; privileges; `check`; the log (issue 2; DESIGN 7)."""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from certificates import Authority
from harness import (DOMAIN, HELP, KNOWN, RUN_AS, Gate, SiteTest, any_certificate, binary, message, needs, needs_root, sanitizer_settings, toml, wait_until)


class Reload(SiteTest):
    seconds = 8

    def start(self, **config):
        self.sink = self.site.sink("--quiet")
        self.gateway = self.site.gateway(self.sink, config=config)
        self.gateway.wait_for_event("start")  # else the reload may come before the program takes signals
        self.client = self.gateway.client().start()

    def write_recipients(self, text):
        with open(self.gateway.config["directories"]["staff"]["path"], "w") as file:
            file.write(text)

    def test_new_recipients_are_known_and_old_ones_unknown_in_an_open_session(self):
        self.start()
        self.assertEqual([a.code for a in self.client.envelope("a@client.test", "bob@example.org", "unknown@example.org")], [250, 250, 550])
        self.write_recipients("dora@example.org\nbob@example.org\n")
        self.gateway.reload()
        self.assertEqual(self.client.ask("RCPT TO:<dora@example.org>").code, 250)
        # Said with the hostname, limits and help of the configuration that the session began with.
        self.assertTrue(self.assert_reply(self.client.ask("RCPT TO:<alice@example.org>"), 550, "5.1.1").text.endswith(HELP))
        self.client.ask("DATA")
        self.client.send(message() + b".\r\n")
        self.assertEqual(self.client.reply().code, 250)
        self.assertEqual(self.sink.messages()[0].recipients, ["bob@example.org", "dora@example.org"])

    def test_a_message_under_way_is_not_disturbed(self):
        self.start()
        self.client.envelope("a@client.test", "bob@example.org")
        self.client.ask("DATA")
        self.client.send(message(body=b"before\r\n"))
        for _ in range(3):
            self.gateway.reload()
        self.client.send(b"behind\r\n.\r\n")
        self.assertEqual(self.client.reply().code, 250)

    def test_new_limits_hold_for_new_sessions(self):
        self.start()
        self.gateway.change({"smtp": {"max_recipients": 2}, "policy": {"help": "call us"}})
        self.gateway.reload()
        answers = self.gateway.client().start().envelope("a@client.test", *["bob@example.org"] * 3, "unknown@example.org")
        self.assertEqual([a.code for a in answers[:4]], [250, 250, 250, 452])
        answers = self.client.envelope("a@client.test", *["bob@example.org"] * 3)
        self.assertEqual([a.code for a in answers], [250] * 4)

    def test_a_new_route_is_taken(self):
        self.start()
        self.assertEqual(self.client.deliver(message()).code, 250)
        another = self.site.sink("--quiet")
        self.gateway.change({"routes": {"inside": {"servers": [another.address]}}})
        self.gateway.reload()
        self.assertEqual(self.client.deliver(message()).code, 250)
        self.assertEqual((len(self.sink.messages()), len(another.messages())), (1, 1))

    def test_a_domain_that_goes_away_during_a_message_defers_it(self):
        self.start()
        self.client.envelope("a@client.test", "bob@example.org")
        self.client.ask("DATA")
        self.gateway.change({"domains": [{"names": ["other.example"], "recipients": ["any"], "route": "inside"}]})
        self.gateway.reload()
        self.client.send(message() + b".\r\n")
        self.assert_class(self.client.reply(), 4)

    @needs("openssl")
    def test_a_new_certificate_is_used_and_open_tls_sessions_go_on(self):
        authority = Authority(self.site)
        first = authority.issue("mx.example.org", file="first")
        second = authority.issue("mx.example.org", "new.example.org", file="second")
        used = [str(self.site.file("used.pem")), str(self.site.file("used.key"))]

        def install(files):
            for source, target in zip(files, used):
                shutil.copy(source, target)
                os.chmod(target, 0o644)

        def certificate(client):
            return client.starttls(any_certificate()).socket.getpeercert(binary_form=True)
        install(first)
        self.start(smtp={"tls": {"certificate": used[0], "key": used[1]}})
        before = certificate(self.client)
        self.client.ehlo()
        install(second)
        self.gateway.reload()
        self.assertEqual(self.client.deliver(message()).code, 250)
        self.assertNotEqual(certificate(self.gateway.client().start()), before)

    def test_a_bad_one_keeps_the_old_and_says_where_the_mistake_is(self):
        self.start()
        good = toml(self.gateway.config)
        bad_ones = {"syntax": (good + "\nthis is no toml\n", r":\d+:\d+: error:"),
                    "unknown option": (good.replace("drain_timeout", "drain_timeuot"), r"drain_timeuot.*did you mean.*drain_timeout"),
                    "wrong value": (good.replace('"5 s"', '"5 parsecs"'), r":\d+:\d+: error: drain_timeout"),
                    "no route": (good.replace('route = "inside"', 'route = "outside"'), r"outside")}
        for what, (text, expected) in bad_ones.items():
            with self.subTest(what):
                self.gateway.write_config(text)
                self.gateway.reload(good=False)
                said = " ".join(n["text"] for n in self.gateway.notices("reload"))
                self.assertRegex(said, expected)
                self.assertIn(str(self.gateway.config_path), said)
                self.assertEqual(self.client.deliver(message()).code, 250)
                self.assertEqual(self.gateway.client().start().ask("NOOP").code, 250)

    def test_a_bad_recipients_file_keeps_the_old(self):
        self.start()
        self.write_recipients("bob@example.org\nthis is no address\n")
        self.gateway.reload(good=False)
        self.assertEqual([a.code for a in self.client.envelope("a@client.test", "alice@example.org")], [250, 250])
        os.unlink(self.gateway.config["directories"]["staff"]["path"])
        self.gateway.reload(good=False)
        self.assertEqual(self.client.ask("RCPT TO:<carol@example.org>").code, 250)

    def test_a_certificate_that_is_missing_keeps_the_old(self):
        self.start()
        self.gateway.change({"smtp": {"tls": {"certificate": "/nonexistent.pem", "key": "/nonexistent.key"}}})
        self.gateway.reload(good=False)
        self.assertEqual(self.gateway.client().start().starttls().ask("EHLO client.test").code, 250)

    def test_many_reloads_under_load_lose_nothing(self):
        self.start()
        for number in range(30):
            self.gateway.signal(signal.SIGHUP)
            self.assertEqual(self.gateway.client().start().deliver(message(f"reload {number}")).code, 250)
        self.assertEqual(len(self.sink.messages()), 30)


class Stop(SiteTest):
    """SIGTERM drains; the second one does not."""

    seconds = 14

    def start(self, **config):
        self.gate = Gate()
        self.backend = self.site.backend(dot=self.gate)
        self.gateway = self.site.gateway(self.backend, config={"relay": {"before_dot": "60 s", "after_dot": "60 s"}, "drain_timeout": "30 s", **config})
        self.gateway.wait_for_event("start")

    def assert_ended(self, seconds=5.0):
        self.assertEqual(self.gateway.wait(seconds), 0)

    def sigterm(self):
        self.gateway.signal(signal.SIGTERM)
        self.gateway.wait_for_event("stop")

    def in_data(self):
        client = self.gateway.client().start()
        client.envelope("a@client.test", "bob@example.org")
        self.assertEqual(client.ask("DATA").code, 354)
        client.send(message())
        return client

    def test_without_sessions_it_ends_at_once(self):
        self.start()
        self.sigterm()
        self.assert_ended(3.0)

    def test_idle_sessions_are_told_421_4_3_2_and_nobody_new_is_let_in(self):
        self.start()
        idle = [self.gateway.client().start() for _ in range(5)]
        silent = self.gateway.client()
        self.assertEqual(silent.reply().code, 220)
        self.sigterm()
        for client in [*idle, silent]:
            self.assert_reply(client.reply(), 421, "4.3.2")
            client.close()
        with self.assertRaises(OSError):
            socket.create_connection(self.gateway.port.address, 2)
        self.assert_ended()
        self.assertEqual(len(self.gateway.events("session", close="shutdown")), 6)

    def test_a_message_that_is_being_sent_is_finished(self):
        self.start()
        self.gate.open()
        client = self.in_data()
        self.sigterm()
        client.send(b"the rest\r\n.\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assert_reply(client.reply(), 421, "4.3.2")
        client.close()
        self.assert_ended()
        self.assertEqual(len(self.backend.delivered), 1)

    def test_a_message_that_is_being_delivered_is_finished(self):
        self.start()
        client = self.in_data()
        client.send(b".\r\n")
        self.gate.wait_reached()
        self.sigterm()
        self.assertTrue(client.silent_for(0.6))
        self.gate.open()
        self.assertEqual(client.reply().code, 250)
        client.close()
        self.assert_ended()
        self.assertEqual(len(self.backend.delivered), 1)

    def test_an_open_transaction_may_be_finished(self):
        self.start()
        self.gate.open()
        client = self.gateway.client().start()
        client.envelope("a@client.test", "bob@example.org")
        self.sigterm()
        self.assertEqual(client.ask("DATA").code, 354)
        client.send(message() + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        client.close()
        self.assert_ended()

    def test_the_drain_timeout_ends_it(self):
        self.start(drain_timeout="1 s")
        client = self.in_data()
        began = time.monotonic()
        self.sigterm()
        self.assert_reply(client.reply(), 421, "4.3.2")
        client.close()
        self.assert_ended()
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertEqual(self.backend.delivered + self.backend.refused, [])

    def test_a_second_sigterm_ends_it_at_once(self):
        self.start()
        delivering = self.in_data()
        delivering.send(b".\r\n")
        self.gate.wait_reached()
        reading = self.in_data()
        self.sigterm()
        self.gateway.signal(signal.SIGTERM)
        self.assert_reply(reading.reply(), 421, "4.3.2")
        self.assertIn(delivering.reply().code, (421, 451))
        reading.close()
        delivering.close()
        self.assert_ended()

    def test_a_second_sigterm_ends_it_even_where_clients_do_not_listen(self):
        self.start()
        self.in_data()
        self.sigterm()
        began = time.monotonic()
        self.gateway.signal(signal.SIGTERM)
        self.assert_ended(6.0)
        self.assertLess(time.monotonic() - began, 5.0)

    def test_sigint_drains_as_well(self):
        self.start()
        self.gateway.signal(signal.SIGINT)
        self.assert_ended()


class Privileges(SiteTest):
    def status_of(self, process):
        with open(f"/proc/{process.pid}/status") as status:
            return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)

    @needs_root
    def test_started_as_root_it_runs_as_the_user(self):
        gateway = self.site.gateway(self.site.sink("--quiet"))
        nobody = pwd.getpwnam(RUN_AS)
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)
        # Each thread for itself.
        for thread in os.listdir(f"/proc/{gateway.pid}/task"):
            with open(f"/proc/{gateway.pid}/task/{thread}/status") as status:
                text = status.read()
            self.assertRegex(text, rf"(?m)^Uid:(\t{nobody.pw_uid}){{4}}$")
            self.assertRegex(text, rf"(?m)^Gid:(\t{nobody.pw_gid}){{4}}$")
            self.assertNotRegex(text, r"(?m)^Groups:.*\b0\b")
            self.assertRegex(text, r"(?m)^CapEff:\t0+$")

    @needs_root
    def test_it_binds_a_low_port_as_root(self):
        port = next((p for p in range(600, 1000) if self.is_free(p)), None)
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"smtp": {"listen": [f"127.0.0.1:{port}"]}}, expect_listener=False)
        gateway.wait_for_listener(port)
        self.assertEqual(self.site.client(("127.0.0.1", port)).reply().code, 220)

    def is_free(self, port):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False

    @needs_root
    def test_it_does_not_start_where_the_user_is_missing_or_root(self):
        for user in ("no-such-user", "root", ""):
            with self.subTest(user):
                gateway = self.site.gateway("127.0.0.1:9", config={"user": user}, expect_listener=False)
                self.assertEqual(gateway.wait(), 1)
                self.assertIn(f'user "{user}"', gateway.err)
                self.site.stack.remove(gateway)  # it ended as it should

    @needs_root
    def test_started_as_somebody_it_stays_that(self):
        gateway = self.site.gateway(self.site.sink("--quiet"), user_program=["setpriv", f"--reuid={RUN_AS}", "--clear-groups"])
        self.assertTrue(self.status_of(gateway)["Uid"].startswith(str(pwd.getpwnam(RUN_AS).pw_uid)))
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)


class Start(SiteTest):
    seconds = 6

    def ends(self, **config):
        """A gateway that should not start; its words."""
        gateway = self.site.gateway("127.0.0.1:9", config=config, expect_listener=False)
        self.assertEqual(gateway.wait(), 1)
        self.site.stack.remove(gateway)
        return gateway.err

    def test_a_taken_port_is_reported_with_its_owner(self):
        owner = self.site.backend()
        said = self.ends(smtp={"listen": [owner.address]})
        self.assertIn(owner.address, said)
        with open("/proc/self/comm") as name:
            self.assertIn(name.read().strip(), said)
        self.assertIn(str(os.getpid()), said)

    def test_it_listens_at_several_addresses_and_with_ipv6(self):
        try:
            six = self.site.port("::1")
        except OSError:
            self.skipTest("there is no IPv6 here")
        four = self.site.port()
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink, config={"smtp": {"listen": [str(four), str(six)]}}, expect_listener=False)
        gateway.wait_for_listener(six.number)
        gateway.wait_for_listener(four.number)
        for port in (four, six):
            self.assertEqual(self.site.client(port.address).start().deliver(message()).code, 250)
        self.assertIn("[127.0.0.1]", sink.messages()[0].received)
        self.assertIn("[IPv6:::1]", sink.messages()[1].received)

    def test_a_page_for_everybody_wants_a_password(self):
        said = self.ends(web={"listen": [f"0.0.0.0:{self.site.port().number}"]})
        self.assertRegex(said, r"\.toml:\d+:\d+: error: .*web\.listen.*password_hash")

    def test_a_state_dir_that_cannot_be_made_is_reported(self):
        said = self.ends(state_dir="/proc/no/such/place")
        self.assertIn("/proc/no/such/place", said)

    def test_a_file_that_is_not_there_is_reported(self):
        ended = subprocess.run([binary(), "run", "--config", "/nonexistent.toml"], capture_output=True, text=True, timeout=20)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("/nonexistent.toml", ended.stderr)

    def test_one_screen_says_what_is_served_and_what_looks_wrong(self):
        nobody = self.site.port()
        gateway = self.site.gateway(str(nobody), recipients=[])
        gateway.wait_for_event("start")
        for words in (str(gateway.port), DOMAIN, str(nobody), "WARNING"):
            self.assertIn(words, gateway.err)
        self.assertRegex(gateway.err, rf"WARNING.*{re.escape(str(nobody))}")
        self.assertRegex(gateway.err, "WARNING.*no address")

    def test_health_asks_the_running_gateway(self):
        def health(url):
            return subprocess.run([binary(), "health", "--url", url], capture_output=True, text=True, timeout=20,
                                  env={**os.environ, **sanitizer_settings()}).returncode
        gateway = self.site.gateway(self.site.sink("--quiet"))
        wait_until(lambda: health(f"http://{gateway.web}/readyz") == 0, "it is well", 5)
        self.assertEqual(health(f"http://{gateway.web}/livez"), 0)
        self.assertEqual(health(f"http://{self.site.port()}/readyz"), 1)


class Check(SiteTest):
    """`gatepost check`."""

    def check(self, config):
        path = self.site.file("checked.toml")
        path.write_text(config if isinstance(config, str) else toml(config))
        ended = subprocess.run([binary(), "check", "--config", str(path)], capture_output=True, text=True, timeout=20, env={**os.environ, **sanitizer_settings()})
        return ended.returncode, ended.stdout + ended.stderr

    def good(self):
        return {"hostname": "mx.example.org", "state_dir": str(self.site.directory("state")), "smtp": {"listen": ["127.0.0.1:2525"]},
                "domains": [{"names": [DOMAIN], "recipients": ["file:staff"], "route": "inside"}],
                "directories": {"staff": {"type": "file", "path": self.site.recipients(KNOWN, "checked.recipients")}},
                "routes": {"inside": {"servers": ["10.0.0.5:25"]}}}

    def test_a_good_one_is_0(self):
        code, said = self.check(self.good())
        self.assertEqual(code, 0, said)
        self.assertNotIn("error", said)

    def test_every_error_comes_with_file_line_and_column(self):
        text = """hostname = "mx example org"
state_dir = "/tmp"
hostnam = "x"
[smtp]
listen = ["127.0.0.1:99999"]
max_recipients = "many"
max_message_size = "36 parsecs"
[[domains]]
names = ["exa mple.org"]
recipients = ["file:stuff"]
route = "insid"
[directories.staff]
type = "file"
path = "/nonexistent/recipients"
[routes.inside]
servers = ["10.0.0.5:25"]
tls = "always"
[checks.access]
mode = "enforced"
"""
        code, said = self.check(text)
        self.assertEqual(code, 1)
        path = self.site.file("checked.toml")
        found = {int(line): rest for line, rest in re.findall(rf"(?m)^{re.escape(str(path))}:(\d+):\d+: error: (.*)$", said)}
        wanted = {1: "hostname", 3: "did you mean \"hostname\"", 5: "listen", 6: "max_recipients", 7: "max_message_size", 9: "exa mple.org", 10: "staff", 11: "did you mean \"inside\"",
                  14: "/nonexistent/recipients", 17: "tls", 19: "mode"}
        for line, words in wanted.items():
            self.assertIn(words, found.get(line, "nothing"), f"line {line} of:\n{said}")

    def test_a_syntax_error_has_its_place(self):
        code, said = self.check('hostname = "mx.example.org"\nsmtp = [\n')
        self.assertEqual(code, 1)
        self.assertRegex(said, r"checked\.toml:[23]:\d+: error: ")

    def test_a_missing_file_is_1(self):
        ended = subprocess.run([binary(), "check", "--config", "/nonexistent.toml"], capture_output=True, text=True, timeout=20)
        self.assertEqual(ended.returncode, 1)

    def test_it_warns_where_postmaster_or_abuse_is_unknown(self):
        config = self.good()
        config["directories"]["staff"]["path"] = self.site.recipients(["bob@example.org"], "few")
        code, said = self.check(config)
        self.assertEqual(code, 0)
        self.assertRegex(said, "warning: .*postmaster@example.org")
        self.assertRegex(said, "warning: .*abuse@example.org")

    def test_a_page_for_everybody_wants_a_password(self):
        config = {**self.good(), "web": {"listen": ["0.0.0.0:8025"]}}
        code, said = self.check(config)
        self.assertEqual(code, 1)
        self.assertRegex(said, r":\d+:\d+: error: .*web\.listen.*password_hash")
        hashed = subprocess.run([binary(), "web", "passwd"], input="a long password\n", capture_output=True, text=True, timeout=20).stdout
        config["web"]["password_hash"] = re.search(r'password_hash = "(.*)"', hashed).group(1)
        code, said = self.check(config)
        self.assertEqual(code, 0, said)

    def test_a_mistake_in_the_recipients_file_has_its_line(self):
        config = self.good()
        path = config["directories"]["staff"]["path"] = self.site.recipients(["bob@example.org", "no address", "@example.net", "a@b@c"], "wrong")
        code, said = self.check(config)
        self.assertEqual(code, 1)
        for line in (2, 4):
            self.assertRegex(said, rf"{re.escape(path)}:{line}:\d+: error")


class Log(SiteTest):
    """Every session ends in exactly one line, and so does every transaction, whatever happened."""

    seconds = 4

    def test_one_line_for_each_session_and_each_transaction_however_they_end(self):
        backend = self.site.backend(dot=lambda _, stored: "554 5.7.1 no" if b"refuse" in stored.content else "451 4.3.0 no" if b"defer" in stored.content else None)
        gateway = self.site.gateway(backend, config={"smtp": {"hard_error_limit": 3, "soft_error_limit": 3}})

        def session():
            return gateway.client().start()
        for subject in ("deliver", "refuse", "defer"):
            client = session()
            client.deliver(message(subject))
            client.quit()
        client = session()                                          # aborted by RSET, then by QUIT
        client.ask("MAIL FROM:<a@client.test>")
        client.ask("RSET")
        client.ask("MAIL FROM:<a@client.test>")
        client.quit()
        client = session()                                          # vanished in a transaction
        client.ask("MAIL FROM:<a@client.test>")
        client.close()
        session().reset()                                           # vanished without one
        gateway.client().reset()                                    # before the banner was read
        client = session()                                          # too many errors in a transaction
        client.ask("MAIL FROM:<a@client.test>")
        for _ in range(3):
            client.ask("WHAT")
        client.close()
        client = session()                                          # all recipients refused
        client.envelope("a@client.test", "unknown@example.org")
        client.quit()
        gateway.stop()
        sessions, transactions = gateway.events("session"), gateway.events("transaction")
        self.assertEqual((len(sessions), len(transactions)), (9, 8))
        self.assertEqual(gateway.unbalanced_lines(), [])
        endings = sorted(t["ending"] for t in transactions)
        self.assertEqual(endings, sorted(["delivered", "refused", "deferred", "aborted", "aborted", "vanished", "deferred", "refused"]))

    def test_a_delivered_transaction_says_all_there_is(self):
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink)
        client = gateway.client().start("helo.client.test")
        content = b"Message-ID: <1@client.test> (the first)\r\n" + message()
        answer = client.deliver(content, recipients=["bob@example.org", "unknown@example.org"][:1])
        client.quit()
        line = gateway.wait_for_event("transaction")
        self.assertEqual(line["helo"], "helo.client.test")
        self.assertTrue(line["client"].startswith("127.0.0.1:"))
        self.assertEqual((line["id"], line["from"], line["backend"], line["ending"]), (answer.incident, "sender@client.test", sink.address, "delivered"))
        self.assertIn("250", line["backend_reply"])
        self.assertEqual(line["size"], len(content))
        self.assertEqual(line["message_id"], "<1@client.test>")
        self.assertIn("ms", line)

    def test_foreign_bytes_are_harmless_in_the_log(self):
        gateway = self.site.gateway(self.site.sink("--quiet"))
        client = gateway.client()
        client.reply()
        client.ask(b'EHLO a"\\b<script>')
        client.ask(b'MAIL FROM:<"\\"} evil"@client.test>')
        client.ask(b"RCPT TO:<\"a b\\\"c\"@elsewhere.test>")
        client.quit()
        gateway.wait_for_event("session")  # every line is JSON, or this fails
        # Backslashes are doubled, since \xNN stands for what cannot be printed.
        self.assertEqual(gateway.wait_for_event("transaction")["from"], '"\\\\"} evil"@client.test')

    def test_a_log_file_is_opened_again_at_sigusr1(self):
        logs = self.site.directory("logs", owner=RUN_AS)
        path = logs / "gatepost.log"
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"log": {"path": str(path)}})
        gateway.client().start().quit()
        wait_until(lambda: path.exists() and '"event":"session"' in path.read_text(), "the session is in the file")
        path.rename(logs / "old.log")
        gateway.signal(signal.SIGUSR1)
        wait_until(path.exists, "a new file is there")
        gateway.client().start("second.test").quit()
        wait_until(lambda: "second.test" in path.read_text(), "the second session is in the new file")

    def test_text_lines_hold_the_same(self):
        path = self.site.directory("logs", owner=RUN_AS) / "text.log"
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"log": {"path": str(path), "format": "text"}})
        gateway.client().start().deliver(message())
        wait_until(lambda: path.exists() and "event=transaction" in path.read_text(), "the transaction is in the file")
        self.assertIn("from=sender@client.test", path.read_text())


if __name__ == "__main__":
    unittest.main()
