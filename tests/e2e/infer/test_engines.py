#!/usr/bin/env python3
"""Engine onednn against engine darknet on darknet's own classifiers, with made-up weights: what goes
into the softmax differs by at most 1e-5 of its range (direct) or 1e-3 (auto), the best class never.
Very deep networks, and some with little batch norm, may differ by 6e-5 in direct: single precision
is not enough there for either side (with darknet's sums kept in double precision, resnet152 still
differs by 3.3e-5 instead of 4.3e-5, extraction by 1.3e-5 instead of 2.0e-5).

A few small networks by default; with IDUNNO_TEST_LONG=1 every classifier of the cfg folder with 16
images, alexnet and resnet18 with all photos there are (of IDUNNO_TEST_DATA and of darknet) and 1,000
made-up pictures.

usage: test_engines.py IDUNNO_INFER IDUNNO_WEIGHTS IDUNNO_DATASET [CFG ...]
"""
import os
import pathlib
import subprocess
import sys
import tempfile

CFGS = pathlib.Path('/usr/share/darknet/cfg')
PHOTOS = pathlib.Path('/usr/share/darknet/data')
MOST = {'direct': 1e-5, 'auto': 1e-3}
ROUGH_MOST = 6e-5
ROUGH = ('extraction', 'extraction.conv', 'extraction22k', 'strided', 'vgg-16', 'resnet50',
         'resnet101', 'resnet152', 'resnext101-32x4d', 'resnext152-32x4d')
SHORT = ('cifar', 'darknet', 'alexnet', 'resnet18')  # the latter two with 2 images
THOROUGH = ('alexnet', 'resnet18')
TIES = 0.01  # of the images may have another best class
LONG = os.environ.get('IDUNNO_TEST_LONG') == '1'


def photos():
    found = sorted(PHOTOS.glob('*.jpg'))
    data = os.environ.get('IDUNNO_TEST_DATA')
    if data:
        found += sorted(pathlib.Path(data).resolve().glob('photos/*.jpg'))
    return found


def compare(infer, algorithm, cfg, weights, images, work):
    """(images computed, same best class, largest difference)"""
    listed = work / 'images.list'
    listed.write_text(''.join(f'{image}\n' for image in images))
    done = subprocess.run([infer, '--selftest', '--engine', 'onednn', '--algorithm', algorithm,
                           '--compare', 'darknet', cfg, weights, listed],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return 0, 0, done.stderr.strip()
    rows = [line.split('\t') for line in done.stdout.splitlines()]
    bad = [row for row in rows if row[1] != 'ok']
    assert not bad, bad[0]
    return len(rows), sum(row[3] == row[4] for row in rows), max(float(row[2]) for row in rows)


def check(tools, cfg, images, work):
    infer, weights_tool = tools
    weights = work / 'made_up.weights'
    made = subprocess.run([weights_tool, 'synth', '--cfg', cfg, '--output', weights],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:  # no classifier, or one whose weights cannot be made up
        print(f'-    {cfg.stem}: {made.stdout.strip().splitlines()[-1]}', flush=True)
        return None
    failed = 0
    for algorithm, most in MOST.items():
        if cfg.stem in ROUGH:
            most = max(most, ROUGH_MOST)
        count, same, worst = compare(infer, algorithm, cfg, weights, images, work)
        if 'gives no probabilities' in str(worst) or 'classes in a tree' in str(worst):
            print(f'-    {cfg.stem}: no classifier of flat classes', flush=True)
            weights.unlink()
            return None
        good = count == len(images) and worst <= most and count - same <= TIES * count
        print(f'{"ok  " if good else "FAIL"} {cfg.stem} {algorithm}: {count} images, same best '
              f'class {same}, largest difference {worst}', flush=True)
        failed += not good
    weights.unlink()
    return failed


def pictures(dataset_tool, work):
    folder = work / 'pictures'
    subprocess.run([dataset_tool, 'make', '--images', '1000', '--seed', '1',
                    '--output', folder], check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.rglob('*.jpg'))


def main():
    infer, weights_tool, dataset_tool, *wanted = sys.argv[1:]
    cfgs = [pathlib.Path(w) for w in wanted] or (
        sorted(CFGS.glob('*.cfg')) if LONG else [CFGS / f'{name}.cfg' for name in SHORT])
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for cfg in cfgs:
            count = 16 if LONG else 2 if cfg.stem in THOROUGH else 4
            images = photos() if LONG and cfg.stem in THOROUGH else photos()[:count]
            if LONG and cfg.stem in THOROUGH:
                images = images + pictures(dataset_tool, work)
            faults.append(check((infer, weights_tool), cfg, images, work))
    checked = [fault for fault in faults if fault is not None]
    assert LONG or wanted or len(checked) == len(SHORT), 'a network is missing'
    return 1 if not checked or any(checked) else 0


if __name__ == '__main__':
    sys.exit(main())
