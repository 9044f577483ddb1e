#!/usr/bin/env python3
"""How fair a real cluster is: broker, workers and clients as processes on this machine, two or
more jobs at once. One command a claim; each prints what was asked beside what was measured.

  gap         alexnet and resnet18 on two workers of one thread (onednn), then on ten (replay):
              the gap 1 - min/max of the jobs' task rates over the whole time, and over 10 s
  second      how soon a second job has a first result while the first one keeps all workers busy,
              by both models: from the client's send to the line in the agent's log that says so
  shares      tasks of 6 and 9 s: workers wanted and had, of ten; on three, with static beside it
  many        three jobs on two workers; weights 1 and 2; ten jobs
  changes     a worker is killed, another stops, a third joins: how long until rates are equal
  throughput  two jobs at once against the same two one after the other

alexnet and resnet18 on onednn take the weights that IDUNNO_TEST_DATA has, and make up the others.
Their batches are 500 and 400 images. replay computes nothing but takes its time. Rates are of
results that the broker has counted, asked ten times a second; a window of 10 s may begin anywhere.
Needs a build; prepares lists and weights once, beneath it.
"""
import argparse
import json
import math
import pathlib
import random
import statistics
import sys
import time

from fair_cluster import Cluster, WINDOW_S, gap, switches

REPLAY_FAST = {'alexnet': (6000, 500), 'resnet18': (9000, 400)}    # tasks of 3 and 3.6 s
REPLAY_TASKS = {'alexnet': (12000, 500), 'resnet18': (22500, 400)}  # tasks of 6 and 9 s
PAUSE_S = (0.8, 1.2)  # between trials, so that they meet all phases of the other job's slices
SECOND_IMAGES = 400


class Table:
    """Lines of a claim: what was asked of a figure, and the figure."""

    def __init__(self, quiet):
        self.quiet, self.rows = quiet, []

    def head(self, text):
        if not self.quiet:
            print(f'\n{text}', flush=True)

    def row(self, part, what, value, unit='', at_most=None, note=''):
        met = None if at_most is None else value <= at_most
        self.rows.append({'part': part, 'what': what, 'measured': round(value, 4), 'unit': unit,
                          'at_most': at_most, 'met': met, 'note': note})
        if self.quiet:
            return
        asked = '' if at_most is None else f'<= {at_most:g}{unit}'
        verdict = '' if met is None else 'met' if met else 'MISSED'
        print(f'  {what:<52} {asked:>10} {f"{value:.2f}{unit}":>12}  {verdict:<6} {note}'.rstrip(),
              flush=True)

    def percent(self, part, what, share, at_most=None, note=''):
        self.row(part, what, 100 * share, ' %', at_most, note)


def percentile(values, share):
    """The least value that so large a share is not above."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def adams(workers, weights):
    """Apportionment by Adams' divisor method: each in turn to whom it leaves the most short."""
    seats = [1] * len(weights)
    for _ in range(workers - len(weights)):
        seats[max(range(len(weights)), key=lambda i: weights[i] / seats[i])] += 1
    return seats


def print_gaps(table, part, watched, seconds):
    gaps = [g for _, g in watched.window_gaps()]
    table.percent(part, f'gap over {seconds} s', gap(watched.rates()), 2)
    if gaps:
        table.percent(part, 'gap over 10 s, the worst', max(gaps), 10,
                      f'median {100 * statistics.median(gaps):.2f} %')


def of_jobs(jobs, values):
    return ', '.join(f'{job.model} {value:.3g}' for job, value in zip(jobs, values))


# ---- gap

def run_gap(table, arguments):
    for kind, workers, models in (('real', 2, None), ('replay', 10, REPLAY_FAST)):
        if kind not in arguments.kinds:
            continue
        table.head(f'alexnet and resnet18 on {workers} workers, '
                   f'{"onednn" if kind == "real" else "replay"}')
        with Cluster(arguments.build, workers, kind, models) as cluster:
            jobs = [cluster.submit(model) for model in ('alexnet', 'resnet18')]
            cluster.wait_for_results(jobs)
            watched = cluster.watch(jobs, arguments.seconds)
            told = cluster.told_gap()
        print_gaps(table, f'gap {kind}', watched, arguments.seconds)
        if told is not None:
            table.percent(f'gap {kind}', 'gap since both share, as idunno-ctl rates has it', told, 2)
        table.row(f'gap {kind}', 'tasks a second of both', sum(watched.rates()), '',
                  note=of_jobs(jobs, watched.rates()))


