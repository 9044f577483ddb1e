#!/usr/bin/env python3
"""How fast the broker hands out work: images, reports and tasks a second through a real broker with
`replay` workers that take no time an image, every result stored and synced before it counts. Beside
it beanstalkd's reserve and delete of as many jobs as we have reports, over as many connections as we
have workers: in memory, and with its log synced at each write (-b DIR -f0), which is what durable
means here.

Sides take turns in one run; medians. `tasks of 1` is a task, a lease and a report an image, the
most that can be asked of a dispatcher; 500 is AlexNet's batch. `broker` and `workers` (their
inference processes included) are processor time a report, `cores busy` of both together: when that
is all there are, the machine is the limit. beanstalkd's jobs have the bytes of our report's rows;
without beanstalkd (Debian: beanstalkd) only our side is measured.
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import pipeline
from fair_cluster import Cluster

ROW_BYTES = 48  # of a result in a report


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='build', help='build folder (build)')
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--workers', type=int, default=4)
    parser.add_argument('--tasks', type=int, nargs='+', default=[1, 10, 500],
                        help='images a task (1 10 500)')
    parser.add_argument('--reports', type=int, default=10000,
                        help='images of a run of tasks of 1; others have ten times as many (10000)')
    parser.add_argument('--json', action='store_true', help='print JSON and no table')
    parser.add_argument('--save', help='file for the JSON (BUILD/dispatch.json)')
    arguments = parser.parse_args()
    if min(arguments.runs, arguments.workers, arguments.reports, *arguments.tasks) < 1:
        parser.error('--runs, --workers, --reports and --tasks must be at least 1')
    return arguments


class Ours(contextlib.AbstractContextManager):
    """A broker and its workers, up and with the model loaded."""

    def __init__(self, arguments, batch):
        self.images = arguments.reports * (1 if batch == 1 else 10)
        self.name = f'idunno, tasks of {batch}'
        self.batch = batch
        self.cluster = Cluster(arguments.build, arguments.workers, models={'tiny': (0, batch)},
                               told=False)

    def __enter__(self):
        self.cluster.__enter__()
        self.run(100)
        return self

    def __exit__(self, *arguments):
        self.cluster.__exit__(*arguments)

    def facts(self):
        return self.cluster.cluster.status()['facts']

    def run(self, images):
        """Seconds that the job took, and its reports."""
        facts = self.facts()
        job = self.cluster.submit('tiny', images)
        self.cluster.wait_for_all([job], 'the end of the job', lambda info: info.state != 1)
        info = self.cluster.session.info(job)
        if info.ok != images:
            raise SystemExit(f'{images - info.ok} of {images} images failed')
        return info.elapsed_ms / 1000, self.facts() - facts - 1

    def cpu_s(self):
        """Processor time: of the broker, of the workers."""
        cluster = self.cluster.cluster
        pids = [pid for i in cluster.workers for pid in (cluster.workers[i].pid, cluster.child_of(i))]
        return pipeline.cpu_s(cluster.broker.pid), sum(pipeline.cpu_s(pid) for pid in pids)

    def measure(self):
        before = self.cpu_s()
        seconds, reports = self.run(self.images)
        broker_s, workers_s = (b - a for a, b in zip(before, self.cpu_s()))
        return {'tasks/s': self.images / self.batch / seconds, 'reports/s': reports / seconds,
                'images/s': self.images / seconds, 'broker us': 1e6 * broker_s / reports,
                'workers us': 1e6 * workers_s / reports,
                'cores busy': (broker_s + workers_s) / seconds}


class Beanstalkd(contextlib.AbstractContextManager):
    def __init__(self, e2e, arguments, batch, durable):
        self.name = f'beanstalkd, {"log synced" if durable else "in memory"}'
        self.program = pathlib.Path(arguments.build) / 'bench/bench-beanstalk'
        self.port = e2e.free_ports(1)[0]
        # The disk is slow: fewer do, as rates do not depend on the number.
        self.jobs = max(1, arguments.reports // (10 if durable else 1))
        self.more = [self.port, self.jobs, arguments.workers, batch * ROW_BYTES]
        self.folder = tempfile.mkdtemp(prefix='idunno-bench-') if durable else None

    def __enter__(self):
        command = ['beanstalkd', '-l', '127.0.0.1', '-p', str(self.port)]
        if self.folder:
            command += ['-b', self.folder, '-f0']
        self.process = subprocess.Popen(command)
        while self.process.poll() is None and not self.answers():
            time.sleep(0.02)
        return self

    def answers(self):
        return subprocess.run([self.program, str(self.port), '1', '1', '1'], check=False,
                              capture_output=True).returncode == 0

    def __exit__(self, *arguments):
        self.process.terminate()
        self.process.wait()
        if self.folder:
            shutil.rmtree(self.folder)

    def measure(self):
        done = subprocess.run([str(word) for word in (self.program, *self.more)], check=True,
                              capture_output=True, text=True)
        return {'tasks/s': float(done.stdout)}


def measure_all(arguments):
    """Rows of medians, one for each side and size of task."""
    for batch in arguments.tasks:
        with contextlib.ExitStack() as stack:
            sides = [stack.enter_context(Ours(arguments, batch))]
            if batch == min(arguments.tasks) and shutil.which('beanstalkd'):
                sides += [stack.enter_context(
                    Beanstalkd(sides[0].cluster.e2e, arguments, batch, durable))
                    for durable in (False, True)]
            runs = [[side.measure() for side in sides] for _ in range(arguments.runs)]
        for side, *measured in zip(sides, *runs):
            yield {'side': side.name, **{field: statistics.median(run[field] for run in measured)
                                         for field in measured[0]}}


FIELDS = {'tasks/s': 0, 'reports/s': 0, 'images/s': 0, 'broker us': 0, 'workers us': 0,
          'cores busy': 2}  # and decimals


def main():
    arguments = read_arguments()
    if not shutil.which('beanstalkd') and not arguments.json:
        print('beanstalkd is not installed (Debian: beanstalkd): only our side is measured')
    rows = []
    if not arguments.json:
        print(f'{"":<26}', *(f'{field:>11}' for field in FIELDS), flush=True)
    for row in measure_all(arguments):
        rows.append(row)
        if not arguments.json:
            print(f'{row["side"]:<26}', *(f'{row[field]:11.{decimals}f}' if field in row
                                         else f'{"-":>11}' for field, decimals in FIELDS.items()),
                  flush=True)
    text = json.dumps(rows, indent=1)
    save = pathlib.Path(arguments.save or pathlib.Path(arguments.build) / 'dispatch.json')
    save.write_text(text + '\n')
    print(text if arguments.json else f'saved: {save}')


if __name__ == '__main__':
    sys.exit(main())
