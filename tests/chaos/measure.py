"""What the chaos tests see of a cluster from outside, and the table of recovery times."""
import collections
import subprocess
import threading
import time

from cluster import BUILD

PROBE = BUILD / 'tests/chaos/chaos-probe'
Worker = collections.namedtuple('Worker', 'name state job first count done')
Status = collections.namedtuple('Status', 'role epoch in_flight')
Event = collections.namedtuple('Event', 'ms broker what')  # what: Worker or Status


def now_ms():
    return time.monotonic() * 1000


class Probe:
    """Both brokers' status and workers, asked a hundred times a second (probe.c)."""

    def __init__(self, cluster):
        addresses = ['tcp://' + cluster.address(letter) for letter in 'ab'[:len(cluster.hosts)]]
        self.process = subprocess.Popen(
            [str(x) for x in [*cluster.prefix.get('client', ()), PROBE, *addresses]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events = []
        self.latest = {'a': {}, 'b': {}}  # of a broker: name -> Worker, 'status' -> Status
        self.arrived = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            ms, broker, kind, *words = line.split()
            broker = 'ab'[int(broker)]
            if kind == 'worker':
                what = Worker(words[0], words[1], words[2], *map(int, words[3:]))
            else:
                what = Status(words[0], words[1], int(words[2]))
            with self.arrived:
                self.latest[broker][what.name if kind == 'worker' else 'status'] = what
                self.events.append(Event(int(ms), broker, what))
                self.arrived.notify_all()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def status(self, letter):
        return self.latest[letter].get('status')

    def workers(self, letter):
        with self.arrived:
            return [w for name, w in self.latest[letter].items() if name != 'status']

    def first(self, since_ms, holds, deadline_s=30):
        """The first event since then for which holds(event); None when the deadline comes."""
        end, at = time.monotonic() + deadline_s, 0
        with self.arrived:
            del self.events[:max(0, len(self.events) - 20000)]
            while True:
                while at < len(self.events):
                    event = self.events[at]
                    at += 1
                    if event.ms >= since_ms and holds(event):
                        return event
                if not self.arrived.wait(end - time.monotonic()) and time.monotonic() > end:
                    return None


class Table:
    """Recovery times by name: median, 99th percentile, worst."""

    def __init__(self):
        self.rows = collections.OrderedDict()

    def add(self, name, ms):
        self.rows.setdefault(name, []).append(ms)

    def text(self):
        lines = [f'{"recovery":70} {"n":>4} {"median":>8} {"p99":>8} {"max":>8}  ms']
        for name, values in self.rows.items():
            values = sorted(values)
            at = lambda part, v=values: v[min(len(v) - 1, int(part * len(v)))]
            lines.append(f'{name:70} {len(values):4} {at(0.5):8.0f} {at(0.99):8.0f} {values[-1]:8.0f}')
        return '\n'.join(lines)
