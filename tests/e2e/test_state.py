"""What is remembered survives restarts, kills and clocks that leap; and a disk that fails costs no mail (issue 4).

What backends' refusals have taught stands for all tables here: another one is one more `Lesson`.
"""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from harness import RUN_AS, Closed, SiteTest, message, needs_root, wait_until

INTERVAL = 0.2
HOUR = 3600
MOST = 50  # of one connection
CONFIG = {"state": {"write_interval": "200 ms"}, "smtp": {"soft_error_limit": 10000, "hard_error_limit": 10000, "junk_command_limit": 10000}}


class Learned:
    """A table whose entries are made and asked for over SMTP: the backend refuses one of two recipients, so that the
    sender is told 451 and to come again for the other one alone."""

    table = "learned"
    life = 36 * HOUR  # renewed when asked for
    config = {}
    ripe = 0  # seconds until it can be asked for

    def backend(self, site):
        return site.backend(RCPT=lambda _, address: "550 5.7.1 not for you" if "gone" in str(address) else None)

    def recipients(self, count):
        return [f"gone{i:04}@example.org" for i in range(count)] + ["bob@example.org"]

    def make(self, client, number):
        """From here on it is known, by what the client was told."""
        return client.deliver(message(), recipients=[f"gone{number:04}@example.org", "bob@example.org"]).code == 451

    def is_known(self, client, number):
        """Whether it is known now; asks nothing of the backend."""
        client.ask("RSET")
        return client.envelope("sender@client.test", f"gone{number:04}@example.org")[1].code == 550


class Greylisted:
    """A first sighting: whoever was told 451 is taken when he comes again."""

    table = "greylist"
    config = {"policy": {"clients_are_real": ["127.0.0.0/8"]}, "checks": {"greylist": {"mode": "enforce", "apply": "all", "window": "1 s", "auto_pass": 0}}}
    ripe = 2.5  # the window, and what a kill takes from the memory's clock

    def backend(self, site):
        return site.backend()

    def recipients(self, count):
        return [f"user{i:04}@example.org" for i in range(count)] + ["bob@example.org"]

    def make(self, client, number):
        return self.answer(client, number).code == 451

    def is_known(self, client, number):
        return self.answer(client, number).code == 250

    def answer(self, client, number):
        client.ask("RSET")
        return client.envelope("sender@client.test", f"user{number:04}@example.org")[1]


class StateTest(SiteTest):
    count = 10
    lesson = Learned()

    def setUp(self):
        super().setUp()
        self.backend = self.lesson.backend(self.site)
        self.state = self.site.directory("memory", owner=RUN_AS)

    @property
    def db(self):
        return self.state / "state.db"

    def start(self, **config):
        return self.site.gateway(self.backend, recipients=self.lesson.recipients(self.count),
                                 config={"state_dir": str(self.state), **CONFIG, **self.lesson.config, **config})

    def taught(self, gateway, numbers):
        client = gateway.client().start()
        for number in numbers:
            self.assertTrue(self.lesson.make(client, number), number)
        client.quit()

    def known(self, gateway, numbers=None):
        """Which of the numbers are known."""
        found, client = [], None
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun >= self.lesson.ripe, "it can be asked for")
        for number in range(self.count) if numbers is None else numbers:
            if client is None or number % MOST == 0:
                client = self.anew(gateway, client)
            if self.lesson.is_known(client, number):
                found.append(number)
        self.anew(gateway, client).quit()
        return found

    def anew(self, gateway, client):
        """A new session, and the one before it ended."""
        if client:
            client.quit()
        return gateway.client().start()

    def assert_mail_flows(self, gateway):
        before = len(self.backend.delivered)
        client = gateway.client().start()
        self.assertEqual(client.deliver(message()).code, 250)
        client.quit()
        self.assertEqual(len(self.backend.delivered), before + 1)

    def sql(self, text, *values):
        with contextlib.closing(sqlite3.connect(self.db)) as database, database:
            return database.execute(text, values).fetchall()

    def wait_for_rows(self, count):
        wait_until(lambda: self.sql("SELECT count(*) FROM remembered WHERE tab = ?", self.lesson.table)[0][0] >= count, f"{count} rows are written")

    def kill(self, gateway):
        gateway.signal(signal.SIGKILL)
        gateway.wait()
        self.site.stack.remove(gateway)

    def wait_for_trouble(self, gateway, text=""):
        found = wait_until(lambda: [n for n in gateway.notices("state") if n["level"] == "error" and text in n["text"]], f"an alarm with {text!r}")
        self.assertTrue([w for w in gateway.status()["warnings"] if text in w], gateway.status()["warnings"])
        return found[0]


