"""Every mistake gets one sentence that names it, and the right exit status; nothing is lost by it."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from cluster import BROKER, Cluster, CTL, free_ports, photos, run, SUBMIT, wait_for, WORKER


class AtTheClient(unittest.TestCase):
    """One broker without workers for all of these: none of them gets as far as one."""

    @classmethod
    def setUpClass(cls):
        cls.c = Cluster(images=200)
        cls.c.start_broker()

    @classmethod
    def tearDownClass(cls):
        cls.c.__exit__(None, None, None)

    def refused(self, arguments, status, *parts):
        done = self.c.submit(*arguments, expect=status)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        for part in parts:
            self.assertIn(part, lines[0])
        self.assertEqual(done.stdout, '')

    def test_queries(self):
        d = ('--dataset', 'photos')
        for arguments, parts in (
                (('Inference', '0', '199', 'tinny', *d), ('tinny', 'tiny')),
                (('Inference', '0', '200', 'tiny', *d), ('200', '199')),
                (('Inference', '9', '3', 'tiny', *d), ('9', '3')),
                (('Inference', '-1', '3', 'tiny', *d), ('-1',)),
                (('Inference', 'one', '3', 'tiny', *d), ('one',)),
                (('Inference', '0', '99999999999999999999', 'tiny', *d), ('99999999999999999999',)),
                (('Inference', '0', 'tiny', *d), ('Inference',)),
                (('Classify', '0', '9', 'tiny', *d), ('Classify',)),
                (('Inference', '0', '9', 'tiny', '--dataset', 'fotos'), ('fotos', 'photos')),
                (('Inference', '0', '9', 'tiny', *d, '--wieght', '2'), ('wieght',)),
                (('--model', 'tiny', '--range', '5-9', *d), ('5-9',)),
                (('--model', 'tiny', '--list', 'none.list'), ('none.list',)),
        ):
            with self.subTest(arguments):
                self.refused(arguments, 2, *parts)

    def test_list_with_an_empty_line(self):
        (self.c.folder / 'gap.list').write_text('a.jpg\n\nb.jpg\n')
        self.refused(('--model', 'tiny', '--list', 'gap.list'), 2, 'gap.list', '2')

    def test_no_broker_at_the_address(self):
        port = free_ports(1)[0]
        done = run(SUBMIT, '--broker', f'127.0.0.1:{port}', '--timeout', '1', 'Inference', '0', '9',
                   'tiny', '--dataset', 'photos', expect=1)
        self.assertIn(str(port), done.stderr)
        self.assertIn('1.0 s', done.stderr)

    def test_ctl(self):
        self.assertIn('status', self.c.ctl('statsu', expect=2).stderr)
        self.assertIn('00000000', self.c.ctl('job', '00000000', expect=1).stderr)
        self.assertIn('xyz', self.c.ctl('job', 'xyz', expect=2).stderr)


class AtTheBroker(unittest.TestCase):
    def fails(self, c, *parts, options=(), status=1):
        done = run(BROKER, '--config', c.config, *options, expect=status)
        sentences = [s for s in done.stderr.splitlines() if s.startswith('idunno-broker: ')]
        self.assertEqual(len(sentences), 1, done.stderr)
        for part in parts:
            self.assertIn(part, sentences[0])

    def test_unknown_configuration_key(self):
        with Cluster() as c:
            c.write_config('worker\n    thraeds = 2\n')
            self.fails(c, 'idunno.conf', 'thraeds', 'threads')

    def test_port_in_use(self):
        with Cluster() as c, socket.socket() as s:
            s.bind(('127.0.0.1', c.ports['port_workers']))
            s.listen()
            self.fails(c, str(c.ports['port_workers']), 'in use')

    def test_address_without_its_bind(self):
        with Cluster() as c:
            c.config.write_text(c.config.read_text().replace('"127.0.0.1"', '"192.0.2.1"', 1))
            c.start_broker(ready=False)
            wait_for(lambda: 'broker/bind' in c.log('broker'), 'the warning')
            self.assertIn('cluster/a is 192.0.2.1, but 127.0.0.1 is bound', c.log('broker'))

    def test_letter(self):
        with Cluster() as c:
            self.fails(c, 'broker b', 'cluster/b names no host', options=['--letter', 'b'])
            self.fails(c, '--letter is a or b, not x', options=['--letter', 'x'], status=2)
            out = run(BROKER, '--config', c.config, '--check').stdout
            self.assertIn('no standby (cluster/b names no host)', out)
        with Cluster(brokers=2) as c:
            out = run(BROKER, '--config', c.config, '--letter', 'b', '--check').stdout
            self.assertIn('bind 127.0.0.2', out)
            self.assertIn('a at 127.0.0.1, b at 127.0.0.2', out)
        with Cluster(brokers=2, broker_keys=['    bind = "127.0.0.1"']) as c:
            self.fails(c, "broker/bind = '127.0.0.1' is cluster/a, but this is broker b", 'bind 127.0.0.2',
                       options=['--letter', 'b', '--state', c.state_of('b')])

    def test_state_of_the_other_broker(self):
        with Cluster(brokers=2) as c:
            c.start_broker()
            self.assertEqual(c.stop(c.broker), 0)
            shutil.copytree(c.state, c.state_of('b'))
            self.fails(c, str(c.state_of('b')), "is broker a's, and this is broker b",
                       options=['--letter', 'b', '--state', c.state_of('b')])

    def test_loopback_and_not(self):
        with Cluster(brokers=2) as c:
            c.config.write_text(c.config.read_text().replace('"127.0.0.2"', '"203.0.113.2"', 1))
            said = "cluster/a is '127.0.0.1', which only its own host can reach"
            self.fails(c, said)
            self.fails(c, said, options=['--check'])
            self.assertIn(said, run(WORKER, '--config', c.config, expect=1).stderr)
            self.assertIn(said, run(CTL, '--config', c.config, 'status', expect=1).stderr)

    def test_letter_forgotten(self):
        with Cluster(brokers=2) as c:
            here = socket.gethostbyname(socket.gethostname())
            if here.startswith('127.'):
                self.skipTest('this machine has no address but loopback')
            text = c.config.read_text().replace('"127.0.0.1"', '"203.0.113.1"', 1)
            c.config.write_text(text.replace('"127.0.0.2"', f'"{here}"', 1))
            said = f'cluster/b ({here}) is one: is this broker b (--letter b)?'
            self.fails(c, 'cluster/a (203.0.113.1) is no address of this machine', said)
            self.assertIn(said, run(BROKER, '--config', c.config, '--check').stdout)

    def test_check_warns_as_a_start_does(self):
        with Cluster() as c:
            run_check = lambda: run(BROKER, '--config', c.config, '--check')
            self.assertRegex(run_check().stdout, r'configuration \S+: ok\n$')
            c.config.write_text(c.config.read_text().replace('"127.0.0.1"', '"203.0.113.1"', 1))
            check = run_check()
            self.assertIn('warning: cluster/a is 203.0.113.1, but 127.0.0.1 is bound', check.stdout)
            self.assertIn('ok, with 1 warning\n', check.stdout)

    def test_check_fails_when_not_all_can_be_used(self):
        with Cluster() as c:
            usable = c.config.read_text()
            (c.folder / 'none.list').write_text('')
            c.config.write_text(usable + '    none\n        list = "none.list"\n')
            self.fails(c, '1 of its models and data sets cannot be used', options=['--check'])
            c.config.write_text(usable.replace('models\n', 'models\n    rare\n        cfg = "no.cfg"\n', 1))
            self.fails(c, '1 of its models and data sets cannot be used', options=['--check'])
            out = run(BROKER, '--config', c.config, '--check', expect=1).stdout
            self.assertIn('model rare: batch 400, cannot be used: ', out)
            self.assertIn('model tiny: batch', out)
            c.config.write_text('broker\n    state = "s"\n')
            self.fails(c, f'configuration {c.config}: no model can be used', options=['--check'])

    def test_state_directory_in_use(self):
        with Cluster() as c:
            c.start_broker()
            c.ports = dict(zip(c.ports, free_ports(len(c.ports))))
            c.write_config()
            self.fails(c, str(c.state), 'another')

    def test_state_directory_not_writable(self):
        with Cluster() as c:
            c.state = pathlib.Path('/proc/idunno')
            c.write_config()
            self.fails(c, '/proc/idunno')

    def test_missing_cfg_and_truncated_weights_are_named_and_refused(self):
        with Cluster() as c:
            short = c.folder / 'short.weights'
            short.write_bytes(pathlib.Path(c.models['tiny']['weights']).read_bytes()[:-4])
            c.models = {'short': {**c.models['tiny'], 'weights': short},
                        'gone': {**c.models['tiny'], 'cfg': c.folder / 'gone.cfg'}}
            c.write_config()
            c.start_broker()
            done = c.submit('Inference', '0', '9', 'short', '--dataset', 'photos', expect=1)
            self.assertIn(str(short.stat().st_size), done.stderr)
            self.assertIn(str(short.stat().st_size + 4), done.stderr)
            done = c.submit('Inference', '0', '9', 'gone', '--dataset', 'photos', expect=1)
            self.assertIn('gone.cfg', done.stderr)
            done = run(WORKER, '--config', c.config, '--engine', 'darknet', expect=1)
            self.assertIn('model', done.stderr)

    def test_missing_data_set(self):
        with Cluster(lists={'photos': '/nonexistent/images.list'}) as c:
            c.start_broker()
            done = c.submit('Inference', '0', '9', 'tiny', '--dataset', 'photos', expect=2)
            self.assertIn('/nonexistent/images.list', done.stderr)

    def test_damaged_wal_is_noticed_and_named(self):
        with Cluster(engine='replay', replay_us=0) as c:
            c.start_broker()
            c.start_worker(0)
            c.finish(c.detach('Inference', '0', '199', 'tiny', '--dataset', 'photos'))
            c.kill_broker()
            wal = next(c.state.glob('*-wal'))
            data = bytearray(wal.read_bytes())
            # In the first commit's page: the end may be what it was writing when it was killed (a job
            # is shown as finished before its last results are stored), and nobody was promised that.
            data[32 + 24 + 100] ^= 0x10
            wal.write_bytes(data)
            self.fails(c, wal.name)


@unittest.skipUnless(os.geteuid() == 0, 'needs root to mount a small tmpfs')
class FullDisk(unittest.TestCase):
    def setUp(self):
        self.mount = pathlib.Path(tempfile.mkdtemp(prefix='idunno-disk-'))
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'none', self.mount],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.mount.rmdir()
            self.skipTest(f'cannot mount a tmpfs: {done.stderr.strip()}')

    def tearDown(self):
        subprocess.run(['umount', '-l', self.mount], check=True)
        self.mount.rmdir()

    def test_nearly_full_refuses_and_full_exits_and_nothing_is_lost(self):
        with Cluster(engine='replay', replay_us=1000) as c:
            c.state = self.mount / 'state'
            c.write_config()
            c.start_broker()
            done = c.submit('Inference', '0', '199', 'tiny', '--dataset', 'photos', expect=1)
            self.assertIn('free', done.stderr)
            c.stop(c.broker)
            config = c.config.read_text()
            c.config.write_text(config.replace('broker\n', 'broker\n    min_free = 0\n', 1))
            c.start_broker()
            c.start_worker(0)
            job = c.detach('Inference', '0', '199', 'tiny', '--dataset', 'photos')
            with open(self.mount / 'filler', 'wb', buffering=0) as filler:
                while True:
                    try:
                        filler.write(bytes(4096))
                    except OSError:
                        break
            self.assertEqual(c.broker.wait(60), 1)
            self.assertIn('full', c.log('broker').lower())
            (self.mount / 'filler').unlink()
            c.start_broker()
            info = c.finish(job)
            self.assertEqual((info['ok'], info['conflicts']), (200, 0))


if __name__ == '__main__':
    unittest.main(verbosity=2)
