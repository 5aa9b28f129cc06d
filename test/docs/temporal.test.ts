import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { findTemporalCli } from '../../servers/index.js';
import { cli, createPlace, type Place } from '../cli/support.js';
import { eventually } from '../support/wait.js';
import { blocksOf, commandsOf, readPage, wordsOf } from './support.js';

// The commands of docs/temporal.md as they stand, in a namespace of its own.

const page = await readPage('docs/temporal.md');
const namespace = `jobs-${randomBytes(5).toString('hex')}`;
let place: Place;

beforeAll(async () => {
  place = await createPlace();
});
afterAll(() => place.db.drop());

it('sets up a namespace with which doctor has nothing to find fault', async () => {
  const program = await findTemporalCli({ log: () => undefined });
  const [setUp] = blocksOf(page);
  const commands = setUp ? commandsOf(setUp) : [];
  expect(commands).toHaveLength(2);
  for (const command of commands) {
    const words = wordsOf(command.replace('--namespace jobs', `--namespace ${namespace}`)).slice(1);
    // The server may not know a new namespace yet.
    await eventually(command, async () => {
      const result = await execa(program, [...words, '--address', inject('temporalAddress')], {
        reject: false,
      });
      return !result.failed;
    });
  }
  const env = { ...place.env, TEMPORAL_NAMESPACE: namespace };
  await eventually('nothing to find fault with', async () => {
    const { stdout } = await cli(['doctor', '--json'], env);
    const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string }[] };
    const ofTemporal = findings.filter(({ check }) => ['namespace', 'search attributes'].includes(check));
    expect(ofTemporal.map(({ level }) => level)).toEqual(['ok', 'ok']);
    return true;
  });
});