class Restarts(StateTest):
    seconds = 8
    count = 3000

    def test_a_restart_forgets_nothing(self):
        first = self.start()
        self.taught(first, range(20))
        self.assertTrue(first.stop())
        second = self.start()
        self.assertEqual(self.known(second, range(25)), list(range(20)))
        self.assert_mail_flows(second)
        self.assertEqual([n for n in second.notices("state") if n["level"] == "error"], [])

    def test_a_kill_forgets_no_more_than_the_last_interval(self):
        gateway = self.start()
        made = []  # (number, when it was answered)
        failed = []

        def load(client=None):
            with contextlib.suppress(OSError, Closed):
                for number in range(self.count):
                    client = client if number % MOST else gateway.client().start()
                    if not self.lesson.make(client, number):
                        return failed.append(number)
                    made.append((number, time.monotonic()))
        thread = threading.Thread(target=load)
        thread.start()
        wait_until(lambda: made and made[-1][1] - made[0][1] > 4 * INTERVAL, "there is load")
        killed = time.monotonic()
        self.kill(gateway)
        thread.join()
        again = self.start()
        # As long again for the writing itself, on a machine that has other things to do.
        due = [number for number, when in made if when < killed - 3 * INTERVAL]
        self.assertTrue(due)
        self.assertEqual(failed, [])
        self.assertEqual(self.known(again, due), due)
        self.assertEqual([n for n in again.notices("state") if n["level"] != "info"], [], "the file is whole")
        self.assert_mail_flows(again)

    def test_many_kills_in_a_row(self):
        self.count = 10
        for round in range(5):
            gateway = self.start()
            self.assertEqual(self.known(gateway), list(range(round)))
            self.taught(gateway, [round])
            self.wait_for_rows(round + 1)
            self.kill(gateway)
        self.assertEqual(self.known(self.start()), list(range(5)))


class GreylistRestarts(Restarts):
    """Nothing that was answered 451 is forgotten by more than the batch interval."""

    lesson = Greylisted()
    test_many_kills_in_a_row = None  # to ask for a first sighting makes it

    def assert_mail_flows(self, gateway):
        wait_until(lambda: self.taken(gateway), "mail is taken", pause=0.3)

    def taken(self, gateway):
        client = gateway.client().start()
        taken = client.envelope("sender@client.test", "bob@example.org")[1].code == 250
        client.quit()
        return taken


class Clocks(StateTest):
    """The wall clock leaps while the gateway is down: to the file, that is another time of its last word."""

    seconds = 5

    def lives_after(self, leap):
        """Seconds that entries have yet, which were just made before."""
        first = self.start()
        self.taught(first, range(3))
        self.assertTrue(first.stop())
        self.sql("UPDATE meta SET value = value - ? WHERE name = 'wall'", leap)
        second = self.start()
        self.assert_mail_flows(second)
        wait_until(lambda: self.sql("SELECT 1 FROM meta WHERE name = 'wall' AND value > ?", time.time() - 60), "the time is told anew")
        lives = [life for life, in self.sql("SELECT expires - (SELECT value FROM meta WHERE name = 'now') FROM remembered")]
        self.assertEqual(len(lives), 3)
        self.assertEqual(self.known(second), [0, 1, 2])
        return lives

    def test_back_a_day(self):
        for life in self.lives_after(-24 * HOUR):
            self.assertAlmostEqual(life, self.lesson.life, delta=60)

    def test_forward_a_year(self):
        for life in self.lives_after(365 * 24 * HOUR):
            self.assertAlmostEqual(life, self.lesson.life - 24 * HOUR, delta=60)

    def test_forward_again_and_again(self):
        first = self.start()
        self.taught(first, range(3))
        self.assertTrue(first.stop())
        for known in ([0, 1, 2], []):
            # Two days away, and nobody asked meanwhile.
            self.sql("UPDATE meta SET value = value - ? WHERE name = 'wall'", 48 * HOUR)
            gateway = self.start()
            if not known:
                self.assertEqual(self.known(gateway), known)
            self.assert_mail_flows(gateway)
            self.assertTrue(gateway.stop())


