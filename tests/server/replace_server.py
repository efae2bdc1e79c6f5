"""Starts one server after the other, as a supervisor does that owns the listening socket.

replace_server.py descriptor|restart|reuse-port PROGRAM ARGUMENT...

With "descriptor" it opens the socket, and each server gets it as its descriptor 3, as systemd
passes it; with "reuse-port" each server opens its own, on the port that is its last argument.
A server that is up says so with a line. Prints the port. Then each line of its input replaces
the server: the next one is started, and once it is up the old one gets SIGTERM and is waited
for; its exit code is printed. "restart" is "descriptor" the other way round, as `systemctl
restart` does it: the old one has ended before the next one starts.
"""

import os
import signal
import socket
import subprocess
import sys

how, program = sys.argv[1], sys.argv[2:]
shared = socket.socket()
if how == "reuse-port":
    # Bound and not listening: it keeps the port, and gets no connections.
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
shared.bind(("127.0.0.1", 0))
port = shared.getsockname()[1]
if how != "reuse-port":
    shared.listen(4096)


def prepare():
    """Runs in the child, right before it becomes the server."""
    # It may have this number already.
    os.dup2(shared.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ["LISTEN_FDS"] = "1"
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDNAMES"] = "echo"


def start():
    arguments = [*program, str(port)] if how == "reuse-port" else program
    server = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        preexec_fn=None if how == "reuse-port" else prepare,
        close_fds=how == "reuse-port",
    )
    if not server.stdout.readline():
        sys.exit("Cannot go on: the server has ended")
    return server


def stop(server):
    server.send_signal(signal.SIGTERM)
    return server.wait()


current = start()
print(port, flush=True)
for _ in sys.stdin:
    if how == "restart":
        code = stop(current)
        current = start()
    else:
        old, current = current, start()
        code = stop(old)
    print(code, flush=True)
print(stop(current), flush=True)