# ---- second

def first_result(cluster, job):
    """The slice of any worker that had the job's first result, or None."""
    found = [s for instance in range(cluster.count) for s in cluster.slices(instance)
             if s.job == job.text and s.computed_s is not None]
    return min(found, key=lambda s: s.computed_s, default=None)


def is_busy_with(cluster, job):
    """All workers have it, and the other one's leases are gone."""
    info = cluster.session.info(job)
    return info.workers == cluster.count and info.in_flight > 0


def one_trial(cluster, first, model, random_):
    cluster.e2e.wait_for(lambda: is_busy_with(cluster, first), 'all workers on the first job')
    time.sleep(random_.uniform(*PAUSE_S))
    second = cluster.submit(model, SECOND_IMAGES)
    found = cluster.e2e.wait_for(lambda: first_result(cluster, second), 'its first result')
    cluster.session.cancel(second)
    return {'accepted': 1000 * (second.accepted_s - second.sent_s),
            'given': 1000 * (found.given_s - second.sent_s),
            'result': 1000 * (found.computed_s - second.sent_s)}


def both_resident(cluster):
    """Each worker computes some of both models, and so has them loaded."""
    jobs = [cluster.submit(model) for model in ('alexnet', 'resnet18')]

    def all_have():
        return all({job.text for job in jobs} <= {s.job for s in cluster.slices(i) if s.computed_s}
                   for i in range(cluster.count))
    cluster.e2e.wait_for(all_have, 'both models on all workers')
    for job in jobs:
        cluster.session.cancel(job)


def run_second(table, arguments):
    random_ = random.Random(arguments.seed)
    for first_model, model in (('alexnet', 'resnet18'), ('resnet18', 'alexnet')):
        with Cluster(arguments.build, 2, 'real') as cluster:
            both_resident(cluster)
            first = cluster.submit(first_model)
            trials = [one_trial(cluster, first, model, random_) for _ in range(arguments.trials)]
        part = f'second {model}'
        table.head(f'{model} beside {first_model} at full load on 2 workers, onednn, '
                   f'{arguments.trials} trials')
        for key, what in (('accepted', 'send to accepted (stored)'),
                          ('given', 'send to first slice given'),
                          ('result', 'send to first result at the agent')):
            values = [trial[key] for trial in trials]
            table.row(part, f'{what}, median', statistics.median(values), ' ms')
            table.row(part, f'{what}, p95', percentile(values, 0.95), ' ms',
                      250 if key == 'result' else None, f'worst {max(values):.0f}')


# ---- shares

SHARES = ((10, 'fair-time'), (3, 'fair-time'), (3, 'static'))

def settle(cluster, jobs, wanted, policy):
    """static takes nothing away: the first job's tasks must end where the second one's belong."""
    cluster.wait_for_results(jobs)
    if policy == 'static':
        cluster.e2e.wait_for(lambda: [info.workers for info in cluster.sample(jobs).infos] == wanted,
                             f'{wanted} workers')


def run_shares(table, arguments):
    for workers, policy in SHARES:
        with Cluster(arguments.build, workers, models=REPLAY_TASKS, policy=policy) as cluster:
            jobs = [cluster.submit(model) for model in REPLAY_TASKS]
            wanted = adams(workers, [6, 9])
            settle(cluster, jobs, wanted, policy)
            watched = cluster.watch(jobs, arguments.seconds)
            told = cluster.told_wanted(jobs)
        part = f'shares {workers} {policy}'
        table.head(f'tasks of 6 and 9 s on {workers} workers, {policy}, replay')
        for job, want, had, told_want in zip(jobs, wanted, watched.computing(), told):
            table.row(part, f'workers that {job.model} had on average', had, '',
                      note=f"whole ones by the report's formula: {want}, "
                           f'as idunno-ctl rates has it: {told_want}')
        asked = 2 if policy == 'fair-time' else None
        table.percent(part, f'gap over {arguments.seconds} s', gap(watched.rates()), asked,
                      '' if asked else 'about 25 expected: nothing can be done with whole workers')


