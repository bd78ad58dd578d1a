"""`gatepost state`: what is remembered is listed, forgotten, taken along; beside the running gateway and without one."""
import json
import os
import sqlite3
import stat
import subprocess
import time
import unittest

from harness import KNOWN, RUN_AS, SiteTest, binary, message, needs_root, sanitizer_settings, wait_until

REFUSAL = "550 5.1.1 no such user here"


def run(*arguments, given=None):
    return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, input=given, env=sanitizer_settings(), timeout=60)


class StateTest(SiteTest):
    def state(self, gateway, verb, *arguments, given=None):
        return run("state", verb, "--config", gateway.config_path, *arguments, given=given)

    def listed(self, gateway, *arguments):
        ran = self.state(gateway, "list", "--json", *arguments)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""), ran)
        return json.loads(ran.stdout)

    def names(self, gateway, *arguments):
        return [row["shown"] for row in self.listed(gateway, *arguments)["rows"]]

    def site_that_learned(self, *refused):
        """A gateway whose backend has refused these, and now would not."""
        backend = self.site.backend(RCPT=lambda _, line: REFUSAL if any(r in line for r in refused) else None)
        gateway = self.site.gateway(backend, recipients=[*KNOWN, *refused])
        for recipient in refused:
            self.assert_reply(self.send(gateway, recipient), 550, "5.1.1")
        backend.on = {}
        wait_until(lambda: len(self.names(gateway)) >= len(refused), "what was learned is written")
        return backend, gateway

    @staticmethod
    def send(gateway, recipient):
        return gateway.client().start().deliver(message("hello"), recipients=(recipient,))

    @staticmethod
    def rcpt(gateway, recipient):
        return gateway.client().start().envelope("sender@client.test", recipient)[1]


