"""Processes die with kill -9 in the middle of jobs: nothing is lost, nothing counted twice.

IDUNNO_TEST_SEED chooses the moments (printed on failure); IDUNNO_TEST_LONG=1 makes more rounds.
"""
import os
import random
import signal
import time
import unittest

from cluster import Cluster, wait_for

SEED = int(os.environ.get('IDUNNO_TEST_SEED', time.time()))
ROUNDS = 4 if os.environ.get('IDUNNO_TEST_LONG') else 1
IMAGES = 400


def baseline(c):
    """The digest of a job that nothing disturbed."""
    return c.finish(c.detach('Inference', '0', IMAGES - 1, 'tiny', '--dataset', 'photos'))['digest']


class Kills(unittest.TestCase):
    def check_whole(self, c, job, digest, images=IMAGES):
        info = c.finish(job)
        self.assertEqual(info['state'], 'finished')
        self.assertEqual((info['ok'], info['failed'], info['pending'], info['conflicts']),
                         (images, 0, 0, 0), f'seed {SEED}')
        self.assertEqual([r['index'] for r in c.results(job)], list(range(images)))
        self.assertEqual(c.results(job, '--missing'), [])
        self.assertEqual(info['digest'], digest, f'seed {SEED}')

    def test_broker_killed_at_twenty_moments(self):
        """Four jobs (a round), five kills each; two of the five after half of the job."""
        rng = random.Random(SEED)
        with Cluster(images=IMAGES) as c:
            c.start_broker()
            c.start_worker(0)
            c.start_worker(1)
            digest = baseline(c)
            late = 0
            for _ in range(4 * ROUNDS):
                job = c.detach('Inference', '0', IMAGES - 1, 'tiny', '--dataset', 'photos')
                moments = sorted([rng.uniform(0, 0.5) for _ in range(3)] +
                                 [rng.uniform(0.5, 0.95) for _ in range(2)])
                for moment in moments:
                    wait_for(lambda m=moment: c.done(job) >= m * IMAGES, f'{moment:.2f} of the job')
                    late += c.done(job) >= IMAGES / 2
                    c.kill_broker()
                    c.start_broker()
                self.check_whole(c, job, digest)
            self.assertGreaterEqual(late, 5 * ROUNDS)

    def test_worker_killed(self):
        rng = random.Random(SEED)
        with Cluster(images=IMAGES) as c:
            c.start_broker()
            c.start_worker(0)
            digest = baseline(c)
            for instance in range(1, 3 + ROUNDS):
                c.start_worker(instance)
                job = c.detach('Inference', '0', IMAGES - 1, 'tiny', '--dataset', 'photos')
                moment = rng.uniform(0.05, 0.8)
                wait_for(lambda m=moment: c.done(job) >= m * IMAGES, f'{moment:.2f} of the job')
                c.workers[instance].kill()
                c.workers[instance].wait()
                self.check_whole(c, job, digest)

    def test_child_killed(self):
        rng = random.Random(SEED)
        with Cluster(images=IMAGES) as c:
            c.start_broker()
            c.start_worker(0)
            digest = baseline(c)
            for _ in range(2 + ROUNDS):
                job = c.detach('Inference', '0', IMAGES - 1, 'tiny', '--dataset', 'photos')
                moment = rng.uniform(0.05, 0.8)
                wait_for(lambda m=moment: c.done(job) >= m * IMAGES, f'{moment:.2f} of the job')
                os.kill(wait_for(lambda: c.child_of(0), 'a child'), signal.SIGKILL)
                self.check_whole(c, job, digest)

    def test_the_fast_engine_in_slices_of_two_sizes(self):
        """A task bounds its slices: of at most 7 images, then of as many as a child takes."""
        images, digest = 2000, None
        for batch in (7, 500):
            with Cluster(images=images, engine='onednn', batch=batch) as c:
                c.start_broker()
                c.start_worker(0)
                job = c.detach('Inference', '0', images - 1, 'tiny', '--dataset', 'photos')
                digest = digest or c.finish(job)['digest']
                self.check_whole(c, job, digest, images)
                job = c.detach('Inference', '0', images - 1, 'tiny', '--dataset', 'photos')
                wait_for(lambda: c.done(job) >= images / 20, 'a twentieth of the job')
                c.kill_broker()
                os.kill(wait_for(lambda: c.child_of(0), 'a child'), signal.SIGKILL)
                c.start_broker()
                self.check_whole(c, job, digest, images)

    def test_everything_killed_at_once(self):
        with Cluster(images=IMAGES) as c:
            c.start_broker()
            c.start_worker(0)
            digest = baseline(c)
            job = c.detach('Inference', '0', IMAGES - 1, 'tiny', '--dataset', 'photos')
            wait_for(lambda: c.done(job) >= IMAGES / 3, 'a third of the job')
            c.kill_broker()
            c.workers[0].kill()
            c.workers[0].wait()
            c.start_broker()
            c.start_worker(0)
            self.check_whole(c, job, digest)


if __name__ == '__main__':
    unittest.main(verbosity=2)
