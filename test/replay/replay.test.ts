import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterEach, expect, it } from 'vitest';
import { bundlePath } from '../../src/worker/bundle.js';
import { quietRuntime } from '../support/quiet.js';
import { changeWorkflow, type ChangedBundle } from './changed-bundle.js';
import { readHistories, toProto } from './histories.js';
import { stories } from './stories.js';
import type { RecordedHistory } from './world.js';

let changed: ChangedBundle | undefined;
afterEach(() => changed?.remove());

/** Replays recorded histories, one after another in one worker; returns what failed, by file. */
async function replay(codePath: string, isWanted: (file: string) => boolean): Promise<Map<string, Error>> {
  quietRuntime();
  const wanted = (await readHistories()).filter(([file]) => isWanted(file));
  const histories = wanted.map(([, recorded]) => toProto(recorded));
  const failed = new Map<string, Error>();
  let replayed = 0;
  for await (const { error, runId } of Worker.runReplayHistories(
    { workflowBundle: { codePath } },
    histories,
  )) {
    const [file = ''] = wanted[replayed] ?? [];
    const [started] = histories[replayed++]?.history.events ?? [];
    const attributes = started?.workflowExecutionStartedEventAttributes;
    expect(runId, file).toBe(attributes?.originalExecutionRunId);
    if (error) failed.set(file, error);
  }
  expect(replayed).toBe(wanted.length);
  return failed;
}

it('there is a history of every story', async () => {
  const files = (await readHistories()).map(([file]) => file).filter((file) => !file.startsWith('older/'));
  const recorded = new Set(files.map((file) => file.replace(/\.(watch|reaper|host)(-\d+)?\.json$/, '')));
  expect([...recorded].sort()).toEqual(Object.keys(stories).sort());
});

it.each([
  ['dead-requeued.watch.json', 'when the run was read', '"readMs":'],
  ['defunct-for-the-grace.watch.json', 'when the run was read', '"readMs":'],
  ['continued-as-new.watch-2.json', "the watch's clock", '"clock":'],
  ['reaper-operators-reap-one-at-once.reaper.json', 'who reaps first', 'one-reap-at-a-time'],
  ['reaper-no-free-watch.reaper.json', 'whose turn it is', 'places-in-turn'],
])('%s is there as it is, and as it was before it told %s', async (file, _, word) => {
  const histories = new Map(await readHistories());
  expect(payloadsOf(histories.get(file))).toContain(word);
  expect(payloadsOf(histories.get(`older/${file}`))).not.toContain(word);
});

/** Everything that a history's payloads say, decoded. */
function payloadsOf(recorded: RecordedHistory | undefined): string {
  const data = [...JSON.stringify(recorded).matchAll(/"data":"([^"]*)"/g)];
  return data.map(([, text = '']) => Buffer.from(text, 'base64').toString()).join('\n');
}

it('histories name nothing of the machine that they were recorded on', async () => {
  for (const [file, recorded] of await readHistories()) {
    const text = JSON.stringify(recorded);
    expect(/\/(home|root|tmp|work|usr|var)\/|node_modules|file:\/\//.exec(text)?.[0], file).toBeUndefined();
    const identities = [...text.matchAll(/"identity":"([^"]*)"/g)].map(([, identity]) => identity);
    // The server itself wakes who waits for a child.
    expect(['', 'history-service', 'recorder'], file).toEqual(expect.arrayContaining(identities));
  }
});

it('every recorded history replays against the built workflows', async () => {
  expect(Object.fromEntries(await replay(bundlePath, () => true))).toEqual({});
});

// What stands before the claim in the built reap.js, and a change of it.
const BEFORE_CLAIM = `watch.enter('claiming');`;
const FORGOTTEN = `${BEFORE_CLAIM} await sleep(1);`;
const PATCHED = `${BEFORE_CLAIM} if (patched('pause-before-claim')) await sleep(1);`;
const claims = (file: string) => /^(dead-requeued|exit-code|held-before-its-claim)\.watch/.test(file);

it('an incompatible change is found: every history that passed the changed place fails', async () => {
  changed = await changeWorkflow('reap.js', BEFORE_CLAIM, FORGOTTEN);
  const failed = await replay(changed.codePath, claims);
  expect(failed.size).toBe(3);
  for (const [file, error] of failed) expect(error, file).toBeInstanceOf(DeterminismViolationError);
});

it('the same change behind patched() replays', async () => {
  changed = await changeWorkflow('reap.js', BEFORE_CLAIM, PATCHED);
  expect(Object.fromEntries(await replay(changed.codePath, claims))).toEqual({});
});
