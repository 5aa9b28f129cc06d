# A worker of Procrastinate as a separate process: docs/queues/procrastinate.md with a task that says when it starts and ends. Other words
# do one thing by Procrastinate's own API, and print what it says.
import asyncio
import functools
import json
import logging
import os
import subprocess
import sys
from datetime import datetime, timezone

from procrastinate import App, PsycopgConnector

word, *words = sys.argv[1:]
options = f"-c search_path={os.environ['SCHEMA']} -c statement_timeout=5000"
# A pooler refuses options, has no prepared statements and passes no notifications.
is_pooled = "POOLED" in os.environ
kwargs = {"prepare_threshold": None} if is_pooled else {"options": options}
app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"], kwargs=kwargs))


async def note(what, job_id):
    await app.connector.execute_query_async(
        "insert into public.noted (what, job_id, pid) values (%(what)s, %(job_id)s, %(pid)s)",
        what=what,
        job_id=str(job_id),
        pid=os.getpid(),
    )


@app.task(name="work", pass_context=True)
async def work(context, hangsAt=None, blocksUntil=None, waitsUntil=None):
    run = context.job.attempts + 1
    await note("start", context.job.id)
    if blocksUntil is not None:  # blocks the event loop, like a long computation
        script = 'until [ -e "$0" ] || [ -e "$0.$1" ]; do sleep 0.1; done'
        subprocess.run(["sh", "-c", script, blocksUntil, str(run)], check=True)
    while waitsUntil is not None and not any(map(os.path.exists, (waitsUntil, f"{waitsUntil}.{run}"))):
        await asyncio.sleep(0.1)
    if hangsAt == run:  # its process is killed meanwhile, however long that takes to come
        await asyncio.sleep(600)
    await note("end", context.job.id)


async def run_worker():
    from announce_procrastinate import announce_workers

    # One that is announced later than it should be is no failure.
    logging.getLogger("job_reaper").setLevel(logging.CRITICAL)
    if "WITHOUT_LINE" not in os.environ:
        announce_workers()
    asyncio.get_running_loop().call_soon(functools.partial(print, "ready", flush=True))
    await app.run_worker_async(
        concurrency=int(os.environ["CONCURRENCY"]),
        fetch_job_polling_interval=float(os.environ.get("POLL_S", 0.5)),
        stalled_worker_timeout=float(os.environ.get("STALLED_S", 600)),
        update_heartbeat_interval=0.5,
        listen_notify=not is_pooled,
    )


async def rescue(seconds):
    """Procrastinate's own recipe for stalled jobs."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=float(seconds)):
        try:
            await app.job_manager.retry_job(job)
        except Exception as error:
            print(error, file=sys.stderr)


if "RESCUE_S" in os.environ:  # the recipe as a periodic task: each second

    @app.periodic(cron="* * * * * *")
    @app.task(name="rescue", queueing_lock="rescue")
    async def rescue_task(timestamp):
        await rescue(os.environ["RESCUE_S"])


async def main():
    async with app.open_async():
        if word == "schema":
            await app.schema_manager.apply_schema_async()
        elif word == "work":
            await run_worker()
        elif word == "rescue":
            await rescue(*words)
        elif word == "get":
            [job] = await app.job_manager.list_jobs_async(id=int(words[0]))
            print(json.dumps({"status": job.status, "attempts": job.attempts, "lock": job.lock}))
        elif word == "abort":
            await app.job_manager.cancel_job_by_id_async(int(words[0]), abort=True)
        elif word == "retry":
            await app.job_manager.retry_job_by_id_async(int(words[0]), retry_at=datetime.now(timezone.utc))


asyncio.run(main())
