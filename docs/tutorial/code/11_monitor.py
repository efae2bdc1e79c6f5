import asyncio


async def check(port):
    """Checks one address: "up", or what is wrong."""
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return error.strerror
    writer.close()
    return "up"


class Alarm:
    """One alert when something goes down, and one when it is back."""

    def __init__(self):
        self.is_down = False
        self.in_a_row = 0

    def record(self, is_up):
        """Three failures in a row are an outage, two successes its end."""
        if is_up != self.is_down:
            self.in_a_row = 0  # As it was.
            return None
        self.in_a_row += 1
        if self.in_a_row < (2 if self.is_down else 3):
            return None
        self.in_a_row = 0
        self.is_down = not self.is_down
        return "ALERT: down" if self.is_down else "ALERT: up again"


def handle(reader, writer):
    writer.close()


async def main():
    # A target that has one short failure, and then an outage.
    target = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = target.sockets[0].getsockname()[1]
    alarm = Alarm()
    for wanted in "up down up down down down down up up up".split():
        if wanted == "down" and target is not None:
            target.close()
            await target.wait_closed()
            target = None
        elif wanted == "up" and target is None:
            target = await asyncio.start_server(handle, "127.0.0.1", port)
        result = await check(port)
        alert = alarm.record(result == "up")
        print(result if alert is None else f"{result}, {alert}")
    target.close()


asyncio.run(main())
