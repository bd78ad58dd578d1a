#!/usr/bin/env python3
"""Walks all includes and fails on an arrow that runs the wrong way (docs/architecture.md, "The house")."""
import pathlib
import re
import sys

# Which folders a folder may include from, besides itself.
ALLOWED = {
    "core/base": set(),
    "core/dns": {"core/base", "core/net"},
    "core/net": {"core/base"},
    "core/state": {"core/base", "core/net"},
    "mail": {"core/base", "core/dns/answer.hpp"},
    "smtp": {"core/base", "core/net/proxy_protocol.hpp", "core/state/body.hpp", "mail"},
    "telemetry": {"core/base", "mail", "smtp"},
    "directory": {"core/base", "mail", "smtp", "telemetry"},
    "checks": {"core/base", "core/dns/answer.hpp", "core/state/body.hpp", "core/state/sliding_count.hpp", "core/state/table.hpp", "core/state/state_clock.hpp", "core/state/octets.hpp", "mail", "smtp", "telemetry", "directory"},
    "relay": {"core/base", "core/net", "core/state", "mail", "smtp", "telemetry"},
    "webui": {"core/base", "core/net", "telemetry"},
    "gateway": {"core/base", "core/dns", "core/net", "core/state", "mail", "smtp", "telemetry", "directory", "checks", "relay", "webui"},
}
# Libraries that stay where they belong: header prefix -> files or folders that may include it.
CONFINED = {
    "boost/asio": {"core/dns/cares_", "core/net", "core/state", "relay", "webui", "gateway"},
    "boost/beast": {"webui"},
    "openssl/": {"core/net", "webui/password.cpp", "webui/router.cpp", "webui/auth.cpp"},
    "toml++": {"gateway/config_reader.cpp"},
    "CLI/": {"gateway/main.cpp"},
    "idn2.h": {"mail/address.cpp"},
    "libpsl.h": {"mail/organisational_domain.cpp"},
    "prometheus/": {"telemetry"},
    "systemd/": {"gateway/process.cpp"},
    "sqlite3.h": {"core/state/sqlite_"},
    "ares.h": {"core/dns/cares_channel.cpp"},
    "re2/": {"checks/dynamic_host.cpp"},
}
INCLUDE = re.compile(r'^\s*#include\s+[<"]([^>"]+)[>"]', re.M)


def folder_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "core" else parts[0]


def may_include(folder, header):
    target = folder_of(header)
    return target == folder or target in ALLOWED[folder] or header in ALLOWED[folder]


def mistakes_of(root, file):
    name = str(file.relative_to(root))
    folder = folder_of(name)
    for header in INCLUDE.findall(file.read_text()):
        if folder_of(header) in ALLOWED and not may_include(folder, header):
            yield f"{name}: {folder} must not include {header}"
        for prefix, places in CONFINED.items():
            if header.startswith(prefix) and not any(name.startswith(place) for place in places):
                yield f"{name}: {header} is confined to {', '.join(sorted(places)) or 'nobody yet'}"


def main():
    root = pathlib.Path(sys.argv[1])
    files = [f for folder in {f.split("/")[0] for f in ALLOWED} for f in sorted((root / folder).rglob("*.[ch]pp"))]
    mistakes = [m for file in files for m in mistakes_of(root, file)]
    print("\n".join(mistakes) if mistakes else f"{len(files)} files: all arrows run the right way")
    return 1 if mistakes or not files else 0


if __name__ == "__main__":
    sys.exit(main())
