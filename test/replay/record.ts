import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, it } from 'vitest';
import { HISTORIES } from './histories.js';
import { reaperStories } from './reaper-stories.js';
import { watchStories } from './watch-stories.js';
import { World } from './world.js';

// Not a test: `npm run record-histories` plays every story on the real servers and writes what replay.test.ts replays.

beforeAll(async () => {
  await mkdir(HISTORIES, { recursive: true });
  for (const file of await readdir(HISTORIES)) await rm(join(HISTORIES, file));
});

const stories = { ...watchStories, ...prefixed(reaperStories) };

it.each(Object.entries(stories))('%s', async (name, story) => {
  const world = await World.create(name);
  try {
    await story(world);
  } finally {
    for (const [file, recorded] of await world.end()) {
      await writeFile(join(HISTORIES, file), `${JSON.stringify(recorded)}\n`);
    }
  }
});

function prefixed<T>(named: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [`reaper-${name}`, value]));
}
