import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { insertRunningJob } from '../support/rows.js';
import { CLI, createPlace, type Env, type Place } from './support.js';

// What a person sees on a terminal of 80 columns: a line that is longer would be broken in the middle of a word.

const COLUMNS = 80;
const hasScript = spawnSync('script', ['--version']).error === undefined;

let place: Place;

beforeAll(async () => {
  place = await createPlace();
  const { admin } = place.db;
  await insertRunningJob(admin, {
    id: 'on-another-host',
    host: 'builder-9.of-the-second-floor.example.org',
    pid: 1,
  });
  await insertRunningJob(admin, { id: 'no-start', host: null, startedS: null, runId: null });
  await admin.query(
    `select reaper.put_hold('job', 'on-another-host', 'somebody looks at it, and it takes as long as it takes', 'ada', 600)`,
  );
  await admin.query(
    `select reaper.pause('the database is being moved to another machine until tomorrow', 'ada')`,
  );
});

afterAll(() => place.db.drop());

/** Starts a command on a terminal of 80 columns, and stops it after it has printed what is waited for, or when it ends. */
async function onTerminal(args: string[], env: Env, until?: RegExp): Promise<string[]> {
  const command = `stty cols ${COLUMNS} rows 40; exec "${process.execPath}" "${CLI}" ${args.join(' ')}`;
  const { PATH, HOME } = process.env;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH, HOME, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill());
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
    if (until?.test(stripVTControlCharacters(printed)) === true) child.kill();
  });
  await once(child, 'close');
  return stripVTControlCharacters(printed).replaceAll('\r', '').split('\n');
}

function expectFits(lines: string[]): void {
  expect(lines.filter((line) => line.length > COLUMNS)).toEqual([]);
}

async function expectFitting(args: string[], env: Env, text: string): Promise<void> {
  const lines = await onTerminal(args, env);
  expect(lines.join(' ').replaceAll(/[\s│]+/g, ' ')).toContain(text);
  expectFits(lines);
}

describe.skipIf(!hasScript)('on a terminal (skipped: needs script, of util-linux)', () => {
  const withTemporal: [string[], string][] = [
    [['explain', 'on-another-host'], 'not reaped yet, because it is paused by ada: the database'],
    [['explain', 'nobody'], 'Job nobody is unknown'],
    [
      ['pause', '--by', 'ada', '--reason', '"the database is being moved to another machine"'],
      'Paused by ada',
    ],
    [['host-gone', 'builder-9.of-the-second-floor.example.org'], 'are reaped like any dead run'],
    [['prune', '--older-than', '3s'], 'Expected at least 1d'],
  ];
  const without: [string[], string][] = [
    [['status'], 'looks at it, and it takes'],
    [['doctor'], 'skip '],
    [['sweep'], 'Expected Temporal to answer'],
  ];

  test.each(withTemporal)('no line of job-reaper %s is too long', async (args, text) => {
    await expectFitting(args, place.env, text);
  });

  test.each(without)('no line of job-reaper %s is too long without Temporal', async (args, text) => {
    await expectFitting(args, place.envWithoutTemporal, text);
  });

  test('nor is one of the log, when a server is away', async () => {
    const lines = await onTerminal(
      ['worker'],
      place.envWithoutTemporal,
      /Temporal is away[^]*TEMPORAL_ADDRESS/,
    );
    expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toMatch(
      /WARN: Temporal is away, retrying: Expected Temporal/,
    );
    expectFits(lines);
  });
});

describe('help', () => {
  const commands = ['', ...createProgram().commands.map((command) => command.name())];

  test.each(commands)('job-reaper %s --help fits', (name) => {
    const program = createProgram();
    const command = program.commands.find((each) => each.name() === name) ?? program;
    let text = '';
    command.configureOutput({ getOutHelpWidth: () => COLUMNS, writeOut: (part) => (text += part) });
    command.outputHelp();
    const own = text.slice(text.indexOf('Examples:'));
    expect(text).toContain('Usage: job-reaper');
    // Everything above wraps; command lines must fit as they are, to be copied.
    expectFits(own.split('\n'));
  });
});
