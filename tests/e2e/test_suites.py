"""Public suites that others wrote; skipped where they are not on the machine (GATEPOST_SUITES)."""
import re
import unittest
import xml.etree.ElementTree

from harness import SharedSiteTest, suites

SUITES = suites()
DIALOGUES = sorted((SUITES / "smtp/dialogues").glob("*.cmy")) if SUITES else []
ADDRESSES = SUITES / "address/tests-original.xml" if SUITES else None

# Where Gatepost answers with another class on purpose: (dialogue, expected there) -> class here.
DIFFERENT = {
    # The header is not parsed as RFC 5322: what is odd but can be relayed is relayed, byte-exact.
    ("bad_data", "554 5.6.0 Error parsing message"): 2,
    # Bare newlines are made CRLF and stay content; smtp.bare_newline = "reject" refuses them.
    ("bad_data_dot", "521 5.5.2 Error reading DATA: invalid line ending"): 2,
    ("bad_data_dot_2", "521 5.5.2 Error reading DATA: invalid line ending"): 2,
}
# Implicit TLS and AUTH belong to submission, which this is not.
NOT_OURS = {"auth_multi_dialog", "auth_too_many_failures"}


@unittest.skipUnless(DIALOGUES, "no suites: set GATEPOST_SUITES to the folder with smtp/dialogues")
class Dialogues(SharedSiteTest):
    """chasquid's dialogues, compared by the class of each reply; the texts and details are chasquid's own."""

    @classmethod
    def build(cls, site):
        cls.sink = site.sink("--quiet")
        cls.gateway = site.gateway(cls.sink, recipients=["user@testserver"], config={
            "hostname": "mx.testserver", "smtp": {"max_message_size": "1 MiB"}, "domains": [{"names": ["testserver"], "recipients": ["file:staff"], "route": "inside"}]})

    def run_dialogue(self, path):
        before = len(self.sink.messages())
        client = None
        for line in path.read_text().splitlines():
            step = re.match(r"c (tcp_connect|close|->|~>|<~|<-|<\.\.\.) ?(.*)", line)
            if not step:
                continue
            what, rest = step.groups()
            if what == "tcp_connect":
                client = self.gateway.client()
            elif what == "close":
                client.close()
            elif what == "->":
                client.send(rest + "\r\n")
            elif what == "~>":
                client.send(eval(rest, {"__builtins__": {}}))  # a Python string, as the suite's own runner takes it
            else:
                expected = DIFFERENT.get((path.stem, rest), int(rest[0]))
                answer = client.reply()
                self.assertEqual(answer.code // 100, expected, f"{line}: {answer}")
        verify = path.with_suffix(".cmy.verify")
        if verify.exists():
            stored = self.sink.messages()[before].original
            self.assertEqual(stored, verify.read_bytes().replace(b"\n", b"\r\n"))


def add_dialogues():
    for path in DIALOGUES:
        if path.stem not in NOT_OURS:
            setattr(Dialogues, f"test_{path.stem}", lambda self, path=path: self.run_dialogue(path))


add_dialogues()

VALID = {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321"}
# RFC 5321 has 64 octets for a local part, but says that implementations should take more (4.5.3.1); mailing lists send such.
LONG_LOCAL_PART = "ISEMAIL_RFC5322_LOCAL_TOOLONG"


@unittest.skipUnless(ADDRESSES, "no suites: set GATEPOST_SUITES to the folder with address/tests-original.xml")
class Addresses(SharedSiteTest):
    """isemail's addresses as MAIL FROM: what is valid in RFC 5321 is taken, all else is refused."""

    @classmethod
    def build(cls, site):
        cls.gateway = site.gateway(site.sink("--quiet"))

    def cases(self):
        for test in xml.etree.ElementTree.parse(ADDRESSES).getroot().iter("test"):
            address = test.findtext("address") or ""
            # U+2400 and on stand for control characters.
            address = "".join(chr(ord(c) - 0x2400) if 0x2400 <= ord(c) <= 0x2421 else c for c in address)
            yield test.get("id"), address, test.findtext("category"), test.findtext("diagnosis")

    def answer_to(self, address):
        client = self.gateway.client()
        try:
            return client.start().ask(f"MAIL FROM:<{address}>")
        finally:
            client.close()

    def test_all(self):
        count = 0
        for number, address, category, diagnosis in self.cases():
            count += 1
            if address == "":
                continue  # <> is the null sender, not an address
            good = category in VALID or diagnosis == LONG_LOCAL_PART
            with self.subTest(number, address=address, diagnosis=diagnosis):
                answer = self.answer_to(address)
                self.assertEqual(answer.code // 100, 2 if good else 5, answer)
        self.assertGreaterEqual(count, 279)


if __name__ == "__main__":
    unittest.main()
