"""Two brokers: whichever of them, of the workers and of their files goes, the job finishes with the
results of a run without failure, and the pair is whole again afterwards.

IDUNNO_TEST_SEED chooses the moments (printed on failure).
"""
import contextlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

from cluster import BROKER, Cluster, run, SUBMIT, wait_for

SEED = int(os.environ.get('IDUNNO_TEST_SEED', time.time()))
IMAGES = 1200


class Pair(Cluster):
    """Two brokers in sync and two workers."""

    def __init__(self, images=200, engine='replay', replay_us=1500, start=True, **options):
        super().__init__(images=images, engine=engine, replay_us=replay_us, brokers=2, **options)
        self.span = images
        if start:
            self.start_broker(letter='a')
            self.start_broker(letter='b')
            self.wait_in_sync()
            self.start_worker(0)
            self.start_worker(1)

    def begin(self):
        return self.detach('Inference', '0', self.span - 1, 'tiny', '--dataset', 'photos')

    def wait_done(self, job, part):
        wait_for(lambda: self.done(job) >= part * self.span, f'{part:.2f} of the job')


class Standby(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)
        self.pairs = []

    def pair(self, *arguments, **options):
        self.pairs.append(self.enterContext(Pair(*arguments, **options)))
        return self.pairs[-1]

    def _callTestMethod(self, method):
        try:
            method()
        except BaseException:
            for pair in self.pairs:
                pair.print_logs()
            raise

    def baseline(self, c):
        """The digest of a job that nothing disturbed."""
        return c.finish(c.begin())['digest']

    def check_whole(self, c, job, digest):
        info = c.finish(job)
        self.assertEqual(info['state'], 'finished')
        self.assertEqual((info['ok'], info['failed'], info['pending'], info['conflicts']),
                         (c.span, 0, 0, 0), f'seed {SEED}')
        self.assertEqual([r['index'] for r in c.results(job)], list(range(c.span)))
        self.assertEqual(info['digest'], digest, f'seed {SEED}')

    def check_takeover(self, c, digest):
        """The active dies in the middle of a job; it comes back as the standby."""
        before = c.active()
        after = 'b' if before == 'a' else 'a'
        job = c.begin()
        self.assertEqual(c.job(job)['state'], 'open')
        c.wait_done(job, self.rng.uniform(0.1, 0.6))
        epoch = c.status(before)['epoch']
        c.kill_broker(before)
        wait_for(lambda: c.active() == after, 'the standby to take over')
        self.assertGreater(c.status(after)['epoch'], epoch)
        self.check_whole(c, job, digest)
        c.start_broker(letter=before)
        c.wait_in_sync()
        self.assertEqual(c.active(), after)
        self.assertEqual(c.status(before)['role'], 'standby')

    def test_the_active_is_killed(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        for _ in range(3):
            self.check_takeover(c, digest)

    def test_the_active_is_killed_with_the_fast_engine(self):
        c = self.pair(2000, engine='onednn', batch=100)
        digest = self.baseline(c)
        self.check_takeover(c, digest)

    def test_everything_is_killed_with_the_fast_engine(self):
        c = self.pair(2000, engine='onednn', batch=100)
        digest = self.baseline(c)
        self.check_all_killed(c, digest, ['b', 1, 0, 'a'])

    def test_accepted_says_by_how_many(self):
        c = self.pair()
        self.assertEqual(self.submit_durable(c), 2)
        c.kill_broker('b')
        wait_for(lambda: c.status('a')['role'] == 'alone', 'a to be alone')
        self.assertEqual(self.submit_durable(c), 1)
        c.start_broker(letter='b')
        c.wait_in_sync()
        self.assertEqual(self.submit_durable(c), 2)

    def submit_durable(self, c):
        out = c.submit('--detach', '--json', 'Inference', '0', '9', 'tiny', '--dataset', 'photos')
        return c.parse(out.stdout)['durable']

    def test_the_active_freezes_and_returns(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        job = c.begin()
        c.wait_done(job, 0.2)
        c.brokers['a'].send_signal(signal.SIGSTOP)
        try:
            wait_for(lambda: (c.status('b') or {}).get('role') == 'alone', 'b to take over')
            time.sleep(5)  # how long it is frozen
        finally:
            c.brokers['a'].send_signal(signal.SIGCONT)
        c.wait_in_sync()
        self.assertEqual(c.active(), 'b')
        self.check_whole(c, job, digest)

    def test_the_standby_freezes_and_returns(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        job = c.begin()
        c.wait_done(job, 0.2)
        c.brokers['b'].send_signal(signal.SIGSTOP)
        try:
            wait_for(lambda: c.status('a')['role'] == 'alone', 'a to be alone')
            self.check_whole(c, job, digest)
        finally:
            c.brokers['b'].send_signal(signal.SIGCONT)
        c.wait_in_sync()
        self.assertEqual(c.active(), 'a')

    def test_switch_there_and_back(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        job = c.begin()
        for active in 'ba':
            c.wait_done(job, 0.1 if active == 'b' else 0.3)
            c.ctl('switch')
            self.assertEqual(c.active(), active)
            c.wait_in_sync()
        self.check_whole(c, job, digest)

    def test_switch_without_a_standby_is_refused(self):
        c = self.pair(start=False)
        c.start_broker(letter='a')
        c.ctl('bootstrap')
        wait_for(lambda: c.status('a')['role'] == 'alone', 'a to reign')
        self.assertIn('broker', c.ctl('switch', expect=1).stderr)
        self.assertEqual(c.status('a')['role'], 'alone')

    def test_a_learner_never_reigns_by_itself(self):
        c = self.pair(start=False)
        c.start_broker(letter='b')
        self.assertEqual(c.status('b')['role'], 'learner')
        self.assertIn('bootstrap', c.log('broker-b'))
        done = c.submit('--detach', '--timeout', '4', 'Inference', '0', '9', 'tiny', '--dataset',
                        'photos', expect=1)
        self.assertIn('bootstrap', done.stderr)
        c.kill_broker('b')
        c.start_broker(letter='b')  # nor after another start
        self.assertEqual(c.status('b')['role'], 'learner')
        c.ctl('bootstrap')
        wait_for(lambda: c.active() == 'b', 'b to reign')
        c.start_worker(0)
        self.assertEqual(c.finish(c.begin())['ok'], c.span)
        c.start_broker(letter='a')
        c.wait_in_sync()
        self.assertEqual(c.active(), 'b')

    def test_a_directory_that_was_being_filled(self):
        """As a kill in the middle of it leaves it: no start makes more of it than a learner."""
        c = self.pair()
        for letter in 'ab':
            c.kill_broker(letter)
        mark = c.state_of('b') / 'incomplete'
        mark.touch()
        c.start_broker(letter='b')
        self.assertEqual(c.status('b')['role'], 'learner')
        self.assertEqual(c.stop(c.brokers['b']), 0)
        self.assertTrue(mark.exists())
        c.start_broker(letter='b')
        c.start_broker(letter='a')
        c.wait_in_sync()
        wait_for(lambda: not mark.exists(), 'the mark to go')

    def test_an_operator_gives_up_what_is_missing(self):
        c = self.pair()
        for letter in 'ab':
            c.kill_broker(letter)
        (c.state_of('b') / 'incomplete').touch()
        done = run(BROKER, '--config', c.config, '--letter', 'b', '--state', c.state_of('b'),
                   '--accept-lost-tail', expect=1)
        self.assertIn('cluster/b names a second one', done.stderr)
        c.start_broker(letter='b')
        c.ctl('bootstrap')
        wait_for(lambda: c.active() == 'b', 'b to reign')
        wait_for(lambda: not (c.state_of('b') / 'incomplete').exists(), 'the mark to go')

    def test_two_empty_ones_meet(self):
        c = self.pair(start=False)
        c.start_broker(letter='b')
        c.start_broker(letter='a')
        c.wait_in_sync()
        self.assertEqual(c.active(), 'a')

    def test_the_standby_loses_its_directory(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        job = c.begin()
        c.wait_done(job, 0.2)
        c.kill_broker('b')
        shutil.rmtree(c.state_of('b'))
        c.start_broker(letter='b')
        c.wait_in_sync()
        c.kill_broker('a')
        wait_for(lambda: c.active() == 'b', 'b to take over')
        self.check_whole(c, job, digest)
        self.assertEqual(len(c.json('jobs', '--all')), 2)

    def test_a_lost_tail_comes_back(self):
        """Of the one that was active: only it had the tail's facts, and the other one has copies."""
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        job = c.begin()
        c.wait_done(job, 0.5)
        c.kill_broker('a')
        wal = next(c.state_of('a').glob('*-wal'))
        os.truncate(wal, wal.stat().st_size // 2)
        wait_for(lambda: c.active() == 'b', 'b to take over')
        c.start_broker(letter='a')
        c.wait_in_sync()
        self.assertIn('are gone', c.log('broker'))
        self.check_whole(c, job, digest)
        facts = wait_for(lambda: c.status('a')['facts'] == c.status('b')['facts'], 'equal stores')
        self.assertTrue(facts)
        c.kill_broker('b')
        wait_for(lambda: c.active() == 'a', 'a to take over')
        self.check_whole(c, job, digest)

    def test_who_cannot_read_a_fact_reigns(self):
        """b reigned last and lacks what is damaged at a, and would wait for it for ever. What a
        accepted alone is not lost."""
        c = self.pair()
        wait_for(lambda: not (c.state_of('b') / 'incomplete').exists(), 'the mark to go')
        self.assertEqual(c.stop(c.brokers['b']), 0)
        job = c.begin()
        c.finish(job)
        self.assertEqual(c.stop(c.brokers['a']), 0)
        with contextlib.closing(sqlite3.connect(c.state_of('a') / 'facts.db')) as facts:
            facts.execute('UPDATE facts SET body = zeroblob(length(body)) WHERE kind = 3')
            facts.commit()
        c.start_broker(letter='b')
        wait_for(lambda: c.active() == 'b', 'b to take over')
        c.kill_broker('b')
        for instance in (0, 1):
            c.kill_worker(instance)
        c.start_broker(letter='b')
        c.start_broker(letter='a')
        wait_for(lambda: c.active() == 'a', 'a to reign')
        self.assertIn('cannot be read from the store: broker', c.log('broker'))
        self.assertEqual(c.job(job)['state'], 'finished')
        c.start_worker(0)
        self.assertEqual(c.finish(c.begin())['state'], 'finished')
        self.assertEqual(c.status('a')['role'], 'alone')

    def test_a_directory_that_is_removed_is_no_second_disk(self):
        c = self.pair()
        shutil.rmtree(c.state_of('b'))
        self.assertEqual(c.brokers['b'].wait(30), 1)
        self.assertIn('was removed, moved or replaced', c.log('broker-b'))
        wait_for(lambda: c.status('a')['role'] == 'alone', 'a to be alone')
        self.assertEqual(self.submit_durable(c), 1)
        c.start_broker(letter='b')
        c.wait_in_sync()
        self.assertEqual(self.submit_durable(c), 2)

    def test_a_damaged_row_is_never_left_out_in_silence(self):
        c = self.pair()
        job = c.finish(c.begin())['job']
        c.ctl('switch')
        c.wait_in_sync()
        self.assertEqual(c.stop(c.brokers['a']), 0)
        with contextlib.closing(sqlite3.connect(c.state_of('a') / 'facts.db')) as facts:
            facts.execute('UPDATE facts SET body = zeroblob(length(body)) WHERE position ='
                          ' (SELECT max(position) FROM facts WHERE kind = 3)')
            facts.commit()
        c.start_broker(letter='a')
        c.wait_in_sync()
        wait_for(lambda: c.status('a')['damaged_row'], 'the scrub to find it')
        self.assertIn('goes on: row', c.ctl('switch', expect=1).stderr)
        c.kill_broker('b')
        wait_for(lambda: c.active() == 'a', 'a to reign all the same')
        self.assertRegex(c.ctl('results', job, expect=1).stderr, 'images [0-9]+ to [0-9]+ cannot')
        out = c.folder / 'rows.csv'
        done = c.submit('--attach', job, '--output', out, expect=1)
        self.assertIn('move its state directory away', done.stderr)
        self.assertFalse(out.exists())
        c.start_broker(letter='b')  # now as the sentence says
        c.wait_in_sync()
        self.assertEqual(c.stop(c.brokers['a']), 0)
        c.state_of('a').rename(c.folder / 'damaged')
        c.start_broker(letter='a')
        c.wait_in_sync()
        c.ctl('switch')
        self.assertEqual(len(c.results(job)), c.span)

    def check_all_killed(self, c, digest, order):
        job = c.begin()
        c.wait_done(job, self.rng.uniform(0.1, 0.6))
        for process in [*c.brokers.values(), *c.workers.values()]:
            process.kill()
        for process in [*c.brokers.values(), *c.workers.values()]:
            process.wait()
        for who in order:
            if who in ('a', 'b'):
                c.start_broker(letter=who)
            else:
                c.start_worker(who)
        self.check_whole(c, job, digest)
        c.wait_in_sync()

    def test_everything_is_killed_at_once(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        orders = list(itertools.permutations(['a', 'b', 0, 1]))
        for order in self.rng.sample(orders, 4):
            with self.subTest(order=order):
                self.check_all_killed(c, digest, order)

    def test_one_broker_of_two_comes_back(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        job = c.begin()
        c.wait_done(job, 0.2)
        c.kill_broker('a')
        c.kill_broker('b')
        c.start_broker(letter='b')
        wait_for(lambda: c.active() == 'b', 'b to reign')
        self.check_whole(c, job, digest)

    def test_mirror_required(self):
        c = self.pair(broker_keys=['    mirror = required'])
        self.assertEqual(self.submit_durable(c), 2)
        c.kill_broker('b')
        wait_for(lambda: c.status('a')['role'] == 'alone', 'a to be alone')
        done = c.submit('--detach', '--timeout', '4', 'Inference', '0', '9', 'tiny', '--dataset',
                        'photos', expect=1)
        self.assertIn('required', done.stderr)
        c.start_broker(letter='b')
        c.wait_in_sync()
        self.assertEqual(self.submit_durable(c), 2)

    def test_a_running_submission_goes_on(self):
        c = self.pair(IMAGES)
        digest = self.baseline(c)
        out = c.folder / 'rows.csv'
        command = [SUBMIT, '--config', c.config, 'Inference', '0', IMAGES - 1, 'tiny', '--dataset',
                   'photos', '--output', out]
        with subprocess.Popen([str(x) for x in command], stderr=subprocess.PIPE, text=True,
                              stdout=subprocess.DEVNULL, cwd=c.folder) as submit:
            job = wait_for(lambda: [j for j in c.json('jobs') if j['state'] == 'open'],
                           'the job')[0]['job']
            c.wait_done(job, 0.3)
            c.kill_broker('a')
            stderr = submit.communicate(timeout=60)[1]
        self.assertEqual(submit.returncode, 0, stderr)
        self.check_whole(c, job, digest)
        self.assertEqual(len(out.read_text().splitlines()), IMAGES + 1)

    def test_the_journal_tells_in_few_lines(self):
        c = self.pair()
        c.kill_broker('a')
        wait_for(lambda: c.active() == 'b', 'b to take over')
        c.start_broker(letter='a')
        c.wait_in_sync()
        lines = [l for l in c.log('broker-b').splitlines() if 'ready' not in l]
        self.assertLess(len(lines), 20, lines)
        for part in ('in sight', 'out of sight', 'epoch', 'in sync'):
            self.assertTrue(any(part in line for line in lines), part)


if __name__ == '__main__':
    unittest.main(verbosity=2)
