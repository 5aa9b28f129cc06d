import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { processIdentity } from '../../src/liveness/index.js';
import { fateOf } from './fate.js';
import type { LifeSign } from './life-sign.js';

// The agent of the fault harness: lives out its fate, and writes its own proof of life meanwhile.

const BEAT_MS = 100;

const {
  TORTURE_FOLDER: folder = '',
  TORTURE_SEED: seed = '0',
  JOB_ID: jobId = '',
  JOB_RUN_ID: runId = '',
  JOB_WORK_ITEM: workItem = '',
  JOB_ATTEMPT: attempt = '1',
} = process.env;
const [agent = ''] = process.argv.slice(2);

const { pid } = process;
const identity = processIdentity(pid);

/** The true time, in Unix milliseconds: what `Date` says here is a fault's doing, see `step-date.ts`. */
const trueMs = () => performance.timeOrigin + performance.now();

function say(sign: LifeSign['sign']): void {
  const line: LifeSign = { sign, jobId, runId, pid, processIdentity: identity, atMs: trueMs() };
  // One short write to a file opened for appending: lines of different agents never mix.
  appendFileSync(join(folder, 'lives.jsonl'), `${JSON.stringify(line)}\n`);
}

const fate = fateOf(Number(seed), workItem === '' ? jobId : workItem, agent, Number(attempt));
say('born');
for (const endMs = trueMs() + fate.workS * 1000; trueMs() < endMs;) {
  if (fate.blocks) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BEAT_MS);
  else await setTimeout(BEAT_MS);
  say('alive');
}
if (fate.delivers) {
  if (workItem !== '') writeFileSync(join(folder, 'work', `${workItem}.${agent}`), 'done\n');
  say('delivered');
}
if (fate.end === 'exit 0') say('exits with 0');
if (fate.end === 'crash') process.kill(pid, 'SIGKILL');
process.exitCode = fate.end === 'exit 0' ? 0 : 1;
