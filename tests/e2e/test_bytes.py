"""What comes out inside is what came in outside, byte by byte; what is no CRLF line is made one, and never more.

Issue 2, "SMTP in": content made of CRLF lines without NUL is relayed byte-exact; only CRLF.CRLF ends data, and
nothing that any server could take for an end of data is ever forwarded.
"""
import itertools
import random
import unittest

from harness import Backend, SharedSiteTest, SiteTest, message, stuffed

EVERY_OCTET = bytes(b for b in range(256) if b not in (0, 10, 13))


def text_of(size, seed):
    """Lines of many lengths with all octets in them, dots at many starts."""
    source = random.Random(seed)
    octets = source.randbytes(1 << 20).translate(bytes.maketrans(b"\0\r\n", b"..~"))
    lines, total = [], 0
    while total < size:
        length = source.choice((0, 1, 2, 60, 76, 998, 4096))
        start = source.randrange(len(octets) - length)
        lines.append((b"." if source.random() < 0.2 else b"") + octets[start:start + length])
        total += len(lines[-1]) + 2
    return b"\r\n".join(lines)[:size - 2].rstrip(b"\r") + b"\r\n"


CONTENTS = {
    "every_octet": message(body=EVERY_OCTET + b"\r\n" + bytes(reversed(EVERY_OCTET)) + b"\r\n"),
    "every_octet_at_the_start_of_a_line": message(body=b"".join(bytes([b]) + b"x\r\n" + bytes([b]) + b"\r\n" for b in EVERY_OCTET)),
    "dots_in_all_forms": message(body=b".\r\n..\r\n...\r\n....\r\n.x\r\n..x\r\n...x\r\n .\r\n. \r\n.\t\r\n\r\n.\r\n\r\n..\r\n\r\n\r\n.\r\n.\r\n..\r\n"),
    "a_dot_at_every_place_of_a_line": message(body=b"".join(b"x" * i + b"." + b"x" * (9 - i) + b"\r\n" for i in range(10))),
    "a_dot_as_the_last_line": message(body=b"end\r\n.\r\n"),
    "a_dot_as_the_very_first_octet": b".first: field\r\n\r\n.\r\n",
    "no_header": b"\r\nbody only\r\n",
    "a_header_only": b"Subject: no body\r\n",
    "one_empty_line": b"\r\n",
    "only_dots": b".\r\n.\r\n",
    "long_lines": message(body=b"a" * (1 << 20) + b"\r\n" + b"." * (1 << 20) + b"\r\n." + b"b" * (1 << 20) + b"\r\n"),
    "a_mixture_of_a_mebibyte": message(body=text_of(1 << 20, 7)),
}


def send_data(client, content):
    """With DATA, in one piece."""
    client.send(stuffed(content) + b".\r\n")
    return client.reply()


def send_data_in_pieces(client, content):
    """With DATA, in packets of random sizes that begin and end anywhere."""
    wire, source, at = stuffed(content) + b".\r\n", random.Random(len(content)), 0
    while at < len(wire):
        size = source.choice((1, 1, 2, 3, 5, 100, 4095)) if len(wire) < 20000 else source.choice((1, 4096, 65535, 65537))
        client.send(wire[at:at + size])
        at += size
    return client.reply()


def send_bdat(client, content, size, final_zero=False):
    """With BDAT, in chunks of `size`; many are on their way at a time, but not so many that their replies get stuck."""
    chunks = [content[i:i + size] for i in range(0, len(content), size)]
    if final_zero:
        chunks.append(b"")
    for start in range(0, len(chunks), 200):
        group = chunks[start:start + 200]
        for i, chunk in enumerate(group):
            last = b" LAST" if start + i + 1 == len(chunks) else b""
            group[i] = b"BDAT %d%s\r\n" % (len(chunk), last) + chunk
        client.send(b"".join(group))
        for answer in client.replies(len(group)):
            if answer.code != 250:
                return answer
    return answer


