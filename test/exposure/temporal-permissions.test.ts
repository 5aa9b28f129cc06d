import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasServerPrograms } from '../../servers/temporal-server/programs.js';
import { startTemporalServer, type RunningTemporalServer } from '../../servers/temporal-server/start.js';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.js';
import { cli, type Env } from '../cli/support.js';
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.js';
import { eventually } from '../support/wait.js';
import { World } from '../support/world.js';

// What docs/temporal.md says of permissions, on a server that checks them.

describe.skipIf(!(await hasServerPrograms(process.env)))(
  "a Temporal server that checks permissions (needs its programs, see CONTRIBUTING's REAPER_TEST_TEMPORAL)",
  () => {
    let issuer: TokenIssuer;
    let server: RunningTemporalServer;
    let admin: Connection;
    const ends: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      issuer = await startTokenIssuer();
      ends.push(() => issuer.stop());
      const token = issuer.token(['temporal-system:admin']);
      const access = { keysUrl: issuer.keysUrl, token };
      server = await startTemporalServer({ log: () => undefined, namespace: 'jobs', access });
      ends.push(() => server.stop());
      const metadata = { authorization: `Bearer ${token}` };
      admin = await Connection.connect({ address: server.address, metadata });
      ends.push(() => admin.close());
      await ensureSearchAttributes(new Client({ connection: admin, namespace: 'jobs' }));
    }, 180_000);
    afterAll(async () => {
      for (const end of ends.reverse()) await end();
    });

    /** A key of the cluster's, without TLS because the server is on this machine. */
    const as = (permission: string, namespace = 'jobs') => ({
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: namespace,
      TEMPORAL_API_KEY: issuer.token([permission]),
      TEMPORAL_TLS: 'false',
    });

    it('lets a worker that may write repair, and lets who may read look', async (test) => {
      const world = await World.of(test);
      const worker = world.startWorker(as('jobs:write'));
      await eventually('the start', () => worker.count('was started'));
      await world.killedJob('j1');
      await world.requeued('j1');

      const reader: Env = { ...as('jobs:read'), DATABASE_URL: world.db.reaperUrl, REAPER_NAME: world.name };
      const findings = JSON.parse((await cli(['doctor', '--json'], reader)).stdout) as {
        findings: { check: string; level: string }[];
      };
      const judged = findings.findings.filter(({ check }) =>
        ['temporal', 'namespace', 'search attributes', 'reaper'].includes(check),
      );
      expect(judged.map(({ check, level }) => [check, level])).toEqual(
        expect.arrayContaining([
          ['temporal', 'ok'],
          ['search attributes', 'ok'],
          ['reaper', 'ok'],
        ]),
      );
      // Its exit code may say that a sweep is overdue.
      expect((await cli(['status'], reader)).stdout).not.toContain('Temporal did not answer');
      expect((await cli(['explain', 'j1'], reader)).code).toBe(0);
    });

    it('lets nobody who may only read work or sweep, and says why', async (test) => {
      const world = await World.of(test);
      const worker = world.startWorker(as('jobs:read'));
      await eventually('its complaint', () => worker.count('Temporal cannot be used, retrying'));
      const reader: Env = { ...as('jobs:read'), DATABASE_URL: world.db.reaperUrl, REAPER_NAME: world.name };
      const { code, stderr } = await cli(['sweep'], reader);
      expect(code).toBe(1);
      expect(stderr).toMatch(/permission|unauthorized/i);
    });

    it('stops a worker that would have to register search attributes, with the command for an administrator', async (test) => {
      const world = await World.of(test);
      await admin.workflowService.registerNamespace({
        namespace: 'bare',
        workflowExecutionRetentionPeriod: msToTs('1 day'),
      });
      const worker = world.startWorker(as('bare:write', 'bare'));
      expect(await worker.end()).toBe(1);
      expect(worker.printed).toContain('temporal operator search-attribute create --namespace bare');

      const without = world.startWorker({ ...as('bare:write', 'bare'), REAPER_SEARCH_ATTRIBUTES: 'false' });
      await eventually('the start', () => without.count('was started'));
    });
  },
);
