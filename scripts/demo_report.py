"""What scripts/demo prints about a running cluster; asks idunno-ctl for it.

usage: demo_report.py ready CTL WORKERS PID ...   waits until so many workers are there
       demo_report.py watch CTL JOB ...           shows progress until all jobs have ended
       demo_report.py summary CTL LIST JOB ...    figures and five samples
"""
import json
import os
import pathlib
import subprocess
import sys
import time

READY_SECONDS = 60
SAMPLES = 5


def ask(ctl, *arguments):
    done = subprocess.run([ctl, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return done.stdout


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def ready(ctl, wanted, *pids):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if not all(is_alive(int(pid)) for pid in pids):
            sys.exit('a process ended early')
        done = subprocess.run([ctl, 'workers', '--json', '--timeout', '1'], capture_output=True,
                              text=True, check=False)
        if done.returncode == 0 and len(json.loads(done.stdout)) >= int(wanted):
            return
        time.sleep(0.2)
    sys.exit(f'the workers did not arrive within {READY_SECONDS} s')


def job(ctl, key):
    return json.loads(ask(ctl, 'job', key, '--json'))


def done_of(state):
    return state['ok'] + state['failed']  # failed includes quarantined


def watch(ctl, *keys):
    terminal, started, shown = sys.stderr.isatty(), time.monotonic(), 0.0
    while True:
        states = [job(ctl, key) for key in keys]
        ended = all(s['state'] != 'open' for s in states)
        now = time.monotonic() - started
        line = '   '.join(f"{s['model']} {done_of(s)} of {s['images']}" for s in states)
        if terminal:
            print(f'\r{line}   {now:.0f} s ', end='\n' if ended else '', file=sys.stderr, flush=True)
        elif ended or now - shown >= 5:
            print(f'{line}   {now:.0f} s', file=sys.stderr, flush=True)
            shown = now
        if ended:
            break
        time.sleep(0.5)
    for state in states:
        if state['state'] != 'finished':
            sys.exit(f"the job of {state['model']} ended as {state['state']}: {state['why']}")


def answers(ctl, key):
    rows = ask(ctl, 'results', key, '--format', 'jsonl').splitlines()
    return {row['index']: row for row in map(json.loads, rows)}


def summary(ctl, listing, *keys):
    states = [job(ctl, key) for key in keys]
    print(f"{'MODEL':10}{'IMAGES':>7}{'FAILED':>8}{'TIME':>9}{'IMAGES/S':>10}  RESULT DIGEST")
    for s in states:
        seconds = s['elapsed_ms'] / 1000
        print(f"{s['model']:10}{s['ok']:7}{s['failed']:8}{seconds:7.1f} s"
              f"{s['images_per_s_mean']:10.2f}  {s['digest']}")
    begun = min(s['created_ms'] for s in states)
    seconds = (max(s['finished_ms'] for s in states) - begun) / 1000
    images = sum(map(done_of, states))
    print(f'together {images} images in {seconds:.1f} s: {images / max(seconds, 0.001):.2f} images/s')
    print()
    names = pathlib.Path(listing).read_text(encoding='utf-8').splitlines()
    tables = [answers(ctl, key) for key in keys]
    for index in sorted({k * (len(names) - 1) // (SAMPLES - 1) for k in range(SAMPLES)}):
        print(f'image {index} ({names[index]})')
        for state, table in zip(states, tables):
            print(f"    {state['model']:10}{sentence(table.get(index))}")


def sentence(row):
    if row is None or row.get('status') != 'ok':
        return 'no result' if row is None else row['status']
    best = row['top'][0]
    label = best.get('label') or f"class {best['class']}"
    return f"{label} ({100 * best['probability']:.1f} %)"


if __name__ == '__main__':
    try:
        {'ready': ready, 'watch': watch, 'summary': summary}[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)
