"""How much one client may do: checks rate and harvest (issue 4)."""
import re
import select
import signal
import time
import unittest

from harness import SharedSiteTest, SiteTest, message, wait_until

CLIENT = "203.0.113.9"
NEIGHBOUR = "203.0.113.10"
BALANCED = {"smtp": {"proxy_from": ["127.0.0.0/8"]}}


def connect(gateway, address=CLIENT):
    """A client as a load balancer hands it on; it has not read the banner."""
    client = gateway.client()
    client.send(f"PROXY TCP4 {address} 198.51.100.1 4711 25\r\n")
    return client


def metric(gateway, name):
    return int(re.search(rf"(?m)^{name} (\d+)", gateway.http("/metrics")[1]).group(1))


def has_answer(client):
    return bool(select.select([client.socket], [], [], 0)[0])


class Concurrency(SiteTest):
    seconds = 5

    def test_50_sessions_of_a_client_are_enough_as_installed_and_places_become_free(self):
        gateway = self.site.gateway(self.site.sink("--quiet"), config=BALANCED)
        clients = [connect(gateway) for _ in range(50)]
        for client in clients:
            self.assertEqual(client.reply().code, 220)
        for _ in range(3):
            one_more = connect(gateway)
            answer = self.assert_reply(one_more.reply(), 421, "4.7.0")
            self.assertIn(f"50 connections at the same time from {CLIENT}", answer.text)
            self.assertTrue(one_more.is_closed(5))
        self.assertEqual(connect(gateway, NEIGHBOUR).reply().code, 220)
        clients.pop().ask("QUIT")
        clients.pop().close()  # without a word
        late = wait_until(lambda: [c for c in [connect(gateway)] if c.reply().code == 220], "there is a place again")[0]
        self.assertEqual(wait_until(lambda: [c for c in [connect(gateway)] if c.reply().code == 220], "another one")[0].ehlo()["8BITMIME"], [])
        late.ehlo()
        self.assertEqual(late.deliver(message("in the last place")).code, 250)
        self.assertEqual(connect(gateway).reply().code, 421)
        refused = gateway.wait_for_event("session", client=f"{CLIENT}:4711", transactions=0)
        self.assertTrue(refused)

    def test_more_connections_at_once_than_places(self):
        gateway = self.site.gateway(self.site.sink("--quiet"), config={**BALANCED, "threads": 2})
        clients = [connect(gateway) for _ in range(80)]
        codes = [client.reply().code for client in clients]
        self.assertEqual((codes.count(220), codes.count(421)), (50, 30))


class Limits(SiteTest):
    def test_who_has_sent_enough_is_told_when_to_come_again(self):
        config = {**BALANCED, "checks": {"rate": {"mode": "enforce", "messages": "3/1 min"}}}
        gateway = self.site.gateway(self.site.sink("--quiet"), config=config)
        client = connect(gateway).start()
        for _ in range(3):
            self.assertEqual(client.deliver(message("one of three")).code, 250)
        for fresh in (client, connect(gateway).start()):
            fresh.ask("MAIL FROM:<a@client.test>")
            answer = self.assert_reply(fresh.ask("RCPT TO:<bob@example.org>"), 451, "4.7.1")
            self.assertRegex(answer.text, rf"too many messages from {CLIENT}: the limit is 3 in 1 min; it is free again in \d+ s")
            self.assertEqual(fresh.ask("RCPT TO:<postmaster@example.org>").code, 250)
        self.assertEqual(connect(gateway, NEIGHBOUR).start().deliver(message("of another")).code, 250)


class DictionaryAttack(SharedSiteTest):
    seconds = 6

    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        cls.gateway = site.gateway(cls.sink, config={**BALANCED, "checks": {"harvest": {
            "mode": "enforce", "slow_after": 3, "delay": "300 ms", "stop_after": 6}}})

    def test_the_good_recipient_in_it_gets_the_mail(self):
        client = connect(self.gateway).start()
        client.ask("MAIL FROM:<a@client.test>")
        self.assertEqual(client.ask("RCPT TO:<bob@example.org>").code, 250)
        for number in range(6):
            asked = time.monotonic()
            self.assert_reply(client.ask(f"RCPT TO:<guess{number}@example.org>"), 550, "5.1.1")
            took = time.monotonic() - asked
            if number >= 3:
                self.assertGreaterEqual(took, 0.3)
        # Who exists is not told any more, neither by the code nor by the words.
        self.assert_reply(client.ask("RCPT TO:<alice@example.org>"), 452, "4.5.3")
        self.assert_reply(client.ask("RCPT TO:<guess@example.org>"), 452, "4.5.3")
        self.assertEqual(client.ask("DATA").code, 354)
        client.send(message("among guesses") + b".\r\n")
        self.assertEqual(client.reply().code, 250)
        self.assertEqual([m.recipients for m in self.sink.wait_for(1)], [["bob@example.org"]])
        self.assertEqual(client.ask("MAIL FROM:<a@client.test>").code, 250)
        self.assert_reply(client.ask("RCPT TO:<bob@example.org>"), 421, "4.7.0")
        self.assertTrue(client.is_closed(5))
        again = connect(self.gateway).start()
        again.ask("MAIL FROM:<a@client.test>")
        self.assert_reply(again.ask("RCPT TO:<guess@example.org>"), 421, "4.7.0")
        self.assertEqual(connect(self.gateway, NEIGHBOUR).start().deliver(message("of another")).code, 250)


class Slowed(SiteTest):
    seconds = 8

    def test_so_many_sessions_are_held_back_and_no_more_and_none_that_is_gone_or_when_the_program_stops(self):
        config = {"smtp": {**BALANCED["smtp"], "max_slowed": 2}, "checks": {"harvest": {"mode": "enforce", "slow_after": 1, "delay": "40 s"}}}
        gateway = self.site.gateway(self.site.sink("--quiet"), config=config)
        clients = [connect(gateway).start() for _ in range(5)]
        for client in clients:
            client.ask("MAIL FROM:<a@client.test>")
        self.assertEqual(clients[0].ask("RCPT TO:<guess@example.org>").code, 550)
        for client in clients:
            client.send("RCPT TO:<guess@example.org>\r\n")
        wait_until(lambda: sum(has_answer(c) for c in clients) == 3, "three are answered at once")
        held = [c for c in clients if not has_answer(c)]
        self.assertEqual(metric(gateway, "gatepost_slowed_sessions"), 2)
        self.assertEqual(metric(gateway, "gatepost_slow_skipped_total"), 3)
        self.assertEqual(connect(gateway, NEIGHBOUR).start().deliver(message("is not slowed")).code, 250)
        wait_until(lambda: gateway.notices("slowed"), "the log says that there are too many")
        self.assertEqual(len(gateway.notices("slowed")), 1)
        held[0].close()
        wait_until(lambda: metric(gateway, "gatepost_slowed_sessions") == 1, "nobody waits for a client that is gone")
        self.assertFalse(has_answer(held[1]))
        gateway.signal(signal.SIGTERM)
        self.assert_reply(held[1].reply(), 550, "5.1.1")
        held[1].send("RCPT TO:<bob@example.org>\r\n")
        self.assertEqual(held[1].reply().code, 250)
        for client in clients:
            client.close()
        self.assertEqual(gateway.wait(), 0)


if __name__ == "__main__":
    unittest.main()