class ByteExact(SharedSiteTest):
    """One gateway for each kind of backend; the tests are made from CONTENTS below."""

    seconds = 15

    @classmethod
    def build(cls, site):
        big = {"smtp": {"max_messages": 100000, "max_message_size": "64 MiB"}, "relay": {"before_dot": "60 s", "after_dot": "60 s"}}
        cls.backends = {}
        for name, flags in {"everything": [], "no_chunking": ["--without", "CHUNKING"], "no_pipelining": ["--without", "CHUNKING,PIPELINING"]}.items():
            sink = site.sink("--quiet", *flags)
            cls.backends[name] = (sink, site.gateway(sink, config=big))

    def check(self, content, send, backend="everything", expected=None):
        sink, gateway = self.backends[backend]
        before = len(sink.messages())
        client = gateway.client().start()
        self.assertEqual([a.code for a in client.envelope("a@client.test", "bob@example.org")], [250, 250])
        if "bdat" not in send.__name__:
            self.assertEqual(client.ask("DATA").code, 354)
        answer = send(client, content)
        self.assertEqual(answer.code, 250, answer)
        stored = sink.messages()
        self.assertEqual(len(stored), before + 1)
        self.assert_same(stored[-1].original, content if expected is None else expected)

    def assert_same(self, stored, sent):
        if stored == sent:  # assertEqual on 50 MiB would take minutes to say what differs
            return
        at = next((i for i, (a, b) in enumerate(zip(stored, sent)) if a != b), min(len(stored), len(sent)))
        self.fail(f"{len(stored)} octets stored, {len(sent)} sent; first difference at {at}: {stored[at - 20:at + 20]!r} for {sent[at - 20:at + 20]!r}")

    def test_fifty_mebibytes_with_data(self):
        self.check(message(body=text_of(50 << 20, 1)), send_data)

    def test_fifty_mebibytes_with_bdat(self):
        def bdat(client, content):
            return send_bdat(client, content, 1 << 20)
        self.check(message(body=text_of(50 << 20, 2)), bdat, "no_chunking")

    def test_bdat_content_without_an_end_of_line_gets_one(self):
        def bdat(client, content):
            return send_bdat(client, content, 3)
        for tail in (b"no newline", b"no newline\r\n.", b"."):
            self.check(message(body=tail), bdat, expected=message(body=tail + b"\r\n"))

    def test_a_chunk_that_begins_in_the_packet_of_its_command_may_take_its_time(self):
        # The minimum data rate counts from a minute on, and data_timeout is three: a second is no slow message.
        def bdat(client, content):
            client.send(b"BDAT %d LAST\r\n" % len(content) + content[:10])
            self.assertTrue(client.silent_for(1.0), "the gateway spoke before the chunk was complete")
            client.send(content[10:])
            return client.reply()
        self.check(message("in pieces"), bdat)

    def test_a_line_that_fills_buffers_exactly(self):
        # Around the sizes of the first chunk, of the others, and of a read.
        for size in (4096, 16384, 65536, 262144):
            for near in (-3, -2, -1, 0, 1):
                self.check(message(body=b"x" * (size + near - len(message(body=b""))) + b"\r\n.\r\n.more\r\n"), send_data)


def add_tests():
    """A test for each content and way."""
    def bdat_chunks_of(size):
        def bdat(client, content):
            return send_bdat(client, content, size)
        return bdat

    def bdat_and_an_empty_last_chunk(client, content):
        return send_bdat(client, content, 1000, final_zero=True)

    ways = {"data": (send_data, "everything"), "data_in_pieces": (send_data_in_pieces, "no_chunking"), "data_without_pipelining": (send_data, "no_pipelining"),
            "one_chunk": (bdat_chunks_of(1 << 30), "no_chunking"), "an_empty_last_chunk": (bdat_and_an_empty_last_chunk, "everything"),
            "chunks_of_1": (bdat_chunks_of(1), "everything"), "chunks_of_2": (bdat_chunks_of(2), "no_pipelining"),
            "chunks_of_7": (bdat_chunks_of(7), "everything"), "chunks_of_4095": (bdat_chunks_of(4095), "no_chunking")}
    for what, content in CONTENTS.items():
        for way, (send, backend) in ways.items():
            if len(content) > 100000 and way in ("chunks_of_1", "chunks_of_2", "chunks_of_7"):
                continue  # a million replies prove nothing more

            def test(self, content=content, send=send, backend=backend):
                self.check(content, send, backend)
            setattr(ByteExact, f"test_{what}_with_{way}", test)


