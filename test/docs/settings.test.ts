import { format, resolveConfig } from 'prettier';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { settingsPage } from '../../scripts/docs/settings-page.js';
import { readSettings, settingsSchema } from '../../src/config.js';
import { packageRoot } from '../../src/paths.js';
import { readEnvFile } from '../deploy/support.js';
import { readPage } from './support.js';

const NAMES = Object.keys(settingsSchema.shape);

it('docs/settings.md is what npm run docs makes of the schema', async () => {
  const path = join(packageRoot, 'docs/settings.md');
  const page = settingsPage(await readPage('src/config.ts'));
  const options = await resolveConfig(path);
  expect(await readPage('docs/settings.md'), 'run npm run docs').toBe(
    await format(page, { ...options, filepath: path }),
  );
});

it('says of every setting what it means', async () => {
  const page = await readPage('docs/settings.md');
  for (const name of NAMES)
    expect(page).toMatch(new RegExp(`^\\| \`${name}\` +\\|[^|]*\\| \\w[^|]{10,}\\|`, 'm'));
});

it('.env.example has every setting, with the defaults', async () => {
  const { DATABASE_URL, ...defaults } = readEnvFile(await readPage('.env.example'), true);
  const settings = Object.entries(defaults).filter(([name]) => !name.startsWith('TEMPORAL_'));
  expect([...settings.map(([name]) => name), 'DATABASE_URL'].sort()).toEqual([...NAMES].sort());
  expect(DATABASE_URL).toMatch(/^postgres:/);
  // Examples of what has no default.
  const examples = ['REAPER_ADMIN_ADDR', 'DATABASE_ADMIN_URL'];
  const given = Object.fromEntries(settings.filter(([name]) => !examples.includes(name)));
  expect(readSettings(given)).toEqual(readSettings({}));
});
