import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endLaunched } from './world/end-launched.js';
import { killProcess, type KnownProcess } from './world/kill-process.js';

/** Outlives the demo: if the demo is killed, nothing else is left to end what it started. */
async function main(folder: string): Promise<void> {
  const known: KnownProcess[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line) as KnownProcess | 'done';
    if (message === 'done') return;
    known.push(message);
  }
  for (const each of known) killProcess(each);
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  endLaunched(logs.map((name) => join(folder, name)));
  await rm(folder, { recursive: true, force: true });
}

await main(process.argv[2] ?? '');
