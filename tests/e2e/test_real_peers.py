"""Mail that comes from real senders and goes to real servers."""
import email
import pwd
import re
import smtplib
import subprocess
import unittest

from harness import IS_ROOT, KNOWN, Process, SharedSiteTest, any_certificate, message, needs, needs_root, program, wait_until


@needs("smtp-source", "smtp-sink")
class SmtpSourceToSmtpSink(SharedSiteTest):
    """Postfix's load generators on both sides, with the gateway between them."""

    seconds = 12

    @classmethod
    def build(cls, site):
        port = site.port()
        as_user = ["-u", "nobody"] if IS_ROOT else []
        cls.sink = site.process("smtp-sink", [program("smtp-sink"), "-c", *as_user, str(port), "200"])
        cls.sink.wait_for_listener(port.number)
        cls.gateway = site.gateway(str(port))
        # Four threads that have to share two connections.
        cls.crowded = site.gateway(str(port), config={"threads": 4, "routes": {"inside": {"max_connections": 2}}, "relay": {"before_dot": "60 s", "after_dot": "60 s"}})

    def source(self, *flags, sessions=1, messages=1, recipient="bob@example.org", gateway=None):
        command = [program("smtp-source"), "-f", "load@client.test", "-t", recipient, "-s", str(sessions), "-m", str(messages), *flags,
                   str((gateway or self.gateway).port)]
        return subprocess.run(command, capture_output=True, text=True, timeout=90)

    def delivered(self, size_from=0):
        return [t for t in self.gateway.events("transaction", ending="delivered") if t["size"] >= size_from]

    def assert_all_delivered(self, ended, count, before, size_from=0):
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        wait_until(lambda: len(self.delivered(size_from)) - before == count, f"{count} messages are delivered")

    def test_a_message_per_connection(self):
        before = len(self.delivered())
        self.assert_all_delivered(self.source("-l", "4096", sessions=2, messages=20), 20, before)

    def test_many_messages_over_reused_connections(self):
        before = len(self.delivered())
        self.assert_all_delivered(self.source("-d", "-l", "4096", sessions=4, messages=200), 200, before)

    def test_messages_of_a_mebibyte(self):
        before = len(self.delivered(1 << 20))
        self.assert_all_delivered(self.source("-l", str(1 << 20), sessions=4, messages=12), 12, before, 1 << 20)

    def test_a_hundred_sessions_at_the_same_time(self):
        before = len(self.delivered())
        self.assert_all_delivered(self.source(sessions=100, messages=300), 300, before)

    def test_threads_that_share_few_connections(self):
        ended = self.source("-l", "20000", sessions=40, messages=400, gateway=self.crowded)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        wait_until(lambda: len(self.crowded.events("transaction", ending="delivered")) == 400, "all are delivered")

    def test_several_recipients_per_message(self):
        # smtp-source numbers them: 1bob@, 2bob@, ...; only some of those are known.
        ended = self.source("-r", "3", recipient="bob@example.org")
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("550", ended.stderr)

    def test_an_unknown_recipient_makes_smtp_source_give_up(self):
        ended = self.source(recipient="nobody-here@example.org")
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("550 5.1.1", ended.stderr)


