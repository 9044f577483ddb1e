"""Rounds of partitions between network namespaces. Whatever is cut, at most one take-over follows
each change of the network; afterwards one broker reigns, with the union of what both have accepted.
"""
import re
import time

from measure import now_ms
from rounds import Field, other


class Partitions(Field):
    """Nodes: brokers a and b, workers 0, 1 and 2, the client."""

    def reigns(self):
        return sum(len(re.findall(r'epoch \d+[ab] begins', self.c.log(name)))
                   for name in ('broker', 'broker-b'))

    def round(self, cut, expect, name):
        """Cuts, waits for what must come of it, heals, waits until the pair is whole."""
        self.feed()
        letter = self.active()
        before = self.reigns()
        since = now_ms()
        cut(letter)
        event = self.record(f'{name}: {expect}', since, self.expected(letter, expect, since))
        assert event is not None, f'{name}: {expect} did not happen'
        time.sleep(self.rng.uniform(0.5, 3))  # how long it lasts
        during = self.reigns()
        since = now_ms()
        self.c.nets.heal()
        self.in_sync('partition healed: in sync', since)
        self.whole()
        self.table.add('partition healed: all workers back (as polled)', now_ms() - since)
        after = self.reigns()
        wanted = 0 if expect == 'the active goes on alone' else 1
        if during - before > wanted or after - during > 1:
            raise AssertionError(f'{name}: {during - before} reigns began while it was cut, '
                                 f'{after - during} when it was healed')
        if wanted == 0 and self.active() != letter:
            raise AssertionError(f'{name}: {letter} does not reign any more')

    def expected(self, letter, expect, since):
        if expect == 'the active goes on alone':
            return self.alone(since, letter)
        return self.first_lease(since, other(letter))

    def link(self):
        self.round(lambda active: self.c.nets.cut('a', 'b'), 'the active goes on alone',
                   'link between the brokers cut')

    def one_way(self):
        receiver = self.rng.choice('ab')
        self.round(lambda active: self.c.nets.drop(receiver, other(receiver)),
                   'the active goes on alone', 'link between the brokers cut one way')

    def island(self):
        """The standby and a worker on one side, the rest on the other: both work."""
        self.round(lambda active: self.c.nets.cut([other(active), 2], [active, 0, 1]),
                   'first lease of the standby', 'island of the standby and a worker')

    def lost_active(self):
        """Nobody reaches the active."""
        self.round(lambda active: self.c.nets.cut([active], [other(active), 0, 1, 2]),
                   'first lease of the standby', 'the active cut off from all nodes')

    def bridge(self):
        """One worker reaches both sides, and the standby's own worker is not the majority."""
        def cut(active):
            self.c.nets.cut([active], [other(active), 2])
            self.c.nets.cut([other(active)], [0])
        self.round(cut, 'the active goes on alone', 'bridge worker between two sides')

    def lost_standby(self):
        def cut(active):
            self.c.nets.cut([other(active)], [active, 0, 1, 2])
        self.round(cut, 'the active goes on alone', 'the standby cut off from all nodes')


PARTITIONS = [Partitions.link, Partitions.one_way, Partitions.island, Partitions.bridge,
              Partitions.lost_active, Partitions.lost_standby]
