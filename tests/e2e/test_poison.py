"""Hostile images and names: an error result each, and what kills the child is quarantined."""
import os
import unittest

from cluster import Cluster, photos


MARKERS = ['IDUNNO-TEST-CRASH', 'IDUNNO-TEST-EXIT']
if os.environ.get('IDUNNO_TEST_LONG'):
    MARKERS.append('IDUNNO-TEST-HANG')  # ten seconds and more until each is known for one


class Poison(unittest.TestCase):
    def test_names_and_files_become_error_results(self):
        with Cluster(lists={}) as c:
            good = [photos(200).parent / line for line in photos(200).read_text().splitlines()[:5]]
            (c.folder / 'text.jpg').write_text('not a picture')
            (c.folder / 'empty.png').write_text('')
            (c.folder / 'cut.jpg').write_bytes(good[0].read_bytes()[:200])
            (c.folder / 'mine.list').write_text('\n'.join(
                [str(good[0]), '$(touch PWNED).png', 'text.jpg', 'empty.png', 'cut.jpg', 'gone.jpg',
                 '.', str(good[1])]) + '\n')
            c.start_broker()
            c.start_worker(0)
            c.submit('--model', 'tiny', '--list', 'mine.list', expect=3)
            job = c.json('jobs', '--all')[0]['job']
            self.assertEqual([r['status'] for r in c.results(job)],
                             ['ok', 'missing', 'unsupported', 'unsupported', 'corrupt', 'missing',
                              'unreadable', 'ok'])
            self.assertEqual(len(c.results(job, '--failed')), 6)
            self.assertEqual([p for p in c.folder.rglob('PWNED*')], [])

    def test_what_kills_the_child_is_quarantined_and_its_neighbours_deliver(self):
        for marker in MARKERS:
            with self.subTest(marker), Cluster(lists={}, batch=10) as c:
                lines = [str(photos(200).parent / line)
                         for line in photos(200).read_text().splitlines()[:30]]
                (c.folder / 'poison.jpg').write_text(marker)
                lines[13] = 'poison.jpg'
                (c.folder / 'mine.list').write_text('\n'.join(lines) + '\n')
                c.start_broker()
                for i in range(2):
                    c.start_worker(i, env={'IDUNNO_TEST_CRASH': '1'})
                c.submit('--model', 'tiny', '--list', 'mine.list', expect=3)
                job = c.json('jobs', '--all')[0]['job']
                statuses = [r['status'] for r in c.results(job)]
                self.assertEqual(statuses[13], 'quarantined')
                self.assertEqual(statuses[:13] + statuses[14:], ['ok'] * 29)
                deaths = (c.log('worker-0') + c.log('worker-1')).count('inference child')
                self.assertGreaterEqual(deaths, 3)


if __name__ == '__main__':
    unittest.main(verbosity=2)
