"""SMTP from outside: a client that sends exactly the bytes it is told, and messages to send."""
import re
import socket
import ssl

from basics import PATIENCE

INCIDENT = re.compile(r"\[([0-9A-HJKMNP-TV-Z]{10})\]")


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[0][:3])

    @property
    def texts(self):
        return [line[4:] for line in self.lines]

    @property
    def enhanced(self):
        found = re.match(r"([245]\.\d+\.\d+)( |$)", self.texts[0])
        return found.group(1) if found else None

    @property
    def text(self):
        """The whole text, without enhanced codes, as one line."""
        return " ".join(re.sub(r"^[245]\.\d+\.\d+ ", "", text) for text in self.texts)

    @property
    def incident(self):
        found = INCIDENT.findall(self.text)
        return found[-1] if found else None

    def __repr__(self):
        return repr("\n".join(self.lines))


class Closed(Exception):
    """The other side ended the connection."""


class Client:
    """A client that sends exactly the bytes it is told."""

    def __init__(self, address, timeout=PATIENCE, source=None):
        self.socket = socket.create_connection(address, timeout, source_address=source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def send_slowly(self, data):
        """A packet for each byte."""
        for i in range(len(data)):
            self.socket.sendall(data[i:i + 1])

    def reply(self):
        lines = []
        while True:
            line = self.line()
            lines.append(line)
            if line[3:4] != "-":
                return Reply(lines)

    def line(self):
        while b"\n" not in self.buffer:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError as error:
                raise Closed from error
            if not more:
                raise Closed(f"closed behind {self.buffer!r}")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode("utf-8", "surrogateescape").rstrip("\r")

    def replies(self, count):
        return [self.reply() for _ in range(count)]

    def ask(self, command):
        """One command as a line, and its reply."""
        self.send((command.encode("utf-8", "surrogateescape") if isinstance(command, str) else command) + b"\r\n")
        return self.reply()

    def ehlo(self, name="client.test"):
        """Keyword -> parameters."""
        answer = self.ask(f"EHLO {name}")
        if answer.code != 250:
            raise AssertionError(f"EHLO: {answer}")
        return {text.split()[0].upper(): text.split()[1:] for text in answer.texts[1:]}

    def start(self, name="client.test"):
        """Banner and EHLO."""
        self.reply()
        self.ehlo(name)
        return self

    def envelope(self, sender, *recipients):
        """MAIL and RCPT, one after the other; the replies. No RCPT behind a refused MAIL."""
        answers = [self.ask(f"MAIL FROM:<{sender}>")]
        return answers + [self.ask(f"RCPT TO:<{r}>") for r in recipients if answers[0].code == 250]

    def deliver(self, content, sender="sender@client.test", recipients=("bob@example.org",)):
        """A whole transaction with DATA; the last reply. `content` is stuffed here."""
        for answer in self.envelope(sender, *recipients):
            if answer.code != 250:
                return answer
        answer = self.ask("DATA")
        if answer.code != 354:
            return answer
        self.send(stuffed(content) + b".\r\n")
        return self.reply()

    def starttls(self, context=None, name="mx.example.org"):
        context = context or any_certificate()
        answer = self.ask("STARTTLS")
        if answer.code != 220:
            raise AssertionError(f"STARTTLS: {answer}")
        self.socket = context.wrap_socket(self.socket, server_hostname=name)
        return self

    def shutdown_send(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def is_closed(self, seconds=PATIENCE):
        """Waits until the server has closed; what it said before is dropped."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def silent_for(self, seconds):
        """Nothing comes: for looking that there is no further reply, never for waiting."""
        self.socket.settimeout(seconds)
        try:
            return not self.buffer and self.socket.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def quit(self):
        answer = self.ask("QUIT")
        self.close()
        return answer

    def close(self):
        self.socket.close()


def any_certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def stuffed(content):
    """As RFC 5321 4.5.2 wants it, for content of CRLF lines."""
    return (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")


def message(subject="test", body=b"Hello.\r\n"):
    return f"From: Sender <sender@client.test>\r\nTo: bob@example.org\r\nSubject: {subject}\r\n\r\n".encode() + body


class Stored:
    def __init__(self, sender, recipients, content):
        self.sender = sender
        self.recipients = recipients
        self.content = content

    @property
    def received(self):
        """The Received field in front, unfolded."""
        return re.sub(rb"\r\n[ \t]+", b" ", self.content[:self._end_of_first_field()].rstrip(b"\r\n")).decode()

    @property
    def original(self):
        """All but the Received field in front."""
        return self.content[self._end_of_first_field():]

    def _end_of_first_field(self):
        # Up to its date: a message may begin with what looks like a folded line.
        found = re.match(rb"Received: from [^;]*; \w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000\r\n", self.content)
        if not found:
            raise AssertionError(f"no Received field in front of the message: {self.content[:200]!r}")
        return found.end()
