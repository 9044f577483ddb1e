"""libidunno for benchmarks: a session that stays open, so that a question costs a fraction of a
millisecond, and a submission begins where the client sends it and not where a process starts."""
import ctypes as c
import time


class Options(c.Structure):
    _fields_ = [('brokers', c.c_char_p * 2), ('client', c.c_char_p), ('timeout_ms', c.c_uint32),
                ('stop_fd', c.c_int), ('on_notice', c.c_void_p), ('context', c.c_void_p)]


class Query(c.Structure):
    _fields_ = [('model', c.c_char_p), ('dataset', c.c_char_p), ('list', c.c_char_p),
                ('first', c.c_uint32), ('last', c.c_uint32), ('whole', c.c_bool),
                ('weight', c.c_uint32), ('key', c.c_void_p)]


class JobName(c.Structure):
    _fields_ = [('key', c.c_uint8 * 16), ('id', c.c_char * 27)]


class Info(c.Structure):
    """struct idunno_info of client/idunno.h."""
    _fields_ = ([('job', JobName), ('state', c.c_int), ('version', c.c_uint64),
                 ('model', c.c_char * 64), ('dataset', c.c_char * 64), ('client', c.c_char * 64)] +
                [(name, c.c_uint32) for name in (
                    'first', 'last', 'weight', 'ok', 'failed', 'quarantined', 'in_flight',
                    'pending', 'batch', 'workers', 'conflicts')] +
                [(name, c.c_uint64) for name in ('created_ms', 'finished_ms', 'elapsed_ms')] +
                [('images_per_s', c.c_double), ('compute_us', c.c_uint64),
                 ('digest', c.c_char * 33), ('why', c.c_char * 256),
                 ('left_ms', c.c_uint64)])


OPEN = 1


class Refused(Exception):
    """What the library said, a sentence."""


class Job:
    def __init__(self, name, model, sent_s):
        self.name, self.model = name, model
        self.sent_s = sent_s  # CLOCK_MONOTONIC, just before the call
        self.accepted_s = time.monotonic()

    @property
    def text(self):
        """As logs name it."""
        return self.name.id.decode()[:8]


class Session:
    def __init__(self, library, address):
        self.library = c.CDLL(str(library))
        self.library.idunno_error.restype = c.c_char_p
        self.library.idunno_error.argtypes = [c.c_void_p]
        self.handle = c.c_void_p()
        options = Options(brokers=(f'tcp://{address}'.encode(), None), client=b'bench')
        self.call('idunno_connect', c.byref(options), c.byref(self.handle), opened=False)

    def call(self, name, *arguments, opened=True):
        handle = [self.handle] if opened else []
        if getattr(self.library, name)(*handle, *arguments) != 0:
            raise Refused(self.library.idunno_error(self.handle).decode())

    def close(self):
        self.library.idunno_close(c.byref(self.handle))

    def submit(self, model, dataset, count, weight=1):
        """Images 0 to count - 1."""
        query = Query(model=model.encode(), dataset=dataset.encode(), last=count - 1, weight=weight)
        name = JobName()
        sent_s = time.monotonic()
        self.call('idunno_submit', c.byref(query), c.byref(name), None)
        return Job(name, model, sent_s)

    def info(self, job):
        info = Info()
        self.call('idunno_find', job.name.id, c.byref(info))
        return info

    def cancel(self, job):
        self.call('idunno_cancel', c.byref(job.name))
