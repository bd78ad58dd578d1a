"""Several threads at once, with reloads, log rotation, the page and a stop in between: what ThreadSanitizer is to see."""
import contextlib
import random
import signal
import socket
import threading
import unittest

from harness import CLOSE, Client, Closed, SiteTest, any_certificate, message

CLIENTS = 24
MESSAGES = 12


class UnderLoad(SiteTest):
    seconds = 20
    config = {}

    def start(self):
        self.sinks = [self.site.sink("--quiet", "--tls"), self.site.sink("--quiet")]
        flaky = iter(range(10 ** 9))
        # Every fifth connection to it breaks, so that others are opened and handed over.
        self.flaky = self.site.backend(MAIL=lambda connection, argument: CLOSE if next(flaky) % 5 == 4 else None)
        self.gateway = self.site.gateway(self.flaky, *self.sinks, config={
            **self.config, "threads": 4, "smtp": {"memory": "32 MiB"}, "log": {"format": "json"},
            "routes": {"inside": {"max_connections": 3, "tls": "opportunistic"}},
            "relay": {"before_dot": "20 s", "after_dot": "20 s"}})
        self.gateway.wait_for_event("start")
        self.counts = {"delivered": 0, "deferred": 0, "cut": 0}
        self.lock = threading.Lock()
        self.failures = []

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def one_client(self, seed):
        chance = random.Random(seed)
        try:
            for n in range(MESSAGES // 4):
                client = Client(self.gateway.port.address)
                with contextlib.closing(client):
                    client.reply()
                    client.ehlo()
                    if chance.random() < 0.3:
                        client.starttls(any_certificate())
                        client.ehlo()
                    for _ in range(4):
                        size = chance.choice([100, 5000, 600000])
                        answer = client.deliver(message(f"{seed} {n}", b"x" * 70 + b"\r\n" * 1 + (b"y" * 70 + b"\r\n") * (size // 72)))
                        self.count("delivered" if answer.code == 250 else "deferred")
                        if answer.code // 100 == 5:
                            self.failures.append(str(answer))
                        elif answer.code != 250:
                            client.ask("RSET")
                        if chance.random() < 0.1:
                            client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nnever ended")
                            self.count("cut")
                            break
        except (OSError, Closed) as error:
            self.failures.append(f"client {seed}: {error!r}")

    def test_nothing_is_lost_or_torn(self):
        self.start()
        clients = [threading.Thread(target=self.one_client, args=(seed,)) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        rounds = 0
        while any(c.is_alive() for c in clients):
            rounds += 1
            self.gateway.signal(signal.SIGHUP if rounds % 2 else signal.SIGUSR1)
            self.assertEqual(self.gateway.http("/metrics")[0], 200)
            self.gateway.status()
            self.assertEqual(self.gateway.http("/")[0], 200)
            clients[rounds % CLIENTS].join(0.2)
        self.assertEqual(self.failures, [])
        stored = sum(len(sink.messages()) for sink in self.sinks) + len(self.flaky.delivered)
        self.assertEqual(stored, self.counts["delivered"])
        self.assertGreater(stored, CLIENTS * MESSAGES / 2)

    def test_a_stop_in_the_middle(self):
        self.start()
        clients = [socket.create_connection(self.gateway.port.address) for _ in range(20)]
        for n, client in enumerate(clients):
            client.sendall((b"EHLO a\r\n", b"HELO a\r\nMAIL FROM:<a@client.test>\r\n", b"")[n % 3])
        threads = [threading.Thread(target=self.one_client, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        self.gateway.wait_for_event("transaction")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(20), 0)
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()
        stored = sum(len(sink.messages()) for sink in self.sinks) + len(self.flaky.delivered)
        self.assertGreaterEqual(stored, self.counts["delivered"])


class UnderLoadWithMemory(UnderLoad):
    """All that remembers is asked and told; the limits are such that nobody is refused."""

    config = {"policy": {"clients_are_real": ["127.0.0.0/8"]}, "state": {"write_interval": "50 ms"}, "checks": {
        "rate": {"mode": "enforce"}, "harvest": {"mode": "enforce"}, "reputation": {"mode": "enforce"},
        "early_talker": {"mode": "enforce", "greet_delay": "20 ms"}, "greylist": {"mode": "observe", "apply": "all", "window": "1 s"}}}


if __name__ == "__main__":
    unittest.main()
