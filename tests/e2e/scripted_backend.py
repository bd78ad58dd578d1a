"""SMTP on the inside: a server that misbehaves exactly as it is told."""
import contextlib
import re
import socket
import threading

from basics import PATIENCE, Port
from smtp_client import Closed, Stored


class CLOSE:
    """The backend ends the connection."""


class RESET:
    """The backend ends the connection with RST."""


class STALL:
    """The backend says nothing more, and keeps the connection."""


class Backend:
    """An SMTP server that does as it is told.

    `on` maps a step to what happens there instead of the usual answer: text is a reply, bytes are sent as they are,
    CLOSE, RESET and STALL end it, a list is done in order, and a function of (connection, argument) returns any of
    these, or None for the usual. Steps: connect, EHLO, HELO, STARTTLS, MAIL, RCPT, DATA, body (behind 354, when the
    first bytes are there), dot, RSET, NOOP, QUIT.
    """

    STRICT = re.compile(rb"(?:\A|\r\n)\.\r\n")
    # Whatever any server is known to have taken for the end of a message, and then some.
    LENIENT = re.compile(rb"(?:\A|\r\n|\r|\n)\.(?:\r\n|\n|\r)")

    def __init__(self, extensions=("PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"),
                 end_of_data=STRICT, name="backend.internal", port=None, **on):
        self.extensions = extensions
        self.end_of_data = end_of_data
        self.name = name
        self.on = on
        self.changed = threading.Condition()
        self.connections = []   # all that there were
        self.delivered = []     # Stored: answered with 2xx
        self.refused = []       # Stored: whole, but answered otherwise, or not at all
        self.cut = []           # bytes behind 354 that had no end
        self.released = threading.Event()
        self.port = port or Port()
        self.listener = None
        self.open()

    @property
    def address(self):
        return str(self.port)

    def open(self):
        """Listens, also again after down()."""
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.port.address)
        self.listener.listen(256)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def down(self):
        """Nobody listens any more, and all connections are closed."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        self.hang_up()

    def hang_up(self):
        for connection in list(self.connections):
            connection.close()

    def close(self):
        self.released.set()
        self.down()
        self.port.close()

    def _accept(self, listener):
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            connection = BackendConnection(self, accepted)
            self.note(lambda: self.connections.append(connection))
            threading.Thread(target=connection.serve, daemon=True).start()

    def note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def wait_until(self, condition, what, seconds=PATIENCE):
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise AssertionError(f"the backend waited {seconds} s in vain until {what}")

    def wait_for(self, count):
        self.wait_until(lambda: len(self.delivered) >= count, f"it has {count} messages")
        return self.delivered

    def commands(self):
        """All command lines of all connections."""
        return [line for connection in self.connections for line in connection.lines]

    def wait_for_command(self, start):
        self.wait_until(lambda: any(line.startswith(start) for line in self.commands()), f"it hears {start}")


class BackendConnection:
    def __init__(self, backend, accepted):
        self.backend = backend
        self.socket = accepted
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.lines = []
        self.sender = None
        self.recipients = []
        self.ended = False

    def serve(self):
        with contextlib.suppress(OSError, Closed, ValueError):
            self._act("connect", "", f"220 {self.backend.name} ESMTP")
            while True:
                self._command(self._line())
        self.close()
        self.backend.note(lambda: setattr(self, "ended", True))

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _line(self):
        while b"\n" not in self.buffer:
            self._read()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode("utf-8", "surrogateescape").rstrip("\r")

    def _read(self):
        more = self.socket.recv(1 << 20)
        if not more:
            raise Closed
        self.buffer += more

    def _command(self, line):
        if not line:
            return
        self.backend.note(lambda: self.lines.append(line))
        verb = line.split()[0].upper()
        if verb == "DATA":
            return self._data()
        usual = {"EHLO": self._ehlo, "HELO": lambda: f"250 {self.backend.name}", "MAIL": lambda: "250 2.1.0 ok", "RCPT": lambda: "250 2.1.5 ok",
                 "RSET": lambda: "250 2.0.0 ok", "NOOP": lambda: "250 2.0.0 ok", "QUIT": lambda: "221 2.0.0 bye"}
        code = self._act(verb, line, usual.get(verb, lambda: "500 5.5.1 what?")())
        good = code is not None and code < 300
        if verb in ("EHLO", "HELO", "RSET", "MAIL"):
            self.sender, self.recipients = None, []
        if verb == "MAIL" and good:
            self.sender = re.search(r"<(.*?)>", line).group(1)
        if verb == "RCPT" and good:
            self.recipients.append(re.search(r"<(.*)>", line).group(1))
        if verb == "QUIT":
            raise Closed

    def _ehlo(self):
        lines = [self.backend.name, *self.backend.extensions]
        return "\r\n".join(f"250{' ' if i == len(lines) - 1 else '-'}{text}" for i, text in enumerate(lines))

    def _data(self):
        if self._act("DATA", "DATA", "354 go on" if self.recipients else "503 5.5.1 RCPT first") != 354:
            return
        wire, whole = b"", False
        try:
            if not self.buffer:
                self._read()
            self._act("body", "", None)
            wire = self._read_data()
            whole = True
        finally:
            if not whole:
                self.backend.note(lambda: self.backend.cut.append(self.buffer))
        content = wire[1:] if wire.startswith(b".") else wire
        stored = Stored(self.sender, list(self.recipients), content.replace(b"\r\n.", b"\r\n"))
        stored.wire = wire
        # Noted before the answer: who has the answer must find it here.
        answer = self._choose("dot", stored, "250 2.0.0 taken")
        first = answer[0] if isinstance(answer, list) else answer
        taken = isinstance(first, str) and first.startswith("2")
        self.backend.note(lambda: (self.backend.delivered if taken else self.backend.refused).append(stored))
        self._perform(answer)
        self.sender, self.recipients = None, []

    def _read_data(self):
        """Up to the end of data; what comes behind stays in the buffer."""
        collected, searched = bytearray(self.buffer), 0
        while True:
            found = self.backend.end_of_data.search(collected, searched)
            if found:
                # The line break before the dot belongs to the message.
                end = found.start() + (len(found.group()) - len(found.group().lstrip(b"\r\n")))
                self.buffer = bytes(collected[found.end():])
                return bytes(collected[:end])
            searched = max(0, len(collected) - 4)
            self.buffer = b""
            try:
                self._read()
            except (OSError, Closed):
                self.buffer = bytes(collected)
                raise
            collected += self.buffer

    def _choose(self, step, argument, usual):
        action = self.backend.on.get(step)
        if callable(action) and not isinstance(action, type):
            action = action(self, argument)
        return usual if action is None else action

    def _act(self, step, argument, usual):
        return self._perform(self._choose(step, argument, usual))

    def _perform(self, action):
        """The code of the reply, if it was one."""
        if isinstance(action, list):
            return [self._perform(part) for part in action][0]
        if action is None:
            return None
        if action is CLOSE:
            raise Closed
        if action is RESET:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.socket.close()
            raise Closed
        if action is STALL:
            self.backend.released.wait()
            raise Closed
        if isinstance(action, bytes):
            self.socket.sendall(action)
            return None
        return self._say(action)

    def _say(self, reply):
        self.socket.sendall(reply.encode() + b"\r\n")
        return int(reply[:3])


def once(action):
    """Only the first time; then as usual."""
    left = [action]
    lock = threading.Lock()

    def act(*_):
        with lock:
            return left.pop() if left else None
    return act


class Gate:
    """Holds a backend at a step until the test opens it: `Backend(dot=gate)`."""

    def __init__(self, then=None):
        self.then = then
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, *_):
        self.reached.set()
        self.opened.wait(60)
        return self.then

    def wait_reached(self):
        if not self.reached.wait(PATIENCE):
            raise AssertionError("the backend never came to the step")

    def open(self):
        self.opened.set()
