"""Runs a program in a terminal of its own and presses Ctrl-C there.

    python3 press_ctrl_c.py TEXT... -- PROGRAM [ARGUMENT...]

Ctrl-C is pressed once for each TEXT, in their order, when the program has printed it. Prints
what the program printed, and ends with its exit code; after 60 seconds the program is killed.
"""

import os
import pty
import select
import signal
import sys
import time

split = sys.argv.index("--")
texts = [text.encode() for text in sys.argv[1:split]]
program = sys.argv[split + 1 :]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(program[0], program)

output = b""
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    output += chunk
    if texts and texts[0] in output:
        texts.pop(0)
        os.write(terminal, b"\x03")
else:
    os.kill(pid, signal.SIGKILL)

sys.stdout.write(output.decode(errors="replace"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
