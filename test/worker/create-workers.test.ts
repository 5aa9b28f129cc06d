import { randomBytes } from 'node:crypto';
import { NativeConnection } from '@temporalio/worker';
import { expect, inject, it } from 'vitest';
import { Names } from '../../src/naming.js';
import type { WorkerContext } from '../../src/worker/context.js';
import { createWorkers, endUnrun } from '../../src/worker/create-workers.js';

/** As much of a context as a probe and a lease worker need that get no task. */
function contextWith(queues: { probe: string; lease: string }): WorkerContext {
  const context: unknown = {
    settings: { REAPER_HOST: 'host-1' },
    parts: { workflows: false, probe: true },
    names: { probeQueue: () => queues.probe, leaseQueue: queues.lease },
    pools: {},
    leases: { reclaim: () => Promise.resolve() },
  };
  return context as WorkerContext;
}

function queues(): { probe: string; lease: string } {
  const names = new Names(`unrun-${randomBytes(4).toString('hex')}`);
  return { probe: names.probeQueue('host-1'), lease: names.leaseQueue };
}

const connect = () => NativeConnection.connect({ address: inject('temporalAddress') });

it('workers that were created and never run do not keep the connection once they are stopped', async () => {
  const connection = await connect();
  const workers = await createWorkers(contextWith(queues()), connection, 'default');
  expect(workers).toHaveLength(2);
  await expect(connection.close()).rejects.toThrow('hold a reference');
  await endUnrun(workers);
  await connection.close();
});

it('when one worker cannot be created, those before it keep no connection', async () => {
  const connection = await connect();
  const making = createWorkers(contextWith({ ...queues(), lease: '' }), connection, 'default');
  await expect(making).rejects.toThrow('Task queue name is required');
  await connection.close();
});