# ---- many

MANY = ((2, 'three jobs on two workers', ((1, 'alexnet'), (1, 'resnet18'), (1, 'alexnet'))),
        (2, 'weights 1 and 2 on two workers', ((1, 'alexnet'), (2, 'resnet18'))),
        (10, 'ten jobs on ten workers', ((1, 'alexnet'), (1, 'resnet18')) * 5),
        (2, 'ten jobs on two workers', ((1, 'alexnet'), (1, 'resnet18')) * 5))
TASKS_MIN = 10  # of a job while rates are measured: 3 % of less is less than a slice


def promised_rate(cluster_workers, jobs):
    """Tasks a second by weight, when all workers compute all the time and all rates are equal."""
    return cluster_workers / sum(
        weight * REPLAY_FAST[model][0] * REPLAY_FAST[model][1] / 1e6 for weight, model in jobs)


def run_many(table, arguments):
    for workers, title, wanted in MANY:
        with Cluster(arguments.build, workers, models=REPLAY_FAST) as cluster:
            jobs = [cluster.submit(model, weight=weight) for weight, model in wanted]
            cluster.wait_for_results(jobs)
            promised = promised_rate(workers, wanted)
            seconds = max(arguments.seconds, math.ceil(TASKS_MIN / promised))
            watched = cluster.watch(jobs, seconds)
        rates = watched.rates()
        mean = statistics.mean(rates)
        table.head(f'{title}, replay, {seconds} s')
        table.percent(title, 'farthest from the mean of rate / weight',
                      max(abs(rate / mean - 1) for rate in rates), 3,
                      ' '.join(f'{rate:.4f}' for rate in rates))
        table.percent(title, 'mean, of what idle-free workers would do', mean / promised)


# ---- changes

def equal_after(watched, event_s, most=0.10):
    """Seconds after an event from which on no window of 10 s has a gap above `most`."""
    return max((s - event_s for s, g in watched.window_gaps() if s > event_s and g > most),
               default=0.0)


def gap_since(watched, event_s):
    """Of the 10 s that begin with an event."""
    first = next(i for i, sample in enumerate(watched.samples) if sample.s >= event_s)
    last = next(i for i, sample in enumerate(watched.samples) if sample.s >= event_s + WINDOW_S)
    return gap(watched.rates(first, last))


def run_changes(table, arguments):
    """Nine workers, as an odd number is the harder one to share; a tenth joins in the end."""
    events, spare = [], 15
    with Cluster(arguments.build, 9, models=REPLAY_FAST) as cluster:
        def kill():
            events.append(('a worker is killed', time.monotonic()))
            cluster.cluster.kill_worker(0)

        def stop():
            events.append(('a worker is stopped (SIGTERM)', time.monotonic()))
            cluster.cluster.workers[1].terminate()

        def join():
            events.append(('a worker joins', time.monotonic()))
            cluster.start_worker(9)

        jobs = [cluster.submit(model) for model in REPLAY_FAST]
        cluster.wait_for_results(jobs)
        watched = cluster.watch(jobs, 5 * spare, [(2 * spare, kill), (3 * spare, stop),
                                                  (4 * spare, join)])
        slices = [cluster.slices(i) for i in range(2, 9)]
    before = events[0][1] - WINDOW_S
    table.head('alexnet and resnet18 on 9, 8, 7, 8 workers, replay')
    table.row('changes', "moves in 10 s before, a worker",
              sum(switches(s, before, before + WINDOW_S) for s in slices) / len(slices))
    for what, event_s in events:
        table.head(f'  {what}')
        table.row(what, 'until no 10 s have a gap above 10 %', equal_after(watched, event_s), ' s',
                  10)
        table.percent(what, 'gap of the 10 s that begin with it', gap_since(watched, event_s), 10)
        table.row(what, 'moves in the 10 s after, a worker',
                  sum(switches(s, event_s, event_s + WINDOW_S) for s in slices) / len(slices))


