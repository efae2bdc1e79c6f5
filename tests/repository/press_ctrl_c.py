"""Runs a program in a terminal of its own and presses Ctrl-C there.

    python3 press_ctrl_c.py TEXT PROGRAM [ARGUMENT...]

Ctrl-C is pressed once, when the program has printed TEXT. Prints what the program
printed, and ends with its exit code; after 30 seconds the program is killed.
"""

import os
import pty
import select
import signal
import sys
import time

text = sys.argv[1].encode()
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])

output = b""
pressed = False
deadline = time.monotonic() + 30
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
    if not pressed and text in output:
        os.write(terminal, b"\x03")
        pressed = True
else:
    os.kill(pid, signal.SIGKILL)

sys.stdout.write(output.decode(errors="replace"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
