"""Too many sessions, too little memory, no disk: slower and refusing, never wrong and never down."""
import contextlib
import os
import random
import subprocess
import threading
import unittest

from harness import IS_ROOT, SharedSiteTest, SiteTest, Client, message, needs_root, stuffed, wait_until

MIB = 1 << 20


def octets(size, seed):
    return random.Random(seed).randbytes(size).translate(bytes.maketrans(b"\0\r\n", b"..~"))


def lines(size, seed):
    """Some `size` octets in lines of 1000, dots among their starts."""
    block = octets(min(size, MIB), seed)
    wrapped = b"".join(block[i:i + 998] + b"\r\n" for i in range(0, len(block), 998))
    return b"".join(b"%d\r\n" % n + wrapped for n in range(max(1, size // MIB)))


class Disk(SiteTest):
    """Messages above 4 MiB go to state_dir; where they cannot, they get 452 4.3.1 and the others go on."""

    seconds = 3
    SMALL = message("small", lines(100000, 1))
    LARGE = message("large", lines(8 * MIB, 2))

    def assert_large_is_deferred_and_small_passes(self, gateway, sink):
        client = gateway.client().start()
        self.assert_reply(client.deliver(self.LARGE), 452, "4.3.1")
        client.envelope("a@client.test", "bob@example.org")
        client.send(b"BDAT %d LAST\r\n" % len(self.LARGE) + self.LARGE)
        self.assert_reply(client.reply(), 452, "4.3.1")
        self.assertEqual(client.deliver(self.SMALL).code, 250)
        self.assertEqual([m.original for m in sink.messages()], [self.SMALL])

    @needs_root
    def test_a_full_one(self):
        state = self.site.directory("tiny")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(state)], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("a tmpfs cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(state)], capture_output=True)
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink, config={"state_dir": str(state)})
        self.assert_large_is_deferred_and_small_passes(gateway, sink)
        self.site.close()

    def test_one_that_cannot_be_written(self):
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink)
        gateway.wait_for_backends()
        # A certificate and what is known of backends are there; from now on it is read-only for the gateway.
        os.chmod(gateway.state, 0o555)
        if IS_ROOT:
            os.chown(gateway.state, 0, 0)
        self.assert_large_is_deferred_and_small_passes(gateway, sink)

    def test_one_that_is_gone(self):
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink)
        gateway.wait_for_backends()
        gateway.state.rename(self.site.file("elsewhere"))
        self.assert_large_is_deferred_and_small_passes(gateway, sink)


