#!/usr/bin/env python3
"""Real processes under faults, one after the other, while jobs run: none of their images may be lost or
counted twice, and every job must end with the digest of a run without faults. Prints and saves a
table of recovery times (chaos.txt in the build folder).

usage: chaos.py [PART...]    PART: kills stops partitions disks relay workers queues (all of them)
IDUNNO_TEST_LONG=1: the long run (200 kills, 50 stops, 50 partitions); IDUNNO_TEST_SEED=N repeats one.
IDUNNO_BUILD: the build folder, if it is not build/.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault('IDUNNO_SOURCE', str(ROOT))
os.environ.setdefault('IDUNNO_BUILD', str(ROOT / 'build'))
sys.path.insert(0, str(ROOT / 'tests/e2e'))

from cluster import BUILD, cached, free_ports, PORTS, SOURCE, wait_for  # noqa: E402
from measure import now_ms, Table  # noqa: E402
import nets  # noqa: E402
from partitions import Partitions, PARTITIONS  # noqa: E402
from rounds import Field, IMAGES, KILLS, other, plain_cluster, STOPS, tiny_models  # noqa: E402

LONG = bool(os.environ.get('IDUNNO_TEST_LONG'))
SEED = int(os.environ.get('IDUNNO_TEST_SEED', time.time()))
RELAY = SOURCE / 'tests/chaos/relay.py'
SHIM = BUILD / 'tests/chaos/libchaos-failing-write.so'

table = Table()


def say(text):
    print(text, flush=True)


def run_rounds(field, kinds, rounds):
    for number in range(rounds):
        kind = kinds[number % len(kinds)] if not LONG else field.rng.choice(kinds)
        began = now_ms()
        kind(field)
        say(f'  {number + 1}/{rounds} {kind.__name__}: {(now_ms() - began) / 1000:.1f} s')
    field.drain()
    field.compare()
    say(f'  {field.jobs} jobs of {field.span} images: 0 lost, 0 twice, digests equal')


def on_loopback(kinds, rounds):
    with plain_cluster() as c:
        field = Field(c, 3, table, SEED)
        field.baseline()
        run_rounds(field, kinds, rounds)
        field.close()


def kills():
    on_loopback(KILLS, 200 if LONG else len(KILLS))


def stops():
    on_loopback(STOPS, 50 if LONG else len(STOPS))
    if LONG:
        on_loopback([Field.stop_child], 2)


def partitions():
    problem = nets.problem()
    if problem is not None:
        say('  ' + problem)
        return
    with nets.NetCluster(3, images=IMAGES, engine='onednn', models=tiny_models()) as c:
        field = Partitions(c, 3, table, SEED)
        field.baseline()
        run_rounds(field, PARTITIONS, 50 if LONG else len(PARTITIONS))
        field.close()


# ---- disks

def break_disk(field, letter, fault, mend, name):
    """The broker must end with status 1; the other one goes on."""
    field.feed()
    was_active = field.active() == letter
    since = now_ms()
    fault()
    wait_for(lambda: field.c.brokers[letter].poll() is not None, f'broker {letter} to end')
    if field.c.brokers[letter].returncode != 1:
        raise AssertionError(f'{name}: exit status {field.c.brokers[letter].returncode}')
    event = (field.first_lease(since, other(letter)) if was_active else
             field.alone(since, other(letter)))
    field.record(f'{name}: ' + ('first lease of the standby' if was_active else
                                'the active goes on alone'), since, event)
    mend()
    field.back(letter)


def break_disks(field, faults, name):
    """Of the active and of the standby. faults: letter -> (fault, mend)."""
    field.baseline()
    for number in range(10 if LONG else 2):
        letter = field.active() if number % 2 == 0 else other(field.active())
        if letter not in faults:
            field.c.ctl('switch')
            field.whole()
            letter = other(letter)
        break_disk(field, letter, *faults[letter], name)
    field.drain()
    field.close()
    say(f'  {name}: {field.jobs} jobs of {field.span} images whole')


def full_disk():
    """Broker a keeps its state on a tmpfs that is filled to the last byte."""
    if os.geteuid() != 0:
        say('  a full disk needs root (a small tmpfs): skipped')
        return
    mount = pathlib.Path(tempfile.mkdtemp(prefix='idunno-disk-'))
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=32m', 'none', mount], check=True)
    filler = mount / 'filler'

    def fill():
        with open(filler, 'wb', buffering=0) as out:
            try:
                while True:
                    out.write(bytes(4096))
            except OSError:
                pass
    try:
        with plain_cluster(broker_keys=['    min_free = 0']) as c:
            (c.folder / 'state').symlink_to(mount)
            c.state = c.folder / 'state/a'
            c.state_of = lambda letter: c.state if letter == 'a' else c.folder / 'state-b'
            break_disks(Field(c, 3, table, SEED), {'a': (fill, filler.unlink)}, 'full disk')
    finally:
        subprocess.run(['umount', '-l', mount], check=True)
        mount.rmdir()


def failing_write():
    """The disk answers writes and syncs with an error."""
    with plain_cluster() as c:
        flag = {letter: c.folder / f'fail-{letter}' for letter in 'ab'}
        start = c.start_broker

        def start_broker(*options, letter='a', **more):
            env = dict(os.environ, LD_PRELOAD=str(SHIM), IDUNNO_TEST_FAIL=str(flag[letter]))
            return start(*options, letter=letter, env=env, **more)
        c.start_broker = start_broker
        break_disks(Field(c, 3, table, SEED), {l: (f.touch, f.unlink) for l, f in flag.items()},
                    'failing write')


def disks():
    full_disk()
    if 'asan' in BUILD.name:
        say('  nothing can be preloaded under AddressSanitizer: failing writes skipped')
    else:
        failing_write()


# ---- a bad network

def relay():
    with plain_cluster() as c:
        free = [port for port in free_ports(2 * len(PORTS)) if port not in c.ports.values()]
        bad = dict(zip(PORTS, free))
        pairs = [f'{host}:{bad[name]}={host}:{c.ports[name]}' for host in c.hosts for name in PORTS
                 if name != 'port_mirror' or host == c.hosts[0]]
        command = [sys.executable, RELAY, '--delay', '10', '--loss', '0.01', '--break-every', '10',
                   '--seed', SEED, *pairs]
        for who, ports in (('client', bad), ('b', {**c.ports, 'port_mirror': bad['port_mirror']})):
            c.configs[who] = c.folder / f'{who}.conf'
            c.write_config(ports=ports, config=c.configs[who])
        for instance in range(3):
            c.configs[instance] = c.configs['client']
        process = subprocess.Popen([str(x) for x in command])
        try:
            field = Field(c, 3, Table(), SEED)
            field.baseline()
            run_rounds(field, KILLS + STOPS, 40 if LONG else 3)
            field.close()
            if process.poll() is not None:
                raise AssertionError('the relay has ended')
            for name, values in field.table.rows.items():
                for value in values:
                    table.add('bad network, ' + name, value)
        finally:
            process.kill()
            process.wait()


# ---- recovery: of a worker whatever its task's size, of the active whatever is queued

def long_list(images):
    def make(path):
        path.write_text('none.jpg\n' * images)
    return cached(f'list-{images}', make)


def workers():
    """Three workers that are all busy; one dies."""
    for batch in (50, 500, 5000):
        span = 60000
        with plain_cluster({'tasks': batch}, engine='replay', replay_us=2000,
                           lists={'photos': long_list(span)}) as c:
            field = Field(c, 3, table, SEED, span)
            for _ in range(20 if LONG else 2):
                instance, lease = field.victim(least=min(40, batch // 2))
                since = now_ms()
                c.kill_worker(instance)
                field.killed(f'worker kill -9, all others busy, tasks of {batch}: reported elsewhere',
                             lease, since)
                c.start_worker(instance)
                wait_for(lambda: sum(w.state == 'busy' for w in
                                     field.probe.workers(field.active())) == 3, 'three busy workers')
            for job in field.open:
                c.ctl('cancel', job)
            field.close()


def queues():
    """Tasks of 50 images."""
    for tasks in (10, 1000, 10000):
        span = tasks * 50
        with plain_cluster({'tasks': 50}, engine='replay', replay_us=100000,
                           lists={'photos': long_list(span)}) as c:
            field = Field(c, 3, table, SEED, span)
            for _ in range(20 if LONG else 2):
                for job in field.open:  # each time as many are queued
                    c.ctl('cancel', job)
                field.open = []
                field.submit()
                wait_for(field.has_leases, 'leases')
                letter = field.active()
                since = now_ms()
                c.kill_broker(letter)
                event = field.record(f'active kill -9, {tasks:,} tasks queued: first lease', since,
                                     field.first_lease(since, other(letter)))
                assert event is not None, 'no lease of the standby within 30 s'
                c.start_broker(letter=letter)
                field.whole()
            field.close()


PARTS = {'kills': kills, 'stops': stops, 'partitions': partitions, 'disks': disks, 'relay': relay,
         'workers': workers, 'queues': queues}


def main():
    # The sanitizers look at the code, not at the times: without the parts that only measure.
    usual = [name for name in PARTS if LONG or 'asan' not in BUILD.name or
             name not in ('partitions', 'workers', 'queues')]
    names = sys.argv[1:] or usual
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f'chaos.py: no part {unknown[0]}; there are {", ".join(PARTS)}')
    say(f'IDUNNO_TEST_SEED={SEED}')
    random.seed(SEED)
    try:
        for name in names:
            say(f'{name}:')
            PARTS[name]()
    finally:
        say(table.text())
        (BUILD / 'chaos.txt').write_text(table.text() + '\n')


if __name__ == '__main__':
    main()
