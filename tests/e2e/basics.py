"""What everything else here needs: where things are, waiting, configuration as TOML, free ports."""
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import socket
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
# Started as root the gateway must become somebody; nobody exists everywhere.
RUN_AS = "nobody" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
PATIENCE = 20.0

DOMAIN = "example.org"
KNOWN = ["bob@example.org", "alice@example.org", "carol@example.org", "postmaster@example.org", "abuse@example.org"]
HELP = "https://example.org/why"


def binary():
    named = os.environ.get("GATEPOST")
    candidates = [pathlib.Path(named)] if named else [ROOT / "build/asan/gatepost", ROOT / "build/release/gatepost"]
    for path in candidates:
        if path.exists():
            return str(path.resolve())
    raise FileNotFoundError("no gatepost at " + " or ".join(map(str, candidates)) + "; build it or set GATEPOST")


def suites():
    """The public suites, or None. They are not part of the project."""
    path = pathlib.Path(os.environ.get("GATEPOST_SUITES", ROOT / "../shared/suites")).resolve()
    return path if path.is_dir() else None


def needs(*programs):
    """Skips a test where a Debian package is missing."""
    places = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [program for program in programs if shutil.which(program, path=places) is None]
    return unittest.skipIf(missing, f"{', '.join(missing)} not installed")


def program(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


needs_root = unittest.skipUnless(IS_ROOT, "only root can do this")


def wait_until(condition, what, seconds=PATIENCE, pause=0.01):
    """Polls; the result of `condition` is returned as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        time.sleep(pause)


# ---- Configuration

def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def toml(table, path=""):
    """A nested dict as TOML: dicts are tables, lists of dicts arrays of tables."""
    plain, tables = [], []
    for key, value in table.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            tables.append(f"\n[{name}]\n" + toml(value, name))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables += [f"\n[[{name}]]\n" + toml(item, name) for item in value]
        else:
            plain.append(f"{key} = {toml_value(value)}\n")
    return "".join(plain) + "".join(tables)


def merged(base, changes):
    """`base` with `changes` laid over it; a change to None removes."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


# ---- Ports

class Port:
    """A free port, held by a socket that is bound but does not listen: others are not given it meanwhile, yet a
    server that sets SO_REUSEADDR can take it."""

    def __init__(self, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, 0))
        self.host = host
        self.number = self.socket.getsockname()[1]

    @property
    def address(self):
        return (self.host, self.number)

    def __str__(self):
        return f"[{self.host}]:{self.number}" if ":" in self.host else f"{self.host}:{self.number}"

    def close(self):
        self.socket.close()


def listens(port):
    """Does anybody listen there? Asked of the system, so that no server sees a connection."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as lines:
            for line in lines:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    return True
    return False