add_tests()


# ---- Content that is not made of CRLF lines

END = b"\r\n.\r\n"


def naive(wire):
    """What DATA's octets before CRLF.CRLF mean, read slowly: with dots unstuffed, and newlines normalised. A line that
    begins after a bare LF is content: its dot stays. So does the dot of a line that is only that, ended by a bare LF."""
    out, i, line_start = bytearray(), 0, True
    while i < len(wire):
        at, following = wire[i:i + 1], wire[i + 1:i + 2]
        if at == b"\r" and following == b"\n":
            out += b"\r\n"
            i, line_start = i + 2, True
            continue
        if at == b"\n":
            out += b"\r\n"
        elif at == b"\r":
            out += b" "
        elif not (at == b"." and line_start and following != b"\n"):
            out += at
        i, line_start = i + 1, False
    return bytes(out)


def naive_bdat(content):
    """What BDAT's octets mean: no dots are special, and the last line is ended."""
    clean = content.replace(b"\r\n", b"\0").replace(b"\r", b" ").replace(b"\n", b"\r\n").replace(b"\0", b"\r\n")
    return clean if clean.endswith(b"\r\n") else clean + b"\r\n"


def all_sequences(longest):
    """Every sequence of CR, LF, a dot and a letter up to this length."""
    for length in range(1, longest + 1):
        for parts in itertools.product((b"\r", b"\n", b".", b"a"), repeat=length):
            yield b"".join(parts)


class NothingEndsEarly(SiteTest):
    """Smuggling: the sender's idea of where a message ends must be everybody's."""

    seconds = 25

    def start(self, end_of_data):
        self.backend = self.site.backend(end_of_data=end_of_data)
        self.gateway = self.site.gateway(self.backend, config={"smtp": {"max_messages": 100000}, "relay": {"before_dot": "30 s", "after_dot": "30 s"}})
        self.client = self.gateway.client().start()

    def send_all(self, wires, expected):
        """Each as one message; what the backend saw must be one message for each, with the expected content."""
        for begin in range(0, len(wires), 50):
            for wire in wires[begin:begin + 50]:
                self.client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<bob@example.org>\r\n")
                self.assertEqual([a.code for a in self.client.replies(2)], [250, 250])
                codes = self.send_one(wire)
                self.assertEqual(codes[-1], 250, f"{wire!r}: {codes}")
        self.assertEqual(len(self.backend.delivered), len(wires))
        self.assertEqual(len([c for c in self.backend.commands() if c.startswith("MAIL")]), len(wires))
        self.assertEqual((self.backend.refused, self.backend.cut), ([], []))
        for wire, stored, wanted in zip(wires, self.backend.delivered, expected):
            self.assertEqual(stored.original, wanted, f"for {wire!r}")

    def send_one(self, wire):
        self.client.send(b"DATA\r\n")
        self.assertEqual(self.client.reply().code, 354)
        self.client.send(wire)
        return [self.client.reply().code]

    def data_wires(self, longest):
        wires = [b"x\r\n" + s + b"Q" + END for s in all_sequences(longest)] + [b"x" + s + END for s in all_sequences(longest)]
        # Those that do not end early by the protocol itself.
        return [w for w in wires if w.find(END) == len(w) - len(END)]

    def test_no_sequence_of_five_ends_data_early_at_a_lenient_backend(self):
        self.start(Backend.LENIENT)
        wires = self.data_wires(5)
        self.assertGreater(len(wires), 2000)
        self.send_all(wires, [naive(w[:-3]) for w in wires])

    def test_nor_at_a_strict_one(self):
        self.start(Backend.STRICT)
        wires = self.data_wires(4)
        self.send_all(wires, [naive(w[:-3]) for w in wires])

    def test_nor_by_bdat(self):
        self.start(Backend.LENIENT)
        contents = list(all_sequences(4)) + [b"x\r\n" + s + b"\r\n" for s in all_sequences(5)]

        def send_one(content):
            # Cut in the middle: a CR may end one chunk and its LF begin the next.
            half = len(content) // 2
            self.client.send(b"BDAT %d\r\n" % half + content[:half] + b"BDAT %d LAST\r\n" % (len(content) - half) + content[half:])
            return [a.code for a in self.client.replies(2)]
        self.send_one = send_one
        self.send_all(contents, [naive_bdat(c) for c in contents])

    def test_a_smuggled_transaction_stays_content(self):
        self.start(Backend.LENIENT)
        evil = b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil"
        ends = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r.\n", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\n\n.\n\n")
        wires = [message(f"end {i}", b"text") + end + evil + END for i, end in enumerate(ends)]
        self.send_all(wires, [naive(w[:-3]) for w in wires])
        self.assertNotIn("evil@client.test", [s.sender for s in self.backend.delivered])

    def test_newlines_made_good_are_counted_in_the_log(self):
        self.start(Backend.STRICT)
        self.client.deliver(message(body=b"one\ntwo\rthree\n\r\n"))
        self.client.quit()
        line = self.gateway.wait_for_event("transaction")
        self.assertEqual((line["bare_lf"], line["bare_cr"]), (2, 1))

    def test_an_end_of_data_split_over_packets_is_one(self):
        self.start(Backend.STRICT)
        for at in range(1, len(END)):
            answers = self.client.envelope("a@client.test", "bob@example.org") + [self.client.ask("DATA")]
            self.assertEqual([a.code for a in answers], [250, 250, 354])
            wire = message(f"split {at}", b"text") + END
            self.client.send(wire[:len(wire) - at])
            self.assertTrue(self.client.silent_for(0.05))
            self.client.send(wire[len(wire) - at:])
            self.assertEqual(self.client.reply().code, 250)
        self.assertEqual([s.original[-6:] for s in self.backend.delivered], [b"text\r\n"] * 4)


