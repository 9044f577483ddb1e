#!/usr/bin/env python3
"""What the system around the engine costs: images a second of a whole cluster (broker, one worker,
results stored) against the same child's selftest on the same list: decode, preprocess, infer, no
agent, no broker, no store.

Both sides run in turn, so that a busy machine slows both; medians over the runs, and of the ratio
of each pair. Processor time a process and image is beside them, and the ratio by that: other
programs on the machine disturb it less than the clock on the wall. The cluster's time is the job's
own, from its acceptance to its last result stored; the child has loaded the model before, as in the
selftest, by a small job. Prints a table, and CSV with --csv FILE. Needs a build; weights are
synthesised and pictures made, once, beneath it.
"""
import argparse
import csv
import os
import pathlib
import re
import statistics
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CFGS = pathlib.Path('/usr/share/darknet/cfg')
TARGET = 0.85
FIELDS = ('selftest images/s', 'system images/s', 'ratio', 'selftest cpu ms', 'broker cpu ms',
          'agent cpu ms', 'child cpu ms', 'cpu ratio')


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='build', help='build folder (build)')
    parser.add_argument('--images', type=int, default=10000)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--engine', default='onednn', help='of both sides (onednn)')
    parser.add_argument('--threads', type=int, default=0, help='0: the available cores (0)')
    parser.add_argument('--decode', choices=['exact', 'fast'], default='exact')
    parser.add_argument('--slice', type=int, default=32, help='images at once of the selftest (32)')
    parser.add_argument('--models', nargs='+', default=['alexnet', 'resnet18'],
                        help="names of darknet's cfg files (alexnet resnet18)")
    parser.add_argument('--csv', help='file to write')
    arguments = parser.parse_args()
    if arguments.images < 1 or arguments.runs < 1:
        parser.error('--images and --runs must be at least 1')
    return arguments


def load_cluster(build):
    """The processes of a cluster are started as the end-to-end tests start them."""
    os.environ['IDUNNO_BUILD'] = str(pathlib.Path(build).resolve())
    os.environ['IDUNNO_SOURCE'] = str(SOURCE)
    sys.path.insert(0, str(SOURCE / 'tests/e2e'))
    import cluster
    cluster.DEADLINE_S = 24 * 3600
    return cluster


def model_of(cluster, name):
    cfg = CFGS / f'{name}.cfg'
    weights = cluster.cached(f'{name}.weights', lambda made: cluster.run(
        cluster.WEIGHTS, 'synth', '--cfg', cfg, '--output', made, '--seed', '1'))
    return {'cfg': cfg, 'weights': weights, 'batch': 500 if name == 'alexnet' else 400}


def cpu_s(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Selftest:
    def __init__(self, cluster, model, images, arguments):
        self.command = [cluster.INFER, '--selftest', '--engine', arguments.engine, '--threads',
                        arguments.threads, '--decode', arguments.decode, '--slice',
                        arguments.slice, model['cfg'], model['weights'], images]

    def rate(self):
        """Images a second; milliseconds of processor time an image."""
        done = subprocess.run([str(c) for c in self.command], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=True)
        found = re.search(r'([0-9.]+) images/s, ([0-9.]+) ms of processor time', done.stderr)
        return float(found.group(1)), float(found.group(2))


class System:
    """A cluster with one worker that has the model in memory."""

    def __init__(self, cluster, name, model, images, arguments):
        self.name, self.images = name, arguments.images
        self.cluster = cluster.Cluster(models={name: model}, lists={'pictures': images},
                                       engine=arguments.engine)
        self.cluster.write_config(f'worker\n    decode = {arguments.decode}\n')
        self.cluster.start_broker()
        self.cluster.start_worker(0, '--threads', arguments.threads)
        self.run(min(16, self.images))

    def run(self, count):
        job = self.cluster.detach('Inference', 0, count - 1, self.name, '--dataset', 'pictures')
        info = self.cluster.finish(job)
        if info['ok'] != count:
            raise SystemExit(f"{self.name}: {count - info['ok']} of {count} images failed")
        return count / (info['elapsed_ms'] / 1000)

    def rate(self):
        """Images a second; milliseconds of processor time an image, a process."""
        before = self.cpu_s()
        rate = self.run(self.images)
        after = self.cpu_s()
        return rate, {name: 1000 * (after[name] - before[name]) / self.images for name in after}

    def cpu_s(self):
        return {'broker': cpu_s(self.cluster.broker.pid),
                'agent': cpu_s(self.cluster.workers[0].pid),
                'child': cpu_s(self.cluster.child_of(0))}


def measure(cluster, name, images, arguments):
    model = model_of(cluster, name)
    selftest = Selftest(cluster, model, images, arguments)
    system = System(cluster, name, model, images, arguments)
    with system.cluster:
        for run in range(1, arguments.runs + 1):
            (alone, alone_ms), (whole, cpu) = selftest.rate(), system.rate()
            yield {'model': name, 'run': run, 'images': arguments.images,
                   'selftest images/s': round(alone, 2), 'system images/s': round(whole, 2),
                   'ratio': round(whole / alone, 4), 'selftest cpu ms': alone_ms,
                   **{f'{process} cpu ms': round(ms, 3) for process, ms in cpu.items()},
                   'cpu ratio': round(alone_ms / sum(cpu.values()), 4)}


def print_row(name, run, row):
    print(f'{name:<12} {run:>6}', *(f'{row[field]:>{len(field)}.3f}' for field in FIELDS),
          flush=True)


def main():
    arguments = read_arguments()
    cluster = load_cluster(arguments.build)
    images = cluster.photos(arguments.images)
    rows = []
    print('model       ', f"{'run':>6}", *FIELDS)
    for name in arguments.models:
        own = []
        for row in measure(cluster, name, images, arguments):
            own.append(row)
            print_row(name, row['run'], row)
        median = {field: statistics.median(row[field] for row in own) for field in FIELDS}
        print_row(name, 'median', median)
        print(f"{name}: target {TARGET} {'met' if median['ratio'] >= TARGET else 'missed'}")
        rows += own
    if arguments.csv:
        with open(arguments.csv, 'w', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == '__main__':
    main()
