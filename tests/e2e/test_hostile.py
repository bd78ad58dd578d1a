"""Floods, and a machine that has too little of everything: memory, descriptors, a reader of the log."""
import contextlib
import fcntl
import os
import signal
import socket
import threading
import time
import unittest

from harness import SiteTest, Client, message, wait_until

MIB = 1 << 20
PATIENT = {"before_dot": "30 s", "after_dot": "30 s"}
UNKNOWN = b"RCPT TO:<nobody@example.org>\r\n"
# Another session's whole delivery, on a busy machine.
QUICK = 3.0


class Flood(SiteTest):
    """One client that never stops asking for recipients does not take the others' time, nor our memory."""

    seconds = 8

    def start(self, **smtp):
        self.gateway = self.site.gateway(self.site.sink("--quiet"), config={"threads": 1, "relay": PATIENT, "smtp": {"error_delay": "0 s", **smtp}})
        self.gateway.wait_for_backends()

    @contextlib.contextmanager
    def flood(self, block, reading):
        """A client that sends `block` on and on, in a thread; with another that reads its answers, or not."""
        client = self.gateway.client().start()
        client.ask("MAIL FROM:<a@client.test>")
        client.socket.settimeout(0.1)
        ended = threading.Event()
        self.sent = self.received = 0

        def send():
            with contextlib.suppress(ConnectionError):
                while not ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        self.sent += client.socket.send(block)

        def read():
            with contextlib.suppress(ConnectionError):
                while reading and not ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        self.received += len(client.socket.recv(65536))
        threads = [threading.Thread(target=send), threading.Thread(target=read)]
        for thread in threads:
            thread.start()
        try:
            yield client
        finally:
            ended.set()
            for thread in threads:
                thread.join()
            client.reset()

    def resident(self):
        with open(f"/proc/{self.gateway.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def assert_others_are_served(self, count=10):
        for _ in range(count):
            began = time.monotonic()
            client = Client(self.gateway.port.address, timeout=QUICK).start()
            self.assertEqual(client.deliver(message()).code, 250)
            client.quit()
            self.assertLess(time.monotonic() - began, QUICK)

    def test_of_unknown_recipients_by_a_client_that_does_not_read(self):
        self.start(hard_error_limit=100000000, soft_error_limit=100000000)
        with self.flood(UNKNOWN * 1000, reading=False):
            wait_until(lambda: self.sent > MIB, "the flood has begun")
            self.assert_others_are_served()
            before = self.resident()
            self.assert_others_are_served()
            self.assertLess(self.resident() - before, 30 * MIB)

    def test_of_unknown_recipients_by_a_client_that_reads(self):
        self.start(hard_error_limit=100000000, soft_error_limit=100000000)
        with self.flood(UNKNOWN * 1000, reading=True):
            wait_until(lambda: self.received > MIB, "the flood has begun")
            self.assert_others_are_served()

    def test_of_commands_that_are_none(self):
        self.start(hard_error_limit=100000000, soft_error_limit=100000000)
        with self.flood(b"WHAT\r\n" * 5000, reading=True):
            wait_until(lambda: self.received > MIB, "the flood has begun")
            self.assert_others_are_served()

    def test_of_one_message_without_end(self):
        self.start(max_message_size="64 MiB")
        client = self.gateway.client().start()
        client.envelope("a@client.test", "bob@example.org")
        client.ask("DATA")
        sender = threading.Thread(target=self.send_until_closed, args=(client, (b"x" * 998 + b"\r\n") * 1000))
        sender.start()
        self.assert_others_are_served()
        client.socket.shutdown(socket.SHUT_RDWR)
        sender.join()

    def send_until_closed(self, client, block):
        with contextlib.suppress(OSError):
            while True:
                client.send(block)

    def test_a_thousand_refused_recipients_are_no_mistake_and_those_behind_them_are(self):
        self.start(hard_error_limit=5, soft_error_limit=5)
        client = self.gateway.client().start()
        client.send(b"MAIL FROM:<a@client.test>\r\n" + UNKNOWN * 1200)
        self.assertEqual([a.code for a in client.replies(1 + 1005)], [250] + [550] * 1004 + [421])
        self.assertTrue(client.is_closed(5))
        client.close()
        line = self.gateway.wait_for_event("transaction")
        self.assertEqual((len(line["to"]), line["unlisted"], line["ending"]), (1000, 5, "deferred"))
        self.assertEqual(self.gateway.wait_for_event("session", id=line["id"])["mistakes"][-1]["reason"], "limit.errors")

    def test_the_thousand_is_for_the_whole_session(self):
        self.start(hard_error_limit=5, soft_error_limit=5)
        client = self.gateway.client().start()
        client.send(b"MAIL FROM:<a@client.test>\r\n" + UNKNOWN * 1000 + b"RCPT TO:<bob@example.org>\r\nRSET\r\n")
        self.assertEqual([a.code for a in client.replies(1003)], [250] + [550] * 1000 + [250, 250])
        client.send(b"MAIL FROM:<a@client.test>\r\n" + UNKNOWN * 10)
        self.assertEqual([a.code for a in client.replies(6)], [250] + [550] * 4 + [421])


class Memory(SiteTest):
    """smtp.memory holds, whenever the messages begin."""

    seconds = 8
    SESSIONS = 150
    PIECE = (b"x" * 998 + b"\r\n") * 50
    PIECES = 10

    def start(self):
        self.sink = self.site.sink("--quiet")
        self.gateway = self.site.gateway(self.sink, config={"threads": 1, "smtp": {"memory": "32 MiB"}, "relay": PATIENT})
        self.gateway.wait_for_backends()
        self.peak = 0
        clients = [self.gateway.client().start() for _ in range(self.SESSIONS)]
        for client in clients:
            # All come while there is plenty.
            self.assertEqual([a.code for a in client.envelope("a@client.test", "bob@example.org")], [250, 250])
        return clients

    def measure(self):
        memory = self.gateway.status()["memory"]
        self.assertEqual(memory["cap"], 32 * MIB)
        self.peak = max(self.peak, memory["used"])

    def send_slowly(self, clients):
        for _ in range(self.PIECES):
            for number, client in enumerate(clients):
                client.send(self.PIECE)
                if number % 10 == 0:
                    self.measure()

    def assert_the_cap_held(self, answers, contents):
        self.measure()
        self.assertEqual({(a.code, a.enhanced) for a in answers} - {(250, "2.0.0")}, {(452, "4.3.1")})
        for answer in answers:
            if answer.code >= 400:
                self.assertIsNotNone(answer.incident)
        self.assertGreater(self.peak, 16 * MIB, "memory was never used up, so that this shows nothing")
        self.assertLess(self.peak, 40 * MIB)
        delivered = self.sink.messages()
        self.assertEqual(len(delivered), len([a for a in answers if a.code == 250]))
        self.assertTrue(all(m.original == contents for m in delivered))
        # Whoever comes now finds room again, in old sessions and in new ones.
        small = message("small")
        self.assertEqual(self.gateway.client().start().deliver(small).code, 250)
        wait_until(lambda: self.gateway.status()["memory"]["used"] <= 4 * MIB, "the memory is given back")
        return delivered

    def test_many_messages_that_come_slowly_by_data(self):
        clients = self.start()
        for client in clients:
            self.assertEqual(client.ask("DATA").code, 354)
        for client in clients:
            client.send(message("slow", b""))
        self.send_slowly(clients)
        for client in clients:
            client.send(b".\r\n")
        self.assert_the_cap_held([client.reply() for client in clients], message("slow", self.PIECE * self.PIECES))
        self.assertEqual(clients[0].deliver(message("again")).code, 250)

    def test_many_messages_that_come_slowly_by_bdat(self):
        clients = self.start()
        content = message("slow", self.PIECE * self.PIECES)
        for client in clients:
            client.send(b"BDAT %d LAST\r\n" % len(content) + message("slow", b""))
        self.send_slowly(clients)
        self.assert_the_cap_held([client.reply() for client in clients], content)
        self.assertEqual(clients[0].deliver(message("again")).code, 250)

    def test_who_begins_when_it_is_full_is_told_at_once(self):
        clients = self.start()
        early, late = clients[:-20], clients[-20:]
        for client in early:
            self.assertEqual(client.ask("DATA").code, 354)
        for client in early:
            client.send(message("slow", self.PIECE * 2))
        # Ninety percent: from here on nobody begins, and those who have begun go on.
        wait_until(lambda: self.gateway.status()["memory"]["used"] >= 29 * MIB, "memory is used up")
        answers = []
        for client in late:
            if client is late[0]:
                client.send(b"BDAT 1000 LAST\r\n" + b"x" * 998 + b"\r\n")
                answers.append(client.reply())
            else:
                answers.append(client.ask("DATA"))
        for answer in answers:
            self.assert_reply(answer, 452, "4.3.1")
        for client in early:
            client.send(b".\r\n")
        self.assertIn(250, {client.reply().code for client in early})
        for client in late[:3]:
            self.assertEqual(client.ask("RSET").code, 250)
            self.assertEqual(client.deliver(message("later")).code, 250)


class Descriptors(SiteTest):
    """Few descriptors: some are kept for backends, the page and files, and whoever has none is told so."""

    seconds = 4
    LIMIT = 150

    def start(self, limit=LIMIT):
        self.sink = self.site.sink("--quiet")
        self.gateway = self.site.gateway(self.sink, user_program=["prlimit", f"--nofile={limit}:{limit}"])

    def assert_page_answers(self):
        for path in ("/livez", "/readyz"):
            self.assertEqual(self.gateway.http(path)[0], 200)

    def test_clients_beyond_them_get_421_and_all_else_goes_on(self):
        self.start()
        first = self.gateway.client().start()
        clients = [self.gateway.client() for _ in range(self.LIMIT)]
        answers = [client.reply() for client in clients]
        self.assertEqual({(a.code, a.enhanced) for a in answers}, {(220, None), (421, "4.3.2")})
        served = [client for client, answer in zip(clients, answers) if answer.code == 220]
        self.assertGreater(len(served), 8)
        for answer in answers:
            self.assertEqual(answer.incident is None, answer.code == 220)
        # The first message needs a connection to the backend, and a large one a file.
        self.assertEqual(first.deliver(message()).code, 250)
        served[0].ehlo()
        self.assertEqual(served[0].deliver(message("large", (b"x" * 998 + b"\r\n") * 6000)).code, 250)
        self.assert_page_answers()
        self.assertTrue([w for w in self.gateway.status()["warnings"] if "max_sessions" in w and "LimitNOFILE" in w])
        for client in clients:
            client.close()

        def served_again():
            with contextlib.closing(Client(self.gateway.port.address)) as client:
                return client.reply().code == 220
        wait_until(served_again, "there is room again")
        self.assertEqual(first.deliver(message()).code, 250)

    def test_where_strangers_hold_them_all_a_client_is_told_as_well(self):
        self.start(70)
        first = self.gateway.client().start()
        self.assertEqual(first.deliver(message()).code, 250)
        # Visitors of the page who say nothing.
        visitors = []
        for _ in range(100):
            visitors.append(socket.create_connection(self.gateway.web.address, 5))
            self.addCleanup(visitors[-1].close)
        wait_until(lambda: len(os.listdir(f"/proc/{self.gateway.pid}/fd")) == 70, "no descriptor is left")
        answer = self.gateway.client().reply()
        self.assertEqual((answer.code, answer.enhanced), (421, "4.3.2"))
        self.assertEqual(first.deliver(message()).code, 250)
        for visitor in visitors:
            visitor.close()
        self.assert_page_answers()
        self.assertTrue([w for w in self.gateway.status()["warnings"] if "ran out of file descriptors" in w])
        self.assertEqual(self.gateway.client().start().deliver(message()).code, 250)


class BlockedLog(SiteTest):
    """Standard output is a pipe that is full, and nobody reads it."""

    seconds = 8

    def start(self, **config):
        pipe = self.site.file("full")
        os.mkfifo(pipe)
        # Open for both: neither end waits for the other, and none of them is closed.
        self.pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, self.pipe)
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, 4096)
        self.fill()
        self.sink = self.site.sink("--quiet")
        self.gateway = self.site.gateway(self.sink, config=config, user_program=["sh", "-c", 'exec "$@" >"$0"', str(pipe)])
        self.client = self.gateway.client().start()

    def fill(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.pipe, b"x" * 512)

    def assert_all_goes_on(self):
        for _ in range(20):
            self.assertEqual(self.client.deliver(message()).code, 250)
            self.gateway.client().start().quit()
        self.assertEqual(self.gateway.http("/livez")[0], 200)
        self.assertEqual(self.gateway.status()["hostname"], "mx.example.org")

    def sigterm(self):
        began = time.monotonic()
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(10), 0)
        return time.monotonic() - began

    def test_mail_flows_and_the_page_answers(self):
        self.start()
        self.assert_all_goes_on()

    def test_opening_the_log_again_stops_nothing(self):
        self.start()
        self.assert_all_goes_on()
        self.assertTrue(self.client.silent_for(0.3))  # lines are written every 100 ms: by now one could not be
        self.gateway.signal(signal.SIGUSR1)
        self.assert_all_goes_on()

    def test_a_reload_stops_nothing(self):
        self.start()
        before = self.gateway.status()["configured"]
        self.gateway.change({"hostname": "new.example.org"})
        self.gateway.signal(signal.SIGHUP)
        wait_until(lambda: self.gateway.status()["hostname"] == "new.example.org", "the configuration was read again")
        self.assertNotEqual(self.gateway.status()["configured"], before)
        self.assertEqual(self.client.deliver(message()).code, 250)

    def test_sigterm_ends_the_program(self):
        self.start()
        self.assert_all_goes_on()
        self.client.close()
        self.assertLess(self.sigterm(), 5.0)

    def test_a_second_sigterm_ends_it_where_a_session_is_open(self):
        self.start(drain_timeout="1 min")
        self.client.envelope("a@client.test", "bob@example.org")
        self.gateway.signal(signal.SIGTERM)
        wait_until(lambda: self.gateway.http("/readyz")[0] != 200, "it drains")
        self.assertLess(self.sigterm(), 8.0)

    def test_a_reader_that_comes_back_gets_the_lines(self):
        self.start()
        self.assertEqual(self.client.deliver(message()).code, 250)
        read = bytearray()

        def transaction():
            with contextlib.suppress(BlockingIOError):
                read.extend(os.read(self.pipe, 65536))
            return b'"event":"transaction"' in read
        wait_until(transaction, "the transaction's line is read")
        self.assertEqual(self.gateway.status()["log_dropped"], 0)


if __name__ == "__main__":
    unittest.main()
