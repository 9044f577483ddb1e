"""The clusters that bench/fair.py measures, and what is read off them: images done, sampled ten
times a second, and what each worker's log says it was given and has computed."""
import os
import pathlib
import re
import sys
import time

import libidunno

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CFGS = pathlib.Path('/usr/share/darknet/cfg')
BATCH = {'alexnet': 500, 'resnet18': 400}
PATHS = 500 * 1000  # of a list whose images nobody reads
SAMPLE_S = 0.1
WINDOW_S = 10
DEADLINE_S = 600


def load_cluster(build):
    """The processes of a cluster are started as the end-to-end tests start them."""
    os.environ['IDUNNO_BUILD'] = str(pathlib.Path(build).resolve())
    os.environ['IDUNNO_SOURCE'] = str(SOURCE)
    sys.path.insert(0, str(SOURCE / 'tests/e2e'))
    import cluster
    cluster.DEADLINE_S = DEADLINE_S
    return cluster


def real_model(cluster, name):
    """Weights of IDUNNO_TEST_DATA where it has them, else synthesised."""
    data = pathlib.Path(os.environ.get('IDUNNO_TEST_DATA', '/nonexistent')) / name
    if (data / f'{name}.weights').exists():
        return {'cfg': data / f'{name}.cfg', 'weights': data / f'{name}.weights',
                'batch': BATCH[name]}
    cfg = CFGS / f'{name}.cfg'
    weights = cluster.cached(f'{name}.weights', lambda made: cluster.run(
        cluster.WEIGHTS, 'synth', '--cfg', cfg, '--output', made, '--seed', '1'))
    return {'cfg': cfg, 'weights': weights, 'batch': BATCH[name]}


def real_list(cluster, count):
    """Photos of IDUNNO_TEST_DATA, else made ones, over and over."""
    data = os.environ.get('IDUNNO_TEST_DATA')
    photos = pathlib.Path(data) / 'photos.list' if data else cluster.photos(200)
    paths = [photos.parent / line.split('\t')[0] for line in photos.read_text().splitlines()]
    return write_list(cluster, f'fair-real-{"data" if data else "made"}-{count}',
                      (paths[i % len(paths)] for i in range(count)))


def write_list(cluster, name, paths):
    return cluster.cached(name, lambda made: made.write_text(''.join(f'{p}\n' for p in paths)))


def replay_list(cluster):
    return write_list(cluster, f'fair-replay-{PATHS}', (f'/none/{i}.jpg' for i in range(PATHS)))


def replay_model(cluster, name, image_us, batch):
    tiny = (SOURCE / 'tests/e2e/tiny.cfg').read_text()
    cfg = cluster.cached(f'{name}-{image_us}.cfg', lambda made: made.write_text(
        tiny.replace('[net]', f'[net]\nreplay_us={image_us}', 1)))
    return {'cfg': cfg, 'weights': cluster.tiny_weights(), 'batch': batch}


class Cluster:
    """A broker, workers of one thread each, and a session with the broker.

    kind 'real': engine onednn, alexnet and resnet18. kind 'replay': models is
    {name: (microseconds an image, images a task)}. Without `told` the workers' logs say nothing
    of slices."""

    def __init__(self, build, workers, kind='replay', models=None, policy='fair-time', told=True):
        self.e2e = load_cluster(build)
        if kind == 'real':
            models = {name: real_model(self.e2e, name) for name in BATCH}
            self.images = 50 * 1000
            images = real_list(self.e2e, self.images)
        else:
            models = {name: replay_model(self.e2e, name, us, batch)
                      for name, (us, batch) in models.items()}
            self.images = PATHS
            images = replay_list(self.e2e)
        engine = 'onednn' if kind == 'real' else 'replay'
        self.cluster = self.e2e.Cluster(models=models, lists={'images': images}, engine=engine,
                                        broker_keys=[f'    policy = {policy}'])
        self.count, self.told = workers, told
        self.logs = {}  # of workers, as far as they were read
        self.batch = {name: model['batch'] for name, model in models.items()}

    def __enter__(self):
        self.cluster.start_broker()
        for instance in range(self.count):
            self.start_worker(instance)
        self.wait_for_workers(self.count)
        self.session = libidunno.Session(self.e2e.BUILD / 'client/libidunno.so',
                                         self.cluster.address('a'))
        return self

    def __exit__(self, kind, value, traceback):
        if hasattr(self, 'session'):
            self.session.close()
        self.cluster.__exit__(kind, value, traceback)

    def start_worker(self, instance):
        verbose = ['--verbose'] if self.told else []
        self.cluster.start_worker(instance, '--threads', 1, *verbose)

    def wait_for_workers(self, count):
        self.e2e.wait_for(lambda: sum(w['state'] in ('idle', 'busy') and w['models_ready'] > 0
                                      for w in self.cluster.json('workers')) == count,
                          f'{count} workers')

    def submit(self, model, count=None, weight=1):
        return self.session.submit(model, 'images', count or self.images, weight)

    def sample(self, jobs):
        return Sample(time.monotonic(), [self.session.info(job) for job in jobs])

    def wait_for_all(self, jobs, what, condition):
        self.e2e.wait_for(lambda: all(condition(info) for info in self.sample(jobs).infos), what)

    def wait_for_results(self, jobs):
        self.wait_for_all(jobs, 'a first result of each job', lambda info: done(info) > 0)

    def told_gap(self):
        """As the broker measures it, since all jobs have had a first result."""
        return self.cluster.json('rates')['gaps']['shared']['gap']

    def told_wanted(self, jobs):
        """Whole workers by the formula, of each job."""
        wanted = {job['job'][:8]: job['wanted_workers']
                  for job in self.cluster.json('rates')['jobs']}
        return [wanted[job.text] for job in jobs]

    def watch(self, jobs, seconds, events=()):
        """Samples; events: [(seconds after the start, what to call)]."""
        start_s, events = time.monotonic(), list(events)
        samples = [self.sample(jobs)]
        while samples[-1].s < start_s + seconds:
            if events and time.monotonic() >= start_s + events[0][0]:
                events.pop(0)[1]()
            time.sleep(SAMPLE_S)
            samples.append(self.sample(jobs))
        return Watched(samples)

    def slices(self, instance):
        """What a worker was given since it started, in order."""
        log = self.logs.setdefault(instance, Log(self.cluster.folder / f'worker-{instance}.log'))
        return log.slices()


