"""A whole IDunno cluster of real processes on loopback, for end-to-end tests.

Everything lives in one temporary folder; every process is started, and ended, by its own handle.
Nothing here sleeps to wait for something: wait_for() polls a condition up to a deadline, which only
a failure reaches.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = pathlib.Path(os.environ['IDUNNO_BUILD'])
SOURCE = pathlib.Path(os.environ['IDUNNO_SOURCE'])
BROKER, WORKER = BUILD / 'broker/idunno-broker', BUILD / 'worker/agent/idunno-worker'
INFER = BUILD / 'worker/infer/idunno-infer'
SUBMIT, CTL = BUILD / 'client/idunno-submit', BUILD / 'client/idunno-ctl'
WEIGHTS, DATASET = BUILD / 'weights/idunno-weights', BUILD / 'bench/idunno-dataset'
DEADLINE_S = 120

HOSTS = ('127.0.0.1', '127.0.0.2')  # of broker a and broker b
PORTS = ('port_clients', 'port_workers', 'port_beats_in', 'port_beats_out', 'port_mirror')


def wait_for(condition, what, deadline_s=DEADLINE_S):
    """Polls until condition() is true; its value is returned."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'waited {deadline_s} s for {what}')
        time.sleep(0.02)


def free_ports(count, hosts=HOSTS):
    """Ports nobody listens on at any of the hosts, below the range the kernel gives to connections."""
    with contextlib.ExitStack() as stack:
        ports = []
        candidate = 10000 + (os.getpid() * 37 + int(time.time() * 1000)) % 20000
        while len(ports) < count:
            candidate = 10000 + (candidate - 10000 + 1) % 20000
            sockets = [stack.enter_context(socket.socket()) for _ in hosts]
            try:
                for s, host in zip(sockets, hosts):
                    s.bind((host, candidate))
            except OSError:
                continue
            ports.append(candidate)
        return ports


