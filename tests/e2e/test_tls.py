"""TLS towards clients and towards backends."""
import shutil
import ssl
import subprocess
import unittest

from certificates import Authority
from harness import SharedSiteTest, SiteTest, any_certificate, message, needs, wait_until


@needs("openssl")
class TowardsClients(SharedSiteTest):
    @classmethod
    def build(cls, site):
        cls.authority = Authority(site)
        main, second, third = (cls.authority.issue(*names) for names in (("mx.example.org",), ("mx.example.net", "mail.example.net"), ("*.example.com",)))
        cls.sink = site.sink("--quiet")
        more = [{"certificate": c, "key": k} for c, k in (second, third)]
        cls.gateway = site.gateway(cls.sink, config={"smtp": {"tls": {"certificate": main[0], "key": main[1], "certificates": more}}})

    def context(self, version=None):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def test_tls_1_2_and_1_3(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            with self.subTest(name):
                client = self.gateway.client().start()
                client.starttls(self.context(version))
                self.assertEqual(client.socket.version(), name)
                client.ehlo()
                self.assertEqual(client.deliver(message(f"over {name}")).code, 250)
                stored = [m for m in self.sink.messages() if f"over {name}".encode() in m.content][0]
                self.assertIn(f"(using {name} with cipher {client.socket.cipher()[0]}, {client.socket.cipher()[2]} bits)", stored.received)
                self.assertIn(" with ESMTPS id ", stored.received)
                client.quit()
                self.gateway.wait_for_event("transaction", tls=name, ending="delivered")

    def test_tls_1_1_and_older_are_refused(self):
        for version in ("-tls1", "-tls1_1"):
            ended = subprocess.run(["openssl", "s_client", "-connect", str(self.gateway.port), "-starttls", "smtp", version, "-cipher", "DEFAULT@SECLEVEL=0"],
                                   input="QUIT\n", capture_output=True, text=True, timeout=20)
            self.assertNotEqual(ended.returncode, 0)
            self.assertRegex(ended.stderr, "alert|protocol")

    def test_the_certificate_is_chosen_by_the_name_asked_for(self):
        for name in ("mx.example.org", "mx.example.net", "mail.example.net", "anything.example.com", "MX.EXAMPLE.NET"):
            with self.subTest(name):
                client = self.gateway.client().start()
                # Checks name and chain.
                client.starttls(self.context(), name)
                self.assertTrue(client.ehlo())

    def test_who_asks_for_another_name_or_none_gets_the_first(self):
        for name in ("unknown.test", None):
            client = self.gateway.client().start()
            context = self.context()
            context.check_hostname = False
            client.starttls(context, name)
            self.assertIn((("commonName", "mx.example.org"),), client.socket.getpeercert()["subject"])

    def test_a_session_is_resumed(self):
        context = self.context(ssl.TLSVersion.TLSv1_2)
        client = self.gateway.client().start()
        client.starttls(context)
        session = client.socket.session
        client.ehlo()
        client.quit()
        again = self.gateway.client().start()
        again.ask("STARTTLS")
        again.socket = context.wrap_socket(again.socket, server_hostname="mx.example.org", session=session)
        self.assertTrue(again.socket.session_reused)
        self.assertEqual(again.ask("EHLO client.test").code, 250)

    def test_a_large_message_over_tls_is_byte_exact(self):
        content = message("large over tls", bytes(b for b in range(256) if b not in (0, 10, 13)) * 40000 + b"\r\n.\r\n")
        client = self.gateway.client().start()
        client.starttls(self.context())
        client.ehlo()
        self.assertEqual(client.deliver(content).code, 250)
        stored = [m for m in self.sink.messages() if b"large over tls" in m.content[:1000]][0]
        self.assertTrue(stored.original == content)

    def test_a_client_that_vanishes_in_tls_is_noticed(self):
        client = self.gateway.client().start("vanishing.test")
        client.starttls(self.context())
        client.ehlo("vanishing.test")
        client.envelope("a@client.test", "bob@example.org")
        client.reset()
        self.gateway.wait_for_event("session", helo="vanishing.test", close="vanished")


class SelfSigned(SiteTest):
    """Without a certificate in the configuration one is made, and kept."""

    def test_it_is_the_same_after_a_restart(self):
        sink = self.site.sink("--quiet")

        def certificate(gateway):
            client = gateway.client().start()
            client.starttls(any_certificate())
            return client.socket.getpeercert(binary_form=True)
        gateway = self.site.gateway(sink)
        first = certificate(gateway)
        gateway.stop()
        second = certificate(self.site.gateway(sink, config={"state_dir": str(gateway.state)}))
        self.assertEqual(first, second)


class TowardsBackends(SiteTest):
    """routes.<name>.tls against a sink with and without STARTTLS."""

    seconds = 6

    def deliver(self, mode, sink, name=None, **route):
        server = f"{name or '127.0.0.1'}:{sink.port.number}"
        gateway = self.site.gateway(server, config={"routes": {"inside": {"tls": mode, **route}}})
        client = gateway.client().start()
        answer = client.deliver(message())
        client.quit()
        line = gateway.wait_for_event("transaction")
        return answer, line

    def assert_delivered(self, result, encrypted):
        answer, line = result
        self.assertEqual(answer.code, 250, answer)
        self.assertEqual(line.get("backend_tls", False), encrypted)

    def assert_deferred(self, result, sink):
        self.assert_class(result[0], 4)
        self.assertEqual(result[0].code, 451)
        self.assertEqual(sink.messages(), [])

    def certificate_of(self, sink):
        """The sink's own, where the gateway may read it."""
        made = next(path for path in sink.store.iterdir() if b"BEGIN CERTIFICATE" in path.read_bytes())
        copy = self.site.file(f"{sink.name}.ca.pem")
        shutil.copy(made, copy)
        copy.chmod(0o644)
        return str(copy)

    def test_none_never_encrypts(self):
        self.assert_delivered(self.deliver("none", self.site.sink("--tls")), False)

    def test_opportunistic_encrypts_where_it_is_offered(self):
        self.assert_delivered(self.deliver("opportunistic", self.site.sink("--tls")), True)

    def test_opportunistic_goes_without_where_it_is_not(self):
        self.assert_delivered(self.deliver("opportunistic", self.site.sink()), False)

    def test_opportunistic_goes_without_where_the_handshake_fails(self):
        bad = self.site.backend("PIPELINING", "STARTTLS", STARTTLS=["220 go", b"\x15\x03\x01\x00\x02\x02\x28"])
        gateway = self.site.gateway(bad, config={"routes": {"inside": {"tls": "opportunistic"}}})
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)
        self.assertEqual(len(bad.delivered), 1)

    def test_require_encrypts_whatever_the_certificate(self):
        self.assert_delivered(self.deliver("require", self.site.sink("--tls", "--hostname", "whoever.test")), True)

    def test_require_defers_where_it_is_not_offered(self):
        sink = self.site.sink()
        self.assert_deferred(self.deliver("require", sink), sink)

    def test_verify_works_with_a_ca_file(self):
        sink = self.site.sink("--tls", "--hostname", "localhost")
        self.assert_delivered(self.deliver("verify", sink, "localhost", ca_file=self.certificate_of(sink)), True)

    def test_verify_defers_for_a_wrong_name(self):
        sink = self.site.sink("--tls", "--hostname", "other.test")
        self.assert_deferred(self.deliver("verify", sink, "localhost", ca_file=self.certificate_of(sink)), sink)

    def test_verify_defers_for_an_address_that_the_certificate_does_not_name(self):
        sink = self.site.sink("--tls", "--hostname", "localhost")
        self.assert_deferred(self.deliver("verify", sink, ca_file=self.certificate_of(sink)), sink)

    def test_verify_defers_for_an_unknown_authority(self):
        sink = self.site.sink("--tls", "--hostname", "localhost")
        another = self.site.sink("--tls", "--hostname", "localhost")
        self.assert_deferred(self.deliver("verify", sink, "localhost", ca_file=self.certificate_of(another)), sink)

    def test_verify_defers_where_it_is_not_offered(self):
        sink = self.site.sink()
        another = self.site.sink("--tls")
        self.assert_deferred(self.deliver("verify", sink, "localhost", ca_file=self.certificate_of(another)), sink)

    def test_a_large_message_over_tls_is_byte_exact(self):
        sink = self.site.sink("--tls")
        gateway = self.site.gateway(sink, config={"routes": {"inside": {"tls": "require"}}, "relay": {"before_dot": "30 s", "after_dot": "30 s"}})
        content = message("large", bytes(b for b in range(256) if b not in (0, 10, 13)) * 40000 + b"\r\n.\r\n")
        self.assertEqual(gateway.client().start().deliver(content).code, 250)
        self.assertTrue(sink.messages()[0].original == content)

    def test_an_idle_tls_connection_closed_by_the_backend_costs_no_sender_an_error(self):
        sink = self.site.sink("--tls")
        gateway = self.site.gateway(sink, config={"routes": {"inside": {"tls": "require"}}})
        client = gateway.client().start()
        self.assertEqual(client.deliver(message()).code, 250)
        sink.stop()
        again = self.site.sink("--tls", port=sink.port)
        wait_until(lambda: client.deliver(message()).code == 250, "mail flows again", 15)
        self.assertEqual(len(again.messages()), 1)


if __name__ == "__main__":
    unittest.main()
