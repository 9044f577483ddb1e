#!/usr/bin/env python3
"""A bad network between TCP peers: forwards connections with delay, with pauses such as lost packets
cause, and breaks one now and then.

usage: relay.py --delay MS --loss PART --break-every S --seed N HOST:PORT=HOST:PORT...
Each chunk waits for MS to 2 MS; a PART of them 200 ms more, and all that is behind them. Each
connection is reset after a time that is S on average. Runs until it is killed.
"""
import argparse
import asyncio
import random


def address(text):
    host, port = text.rsplit(':', 1)
    return host, int(port)


class Relay:
    def __init__(self, options):
        self.options, self.rng = options, random.Random(options.seed)

    def hold_s(self):
        delay = self.options.delay * self.rng.uniform(1, 2)
        return (delay + (200 if self.rng.random() < self.options.loss else 0)) / 1000

    async def deliver(self, queue, writer):
        loop = asyncio.get_running_loop()
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            writer.write(data)
            await writer.drain()

    async def read(self, reader, queue):
        loop, due = asyncio.get_running_loop(), 0
        while data := await reader.read(65536):
            due = max(due, loop.time() + self.hold_s())
            await queue.put((due, data))

    async def serve(self, target, reader, writer):
        tasks, there = [], None
        try:
            back, there = await asyncio.open_connection(*target)
            for source, sink in ((reader, there), (back, writer)):
                queue = asyncio.Queue(64)
                tasks += [asyncio.create_task(self.read(source, queue)),
                          asyncio.create_task(self.deliver(queue, sink))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED,
                               timeout=self.rng.expovariate(1 / self.options.break_every))
        except OSError:
            pass
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (writer, there):
            if end is not None:
                end.transport.abort()

    async def run(self):
        for pair in self.options.pair:
            here, target = map(address, pair.split('='))
            await asyncio.start_server(lambda r, w, t=target: self.serve(t, r, w), *here)
        await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--delay', type=float, default=10)
    parser.add_argument('--loss', type=float, default=0.01)
    parser.add_argument('--break-every', type=float, default=20)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('pair', nargs='+')
    asyncio.run(Relay(parser.parse_args()).run())


if __name__ == '__main__':
    main()