def run(*command, expect=0, **options):
    """Runs a program to its end; a different exit status than expected is a failure that shows all."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          timeout=DEADLINE_S, stdin=subprocess.DEVNULL, check=False, **options)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f'{command} exited {done.returncode}, expected {expect}\n'
                             f'stdout: {done.stdout}\nstderr: {done.stderr}')
    return done


def cached(name, make):
    """A file or folder that is the same for all tests of this build; made once, whole or not at all."""
    path = BUILD / 'tests-cache' / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        work = pathlib.Path(tempfile.mkdtemp(dir=path.parent))
        make(work / 'made')
        with contextlib.suppress(OSError):  # another test made it meanwhile
            (work / 'made').rename(path)
        shutil.rmtree(work)
    return path


def tiny_weights():
    cfg = SOURCE / 'tests/e2e/tiny.cfg'
    return cached('tiny.weights', lambda made: run(WEIGHTS, 'synth', '--cfg', cfg, '--output', made,
                                                   '--seed', '1'))


def photos(count):
    """A folder of `count` JPEGs with its images.list."""
    return cached(f'photos-{count}', lambda made: run(DATASET, 'make', '--images', count, '--seed',
                                                      '7', '--output', made)) / 'images.list'


class Cluster(contextlib.AbstractContextManager):
    """One broker or two and any number of workers. Models: 'tiny' (real darknet, milliseconds an
    image). Brokers are 'a' and 'b'; what names no broker is about a."""

    def __init__(self, images=200, lists=None, engine='darknet', replay_us=1000, batch=50,
                 models=None, brokers=1, broker_keys=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='idunno-e2e-'))
        self.engine, self.replay_us = engine, replay_us
        self.hosts = HOSTS[:brokers]
        self.state = self.folder / 'state'
        self.brokers, self.workers = {}, {}
        self.worker_env = dict(os.environ, ASAN_OPTIONS='detect_leaks=0')
        self.broker_keys = broker_keys  # lines of section broker
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.lists = {'photos': photos(images)} if lists is None else lists
        self.models = {'tiny': {'cfg': SOURCE / 'tests/e2e/tiny.cfg', 'weights': tiny_weights(),
                                'batch': batch}} if models is None else models
        self.config = self.folder / 'idunno.conf'
        self.configs = {}  # of who has another one: broker 'a' or 'b', a worker's instance, 'client'
        self.prefix = {}   # likewise: words before their commands
        self.write_config()

    @property
    def broker(self):
        return self.brokers.get('a')

    def state_of(self, letter):
        return self.state if letter == 'a' else self.state.with_name(self.state.name + '-b')

    def write_config(self, extra='', ports=None, config=None):
        lines = ['cluster'] + [f'    {l} = "{host}"' for l, host in zip('ab', self.hosts)]
        lines += [f'    {key} = {port}' for key, port in (ports or self.ports).items()]
        lines += ['broker', f'    state = "{self.state}"', *self.broker_keys, 'models']
        for name, values in self.models.items():
            lines += [f'    {name}'] + [f'        {k} = "{v}"' for k, v in values.items()]
        lines += ['datasets']
        for name, path in self.lists.items():
            lines += [f'    {name}', f'        list = "{path}"']
        (config or self.config).write_text('\n'.join(lines) + '\n' + extra)

    def __exit__(self, kind, value, traceback):
        for process in [*self.workers.values(), *self.brokers.values()]:
            if process.poll() is None:
                process.kill()
                process.wait()
        if kind is not None:
            self.print_logs()
        shutil.rmtree(self.folder, ignore_errors=True)

    def print_logs(self):
        for log in sorted(self.folder.glob('*.log')):
            print(f'--- {log.name}\n' + '\n'.join(log.read_text().splitlines()[-30:]))

    # ---- processes

    def config_of(self, who):
        return self.configs.get(who, self.config)

    def _spawn(self, who, name, *command, env=None):
        command = [*self.prefix.get(who, ()), *command]
        with open(self.folder / f'{name}.log', 'ab') as log:
            return subprocess.Popen([str(c) for c in command], stdout=log, stderr=log, env=env,
                                    stdin=subprocess.DEVNULL)

    def start_broker(self, *options, ready=True, letter='a', env=None):
        name = 'broker' if letter == 'a' else 'broker-b'
        command = [BROKER, '--config', self.config_of(letter), '--letter', letter]
        command += ['--state', self.state_of(letter)]
        self.brokers[letter] = self._spawn(letter, name, *command, *options, env=env)
        if ready:
            wait_for(lambda: self.status(letter), f'broker {letter} to answer')
        return self.brokers[letter]

    def start_worker(self, instance, *options, env=None):
        options = ['--config', self.config_of(instance), '--instance', instance, '--engine',
                   self.engine, *options]
        if self.engine == 'replay':
            options += ['--replay-us', self.replay_us]
        self.workers[instance] = self._spawn(instance, f'worker-{instance}', WORKER, *options,
                                             env={**self.worker_env, **(env or {})})
        return self.workers[instance]

    def kill_broker(self, letter='a'):
        self.brokers[letter].kill()
        self.brokers[letter].wait()

    def kill_worker(self, instance):
        self.workers[instance].kill()
        self.workers[instance].wait()

    def stop(self, process):
        """Clean shutdown; returns the exit status."""
        process.send_signal(signal.SIGTERM)
        return process.wait(DEADLINE_S)

    def child_of(self, instance):
        """Process id of the inference child of a worker, or None."""
        pid = self.workers[instance].pid
        try:
            children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def log(self, name):
        return (self.folder / f'{name}.log').read_text()

    # ---- clients

    def client(self, program, *arguments, **options):
        return run(*self.prefix.get('client', ()), program, '--config', self.config_of('client'),
                   *arguments, cwd=self.folder, **options)

    def submit(self, *arguments, expect=0):
        return self.client(SUBMIT, *arguments, expect=expect)

    def detach(self, *arguments):
        return self.submit('--detach', *arguments).stdout.strip()

    def ctl(self, *arguments, expect=0):
        return self.client(CTL, *arguments, expect=expect)

    @staticmethod
    def parse(text):
        return json.loads(text)

    def json(self, *arguments):
        return json.loads(self.ctl(*arguments, '--json').stdout)

    def address(self, letter):
        """Where clients find a broker."""
        return f"{self.hosts['ab'.index(letter)]}:{self.ports['port_clients']}"

    def at(self, letter):
        """Options that make a client ask one broker only."""
        return ['--broker', self.address(letter)]

    def status(self, letter='a'):
        """A broker's own status, or None while it does not answer."""
        done = self.client(CTL, '--timeout', '1', *self.at(letter), 'status', '--json', expect=None)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def active(self):
        """The letter of the broker that reigns; None: nobody, or (for a moment) two do."""
        roles = {letter: (self.status(letter) or {}).get('role') for letter in 'ab'[:len(self.hosts)]}
        reigning = [letter for letter, role in roles.items() if role in ('active', 'alone')]
        return reigning[0] if len(reigning) == 1 else None

    def is_in_sync(self):
        letter = self.active()
        return letter is not None and (self.status(letter) or {}).get('role') == 'active'

    def wait_in_sync(self):
        wait_for(self.is_in_sync, 'two brokers in sync')

    def job(self, job):
        return self.json('job', job)

    def done(self, job):
        """Images of the job that have a result."""
        info = self.job(job)
        return info['ok'] + info['failed']  # failed includes quarantined

    def results(self, job, *options):
        out = self.ctl('results', job, '--format', 'jsonl', *options).stdout
        return [json.loads(line) for line in out.splitlines()]

    def finish(self, job):
        """Waits for the end of a job; returns it."""
        self.ctl('wait', job, expect=None)
        return self.job(job)