class Disks(StateTest):
    """A file or a disk that is no good: all goes on in memory, with an alarm."""

    seconds = 8

    def test_a_corrupt_file_is_set_aside(self):
        first = self.start()
        self.taught(first, [1])
        self.assertTrue(first.stop())
        self.db.write_bytes(b"this is no database" * 1000)
        second = self.start()
        self.wait_for_trouble(second, "could not be used")
        self.assertEqual(self.known(second), [])
        self.assert_mail_flows(second)
        self.taught(second, [2])
        aside, = self.state.glob("state.db.corrupt-*")
        self.assertEqual(aside.read_bytes(), b"this is no database" * 1000)
        self.assertTrue(second.stop())
        self.assertEqual(self.known(self.start()), [2])

    def test_a_file_of_a_newer_version_is_left_alone(self):
        first = self.start()
        self.taught(first, [1])
        self.assertTrue(first.stop())
        self.sql("PRAGMA user_version = 1000")
        before = self.db.read_bytes()
        second = self.start()
        self.wait_for_trouble(second, "newer")
        self.assert_mail_flows(second)
        self.assertEqual(self.known(second), [])
        self.taught(second, [2])
        self.assertEqual(self.known(second), [2])
        self.assertTrue(second.stop())
        self.assertEqual(self.db.read_bytes(), before)

    @needs_root
    def test_a_read_only_directory_is_read(self):
        first = self.start()
        self.taught(first, [1])
        self.assertTrue(first.stop())
        for path in (self.state, *self.state.iterdir()):
            os.chown(path, 0, 0)
            os.chmod(path, 0o555 if path.is_dir() else 0o444)
        second = self.start()
        self.wait_for_trouble(second, "state.db")
        self.assertEqual(self.known(second), [1], "what can be read is known")
        self.assert_mail_flows(second)
        self.taught(second, [2])
        self.assertEqual(self.known(second), [1, 2])
        # And as soon as it can be written, all is well, and nothing was lost.
        for path in (self.state, *self.state.iterdir()):
            shutil.chown(path, RUN_AS)
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
        wait_until(lambda: [n for n in second.notices("state") if "again" in n["text"]], "all is well again", 40)
        self.assertTrue(second.stop())
        self.assertEqual(self.known(self.start()), [1, 2])

    def full(self, size="1m"):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(self.state)], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("a tmpfs cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.state)], capture_output=True)

    def fill(self):
        with contextlib.suppress(OSError), open(self.state / "ballast", "wb", buffering=0) as ballast:
            while True:
                ballast.write(b"x" * 512)

    @needs_root
    def test_a_disk_that_is_full_from_the_start(self):
        self.full()
        self.assertTrue(self.start().stop())  # it makes itself a certificate
        self.db.unlink()
        self.fill()
        gateway = self.start()
        self.wait_for_trouble(gateway)
        self.assert_mail_flows(gateway)
        self.taught(gateway, [1])
        self.assertEqual(self.known(gateway), [1])
        (self.state / "ballast").unlink()
        wait_until(lambda: [n for n in gateway.notices("state") if "again" in n["text"]], "all is well again", 40)
        self.wait_for_rows(1)
        self.site.close()

    @needs_root
    def test_a_disk_that_fills_up(self):
        self.full()
        gateway = self.start()
        self.taught(gateway, [1])
        self.wait_for_rows(1)
        self.fill()
        for number in range(2, self.count):
            self.taught(gateway, [number])
        self.wait_for_trouble(gateway, "full")
        self.assert_mail_flows(gateway)
        self.assertEqual(self.known(gateway), list(range(1, self.count)))
        self.kill(gateway)
        again = self.start()
        self.assertIn(1, self.known(again), "what was written before is still there")
        self.assert_mail_flows(again)
        self.site.close()

    def test_the_file_is_taken_away(self):
        gateway = self.start()
        self.taught(gateway, [1])
        self.wait_for_rows(1)
        self.db.unlink()
        self.taught(gateway, [2])
        self.wait_for_trouble(gateway, "taken away")
        self.assert_mail_flows(gateway)
        self.assertTrue(gateway.stop())
        self.assertEqual(self.known(self.start()), [2])


class Orders(StateTest):
    """What another process asks for in the file is done in memory."""

    def test_a_row_that_is_to_be_forgotten(self):
        gateway = self.start()
        self.taught(gateway, [1, 2])
        self.wait_for_rows(2)
        (tab, key), = self.sql("SELECT tab, key FROM remembered WHERE name = 'sender@client.test' || char(0) || 'gone0001@example.org'")
        with contextlib.closing(sqlite3.connect(self.db)) as database, database:
            database.execute("DELETE FROM remembered WHERE tab = ? AND key = ?", (tab, key))
            database.execute("INSERT INTO orders (kind, tab, key) VALUES (0, ?, ?)", (tab, key))
        wait_until(lambda: self.sql("SELECT count(*) FROM orders")[0][0] == 0, "the orders are carried out")
        self.assertEqual(self.known(gateway), [2])

    def test_check_says_if_the_file_cannot_be_used(self):
        gateway = self.start()
        self.assertTrue(gateway.stop())
        self.db.write_bytes(b"this is no database" * 1000)
        said = subprocess.run([gateway.process.args[0], "check", "--config", gateway.config_path], capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("state.db: file is not a database", said.stderr)
        self.assertEqual(len(list(self.state.glob("state.db*"))), 1, "nothing was touched")


if __name__ == "__main__":
    unittest.main()