class BesideTheGateway(StateTest):
    seconds = 8

    def test_what_was_learned_is_listed_explained_forgotten_and_asked_anew(self):
        backend, gateway = self.site_that_learned("bob@example.org")
        self.assert_reply(self.rcpt(gateway, "bob@example.org"), 550, "5.1.1")
        asked = len(backend.connections)

        listed = self.state(gateway, "list").stdout
        self.assertRegex(listed, r"state\.db, written \d+ s ago; the gateway is running\n")
        self.assertRegex(listed, r"(?m)^learned +bob@example\.org: the backend says 550 5\.1\.1 no such user here; expires in (59 min|1 h)")
        self.assertRegex(listed, r"(?m)^learned +1 entry$")
        explained = self.explain(gateway)
        self.assertEqual(explained.returncode, 1, explained)
        self.assertRegex(explained.stdout, r"^memory +1 entries, written \d+ s ago\n")
        self.assertEqual(len(backend.connections), asked)

        began = time.monotonic()
        forgotten = self.state(gateway, "forget", "learned", "bob@example.org")
        self.assertEqual(forgotten.returncode, 0, forgotten)
        self.assertIn("forgotten: learned 1\nthe running gateway has done so, too\n", forgotten.stdout)
        self.assertLess(time.monotonic() - began, 3)
        self.assertEqual(self.names(gateway), [])
        for file in gateway.state.iterdir():
            self.assertNotIn(b"bob@", file.read_bytes(), f"{file.name} still has it")
        self.assertEqual(self.explain(gateway).returncode, 0)
        self.assert_reply(self.send(gateway, "bob@example.org"), 250)
        self.assertEqual([stored.recipients for stored in backend.delivered], [["bob@example.org"]])

    def explain(self, gateway):
        return run("explain", "--config", gateway.config_path, "--client", "192.0.2.1", "--helo", "mail.client.test", "--from", "sender@client.test",
                   "--to", "bob@example.org")

    def test_many_are_forgotten_only_by_who_says_so(self):
        users = [f"user{i}@example.org" for i in range(12)]
        _, gateway = self.site_that_learned(*users)
        asked = self.state(gateway, "forget", "--match", "example.org")
        self.assertEqual(asked.returncode, 1)
        self.assertIn("nothing was forgotten: these are 12 entries (learned 12); --yes forgets them", asked.stdout)
        self.assertEqual(sorted(self.names(gateway)), sorted(users))
        self.assertEqual(self.names(gateway, "--match", "user1*"), ["user10@example.org", "user11@example.org", "user1@example.org"])
        some = self.listed(gateway, "learned", "--limit", "5")
        self.assertEqual((len(some["rows"]), some["more"], some["tables"]["learned"], some["gateway_runs"]), (5, 7, 12, True))
        self.assertEqual(self.state(gateway, "forget", "--match", "example.org", "--yes").returncode, 0)
        self.assertEqual(self.names(gateway), [])
        for user in users:
            self.assert_reply(self.rcpt(gateway, user), 250)

    def test_where_there_is_nothing_it_says_so(self):
        _, gateway = self.site_that_learned("bob@example.org")
        for arguments in (("learned", "carol@example.org"), ("--match", "elsewhere.test"), ("learned", "--match", "ob@example.org")):
            ran = self.state(gateway, "forget", *arguments)
            self.assertEqual(ran.returncode, 1, ran)
            self.assertRegex(ran.stdout, "nothing (is remembered|that matches)")
        ran = self.state(gateway, "forget", "reputation", "address", "192.0.2.1")
        self.assertIn('a name of several parts stands in quotes: "address 192.0.2.1"\n', ran.stdout)
        ran = self.state(gateway, "forget", "learned", "bob@example.org", "carol@example.org")
        self.assertEqual(ran.returncode, 1, ran)
        self.assertIn("carol@example.org: nothing is remembered", ran.stdout)
        self.assertIn("forgotten: learned 1", ran.stdout)

    def test_an_export_is_taken_in_by_another_gateway_while_it_runs(self):
        _, here = self.site_that_learned("bob@example.org", "alice@example.org")
        other_backend = self.site.backend()
        there = self.site.gateway(other_backend)
        exported = self.site.file("memory.jsonl")
        self.assertEqual(self.state(here, "export", exported).returncode, 0)
        self.assertEqual(stat.S_IMODE(exported.stat().st_mode), 0o600)
        header, *rows = map(json.loads, exported.read_text().splitlines())
        self.assertEqual((header["gatepost_state"], header["host"]), (1, "mx.example.org"))
        self.assertEqual([(row["table"], row["name"]) for row in rows], [("learned", "alice@example.org"), ("learned", "bob@example.org")])
        self.assertIn(REFUSAL, rows[0]["says"])

        imported = self.state(there, "import", exported)
        self.assertEqual((imported.returncode, imported.stdout), (0, "imported: learned 2\nthe running gateway has done so, too\n"), imported)
        self.assert_reply(self.rcpt(there, "bob@example.org"), 550, "5.1.1")
        self.assertEqual(sorted(self.names(there)), ["alice@example.org", "bob@example.org"])
        sooner = "\n".join(map(json.dumps, [header, *({**row, "expires_in": 60} for row in rows)]))
        again = self.state(there, "import", "-", given=sooner)
        self.assertRegex(again.stdout, "imported: nothing\nleft as they are, since they expire no earlier: 2\n")

        # What was imported can be forgotten: it is known under this gateway's keys.
        self.assertEqual(self.state(there, "forget", "learned", "bob@example.org").returncode, 0)
        self.assert_reply(self.rcpt(there, "bob@example.org"), 250)

    def test_of_a_bad_file_nothing_is_taken_in(self):
        _, gateway = self.site_that_learned("bob@example.org")
        good = self.state(gateway, "export").stdout
        self.assertEqual(self.state(gateway, "forget", "learned", "bob@example.org").returncode, 0)
        bad = self.state(gateway, "import", "-", given=good + "rubbish\n[]\n")
        self.assertEqual(bad.returncode, 1)
        self.assertIn("-: line 3: ", bad.stderr)
        self.assertIn("-: line 4: ", bad.stderr)
        self.assertIn("nothing was imported", bad.stderr)
        self.assertEqual(self.names(gateway), [])
        strange = self.state(gateway, "import", "-", given=good + '{"table":"tomorrow","name":"a","value":"00","expires_in":9}\n')
        self.assertEqual(strange.returncode, 0, strange)
        self.assertIn("no such tables here: tomorrow 1", strange.stderr)
        self.assertEqual(self.names(gateway), ["bob@example.org"])

    def test_page_and_metrics_show_the_memory(self):
        _, gateway = self.site_that_learned("bob@example.org")
        state = gateway.status()["state"]
        self.assertTrue(state["store"]["up"])
        self.assertNotEqual(state["store"]["last_write"], "")
        learned = [table for table in state["tables"] if table["table"] == "learned"]
        self.assertEqual([(t["entries"], t["survives"]) for t in learned], [(1, True)])
        metrics = gateway.http("/metrics")[1]
        self.assertIn('gatepost_state_entries{table="learned"} 1', metrics)
        self.assertIn("gatepost_state_store_up 1", metrics)
        self.assertRegex(metrics, r"gatepost_state_rows_written_total [1-9]")


