"""The main job: a query from idunno-submit to stored results, with real darknet."""
import json
import unittest

from cluster import Cluster, INFER, photos, run, SOURCE, tiny_weights, wait_for


class MainJob(unittest.TestCase):
    def test_results_equal_darknet_called_alone(self):
        with Cluster(images=200) as c:
            c.start_broker()
            c.start_worker(0)
            c.start_worker(1)
            out = c.folder / 'out.jsonl'
            c.submit('Inference', '0', '199', 'tiny', '--dataset', 'photos', '--output', out)
            rows = [json.loads(line) for line in out.read_text().splitlines()]
            direct = run(INFER, '--top5', '--selftest', SOURCE / 'tests/e2e/tiny.cfg', tiny_weights(),
                         photos(200)).stdout.splitlines()
            self.assertEqual([r['index'] for r in rows], list(range(200)))
            for row, line in zip(rows, direct):
                pairs = [p.split(':') for p in line.split('\t')[2:]]
                self.assertEqual([t['class'] for t in row['top']], [int(i) for i, _ in pairs])
                for t, (_, p) in zip(row['top'], pairs):
                    self.assertAlmostEqual(t['probability'], float(p), delta=1e-5)

    def test_query_in_one_argument_and_the_digest_of_another_order(self):
        with Cluster(images=200) as c:
            c.start_broker()
            c.start_worker(0)
            first = c.detach('Inference 0 199 tiny', '--dataset', 'photos')
            one = c.finish(first)
            c.start_worker(1)
            two = c.finish(c.detach('--model', 'tiny', '--range', '0..199', '--dataset', 'photos'))
            self.assertEqual(one['digest'], two['digest'])
            self.assertEqual((one['state'], one['ok'], one['failed']), ('finished', 200, 0))

    def test_models_that_do_not_fit_beside_each_other(self):
        tiny = {'cfg': SOURCE / 'tests/e2e/tiny.cfg', 'weights': tiny_weights(), 'batch': 50}
        with Cluster(images=200, models={'tiny': tiny, 'other': tiny}) as c:
            c.write_config('worker\n    memory = "200M"\n')
            c.start_broker()
            c.start_worker(0)
            jobs = [c.detach('Inference', 0, 199, model, '--dataset', 'photos')
                    for model in ('tiny', 'other')]
            one, two = (c.finish(job) for job in jobs)
            self.assertEqual((one['ok'], two['ok']), (200, 200))
            self.assertEqual(one['digest'], two['digest'])
            self.assertIn('more than the 200 MiB of worker/memory', c.log('worker-0'))
            self.assertNotIn('ended', c.log('worker-0'))  # its inference child

    def test_own_list_in_one_line(self):
        with Cluster(images=200) as c:
            c.start_broker()
            c.start_worker(0)
            (c.folder / 'mine.list').write_text('\n'.join(
                photos(200).parent.joinpath(line).as_posix()
                for line in photos(200).read_text().splitlines()[:20]) + '\n')
            done = c.submit('--model', 'tiny', '--list', 'mine.list', '--json')
            self.assertEqual(json.loads(done.stdout)['ok'], 20)

    def test_two_jobs_share_say_so_and_both_finish(self):
        with Cluster(engine='replay', replay_us=20000, images=200) as c:
            c.start_broker()
            jobs = [c.detach('Inference', '0', '199', 'tiny', '--dataset', 'photos')
                    for _ in range(2)]
            why = c.json('why', jobs[0])
            self.assertEqual([fact['code'] for fact in why['facts']], ['no_worker'])
            self.assertIn('- no worker is there\n', c.ctl('why', jobs[0]).stdout)
            for i in range(3):
                c.start_worker(i)
            wait_for(lambda: 'shares' in [fact['code'] for fact in c.json('why', jobs[0])['facts']],
                     'the jobs to share')
            wait_for(lambda: c.json('rates')['gaps']['shared']['window_ms'] > 0, 'a first result')
            leased = {lease['job'] for worker in c.json('assignment') for lease in worker['leases']}
            self.assertLessEqual(leased, set(jobs))
            wait_for(lambda: c.json('times', 'tiny')['models'][0]['tasks'] > 0, 'a whole task')
            self.assertGreater(c.json('times', 'tiny')['models'][0]['mean_us'], 19000 * 50)
            rates = c.json('rates')
            self.assertLessEqual({job['job'] for job in rates['jobs']}, set(jobs))
            self.assertEqual((rates['workers'], rates['present'], rates['awaited']), (3, 3, 0))
            self.assertRegex(c.ctl('rates').stdout, 'TASKS/MIN|no open jobs')
            self.assertEqual([c.finish(j)['ok'] for j in jobs], [200, 200])

    def test_fast_decoding_is_another_numerics_class(self):
        with Cluster(images=200) as c:
            c.write_config('worker\n    decode = fast\n')
            c.start_broker()
            c.start_worker(0)
            c.finish(c.detach('Inference', '0', '19', 'tiny', '--dataset', 'photos'))
            self.assertRegex(c.json('workers')[0]['class'], ' decode=fast$')

    def test_cancel_keeps_what_is_there(self):
        with Cluster(engine='replay', replay_us=20000, images=200) as c:
            c.start_broker()
            c.start_worker(0)
            job = c.detach('Inference', '0', '199', 'tiny', '--dataset', 'photos')
            c.ctl('cancel', job)
            info = c.job(job)
            self.assertEqual(info['state'], 'cancelled')
            c.ctl('forget', job)
            self.assertIn('has been forgotten', c.ctl('job', job, expect=1).stderr)

    def test_clean_shutdown(self):
        with Cluster(images=200) as c:
            c.start_broker()
            worker = c.start_worker(0)
            job = c.detach('Inference', '0', '199', 'tiny', '--dataset', 'photos')
            self.assertEqual(c.stop(worker), 0)
            self.assertEqual(c.stop(c.broker), 0)
            c.start_broker()
            c.start_worker(1)
            self.assertEqual(c.finish(job)['ok'], 200)


if __name__ == '__main__':
    unittest.main(verbosity=2)
