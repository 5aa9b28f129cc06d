import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { readPage } from './support.js';

/** What shows in code that a file has to do with the example, by the beginning of its line in CONTRIBUTING.md. */
const EXAMPLES: readonly [line: string, sign: RegExp][] = [
  ['A setting', /\bREAPER_DEAD_TICKS\b/],
  ['A kind of gate', /z\.literal\('git'\)|SpecOf<'git'>|case 'git'/],
  ['A notification channel', /'webhook'|createWebhook/],
  ['A rule of the policy', /'finalizing'/],
  ['A command', /pruneCommand/],
  ['A check of doctor', /indexesCheck/],
  ['An adapter', /'minimal'|"minimal"/],
  ['A metric', /\bjob_reaper_waiting_runs\b/],
];

/** The policy of an older version: nothing is added there. */
const FROZEN = ['src/domain/policy-before.ts'];

it.each(EXAMPLES)('%s: whoever follows the example touches all files that have it', async (line, sign) => {
  const list = (await readPage('CONTRIBUTING.md'))
    .split('\n- ')
    .find((text) => text.startsWith(`**${line}**`));
  const named = [...(list ?? '').matchAll(/`(src\/[^`]+\.ts)`/g)].map(([, path = '']) => path);
  const found = await filesWith(sign);
  expect(named).toEqual(expect.arrayContaining(found));
  for (const path of named) await expect(readFile(join(packageRoot, path), 'utf8')).resolves.not.toBe('');
});

async function filesWith(sign: RegExp): Promise<string[]> {
  const entries = await readdir(join(packageRoot, 'src'), { recursive: true });
  const paths = entries.filter((entry) => entry.endsWith('.ts')).map((entry) => `src/${entry}`);
  const texts = await Promise.all(paths.map((path) => readFile(join(packageRoot, path), 'utf8')));
  return paths.filter((path, index) => sign.test(texts[index] ?? '') && !FROZEN.includes(path));
}
