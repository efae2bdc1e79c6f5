"""Runs a program with listening sockets, as systemd does (socket activation).

with_sockets.py KIND[=NAME]... -- PROGRAM ARGUMENT...

KIND is "tcp" (on a free port of 127.0.0.1), "tcp:PORT", "unix:PATH", or what is wrong: "bound"
(a socket that does not listen), "connected", "udp", "file", "pipe". The sockets are the
descriptors 3, 4, ... of the program, which takes the place of this one. The ports of those
that are "tcp" are in SOCKET_PORTS.
"""

import os
import socket
import sys

FIRST = 3


def listening(family, address):
    made = socket.socket(family)
    if family == socket.AF_INET:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    made.listen(1024)
    return made


def make(kind):
    kind, _, argument = kind.partition(":")
    local = ("127.0.0.1", int(argument or 0) if kind == "tcp" else 0)
    if kind == "tcp":
        return listening(socket.AF_INET, local)
    if kind == "unix":
        return listening(socket.AF_UNIX, argument)
    if kind == "connected":
        return socket.socketpair()[0]
    if kind == "udp":
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(local)
        return made
    if kind == "file":
        return open(__file__)
    if kind == "pipe":
        return os.fdopen(os.pipe()[0])
    sys.exit(f"Cannot make a socket: unknown kind {kind}")


split = sys.argv.index("--")
kinds, program = sys.argv[1:split], sys.argv[split + 1 :]
made = [make(kind.partition("=")[0]) for kind in kinds]
# First out of the way of the numbers that they are to have.
high = [os.dup2(each.fileno(), 500 + index) for index, each in enumerate(made)]
for index, descriptor in enumerate(high):
    os.dup2(descriptor, FIRST + index)
    os.close(descriptor)
ports = [each.getsockname()[1] for kind, each in zip(kinds, made) if kind.startswith("tcp")]
os.environ["SOCKET_PORTS"] = " ".join(map(str, ports))
names = [kind.partition("=")[2] or "unknown" for kind in kinds]
os.environ.setdefault("LISTEN_FDS", str(len(kinds)))
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.environ.setdefault("LISTEN_FDNAMES", ":".join(names))
os.execvp(program[0], program)
