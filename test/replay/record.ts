import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'vitest';
import { HISTORIES } from './histories.js';
import { stories } from './stories.js';
import { World, type RecordedHistory } from './world.js';

// Not a test: `npm run record-histories` plays every story on the real servers and writes what replay.test.ts replays.

it.each(Object.entries(stories))('%s', async (name, story) => {
  const world = await World.create(name);
  let recorded: [file: string, RecordedHistory][] = [];
  try {
    await story(world);
  } finally {
    recorded = await world.end();
  }
  await write(name, recorded);
});

/** Writes one story's histories in place of those before. */
async function write(name: string, recorded: [file: string, RecordedHistory][]): Promise<void> {
  await mkdir(HISTORIES, { recursive: true });
  const before = (await readdir(HISTORIES)).filter((file) => file.startsWith(`${name}.`));
  for (const file of before) await rm(join(HISTORIES, file));
  for (const [file, history] of recorded) {
    await writeFile(join(HISTORIES, file), `${JSON.stringify(history)}\n`);
  }
}