def done(info):
    return info.ok + info.failed + info.quarantined


class Sample:
    def __init__(self, s, infos):
        self.s, self.infos = s, infos
        self.tasks = [done(info) / info.batch for info in infos]


def gap(rates):
    return 1 - min(rates) / max(rates) if max(rates) > 0 else 1.0


class Watched:
    """Samples of some jobs, all with work left in all of them."""

    def __init__(self, samples):
        self.samples = samples
        if not all(info.state == libidunno.OPEN and info.pending > 0
                   for sample in samples for info in sample.infos):
            raise SystemExit('a job ran out of images: the figures would mean nothing')

    def rates(self, first=0, last=-1):
        """Tasks a second of each job, by its weight."""
        a, b = self.samples[first], self.samples[last]
        return [(y - x) / info.weight / (b.s - a.s)
                for x, y, info in zip(a.tasks, b.tasks, b.infos)]

    def window_gaps(self, seconds=WINDOW_S):
        """[(its end, the gap)] of each window of so long."""
        first, gaps = 0, []
        for last, sample in enumerate(self.samples):
            while self.samples[first].s < sample.s - seconds - SAMPLE_S / 2:
                first += 1
            if sample.s - self.samples[first].s >= seconds - SAMPLE_S / 2:
                gaps.append((sample.s, gap(self.rates(first, last))))
        return gaps

    def computing(self):
        """How many workers each job had, on average, by the time they computed for it."""
        a, b = self.samples[0], self.samples[-1]
        return [(y.compute_us - x.compute_us) / 1e6 / (b.s - a.s)
                for x, y in zip(a.infos, b.infos)]


GIVEN = re.compile(r'([0-9.]+) debug .*: slice (\d+): images (\d+) to (\d+) of job (\S+)$')
COMPUTED = re.compile(r'([0-9.]+) debug .*: slice (\d+) is computed, in (\d+) us$')


class Slice:
    def __init__(self, given_s, first, last, job):
        self.given_s, self.job = given_s, job  # CLOCK_MONOTONIC
        self.images = last - first + 1
        self.computed_s = self.compute_us = None


class Log:
    """What idunno-worker --verbose says of slices; each line is read once."""

    def __init__(self, path):
        self.path, self.offset, self.found = path, 0, {}

    def slices(self):
        with open(self.path, 'rb') as file:
            file.seek(self.offset)
            lines = file.read()
        lines = lines[:lines.rfind(b'\n') + 1]
        self.offset += len(lines)
        for line in lines.decode().splitlines():
            self.take(line)
        return list(self.found.values())

    def take(self, line):
        if match := GIVEN.match(line):
            self.found[match[2]] = Slice(float(match[1]), int(match[3]), int(match[4]), match[5])
        elif (match := COMPUTED.match(line)) and match[2] in self.found:
            self.found[match[2]].computed_s = float(match[1])
            self.found[match[2]].compute_us = int(match[3])


def switches(slices, from_s, to_s):
    """How often a worker went from one job to another."""
    given = [s for s in slices if from_s <= s.given_s < to_s]
    return sum(a.job != b.job for a, b in zip(given, given[1:]))
