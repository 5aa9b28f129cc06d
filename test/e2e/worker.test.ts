import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { msToTs } from '@temporalio/common/lib/time.js';
import { Names } from '../../src/naming.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { World } from '../support/world.js';

it.for(['SIGTERM', 'SIGINT'] as const)('ends well at %s', async (signal, test) => {
  const world = await World.of(test);
  const worker = world.startWorker();
  await eventually('the start', () => worker.count(`the reaper workflow "${world.name}" was started`));
  worker.signal(signal);
  expect(await worker.end()).toBe(0);
  expect(worker.lines.at(-1)).toBe('stopped');
});

it('a host runs just its probe with the probe role; another runs just workflows', async (test) => {
  const world = await World.of(test);
  world.startWorker({ PARTS: 'probe', DATABASE_URL: world.db.probeUrl });
  const workflows = world.startWorker({ PARTS: 'workflows', REAPER_HOST: 'host-2' });
  await world.killedJob('j1');
  await world.requeued('j1');
  await eventually('the line in the log', () => workflows.count('reaped -> queued') === 1);
});

it('a changed setting takes effect with a restarted worker, for watches that wait as well, and is logged', async (test) => {
  const world = await World.of(test);
  const run = await insertRunningJob(world.db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
  const first = world.startWorker({ REAPER_FINALIZE_GRACE_S: '3600' });
  await eventually('the watch to wait', () => first.count('(< grace 3600s), deferring'));
  const { runId } = await world.client.workflow.getHandle(new Names(world.name).watchId(run)).describe();
  first.signal('SIGTERM');
  await first.end();
  const second = world.startWorker({ REAPER_FINALIZE_GRACE_S: '1' });
  await world.requeued('j1');
  expect((await world.client.workflow.getHandle(new Names(world.name).watchId(run)).describe()).runId).toBe(
    runId,
  );
  expect(first.count('the policy changed')).toBe(0);
  expect(second.count('the policy changed')).toBe(1);
});

it('stops with every mistake in its settings', async (test) => {
  const world = await World.of(test);
  const worker = world.startWorker({
    REAPER_DEAD_TICKS: '0',
    REAPER_ENABELD: 'true',
    REAPER_INTERVAL_S: 'soon',
  });
  expect(await worker.end()).toBe(1);
  const printed = worker.lines.join('\n');
  expect(printed).toContain('REAPER_ENABELD: no such setting; did you mean "REAPER_ENABLED"?');
  expect(printed).toContain('REAPER_DEAD_TICKS: expected at least 1, got "0"');
  expect(printed).toContain('REAPER_INTERVAL_S: expected a number of seconds, got "soon"');
});

it('stops with what to do when there is no room for its search attributes', async (test) => {
  const world = await World.of(test);
  const namespace = `full-${randomBytes(4).toString('hex')}`;
  const { workflowService, operatorService } = world.connection;
  await workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  // A namespace has room for ten keywords.
  const searchAttributes = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`Other${n}`, 2]));
  await eventually('the namespace', async () => {
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
    return true;
  });
  const worker = world.startWorker({ TEMPORAL_NAMESPACE: namespace });
  expect(await worker.end()).toBe(1);
  // No command could register them: there is only doing without, or making room.
  const said = worker.lines.find((line) => line.includes(`in namespace "${namespace}"`));
  expect(said).toContain('cannot have more than 10 search attribute of type Keyword');
  expect(said).toContain('REAPER_SEARCH_ATTRIBUTES=false on every worker');
  expect(said).not.toContain('search-attribute create');
  const without = world.startWorker({ TEMPORAL_NAMESPACE: namespace, REAPER_SEARCH_ATTRIBUTES: 'false' });
  await world.killedJob('j1');
  await world.requeued('j1');
  // The row says so first, the log a moment later.
  await eventually('the line of it', () => without.count('reaped -> queued') === 1);
});
