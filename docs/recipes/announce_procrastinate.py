"""Announces the workers of Procrastinate that run in this process: call announce_workers() once, before they start. Needs token.py beside
it under the name process_token.py, because Python has a module token of its own."""
import asyncio
import functools
import logging
import random

from procrastinate.manager import JobManager

from process_token import process_token

_logger = logging.getLogger("job_reaper")
_tasks = set()  # asyncio itself does not keep them


def announce_workers():
    """Each worker that registers from now on has an id that never comes again, and says in the background which process it is."""
    register = JobManager.register_worker

    @functools.wraps(register)
    async def register_and_announce(self):
        # Procrastinate's own ids start over when its tables are emptied: a new worker would be taken for a dead one.
        worker_id = random.SystemRandom().randrange(2**62, 2**63)
        try:
            await self.connector.execute_query_async(
                "insert into procrastinate_workers (id) overriding system value values (%(worker_id)s)", worker_id=worker_id
            )
        except Exception as error:
            _logger.warning("this worker has an id of Procrastinate's own (%s): job-reaper cannot tell whose its jobs are", error)
            return await register(self)
        task = asyncio.create_task(_announce(self.connector, str(worker_id)))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return worker_id

    JobManager.register_worker = register_and_announce


async def _announce(connector, worker_id):
    retry_s, has_complained = 1, False
    while True:
        wait_s = 3600  # repeated, so that an announcement stays fresh however long the worker lives
        try:
            await connector.execute_query_async(
                "select reaper.announce(%(worker_id)s, %(token)s)", worker_id=worker_id, token=process_token()
            )
        except Exception as error:
            if not has_complained:
                _logger.warning("worker %s could not be announced (%s); retrying in the background", worker_id, error)
            has_complained, wait_s, retry_s = True, retry_s, min(2 * retry_s, 60)
        # Spread, so that the workers of a deployment do not come back all at once.
        await asyncio.sleep(wait_s * random.uniform(0.8, 1))