MASTER = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {path}/spool
data_directory = {path}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = inside.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.org
virtual_mailbox_base = {path}/mail
virtual_mailbox_maps = inline:{{ {{bob@example.org = bob/}} {{alice@example.org = alice/}} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
message_size_limit = 20480000
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = yes
smtpd_client_connection_count_limit = 0
maillog_file = {path}/log
maillog_file_prefixes = /tmp
smtputf8_enable = yes
import_environment = MAIL_CONFIG={path}/etc
"""


class Postfix(Process):
    """A Postfix of its own directory, that delivers into maildirs. `main`, `master`: more for its two files."""

    def __init__(self, site, main="", master=""):
        self.port = site.port()
        path = site.directory("postfix")
        nobody = pwd.getpwnam("nobody")
        for name, owner in (("etc", None), ("spool", None), ("data", "postfix"), ("mail", "nobody")):
            site.directory(f"postfix/{name}", owner=owner)
        self.mail = path / "mail"
        (path / "etc/main.cf").write_text(MAIN.format(path=path, uid=nobody.pw_uid, gid=nobody.pw_gid) + main)
        (path / "etc/master.cf").write_text(MASTER.format(port=self.port).lstrip() + master)
        # What this creates in the spool, start-fg wants to find.
        subprocess.run([program("postfix"), "-c", str(path / "etc"), "check"], capture_output=True, timeout=30)
        super().__init__(site, "postfix.master", ["/usr/lib/postfix/sbin/master", "-c", path / "etc", "-d"])
        self.wait_for_listener(self.port.number)

    def mails(self, user):
        return [path.read_bytes() for path in sorted((self.mail / user / "new").glob("*"))]


@needs("postfix")
@needs_root
class PostfixBehindTheGateway(SharedSiteTest):
    """What a real MTA says is passed on, and what it takes is really there."""

    seconds = 6

    @classmethod
    def build(cls, site):
        cls.postfix = site.keep(Postfix(site))
        cls.gateway = site.gateway(str(cls.postfix.port))
        cls.gateway.wait_for_backends()

    def test_mail_for_a_known_recipient_is_in_the_maildir_before_long(self):
        answer = self.gateway.client().start().deliver(message("into the maildir", b"first\r\n..dots\r\n"))
        self.assertEqual((answer.code, answer.enhanced), (250, "2.0.0"), answer)
        mail = wait_until(lambda: [m for m in self.postfix.mails("bob") if b"into the maildir" in m], "the mail is in bob's maildir")[0]
        self.assertTrue(mail.endswith(b"first\n..dots\n"), mail)

    def test_our_received_field_says_who_sent_it_to_whom(self):
        client = self.gateway.client().start("helo.client.test")
        answer = client.deliver(message("received field"), recipients=["alice@example.org"])
        self.assertEqual(answer.code, 250, answer)
        mail = wait_until(lambda: [m for m in self.postfix.mails("alice") if b"Subject: received field" in m], "the mail is in alice's maildir")[0]
        # Postfix's own stands above it.
        ours = email.message_from_bytes(mail).get_all("Received")[1]
        ours = re.sub(r"\s+", " ", ours)
        incident = answer.incident
        self.assertRegex(ours, r"^from helo\.client\.test \(unknown \[127\.0\.0\.1\]\) by mx\.example\.org with ESMTP "
                               rf"id {incident} for <alice@example\.org>; \w{{3}}, \d+ \w{{3}} \d{{4}} [\d:]{{8}} \+0000$")

    def test_a_recipient_that_only_postfix_does_not_know_is_refused_with_its_code(self):
        # carol is in the gateway's file, but not in Postfix.
        answer = self.gateway.client().start().deliver(message(), recipients=["carol@example.org"])
        self.assert_reply(answer, 550, "5.1.1")
        self.assertIn("carol@example.org", answer.text)

    def test_what_postfix_refused_once_is_refused_at_rcpt_from_then_on(self):
        self.gateway.client().start().deliver(message(), recipients=["carol@example.org"])
        answers = self.gateway.client().start().envelope("other@client.test", "carol@example.org", "bob@example.org")
        self.assert_reply(answers[1], 550, "5.1.1")
        self.assertEqual(answers[2].code, 250)

    def test_a_message_above_postfixs_limit_is_refused_before_it_is_sent(self):
        client = self.gateway.client()
        client.reply()
        self.assertEqual(client.ehlo()["SIZE"], [str(20480000 - 65536)])
        self.assert_reply(client.ask("MAIL FROM:<a@client.test> SIZE=20480000"), 552, "5.3.4")


@needs("swaks")
class Swaks(SharedSiteTest):
    """The Swiss army knife of SMTP, plain and over TLS."""

    @classmethod
    def build(cls, site):
        cls.sink = site.sink()
        cls.gateway = site.gateway(cls.sink)

    def swaks(self, *flags, to="bob@example.org"):
        command = [program("swaks"), "--server", "127.0.0.1", "--port", str(self.gateway.port.number), "--from", "swaks@client.test", "--to", to,
                   "--helo", "swaks.test", *flags]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def test_sends_in_plain_text(self):
        ended = self.swaks("--header", "Subject: swaks plain")
        self.assertEqual(ended.returncode, 0, ended.stdout)
        self.assertTrue(any(b"Subject: swaks plain" in m.content for m in self.sink.messages()))

    def test_sends_over_tls_and_the_received_field_says_so(self):
        if subprocess.run(["perl", "-MNet::SSLeay", "-e", "1"], capture_output=True).returncode != 0:
            self.skipTest("libnet-ssleay-perl is not installed")
        ended = self.swaks("--tls", "--header", "Subject: swaks tls")
        self.assertEqual(ended.returncode, 0, ended.stdout)
        sent = [m for m in self.sink.messages() if b"Subject: swaks tls" in m.content]
        self.assertEqual(len(sent), 1)
        self.assertRegex(sent[0].received, r"\(using TLSv1\.[23] with cipher \S+, \d+ bits\) by mx\.example\.org with ESMTPS id ")

    def test_is_told_that_a_recipient_is_unknown(self):
        ended = self.swaks(to="unknown@example.org")
        self.assertEqual(ended.returncode, 24, ended.stdout)  # swaks: no recipient was taken
        self.assertIn("550 5.1.1", ended.stdout)

    def test_is_not_offered_auth(self):
        ended = self.swaks("--auth", "--auth-user", "x", "--auth-password", "y")
        self.assertEqual(ended.returncode, 28, ended.stdout)  # swaks: AUTH is not there


class PythonSmtplib(SharedSiteTest):
    """A client of another school: EHLO with fallbacks, BODY and SMTPUTF8 when they are offered."""

    @classmethod
    def build(cls, site):
        cls.sink = site.sink()
        domains = [{"names": ["example.org", "bücher.example"], "recipients": ["file:staff"], "route": "inside"}]
        cls.gateway = site.gateway(cls.sink, recipients=[*KNOWN, "jürgen@example.org", "@bücher.example"], config={"domains": domains})
        cls.gateway.wait_for_backends("SMTPUTF8")

    def connect(self):
        client = smtplib.SMTP(*self.gateway.port.address, local_hostname="smtplib.test", timeout=20)
        self.addCleanup(client.close)
        return client

    def stored(self, subject):
        return [m for m in self.sink.messages() if f"Subject: {subject}".encode() in m.content]

    def test_send_message(self):
        mail = email.message_from_string("From: a@client.test\nTo: bob@example.org\nSubject: smtplib one\n\nHello\n.\n..\n")
        self.assertEqual(self.connect().send_message(mail), {})
        self.assertTrue(self.stored("smtplib one")[0].original.endswith(b"\r\nHello\r\n.\r\n..\r\n"))

    def test_some_recipients_refused_the_others_delivered(self):
        client = self.connect()
        refused = client.sendmail("a@client.test", ["bob@example.org", "unknown@example.org", "alice@example.org"], message("smtplib two"))
        self.assertEqual(list(refused), ["unknown@example.org"])
        self.assertEqual(refused["unknown@example.org"][0], 550)
        self.assertEqual(self.stored("smtplib two")[0].recipients, ["bob@example.org", "alice@example.org"])

    def test_all_recipients_refused(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.connect().sendmail("a@client.test", ["unknown@example.org"], message())

    def test_eight_bit_content_with_body_8bitmime(self):
        client = self.connect()
        client.ehlo()
        self.assertTrue(client.has_extn("8bitmime"))
        body = "Grüße\r\n".encode()
        client.sendmail("a@client.test", ["bob@example.org"], message("smtplib eight", body), mail_options=["BODY=8BITMIME"])
        self.assertTrue(self.stored("smtplib eight")[0].original.endswith(body))

    def test_smtputf8_addresses(self):
        client = self.connect()
        client.ehlo()
        self.assertTrue(client.has_extn("smtputf8"))
        client.sendmail("grüße@sender.test", ["jürgen@example.org"], message("smtplib utf8"), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        stored = self.stored("smtplib utf8")[0]
        self.assertEqual((stored.sender, stored.recipients), ("grüße@sender.test", ["jürgen@example.org"]))
        self.assertIn("with UTF8SMTP id", stored.received)

    def test_an_internationalised_domain_is_the_same_in_both_writings(self):
        for number, address in enumerate(["any@bücher.example", "any@xn--bcher-kva.example", "any@XN--BCHER-KVA.example"]):
            client = self.connect()
            client.ehlo()
            client.sendmail("a@client.test", [address], message(f"idn {number}"), mail_options=["SMTPUTF8"])
            self.assertEqual(len(self.stored(f"idn {number}")), 1)

    def test_starttls_and_a_second_message_on_the_same_connection(self):
        client = self.connect()
        client.starttls(context=any_certificate())
        for number in range(2):
            client.sendmail("a@client.test", ["bob@example.org"], message(f"smtplib tls {number}"))
        self.assertIn("with ESMTPS id", self.stored("smtplib tls 1")[0].received)

    def test_helo_without_extensions(self):
        client = self.connect()
        client.helo()
        client.sendmail("a@client.test", ["bob@example.org"], message("smtplib helo"))
        self.assertIn("with SMTP id", self.stored("smtplib helo")[0].received)


if __name__ == "__main__":
    unittest.main()