class Spill(SharedSiteTest):
    """smtp.memory = 16 MiB, the least there is."""

    seconds = 8

    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        cls.gateway = site.gateway(cls.sink, config={"smtp": {"memory": "16 MiB", "max_message_size": "64 MiB"}, "relay": {"before_dot": "60 s", "after_dot": "60 s"}})

    def stored(self, subject):
        return [m for m in self.sink.messages() if f"Subject: {subject}\r\n".encode() in m.content[:1000]]

    def test_twenty_mebibytes_go_through_the_disk_byte_exact(self):
        content = message("spilled by data", lines(20 * MIB, 3) + b".\r\n..\r\n")
        client = self.gateway.client().start()
        self.assertEqual(client.deliver(content).code, 250)
        client.quit()
        self.assertTrue(self.stored("spilled by data")[0].original == content)
        self.assertTrue(self.gateway.wait_for_event("transaction", size=len(content))["spilled"])

    def test_by_bdat_as_well(self):
        content = message("spilled by bdat", lines(20 * MIB, 4) + b".\r\n..\r\n")
        client = self.gateway.client().start()
        client.envelope("a@client.test", "bob@example.org")
        for start in range(0, len(content), 3 * MIB):
            part = content[start:start + 3 * MIB]
            # The command for itself: see test_bytes about chunks that come with theirs.
            client.send(b"BDAT %d%s\r\n" % (len(part), b" LAST" if start + len(part) == len(content) else b""))
            client.send(part)
            self.assertEqual(client.reply().code, 250)
        self.assertTrue(self.stored("spilled by bdat")[0].original == content)

    def test_with_newlines_made_good(self):
        content = message("spilled and normalised", lines(12 * MIB, 5))
        client = self.gateway.client().start()
        client.envelope("a@client.test", "bob@example.org")
        client.ask("DATA")
        client.send(stuffed(content).replace(b"\r\n", b"\n", 1) + b"one\ntwo\n.\nthree\r\n.\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertTrue(self.stored("spilled and normalised")[0].original == content + b"one\r\ntwo\r\n.\r\nthree\r\n")

    def test_several_large_ones_at_the_same_time(self):
        contents = [message(f"side by side {n}", lines(6 * MIB, 10 + n)) for n in range(5)]
        codes = [None] * 5

        def send(n):
            with contextlib.closing(Client(self.gateway.port.address, 60).start()) as client:
                codes[n] = client.deliver(contents[n]).code
        threads = [threading.Thread(target=send, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(codes, [250] * 5)
        for n in range(5):
            self.assertTrue(self.stored(f"side by side {n}")[0].original == contents[n])


class Memory(SiteTest):
    """Nothing is spilled below 256 KiB: many such messages use memory up."""

    seconds = 4

    def test_at_nine_tenths_of_the_cap_new_ones_are_452_or_421_and_those_under_way_finish(self):
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink, config={"smtp": {"memory": "16 MiB"}, "relay": {"before_dot": "30 s", "after_dot": "30 s"}})
        gateway.wait_for_backends()
        body = lines(240000, 6)
        under_way, refusals = [], []
        for _ in range(100):
            client = gateway.client()
            answer = client.reply()
            if answer.code == 220:
                client.ehlo()
                answer = client.ask("MAIL FROM:<a@client.test>")
            if answer.code != 250:
                refusals.append(answer)
                client.close()
                if len(refusals) > 3:
                    break
                continue
            client.ask("RCPT TO:<bob@example.org>")
            client.ask("DATA")
            client.send(stuffed(message("many", body)))
            under_way.append(client)
        self.assertTrue(refusals, "memory was never used up")
        for answer in refusals:
            self.assertIn((answer.code, answer.enhanced), ((452, "4.3.1"), (421, "4.3.2")))
        self.assertGreater(len(under_way), 20)
        codes = set()
        for client in under_way:
            client.send(b".\r\n")
            codes.add(client.reply().code)
        self.assertEqual(codes, {250})
        self.assertTrue(all(m.original == message("many", body) for m in sink.messages()))
        # All is as before.
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)


class Sessions(SiteTest):
    seconds = 3

    def test_one_more_than_max_sessions_is_421_4_3_2_at_connect(self):
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"smtp": {"max_sessions": 3}})
        open_ones = [gateway.client().start() for _ in range(3)]
        fourth = gateway.client()
        answer = self.assert_reply(fourth.reply(), 421, "4.3.2")
        self.assertTrue(fourth.is_closed(5))
        fourth.close()
        gateway.wait_for_event("session", id=answer.incident)
        open_ones.pop().quit()
        wait_until(lambda: self.banner(gateway) == 220, "there is room again")
        self.assertEqual(open_ones[0].deliver(message()).code, 250)

    def test_who_was_turned_away_is_in_the_status_api(self):
        gateway = self.site.gateway(self.site.sink("--quiet"), config={"smtp": {"max_sessions": 1}})
        kept = gateway.client().start()
        answer = self.assert_reply(gateway.client().reply(), 421, "4.3.2")
        wait_until(lambda: answer.incident in str(gateway.status()), "the status names the incident", 5)
        kept.quit()

    def banner(self, gateway):
        with contextlib.closing(Client(gateway.port.address)) as client:
            return client.reply().code

    def test_five_hundred_sessions_at_the_same_time(self):
        sink = self.site.sink("--quiet")
        gateway = self.site.gateway(sink, config={"relay": {"before_dot": "30 s", "after_dot": "30 s"}})
        clients = [gateway.client() for _ in range(500)]
        self.assertEqual({c.reply().code for c in clients}, {220})
        for client in clients:
            client.send(b"EHLO client.test\r\n")
        self.assertEqual({c.reply().code for c in clients}, {250})
        for client in clients[::10]:
            self.assertEqual(client.deliver(message()).code, 250)
        self.assertEqual(len(sink.messages()), 50)

    def test_a_flood_of_connections_that_come_and_go(self):
        gateway = self.site.gateway(self.site.sink("--quiet"))
        for _ in range(300):
            client = Client(gateway.port.address)
            client.reset()
        self.assertEqual(gateway.client().start().deliver(message()).code, 250)


if __name__ == "__main__":
    unittest.main()
