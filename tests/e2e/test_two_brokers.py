"""Clients of two real brokers: a running submission over a take-over, and what an operator is told."""
import json
import subprocess
import unittest

from cluster import CTL, SUBMIT, DEADLINE_S, Cluster, run, wait_for


def start_pair(c):
    c.start_broker(letter='a')
    c.start_broker(letter='b')
    wait_for(lambda: (c.status('a') or {}).get('role') == 'active', 'a to have a standby in sync')
    for instance in ('0', '1'):
        c.start_worker(instance)


def begin(c, *arguments):
    return subprocess.Popen([str(SUBMIT), '--config', str(c.config), *arguments], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=c.folder)


class TwoBrokers(unittest.TestCase):
    def test_a_take_over_is_one_line_to_a_submission(self):
        with Cluster(images=1000, engine='replay', replay_us=4000, brokers=2) as c:
            start_pair(c)
            submission = begin(c, 'Inference', '0', '999', 'tiny', '--json')
            wait_for(lambda: 100 <= (c.json('jobs') or [{'ok': 0}])[0]['ok'], 'a tenth to be done')
            c.kill_broker('a')
            out, err = submission.communicate(timeout=DEADLINE_S)
            self.assertEqual(submission.returncode, 0, err)
            self.assertEqual(json.loads(out)['ok'], 1000)
            self.assertEqual(json.loads(out)['conflicts'], 0)
            self.assertIn('stored by both brokers\n', err)
            told = [line for line in err.splitlines() if 'the broker' in line]
            self.assertEqual(len(told), 1, err)
            self.assertRegex(told[0], r'^the broker at tcp://127.0.0.2:\d+ has taken over$')

            status = c.json('status')  # of the one that reigns, and of both
            self.assertEqual((status['role'], status['epoch'][-1]), ('alone', 'b'))
            self.assertFalse(status['peer']['in_sight'])
            self.assertIn('no broker answers', status['brokers'][0]['problem'])
            self.assertIn('no broker answers at tcp://127.0.0.1', c.ctl('status').stdout)

    def test_a_switch_moves_everyone_and_back(self):
        with Cluster(images=1000, engine='replay', replay_us=4000, brokers=2) as c:
            start_pair(c)
            submission = begin(c, 'Inference', '0', '999', 'tiny')
            wait_for(lambda: 100 <= (c.json('jobs') or [{'ok': 0}])[0]['ok'], 'a tenth to be done')
            out = c.ctl('switch').stdout
            self.assertRegex(out, r'^broker \S+/b reigns now, epoch 2b; broker \S+/a is its standby$')
            wait_for(lambda: c.status('b')['role'] == 'active', 'b to have its standby in sync')
            self.assertRegex(c.ctl('switch').stdout, r'^broker \S+/a reigns now, epoch 3a')
            out, err = submission.communicate(timeout=DEADLINE_S)
            self.assertEqual(submission.returncode, 0, err)
            self.assertIn('1,000 images', out)

    def test_nothing_to_switch_or_to_begin(self):
        with Cluster(images=10, engine='replay', brokers=2) as c:
            c.start_broker(letter='a')
            err = c.ctl('switch', expect=1).stderr  # a has never seen b: a learner
            self.assertRegex(err, 'no broker is active: there is nothing to hand over')
            out = c.ctl('bootstrap').stdout
            self.assertRegex(out, r'^broker \S+/a begins with what it has: \d+ facts?, 0 jobs; it is')
            self.assertIn('is a learner: there is nothing to begin', c.ctl('bootstrap', expect=1).stderr)
            err = c.ctl('switch', expect=1).stderr
            self.assertRegex(err, r'broker \S+/a goes on, the other one does not answer: no broker')
            c.start_broker(letter='b')
            wait_for(lambda: c.status('a')['role'] == 'active', 'b to follow')
            done = run(CTL, '--config', c.config, *c.at('a'), 'switch', expect=1)
            self.assertIn('both are needed for a switch', done.stderr)


if __name__ == '__main__':
    unittest.main()