class BareNewlinesRefused(SharedSiteTest):
    """smtp.bare_newline = "reject"."""

    @classmethod
    def build(cls, site):
        cls.sink = site.sink()
        cls.gateway = site.gateway(cls.sink, config={"smtp": {"bare_newline": "reject"}})

    def test_after_the_whole_message_was_read(self):
        client = self.gateway.client().start()
        for flaw in (b"\n", b"\r", b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\r\n", b"\n\r"):
            with self.subTest(flaw):
                answer = client.deliver(message(body=b"one" + flaw + b"two\r\n"))
                self.assert_reply(answer, 550, "5.6.11")
        self.assertEqual(client.ask("NOOP").code, 250)
        self.assertEqual(self.sink.messages(), [])

    def test_in_bdat_as_well(self):
        client = self.gateway.client().start()
        for content in (b"one\ntwo\r\n", b"one\rtwo\r\n", b"one\r"):
            client.envelope("a@client.test", "bob@example.org")
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            self.assert_reply(client.reply(), 550, "5.6.11")
        self.assertEqual(self.sink.messages(), [])

    def test_a_clean_message_passes(self):
        gateway_sink = self.site.sink()
        gateway = self.site.gateway(gateway_sink, config={"smtp": {"bare_newline": "reject"}})
        self.assertEqual(gateway.client().start().deliver(message(body=b"clean\r\n")).code, 250)


class Nul(SharedSiteTest):
    """A message with NUL is refused whatever bare_newline says."""

    @classmethod
    def build(cls, site):
        cls.sink = site.sink()
        cls.gateways = [site.gateway(cls.sink, config={"smtp": {"bare_newline": mode}}) for mode in ("normalize", "reject")]

    def test_is_554_5_6_0(self):
        for gateway in self.gateways:
            client = gateway.client().start()
            for content in (message(body=b"a\0b\r\n"), b"\0" + message(), message(body=b"\n\0\r\n"), message(body=b"x" * 300000 + b"\0\r\n")):
                self.assert_reply(client.deliver(content), 554, "5.6.0")
                client.envelope("a@client.test", "bob@example.org")
                client.send(b"BDAT %d LAST\r\n" % len(content) + content)
                self.assert_reply(client.reply(), 554, "5.6.0")
        self.assertEqual(self.sink.messages(), [])


if __name__ == "__main__":
    unittest.main()
