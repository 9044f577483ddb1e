#!/usr/bin/env python3
"""Real models on real photos: idunno-infer against golden.tsv (PyTorch) and libdarknet itself.

Needs IDUNNO_TEST_DATA, the folder with photos.list and one folder a model (NAME/NAME.cfg,
NAME.weights, golden.tsv); without it the test is skipped (status 77). 24 photos, all with
IDUNNO_TEST_LONG=1.

usage: test_golden.py IDUNNO_INFER REFERENCE
"""
import os
import pathlib
import subprocess
import sys
import tempfile

PHOTOS = 24
# Of a probability, against libdarknet on the same pixels; classes closer than that may change places
# unless it is libdarknet that computes.
ENGINES = {('darknet', 'direct'): (1e-5, 0.0), ('onednn', 'direct'): (1e-5, 1e-5),
           ('onednn', 'auto'): (1e-4, 1e-4)}
GOLDEN_TOLERANCE = 1e-4  # against another framework, given with six digits


def run(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL).stdout


def parse(output):
    """{path: [(id, probability), ...]} of lines `path TAB ok TAB id:probability ...`."""
    rows = {}
    for line in output.splitlines():
        if '\t' not in line:
            continue
        path, status, *pairs = line.split('\t')
        assert status == 'ok', f'{path}: {status}'
        rows[path] = [(int(p.split(':')[0]), float(p.split(':')[1])) for p in pairs]
    return rows


def parse_golden(file, data):
    rows = {}
    for line in file.read_text().splitlines():
        path, _true, *fields = line.split('\t')
        pairs = zip(fields[0::2], fields[1::2])
        rows[str(data / path)] = [(int(i), float(p)) for i, p in pairs]
    return rows


def compare(ours, theirs, tolerance, tie):
    """Differences in words. Classes whose probabilities differ by less than `tie` may change
    places."""
    faults, worst = [], 0.0
    for path, row in ours.items():
        for rank, ((i, p), (j, q)) in enumerate(zip(row, theirs[path], strict=True)):
            worst = max(worst, abs(p - q))
            if abs(p - q) > tolerance or (i != j and abs(p - q) > tie):
                faults.append(f'{path} rank {rank}: {i}:{p} against {j}:{q}')
            if i != j and rank == 0:
                faults.append(f'{path}: best class {i} against {j}')
    return faults, worst


def check_model(infer, reference, folder, data, photos, work):
    cfg, weights = (folder / f'{folder.name}.{end}' for end in ('cfg', 'weights'))
    chosen = work / 'photos.list'
    chosen.write_text('\n'.join(photos) + '\n')
    darknet = parse(run([reference, cfg, weights, chosen]))
    golden = parse_golden(folder / 'golden.tsv', data)
    failed = 0
    for (engine, algorithm), (tolerance, tie) in ENGINES.items():
        ours = parse(run([infer, '--selftest', '--engine', engine, '--algorithm', algorithm,
                          '--top5', cfg, weights, chosen]))
        assert list(ours) == photos, 'not one line for each photo, in order'
        for name, theirs, most, close in (('libdarknet', darknet, tolerance, tie),
                                          ('golden.tsv', golden, GOLDEN_TOLERANCE,
                                           max(tie, 2e-6))):
            faults, worst = compare(ours, theirs, most, close)
            print(f'{"FAIL" if faults else "ok  "} {folder.name}, engine {engine} {algorithm}: '
                  f'{len(photos)} photos against {name}, largest difference of a probability '
                  f'{worst:.2g}')
            for fault in faults[:5]:
                print('  ' + fault)
            failed += bool(faults)
    return failed


def main():
    infer, reference = sys.argv[1:]
    if not os.environ.get('IDUNNO_TEST_DATA'):
        print('skipped: IDUNNO_TEST_DATA names no folder with weights and photos')
        return 77
    data = pathlib.Path(os.environ['IDUNNO_TEST_DATA']).resolve()
    photos = [str(data / line) for line in (data / 'photos.list').read_text().split()]
    if os.environ.get('IDUNNO_TEST_LONG') != '1':
        photos = photos[:PHOTOS]
    models = sorted(p.parent for p in data.glob('*/golden.tsv'))
    assert models, f'{data} holds no NAME/golden.tsv'
    with tempfile.TemporaryDirectory() as work:
        return int(any([check_model(infer, reference, folder, data, photos, pathlib.Path(work))
                        for folder in models]))


if __name__ == '__main__':
    sys.exit(main())