# ---- throughput

def wait_for_end(cluster, jobs):
    cluster.wait_for_all(jobs, 'the end of the jobs', lambda info: info.state != 1)


def time_of(cluster, counts, together):
    """Seconds from the first submission to the last result."""
    start_s, jobs = time.monotonic(), []
    for model, count in counts.items():
        jobs.append(cluster.submit(model, count))
        if not together:
            wait_for_end(cluster, jobs)
    wait_for_end(cluster, jobs)
    return time.monotonic() - start_s


def run_throughput(table, arguments):
    for kind, workers, models in (('real', 2, None), ('replay', 10, REPLAY_FAST)):
        if kind not in arguments.kinds:
            continue
        tasks = 2 if kind == 'real' else 20
        with Cluster(arguments.build, workers, kind, models) as cluster:
            both_resident(cluster)
            counts = {model: tasks * batch for model, batch in cluster.batch.items()}
            runs = [(time_of(cluster, counts, False), time_of(cluster, counts, True))
                    for _ in range(arguments.runs)]
        part = f'throughput {kind}'
        table.head(f'{" and ".join(f"{count} of {model}" for model, count in counts.items())} on '
                   f'{workers} workers, {"onednn" if kind == "real" else "replay"}, '
                   f'{arguments.runs} runs')
        table.row(part, 'one after the other, median',
                  statistics.median(alone for alone, _ in runs), ' s')
        table.row(part, 'at once, median', statistics.median(both for _, both in runs), ' s')
        lost = statistics.median(1 - alone / both for alone, both in runs)
        table.percent(part, 'throughput lost by sharing, median of pairs', lost, 5)


COMMANDS = {'gap': run_gap, 'second': run_second, 'shares': run_shares, 'many': run_many,
            'changes': run_changes, 'throughput': run_throughput}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', nargs='+', choices=[*COMMANDS, 'all'], metavar='WHAT',
                        help=', '.join(COMMANDS) + ' or all')
    parser.add_argument('--build', default='build', help='build folder (build)')
    parser.add_argument('--seconds', type=int, default=60,
                        help='gap, shares, many: how long rates are measured (60)')
    parser.add_argument('--trials', type=int, default=20, help='second: of each order (20)')
    parser.add_argument('--runs', type=int, default=3, help='throughput: pairs of runs (3)')
    parser.add_argument('--kinds', nargs='+', choices=['real', 'replay'],
                        default=['real', 'replay'], help='gap, throughput: engines (both)')
    parser.add_argument('--seed', type=int, default=1, help='second: of the pauses (1)')
    parser.add_argument('--json', action='store_true', help='print JSON and no table')
    parser.add_argument('--save', help='file for the JSON (BUILD/fair-WHAT.json)')
    arguments = parser.parse_args()
    if arguments.seconds < 1 or arguments.trials < 1 or arguments.runs < 1:
        parser.error('--seconds, --trials and --runs must be at least 1')
    if not (pathlib.Path(arguments.build) / 'broker/idunno-broker').exists():
        parser.error(f'there is no idunno-broker in {arguments.build}: build it, or say --build')
    return arguments


def main():
    arguments = read_arguments()
    what = list(COMMANDS) if 'all' in arguments.what else arguments.what
    table = Table(arguments.json)
    for name in what:
        COMMANDS[name](table, arguments)
    text = json.dumps(table.rows, indent=1)
    save = arguments.save or pathlib.Path(arguments.build) / f'fair-{"-".join(what)}.json'
    pathlib.Path(save).write_text(text + '\n')
    print(text if arguments.json else f'\nsaved: {save}')
    return 0 if all(row['met'] is not False for row in table.rows) else 1


if __name__ == '__main__':
    sys.exit(main())
