import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { loadDataConverter } from '../../src/temporal/data-converter.js';
import { cli, createPlace, kill, startCli, type Place, type RunningCli } from '../cli/support.js';
import { endProcesses, startProcess } from '../support/process.js';
import { readableHistory } from '../support/raw-history.js';
import { insertRunningJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';

const CODEC = fileURLToPath(new URL('../support/encrypting-codec.mjs', import.meta.url));
/** In every column of a run that Temporal has no need to read. */
const SECRET = 'sesame';

let place: Place;
let worker: RunningCli;
let connection: Connection;
let client: Client;

/** One run reaped, one alive, a pause and its end, all with an encrypting codec. */
beforeAll(async () => {
  place = await createPlace();
  place.env = { ...place.env, REAPER_PAYLOAD_CODEC: CODEC, REAPER_SEARCH_ATTRIBUTES: 'false' };
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
  const named = { agent: `${SECRET}-agent`, repo: `${SECRET}-repo` };
  const dead = startProcess();
  await insertRunningJob(place.db.admin, { id: 'dead', ...named, ...dead });
  await insertRunningJob(place.db.admin, { id: 'live', ...named, ...startProcess() });
  worker = startCli(['worker'], place.env);
  await swept();
  await run(['pause', '--reason', `${SECRET} reason`]);
  await run(['resume']);
  await dead.kill();
  await eventually(
    'a claim',
    async () => (await place.db.admin.query('select from reaper.ledger')).rowCount === 1,
  );
});
afterAll(async () => {
  await kill(worker);
  await terminateAll(client, place.name);
  await connection.close();
  await endProcesses();
  await place.db.drop();
});

async function swept(): Promise<void> {
  const isSwept = async () => (await place.db.admin.query('select from reaper.last_sweep')).rowCount === 1;
  await eventually('a sweep', isSwept).catch((error: unknown) => {
    throw new Error(worker.output(), { cause: error });
  });
}

async function run(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await startCli(args, place.env).ended;
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

it('status, sweep and explain work as without it', async () => {
  expect(await run(['sweep'])).toMatch(/^Sweep no\. \d+: 1 running/);
  const status = await run(['status']);
  expect(status).toMatch(/last sweep .* ago, no\. \d+/);
  expect(status).not.toContain('Postgres alone');
  const explained = await run(['explain', 'live']);
  expect(explained).toContain('alive');
  expect(explained).toContain('parked');
});

it('nothing of a payload can be read in the raw history, failures included', async () => {
  const refused = await cli(['reap', `${SECRET}-job`], place.env);
  expect(refused.stderr).toContain(`job "${SECRET}-job" to be running, got no such running job`);
  const text = await readableHistory(client, place.name);
  // Not the text itself, which is long and no text.
  const holds = (part: string) => text.includes(part);
  expect(['binary/encrypted', `${place.name}/watch/dead/`, SECRET].map(holds)).toEqual([true, true, false]);
});

it('a module that cannot be used is refused with what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'codec-'));
  const file = join(folder, 'none.mjs');
  await writeFile(file, 'export const payloadCodecs = [{ encode() {} }];');
  await expect(loadDataConverter(file)).rejects.toThrow(
    /\(REAPER_PAYLOAD_CODEC\) to export payloadCodecs.*got a list of 1/,
  );
  await writeFile(join(folder, 'broken.mjs'), 'export const = 1');
  await expect(loadDataConverter(join(folder, 'broken.mjs'))).rejects.toThrow(
    'name a file that Node.js can import',
  );
  await expect(loadDataConverter(join(folder, 'absent.mjs'))).rejects.toThrow(
    'name a file that Node.js can import',
  );
  await rm(folder, { recursive: true });
});
