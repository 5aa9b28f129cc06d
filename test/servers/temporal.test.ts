import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { findTemporalCli, startTemporal, type TemporalOptions } from '../../servers/index.js';
import {
  embeddedEnv,
  eventually,
  nodeProgram,
  runs,
  serverFolders,
  silent,
  stoppedAfterwards,
  temporaryFolder,
} from './support.js';

const LIMIT_MS = 120_000;
const GET_CLI_MS = 15 * 60_000;

const embedded = (options: Partial<TemporalOptions> = {}) =>
  stoppedAfterwards(startTemporal({ log: silent, env: embeddedEnv(), ...options }));

async function clientOf({ address, namespace }: { address: string; namespace: string }): Promise<Client> {
  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  return new Client({ connection, namespace });
}

async function addKeyword(client: Client, name: string): Promise<void> {
  await client.connection.operatorService.addSearchAttributes({
    namespace: client.options.namespace,
    searchAttributes: { [name]: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD },
  });
}

// If the machine has no CLI, this is the only place that may download or build it.
beforeAll(() => findTemporalCli({ log: console.log, env: embeddedEnv() }), GET_CLI_MS);

describe('the embedded Temporal server', () => {
  test(
    'answers with its Web UI, and leaves no process when stopped, once or twice',
    async () => {
      const server = await embedded({ namespace: 'sample' });
      expect(server).toMatchObject({ embedded: true, namespace: 'sample' });
      const client = await clientOf(server);
      const { namespaceInfo } = await client.workflowService.describeNamespace({ namespace: 'sample' });
      expect(namespaceInfo?.name).toBe('sample');
      const page = await fetch(server.uiUrl ?? '');
      expect(page.status).toBe(200);
      expect(await page.text()).toMatch(/<html/i);

      await Promise.all([server.stop(), server.stop()]);
      expect(runs(server.pid ?? 0)).toBe(false);
      expect(await server.exited).toEqual({ code: 0, signal: undefined });
    },
    LIMIT_MS,
  );

  test(
    'runs beside another one, and accepts a search attribute as soon as it is registered',
    async () => {
      const servers = await Promise.all([embedded(), embedded()]);
      expect(servers[0].address).not.toBe(servers[1].address);
      const [client] = await Promise.all(servers.map(clientOf));
      if (!client) throw new Error('Expected a client for each server');
      await addKeyword(client, 'Colour');
      const handle = await client.workflow.start('nobodyRunsThis', {
        taskQueue: 'none',
        workflowId: 'first',
        typedSearchAttributes: new TypedSearchAttributes([
          { key: defineSearchAttributeKey('Colour', SearchAttributeType.KEYWORD), value: 'red' },
        ]),
      });
      expect((await handle.describe()).status.name).toBe('RUNNING');
    },
    LIMIT_MS,
  );

  test(
    'continues from its file after it was killed',
    async () => {
      const dbFile = join(await temporaryFolder(), 'new folder', 'temporal.db');
      const first = await embedded({ dbFile, namespace: 'kept' });
      const before = await clientOf(first);
      await addKeyword(before, 'Colour');
      await before.workflow.start('nobodyRunsThis', { taskQueue: 'none', workflowId: 'survivor' });
      process.kill(first.pid ?? 0, 'SIGKILL');
      expect(await first.exited).toEqual({ code: undefined, signal: 'SIGKILL' });

      const second = await embedded({ dbFile, namespace: 'kept' });
      const after = await clientOf(second);
      expect((await after.workflow.getHandle('survivor').describe()).status.name).toBe('RUNNING');
      const { customAttributes } = await after.connection.operatorService.listSearchAttributes({
        namespace: 'kept',
      });
      expect(customAttributes).toHaveProperty('Colour');
    },
    LIMIT_MS,
  );

  test(
    'says why it did not start',
    async () => {
      const { address } = await embedded();
      const port = Number(address.split(':')[1]);
      await expect(embedded({ port })).rejects.toThrow(
        /^Expected the Temporal dev server to answer within 60 s, got: .*(?:can't set frontend port|address already in use)/s,
      );
    },
    LIMIT_MS,
  );
});

describe('TEMPORAL_ADDRESS', () => {
  test(
    'names a server that is used and not stopped',
    async () => {
      const { address } = await embedded({ namespace: 'theirs' });
      const env = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'theirs' };
      const existing = await startTemporal({ log: silent, env });
      expect(existing).toMatchObject({ address, namespace: 'theirs', embedded: false, pid: undefined });
      await existing.stop();
      await clientOf(existing);

      const other = startTemporal({ log: silent, env: { ...env, TEMPORAL_NAMESPACE: 'absent' } });
      await expect(other).rejects.toThrow(
        /to answer with namespace absent, got: .*absent.*unset TEMPORAL_ADDRESS/,
      );
    },
    LIMIT_MS,
  );

  test(
    'of a server that does not answer is a clear error',
    async () => {
      const starting = startTemporal({ log: silent, env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
      await expect(starting).rejects.toThrow(
        /Expected the Temporal server of TEMPORAL_ADDRESS=127.0.0.1:1 to answer/,
      );
    },
    LIMIT_MS,
  );
});

describe('both servers', () => {
  const program = (ending: string) => `
    import { startServers } from './servers/index.js';
    const servers = await startServers({ log: () => undefined });
    console.log(servers.postgres.pid, servers.temporal.pid);
    ${ending}`;

  test.skipIf(process.platform === 'win32').each([
    ['is killed', 'setInterval(() => undefined, 1000);', 'SIGKILL'],
    ['is ended by a signal', 'setInterval(() => undefined, 1000);', 'SIGTERM'],
    ['exits without stopping them', 'process.exit(3);', undefined],
  ] as const)(
    'end when their process %s (needs signals)',
    async (_how, ending, signal) => {
      const path = await nodeProgram(program(ending));
      const parent = await temporaryFolder();
      await chmod(parent, 0o755);
      const child = execFile(process.execPath, [path], { env: { ...embeddedEnv(), TMPDIR: parent } });
      onTestFinished(() => void child.kill('SIGKILL'));
      const line = await new Promise<string>((resolve, reject) => {
        let errors = '';
        child.stderr?.on('data', (text: string) => (errors += text));
        child.stdout?.once('data', resolve);
        child.once('exit', () => reject(new Error(`Expected two pids, got: ${errors}`)));
      });
      const pids = line.trim().split(' ').map(Number);
      expect(pids).toHaveLength(2);
      if (signal) {
        expect(pids.map(runs)).toEqual([true, true]);
        child.kill(signal);
      }
      expect(await eventually(() => !pids.some(runs))).toBe(true);
      expect(await eventually(async () => (await serverFolders(parent)).length === 0)).toBe(true);
    },
    LIMIT_MS,
  );
});
