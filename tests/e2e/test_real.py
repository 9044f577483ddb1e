"""Every real model of IDUNNO_TEST_DATA, registered as a user registers their own, classifies the
photos as its golden.tsv says. 24 photos of each; all of them with IDUNNO_TEST_LONG=1."""
import os
import pathlib
import sys
import unittest

from cluster import Cluster

DATA = os.environ.get('IDUNNO_TEST_DATA')
PHOTOS = None if os.environ.get('IDUNNO_TEST_LONG') else 24
TIE = 2e-6  # lower ranks whose golden probabilities are nearer than this may change places


def golden(path):
    """For each photo: [(class, probability) x 5], in the order of the list."""
    for line in path.read_text().splitlines():
        fields = line.split('\t')[2:]
        yield [(int(c), float(p)) for c, p in zip(fields[::2], fields[1::2])]


class RealModels(unittest.TestCase):
    def check_row(self, row, expected):
        self.assertEqual(row['status'], 'ok')
        self.assertEqual(row['top'][0]['class'], expected[0][0])
        golden_of = dict(expected)
        for rank, got in enumerate(row['top']):
            if got['class'] == expected[rank][0]:
                self.assertAlmostEqual(got['probability'], expected[rank][1], delta=1e-5)
            else:
                self.assertAlmostEqual(golden_of.get(got['class'], expected[-1][1]),
                                       expected[rank][1], delta=TIE)

    def test_golden(self):
        models = {p.parent.name: {'cfg': p, 'weights': p.with_suffix('.weights'), 'batch': 10,
                                  'labels': pathlib.Path(DATA) / 'imagenet1k.names'}
                  for p in pathlib.Path(DATA).glob('*/*.cfg')}
        self.assertTrue(models)
        with Cluster(models=models, lists={'photos': pathlib.Path(DATA) / 'photos.list'}) as c:
            c.start_broker()
            c.start_worker(0, '--threads', '1')
            c.start_worker(1, '--threads', '1')
            for name, files in models.items():
                rows = list(golden(files['cfg'].with_name('golden.tsv')))[:PHOTOS]
                job = c.detach('Inference', '0', len(rows) - 1, name, '--dataset', 'photos')
                c.finish(job)
                results = c.results(job)
                self.assertEqual(len(results), len(rows))
                for row, expected in zip(results, rows):
                    with self.subTest(model=name, image=row['index']):
                        self.check_row(row, expected)


if __name__ == '__main__':
    if not DATA:
        print('IDUNNO_TEST_DATA is not set: no real weights to test')
        sys.exit(77)
    unittest.main(verbosity=2)
