import { Client, Connection } from '@temporalio/client';
import { describe, expect, onTestFinished, test } from 'vitest';

import { startPostgres, startTemporal, type TemporalOptions } from '../../servers/index.js';
import { hasServerPrograms } from '../../servers/temporal-server/programs.js';
import { embeddedEnv, eventually, runs, silent, stoppedAfterwards } from './support.js';

const LIMIT_MS = 180_000;

const started = (kind: string, options: Partial<TemporalOptions> = {}) =>
  stoppedAfterwards(
    startTemporal({ log: silent, env: { ...embeddedEnv(), REAPER_TEST_TEMPORAL: kind }, ...options }),
  );

async function clientOf({ address, namespace }: { address: string; namespace: string }): Promise<Client> {
  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  return new Client({ connection, namespace });
}

async function statusOf(client: Client, workflowId: string): Promise<string> {
  return (await client.workflow.getHandle(workflowId).describe()).status.name;
}

const waiting = { taskQueue: 'none', workflowId: 'survivor' };

test('another kind of Temporal server than the known ones is refused', async () => {
  await expect(started('devserver')).rejects.toThrow(
    'Expected REAPER_TEST_TEMPORAL to be one of dev, server, cluster, got `devserver`',
  );
});

// Building them takes minutes. Runs with REAPER_TEST_TEMPORAL=server have built them.
describe.skipIf(!(await hasServerPrograms(process.env)))(
  "the server of production (needs its programs, see CONTRIBUTING's REAPER_TEST_TEMPORAL)",
  () => {
    test(
      'answers, and leaves neither process nor folder when stopped, once or twice',
      async () => {
        const server = await started('server', { namespace: 'sample' });
        expect(server).toMatchObject({ embedded: true, namespace: 'sample', uiUrl: undefined });
        const client = await clientOf(server);
        await client.workflow.start('nobodyRunsThis', waiting);
        expect(await statusOf(client, 'survivor')).toBe('RUNNING');
        const { serverVersion } = await client.workflowService.getSystemInfo({});
        expect(serverVersion).toBe('1.29.1');

        await Promise.all([server.stop(), server.stop()]);
        expect(runs(server.pid ?? 0)).toBe(false);
        expect(await server.exited).toEqual({ code: 0, signal: undefined });
      },
      LIMIT_MS,
    );

    test(
      'continues from its databases after it was killed',
      async () => {
        const postgres = await stoppedAfterwards(startPostgres({ log: silent, env: embeddedEnv() }));
        const options = { stateUrl: postgres.adminUrl, dbFile: 'names the state' };
        const first = await started('server', options);
        await (await clientOf(first)).workflow.start('nobodyRunsThis', waiting);
        process.kill(first.pid ?? 0, 'SIGKILL');
        expect(await first.exited).toEqual({ code: undefined, signal: 'SIGKILL' });
        await first.stop();

        const second = await started('server', options);
        expect(await statusOf(await clientOf(second), 'survivor')).toBe('RUNNING');
      },
      LIMIT_MS,
    );

    test(
      'serves on when one of two processes is killed, whichever it is',
      async () => {
        const cluster = await started('cluster');
        expect(cluster.nodes).toHaveLength(2);
        const client = await clientOf(cluster);
        await client.workflow.start('nobodyRunsThis', waiting);
        for (const node of cluster.nodes) {
          await node.kill();
          expect(await eventually(async () => (await statusOf(client, 'survivor')) === 'RUNNING')).toBe(true);
          await node.restart();
          await node.ready(silent, 60, () => statusOf(client, 'survivor'));
        }
      },
      LIMIT_MS,
    );
  },
);
