"""The benchmarks of a whole cluster run, and read what they mean to read. What they measure is
nobody's claim here."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = pathlib.Path(os.environ['IDUNNO_SOURCE']), pathlib.Path(os.environ['IDUNNO_BUILD'])
sys.path.insert(0, str(SOURCE / 'bench'))

import fair
import fair_cluster

# Python, which loads it, is not built with a sanitizer.
SANITIZED = b'__asan_init' in (BUILD / 'client/libidunno.so').read_bytes()
of_libidunno = unittest.skipIf(SANITIZED, 'libidunno is built with a sanitizer')


class Bench(unittest.TestCase):
    def run_json(self, program, *arguments):
        """The figures that it prints, and saves."""
        with tempfile.TemporaryDirectory() as folder:
            saved = pathlib.Path(folder) / 'saved.json'
            done = subprocess.run([sys.executable, SOURCE / 'bench' / program, *arguments, '--json',
                                   '--build', BUILD, '--save', saved], capture_output=True,
                                  text=True, timeout=120, check=False)
            self.assertIn(done.returncode, (0, 1), done.stderr)  # 1: a figure misses its goal
            self.assertEqual(json.loads(done.stdout), json.loads(saved.read_text()))
            return json.loads(done.stdout)

    @of_libidunno
    def test_gap(self):
        rows = self.run_json('fair.py', 'gap', '--kinds', 'replay', '--seconds', '6')
        self.assertEqual([row['what'] for row in rows],
                         ['gap over 6 s', 'gap since both share, as idunno-ctl rates has it',
                          'tasks a second of both'])
        self.assertGreater(rows[2]['measured'], 0)

    @of_libidunno
    def test_dispatch(self):
        rows = self.run_json('dispatch.py', '--runs', '1', '--reports', '100', '--tasks', '5',
                             '--workers', '2')
        self.assertEqual(rows[0]['side'], 'idunno, tasks of 5')
        self.assertAlmostEqual(rows[0]['images/s'], 5 * rows[0]['tasks/s'], places=3)
        self.assertGreaterEqual(rows[0]['reports/s'], rows[0]['tasks/s'])

    @of_libidunno
    def test_slices_are_read_from_logs(self):
        with fair_cluster.Cluster(BUILD, 2, models={'tiny': (1000, 50)}) as cluster:
            job = cluster.submit('tiny', 200)
            fair.wait_for_end(cluster, [job])
            slices = [s for i in range(2) for s in cluster.slices(i)]
            self.assertEqual(sum(s.images for s in slices), 200)
            self.assertEqual({s.job for s in slices}, {job.text})
            found = fair.first_result(cluster, job)
            self.assertLess(job.sent_s, found.given_s)
            self.assertLess(found.given_s, found.computed_s)
            self.assertEqual(found.computed_s, min(s.computed_s for s in slices))
            self.assertEqual(cluster.session.info(job).ok, 200)

    def test_figures(self):
        self.assertEqual(fair.adams(10, [6, 9]), [4, 6])
        self.assertEqual(fair.adams(3, [6, 9]), [1, 2])
        self.assertEqual(fair.percentile(list(range(1, 21)), 0.95), 19)
        self.assertAlmostEqual(fair_cluster.gap([3, 4]), 0.25)

    def test_bad_input(self):
        for arguments, sentence in ((['nothing'], 'invalid choice'),
                                    (['gap', '--seconds', '0'], 'must be at least 1'),
                                    (['gap', '--build', '/none'], 'no idunno-broker in /none')):
            done = subprocess.run([sys.executable, SOURCE / 'bench/fair.py', *arguments],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(sentence, done.stderr)
        done = subprocess.run([BUILD / 'bench/bench-beanstalk', '1', 'x', '1', '1'],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, "bench-beanstalk: 'x' is not a whole number from 1 to 100000000\n"))

    def test_fairness_that_there_is_not(self):
        for arguments, sentence in (
                (['--scenario', 'nope'],
                 "there is no scenario 'nope'; bench-fairness --list lists them"),
                (['--scenario', 'tow-jobs', '--tsv'], "there is no scenario 'tow-jobs'"),
                (['--policy', 'fiffo'],
                 "there is no policy 'fiffo' (did you mean fifo?); bench-fairness --help lists them"),
                (['--scenario', 'six-nine-3', '--policy', 'by-images'],
                 'the policy by-images makes a difference in take-overs only, and scenario '
                 'six-nine-3 has none')):
            done = subprocess.run([BUILD / 'bench/bench-fairness', *arguments],
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ''))
            self.assertRegex(done.stderr, r'\Abench-fairness: [^\n]+\n\Z')
            self.assertIn(sentence, done.stderr)


if __name__ == '__main__':
    unittest.main(verbosity=2)
