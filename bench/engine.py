#!/usr/bin/env python3
"""How fast the engines are, in one run: for each model and engine, milliseconds an image and GFLOP/s
at several slice sizes on one thread and on all cores, stock darknet and, if it is installed, PyTorch
beside them, and the roof that the machine sets. Prints a table; --csv FILE keeps the numbers.

All of them are measured in turn, each in a process of its own, as many rounds as asked: how fast
stock darknet is depends on where in memory its process happens to lie. Figures are medians over the
rounds (in each, the median of its repeats), ratios the medians of each round's own. `cpu` is
processor time (of all threads), which other programs on the machine disturb less than the clock on
the wall: the ratios of one thread are of it. Weights are made up. GFLOP/s, and so the part of the
roof, are those of direct convolution, whatever the engine does: Winograd's method (onednn auto)
multiplies less, and may seem to pass the roof.

usage: bench/engine.py BUILD [--models a,b] [--csv FILE] [--rounds N] [--repeats N] [--core N]
                             [--no-torch]
"""
import argparse
import csv
import importlib.util
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

CFGS = pathlib.Path('/usr/share/darknet/cfg')
BATCHES = (1, 8, 16, 64)
TORCH_BATCHES = (1, 8, 16)
ENGINES = (('darknet', '-'), ('onednn', 'direct'), ('onednn', 'auto'))
COLUMNS = ('model', 'engine', 'algorithm', 'threads', 'batch', 'wall_ms', 'cpu_ms', 'gflops',
           'cpu_gflops', 'resident_kib')
MEASURED = ('wall_ms', 'cpu_ms', 'gflops', 'cpu_gflops', 'resident_kib')
COMPARED = (('onednn', 'direct'), ('onednn', 'auto'), ('pytorch', 'eager'), ('pytorch', 'traced'))


def pairs(line):
    return dict(re.findall(r'(\w+)=(\S+)', line))


def run(command, threads, core):
    """Rows of key=value, one by one; one thread is kept on one core."""
    pinned = ['taskset', '-c', str(core)] if threads == 1 else []
    with subprocess.Popen(pinned + [str(c) for c in command], stdout=subprocess.PIPE,
                          text=True) as child:
        for line in child.stdout:
            yield pairs(line)
    assert child.returncode == 0, command


def measure(bench, model, cfg, weights, args):
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        for engine, algorithm in ENGINES:
            # Stock darknet knows no batches: a thread an image.
            batches = BATCHES if engine != 'darknet' else (threads,)
            command = [bench, engine, 'auto' if algorithm == '-' else algorithm, threads, cfg,
                       weights, args.repeats, *batches]
            for row in run(command, threads, args.core):
                yield {**row, 'model': model, 'engine': engine, 'algorithm': algorithm}
        if args.torch:
            command = [sys.executable, pathlib.Path(__file__).with_name('engine_torch.py'), cfg,
                       threads, args.repeats, *TORCH_BATCHES]
            for row in run(command, threads, args.core):
                yield {**row, 'model': model, 'engine': 'pytorch'}


def print_head():
    print(f'{"model":10} {"engine":8} {"algorithm":9} {"threads":>7} {"batch":>5} {"wall ms":>9} '
          f'{"cpu ms":>9} {"GFLOP/s":>8} {"of cpu":>8} {"MiB":>6}', flush=True)


def print_row(row):
    print(f'{row["model"]:10} {row["engine"]:8} {row["algorithm"]:9} {row["threads"]:>7} '
          f'{row["batch"]:>5} {row["wall_ms"]:9.2f} {row["cpu_ms"]:9.2f} '
          f'{row["gflops"]:8.1f} {row["cpu_gflops"]:8.1f} '
          f'{row["resident_kib"] / 1024:6.0f}', flush=True)


def medians(rounds):
    """One row for each row of a round."""
    return [{**row, **{key: statistics.median(float(r[i][key]) for r in rounds)
                       for key in MEASURED}} for i, row in enumerate(rounds[0])]


def best(rows, engine, algorithm):
    """Processor time an image on one thread, at the batch that suits it best; None: not measured."""
    return min((float(row['cpu_ms']) for row in rows
                if (row['engine'], row['algorithm'], row['threads']) == (engine, algorithm, '1')),
               default=None)


def print_ratios(model, rounds, roof):
    stock = [best(rows, 'darknet', '-') for rows in rounds]
    row = rounds[0][0]
    flop = float(row['cpu_gflops']) * float(row['cpu_ms'])
    for engine, algorithm in COMPARED:
        times = [best(rows, engine, algorithm) for rows in rounds]
        if times[0] is None:
            continue
        ratios = [a / b for a, b in zip(stock, times)]
        time = statistics.median(times)
        counted = ' by the count of direct convolution' if algorithm == 'auto' else ''
        print(f'{model}, one thread: {engine} {algorithm} {time:.2f} ms an image at its best batch, '
              f'{flop / time / roof * 100:.0f} % of the roof{counted}; stock darknet takes '
              f'{statistics.median(ratios):.1f} times as long ({min(ratios):.1f} to '
              f'{max(ratios):.1f} in a round)')
    print(f'{model}, one thread: stock darknet {statistics.median(stock):.0f} ms an image '
          f'({min(stock):.0f} to {max(stock):.0f})')


def print_memory(bench, files, core):
    size = sum(weights.stat().st_size for _, weights in files) / 1024
    for algorithm in ('direct', 'auto'):
        paths = [path for pair in files for path in pair]
        row = next(run([bench, '--memory', algorithm, '1', *paths], 1, core))
        models, activations = int(row['models_kib']), int(row['activations_kib'])
        print(f'all models in memory, onednn {algorithm}: {models / 1024:.0f} MiB, '
              f'{models / size:.2f} times their weights files, and {activations / 1024:.0f} MiB a '
              'thread for activations')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--models', default='alexnet,resnet18')
    parser.add_argument('--csv', type=pathlib.Path)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--core', type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument('--no-torch', dest='torch', action='store_false')
    args = parser.parse_args()
    if args.torch and importlib.util.find_spec('torch') is None:
        print('PyTorch is not installed for this Python (Debian: python3-torch): left out')
        args.torch = False
    bench, rows, files, rounds = args.build / 'bench/bench-engine', [], [], {}
    machine = next(run([bench, '--machine'], 1, args.core))
    print_head()
    with tempfile.TemporaryDirectory() as folder:
        for model in args.models.split(','):
            cfg, weights = CFGS / f'{model}.cfg', pathlib.Path(folder) / f'{model}.weights'
            subprocess.run([args.build / 'weights/idunno-weights', 'synth', '--cfg', cfg,
                            '--output', weights], check=True, stdout=subprocess.DEVNULL)
            files.append((cfg, weights))
            rounds[model] = []
            for i in range(args.rounds):
                if sys.stderr.isatty():
                    print(f'{model}: round {i + 1} of {args.rounds}', end='\r', file=sys.stderr)
                rounds[model].append(list(measure(bench, model, cfg, weights, args)))
            for row in medians(rounds[model]):
                print_row(row)
                rows.append(row)
        print_memory(bench, files, args.core)
    roof = float(machine['fma_gflops'])
    print(f'\none core: {roof:.0f} GFLOP/s of fused multiply-adds in registers, '
          f'{float(machine["read_gb_s"]):.1f} GB/s read from memory')
    for model, measured in rounds.items():
        print_ratios(model, measured, roof)
    if args.csv:
        with args.csv.open('w', newline='') as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction='ignore')
            writer.writeheader()
            writer.writerows(rows)


if __name__ == '__main__':
    main()