class WithoutTheGateway(StateTest):
    seconds = 8

    def stopped(self, *refused):
        backend, gateway = self.site_that_learned(*refused)
        self.assertTrue(gateway.stop())
        return backend, gateway

    def database(self, gateway, *statements):
        with sqlite3.connect(gateway.state / "state.db") as database:
            for statement in statements:
                database.execute(statement)
        database.close()

    def test_the_file_is_listed_and_changed(self):
        _, gateway = self.stopped("bob@example.org", "alice@example.org")
        self.assertIn("; no gateway is running\n", self.state(gateway, "list").stdout)
        forgotten = self.state(gateway, "forget", "learned", "bob@example.org")
        self.assertIn("forgotten: learned 1\nno gateway is running\n", forgotten.stdout)
        self.assertEqual(self.names(gateway), ["alice@example.org"])

    def test_a_gateway_that_crashed_is_not_waited_for(self):
        _, gateway = self.stopped("bob@example.org")
        self.database(gateway, "UPDATE meta SET value = 0 WHERE name = 'clean'")
        began = time.monotonic()
        forgotten = self.state(gateway, "forget", "learned", "bob@example.org")
        self.assertIn("no gateway is running\n", forgotten.stdout)
        self.assertLess(time.monotonic() - began, 2.5)

    def test_what_cannot_be_read_is_exit_code_3_with_a_reason(self):
        _, gateway = self.stopped("bob@example.org")
        self.database(gateway, "PRAGMA user_version = 99")
        for verb, more in (("list", ()), ("forget", ("learned", "x")), ("export", ()), ("import", ("-",))):
            ran = self.state(gateway, verb, *more, given="")
            self.assertEqual((ran.returncode, ran.stdout), (3, ""), ran)
            self.assertIn("it was written by a newer Gatepost (version 99", ran.stderr)
        file = gateway.state / "state.db"
        file.write_bytes(b"something else entirely" * 100)
        ran = self.state(gateway, "list")
        self.assertEqual(ran.returncode, 3, ran)
        self.assertIn("state.db: ", ran.stderr)
        file.unlink()
        for verb, more in (("list", ()), ("forget", ("learned", "x")), ("export", ())):
            ran = self.state(gateway, verb, *more)
            self.assertEqual(ran.returncode, 3, ran)
            self.assertIn("state.db is not there: no gateway has run with this state_dir yet", ran.stderr)
        self.assertFalse(file.exists(), "looking makes no file")

    def test_what_cannot_be_understood_is_exit_code_2(self):
        _, gateway = self.stopped("bob@example.org")
        for arguments, words in ((("list", "lerned"), 'there is no table "lerned" (did you mean "learned"?); there are'), (("forget",), "say a table and names"),
                                 (("forget", "learned"), "say a table and names"), (("list", "--nonsense"), "--nonsense"), (("list", "--limit", "-1"), "--limit"), (("import",), "file")):
            ran = self.state(gateway, *arguments)
            self.assertEqual((ran.returncode, ran.stdout), (2, ""), ran)
            self.assertIn(words, ran.stderr)

    def test_a_disk_that_cannot_be_written_can_be_read(self):
        _, gateway = self.stopped("bob@example.org")
        file = gateway.state / "state.db"
        file.chmod(0o444)
        gateway.state.chmod(0o555)
        self.addCleanup(gateway.state.chmod, 0o755)
        self.assertEqual(self.names(gateway), ["bob@example.org"])
        self.assertEqual(self.state(gateway, "export").returncode, 0)
        ran = self.state(gateway, "forget", "learned", "bob@example.org")
        self.assertEqual(ran.returncode, 3, ran)
        self.assertIn("state.db: ", ran.stderr)

    @needs_root
    def test_root_makes_no_files_of_its_own(self):
        _, gateway = self.stopped("bob@example.org")
        exported = self.state(gateway, "export").stdout
        for file in gateway.state.iterdir():
            file.unlink()
        self.assertEqual(self.state(gateway, "import", "-", given=exported).returncode, 0)
        self.assertEqual(self.names(gateway), ["bob@example.org"])
        owners = {file.name: file.owner() for file in gateway.state.iterdir()}
        self.assertEqual(set(owners.values()), {RUN_AS}, owners)
        self.assertEqual(os.stat(gateway.state / "state.db").st_mode & 0o007, 0)


if __name__ == "__main__":
    unittest.main()
