"""Jobs that are always open, and rounds of faults while they run. Each fault ends with the cluster
whole again; each job must end with the digest of a run without faults, no image lost or twice.
"""
import os
import random
import signal
import time

from cluster import Cluster, photos, SOURCE, tiny_weights, wait_for
from measure import now_ms, Probe, Status, Worker

IMAGES = 1500
ACTIVE = ('active', 'alone')
BATCHES = {'sevens': 7, 'hundreds': 300}  # tasks, and with them slices, of two sizes


def tiny_models(batches=None):
    cfg = SOURCE / 'tests/e2e/tiny.cfg'
    return {name: {'cfg': cfg, 'weights': tiny_weights(), 'batch': batch}
            for name, batch in (batches or BATCHES).items()}


def other(letter):
    return 'b' if letter == 'a' else 'a'


class Field:
    """A cluster under fire: two brokers, workers, a probe, jobs, and what they must come to."""

    def __init__(self, cluster, workers, table, seed, span=IMAGES):
        self.c, self.table, self.rng, self.span = cluster, table, random.Random(seed), span
        self.instances = list(range(workers))
        self.open, self.jobs, self.digest, self.number = [], 0, None, 0
        for letter in 'ab':
            self.c.start_broker(letter=letter)
        self.c.wait_in_sync()
        for instance in self.instances:
            self.c.start_worker(instance)
        self.probe = Probe(cluster)

    def close(self):
        self.probe.close()

    # ---- jobs

    def submit(self):
        model = list(self.c.models)[self.number % len(self.c.models)]
        self.number += 1
        self.open.append(self.c.detach('Inference', '0', self.span - 1, model, '--dataset', 'photos'))

    def baseline(self):
        self.submit()
        self.digest = self.c.finish(self.open.pop())['digest']

    def check(self, job):
        """Nothing lost, nothing twice, the same answers."""
        info = self.c.finish(job)
        counts = {k: info[k] for k in ('state', 'ok', 'failed', 'pending', 'conflicts', 'digest')}
        wanted = {'state': 'finished', 'ok': self.span, 'failed': 0, 'pending': 0, 'conflicts': 0,
                  'digest': self.digest}
        if counts != wanted:
            raise AssertionError(f'job {job}: {counts}, expected {wanted}')
        indexes = [row['index'] for row in self.c.results(job)]
        if indexes != list(range(self.span)):
            raise AssertionError(f'job {job}: {len(indexes)} rows of {self.span}')
        self.jobs += 1

    def feed(self):
        """At least two jobs are open, with work for a while; what has ended is checked."""
        left = {j['job']: j['pending'] for j in self.c.json('jobs')}
        for job in [job for job in self.open if job not in left]:
            self.open.remove(job)
            self.check(job)
        while len(self.open) < 2 or sum(left.values()) < 2 * self.span:
            self.submit()
            left[self.open[-1]] = self.span

    def drain(self):
        for job in self.open:
            self.check(job)
        self.open = []

    def compare(self):
        """Both brokers tell the same of every job."""
        def told():
            return {j['job']: (j['state'], j['ok'], j['conflicts'], j['digest'])
                    for j in self.c.json('jobs', '--all')}
        self.whole()
        before = told()
        self.c.ctl('switch')
        self.whole()
        after = told()
        if before != after:
            differing = {job for job in {**before, **after} if before.get(job) != after.get(job)}
            raise AssertionError(f'the brokers differ in the jobs {sorted(differing)}')

    # ---- looking

    def active(self):
        return wait_for(self.c.active, 'one broker that reigns')

    def is_reigning(self, event, letter=None):
        return (isinstance(event.what, Status) and event.what.role in ACTIVE and
                (letter is None or event.broker == letter))

    def has_leases(self):
        status = self.probe.status(self.active())
        return status is not None and status.in_flight > 0

    def first_lease(self, since_ms, letter=None):
        return self.probe.first(
            since_ms, lambda e: self.is_reigning(e, letter) and e.what.in_flight > 0)

    def alone(self, since_ms, letter):
        return self.probe.first(
            since_ms, lambda e: self.is_reigning(e, letter) and e.what.role == 'alone')

    def victim(self, least=40):
        """(instance, its lease as the active sees it) of a worker with unreported work."""
        def busy():
            self.feed()
            found = []
            for worker in self.probe.workers(self.active()):
                instance = worker.name.rsplit('/', 1)[-1]
                if worker.state == 'busy' and worker.count - worker.done >= least and \
                        int(instance) in self.instances:
                    found.append((int(instance), worker))
            return self.rng.choice(found) if found else None
        return wait_for(busy, 'a worker with work to lose')

    def lost(self, lease, since_ms):
        """What a worker killed or frozen then had not reported: the last word on its lease before its silence was
        noticed. Between looking at it and killing it, it may have gone on. None: nothing was left."""
        last = [lease]

        def fell_silent(event):
            if getattr(event.what, 'name', None) != lease.name:
                return False
            if event.what.state == 'busy':
                last[0] = event.what
            return event.what.state != 'busy'
        end = self.probe.first(since_ms, fell_silent, 5)
        if end is None:
            raise AssertionError(f'the silence of worker {lease.name} was not noticed within 5 s')
        return last[0] if end.what.state != 'idle' and last[0].done < last[0].count else None

    def killed(self, name, lease, since_ms):
        """Records when what such a worker had not reported was reported by another."""
        left = self.lost(lease, since_ms)
        if left is None:
            return
        if self.record(name, since_ms, self.continued(left, since_ms)) is None:
            # What takes less time than there is between two looks goes unseen.
            stored = {row['index'] for row in self.c.results(left.job)}
            missing = set(range(left.first + left.done, left.first + left.count)) - stored
            if missing:
                raise AssertionError(f'{left}: {len(missing)} images not done within 5 s')

    def continued(self, lease, since_ms, elsewhere=True):
        """The first report of what was left of a lease: a lease of it has something done, or is over."""
        left = range(lease.first + lease.done, lease.first + lease.count)
        holders = set()

        def holds(event):
            w = event.what
            if not isinstance(w, Worker) or w.name == lease.name and elsewhere:
                return False
            if w.job != lease.job or w.first not in left:
                return w.name in holders
            if (w.name, w.first, w.count) != (lease.name, lease.first, lease.count):
                holders.add(w.name)
            return w.name in holders and w.done > 0
        return self.probe.first(since_ms, holds, 5)

    def record(self, name, since_ms, event):
        if event is not None:
            self.table.add(name, event.ms - since_ms)
        return event

    def whole(self):
        """Two brokers in sync, and every worker hears the one that reigns."""
        self.c.wait_in_sync()
        wait_for(self.has_all_workers, 'all workers to be back')

    def has_all_workers(self):
        done = self.c.ctl('workers', '--json', expect=None)
        return done.returncode == 0 and len(self.instances) == sum(
            w['state'] in ('idle', 'busy') for w in self.c.parse(done.stdout))

    # ---- kill -9

    def kill_worker(self):
        instance, lease = self.victim()
        since = now_ms()
        self.c.kill_worker(instance)
        self.killed('worker kill -9: its work reported elsewhere', lease, since)
        self.c.start_worker(instance)

    def kill_child(self):
        instance, lease = self.victim()
        child = self.c.child_of(instance)
        if child is None:
            return
        since = now_ms()
        os.kill(child, signal.SIGKILL)
        self.record('child kill -9: its work goes on', since,
                    self.continued(lease, since, elsewhere=False))

    def kill_active(self):
        self.feed()
        letter = self.active()
        since = now_ms()
        self.c.kill_broker(letter)
        event = self.record('active kill -9: first lease of the standby', since,
                            self.first_lease(since, other(letter)))
        assert event is not None, 'no lease of the standby within 30 s'
        time.sleep(self.rng.uniform(0, 1))  # it is away for a while
        self.back(letter)

    def back(self, letter):
        since = now_ms()
        self.c.start_broker(letter=letter)
        self.in_sync('a broker that returns: from its start to in sync', since)
        self.whole()

    def in_sync(self, name, since_ms):
        event = self.record(name, since_ms, self.probe.first(
            since_ms, lambda e: isinstance(e.what, Status) and e.what.role == 'active'))
        assert event is not None, 'not in sync within 30 s'

    def kill_standby(self):
        self.feed()
        letter = self.active()
        since = now_ms()
        self.c.kill_broker(other(letter))
        self.record('standby kill -9: the active goes on alone', since, self.alone(since, letter))
        time.sleep(self.rng.uniform(0, 1))
        self.back(other(letter))

    def kill_both(self):
        self.feed()
        for letter in 'ab':
            self.c.brokers[letter].kill()
        for letter in 'ab':
            self.c.brokers[letter].wait()
        since = now_ms()
        for letter in self.rng.sample('ab', 2):
            self.c.start_broker(letter=letter, ready=False)
        event = self.record('both brokers kill -9: from the restart to a lease', since,
                            self.first_lease(since))
        assert event is not None, 'no lease within 30 s of the restart'
        self.whole()

    def kill_active_and_worker(self):
        instance, _ = self.victim()
        letter = self.active()
        since = now_ms()
        self.c.brokers[letter].kill()
        self.c.kill_worker(instance)
        self.c.brokers[letter].wait()
        self.record('active and a worker kill -9: first lease of the standby', since,
                    self.first_lease(since, other(letter)))
        self.c.start_worker(instance)
        self.back(letter)

    # ---- SIGSTOP

    def frozen(self, process, then):
        process.send_signal(signal.SIGSTOP)
        try:
            since = now_ms()
            then(since)
            time.sleep(self.rng.uniform(0, 2))
        finally:
            process.send_signal(signal.SIGCONT)

    def stop_worker(self):
        instance, lease = self.victim()
        self.frozen(self.c.workers[instance], lambda since: self.killed(
            'worker SIGSTOP: its work reported elsewhere', lease, since))

    def stop_active(self):
        self.feed()
        letter = self.active()
        self.frozen(self.c.brokers[letter], lambda since: self.record(
            'active SIGSTOP: first lease of the standby', since,
            self.first_lease(since, other(letter))))
        self.whole()

    def stop_standby(self):
        self.feed()
        letter = self.active()
        self.frozen(self.c.brokers[other(letter)], lambda since: self.record(
            'standby SIGSTOP: the active goes on alone', since, self.alone(since, letter)))
        self.whole()

    def stop_both(self):
        self.feed()
        for letter in 'ab':
            self.c.brokers[letter].send_signal(signal.SIGSTOP)
        time.sleep(self.rng.uniform(1, 3))
        since = now_ms()
        for letter in self.rng.sample('ab', 2):
            self.c.brokers[letter].send_signal(signal.SIGCONT)
        self.record('both brokers SIGSTOP: from SIGCONT to a lease', since, self.first_lease(since))
        self.whole()

    def stop_child(self):
        """A child that hangs is killed by its agent, after 10 s or more."""
        instance, lease = self.victim()
        child = self.c.child_of(instance)
        if child is None:
            return
        since = now_ms()
        os.kill(child, signal.SIGSTOP)
        wait_for(lambda: self.c.child_of(instance) not in (child,), 'the agent to kill its child')
        self.table.add('child SIGSTOP: its agent kills it', now_ms() - since)


KILLS = [Field.kill_worker, Field.kill_child, Field.kill_active, Field.kill_standby,
         Field.kill_both, Field.kill_active_and_worker]
STOPS = [Field.stop_worker, Field.stop_active, Field.stop_standby, Field.stop_both]


def plain_cluster(batches=None, engine='onednn', images=IMAGES, **options):
    return Cluster(images=images, engine=engine, models=tiny_models(batches), brokers=2,
                   lists=options.pop('lists', {'photos': photos(images)}), **options)
